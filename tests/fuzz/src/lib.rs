//! Feeds a reader what was written by mistake or in bad faith, and measures what that costs.
//!
//! A target is a function that takes bytes and must neither panic nor take long, whatever they are. What is tried
//! begins as a file of the target's corpus, `tests/corpora/TARGET/*`, and is changed by up to a dozen edits; proptest
//! makes a failure small. Each corpus is replayed as it is too, and blown up to a mebibyte in several ways.
//!
//! `TIDEGATE_FUZZ_SECONDS=3600` goes on for an hour a target, from another seed each time; without it a test tries
//! [`CASES`] changes from a fixed seed. A failure is written to `target/fuzz/TARGET`, from where it belongs into
//! the corpus once it is mended. `TIDEGATE_FUZZ_KEEP=1` writes each input there as `last` before it is tried, for a fault
//! that ends the process.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

mod edit;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use edit::{Edit, edit};

/// Changes that are tried where no time is given.
pub const CASES: u32 = 10_000;
/// Processor time that an input of up to [`INPUT_BYTES_MAX`] may take: 100 ms as it is built to be used, twice that where
/// it is built to be tested.
pub const TIME_MAX: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 100 });
/// Memory beyond that of before.
pub const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest input.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;

/// What is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The folder of its corpus in `tests/corpora`.
    pub name: &'static str,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
}

/// Targets of one program are measured one after another.
static ALONE: Mutex<()> = Mutex::new(());

impl Target {
    /// Feeds the target.
    #[expect(clippy::print_stdout, reason = "the figures are the point")]
    pub fn fuzz(self, take: impl Fn(&[u8])) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let corpus = self.corpus();
        assert!(!corpus.is_empty(), "tests/corpora/{} is empty", self.name);
        let mut executions = 0_u64;
        let (mut longest, mut largest) = (Duration::ZERO, 0);
        for (path, bytes) in &corpus {
            for (shape, blown) in
                std::iter::once(("as it is", bytes.clone())).chain(blown_up(bytes))
            {
                let cost = Cost::of(&take, &blown);
                executions += 1;
                longest = longest.max(cost.time);
                largest = largest.max(cost.memory_bytes);
                cost.check(&format!("{}, {shape}", path.display()));
            }
        }
        let began = now();
        let (seconds, mut seed) = match std::env::var("TIDEGATE_FUZZ_SECONDS") {
            Ok(seconds) => {
                let seconds = seconds.parse().expect("TIDEGATE_FUZZ_SECONDS is a whole number");
                (seconds, u64::from(std::process::id()) << 32)
            }
            Err(_) => (0, 1),
        };
        loop {
            executions += u64::from(CASES);
            self.try_changes(seed, &corpus, &take);
            seed += 1;
            if began.elapsed() >= Duration::from_secs(seconds) {
                break;
            }
        }
        println!(
            "{}: {executions} executions in {:.1} s from {} inputs, 0 faults; a mebibyte took {} ms and {} MiB at most",
            self.name,
            began.elapsed().as_secs_f64(),
            corpus.len(),
            longest.as_millis(),
            largest / 1024 / 1024,
        );
    }

    fn try_changes(self, seed: u64, corpus: &[(PathBuf, Vec<u8>)], take: &impl Fn(&[u8])) {
        let changed = (0..corpus.len(), vec(edit(), 0..12));
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, random);
        let input = |index: usize, edits: &[Edit]| {
            edits.iter().fold(corpus[index].1.clone(), |input, edit| {
                edit.change(input, self.words, &corpus[(index + 1) % corpus.len()].1)
            })
        };
        let keeps_each = std::env::var_os("TIDEGATE_FUZZ_KEEP").is_some();
        let outcome = runner.run(&changed.prop_map(|changed| changed), |(index, edits)| {
            let input_now = input(index, &edits);
            if keeps_each {
                kept_as(self.name, "last", &input_now);
            }
            let began = now();
            take(&input_now);
            if began.elapsed() < TIME_MAX {
                return Ok(());
            }
            // Others may have had the processor: what counts is the time that this took of it.
            let cost = Cost::of(take, &input(index, &edits));
            if cost.time < TIME_MAX { Ok(()) } else { Err(TestCaseError::fail(cost.told())) }
        });
        if let Err(TestError::Fail(why, (index, edits))) = outcome {
            let input = input(index, &edits);
            let path = kept(self.name, &input);
            panic!("{}: {why}; the input is in {}", self.name, path.display());
        }
    }

    fn corpus(self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = root().join("tests/corpora").join(self.name);
        let entries = fs::read_dir(&folder);
        let mut files: Vec<PathBuf> = entries
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a name").path())
            .collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::disallowed_methods, reason = "how long a reader takes is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Keeps an input that shows a fault.
fn kept(name: &str, input: &[u8]) -> PathBuf {
    kept_as(name, &format!("{}-{}", std::process::id(), input.len()), input)
}

fn kept_as(name: &str, file: &str, input: &[u8]) -> PathBuf {
    let folder = root().join("target/fuzz").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(file);
    fs::write(&path, input).expect("a file");
    path
}

/// An input made as long as any may be, in the ways that make readers slow.
fn blown_up(bytes: &[u8]) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let times = |part: &[u8]| part.repeat(INPUT_BYTES_MAX / part.len().max(1));
    let half = bytes.len() / 2;
    let within = |filler: &[u8]| {
        let filler =
            filler.repeat((INPUT_BYTES_MAX - bytes.len().min(INPUT_BYTES_MAX)) / filler.len());
        [&bytes[..half], &filler, &bytes[half..]].concat()
    };
    let line_end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    let shapes = [
        ("again and again", times(bytes)),
        ("its first line again and again", times(&bytes[..line_end])),
        ("a long word in it", within(b"x")),
        ("many brackets in it", within(b"[")),
        ("many braces in it", within(b"{\"a\":")),
        ("many quotes in it", within(b"\"")),
        ("many commas in it", within(b",")),
        ("many lines in it", within(b"\n")),
        ("many zeros in it", within(b"0")),
        ("many keys in it", within(b"a=1\n")),
    ];
    shapes.into_iter().map(|(shape, mut bytes)| {
        bytes.truncate(INPUT_BYTES_MAX);
        (shape, bytes)
    })
}

