//! What a simulated analysis costs through the full engine, beside drawing its samples alone.
//!
//! `benches/draws.py` draws the same samples with numpy.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use tidegate_sim::World;
use tidegate_sim::run::{Unobserved, run};
use tidegate_spec::ScenarioFile;

/// A harmless rollout that goes through its whole shadow and its whole test.
fn world(cameras: u32) -> World {
    let text = format!("[experiment]\npreset = \"production\"\n[fleet]\ncameras = {cameras}\n");
    let file = ScenarioFile::parse(&text).expect("a valid scenario");
    let scenario = file.scenarios()[0].clone();
    World::new(scenario).expect("rates that can be")
}

/// The samples of one analysis: when and where, whether it fails, how long it takes, whether it is labelled.
fn draw(random: &mut ChaCha8Rng) -> f64 {
    let gap: f64 = Exp1.sample(random);
    let camera: f64 = random.random();
    let failure: f64 = random.random();
    let noise: f64 = StandardNormal.sample(random);
    let label: f64 = random.random();
    gap + camera + failure + label + libm::exp(0.5 * noise)
}

fn simulate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    let testing = !std::env::args().any(|argument| argument == "--bench");
    for cameras in if testing { vec![8] } else { vec![20, 50, 200] } {
        let world = world(cameras);
        let analyses = run(&world, 0, &mut Unobserved).analyses;
        group.throughput(Throughput::Elements(analyses));
        group.sample_size(10);
        group.bench_function(format!("{cameras}_cameras"), |bencher| {
            bencher.iter(|| run(black_box(&world), 0, &mut Unobserved));
        });
        group.bench_function(format!("draws_alone/{cameras}_cameras"), |bencher| {
            let random = || ChaCha8Rng::seed_from_u64(1);
            let all =
                |mut random: ChaCha8Rng| -> f64 { (0..analyses).map(|_| draw(&mut random)).sum() };
            bencher.iter_batched(random, all, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, simulate);
criterion_main!(benches);
