//! What the system tests share: where things are in the repository, and a daemon that does as it is told.

pub mod browser;
pub mod clock_shim;
pub mod daemon;
pub mod fake_daemon;
pub mod fault_shim;
pub mod nats;
pub mod power_cut;
pub mod python;
pub mod raw;
pub mod stream;

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Where each test that skips leaves a line: its name, a tab, and why. `.ci/run` counts them.
const SKIPPED: &str = "target/skipped-tests";

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Says that the test that calls it skips, and why. A test that skips passes, so what it leaves behind is counted at
/// the end of a run: nobody takes for tested what was not.
///
/// # Panics
/// Where the line cannot be written.
#[expect(clippy::print_stderr, reason = "a skipped test says that it is")]
pub fn skipped(why: impl Display) {
    let why = why.to_string();
    eprintln!("skipped: {why}");
    let thread = std::thread::current();
    let (test, why) = (thread.name().unwrap_or("?"), why.lines().next().unwrap_or_default());
    // Tests run at once in threads and processes: one short write to the end of a file never mixes with another.
    let line = format!("{test}\t{why}\n");
    let path = repository(SKIPPED);
    // Where Cargo builds elsewhere, the folder is not there yet.
    path.parent().map_or(Ok(()), fs::create_dir_all).expect("the skip is counted");
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the skip is counted");
}

/// What is shown beside a test that fails.
#[expect(clippy::print_stderr, reason = "a test that fails says why")]
fn said(what: &str) {
    eprintln!("{what}");
}

/// A recorded data set, which stays outside the repository; says so and gives `None` where it is absent.
pub fn recording(path: &str) -> Option<PathBuf> {
    let path = repository("../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    crate::skipped(format_args!("the recording {} is absent", path.display()));
    None
}
