//! The bare comparison of averages: `rule = "threshold"`.
//!
//! It is the check of the system Tidegate replaces, kept so that both can be compared on the same
//! data. It asks in this order, and the first that holds speaks; every comparison is strict:
//!
//! 1. guardrails switched off;
//! 2. fewer than `min_samples` samples in a variant (labels in A/B, comparisons in shadow);
//! 3. false-positive rate, treatment less control, above `max_fp_rate_increase`;
//! 4. mean latency, in percent of the control's, above `max_latency_increase_pct`; not asked while
//!    either mean is unknown or the control's is zero;
//! 5. error rate, treatment less control, above `max_error_rate_increase`.
//!
//! Checked after every observation it rolls back nearly half of all harmless rollouts, because it
//! takes every fluctuation for a fact.

use core::fmt;

use crate::experiment::{Guardrails, Watch};
use crate::guardrail::Guardrail;
use crate::tally::Tally;
use crate::variant::ByVariant;

/// What the rule says of the data so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// The guardrails are switched off.
    Disabled,
    /// Not enough to speak.
    InsufficientSamples {
        /// Samples of each variant.
        samples: ByVariant<u64>,
        /// Samples each needs.
        required: u64,
    },
    /// A limit is passed.
    Breach(Breach),
    /// No limit is passed.
    WithinBounds,
}

/// A limit that is passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breach {
    /// The guardrail whose limit it is.
    pub guardrail: Guardrail,
    /// By what: points (0 to 1) for rates, percent for latency.
    pub increase: f64,
    /// The limit in the same unit.
    pub limit: f64,
}

/// The finding and the numbers it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdCheck {
    /// What the rule says.
    pub finding: Finding,
    /// False-positive rate, treatment less control, -1 to 1.
    pub fp_rate_increase: f64,
    /// Mean latency, treatment over control, in percent; unknown while a mean is, or over zero.
    pub latency_increase_pct: Option<f64>,
    /// Error rate, treatment less control, -1 to 1.
    pub error_rate_increase: f64,
}

/// Compares two variants under the owner's limits.
pub fn check(
    guardrails: &Guardrails,
    sides: ByVariant<&Tally>,
    samples: ByVariant<u64>,
) -> ThresholdCheck {
    let (control, treatment) = (sides.control, sides.treatment);
    let fp_rate_increase = treatment.fp_rate() - control.fp_rate();
    let error_rate_increase = treatment.error_rate() - control.error_rate();
    let latency_increase_pct = latency_increase_pct(control, treatment);

    let required = guardrails.min_samples;
    let breach = |guardrail, increase: f64, limit: f64| {
        (increase > limit).then_some(Finding::Breach(Breach { guardrail, increase, limit }))
    };
    let limits = guardrails;
    let finding = if guardrails.watch == Watch::Off {
        Finding::Disabled
    } else if samples.control < required || samples.treatment < required {
        Finding::InsufficientSamples { samples, required }
    } else {
        breach(Guardrail::FpRate, fp_rate_increase, limits.max_fp_rate_increase.value())
            .or_else(|| {
                let limit = limits.max_latency_increase.value();
                latency_increase_pct.and_then(|pct| breach(Guardrail::Latency, pct, limit))
            })
            .or_else(|| {
                let limit = limits.max_error_rate_increase.value();
                breach(Guardrail::ErrorRate, error_rate_increase, limit)
            })
            .unwrap_or(Finding::WithinBounds)
    };
    ThresholdCheck { finding, fp_rate_increase, latency_increase_pct, error_rate_increase }
}

fn latency_increase_pct(control: &Tally, treatment: &Tally) -> Option<f64> {
    let (control, treatment) = (control.latency_ms_mean()?, treatment.latency_ms_mean()?);
    (control > 0.0).then(|| (treatment - control) / control * 100.0)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("Automatic rollback is disabled"),
            Self::InsufficientSamples { samples, required } => write!(
                f,
                "Insufficient samples: control={}, treatment={}, required={required}",
                samples.control, samples.treatment
            ),
            Self::Breach(breach) => breach.fmt(f),
            Self::WithinBounds => f.write_str("All metrics within acceptable bounds"),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, scale) = match self.guardrail {
            Guardrail::FpRate => ("FP rate", 100.0),
            Guardrail::Latency => ("Latency", 1.0),
            Guardrail::ErrorRate => ("Error rate", 100.0),
            Guardrail::SlowRate => ("Slow rate", 100.0),
            Guardrail::MissedThreatRate => ("Missed-threat rate", 100.0),
            Guardrail::AlertDrop
            | Guardrail::AlertRise
            | Guardrail::LabelShare
            | Guardrail::ThreatRetention => ("Alert rate", 100.0),
        };
        let (increase, limit) = (self.increase * scale, self.limit * scale);
        write!(f, "{what} increase {increase:.1}% exceeds threshold {limit:.1}%")
    }
}
