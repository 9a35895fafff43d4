//! What an experiment can see, as `tidegate experiment preflight --format json` prints it.

use serde::Serialize;
use tidegate_engine::preflight::{Preflight, ReviewSight, Sight, SplitSight};

use super::review::verdict_name;

/// What an experiment can see of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreflightDocument {
    /// Cameras under control.
    pub control_cameras: u64,
    /// Cameras under treatment; in a switchback every camera is both.
    pub treatment_cameras: u64,
    /// Labels of each variant in the whole test: the fewer.
    pub labels: u64,
    /// One for each guardrail.
    pub guardrails: Vec<GuardrailSight>,
    /// What each split would see.
    pub splits: Vec<SplitOutlook>,
    /// The split that sees most.
    pub sees_most: Option<&'static str>,
    /// What a review would take to decide, by the experiment's `[review]` or its defaults.
    pub reviews: Vec<ReviewOutlook>,
    /// What the owner should know, most important first.
    pub advice: Vec<String>,
}

/// The smallest harm that one guardrail finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardrailSight {
    /// The guardrail.
    pub guardrail: &'static str,
    /// Trials of each variant: the fewer.
    pub trials: u64,
    /// The smallest harm, in `unit`.
    pub smallest_detectable: f64,
    /// The owner's limit, in `unit`.
    pub limit: f64,
    /// `points` or `percent`.
    pub unit: &'static str,
}

/// What one split would see of the same fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitOutlook {
    /// The split.
    pub split: &'static str,
    /// One for each guardrail that it sees by.
    pub guardrails: Vec<GuardrailSight>,
    /// For how many hours a test must run to see the owner's limits.
    pub hours_needed: Option<u64>,
    /// The chance that a variant has too few cameras, 0 to 1.
    pub too_few_cameras_chance: f64,
}

/// What a review would take to decide on one change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewOutlook {
    /// The change in false alarms for each alert of the control.
    pub false_alarm_change: f64,
    /// The verdict that suits it: `rejected_false_alarms`, `harmless` or `proved`.
    pub verdict: &'static str,
    /// Days of shadow after which nine reviews of ten say so; none where 28 do not do.
    pub days: Option<u64>,
    /// Answers that half of them need then.
    pub answers: Option<u64>,
}

impl From<&Preflight> for PreflightDocument {
    fn from(preflight: &Preflight) -> Self {
        let [control_cameras, treatment_cameras] = preflight.cameras;
        Self {
            control_cameras,
            treatment_cameras,
            labels: preflight.labels,
            guardrails: preflight.sights.iter().map(Into::into).collect(),
            splits: preflight.splits.iter().map(Into::into).collect(),
            sees_most: preflight.best_split().map(|split| split.method.as_str()),
            reviews: preflight.reviews.iter().map(Into::into).collect(),
            advice: preflight.advice.clone(),
        }
    }
}

impl From<&Sight> for GuardrailSight {
    fn from(sight: &Sight) -> Self {
        Self {
            guardrail: sight.guardrail.as_str(),
            trials: sight.trials,
            smallest_detectable: sight.detectable,
            limit: sight.limit,
            unit: sight.unit,
        }
    }
}

impl From<&SplitSight> for SplitOutlook {
    fn from(split: &SplitSight) -> Self {
        Self {
            split: split.method.as_str(),
            guardrails: split.sights.iter().map(Into::into).collect(),
            hours_needed: split.hours_needed,
            too_few_cameras_chance: split.too_few_chance,
        }
    }
}

impl From<&ReviewSight> for ReviewOutlook {
    fn from(review: &ReviewSight) -> Self {
        Self {
            false_alarm_change: review.change,
            verdict: verdict_name(review.plan.verdict),
            days: review.plan.effort.map(|effort| effort.days),
            answers: review.plan.effort.map(|effort| effort.answers),
        }
    }
}
