//! What a look at all guardrails costs, for fleets of 10 to 10,000 cameras, beside one pass over the same
//! memory.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Feedback, Label, Origin, Outcome};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{Event, Rollout, Variant};

/// Analyses of each camera before the look; one in four has a label.
const ANALYSES: u64 = 20;

fn filled(cameras: u64) -> Rollout {
    let valid = "a valid name";
    let mut experiment = Experiment::new(
        "nemotron_prompt_v2".parse().expect(valid),
        "v1_original".parse().expect(valid),
        "v2_calibrated".parse().expect(valid),
    );
    experiment.shadow.duration = Duration::ZERO;
    let definition = Definition::new(experiment).expect("the settings agree");
    let mut rollout = Rollout::new(definition);
    let apply = |rollout: &mut Rollout, event| {
        rollout.apply(Timestamp::EPOCH, &event).expect("a valid event");
    };
    let start = Action {
        command: Command::Start,
        actor: Actor::new("bench").expect(valid),
        reason: Reason::new("measure").expect(valid),
    };
    apply(&mut rollout, Event::Action(start));
    for number in 0..cameras * ANALYSES {
        let camera = number % cameras;
        let id = format!("event-{number:010}").parse().expect(valid);
        let outcome = if number.is_multiple_of(53) {
            Outcome::Failed
        } else {
            let latency = Latency::from_ms(900.0 + (number * 37 % 400) as f64).expect("in range");
            let score = RiskScore::new((number * 31 % 101) as f64).expect("in range");
            Outcome::Answered { latency: Some(latency), score: Some(score) }
        };
        let analysis = Analysis {
            id: Some(id),
            camera: format!("site-{camera:05}/door1").parse().expect(valid),
            variant: Variant::ALL[usize::from(camera.is_multiple_of(2))],
            outcome,
            origin: Origin::default(),
        };
        let labelled = analysis.id.clone().filter(|_| (number / cameras).is_multiple_of(4));
        apply(&mut rollout, Event::Analysis(analysis));
        if let Some(analysis) = labelled {
            let label = Label::ALL[usize::from(number % 5 < 2)];
            apply(&mut rollout, Event::Feedback(Feedback { analysis, label }));
        }
    }
    rollout
}

fn look(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look");
    let testing = !std::env::args().any(|argument| argument == "--bench");
    for cameras in [10, 100, 1_000, 10_000] {
        if testing && cameras > 100 {
            continue;
        }
        let rollout = filled(cameras);
        group.throughput(Throughput::Elements(cameras));
        group.bench_function(format!("{cameras}_cameras"), |bencher| {
            bencher.iter(|| black_box(&rollout).check());
        });
        // The bare limit: to read what a look reads, once.
        let tallies: Vec<_> = rollout.cameras().map(|seen| seen.sums.ab).collect();
        group.bench_function(format!("sum_alone/{cameras}_cameras"), |bencher| {
            bencher.iter(|| {
                let sum = |sum: u64, sides: &tidegate_engine::ByVariant<_>| {
                    let side = |t: &tidegate_engine::tally::Tally| t.analyses + t.latency_us_sum;
                    sum + side(&sides.control) + side(&sides.treatment)
                };
                black_box(&tallies).iter().fold(0, sum)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, look);
criterion_main!(benches);
