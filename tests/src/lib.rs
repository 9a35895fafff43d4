//! What the system tests share: where things are in the repository, and a daemon that does as it is told.

pub mod daemon;
pub mod fake_daemon;
pub mod fault_shim;
pub mod power_cut;
pub mod python;
pub mod raw;
pub mod stream;

use std::path::PathBuf;

/// A path of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A recorded data set, which stays outside the repository; says so and gives `None` where it is absent.
#[expect(clippy::print_stderr, reason = "a skipped test says that it is")]
pub fn recording(path: &str) -> Option<PathBuf> {
    let path = repository("../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: the recording {} is absent", path.display());
    None
}
