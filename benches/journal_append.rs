//! What an acknowledged observation costs at the journal, by the number of writers that each wait for their
//! own, beside one `fdatasync` for each. Writers are tasks, as the daemon's requests are, or threads, each of
//! which the kernel has to wake.
//!
//! `benches/sqlite_wal.py` does the same with `SQLite`. The folder is `TIDEGATE_BENCH_FOLDER`, or `target`.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidegate_engine::event::Event;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Origin, Outcome};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_journal::{Batch, Entry, Journal, RolloutId, verify};
use tokio::sync::oneshot;

fn folder() -> tempfile::TempDir {
    let base = std::env::var_os("TIDEGATE_BENCH_FOLDER").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        Into::into,
    );
    tempfile::tempdir_in(base).expect("a folder for the bench")
}

fn observation(number: u64) -> Batch {
    let event = Event::Analysis(Analysis {
        id: Some(format!("event-{number:08}").parse().expect("an id")),
        camera: format!("camera-{}", number % 200).parse().expect("an id"),
        variant: Variant::Treatment,
        outcome: Outcome::Answered {
            latency: Some(Latency::from_ms(912.0).expect("a latency")),
            score: Some(RiskScore::new(70.0).expect("a score")),
        },
        origin: Origin::default(),
    });
    let at = Timestamp::from_ms(1_767_225_600_000).expect("a time");
    let mut batch = Batch::default();
    batch.push(&[Entry::Event { rollout: RolloutId(1), at, event }]).expect("room for one entry");
    batch
}

/// Lets `writers` threads append `count` observations in all, each waiting for its own.
#[expect(clippy::disallowed_methods, reason = "a bench times")]
fn append(journal: &Journal, writers: u64, count: u64) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || {
                for number in (writer..count).step_by(usize::try_from(writers).unwrap_or(1)) {
                    journal.append_and_wait(observation(number)).expect("on disk");
                }
            });
        }
    });
    began.elapsed()
}

/// The same with `writers` tasks.
#[expect(clippy::disallowed_methods, reason = "a bench times")]
fn append_by_tasks(
    runtime: &tokio::runtime::Runtime,
    journal: &Arc<Journal>,
    writers: u64,
    count: u64,
) -> Duration {
    let began = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let journal = journal.clone();
            runtime.spawn(async move {
                for number in (writer..count).step_by(usize::try_from(writers).unwrap_or(1)) {
                    let (told, written) = oneshot::channel();
                    let tell = move |result| {
                        let _ = told.send(result);
                    };
                    journal.append(observation(number), tell).expect("room in the queue");
                    written.await.expect("an answer").expect("on disk");
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a writer");
        }
    });
    began.elapsed()
}

fn journal_append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal_append");
    group.sample_size(10).throughput(Throughput::Elements(1));
    let testing = !std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    for writers in if testing { vec![4] } else { vec![1, 16, 64, 512] } {
        let folder = folder();
        let (journal, _) = Journal::open(folder.path(), verify::in_process).expect("a journal");
        let journal = Arc::new(journal);
        group.bench_function(BenchmarkId::new("acknowledged_to_tasks", writers), |bencher| {
            bencher.iter_custom(|count| append_by_tasks(&runtime, &journal, writers, count));
        });
        group.bench_function(BenchmarkId::new("acknowledged_to_threads", writers), |bencher| {
            bencher.iter_custom(|count| append(&journal, writers, count));
        });
    }
    let folder = folder();
    let file = File::create(folder.path().join("log")).expect("a file");
    let mut end = 0;
    group.bench_function("one_fdatasync_each", |bencher| {
        bencher.iter(|| {
            file.write_all_at(&[7; 64], end).expect("room");
            file.sync_data().expect("a disk");
            end += 64;
        });
    });
    group.finish();
}

criterion_group!(benches, journal_append);
criterion_main!(benches);
