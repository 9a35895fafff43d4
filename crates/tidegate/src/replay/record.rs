//! Turns a row into what the engine is told, by the map.

use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Label, Outcome};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

use super::map::{Map, Role, Source};

/// One record: an analysis, and its feedback where it has some.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) id: Option<AnalysisId>,
    pub(crate) camera: CameraId,
    /// `None`: the split decides.
    pub(crate) variant: Option<Variant>,
    pub(crate) outcome: Outcome,
    pub(crate) feedback: Option<(Timestamp, Label)>,
}

/// What a row came to.
#[derive(Debug)]
pub(crate) enum Reading {
    Record(Record),
    /// A filter leaves it out.
    Filtered,
    /// Its variant is none of the two.
    OtherVariant,
    /// A value is not allowed.
    Rejected(String),
}

/// Reads rows by a map.
pub(crate) struct RecordReader<'a> {
    map: &'a Map,
    columns: Vec<String>,
    filters: Vec<(usize, &'a [String])>,
    /// Where each role's value stands among the columns.
    roles: Vec<(Role, Place<'a>)>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Column(usize),
    Fixed(&'a str),
}

impl<'a> RecordReader<'a> {
    pub(crate) fn new(map: &'a Map) -> Self {
        let mut columns: Vec<String> = Vec::new();
        let mut place = |column: &String| {
            columns.iter().position(|known| known == column).unwrap_or_else(|| {
                columns.push(column.clone());
                columns.len() - 1
            })
        };
        let roles = map
            .sources
            .iter()
            .map(|(role, source)| match source {
                Source::Column(column) => (*role, Place::Column(place(column))),
                Source::Fixed(text) => (*role, Place::Fixed(text.as_str())),
            })
            .collect();
        let filters =
            map.filters.iter().map(|(column, values)| (place(column), values.as_slice())).collect();
        Self { map, columns, filters, roles }
    }

    /// The columns to read of each row.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads one row.
    pub(crate) fn read(&self, values: &[Option<String>]) -> Reading {
        let left_out = self.filters.iter().any(|(at, allowed)| {
            let value = values[*at].as_deref().unwrap_or("").trim();
            !allowed.iter().any(|allowed| allowed == value)
        });
        if left_out {
            return Reading::Filtered;
        }
        let mapped = self.map.source(Role::Variant).is_some();
        let named = self.text(values, Role::Variant).unwrap_or("");
        let variant = self.map.variants.get(named).copied();
        if mapped && variant.is_none() {
            return Reading::OtherVariant;
        }
        match self.record(values, variant) {
            Ok(record) => Reading::Record(record),
            Err(why) => Reading::Rejected(why),
        }
    }

    fn record(
        &self,
        values: &[Option<String>],
        variant: Option<Variant>,
    ) -> Result<Record, String> {
        let at = self.time(values)?;
        let camera = self.camera(values)?;
        let id = match self.text(values, Role::Id) {
            Some(text) => Some(text.parse::<AnalysisId>().map_err(|error| error.to_string())?),
            None => None,
        };
        let failed = self.text(values, Role::Error).is_some_and(|text| {
            !self.map.no_error.iter().any(|none| none.eq_ignore_ascii_case(text))
        });
        let outcome = if failed {
            // What a failed call reports as its time or score is not an answer's.
            Outcome::Failed
        } else {
            Outcome::Answered { latency: self.latency(values)?, score: self.score(values)? }
        };
        let feedback = match self.label(values)? {
            Some(label) => Some((self.feedback_time(values, at)?, label)),
            None => None,
        };
        Ok(Record { at, id, camera, variant, outcome, feedback })
    }

    /// A role's text; an empty one is none.
    fn text<'v>(&self, values: &'v [Option<String>], role: Role) -> Option<&'v str>
    where
        'a: 'v,
    {
        let (_, place) = self.roles.iter().find(|(other, _)| *other == role)?;
        let text = match place {
            Place::Column(at) => values[*at].as_deref()?,
            Place::Fixed(text) => text,
        };
        let text = text.trim();
        (!text.is_empty()).then_some(text)
    }

    fn required<'v>(&self, values: &'v [Option<String>], role: Role) -> Result<&'v str, String>
    where
        'a: 'v,
    {
        self.text(values, role).ok_or_else(|| format!("{} is empty", role.name()))
    }

    fn time(&self, values: &[Option<String>]) -> Result<Timestamp, String> {
        if self.map.source(Role::Order).is_none() {
            let text = self.required(values, Role::Time)?;
            return self.map.time_unit.parse(text).map_err(|why| refused(Role::Time, text, &why));
        }
        let text = self.required(values, Role::Order)?;
        let steps = whole(Role::Order, text)?;
        let ms = steps.checked_mul(self.map.step.ms()).and_then(|ms| i64::try_from(ms).ok());
        let at = ms.and_then(|ms| Timestamp::from_ms(ms).ok());
        at.ok_or_else(|| refused(Role::Order, text, "is too far from the first place"))
    }

    fn camera(&self, values: &[Option<String>]) -> Result<CameraId, String> {
        let text = self.required(values, Role::Camera)?;
        let parse = |text: &str| text.parse::<CameraId>().map_err(|error| error.to_string());
        match self.map.camera_modulo {
            None => parse(text),
            Some(modulo) => parse(&(whole(Role::Camera, text)? % modulo).to_string()),
        }
    }

    fn latency(&self, values: &[Option<String>]) -> Result<Option<Latency>, String> {
        let Some(text) = self.text(values, Role::LatencyMs) else { return Ok(None) };
        let ms = number(Role::LatencyMs, text)? * self.map.latency_scale;
        Latency::from_ms(ms).map(Some).map_err(|error| error.to_string())
    }

    /// A score, rounded to the whole number the engine takes.
    fn score(&self, values: &[Option<String>]) -> Result<Option<RiskScore>, String> {
        let Some(text) = self.text(values, Role::Score) else { return Ok(None) };
        let score = (number(Role::Score, text)? * self.map.score_scale).round();
        RiskScore::new(score).map(Some).map_err(|error| error.to_string())
    }

    fn label(&self, values: &[Option<String>]) -> Result<Option<Label>, String> {
        let Some(text) = self.text(values, Role::Feedback) else { return Ok(None) };
        let label = self.map.labels.get(text).copied().or(self.map.otherwise);
        label.map(Some).ok_or_else(|| refused(Role::Feedback, text, "is not in labels"))
    }

    /// When the feedback came: with the analysis where the recording does not say.
    fn feedback_time(&self, values: &[Option<String>], at: Timestamp) -> Result<Timestamp, String> {
        let Some(text) = self.text(values, Role::FeedbackTime) else { return Ok(at) };
        let time = self.map.time_unit.parse(text);
        let time = time.map_err(|why| refused(Role::FeedbackTime, text, &why))?;
        if time < at {
            return Err(refused(Role::FeedbackTime, text, "is before the analysis"));
        }
        Ok(time)
    }
}

fn number(role: Role, text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| refused(role, text, "is no number"))
}

fn whole(role: Role, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| refused(role, text, "is no whole number"))
}

fn refused(role: Role, text: &str, why: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{} {start:?} {why}", role.name())
}
