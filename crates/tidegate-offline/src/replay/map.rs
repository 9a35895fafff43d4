//! The map of a recording: which column is what.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use tidegate_engine::limits;
use tidegate_engine::number::OutOfRange;
use tidegate_engine::observation::Label;
use tidegate_engine::time::Duration;
use tidegate_engine::variant::Variant;
use tidegate_spec::document::{self, ParseError};
use tidegate_spec::fields::Fields;
use toml::Value;

use super::time::{EpochUnit, TimeReader, TimeUnit, parse_length, parse_zone};

/// What a value of a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Time,
    Order,
    Id,
    Camera,
    Variant,
    LatencyMs,
    Error,
    Score,
    Feedback,
    FeedbackTime,
    TreatmentLatencyMs,
    TreatmentError,
    TreatmentScore,
}

impl Role {
    pub(crate) const ALL: [(&'static str, Self); 13] = [
        ("time", Self::Time),
        ("order", Self::Order),
        ("id", Self::Id),
        ("camera", Self::Camera),
        ("variant", Self::Variant),
        ("latency_ms", Self::LatencyMs),
        ("error", Self::Error),
        ("score", Self::Score),
        ("feedback", Self::Feedback),
        ("feedback_time", Self::FeedbackTime),
        ("treatment_latency_ms", Self::TreatmentLatencyMs),
        ("treatment_error", Self::TreatmentError),
        ("treatment_score", Self::TreatmentScore),
    ];

    pub(crate) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, role)| *role == self);
        found.expect("every role is in the list").0
    }
}

/// The treatment's answer to an event whose answer by the control stands in the same row.
pub(crate) const TREATMENT: [Role; 3] =
    [Role::TreatmentLatencyMs, Role::TreatmentError, Role::TreatmentScore];

/// What every answer is expected to have: where no row of one variant even names it, what it compares was not read.
pub(crate) const ANSWERED: [Role; 3] = [Role::LatencyMs, Role::Error, Role::Score];

/// What whole recordings do without, and verdicts say so.
const UNLABELLED: [Role; 3] = [Role::Id, Role::Feedback, Role::FeedbackTime];

/// Where the value of a role comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnSource {
    Column(String),
    Fixed(String),
}

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv,
    JsonLines,
}

/// What stands between a number's whole part and its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimal {
    Point,
    Comma,
}

/// What becomes of a score that is no whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fractions {
    Rounded,
    Refused,
}

/// A valid map file.
#[derive(Debug, Clone)]
pub struct Map {
    /// `None`: the file's ending tells.
    pub(crate) layout: Option<Layout>,
    pub(crate) delimiter: u8,
    pub(crate) decimal: Decimal,
    pub(crate) times: TimeReader,
    /// The time between two places in the order, where the recording has an order and no time.
    pub(crate) step: Duration,
    pub(crate) sources: BTreeMap<Role, ColumnSource>,
    /// Turns whole numbers into this many cameras.
    pub(crate) camera_modulo: Option<u64>,
    pub(crate) latency_scale: f64,
    /// `None`: as they are.
    pub(crate) score_scale: Option<f64>,
    pub(crate) fractions: Fractions,
    /// Values of the variant column.
    pub(crate) variants: BTreeMap<String, Variant>,
    /// Values of the error column that mean no error.
    pub(crate) no_error: Vec<String>,
    /// Values of latencies, scores, errors and feedback that mean that there is none.
    pub(crate) no_value: Vec<String>,
    /// Values of the feedback column.
    pub(crate) labels: BTreeMap<String, Label>,
    /// The label of all other feedback values; `None` rejects them.
    pub(crate) otherwise: Option<Label>,
    /// What JSON lines leave out where there is nothing to say.
    pub(crate) optional: Vec<Role>,
    /// Records count only where every column has one of its values.
    pub(crate) filters: Vec<(String, Vec<String>)>,
}

/// Every label by its name.
fn labels_by_name() -> [(&'static str, Label); 4] {
    Label::ALL.map(|label| (label.as_str(), label))
}

impl Map {
    /// Reads a map in TOML or JSON.
    ///
    /// # Errors
    /// With every fault in it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        document::read(text, |fields| Some(read_map(fields)))
    }

    /// Whether rows may hold the treatment's answer beside the control's.
    pub(crate) fn has_both_answers(&self) -> bool {
        TREATMENT.into_iter().any(|role| self.source(role).is_some())
    }

    /// Which of the columns that no row has must be there.
    pub(crate) fn columns_missing(&self, unseen: &[String]) -> Vec<String> {
        let is_optional = |column: &String| {
            let mut roles = self.sources.iter().filter(
                |(_, source)| matches!(source, ColumnSource::Column(name) if name == column),
            );
            let is_filter = self.filters.iter().any(|(filter, _)| filter == column);
            let may_miss = |role: &Role| UNLABELLED.contains(role) || self.optional.contains(role);
            !is_filter && roles.all(|(role, _)| may_miss(role))
        };
        unseen.iter().filter(|column| !is_optional(column)).cloned().collect()
    }

    pub(crate) fn source(&self, role: Role) -> Option<&ColumnSource> {
        self.sources.get(&role)
    }
}

