//! How much worse the treatment is, metric by metric: between cameras, within cameras, or pair by pair.

use alloc::vec::Vec;

use tidegate_stats::arm::{Arm, Cameras, DESIGN_CORRELATION};
use tidegate_stats::paired::{CameraPairs, Paired};
use tidegate_stats::range::OutOfRange;
use tidegate_stats::student::{DegreesOfFreedom, Estimate};
use tidegate_stats::switchback::{CameraBlock, Switchback};

use super::{LookContext, Measure};
use crate::baseline::{ShadowSums, Usual};
use crate::epoch::TestPart;
use crate::exposure::Window;
use crate::fleet::BlockSums;
use crate::guardrail::{Guardrail, Power};
use crate::observation::Label;
use crate::tally::{Pairs, Tally};
use crate::variant::{ByVariant, Variant};

/// Which metrics are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Those that may roll back: all that most looks ask for.
    Harms,
    /// Those that may only block, too.
    All,
}

/// The cameras of one variant, metric by metric.
struct VariantCameras {
    labels: Cameras,
    missed: Cameras,
    analyses: Cameras,
    latencies: Cameras,
    paces: Cameras,
    scores: Cameras,
    labelled: Cameras,
}

impl VariantCameras {
    fn with_capacity(cameras: usize) -> Self {
        let room = || Cameras::with_capacity(cameras);
        Self {
            labels: room(),
            missed: room(),
            analyses: room(),
            latencies: room(),
            paces: room(),
            scores: room(),
            labelled: room(),
        }
    }

    fn add(&mut self, tally: &Tally, usual: &Usual, extent: Extent) -> Result<(), OutOfRange> {
        let rho = DESIGN_CORRELATION;
        self.analyses.add_rate(tally.analyses, tally.errors, usual.error_rate, rho)?;
        self.paces.add_rate(tally.paced, tally.slow, usual.slow_rate, rho)?;
        let labels = tally.feedback();
        if labels > 0 {
            let fp = tally.labelled(Label::FalsePositive);
            self.labels.add_rate(labels, fp, usual.fp_rate, rho)?;
        }
        self.scores.add_rate(tally.scored, tally.alerts, usual.alert_rate, rho)?;
        if extent == Extent::All {
            let missed = tally.labelled(Label::MissedThreat);
            self.missed.add_rate(labels, missed, usual.missed_threat_rate, rho)?;
            self.labelled.add_rate(tally.labelable(), tally.labelled_alerts(), 0.0, rho)?;
        }
        let (sum, square_sum) = (tally.latency_us_sum as f64, tally.latency_us_square_sum as f64);
        self.latencies.add_mean(tally.timed, sum, square_sum, usual.latency_us)
    }

    /// The cameras of a metric of the A/B test.
    const fn of(&self, guardrail: Guardrail) -> &Cameras {
        match guardrail {
            Guardrail::FpRate => &self.labels,
            Guardrail::LabelShare => &self.labelled,
            Guardrail::MissedThreatRate => &self.missed,
            Guardrail::ErrorRate => &self.analyses,
            Guardrail::Latency => &self.latencies,
            Guardrail::SlowRate => &self.paces,
            Guardrail::AlertDrop | Guardrail::AlertRise | Guardrail::ThreatRetention => {
                &self.scores
            }
        }
    }
}

