//! What a review would take to decide, with the fleet at hand.

use alloc::vec::Vec;

use tidegate_stats::range::OutOfRange;
use tidegate_stats::review::{LimitSettings, PlannedReview, ReviewPlan};

use super::ExpectedFleet;
use crate::experiment::Experiment;
use crate::review::ReviewRules;

/// What a review would take to decide on one change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReviewSight {
    /// The change in false alarms for each alert of the control.
    pub change: f64,
    /// What it would come to, after how many days and answers.
    pub plan: ReviewPlan,
}

impl ReviewSight {
    /// The change that the owner cares about; left out: twice what is harm, none, and twice what is a benefit. By the review
    /// of the experiment, or by its defaults.
    pub(super) fn all(
        experiment: &Experiment,
        expected: &ExpectedFleet,
    ) -> Result<Vec<Self>, OutOfRange> {
        let usual = ReviewRules::new();
        let rules = experiment.review.as_ref().unwrap_or(&usual);
        let limits = LimitSettings {
            false_alarms: rules.max_false_alarm_increase.value(),
            missed: rules.max_missed_threat_increase.value(),
            benefit: rules.benefit.value(),
        };
        let changes = match expected.false_alarm_change {
            Some(change) => alloc::vec![change],
            None => alloc::vec![
                (2.0 * limits.false_alarms).min(1.0),
                0.0,
                (-2.0 * limits.benefit).max(-1.0)
            ],
        };
        let answered = expected.analyses_per_day * (1.0 - expected.error_rate);
        let alerts_a_day = answered * expected.alert_rate * expected.cameras as f64;
        let sight = |change| {
            let (disagreement, budget) = (expected.disagreement, rules.budget);
            let planned = PlannedReview { alerts_a_day, disagreement, change, limits, budget };
            planned.plan().map(|plan| Self { change, plan })
        };
        changes.into_iter().map(sight).collect()
    }
}
