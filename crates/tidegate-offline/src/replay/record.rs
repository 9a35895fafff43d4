//! Turns a row into what the engine is told, by the map.

use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::limits::LATENCY_MS_MAX;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Label, Outcome};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

use super::counts::{RejectedReason, RowCounts};
use super::map::{ANSWERED, ColumnSource, Decimal, Fractions, Map, Role, TREATMENT};

/// One record: an analysis, and its feedback where it has some.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordedAnalysis {
    pub(crate) at: Timestamp,
    pub(crate) id: Option<AnalysisId>,
    pub(crate) camera: CameraId,
    /// `None`: the split decides.
    pub(crate) variant: Option<Variant>,
    pub(crate) outcome: Outcome,
    /// The treatment's on the same event, where the row has both.
    pub(crate) treatment: Option<Outcome>,
    pub(crate) feedback: Option<(Timestamp, Label)>,
}

/// What a row came to.
#[derive(Debug)]
pub(crate) enum RowReading {
    Record(RecordedAnalysis),
    /// A filter leaves it out, or its variant is none of the two.
    LeftOut,
    /// A value is not allowed.
    Rejected(RowRejection),
}

/// Why a row is not taken.
#[derive(Debug)]
pub(crate) struct RowRejection {
    pub(crate) reason: RejectedReason,
    /// The variant of the row, where it names one.
    pub(crate) variant: Option<Variant>,
    pub(crate) why: String,
}

/// Reads rows by a map.
pub(crate) struct RecordReader<'a> {
    map: &'a Map,
    columns: Vec<String>,
    filters: Vec<(usize, &'a [String])>,
    /// Where each role's value stands among the columns.
    roles: Vec<(Role, RoleSource<'a>)>,
    /// The columns that every row is to name.
    answered: Vec<(Role, usize)>,
}

#[derive(Clone, Copy)]
enum RoleSource<'a> {
    Column(usize),
    Fixed(&'a str),
}

/// One variant's answer in a row.
struct ReadAnswer<'v> {
    outcome: Outcome,
    /// What the row calls its error.
    error: Option<&'v str>,
}

/// Where one variant's answer stands in a row.
#[derive(Debug, Clone, Copy)]
struct AnswerRoles {
    error: Role,
    latency_ms: Role,
    score: Role,
}

const ANSWER: AnswerRoles =
    AnswerRoles { error: Role::Error, latency_ms: Role::LatencyMs, score: Role::Score };
const TREATMENT_ANSWER: AnswerRoles = AnswerRoles {
    error: Role::TreatmentError,
    latency_ms: Role::TreatmentLatencyMs,
    score: Role::TreatmentScore,
};

/// What a row says of the time of an answer.
#[derive(Debug, Clone, Copy)]
enum RecordedLatency {
    None,
    Measured(Latency),
    /// Above the longest that an answer may take.
    TooLong,
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
        let roles: Vec<(Role, RoleSource<'a>)> = map
            .sources
            .iter()
            .map(|(role, source)| match source {
                ColumnSource::Column(column) => (*role, RoleSource::Column(place(column))),
                ColumnSource::Fixed(text) => (*role, RoleSource::Fixed(text.as_str())),
            })
            .collect();
        let filters =
            map.filters.iter().map(|(column, values)| (place(column), values.as_slice())).collect();
        let answered = roles.iter().filter_map(|(role, source)| match source {
            RoleSource::Column(at) if ANSWERED.contains(role) && !map.optional.contains(role) => {
                Some((*role, *at))
            }
            RoleSource::Column(_) | RoleSource::Fixed(_) => None,
        });
        let answered = answered.collect();
        Self { map, columns, filters, roles, answered }
    }

    /// The columns to read of each row.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads one row; what it shows beside its record goes to `counts`.
    pub(crate) fn read(
        &self,
        values: &[Option<String>],
        absent: &[bool],
        counts: &mut RowCounts,
    ) -> RowReading {
        let left_out = self.filters.iter().any(|(at, allowed)| {
            let value = values[*at].as_deref().unwrap_or("").trim();
            !allowed.iter().any(|allowed| allowed == value)
        });
        if left_out {
            counts.filtered += 1;
            return RowReading::LeftOut;
        }
        let mapped = self.map.source(Role::Variant).is_some();
        let named = self.text(values, Role::Variant).unwrap_or("");
        let variant = self.map.variants.get(named).copied();
        if mapped && variant.is_none() {
            counts.other_variant += 1;
            counts.other_variants.note(named);
            return RowReading::LeftOut;
        }
        counts.rows.add(variant, 1);
        for (role, at) in &self.answered {
            if absent[*at] {
                counts.absent.entry(*role).or_default().add(variant, 1);
            }
        }
        let feedback = self.text(values, Role::Feedback);
        let is_labelled = feedback.is_some_and(|text| !self.is_no_value(text));
        counts.labels_read += u64::from(is_labelled);
        match self.record(values, variant, counts) {
            Ok(record) => RowReading::Record(record),
            Err((reason, why)) => {
                counts.labels_rejected += u64::from(is_labelled);
                RowReading::Rejected(RowRejection { reason, variant, why })
            }
        }
    }

