//! Which guardrails a look can leave out: those that cannot fail, whatever their evidence.
//!
//! A guardrail fails where its trials suffice, its estimate reaches the limit and the evidence does. The first
//! two are had for a small part of the work, and most looks need no more. The means here are to the last
//! bit those of [`super::measure`], so leaving out what they leave out changes no look.

use tidegate_stats::arm::{DESIGN_CORRELATION, Mean};

use super::measure::{block_values, camera_pairs, trials};
use super::{LookContext, within_cameras};
use crate::baseline::Usual;
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::observation::Label;
use crate::tally::Tally;
use crate::variant::{ByVariant, Variant};

/// By how much means of the same sums in another order may differ.
const ROUNDING: f64 = 1e-9;

impl LookContext<'_> {
    /// Whether a guardrail that may roll back might fail; only a full measure tells.
    pub(super) fn may_fail(&self, guardrail: Guardrail) -> bool {
        let Some((limit, _)) = self.limit(guardrail) else { return false };
        // Sums in another order differ by a rounding, so what is as good as the limit is measured in full.
        let limit = limit - ROUNDING;
        self.has_trials(guardrail) && self.excess(guardrail).is_some_and(|excess| excess >= limit)
    }

    fn has_trials(&self, guardrail: Guardrail) -> bool {
        let total = self.fleet.total();
        let fewest = match self.window {
            Window::Shadow => camera_pairs(guardrail, &total.pairs).map_or(0, |pairs| pairs.count),
            Window::Full => self.release_trials(guardrail),
            Window::Ab | Window::Outside => {
                let trials = total.ab.map(|tally| trials(guardrail, tally));
                trials.control.min(trials.treatment)
            }
        };
        fewest >= self.trials_needed()
    }

    /// How much worse the treatment is, as the estimate of a measure has it.
    fn excess(&self, guardrail: Guardrail) -> Option<f64> {
        match self.window {
            Window::Shadow => self.excess_in_pairs(guardrail),
            // A release is looked at in full: nothing waits for these looks.
            Window::Full => Some(f64::INFINITY),
            Window::Ab | Window::Outside if within_cameras(self.experiment) => {
                self.excess_within(guardrail)
            }
            Window::Ab | Window::Outside if self.is_ramp() => self.excess_in_strata(guardrail),
            Window::Ab | Window::Outside => Some(self.excess_between(guardrail)),
        }
    }

    fn excess_between(&self, guardrail: Guardrail) -> f64 {
        // A loop of its own for each guardrail: to choose within it would cost more than to add.
        macro_rules! means {
            ($($guardrail:ident),*) => {
                match guardrail {
                    $(Guardrail::$guardrail => self.means(|mean, tally, usual| {
                        add(mean, Guardrail::$guardrail, tally, usual);
                    }),)*
                }
            };
        }
        let means = means!(
            FpRate,
            ErrorRate,
            Latency,
            SlowRate,
            MissedThreatRate,
            AlertDrop,
            AlertRise,
            LabelShare,
            ThreatRetention
        );
        let ByVariant { control, treatment } = means.map(Mean::value);
        change(guardrail, control, treatment)
    }

    fn means(&self, add: impl Fn(&mut Mean, &Tally, &Usual)) -> ByVariant<Mean> {
        let mut means = ByVariant::<Mean>::default();
        self.each_camera(|tallies, usual| {
            add(&mut means.control, &tallies.control, usual);
            add(&mut means.treatment, &tallies.treatment, usual);
            Some(())
        });
        means
    }

    /// Each camera against itself, over the blocks of the part that is looked at.
    fn excess_within(&self, guardrail: Guardrail) -> Option<f64> {
        let (mut weights, mut means) = (0.0, ByVariant::<f64>::default());
        for (blocks, usual) in self.fleet.ab_blocks() {
            let (mut counts, mut sums) = (ByVariant::<f64>::default(), ByVariant::<f64>::default());
            for block in self.within(blocks) {
                let (count, sum, _) = block_values(guardrail, &block.tally, usual);
                counts[block.variant] += count as f64;
                sums[block.variant] += sum;
            }
            if counts.control > 0.0 && counts.treatment > 0.0 {
                let weight =
                    counts.control * counts.treatment / (counts.control + counts.treatment);
                weights += weight;
                for variant in Variant::ALL {
                    means[variant] += weight * sums[variant] / counts[variant];
                }
            }
        }
        let ByVariant { control, treatment } = means.map(|mean| mean / weights);
        Some(change(guardrail, control, treatment)).filter(|change| change.is_finite())
    }

    /// Each stretch of a ramp against itself.
    fn excess_in_strata(&self, guardrail: Guardrail) -> Option<f64> {
        let mut strata = alloc::vec![ByVariant::<Mean>::default(); self.epochs.len()];
        for (blocks, usual) in self.fleet.ab_blocks() {
            for sums in self.within(blocks) {
                let stratum =
                    usize::try_from(sums.block.0).ok().and_then(|at| strata.get_mut(at))?;
                add(&mut stratum[sums.variant], guardrail, &sums.tally, usual);
            }
        }
        let (mut weights, mut total) = (0.0, 0.0);
        for ByVariant { control, treatment } in strata {
            let weight =
                control.weights() * treatment.weights() / (control.weights() + treatment.weights());
            let change = change(guardrail, control.value(), treatment.value());
            if weight > 0.0 && change.is_finite() {
                weights += weight;
                total += weight * change;
            }
        }
        Some(total / weights).filter(|change| change.is_finite())
    }

    fn excess_in_pairs(&self, guardrail: Guardrail) -> Option<f64> {
        let (mut differences, mut controls) = (Mean::default(), Mean::default());
        let is_ratio = guardrail == Guardrail::Latency;
        for shadow in self.fleet.shadow() {
            let pairs = camera_pairs(guardrail, &shadow.pairs)?;
            differences.add_mean(pairs.count, pairs.difference_sum, 1.0);
            if is_ratio {
                controls.add_mean(pairs.count, pairs.control_sum, 1.0);
            }
        }
        let difference = differences.value();
        Some(if is_ratio { libm::log(1.0 + difference / controls.value()) } else { difference })
    }
}

