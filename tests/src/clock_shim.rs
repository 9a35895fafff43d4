//! A clock that a test sets while a daemon runs by it: `tests/shim/clock.c`, compiled and loaded before the daemon.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::Start;
use crate::fault_shim::compiled;

/// The compiled shim and the file that sets the clock.
#[derive(Debug)]
pub struct ClockShim {
    library: PathBuf,
    file: PathBuf,
}

impl ClockShim {
    /// Compiles the shim into `workshop`; says so and gives `None` where there is no C compiler.
    pub fn new(workshop: &Path) -> Option<Self> {
        let library = compiled("tests/shim/clock.c", &workshop.join("clock.so"))?;
        Some(Self { library, file: workshop.join("ahead") })
    }

    /// A daemon whose clock can be set.
    #[must_use]
    pub fn load(&self, start: Start) -> Start {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        start.env("LD_PRELOAD", text(&self.library)).env("TIDEGATE_CLOCK_FILE", text(&self.file))
    }

    /// From now on the clock is ahead of the machine's by so much; negative is behind.
    pub fn set_ahead(&self, seconds: i64) {
        let new = self.file.with_extension("new");
        fs::write(&new, seconds.to_string()).expect("a file");
        fs::rename(new, &self.file).expect("a file");
    }
}
