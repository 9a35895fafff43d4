//! What one event costs after 10³ and after 10⁶ earlier ones: it must not grow.
//!
//! Events are made outside the measured time. Each measured batch begins from a copy of the same
//! rollout, so that "after 10⁶" stays true however long the measurement runs; the copy is not measured.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::hint::black_box;
use std::time::Duration as Elapsed;

use criterion::measurement::{Measurement, WallTime};
use criterion::{Bencher, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use hashbrown::HashTable;
use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{ByVariant, Event, Rollout, Variant};
use xxhash_rust::xxh3::xxh3_128;

const CAMERAS: u64 = 50;
/// A fleet whose looks are dear.
const MANY: u64 = 10_000;
/// Events applied for each copy of the rollout.
const BATCH: u64 = 20_000;

#[derive(Clone, Copy)]
enum Start {
    Shadow,
    Ab,
}

fn rollout(start: Start) -> Rollout {
    let valid = "a valid name";
    let mut experiment = Experiment::new(
        "nemotron_prompt_v2".parse().expect(valid),
        "v1_original".parse().expect(valid),
        "v2_calibrated".parse().expect(valid),
    );
    experiment.bounds.open_analyses_max = 4_000_000;
    if let Start::Ab = start {
        experiment.shadow.duration = Duration::ZERO;
    }
    let mut rollout = Rollout::new(Definition::new(experiment).expect("the settings agree"));
    let action = Action {
        command: Command::Start,
        actor: Actor::new("bench").expect("a valid name"),
        reason: Reason::new("measure").expect("a valid reason"),
    };
    rollout.apply(at(0), &Event::Action(action)).expect("a draft can be started");
    rollout
}

/// A million events take 1,000 seconds of recorded time, far from any deadline.
fn at(number: u64) -> Timestamp {
    Timestamp::from_ms(i64::try_from(number).expect("small")).expect("in range")
}

fn outcome(number: u64) -> Outcome {
    let latency = Latency::from_ms(900.0 + (number % 100) as f64).expect("in range");
    let score = RiskScore::new((number % 101) as f64).expect("in range");
    Outcome::Answered { latency: Some(latency), score: Some(score) }
}

fn camera(number: u64, cameras: u64) -> CameraId {
    format!("site-{:05}/door1", number % cameras).parse().expect("a valid id")
}

fn id(number: u64) -> AnalysisId {
    format!("event-{number:010}").parse().expect("a valid id")
}

fn analysis(number: u64) -> Event {
    analysis_of(number, CAMERAS)
}

/// Cameras in turn; those of an even number have the treatment.
fn analysis_of(number: u64, cameras: u64) -> Event {
    let variant = Variant::ALL[usize::from(number.is_multiple_of(2))];
    let (camera, outcome) = (camera(number, cameras), outcome(number));
    Event::Analysis(Analysis {
        id: Some(id(number)),
        camera,
        variant,
        outcome,
        origin: Origin::default(),
    })
}

fn comparison(number: u64) -> Event {
    let outcomes = ByVariant { control: outcome(number), treatment: outcome(number + 1) };
    Event::Comparison(Comparison {
        id: id(number),
        camera: camera(number, CAMERAS),
        outcomes,
        origin: Origin::default(),
    })
}

/// Feedback on analyses far apart, as people give it; one in two is a false positive on both sides.
fn feedback(number: u64, earlier: u64) -> Event {
    let analysis = id((number * 7_919) % earlier);
    let label = Label::ALL[usize::from(number % 4 < 2)];
    Event::Feedback(Feedback { analysis, label })
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    filled: &Rollout,
    event: impl Fn(u64) -> Event,
) {
    let first = u64::try_from(filled.lifecycle().now.ms()).expect("after 1970") + 2;
    group.bench_function(name, |bencher| {
        in_batches(bencher, |batch| {
            // The first event makes the room a copy comes without.
            let mut rollout = filled.clone();
            let _ = rollout.apply(at(first - 1), &event(first - 1));
            let events: Vec<Event> = (first..first + batch).map(&event).collect();
            let timer = WallTime.start();
            for (number, event) in (first..).zip(events) {
                let _ = black_box(rollout.apply(at(number), &event));
            }
            WallTime.end(timer)
        });
    });
}

/// Measures in batches of at most [`BATCH`] events; `measured` prepares one and gives its time.
fn in_batches(bencher: &mut Bencher<'_, WallTime>, measured: impl Fn(u64) -> Elapsed) {
    bencher.iter_custom(|iterations| {
        let mut elapsed = Elapsed::ZERO;
        let mut left = iterations;
        while left > 0 {
            let batch = left.min(BATCH);
            elapsed += measured(batch);
            left -= batch;
        }
        elapsed
    });
}

/// The bare limit: only to hash the ids of events and to keep them in a hash table of the same size.
fn measure_index_alone(group: &mut BenchmarkGroup<'_, WallTime>, earlier: u64) {
    let hash = |id: &AnalysisId| xxh3_128(id.as_str().as_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the hash")]
    let low = |fingerprint: &u128| *fingerprint as u64;
    let mut filled = HashTable::with_capacity(usize::try_from(earlier + BATCH).expect("small"));
    for number in 0..earlier {
        let fingerprint = hash(&id(number));
        filled.insert_unique(low(&fingerprint), fingerprint, low);
    }
    group.bench_function(format!("index_alone/after_{earlier}"), |bencher| {
        in_batches(bencher, |batch| {
            let mut index = filled.clone();
            let ids: Vec<AnalysisId> = (earlier..earlier + batch).map(id).collect();
            let timer = WallTime.start();
            for id in ids {
                let fingerprint = hash(&id);
                if index.find(low(&fingerprint), |other| *other == fingerprint).is_none() {
                    index.insert_unique(low(&fingerprint), fingerprint, low);
                }
            }
            WallTime.end(timer)
        });
    });
}

fn apply_event(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply_event");
    // A smoke run (`cargo test --benches`) needs no million.
    let testing = !std::env::args().any(|argument| argument == "--bench");
    let sizes = if testing { [100, 1_000] } else { [1_000, 1_000_000] };
    for earlier in sizes {
        let mut ab = rollout(Start::Ab);
        let mut shadow = rollout(Start::Shadow);
        for number in 0..earlier {
            ab.apply(at(number), &analysis(number)).expect("a new analysis");
            shadow.apply(at(number), &comparison(number)).expect("a new comparison");
        }
        measure_index_alone(&mut group, earlier);
        measure(&mut group, &format!("analysis/after_{earlier}"), &ab, analysis);
        let mut many = rollout(Start::Ab);
        for number in 0..earlier {
            many.apply(at(number), &analysis_of(number, MANY)).expect("a new analysis");
        }
        let name = format!("analysis_of_{MANY}_cameras/after_{earlier}");
        measure(&mut group, &name, &many, |number| analysis_of(number, MANY));
        measure(&mut group, &format!("comparison/after_{earlier}"), &shadow, comparison);
        measure(&mut group, &format!("feedback/after_{earlier}"), &ab, |n| feedback(n, earlier));
    }
    group.finish();
}

criterion_group!(benches, apply_event);
criterion_main!(benches);
