//! What a scenario must come to.

use std::fmt;

use crate::fields::Fields;

/// A bound on what was measured over all runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Its key in the file.
    pub name: &'static str,
    /// What is measured.
    pub measure: RunMeasure,
    /// Whether the value is the least or the most that is allowed.
    pub bound: Bound,
    /// The bound itself, in the unit of what is measured.
    pub value: f64,
}

/// Which way a bound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At least this.
    Min,
    /// At most this.
    Max,
}

/// Something measured over all runs of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMeasure {
    /// The share of runs that were rolled back.
    RolledBackShare,
    /// The share of runs in which the treatment proved itself.
    PromotedShare,
    /// The share of runs that came to no decision.
    InconclusiveShare,
    /// The share of runs in which a camera ever got the treatment.
    ExposedShare,
    /// Hours from the start of the phase to a rollback: this quantile of the rolled back runs.
    HoursToRollback(Quantile),
    /// Analyses by the treatment before a rollback: this quantile of the rolled back runs.
    TreatmentAnalyses(Quantile),
    /// Analyses by the treatment while it did harm: this quantile of all runs.
    HarmedAnalyses(Quantile),
    /// The share of runs in which the review rejected the treatment or let it go on.
    ReviewedShare,
    /// The share of runs in which the review proved the treatment.
    ProvedShare,
    /// Answers, skipped cards included: this quantile of the runs in which the review rejected or proved.
    Answers(Quantile),
    /// Hours from the start of the rollout until the review rejected the treatment or let it go on: this quantile of the
    /// runs in which it did.
    HoursToDecision(Quantile),
}

/// A quantile that may be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Half of the runs.
    Median,
    /// 95 % of the runs.
    P95,
}

impl Quantile {
    /// The part of the runs at or below it.
    pub const fn part(self) -> f64 {
        match self {
            Self::Median => 0.5,
            Self::P95 => 0.95,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Min => "≥",
            Self::Max => "≤",
        })
    }
}

const KNOWN: [(&str, RunMeasure, Bound); 22] = [
    ("rolled_back_share_min", RunMeasure::RolledBackShare, Bound::Min),
    ("rolled_back_share_max", RunMeasure::RolledBackShare, Bound::Max),
    ("false_rollback_share_max", RunMeasure::RolledBackShare, Bound::Max),
    ("promoted_share_min", RunMeasure::PromotedShare, Bound::Min),
    ("promoted_share_max", RunMeasure::PromotedShare, Bound::Max),
    ("inconclusive_share_min", RunMeasure::InconclusiveShare, Bound::Min),
    ("inconclusive_share_max", RunMeasure::InconclusiveShare, Bound::Max),
    ("exposed_share_min", RunMeasure::ExposedShare, Bound::Min),
    ("exposed_share_max", RunMeasure::ExposedShare, Bound::Max),
    ("hours_to_rollback_median_max", RunMeasure::HoursToRollback(Quantile::Median), Bound::Max),
    ("hours_to_rollback_p95_max", RunMeasure::HoursToRollback(Quantile::P95), Bound::Max),
    (
        "treatment_analyses_before_rollback_median_max",
        RunMeasure::TreatmentAnalyses(Quantile::Median),
        Bound::Max,
    ),
    (
        "treatment_analyses_before_rollback_p95_max",
        RunMeasure::TreatmentAnalyses(Quantile::P95),
        Bound::Max,
    ),
    ("harmed_analyses_median_max", RunMeasure::HarmedAnalyses(Quantile::Median), Bound::Max),
    ("harmed_analyses_p95_max", RunMeasure::HarmedAnalyses(Quantile::P95), Bound::Max),
    ("reviewed_share_min", RunMeasure::ReviewedShare, Bound::Min),
    ("reviewed_share_max", RunMeasure::ReviewedShare, Bound::Max),
    ("proved_share_min", RunMeasure::ProvedShare, Bound::Min),
    ("proved_share_max", RunMeasure::ProvedShare, Bound::Max),
    ("answers_median_max", RunMeasure::Answers(Quantile::Median), Bound::Max),
    ("hours_to_decision_median_max", RunMeasure::HoursToDecision(Quantile::Median), Bound::Max),
    ("hours_to_decision_p95_max", RunMeasure::HoursToDecision(Quantile::P95), Bound::Max),
];

pub(super) fn read(fields: &mut Fields<'_>) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for (name, measure, bound) in KNOWN {
        let range = match measure {
            RunMeasure::RolledBackShare
            | RunMeasure::PromotedShare
            | RunMeasure::InconclusiveShare
            | RunMeasure::ExposedShare
            | RunMeasure::ReviewedShare
            | RunMeasure::ProvedShare => 0.0..=1.0,
            RunMeasure::HoursToRollback(_)
            | RunMeasure::TreatmentAnalyses(_)
            | RunMeasure::HarmedAnalyses(_)
            | RunMeasure::Answers(_)
            | RunMeasure::HoursToDecision(_) => 0.0..=1e12,
        };
        if let Some(value) = fields.real(name, &range) {
            expectations.push(Expectation { name, measure, bound, value });
        }
    }
    expectations
}
