//! What is reported about detection events: analyses, comparisons and feedback.

use serde::{Deserialize, Serialize};
use tidegate_engine::event::Event;
use tidegate_engine::id::{AnalysisId, CameraId, ExperimentKey, InvalidId, PromptKey};
use tidegate_engine::number::{Latency, OutOfRange, RiskScore};
use tidegate_engine::observation::{
    Analysis, Comparison, Feedback, Label, Origin, Outcome, RunNamed,
};
use tidegate_engine::variant::{ByVariant, Variant};

use super::moment::parse_time;

/// Observations in one request.
pub const OBSERVATIONS_MAX: usize = 1_000;

/// One item of `POST /v1/observations`. Which fields it has depends on `type`.
///
/// - `analysis`: `experiment`, `id`, `camera_id`, `variant`, and `latency_ms`, `score` or `error`;
/// - `comparison`: `experiment`, `id`, `camera_id`, `control`, `treatment`;
/// - `feedback`: `experiment`, `id`, `label`.
///
/// All may say which `run` they belong to; an analysis or comparison also `prompt_version` and `observed_at`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// `analysis`, `comparison` or `feedback`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The experiment's key.
    pub experiment: String,
    /// The detection event as its reporter names it; its analysis or comparison and its feedback share it.
    pub id: String,
    /// The camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera_id: Option<String>,
    /// What was served: `control` or `treatment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Time to the answer, 0 to 600,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Risk score, a whole number from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether the analysis failed; a timeout is a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
    /// What the control said.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::object::optional"
    )]
    pub control: Option<Side>,
    /// What the treatment said.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::object::optional"
    )]
    pub treatment: Option<Side>,
    /// `false_positive`, `correct`, `missed_threat` or `severity_wrong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The run of the assignment that it follows from, from 1. Of another run than the present one it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<f64>,
    /// The key of the version that was served. Of another version than the variant's it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_version: Option<String>,
    /// When it happened, as RFC 3339 has it, where it is reported later; up to the attribution window ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
}

/// What one prompt said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Time to the answer, 0 to 600,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Risk score, a whole number from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether the analysis failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
}

/// A valid observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Whose it is.
    pub experiment: ExperimentKey,
    /// What happened.
    pub event: Event,
    /// The run it says that it belongs to.
    pub run: Option<u32>,
    /// The version it says that was served.
    pub prompt_version: Option<PromptKey>,
}

/// A field that is missing, or has no allowed value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidField {
    /// The field, with dots between its parts.
    pub field: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl InvalidField {
    fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }

    fn missing(field: &str, allowed: &str) -> Self {
        Self::new(field, format!("is missing, allowed: {allowed}"))
    }
}

impl Observation {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is missing, superfluous or out of range.
    pub fn check(&self) -> Result<Reported, InvalidField> {
        let experiment = id("experiment", &self.experiment)?;
        let analysis: AnalysisId = id("id", &self.id)?;
        let run = self.run.map(run).transpose()?;
        let prompt_version =
            self.prompt_version.as_ref().map(|text| id("prompt_version", text)).transpose()?;
        let event = match self.kind.as_str() {
            "analysis" => {
                self.refuse(&["control", "treatment", "label"])?;
                let side =
                    Side { latency_ms: self.latency_ms, score: self.score, error: self.error };
                Event::Analysis(Analysis {
                    id: Some(analysis),
                    camera: self.camera()?,
                    variant: self.variant()?,
                    outcome: side.outcome("")?,
                    origin: self.origin()?,
                })
            }
            "comparison" => {
                self.refuse(&["variant", "latency_ms", "score", "error", "label"])?;
                let side = |name: &str, side: Option<Side>| match side {
                    Some(side) => side.outcome(&format!("{name}.")),
                    None => Err(InvalidField::missing(name, "what this prompt said")),
                };
                Event::Comparison(Comparison {
                    id: analysis,
                    camera: self.camera()?,
                    outcomes: ByVariant {
                        control: side("control", self.control)?,
                        treatment: side("treatment", self.treatment)?,
                    },
                    origin: self.origin()?,
                })
            }
            "feedback" => {
                let others = [
                    "camera_id",
                    "variant",
                    "latency_ms",
                    "score",
                    "error",
                    "control",
                    "treatment",
                    "prompt_version",
                    "observed_at",
                ];
                self.refuse(&others)?;
                Event::Feedback(Feedback { analysis, label: self.label()? })
            }
            other => {
                let problem = format!(
                    "{} is not allowed, allowed: analysis | comparison | feedback",
                    quoted(other)
                );
                return Err(InvalidField::new("type", problem));
            }
        };
        Ok(Reported { experiment, event, run, prompt_version })
    }

