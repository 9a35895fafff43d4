//! A full release: against the cameras that keep the control, or each camera against its own past.

use tidegate_stats::paired::{CameraPairs, Paired};
use tidegate_stats::student::Estimate;

use super::measure::{block_values, trials};
use super::{Against, CAMERAS_MIN, LookContext, Measure, TRIALS_MIN};
use crate::baseline::{MeasureSums, Usual};
use crate::experiment::Experiment;
use crate::fleet::Fleet;
use crate::guardrail::{Guardrail, RELEASE_ALPHA_SHARE};
use crate::release::{DAY, Release};
use crate::tally::Tally;
use crate::variant::ByVariant;

impl Against {
    /// Fewer than three cameras that keep the control say nothing of the others.
    pub(super) fn of(fleet: &Fleet, experiment: &Experiment) -> Self {
        let held_back = fleet.full().iter().filter(|camera| camera.control.analyses > 0).count();
        let is_compared = experiment.full.holdback.value() > 0.0 && held_back as u64 >= CAMERAS_MIN;
        if is_compared { Self::Holdback } else { Self::Past }
    }
}

impl LookContext<'_> {
    /// What a guardrail needs to roll a release back: its part is divided among the days of the watch, and among both
    /// comparisons where there may be both. The world changes how often cameras see something, and the time before cannot
    /// tell that from the prompt: alerts need cameras that keep the control.
    pub(super) fn evidence_needed_in_release(&self, guardrail: Guardrail) -> Option<f64> {
        let full = self.experiment.full;
        let days = full.watch.ms().div_ceil(DAY.ms()).max(1) as f64;
        let comparisons = if full.holdback.value() > 0.0 { 2.0 } else { 1.0 };
        let alpha = self.experiment.guardrails.alpha.value() * RELEASE_ALPHA_SHARE;
        let needed = days * comparisons / alpha;
        match (self.against, guardrail) {
            (Against::Past, Guardrail::AlertRise | Guardrail::FpRate) => None,
            (Against::Past | Against::Holdback, _) => Some(needed),
        }
    }

    /// The fewest trials of a variant.
    pub(super) fn release_trials(&self, guardrail: Guardrail) -> u64 {
        let full = self.fleet.full_total();
        let control = match self.against {
            Against::Past => trials(guardrail, &self.fleet.past_total()),
            Against::Holdback => trials(guardrail, &full.control),
        };
        control.min(trials(guardrail, &full.treatment))
    }

    /// Each camera in the present day of the release against itself under the control before.
    pub(super) fn measure_before_and_after(&self, guardrail: Guardrail) -> Option<Measure> {
        let unmeasured = self.unmeasured(guardrail)?;
        let mut paired = Paired::default();
        let mut trials = ByVariant::<u64>::default();
        for (past, full) in self.fleet.before_and_after() {
            let (past, full) = (measured(guardrail, &past), measured(guardrail, &full));
            if past.0 > 0 && full.0 > 0 {
                trials.control += past.0;
                trials.treatment += full.0;
                paired.add(&pairs(past, full)).ok()?;
            }
        }
        let is_ratio = guardrail == Guardrail::Latency;
        let estimate = if is_ratio { paired.log_ratio() } else { paired.difference() };
        let estimate = estimate.ok().flatten().map(|estimate| {
            let (swing, variance) = swing(guardrail, self.fleet.release());
            let value = estimate.value - swing;
            let value = if guardrail == Guardrail::AlertDrop { -value } else { value };
            Estimate { value, variance: estimate.variance + variance, ..estimate }
        });
        let cameras = paired.cameras();
        let cameras = ByVariant { control: cameras, treatment: cameras };
        Some(Measure { estimate, trials, cameras, ..unmeasured })
    }
}

fn measured(guardrail: Guardrail, tally: &Tally) -> MeasureSums {
    block_values(guardrail, tally, &Usual::default())
}

fn mean_and_variance((count, sum, squares): MeasureSums) -> (f64, f64) {
    let mean = sum / count as f64;
    (mean, (squares / count as f64 - mean * mean).max(0.0))
}

/// A camera's time before and its day of the release, as so many paired differences as say as much: the harmonic mean of
/// both counts, halved.
fn pairs(past: MeasureSums, full: MeasureSums) -> CameraPairs {
    let (before, after) = (past.0 as f64, full.0 as f64);
    let (past, past_variance) = mean_and_variance(past);
    let (full, full_variance) = mean_and_variance(full);
    let difference = full - past;
    let variance = (past_variance * after + full_variance * before) / (before + after);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = libm::ceil(before * after / (before + after)) as u64;
    let n = count as f64;
    CameraPairs {
        count,
        difference_sum: n * difference,
        difference_square_sum: n * (variance + difference * difference),
        control_sum: n * past,
    }
}

/// By how much the hours of the present day differ from all hours under the control, and the variance of that: a
/// day is compared with the same hours of the days before. Hours that the time before does not know count as its mean.
fn swing(guardrail: Guardrail, release: &Release) -> (f64, f64) {
    let mut past = Tally::default();
    release.past.iter().for_each(|hour| past.merge(hour));
    let whole = measured(guardrail, &past);
    let present: u64 = release.present.iter().map(|hour| trials(guardrail, hour)).sum();
    if whole.0 == 0 || present == 0 {
        return (0.0, 0.0);
    }
    let (mean, _) = mean_and_variance(whole);
    let (mut expected, mut variance) = (0.0, 0.0);
    for (before, now) in release.past.iter().zip(&release.present) {
        let share = trials(guardrail, now) as f64 / present as f64;
        let before = measured(guardrail, before);
        if before.0 < TRIALS_MIN {
            expected += share * mean;
            continue;
        }
        let (usual, spread) = mean_and_variance(before);
        expected += share * usual;
        variance += share * share * spread / before.0 as f64;
    }
    if guardrail != Guardrail::Latency {
        return (expected - mean, variance);
    }
    if mean > 0.0 && expected > 0.0 {
        (libm::log(expected / mean), variance / (mean * mean))
    } else {
        (0.0, 0.0)
    }
}
