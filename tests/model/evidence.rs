//! What must hold of the statistics, whatever the data.

use proptest::prelude::*;
use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::event::Command;
use tidegate_engine::experiment::{Definition, Experiment, Watch};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::look::{Check, Look};
use tidegate_engine::number::Latency;
use tidegate_engine::observation::{Analysis, Feedback, Label, Origin, Outcome};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{Event, Rollout, Variant};
use tidegate_stats::arm::{Arm, Cameras, DESIGN_CORRELATION};
use tidegate_stats::evidence::EValue;
use tidegate_stats::moments::Moments;
use tidegate_stats::quantile::QuantileSketch;
use tidegate_stats::student::{DegreesOfFreedom, Estimate};

use crate::generate::action;

/// Trials and events of one camera.
fn counts() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..500).prop_flat_map(|trials| (Just(trials), 0..=trials))
}

/// Puts things in another order.
fn shuffle<T>(things: &mut [T], seed: u64) {
    let count = things.len() as u64;
    for (place, turns) in (0..things.len()).zip(0_u32..) {
        let other = seed.rotate_left(turns) % count;
        things.swap(place, usize::try_from(other).expect("small"));
    }
}

fn fleet() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec(counts(), 2..30)
}

fn arm(fleet: &[(u64, u64)]) -> Arm {
    let mut cameras = Cameras::default();
    for (trials, events) in fleet {
        cameras.add_rate(*trials, *events, 0.0, DESIGN_CORRELATION).expect("valid counts");
    }
    cameras.rate().expect("two cameras or more")
}

