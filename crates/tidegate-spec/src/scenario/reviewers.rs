//! People who answer the cards of a review.

use tidegate_engine::experiment::Experiment;
use tidegate_engine::limits;

use super::ranges::{HOURS, SHARE};
use crate::fields::Fields;

/// People who sit down at certain hours, one after the other, and answer cards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reviewers {
    /// How many.
    pub people: u32,
    /// The hour of the rollout at which they first sit down.
    pub from_hour: f64,
    /// Hours from one sitting to the next.
    pub every_hours: f64,
    /// Most cards each of them answers in a sitting.
    pub cards: u32,
    /// The chance that an answer is the opposite of what is true.
    pub error_share: f64,
    /// The share of events of which nobody can tell.
    pub cannot_tell_share: f64,
    /// The share of events that are no threats and that nobody answers, as there is no clip of them.
    pub unanswered_share: f64,
    /// The same share of threats.
    pub unanswered_threat_share: f64,
}

pub(super) fn read(fields: &mut Fields<'_>) -> Reviewers {
    let mut share = |key| fields.real(key, &SHARE);
    let error_share = share("error_share").unwrap_or(0.0);
    let cannot_tell_share = share("cannot_tell_share").unwrap_or(0.0);
    let unanswered_share = share("unanswered_share").unwrap_or(0.0);
    let unanswered_threat_share = share("unanswered_threat_share").unwrap_or(unanswered_share);
    let mut count =
        |key, max: u64| fields.count(key, 1..=max).and_then(|count| u32::try_from(count).ok());
    Reviewers {
        people: count("people", 100).unwrap_or(1),
        cards: count("cards", limits::REVIEW_BUDGET_MAX as u64).unwrap_or(40),
        from_hour: fields.real("from_hour", &HOURS).unwrap_or(24.0),
        every_hours: fields.real("every_hours", &(0.01..=*HOURS.end())).unwrap_or(24.0),
        error_share,
        cannot_tell_share,
        unanswered_share,
        unanswered_threat_share,
    }
}

/// Notes where nobody asks them.
pub(super) fn check(fields: &mut Fields<'_>, experiment: &Experiment) {
    if experiment.review.is_none() {
        fields.fault("reviewers", "is set, allowed: only with experiment.review");
    }
}