    fn record(
        &self,
        values: &[Option<String>],
        variant: Option<Variant>,
        counts: &mut RowCounts,
    ) -> Result<RecordedAnalysis, (RejectedReason, String)> {
        let at = self.time(values, counts)?;
        let camera = self.camera(values).map_err(|why| (RejectedReason::Camera, why))?;
        let id = match self.text(values, Role::Id) {
            Some(text) => {
                let id = text.parse::<AnalysisId>();
                Some(id.map_err(|error| (RejectedReason::Id, error.to_string()))?)
            }
            None => None,
        };
        let answer = self.answer(values, ANSWER, counts)?;
        let treatment = self.treatment(values, variant, counts)?;
        let label = self.label(values, counts).map_err(|why| (RejectedReason::Feedback, why))?;
        let feedback = match label {
            Some(label) => Some((self.feedback_time(values, at, counts)?, label)),
            None => None,
        };
        for read in [Some(&answer), treatment.as_ref()].into_iter().flatten() {
            if let Some(error) = read.error {
                counts.errors.note(error);
            }
        }
        let (outcome, treatment) = (answer.outcome, treatment.map(|answer| answer.outcome));
        Ok(RecordedAnalysis { at, id, camera, variant, outcome, treatment, feedback })
    }

    /// One variant's answer.
    fn answer<'v>(
        &self,
        values: &'v [Option<String>],
        roles: AnswerRoles,
        counts: &mut RowCounts,
    ) -> Result<ReadAnswer<'v>, (RejectedReason, String)>
    where
        'a: 'v,
    {
        let error = self
            .value(values, roles.error, counts)
            .filter(|text| !self.map.no_error.iter().any(|none| none.eq_ignore_ascii_case(text)));
        if error.is_some() {
            // What a failed call reports as its time or score is not an answer's.
            return Ok(ReadAnswer { outcome: Outcome::Failed, error });
        }
        let latency = self
            .latency(values, roles.latency_ms, counts)
            .map_err(|why| (RejectedReason::LatencyMs, why))?;
        let score =
            self.score(values, roles.score, counts).map_err(|why| (RejectedReason::Score, why))?;
        let outcome = match latency {
            // Nobody waits so long: rejected, the slowest prompt would lose its worst answers.
            RecordedLatency::TooLong => Outcome::Failed,
            RecordedLatency::Measured(latency) => {
                Outcome::Answered { latency: Some(latency), score }
            }
            RecordedLatency::None => Outcome::Answered { latency: None, score },
        };
        Ok(ReadAnswer { outcome, error: None })
    }

    /// The treatment's answer, where the row of the control's answer holds it too.
    fn treatment<'v>(
        &self,
        values: &'v [Option<String>],
        variant: Option<Variant>,
        counts: &mut RowCounts,
    ) -> Result<Option<ReadAnswer<'v>>, (RejectedReason, String)>
    where
        'a: 'v,
    {
        let set = |role: &Role| self.text(values, *role).filter(|text| !self.is_no_value(text));
        let Some((role, text)) = TREATMENT.into_iter().find_map(|role| Some(role).zip(set(&role)))
        else {
            return Ok(None);
        };
        if variant == Some(Variant::Treatment) {
            let why = "is set in a row of the treatment, allowed: in the control's";
            return Err((RejectedReason::Row, refused(role, text, why)));
        }
        self.answer(values, TREATMENT_ANSWER, counts).map(Some)
    }

    /// A role's text, unless it is one of the words for no value.
    fn value<'v>(
        &self,
        values: &'v [Option<String>],
        role: Role,
        counts: &mut RowCounts,
    ) -> Option<&'v str>
    where
        'a: 'v,
    {
        let text = self.text(values, role)?;
        if self.is_no_value(text) {
            counts.no_value += 1;
            return None;
        }
        Some(text)
    }

    fn is_no_value(&self, text: &str) -> bool {
        self.map.no_value.iter().any(|none| none.eq_ignore_ascii_case(text))
    }

    /// A role's text; an empty one is none.
    fn text<'v>(&self, values: &'v [Option<String>], role: Role) -> Option<&'v str>
    where
        'a: 'v,
    {
        let (_, place) = self.roles.iter().find(|(other, _)| *other == role)?;
        let text = match place {
            RoleSource::Column(at) => values[*at].as_deref()?,
            RoleSource::Fixed(text) => text,
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

    fn time(
        &self,
        values: &[Option<String>],
        counts: &mut RowCounts,
    ) -> Result<Timestamp, (RejectedReason, String)> {
        if self.map.source(Role::Order).is_none() {
            let read = |text: &str| {
                let time = self.map.times.read(text, &mut counts.times);
                time.map_err(|why| refused(Role::Time, text, &why))
            };
            let time = self.required(values, Role::Time).and_then(read);
            return time.map_err(|why| (RejectedReason::Time, why));
        }
        self.place(values).map_err(|why| (RejectedReason::Order, why))
    }

    fn place(&self, values: &[Option<String>]) -> Result<Timestamp, String> {
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

    fn latency(
        &self,
        values: &[Option<String>],
        role: Role,
        counts: &mut RowCounts,
    ) -> Result<RecordedLatency, String> {
        let Some(text) = self.value(values, role, counts) else {
            return Ok(RecordedLatency::None);
        };
        let ms = self.number(role, text)? * self.map.latency_scale;
        if ms.is_finite() && ms > LATENCY_MS_MAX {
            counts.latencies_too_long += 1;
            return Ok(RecordedLatency::TooLong);
        }
        Latency::from_ms(ms).map(RecordedLatency::Measured).map_err(|error| error.to_string())
    }

    /// A score, as the whole number that the engine takes.
    fn score(
        &self,
        values: &[Option<String>],
        role: Role,
        counts: &mut RowCounts,
    ) -> Result<Option<RiskScore>, String> {
        /// What scaling leaves of a whole number.
        const NOISE: f64 = 1e-4;
        let Some(text) = self.value(values, role, counts) else { return Ok(None) };
        let score = self.number(role, text)? * self.map.score_scale.unwrap_or(1.0);
        let whole = score.round();
        // No score outside the range is rounded into it.
        let is_whole = (score - whole).abs() <= NOISE;
        let is_rounded = is_whole || RiskScore::RANGE.contains(&score);
        // Minus zero is zero.
        let taken = if is_rounded { whole + 0.0 } else { score };
        if !is_whole && self.map.fractions == Fractions::Refused {
            let why = "is no whole number, as score_rounding = \"refuse\" asks";
            return Err(refused(role, text, why));
        }
        let risk = RiskScore::new(taken).map_err(|error| error.to_string())?;
        counts.scores_rounded += u64::from(!is_whole);
        counts.scores_read += 1;
        counts.score_max = counts.score_max.max(score);
        Ok(Some(risk))
    }

    fn label(
        &self,
        values: &[Option<String>],
        counts: &mut RowCounts,
    ) -> Result<Option<Label>, String> {
        let Some(text) = self.value(values, Role::Feedback, counts) else { return Ok(None) };
        if let Some(label) = self.map.labels.get(text) {
            return Ok(Some(*label));
        }
        counts.other_labels.note(text);
        let label = self.map.otherwise;
        label.map(Some).ok_or_else(|| refused(Role::Feedback, text, "is not in labels"))
    }

    /// When the feedback came: with the analysis where the recording does not say.
    fn feedback_time(
        &self,
        values: &[Option<String>],
        at: Timestamp,
        counts: &mut RowCounts,
    ) -> Result<Timestamp, (RejectedReason, String)> {
        let Some(text) = self.value(values, Role::FeedbackTime, counts) else { return Ok(at) };
        let reject =
            |why: &str| (RejectedReason::FeedbackTime, refused(Role::FeedbackTime, text, why));
        let time = self.map.times.read(text, &mut counts.times).map_err(|why| reject(&why))?;
        if time < at {
            return Err(reject("is before the analysis"));
        }
        Ok(time)
    }

    /// A number as the map says that numbers are written.
    fn number(&self, role: Role, text: &str) -> Result<f64, String> {
        let with_point = text.replace(',', ".");
        let (taken, otherwise) = match self.map.decimal {
            Decimal::Point => (text, with_point.as_str()),
            Decimal::Comma if text.contains('.') => ("", text),
            Decimal::Comma => (with_point.as_str(), ""),
        };
        taken.parse().map_err(|_| {
            let hint = match (self.map.decimal, otherwise.parse::<f64>()) {
                (Decimal::Point, Ok(_)) => {
                    "is no number: it has a comma, allowed: a point, or decimal = \",\" in the map"
                }
                (Decimal::Comma, Ok(_)) => {
                    "is no number: it has a point, allowed: a comma, as decimal = \",\" says"
                }
                (_, Err(_)) => "is no number",
            };
            refused(role, text, hint)
        })
    }
}

fn whole(role: Role, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| refused(role, text, "is no whole number"))
}

fn refused(role: Role, text: &str, why: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{} {start:?} {why}", role.name())
}
