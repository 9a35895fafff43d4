//! The review: what people are asked in shadow, and what their answers say.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tidegate_engine::review::{self, Reading, ReviewProgress, ReviewVerdict};

#[cfg(feature = "openapi")]
use super::schema;

/// `GET /v1/experiments/{key}/review`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Review {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// Where the rollout stands; answers are taken in `shadow` and `ab`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Phase))]
    pub phase: String,
    /// `rejected_false_alarms`, `rejected_missed_threats`, `proved`, `harmless`, `alarm` or `open`; none before the shadow ended.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub verdict: Option<String>,
    /// The same in a sentence, and what a verdict lacks.
    pub sentence: String,
    /// Events of the shadow on which the control alone alerted.
    pub lost: u64,
    /// Events on which the treatment alone did.
    pub gained: u64,
    /// Where so many disagreements came that a random part is kept: the hash from which on none is, 16 hex digits.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub left_out_from: Option<String>,
    /// Cards that may be looked at.
    pub cards: u64,
    /// Cards that have their answer.
    pub settled: u64,
    /// Cards that wait for an opinion.
    pub waiting: u64,
    /// Cards that were skipped.
    pub unanswered: u64,
    /// The change in false alarms for each camera and day.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub false_alarms: Option<ReviewSpan>,
    /// The change in missed threats for each camera and day.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub missed_threats: Option<ReviewSpan>,
}

/// A change for each camera and day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewSpan {
    /// The estimate.
    pub estimate: f64,
    /// Lower bound; both hold with 95 % at all looks together.
    pub low_95: f64,
    /// Upper bound.
    pub high_95: f64,
}

impl From<review::Span> for ReviewSpan {
    fn from(span: review::Span) -> Self {
        Self { estimate: span.estimate, low_95: span.least, high_95: span.greatest }
    }
}

impl Review {
    /// The review of a run, as far as it is.
    pub fn new(experiment: &str, run: u32, phase: &str, progress: &ReviewProgress) -> Self {
        let reading = progress.reading.as_ref();
        let said = reading.map(|reading| format!("{reading}. "));
        let wanted = if reading.is_some_and(Reading::passes) { "Proof" } else { "A verdict" };
        let lacks = progress.missing.map(|missing| format!("{wanted} needs {missing}."));
        let sentence = said.unwrap_or_default() + &lacks.unwrap_or_default();
        Self {
            experiment: experiment.to_owned(),
            run,
            phase: phase.to_owned(),
            verdict: reading.map(|reading| verdict_name(reading.verdict).to_owned()),
            sentence: sentence.trim_end().to_owned(),
            lost: progress.lost,
            gained: progress.gained,
            left_out_from: progress.left_out_from.map(|hash| hash.to_string()),
            cards: progress.cards,
            settled: progress.settled,
            waiting: progress.waiting,
            unanswered: progress.unanswered,
            false_alarms: reading.and_then(|reading| reading.false_alarms).map(Into::into),
            missed_threats: reading.and_then(|reading| reading.missed_threats).map(Into::into),
        }
    }
}

/// The name of a verdict in answers and events.
pub(super) const fn verdict_name(verdict: ReviewVerdict) -> &'static str {
    match verdict {
        ReviewVerdict::RejectFalseAlarms => "rejected_false_alarms",
        ReviewVerdict::RejectMissed => "rejected_missed_threats",
        ReviewVerdict::Promote => "proved",
        ReviewVerdict::Pass => "harmless",
        ReviewVerdict::Alarm => "alarm",
        ReviewVerdict::Open => "open",
    }
}

/// `GET /v1/experiments/{key}/review/next?reviewer=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextCard {
    /// What the reviewer should look at next; none where nothing waits for them.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub card: Option<ReviewCard>,
    /// Cards that wait, for whomever.
    pub waiting: u64,
}

/// An event to look at. Which prompt alerted is not said, so that it sways nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewCard {
    /// The event.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub event: String,
    /// Where it was.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub camera: String,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub at: String,
    /// Send it back with the answer: how many opinions the card has had.
    #[cfg_attr(feature = "openapi", schema(maximum = 65_535))]
    pub turn: u16,
    /// Where it is seen, if the experiment says so.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub clip_url: Option<String>,
}

/// `POST /v1/experiments/{key}/review/answers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewAnswer {
    /// The card's event.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub event: String,
    /// The card's `turn`.
    #[serde(deserialize_with = "turn")]
    #[cfg_attr(feature = "openapi", schema(maximum = 65_535))]
    pub turn: u16,
    /// Who answers.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub reviewer: String,
    /// Whether it was worth an alert: `no`, `cannot_tell`, `yes`, or `skip` where there is nothing to be seen any more.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ReviewAnswerName))]
    pub answer: String,
}

/// A whole number however JSON writes it: 2.0 is an integer too.
fn turn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let is_turn = number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&number);
    if !is_turn {
        return Err(D::Error::custom(format!("{number} is no turn, allowed: 0 to 65535")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let turn = number as u16;
    Ok(turn)
}

/// What an answer led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewAnswered {
    /// The very same answer had been taken before; it counts once.
    pub already: bool,
    /// The review after it.
    pub review: Review,
}

/// The names of answers.
pub const REVIEW_ANSWERS: [(&str, Option<review::Answer>); 4] = [
    ("no", Some(review::Answer::No)),
    ("cannot_tell", Some(review::Answer::CannotTell)),
    ("yes", Some(review::Answer::Yes)),
    ("skip", None),
];
