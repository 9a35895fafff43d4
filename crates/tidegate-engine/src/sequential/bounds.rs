//! Bounds: what is shown of a change, and what they alone say.

use tidegate_stats::arm::{DESIGN_CORRELATION, weight};
use tidegate_stats::proportion::Proportion;
use tidegate_stats::student::Estimate;

use super::{Against, CONFIDENCE, LookContext, Measure};
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::verdict::{Change, ChangeUnit, Verdict};

impl LookContext<'_> {
    /// A change whose bounds are cut at what is possible: no rate falls below nothing or rises above all. What
    /// the bounds decide is decided before.
    pub(super) fn possible(&self, guardrail: Guardrail, change: Change) -> Change {
        let total = self.fleet.total();
        let control = match self.window {
            Window::Shadow => &total.pairs.sides.control,
            Window::Full if self.against == Against::Past => &self.fleet.past_total(),
            Window::Full => &self.fleet.full_total().control,
            Window::Ab | Window::Outside => &total.ab.control,
        };
        let (least, most) = match guardrail {
            Guardrail::Latency | Guardrail::LabelShare => return change,
            Guardrail::FpRate => (-control.fp_rate(), 1.0 - control.fp_rate()),
            Guardrail::ErrorRate => (-control.error_rate(), 1.0 - control.error_rate()),
            Guardrail::SlowRate => (-control.slow_rate(), 1.0 - control.slow_rate()),
            Guardrail::MissedThreatRate => {
                (-control.missed_threat_rate(), 1.0 - control.missed_threat_rate())
            }
            Guardrail::AlertDrop => (control.alert_rate() - 1.0, control.alert_rate()),
            Guardrail::AlertRise => (-control.alert_rate(), 1.0 - control.alert_rate()),
            Guardrail::ThreatRetention => (0.0, 1.0),
        };
        // The estimate weighs cameras alike, so it may lie beyond what the rates of all events allow.
        // A sum, as a bound of minus nothing is nothing.
        let (low, high) = (change.low.max(least) + 0.0, change.high.min(most));
        Change { low: low.min(change.estimate), high: high.max(change.estimate), ..change }
    }

    /// What the bounds alone say.
    pub(super) fn bounded(&self, measure: &Measure, change: &Change) -> Verdict {
        let enough = measure.trials.control >= self.trials_needed();
        match measure.unit {
            // Where the control never alerts there is nothing to fall.
            ChangeUnit::PercentOf { control }
                if measure.guardrail == Guardrail::AlertDrop && control <= 0.0 && enough =>
            {
                Verdict::Pass
            }
            _ if measure.guardrail == Guardrail::ThreatRetention && change.low > measure.limit => {
                Verdict::Alarm
            }
            _ if measure.guardrail == Guardrail::ThreatRetention
                && change.high <= measure.limit =>
            {
                Verdict::Pass
            }
            ChangeUnit::Points | ChangeUnit::LogRatio | ChangeUnit::PercentOf { .. }
                if change.high < measure.limit =>
            {
                Verdict::Pass
            }
            ChangeUnit::Points | ChangeUnit::LogRatio | ChangeUnit::PercentOf { .. } => {
                Verdict::Inconclusive
            }
        }
    }

    /// The estimate whose bound must stay below the limit. Missed threats are so rare that none seen looks like
    /// none there: their variance is at least what it would be were the treatment just at the limit.
    fn bounding(&self, measure: &Measure, estimate: &Estimate) -> Estimate {
        if measure.guardrail != Guardrail::MissedThreatRate {
            return *estimate;
        }
        let control = self.fleet.total().ab.control.missed_threat_rate();
        let at_limit = (control + measure.limit).min(1.0);
        let floor = at_limit * (1.0 - at_limit) * measure.event_factor;
        Estimate { variance: estimate.variance.max(floor), ..*estimate }
    }

    /// Threats kept among those confirmed, as so many independent ones as the cameras' are worth.
    fn kept_by_camera(&self) -> Option<Proportion> {
        let (mut worth, mut kept) = (0.0, 0.0);
        for shadow in self.fleet.shadow().filter(|shadow| shadow.pairs.confirmed > 0) {
            let (confirmed, retained) = (shadow.pairs.confirmed, shadow.pairs.retained);
            let weight = weight(confirmed, DESIGN_CORRELATION);
            worth += weight;
            kept += weight * retained as f64 / confirmed as f64;
        }
        // Rounding must not lose a threat where all were kept.
        let share = if kept >= worth - 1e-9 { 1.0 } else { kept / worth };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        let whole = |count: f64| count as u64;
        let trials = whole(worth).max(1);
        Proportion::new(whole(share * trials as f64), trials).ok()
    }

    pub(super) fn change(&self, measure: &Measure, estimate: &Estimate) -> Option<Change> {
        let (low, high) = if measure.guardrail == Guardrail::ThreatRetention {
            let pairs = &self.fleet.total().pairs;
            let kept = Proportion::new(pairs.retained, pairs.confirmed).ok()?;
            let lost = Proportion::new(pairs.confirmed - pairs.retained, pairs.confirmed).ok()?;
            let low = lost.wilson_lower(CONFIDENCE).ok()?;
            let kept = kept.wilson_lower(CONFIDENCE).ok()?;
            // Threats of one camera are alike: they show less than as many of different cameras.
            let by_camera = self.kept_by_camera()?.wilson_lower(CONFIDENCE).ok()?;
            (low, 1.0 - kept.min(by_camera))
        } else {
            let high = self.bounding(measure, estimate).upper_bound(CONFIDENCE).ok()?;
            // The bounds lie at equal distances.
            (2.0 * estimate.value - estimate.upper_bound(CONFIDENCE).ok()?, high)
        };
        let Estimate { value, variance, degrees } = *estimate;
        Some(Change { estimate: value, low, high, variance, degrees: degrees.value() })
    }
}