/// What one input cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    memory_bytes: u64,
}

impl Cost {
    /// Of the lesser of two tries: what a first one makes for all of them is not this input's.
    fn of(take: &impl Fn(&[u8]), input: &[u8]) -> Self {
        let (first, second) = (Self::once(take, input), Self::once(take, input));
        let time = first.time.min(second.time);
        Self { time, memory_bytes: first.memory_bytes.min(second.memory_bytes) }
    }

    fn once(take: &impl Fn(&[u8]), input: &[u8]) -> Self {
        // The most memory that this process had is counted anew from here; where that cannot be asked for, it is
        // counted from its beginning, which is more.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (before, began) = (memory_bytes("VmRSS:"), processor_time());
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| take(input))) {
            let path = kept("panics", input);
            panic!("{:?}; the input is in {}", panic.downcast_ref::<String>(), path.display());
        }
        let time = processor_time().saturating_sub(began);
        let memory_bytes = memory_bytes("VmHWM:").saturating_sub(before);
        Self { time, memory_bytes }
    }

    fn check(self, what: &str) {
        let fits = self.time < TIME_MAX && self.memory_bytes < MEMORY_BYTES_MAX;
        assert!(fits, "{what}: {}", self.told());
    }

    fn told(self) -> String {
        format!("took {:?} and {} bytes", self.time, self.memory_bytes)
    }
}

fn memory_bytes(figure: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(figure)).expect("a figure");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Time that this thread had of a processor.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