    /// What it says of where it belongs. A version tells a run as its number does.
    fn origin(&self) -> Result<Origin, InvalidField> {
        let is_named = self.run.is_some() || self.prompt_version.is_some();
        let run = if is_named { RunNamed::Yes } else { RunNamed::No };
        let observed_at = self.observed_at.as_deref().map(parse_time).transpose();
        let observed_at =
            observed_at.map_err(|problem| InvalidField::new("observed_at", problem))?;
        Ok(Origin { run, observed_at })
    }

    fn camera(&self) -> Result<CameraId, InvalidField> {
        match &self.camera_id {
            Some(camera) => id("camera_id", camera),
            None => Err(InvalidField::missing("camera_id", "the camera's id")),
        }
    }

    fn variant(&self) -> Result<Variant, InvalidField> {
        let Some(text) = &self.variant else {
            return Err(InvalidField::missing("variant", "control | treatment"));
        };
        Variant::ALL.into_iter().find(|variant| variant.as_str() == text).ok_or_else(|| {
            let problem = format!("{} is not allowed, allowed: control | treatment", quoted(text));
            InvalidField::new("variant", problem)
        })
    }

    fn label(&self) -> Result<Label, InvalidField> {
        let allowed = Label::ALL.map(Label::as_str).join(" | ");
        let Some(text) = &self.label else {
            return Err(InvalidField::missing("label", &allowed));
        };
        Label::ALL.into_iter().find(|label| label.as_str() == text).ok_or_else(|| {
            let problem = format!("{} is not allowed, allowed: {allowed}", quoted(text));
            InvalidField::new("label", problem)
        })
    }

    /// Refuses fields that another type has.
    fn refuse(&self, others: &[&str]) -> Result<(), InvalidField> {
        let given = [
            ("camera_id", self.camera_id.is_some()),
            ("variant", self.variant.is_some()),
            ("latency_ms", self.latency_ms.is_some()),
            ("score", self.score.is_some()),
            ("error", self.error.is_some()),
            ("control", self.control.is_some()),
            ("treatment", self.treatment.is_some()),
            ("label", self.label.is_some()),
            ("prompt_version", self.prompt_version.is_some()),
            ("observed_at", self.observed_at.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && others.contains(name)) {
            Some((name, _)) => {
                let problem = format!("is not allowed in an observation of type {}", self.kind);
                Err(InvalidField::new(name, problem))
            }
            None => Ok(()),
        }
    }
}

impl Side {
    /// What came of it; `path` stands before the fields' names.
    fn outcome(self, path: &str) -> Result<Outcome, InvalidField> {
        let field = |name: &str| format!("{path}{name}");
        let range = |name: &str, fault: &OutOfRange| {
            let allowed =
                format!("{} is out of range, allowed: {} to {}", fault.value, fault.min, fault.max);
            InvalidField::new(&field(name), allowed)
        };
        // A failure may bring the time it took, which is checked and, being no latency of an answer, not kept.
        let latency = self.latency_ms.map(Latency::from_ms).transpose();
        let latency = latency.map_err(|fault| range("latency_ms", &fault))?;
        let score = match self.score {
            Some(score) if score.fract() != 0.0 => {
                let problem = format!("{score} is no whole number, allowed: 0 to 100");
                return Err(InvalidField::new(&field("score"), problem));
            }
            score => score.map(RiskScore::new).transpose(),
        };
        let score = score.map_err(|fault| range("score", &fault))?;
        match (self.error, latency, score) {
            (Some(true), _, None) => Ok(Outcome::Failed),
            (Some(true), _, Some(_)) => {
                Err(InvalidField::new(&field("score"), "is not allowed where error is true"))
            }
            (Some(false) | None, None, None) => Err(InvalidField::new(
                &field("latency_ms"),
                "is missing, allowed: at least one of latency_ms, score and error",
            )),
            (Some(false) | None, latency, score) => Ok(Outcome::Answered { latency, score }),
        }
    }
}

/// The number of a run. Some clients write every number with a fraction.
fn run(number: f64) -> Result<u32, InvalidField> {
    let in_range = number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number);
    if !in_range {
        let problem = format!("{number} is no run, allowed: whole numbers from 1 to {}", u32::MAX);
        return Err(InvalidField::new("run", problem));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(number as u32)
}

fn id<T: std::str::FromStr<Err = InvalidId>>(field: &str, text: &str) -> Result<T, InvalidField> {
    text.parse().map_err(|invalid: InvalidId| InvalidField::new(field, invalid.of_field()))
}

/// The beginning of a text that a client sent, escaped, for messages.
pub fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(40).flat_map(char::escape_default).collect();
    format!("`{shown}`")
}

