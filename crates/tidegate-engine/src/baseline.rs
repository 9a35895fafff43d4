//! What is usual for each camera, learned from the control's outcomes in shadow.

use alloc::vec::Vec;

use tidegate_stats::baseline::{Baseline, Spread};

use crate::observation::Label;
use crate::tally::{Pairs, Tally};

/// What a camera's outcomes are measured from: rates are reduced by theirs, the mean latency is divided
/// by its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    pub(crate) fp_rate: f64,
    pub(crate) error_rate: f64,
    pub(crate) slow_rate: f64,
    pub(crate) missed_threat_rate: f64,
    pub(crate) alert_rate: f64,
    pub(crate) latency_us: f64,
}

impl Default for Usual {
    /// Nothing is known: rates stand for themselves, latencies too.
    fn default() -> Self {
        Self {
            fp_rate: 0.0,
            error_rate: 0.0,
            slow_rate: 0.0,
            missed_threat_rate: 0.0,
            alert_rate: 0.0,
            latency_us: 1.0,
        }
    }
}

/// Count, sum and sum of squares of one measure of a camera.
pub(crate) type MeasureSums = (u64, f64, f64);
/// How one measure is read from a tally.
type ReadMeasure = fn(&Tally) -> MeasureSums;
/// Where the usual value of one measure is kept.
type Keep = fn(&mut Usual) -> &mut f64;

fn rate(trials: u64, events: u64) -> MeasureSums {
    (trials, events as f64, events as f64)
}

const MEASURES: [(ReadMeasure, Keep); 6] = [
    (|t| rate(t.feedback(), t.labelled(Label::FalsePositive)), |usual| &mut usual.fp_rate),
    (|t| rate(t.analyses, t.errors), |usual| &mut usual.error_rate),
    (|t| rate(t.paced, t.slow), |usual| &mut usual.slow_rate),
    (
        |t| rate(t.feedback(), t.labelled(Label::MissedThreat)),
        |usual| &mut usual.missed_threat_rate,
    ),
    (|t| rate(t.scored, t.alerts), |usual| &mut usual.alert_rate),
    (
        |t| (t.timed, t.latency_us_sum as f64, t.latency_us_square_sum as f64),
        |usual| &mut usual.latency_us,
    ),
];

/// What one camera showed in shadow.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShadowSums {
    pub(crate) control: Tally,
    pub(crate) pairs: Pairs,
}

/// What is usual for a camera never seen in shadow, and for each camera in order.
pub(crate) fn learn(cameras: &[ShadowSums]) -> (Usual, Vec<Usual>) {
    let mut fleet = Usual::default();
    let mut each = alloc::vec![fleet; cameras.len()];
    for (read, keep) in MEASURES {
        let Some(baseline) = fleet_baseline(cameras, read) else { continue };
        *keep(&mut fleet) = baseline.of_camera(0, 0.0);
        for (usual, camera) in each.iter_mut().zip(cameras) {
            let (count, sum, _) = read(&camera.control);
            *keep(usual) = baseline.of_camera(count, sum);
        }
    }
    if fleet.latency_us <= 0.0 {
        // Answers that took no time at all: nothing can be divided by that.
        for usual in each.iter_mut().chain([&mut fleet]) {
            usual.latency_us = 1.0;
        }
    }
    (fleet, each)
}

fn fleet_baseline(cameras: &[ShadowSums], read: ReadMeasure) -> Option<Baseline> {
    let mut spread = Spread::default();
    for camera in cameras {
        let (count, sum, square_sum) = read(&camera.control);
        spread.add(count, sum, square_sum).ok()?;
    }
    spread.baseline()
}
