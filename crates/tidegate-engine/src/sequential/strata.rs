//! A ramp, stretch by stretch: each compared with its own time.

use alloc::vec::Vec;

use tidegate_stats::range::OutOfRange;
use tidegate_stats::strata::{ShownVariant, Strata, StratumSide};

use super::measure::block_values;
use super::{LookContext, Measure};
use crate::baseline::Usual;
use crate::fleet::BlockSums;
use crate::guardrail::Guardrail;
use crate::variant::{ByVariant, Variant};

impl LookContext<'_> {
    /// Cameras of one variant against cameras of the other, within each stretch of the test.
    pub(super) fn measure_strata(&self, guardrail: Guardrail) -> Option<Measure> {
        let unmeasured = self.unmeasured(guardrail)?;
        let mut strata = Strata::new(self.epochs.len());
        let mut cameras = ByVariant::default();
        let blocks: Vec<_> =
            self.fleet.ab_blocks().map(|(b, usual)| (self.within(b), usual)).collect();
        for (blocks, usual) in blocks {
            for variant in Variant::ALL {
                let has = |sums: &BlockSums| {
                    sums.variant == variant && block_values(guardrail, &sums.tally, usual).0 > 0
                };
                cameras[variant] += u64::from(blocks.iter().any(has));
            }
            for sums in blocks {
                add(&mut strata, guardrail, sums, usual).ok()?;
            }
            strata.next_camera();
        }
        let compared = match guardrail {
            Guardrail::Latency => strata.log_ratio(),
            Guardrail::AlertDrop
            | Guardrail::AlertRise
            | Guardrail::LabelShare
            | Guardrail::FpRate
            | Guardrail::ErrorRate
            | Guardrail::SlowRate
            | Guardrail::MissedThreatRate
            | Guardrail::ThreatRetention => strata.difference(),
        };
        let compared = compared.ok().flatten();
        let event_factor = compared.map_or(0.0, |compared| 1.0 / compared.weights);
        let estimate = compared.and_then(|compared| compared.estimate().ok());
        let estimate = estimate.map(|mut estimate| {
            if guardrail == Guardrail::AlertDrop {
                // A fall is what is worse.
                estimate.value = -estimate.value;
            }
            estimate
        });
        let [control, treatment] = strata.trials();
        let trials = ByVariant { control, treatment };
        Some(Measure { estimate, trials, cameras, event_factor, ..unmeasured })
    }
}

fn add(
    strata: &mut Strata,
    guardrail: Guardrail,
    sums: &BlockSums,
    usual: &Usual,
) -> Result<(), OutOfRange> {
    let variant = match sums.variant {
        Variant::Control => ShownVariant::Control,
        Variant::Treatment => ShownVariant::Treatment,
    };
    let stratum = usize::try_from(sums.block.0).unwrap_or(usize::MAX);
    let at = StratumSide { stratum, variant };
    let (count, sum, square_sum) = block_values(guardrail, &sums.tally, usual);
    let offset = match guardrail {
        Guardrail::Latency => {
            // The values are in units of what is usual already.
            return strata.add_mean(at, count, sum, square_sum, 1.0);
        }
        Guardrail::LabelShare => 0.0,
        Guardrail::FpRate => usual.fp_rate,
        Guardrail::ErrorRate => usual.error_rate,
        Guardrail::SlowRate => usual.slow_rate,
        Guardrail::MissedThreatRate => usual.missed_threat_rate,
        Guardrail::AlertDrop | Guardrail::AlertRise | Guardrail::ThreatRetention => {
            usual.alert_rate
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let events = sum as u64;
    strata.add_rate(at, count, events, offset)
}