/// What became of the observations of a request, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Answers))]
pub struct ObservationAnswers {
    /// Taken in, and on disk.
    pub accepted: u64,
    /// Taken in before; nothing is counted twice.
    pub duplicate: u64,
    /// Not taken in.
    pub rejected: u64,
    /// One for each.
    pub results: Vec<ObservationAnswer>,
}

/// What became of one observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Answer))]
pub struct ObservationAnswer {
    /// Whether it counts.
    pub status: AnswerStatus,
    /// Why it was rejected, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The field that was wrong, as a JSON pointer into the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Why it was rejected, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether an observation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Taken in, and on disk.
    Accepted,
    /// Taken in before.
    Duplicate,
    /// Not taken in.
    Rejected,
}

impl FromIterator<ObservationAnswer> for ObservationAnswers {
    fn from_iter<T: IntoIterator<Item = ObservationAnswer>>(answers: T) -> Self {
        let results: Vec<ObservationAnswer> = answers.into_iter().collect();
        let count = |status| results.iter().filter(|answer| answer.status == status).count() as u64;
        Self {
            accepted: count(AnswerStatus::Accepted),
            duplicate: count(AnswerStatus::Duplicate),
            rejected: count(AnswerStatus::Rejected),
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Reported, String> {
        let read: Observation = serde_json::from_str(json).map_err(|error| error.to_string())?;
        read.check().map_err(|fault| fault.to_string())
    }

    #[test]
    fn each_type_takes_its_own_fields() {
        let head = r#""experiment":"e","id":"i""#;
        let analysis = format!(
            r#"{{"type":"analysis",{head},"camera_id":"c","variant":"treatment","latency_ms":1.5,"score":70}}"#
        );
        let Event::Analysis(read) = check(&analysis).unwrap().event else { panic!("no analysis") };
        assert_eq!(read.outcome.score().map(RiskScore::value), Some(70));
        let comparison = format!(
            r#"{{"type":"comparison",{head},"camera_id":"c","control":{{"score":1}},"treatment":{{"error":true}}}}"#
        );
        let Event::Comparison(read) = check(&comparison).unwrap().event else { panic!("none") };
        assert!(read.outcomes.treatment.failed());
        let feedback = format!(r#"{{"type":"feedback",{head},"label":"correct"}}"#);
        assert!(matches!(check(&feedback).unwrap().event, Event::Feedback(_)));
    }

    #[test]
    fn a_bad_field_is_named_with_its_range() {
        let head = r#""experiment":"e","id":"i""#;
        let analysis = |rest: &str| {
            check(&format!(
                r#"{{"type":"analysis",{head},"camera_id":"c","variant":"control"{rest}}}"#
            ))
            .unwrap_err()
        };
        assert_eq!(
            analysis(r#","latency_ms":-1"#),
            "latency_ms -1 is out of range, allowed: 0 to 600000"
        );
        assert_eq!(
            analysis(r#","score":100.5"#),
            "score 100.5 is no whole number, allowed: 0 to 100"
        );
        assert_eq!(analysis(r#","score":101"#), "score 101 is out of range, allowed: 0 to 100");
        assert!(analysis("").starts_with("latency_ms is missing"));
        for run in ["0", "-1", "1.5", "4294967296"] {
            let said = analysis(&format!(r#","score":1,"run":{run}"#));
            assert!(said.contains("whole numbers from 1 to 4294967295"), "{said}");
        }
        assert!(
            analysis(r#","score":1,"observed_at":"noon""#).starts_with("observed_at is no time")
        );
        assert!(analysis(r#","label":"correct""#).starts_with("label is not allowed"));
        assert!(analysis(r#","extra":1"#).contains("unknown field `extra`"));
        let unknown = check(r#"{"type":"x","experiment":"e","id":"i"}"#).unwrap_err();
        assert!(unknown.contains("analysis | comparison | feedback"), "{unknown}");
    }
}