fn read_map(fields: &mut Fields<'_>) -> Map {
    let layouts = [("csv", Layout::Csv), ("jsonl", Layout::JsonLines)];
    let units = [
        ("iso8601", TimeUnit::Iso8601),
        ("s", TimeUnit::Epoch(EpochUnit::Seconds)),
        ("ms", TimeUnit::Epoch(EpochUnit::Milliseconds)),
        ("us", TimeUnit::Epoch(EpochUnit::Microseconds)),
        ("ns", TimeUnit::Epoch(EpochUnit::Nanoseconds)),
    ];
    let layout = fields.choice("format", &layouts);
    let delimiters = [(",", b','), (";", b';'), ("\t", b'\t'), ("|", b'|')];
    let delimiter = fields.choice("delimiter", &delimiters).unwrap_or(b',');
    let decimals = [(".", Decimal::Point), (",", Decimal::Comma)];
    let decimal = fields.choice("decimal", &decimals).unwrap_or(Decimal::Point);
    let unit = fields.choice("time_unit", &units).unwrap_or(TimeUnit::Iso8601);
    let zone = read_zone(fields, unit).unwrap_or(TimeZone::UTC);
    let step = read_step(fields);
    let mut sources = BTreeMap::new();
    fields.table("columns", |fields| read_sources(fields, ColumnSource::Column, &mut sources));
    fields.table("fixed", |fields| read_sources(fields, ColumnSource::Fixed, &mut sources));
    let camera_modulo = fields.count("camera_modulo", 1..=limits::CAMERAS_MAX as u64);
    let (latency_scale, score_scale) = fields
        .table("scale", |fields| (read_scale(fields, "latency_ms"), read_scale(fields, "score")));
    let latency_scale = latency_scale.unwrap_or(1.0);
    let roundings = [("nearest", Fractions::Rounded), ("refuse", Fractions::Refused)];
    let fractions = fields.choice("score_rounding", &roundings).unwrap_or(Fractions::Rounded);
    let variants = fields.table("variants", |fields| {
        read_meanings(fields, &Variant::ALL.map(|variant| (variant.as_str(), variant)))
    });
    let no_error = texts(fields, "no_error").unwrap_or_else(|| {
        ["", "0", "false", "f", "no", "none", "null"].map(str::to_owned).to_vec()
    });
    let no_value = texts(fields, "no_value")
        .unwrap_or_else(|| ["NaN", "NaT", "NA", "null", "\\N"].map(str::to_owned).to_vec());
    let labels = read_labels(fields);
    let otherwise = fields.choice("other_labels", &labels_by_name());
    let optional = read_optional(fields);
    let filters = read_filters(fields);
    let map = Map {
        layout,
        delimiter,
        decimal,
        times: TimeReader { unit, zone },
        step: step.unwrap_or(Duration::ZERO),
        sources,
        camera_modulo,
        latency_scale,
        score_scale,
        fractions,
        variants,
        no_error,
        no_value,
        labels,
        otherwise,
        optional,
        filters,
    };
    check(fields, &map, step);
    map
}

fn check(fields: &mut Fields<'_>, map: &Map, step: Option<Duration>) {
    let has = |role| map.source(role).is_some();
    match (has(Role::Time), has(Role::Order)) {
        (false, false) => {
            fields.fault("columns.time", "is missing, allowed: a column; or columns.order");
        }
        (true, true) => fields.fault("columns.order", "is set beside columns.time, allowed: one"),
        (false, true) if step.is_none() => {
            fields
                .fault("step", "is missing, allowed: the time between two places, such as \"1m\"");
        }
        _ => {}
    }
    if !has(Role::Camera) {
        fields.fault("columns.camera", "is missing, allowed: a column; or fixed.camera");
    }
    if has(Role::Variant) && map.variants.is_empty() {
        fields
            .fault("variants", "is missing, allowed: control = [values] and treatment = [values]");
    }
    if !has(Role::Variant) && !map.variants.is_empty() {
        fields.fault("columns.variant", "is missing, allowed: a column, as variants is set");
    }
    for variant in Variant::ALL {
        if !map.variants.is_empty() && !map.variants.values().any(|other| *other == variant) {
            fields.fault(&format!("variants.{variant}"), "is missing, allowed: a value or a list");
        }
    }
    if has(Role::Time) && step.is_some() {
        fields.fault("step", "is set beside columns.time, allowed: with columns.order only");
    }
    if has(Role::Order) && has(Role::FeedbackTime) {
        let problem = "is set beside columns.order, allowed: with columns.time only";
        fields.fault("columns.feedback_time", problem);
    }
    if has(Role::FeedbackTime) && !has(Role::Feedback) {
        fields.fault("columns.feedback", "is missing, allowed: a column, as feedback_time is set");
    }
}