/// How much worse the treatment's mean is.
fn change(guardrail: Guardrail, control: f64, treatment: f64) -> f64 {
    match guardrail {
        Guardrail::Latency => libm::log(treatment) - libm::log(control),
        Guardrail::AlertDrop => control - treatment,
        Guardrail::FpRate
        | Guardrail::ErrorRate
        | Guardrail::SlowRate
        | Guardrail::MissedThreatRate
        | Guardrail::AlertRise
        | Guardrail::LabelShare
        | Guardrail::ThreatRetention => treatment - control,
    }
}

/// Adds what one camera showed of a metric of the A/B test.
#[inline]
fn add(mean: &mut Mean, guardrail: Guardrail, tally: &Tally, usual: &Usual) {
    let mut add_rate =
        |trials, events, usual| mean.add_rate(trials, events, usual, DESIGN_CORRELATION);
    match guardrail {
        Guardrail::FpRate => {
            add_rate(tally.feedback(), tally.labelled(Label::FalsePositive), usual.fp_rate);
        }
        Guardrail::MissedThreatRate => {
            let missed = tally.labelled(Label::MissedThreat);
            add_rate(tally.feedback(), missed, usual.missed_threat_rate);
        }
        Guardrail::LabelShare => add_rate(tally.labelable(), tally.labelled_alerts(), 0.0),
        Guardrail::ErrorRate => add_rate(tally.analyses, tally.errors, usual.error_rate),
        Guardrail::SlowRate => add_rate(tally.paced, tally.slow, usual.slow_rate),
        Guardrail::AlertDrop | Guardrail::AlertRise | Guardrail::ThreatRetention => {
            add_rate(tally.scored, tally.alerts, usual.alert_rate);
        }
        Guardrail::Latency => {
            mean.add_mean(tally.timed, tally.latency_us_sum as f64, usual.latency_us);
        }
    }
}
