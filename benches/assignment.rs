//! What it costs to answer "which prompt for this camera?", beside the bare hash.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate_engine::Rollout;
use tidegate_engine::assignment::Serving;
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::id::CameraId;
use tidegate_engine::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A split by hash does not look at the time.
const NOW: Timestamp = Timestamp::EPOCH;

/// Camera ids of 16 bytes, as many as fit any cache, so that memory is not what is measured.
fn cameras() -> Vec<CameraId> {
    (0..256).map(|i| format!("site-{i:05}/door1").parse().expect("a valid id")).collect()
}

fn definition(key: &str) -> Definition {
    let names = ["v1_original", "v2_calibrated"].map(|name| name.parse().expect("a valid name"));
    let [control, treatment] = names;
    let experiment = Experiment::new(key.parse().expect("a valid key"), control, treatment);
    Definition::new(experiment).expect("the defaults agree")
}

fn serving(key: &str) -> Serving {
    let definition = definition(key);
    let share = definition.experiment().ab.share;
    Serving::split(definition.split().clone(), share)
}

fn assignment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assignment");
    let cameras = cameras();
    assert!(cameras.iter().all(|camera| camera.as_str().len() == 16));
    let mut next = cameras.iter().cycle();

    group.bench_function("xxh3_alone", |bencher| {
        let seed = black_box(7);
        bencher.iter(|| {
            let camera = next.next().expect("a cycle does not end");
            xxh3_64_with_seed(black_box(camera.as_str().as_bytes()), seed)
        });
    });

    let by_handle = serving("nemotron_prompt_v2");
    group.bench_function("by_handle", |bencher| {
        bencher
            .iter(|| by_handle.assign(black_box(next.next().expect("a cycle does not end")), NOW));
    });

    group.bench_function("parse_camera_id", |bencher| {
        bencher.iter(|| black_box("site-00001/door1").parse::<CameraId>());
    });
    let rollout = Rollout::new(definition("nemotron_prompt_v2"));
    group.bench_function("publish_serving", |bencher| bencher.iter(|| rollout.serving()));
    group.finish();
}

criterion_group!(benches, assignment);
criterion_main!(benches);