proptest! {
    /// With known variance for any harm; with an estimated one up to the peak of the smallest bet. Beyond
    /// it the prescribed mixture has dips between its bets, which `docs/statistics.md` explains.
    #[test]
    fn evidence_never_falls_as_the_harm_grows(
        parts in proptest::collection::vec(0.0_f64..1.0, 2),
        error in 0.001_f64..10.0,
        degrees in prop_oneof![0.5_f64..100.0, Just(f64::INFINITY)],
        margin in 0.005_f64..1.0,
    ) {
        let evidence = |value| {
            let degrees = DegreesOfFreedom::new(degrees).expect("above the least");
            let estimate = Estimate::new(value, error * error, degrees).expect("finite");
            EValue::against_no_worse(&estimate, margin).expect("a margin")
        };
        let bet = margin / error;
        let peak = f64::midpoint(bet, (bet * bet + 4.0 * degrees).sqrt()) * error;
        let most = if degrees.is_finite() { peak } else { 50.0 * error };
        let (less, more) = (parts[0].min(parts[1]) * most, parts[0].max(parts[1]) * most);
        let (less, more) = (evidence(less).ln(), evidence(more).ln());
        prop_assert!(more >= less - 1e-9 * less.abs(), "{less} {more}");
    }

    #[test]
    fn evidence_is_capped_where_the_largest_bet_peaks(
        beyond in 1.0_f64..1e6,
        error in 0.001_f64..10.0,
        degrees in 0.5_f64..100.0,
        margin in 0.005_f64..1.0,
    ) {
        let degrees_checked = DegreesOfFreedom::new(degrees).expect("above the least");
        let bet = 16.0 * margin / error;
        let cap = f64::midpoint(bet, (bet * bet + 4.0 * degrees).sqrt()) * error;
        let evidence = |value| {
            let estimate = Estimate::new(value, error * error, degrees_checked).expect("finite");
            EValue::against_no_worse(&estimate, margin).expect("a margin").ln()
        };
        let (at, after) = (evidence(cap), evidence(cap * beyond));
        prop_assert!((at - after).abs() <= 1e-9 * at.abs().max(1.0), "{at} {after}");
    }

    #[test]
    fn swapping_the_variants_flips_the_sign(control in fleet(), treatment in fleet()) {
        let (control, treatment) = (arm(&control), arm(&treatment));
        let there = Arm::difference(&treatment, &control).expect("finite");
        let back = Arm::difference(&control, &treatment).expect("finite");
        prop_assert_eq!(there.value.to_bits(), (0.0 - back.value).to_bits());
        prop_assert_eq!(there.variance.to_bits(), back.variance.to_bits());
        prop_assert!((there.degrees.value() / back.degrees.value() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn merging_equals_adding(
        values in proptest::collection::vec(0_u32..600_000_000, 2..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(values.len());
        let moments = |values: &[u32]| {
            let numbers: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            Moments::of(&numbers).expect("finite")
        };
        let sketch = |values: &[u32]| {
            let mut sketch = QuantileSketch::default();
            for value in values {
                sketch.add(*value);
            }
            sketch
        };
        let (mut merged, whole) = (moments(&values[..cut]), moments(&values));
        merged.merge(&moments(&values[cut..]));
        prop_assert_eq!(merged.count(), whole.count());
        prop_assert!((merged.mean() - whole.mean()).abs() <= 1e-9 * whole.mean());
        let (merged, whole) = (merged.variance().expect("two"), whole.variance().expect("two"));
        prop_assert!((merged - whole).abs() <= 1e-9 * whole);
        let mut merged = sketch(&values[..cut]);
        merged.merge(&sketch(&values[cut..]));
        prop_assert_eq!(merged, sketch(&values));
    }

    #[test]
    fn the_order_of_cameras_is_irrelevant(mut fleet in fleet(), seed in any::<u64>()) {
        let before = arm(&fleet);
        shuffle(&mut fleet, seed);
        let after = arm(&fleet);
        prop_assert!((before.mean - after.mean).abs() < 1e-12);
        prop_assert!((before.variance() / after.variance() - 1.0).abs() < 1e-9);
    }
}

/// Camera, outcome in ms (0 fails), and label, of one analysis.
type Raw = (u8, u16, u8);

/// A test of three to eight cameras, split by the parity of their number.
fn traffic() -> impl Strategy<Value = Vec<Raw>> {
    proptest::collection::vec((0_u8..8, 0_u16..2_000, 0_u8..6), 100..400)
}

fn events(raws: &[Raw], latency_scale: f64) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, (camera, ms, label)) in raws.iter().enumerate() {
        let id: tidegate_engine::id::AnalysisId =
            format!("event-{number}").parse().expect("a name");
        let latency = Latency::from_ms(f64::from(*ms) * latency_scale).expect("in range");
        let outcome = if *ms == 0 {
            Outcome::Failed
        } else {
            Outcome::Answered { latency: Some(latency), score: None }
        };
        events.push(Event::Analysis(Analysis {
            id: Some(id.clone()),
            camera: format!("camera-{camera}").parse().expect("a name"),
            variant: Variant::ALL[usize::from(camera % 2)],
            outcome,
            origin: Origin::default(),
        }));
        if let Some(label) = Label::ALL.get(usize::from(*label)) {
            events.push(Event::Feedback(Feedback { analysis: id, label: *label }));
        }
    }
    events
}

/// A rollout that watches without acting, after these events at one moment.
fn watched(events: Vec<Event>, method: SplitMethod) -> Rollout {
    let name = "a name";
    let mut experiment = Experiment::new(
        "model".parse().expect(name),
        "v1".parse().expect(name),
        "v2".parse().expect(name),
    );
    experiment.shadow.duration = Duration::ZERO;
    experiment.guardrails.watch = Watch::Off;
    experiment.assignment.method = method;
    let mut rollout = Rollout::new(Definition::new(experiment).expect("the settings agree"));
    rollout.apply(Timestamp::EPOCH, &action(Command::Start)).expect("a draft can be started");
    // Every camera appears first in the same order, so that sums run in the same order.
    for camera in 0..8_u8 {
        let seen = events_of_nothing(camera);
        rollout.apply(Timestamp::EPOCH, &seen).expect("a new camera");
    }
    for event in events {
        rollout.apply(Timestamp::EPOCH, &event).expect("a new event");
    }
    rollout
}

fn events_of_nothing(camera: u8) -> Event {
    Event::Analysis(Analysis {
        id: None,
        camera: format!("camera-{camera}").parse().expect("a name"),
        variant: Variant::ALL[usize::from(camera % 2)],
        outcome: Outcome::Answered { latency: None, score: None },
        origin: Origin::default(),
    })
}

fn look(rollout: &Rollout) -> Look {
    match rollout.check() {
        Check::Sequential(look) => look,
        Check::Threshold(_) => unreachable!("the default is sequential"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_order_of_observations_between_two_looks_is_irrelevant(
        raws in traffic(),
        seed in any::<u64>(),
    ) {
        let events = events(&raws, 1.0);
        // Analyses in another order, then labels in another order: a label follows its analysis.
        let (mut analyses, mut labels): (Vec<_>, Vec<_>) =
            events.iter().cloned().partition(|event| matches!(event, Event::Analysis(_)));
        for part in [&mut analyses, &mut labels] {
            shuffle(part, seed);
        }
        for method in [SplitMethod::Hash, SplitMethod::Switchback] {
            let told = look(&watched(events.clone(), method));
            let mixed = [analyses.clone(), labels.clone()].concat();
            prop_assert_eq!(told, look(&watched(mixed, method)));
        }
    }

    #[test]
    fn scaling_every_latency_changes_no_verdict(raws in traffic(), scale in 0.01_f64..100.0) {
        for method in [SplitMethod::Hash, SplitMethod::Switchback] {
            let plain = look(&watched(events(&raws, 1.0), method));
            let scaled = look(&watched(events(&raws, scale), method));
            let of = |look: &Look| look.of(Guardrail::Latency).copied().expect("it is watched");
            let (plain, scaled) = (of(&plain), of(&scaled));
            // Latencies are kept in whole microseconds, so that a scaled one is rounded.
            prop_assert_eq!(plain.verdict, scaled.verdict);
            if let (Some(plain), Some(scaled)) = (plain.change, scaled.change) {
                prop_assert!((plain.estimate - scaled.estimate).abs() < 1e-3);
            }
        }
    }
}
