//! Whether a treatment proved itself at the end of its A/B test.
//!
//! Under the threshold rule this compares averages, as the rule itself does: no limit is passed, the
//! false-positive rate fell by the wanted part, and neither missed threats nor silence bought that.

use core::fmt;

use crate::experiment::Experiment;
use crate::tally::Tally;
use crate::threshold::{Check, Finding};
use crate::variant::ByVariant;

/// What the end of an A/B test showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Proof {
    /// The treatment is worth its release.
    Proved {
        /// Relative reduction of the false-positive rate in percent.
        fp_reduction_pct: f64,
    },
    /// The rule found a breach, too little data, or was switched off.
    Finding(Finding),
    /// No limit is passed, but a variant has no labels, and nothing is proved by silence.
    NoLabels(ByVariant<u64>),
    /// False positives fell too little.
    FpReductionTooSmall {
        /// Relative reduction in percent, negative where they rose.
        fp_reduction_pct: f64,
        /// What was wanted.
        wanted_pct: f64,
    },
    /// More threats were missed.
    MissedThreats {
        /// Rise of the missed-threat rate, 0 to 1.
        increase: f64,
        /// The most it may rise.
        limit: f64,
    },
    /// The treatment alerts too seldom to be trusted with silence.
    AlertDrop {
        /// Relative fall of the alert rate in percent.
        drop_pct: f64,
        /// The most it may fall.
        limit_pct: f64,
    },
}

/// Judges the sums of an A/B test that is over.
pub fn judge(experiment: &Experiment, check: &Check, sides: ByVariant<&Tally>) -> Proof {
    if check.finding != Finding::WithinBounds {
        return Proof::Finding(check.finding);
    }
    let (control, treatment) = (sides.control, sides.treatment);
    let guardrails = &experiment.guardrails;
    let labels = ByVariant { control: control.feedback(), treatment: treatment.feedback() };
    if labels.control == 0 || labels.treatment == 0 {
        return Proof::NoLabels(labels);
    }
    let increase = treatment.missed_threat_rate() - control.missed_threat_rate();
    let limit = guardrails.max_missed_threat_rate_increase.value();
    if increase > limit {
        return Proof::MissedThreats { increase, limit };
    }
    let drop_pct = reduction_pct(control.alert_rate(), treatment.alert_rate());
    let limit_pct = guardrails.max_alert_rate_drop.value();
    if drop_pct > limit_pct {
        return Proof::AlertDrop { drop_pct, limit_pct };
    }
    let fp_reduction_pct = reduction_pct(control.fp_rate(), treatment.fp_rate());
    let wanted_pct = experiment.promotion.min_fp_reduction.value();
    if fp_reduction_pct < wanted_pct {
        return Proof::FpReductionTooSmall { fp_reduction_pct, wanted_pct };
    }
    Proof::Proved { fp_reduction_pct }
}

/// By how many percent of `from` the rate fell; nothing falls from zero.
fn reduction_pct(from: f64, to: f64) -> f64 {
    if from > 0.0 { (from - to) / from * 100.0 } else { 0.0 }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proved { fp_reduction_pct } => {
                write!(f, "FP rate fell by {fp_reduction_pct:.1}% of the control's")
            }
            Self::Finding(finding) => finding.fmt(f),
            Self::NoLabels(labels) => write!(
                f,
                "{}, but nothing is proved without labels: control={}, treatment={}",
                Finding::WithinBounds,
                labels.control,
                labels.treatment
            ),
            Self::FpReductionTooSmall { fp_reduction_pct, wanted_pct } => write!(
                f,
                "FP rate fell by {fp_reduction_pct:.1}% of the control's, wanted {wanted_pct:.1}%"
            ),
            Self::MissedThreats { increase, limit } => write!(
                f,
                "Missed-threat rate increase {:.1}% exceeds threshold {:.1}%",
                increase * 100.0,
                limit * 100.0
            ),
            Self::AlertDrop { drop_pct, limit_pct } => {
                write!(f, "Alert rate drop {drop_pct:.1}% exceeds threshold {limit_pct:.1}%")
            }
        }
    }
}
