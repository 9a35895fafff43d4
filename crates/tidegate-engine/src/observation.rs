//! What the outside reports about detection events.
//!
//! One event is reported once: as an [`Analysis`] where one prompt ran, or as a [`Comparison`] where
//! the shadow ran too. [`Feedback`] comes later and names the event.

use crate::id::{AnalysisId, CameraId};
use crate::number::{Latency, Percent, RiskScore};
use crate::time::Timestamp;
use crate::variant::{ByVariant, Variant};

/// How one prompt call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The prompt answered.
    Answered {
        /// The time it took, where it was measured.
        latency: Option<Latency>,
        /// Its risk score, where it gave one.
        score: Option<RiskScore>,
    },
    /// The prompt failed or timed out. The time a failure took says nothing about speed and is not kept.
    Failed,
}

impl Outcome {
    /// The latency of an answer.
    pub const fn latency(self) -> Option<Latency> {
        match self {
            Self::Answered { latency, .. } => latency,
            Self::Failed => None,
        }
    }

    /// The score of an answer.
    pub const fn score(self) -> Option<RiskScore> {
        match self {
            Self::Answered { score, .. } => score,
            Self::Failed => None,
        }
    }

    /// Whether the call failed.
    pub const fn failed(self) -> bool {
        matches!(self, Self::Failed)
    }
}

/// Whether a report says which run it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunNamed {
    /// It does, and it is the present one.
    Yes,
    /// It does not: it counts only where its camera can have had its variant.
    No,
    /// Taken in by a version that did not ask, or from a recording: it counts as it says.
    #[default]
    NotAsked,
}

/// What a report says of where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Whether it names its run.
    pub run: RunNamed,
    /// When it happened, where it says so; else when it was reported.
    pub observed_at: Option<Timestamp>,
}

/// One prompt call on one detection event, with the variant that really ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The event. Without an id it is counted, but can be neither recognised when it is repeated nor
    /// labelled.
    pub id: Option<AnalysisId>,
    /// Where it happened.
    pub camera: CameraId,
    /// What ran: the exposure on record.
    pub variant: Variant,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it belongs.
    pub origin: Origin,
}

/// Both prompts on the same event in shadow; the control's answer was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The event.
    pub id: AnalysisId,
    /// Where it happened.
    pub camera: CameraId,
    /// How both calls ended.
    pub outcomes: ByVariant<Outcome>,
    /// Where it belongs.
    pub origin: Origin,
}

/// Who alerted on a comparison, for threats that a person confirms later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alerts {
    /// Not the control; or one prompt ran alone.
    NotControl,
    /// The control, and not the treatment.
    ControlOnly,
    /// Control and treatment.
    Both,
}

impl Comparison {
    /// Who alerted, for a threat that a person confirms later.
    pub fn alerts(&self, alert_threshold: RiskScore) -> Alerts {
        let alerted = self.outcomes.map(|o| o.score().is_some_and(|s| s >= alert_threshold));
        match (alerted.control, alerted.treatment) {
            (true, true) => Alerts::Both,
            (true, false) => Alerts::ControlOnly,
            (false, _) => Alerts::NotControl,
        }
    }

    /// Whether the treatment took more than `threshold` percent longer than the control.
    ///
    /// Strictly more, and never where the control's latency is zero or either is unknown.
    pub fn latency_warning(&self, threshold: Percent) -> bool {
        let (Some(control), Some(treatment)) =
            (self.outcomes.control.latency(), self.outcomes.treatment.latency())
        else {
            return false;
        };
        let (control, treatment) = (control.ms(), treatment.ms());
        control > 0.0 && (treatment - control) / control * 100.0 > threshold.value()
    }
}

/// What a person said about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The event.
    pub analysis: AnalysisId,
    /// The verdict; a later one replaces an earlier one.
    pub label: Label,
}

/// A person's verdict on one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// An alarm for nothing.
    FalsePositive,
    /// Judged rightly.
    Correct,
    /// A threat that was scored too low to alert.
    MissedThreat,
    /// The right event with the wrong severity.
    SeverityWrong,
}

impl Label {
    /// Every label.
    pub const ALL: [Self; 4] =
        [Self::FalsePositive, Self::Correct, Self::MissedThreat, Self::SeverityWrong];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::Correct => "correct",
            Self::MissedThreat => "missed_threat",
            Self::SeverityWrong => "severity_wrong",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(control_ms: f64, treatment_ms: f64) -> Comparison {
        let answered =
            |ms| Outcome::Answered { latency: Some(Latency::from_ms(ms).unwrap()), score: None };
        Comparison {
            id: "e1".parse().unwrap(),
            camera: "c1".parse().unwrap(),
            outcomes: ByVariant {
                control: answered(control_ms),
                treatment: answered(treatment_ms),
            },
            origin: Origin::default(),
        }
    }

    #[test]
    fn a_latency_warning_needs_strictly_more_than_the_threshold() {
        let threshold = Percent::new(50.0).unwrap();
        assert!(!comparison(100.0, 150.0).latency_warning(threshold));
        assert!(comparison(100.0, 150.001).latency_warning(threshold));
    }

    #[test]
    fn a_control_of_no_time_never_warns() {
        assert!(!comparison(0.0, 1_000.0).latency_warning(Percent::new(0.0).unwrap()));
    }
}
