//! The cases in which one prompt was right where the other was not.

use serde::Serialize;
use tidegate_spec::EvaluationMetric;
use tidegate_spec::case::Said;

use crate::compared::Compared;
use crate::reading::{MeasuredAnswer, ReadAnswer, Reading};
use crate::sides::Sides;

/// Characters of a text that are shown.
const TEXT_SHOWN: usize = 600;

/// A case in which the prompts differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// Which case.
    pub id: String,
    /// The scenario it belongs to.
    pub scenario: String,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What a good answer is.
    pub expected: Expected,
    /// Metrics by which the treatment alone was right.
    pub gained: Vec<&'static str>,
    /// Metrics by which the control alone was right.
    pub lost: Vec<&'static str>,
    /// What both answered.
    pub answers: Sides<UsableAnswer>,
}

/// What a good answer is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// The least score that is right.
    pub score_min: f64,
    /// The greatest score that is right.
    pub score_max: f64,
    /// The level that is right.
    pub level: &'static str,
}

/// An answer, as far as it could be used.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct UsableAnswer {
    /// Risk score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_score: Option<f64>,
    /// Risk level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<&'static str>,
    /// Why it could not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The beginning of the text it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Time to the answer or to the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

pub(crate) fn find(cases: &[Compared<'_>], metrics: &[EvaluationMetric]) -> Vec<Differing> {
    cases.iter().filter_map(|case| differing(case, metrics)).collect()
}

fn differing(compared: &Compared<'_>, metrics: &[EvaluationMetric]) -> Option<Differing> {
    let (mut gained, mut lost) = (Vec::new(), Vec::new());
    for metric in metrics {
        let Sides { control, treatment } = compared.measure(*metric);
        match (control, treatment) {
            (MeasuredAnswer::Right(false), MeasuredAnswer::Right(true)) => {
                gained.push(metric.as_str());
            }
            (MeasuredAnswer::Right(true), MeasuredAnswer::Right(false)) => {
                lost.push(metric.as_str());
            }
            (_, _) => {}
        }
    }
    if gained.is_empty() && lost.is_empty() {
        return None;
    }
    let Compared { case, sides } = compared;
    let expected = Expected {
        score_min: *case.expected.score.start(),
        score_max: *case.expected.score.end(),
        level: case.expected.level.as_str(),
    };
    Some(Differing {
        id: case.id.clone(),
        scenario: case.scenario.clone(),
        note: case.note.clone(),
        expected,
        gained,
        lost,
        answers: sides.as_ref().map(shown),
    })
}

fn shown(read: &ReadAnswer<'_>) -> UsableAnswer {
    let mut shown = UsableAnswer {
        latency_ms: read.answer.and_then(|answer| answer.latency_ms),
        text: read.answer.and_then(|answer| match &answer.said {
            Said::Text(text) => Some(beginning(text)),
            Said::Judged { .. } | Said::Failed(_) => None,
        }),
        ..UsableAnswer::default()
    };
    match &read.reading {
        Reading::Absent => shown.fault = Some("was not asked".to_owned()),
        Reading::Failed(why) => shown.fault = Some(format!("failed: {why}")),
        Reading::Unparsed(why) => shown.fault = Some(format!("the text {why}")),
        Reading::Parsed { score, level } => {
            shown.risk_score = Some(*score);
            shown.risk_level = Some(level.as_str());
        }
    }
    shown
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(TEXT_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