impl LookContext<'_> {
    /// Hands over what each camera showed in the part that is looked at, until that fails.
    pub(super) fn each_camera(
        &self,
        mut with: impl FnMut(&ByVariant<Tally>, &Usual) -> Option<()>,
    ) -> Option<()> {
        if self.window == Window::Full {
            let usual = self.fleet.ab().map(|(_, usual)| usual);
            return self.fleet.full().iter().zip(usual).try_for_each(|(t, usual)| with(t, usual));
        }
        if self.part == TestPart::Whole {
            return self.fleet.ab().try_for_each(|(tallies, usual)| with(tallies, usual));
        }
        self.fleet.ab_blocks().try_for_each(|(blocks, usual)| {
            let mut tallies = ByVariant::<Tally>::default();
            for sums in self.within(blocks) {
                tallies[sums.variant].merge(&sums.tally);
            }
            with(&tallies, usual)
        })
    }

    /// Cameras of one variant against cameras of the other.
    pub(super) fn measure_between(&self, guardrails: &[Guardrail]) -> Vec<Measure> {
        let blocks = |guardrail: &Guardrail| matches!(guardrail.power(), Power::Block);
        let extent = if guardrails.iter().any(blocks) { Extent::All } else { Extent::Harms };
        let room = || VariantCameras::with_capacity(self.fleet.len());
        let mut sides = ByVariant { control: room(), treatment: room() };
        // Sums are checked where they enter. Should one slip through, nothing is measured at all: a verdict on
        // the other cameras alone would be one on another fleet.
        let added = self.each_camera(|tallies, usual| {
            for variant in Variant::ALL {
                if tallies[variant].analyses > 0 {
                    sides[variant].add(&tallies[variant], usual, extent).ok()?;
                }
            }
            Some(())
        });
        if added.is_none() {
            return Vec::new();
        }
        let measured = |guardrail: &Guardrail| {
            let guardrail = *guardrail;
            let cameras = sides.map(|side| side.of(guardrail).count());
            let trials = sides.map(|side| side.of(guardrail).trials());
            let unmeasured = self.unmeasured(guardrail)?;
            let estimate = match guardrail {
                Guardrail::Latency => arms(&sides, guardrail, Cameras::mean)
                    .and_then(|arms| Arm::log_ratio(&arms.treatment, &arms.control).ok()),
                // A fall is what is worse.
                Guardrail::AlertDrop => arms(&sides, guardrail, Cameras::rate)
                    .and_then(|arms| Arm::difference(&arms.control, &arms.treatment).ok()),
                Guardrail::FpRate
                | Guardrail::ErrorRate
                | Guardrail::SlowRate
                | Guardrail::MissedThreatRate
                | Guardrail::AlertRise
                | Guardrail::LabelShare
                | Guardrail::ThreatRetention => arms(&sides, guardrail, Cameras::rate)
                    .and_then(|arms| Arm::difference(&arms.treatment, &arms.control).ok()),
            };
            let weights = sides.map(|side| side.of(guardrail).weights());
            let event_factor = 1.0 / weights.control + 1.0 / weights.treatment;
            Some(Measure { estimate, trials, cameras, event_factor, ..unmeasured })
        };
        guardrails.iter().filter_map(measured).collect()
    }

    /// Each camera against itself, block by block.
    pub(super) fn measure_within(&self, guardrail: Guardrail) -> Option<Measure> {
        let unmeasured = self.unmeasured(guardrail)?;
        let mut switchback = Switchback::default();
        let mut cameras = ByVariant::default();
        for (blocks, usual) in self.fleet.ab_blocks() {
            let blocks = self.within(blocks);
            for variant in Variant::ALL {
                let has = |sums: &BlockSums| {
                    sums.variant == variant && block_values(guardrail, &sums.tally, usual).0 > 0
                };
                cameras[variant] += u64::from(blocks.iter().any(has));
            }
            let squares = blocks.iter().map(|s| block_values(guardrail, &s.tally, usual).2).sum();
            let values = blocks.iter().filter_map(|sums| {
                let (count, sum, _) = block_values(guardrail, &sums.tally, usual);
                match sums.variant {
                    Variant::Control => CameraBlock::control(count, sum).ok(),
                    Variant::Treatment => CameraBlock::treatment(count, sum).ok(),
                }
            });
            switchback.add_camera(values, squares).ok()?;
        }
        let within = switchback.compare().ok()?;
        let estimate = within.as_ref().and_then(|within| match guardrail {
            Guardrail::Latency => within.log_ratio().ok(),
            Guardrail::AlertDrop => within.rate().ok().map(|mut estimate| {
                estimate.value = -estimate.value;
                estimate
            }),
            Guardrail::FpRate
            | Guardrail::ErrorRate
            | Guardrail::SlowRate
            | Guardrail::MissedThreatRate
            | Guardrail::AlertRise
            | Guardrail::LabelShare
            | Guardrail::ThreatRetention => within.rate().ok(),
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        let [control, treatment] = within.map_or([0, 0], |w| w.trials.map(|trials| trials as u64));
        let trials = ByVariant { control, treatment };
        let blocks = Some(within.map_or(0, |within| within.blocks));
        let event_factor = within.map_or(0.0, |within| 1.0 / within.weights);
        Some(Measure { estimate, trials, cameras, blocks, event_factor, ..unmeasured })
    }

    /// Both variants on the same events.
    pub(super) fn measure_shadow(&self, guardrail: Guardrail) -> Option<Measure> {
        if guardrail == Guardrail::ThreatRetention {
            return self.measure_retention();
        }
        let unmeasured = self.unmeasured(guardrail)?;
        let mut paired = Paired::default();
        for shadow in self.fleet.shadow() {
            paired.add(&camera_pairs(guardrail, &shadow.pairs)?).ok()?;
        }
        let estimate =
            if guardrail == Guardrail::Latency { paired.log_ratio() } else { paired.difference() };
        let estimate = estimate.ok().flatten();
        let both = |count| ByVariant { control: count, treatment: count };
        let (trials, cameras) = (both(paired.count()), both(paired.cameras()));
        let signs = (guardrail == Guardrail::ErrorRate).then_some(self.failure_signs);
        Some(Measure { estimate, trials, cameras, signs, ..unmeasured })
    }

    /// The part of confirmed threats on which the treatment kept silent.
    fn measure_retention(&self) -> Option<Measure> {
        let pairs = &self.fleet.total().pairs;
        let lost = pairs.confirmed - pairs.retained;
        let estimate = (pairs.confirmed > 0).then(|| {
            let value = lost as f64 / pairs.confirmed as f64;
            Estimate { value, variance: 0.0, degrees: DegreesOfFreedom::INFINITE }
        });
        let trials = ByVariant { control: pairs.confirmed, treatment: pairs.confirmed };
        let with = |sums: &&ShadowSums| sums.pairs.confirmed > 0;
        let cameras = self.fleet.shadow().filter(with).count() as u64;
        let cameras = ByVariant { control: cameras, treatment: cameras };
        let unmeasured = self.unmeasured(Guardrail::ThreatRetention)?;
        Some(Measure { estimate, trials, cameras, ..unmeasured })
    }
}

/// Both variants' means, where both have enough cameras.
fn arms(
    sides: &ByVariant<VariantCameras>,
    guardrail: Guardrail,
    arm: fn(&Cameras) -> Option<Arm>,
) -> Option<ByVariant<Arm>> {
    let control = arm(sides.control.of(guardrail))?;
    let treatment = arm(sides.treatment.of(guardrail))?;
    Some(ByVariant { control, treatment })
}

/// Trials of a metric of the A/B test.
pub(super) fn trials(guardrail: Guardrail, tally: &Tally) -> u64 {
    match guardrail {
        Guardrail::FpRate | Guardrail::MissedThreatRate => tally.feedback(),
        Guardrail::ErrorRate => tally.analyses,
        Guardrail::LabelShare => tally.labelable(),
        Guardrail::SlowRate => tally.paced,
        Guardrail::AlertDrop | Guardrail::AlertRise | Guardrail::ThreatRetention => tally.scored,
        Guardrail::Latency => tally.timed,
    }
}

/// Trials, sum and sum of squares of a metric in one block.
pub(super) fn block_values(guardrail: Guardrail, tally: &Tally, usual: &Usual) -> (u64, f64, f64) {
    let rate = |events: u64| (trials(guardrail, tally), events as f64, events as f64);
    match guardrail {
        Guardrail::FpRate => rate(tally.labelled(Label::FalsePositive)),
        Guardrail::MissedThreatRate => rate(tally.labelled(Label::MissedThreat)),
        Guardrail::ErrorRate => rate(tally.errors),
        Guardrail::LabelShare => rate(tally.labelled_alerts()),
        Guardrail::SlowRate => rate(tally.slow),
        Guardrail::AlertDrop | Guardrail::AlertRise | Guardrail::ThreatRetention => {
            rate(tally.alerts)
        }
        Guardrail::Latency => {
            let scale = usual.latency_us;
            let (sum, square_sum) =
                (tally.latency_us_sum as f64, tally.latency_us_square_sum as f64);
            (tally.timed, sum / scale, square_sum / (scale * scale))
        }
    }
}

/// A camera's paired differences in one metric, positive where the treatment is worse.
pub(super) fn camera_pairs(guardrail: Guardrail, pairs: &Pairs) -> Option<CameraPairs> {
    let of = |count: u64, worse: u64, better: u64| CameraPairs {
        count,
        difference_sum: worse as f64 - better as f64,
        difference_square_sum: (worse + better) as f64,
        control_sum: 0.0,
    };
    match guardrail {
        Guardrail::ErrorRate => {
            Some(of(pairs.comparisons(), pairs.treatment_failed, pairs.control_failed))
        }
        Guardrail::SlowRate => Some(of(pairs.paced, pairs.treatment_slow, pairs.control_slow)),
        Guardrail::AlertDrop => {
            Some(of(pairs.scored, pairs.control_alerted, pairs.treatment_alerted))
        }
        Guardrail::AlertRise => {
            Some(of(pairs.scored, pairs.treatment_alerted, pairs.control_alerted))
        }
        Guardrail::Latency => Some(CameraPairs {
            count: pairs.timed,
            difference_sum: pairs.latency_us_diff_sum as f64,
            difference_square_sum: pairs.latency_us_diff_square_sum as f64,
            control_sum: pairs.control_latency_us_sum as f64,
        }),
        Guardrail::FpRate
        | Guardrail::MissedThreatRate
        | Guardrail::LabelShare
        | Guardrail::ThreatRetention => None,
    }
}