fn read_zone(fields: &mut Fields<'_>, unit: TimeUnit) -> Option<TimeZone> {
    let text = fields.text("time_zone")?;
    let zone = parse_zone(text);
    if zone.is_none() {
        let allowed = "a name such as \"Europe/Berlin\", or an offset such as \"+05:30\"";
        fields.not_allowed("time_zone", &Value::String(text.to_owned()), allowed);
    } else if unit != TimeUnit::Iso8601 {
        let problem = "is set beside a time_unit that counts from 1970, allowed: with dates only";
        fields.fault("time_zone", problem);
    }
    zone
}

fn read_step(fields: &mut Fields<'_>) -> Option<Duration> {
    let text = fields.text("step")?;
    let step = parse_length(text).ok().filter(|step| !step.is_zero());
    if step.is_none() {
        let allowed = "a length above zero such as \"1m\"";
        fields.not_allowed("step", &Value::String(text.to_owned()), allowed);
    }
    // It is there: that it is wrong has been said.
    step.or(Some(Duration::ONE_MS))
}

fn read_sources(
    fields: &mut Fields<'_>,
    source: fn(String) -> ColumnSource,
    sources: &mut BTreeMap<Role, ColumnSource>,
) {
    for (name, role) in Role::ALL {
        let Some(value) = fields.value(name) else { continue };
        let Some(text) = scalar(value) else {
            fields.not_allowed(name, value, "a text or a number");
            continue;
        };
        if sources.insert(role, source(text)).is_some() {
            fields.fault(name, "is set in columns and in fixed, allowed: one of them");
        }
    }
}

fn read_scale(fields: &mut Fields<'_>, key: &'static str) -> Option<f64> {
    const RANGE: RangeInclusive<f64> = 1e-9..=1e9;
    let new = |value: f64| {
        if RANGE.contains(&value) {
            Ok(value)
        } else {
            Err(OutOfRange { quantity: "scale", value, min: *RANGE.start(), max: *RANGE.end() })
        }
    };
    fields.number(key, &RANGE, new)
}

fn read_labels(fields: &mut Fields<'_>) -> BTreeMap<String, Label> {
    if fields.value("labels").is_none() {
        let accurate = ("accurate".to_owned(), Label::Correct);
        return labels_by_name()
            .into_iter()
            .map(|(name, label)| (name.to_owned(), label))
            .chain([accurate])
            .collect();
    }
    fields.table("labels", |fields| read_meanings(fields, &labels_by_name()))
}

/// Reads, for each key, the values of a column that mean it; a value means one thing.
fn read_meanings<T: Copy>(
    fields: &mut Fields<'_>,
    keys: &[(&'static str, T)],
) -> BTreeMap<String, T> {
    let mut meanings = BTreeMap::new();
    for (key, meaning) in keys {
        for text in texts(fields, key).unwrap_or_default() {
            if meanings.insert(text.clone(), *meaning).is_some() {
                fields.fault(key, format!("has {text:?} a second time, allowed: once"));
            }
        }
    }
    meanings
}

/// What rows may leave out, by the names of `columns`.
fn read_optional(fields: &mut Fields<'_>) -> Vec<Role> {
    let mut optional = Vec::new();
    for text in texts(fields, "optional").unwrap_or_default() {
        if let Some((_, role)) = Role::ALL.iter().find(|(name, _)| *name == text) {
            optional.push(*role);
        } else {
            let allowed = Role::ALL.map(|(name, _)| name).join(" | ");
            fields.not_allowed("optional", &Value::String(text), &allowed);
        }
    }
    optional
}

fn read_filters(fields: &mut Fields<'_>) -> Vec<(String, Vec<String>)> {
    let Some(table) = fields.entries("where") else { return Vec::new() };
    let mut filters = Vec::new();
    for (column, value) in table {
        match scalars(value) {
            Some(values) => filters.push((column.clone(), values)),
            None => {
                fields.not_allowed(
                    &format!("where.{column}"),
                    value,
                    "a value or a list of values",
                );
            }
        }
    }
    filters
}

/// A value or a list of values, as texts.
fn texts(fields: &mut Fields<'_>, key: &'static str) -> Option<Vec<String>> {
    let value = fields.value(key)?;
    let texts = scalars(value);
    if texts.is_none() {
        fields.not_allowed(key, value, "a value or a list of values");
    }
    texts
}

fn scalars(value: &Value) -> Option<Vec<String>> {
    match value.as_array() {
        Some(values) => values.iter().map(scalar).collect(),
        None => scalar(value).map(|text| vec![text]),
    }
}

/// A single value as a recording would write it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(value.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}
