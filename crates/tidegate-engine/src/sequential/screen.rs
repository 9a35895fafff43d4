//! Which guardrails a look can leave out: those that cannot fail, whatever their evidence.
//!
//! A guardrail fails where its trials suffice, its estimate reaches the limit and the evidence does. The first
//! two are had for a small part of the work, and most looks need no more. The means here are to the last
//! bit those of [`super::measure`], so leaving out what they leave out changes no look.

use tidegate_stats::arm::{DESIGN_CORRELATION, Mean};

use super::measure::{camera_pairs, trials};
use super::{Context, within_cameras};
use crate::baseline::Usual;
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::observation::Label;
use crate::tally::Tally;
use crate::variant::{ByVariant, Variant};

impl Context<'_> {
    /// Whether a guardrail that may roll back might fail; only a full measure tells.
    pub(super) fn may_fail(&self, guardrail: Guardrail) -> bool {
        // What a switchback measures within cameras has no such short way.
        if self.window != Window::Shadow && within_cameras(self.experiment) {
            return true;
        }
        let Some((limit, _)) = self.limit(guardrail) else { return false };
        self.has_trials(guardrail) && self.excess(guardrail).is_some_and(|excess| excess >= limit)
    }

    fn has_trials(&self, guardrail: Guardrail) -> bool {
        let total = self.fleet.total();
        let fewest = match self.window {
            Window::Shadow => camera_pairs(guardrail, &total.pairs).map_or(0, |pairs| pairs.count),
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
            Window::Ab | Window::Outside => Some(self.excess_between(guardrail)),
        }
    }

    fn excess_between(&self, guardrail: Guardrail) -> f64 {
        let mut means = ByVariant::<Mean>::default();
        for (tallies, usual) in self.fleet.ab() {
            for variant in Variant::ALL {
                add(&mut means[variant], guardrail, &tallies[variant], usual);
            }
        }
        let ByVariant { control, treatment } = means.map(Mean::value);
        match guardrail {
            Guardrail::Latency => libm::log(treatment) - libm::log(control),
            Guardrail::AlertDrop => control - treatment,
            Guardrail::FpRate
            | Guardrail::ErrorRate
            | Guardrail::SlowRate
            | Guardrail::MissedThreatRate
            | Guardrail::ThreatRetention => treatment - control,
        }
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
        Guardrail::ErrorRate => add_rate(tally.analyses, tally.errors, usual.error_rate),
        Guardrail::SlowRate => add_rate(tally.paced, tally.slow, usual.slow_rate),
        Guardrail::AlertDrop | Guardrail::ThreatRetention => {
            add_rate(tally.scored, tally.alerts, usual.alert_rate);
        }
        Guardrail::Latency => {
            mean.add_mean(tally.timed, tally.latency_us_sum as f64, usual.latency_us);
        }
    }
}
