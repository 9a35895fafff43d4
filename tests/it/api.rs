//! The HTTP interface, as real clients meet it: what `docs/api.md` and its further pages show, and what hostile ones try.

mod behaviour;
pub(crate) mod examples;
mod hostile;
mod memory;
mod metrics;
mod security;

use std::process::Command;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// A daemon of its own, with its journal in a folder of its own.
struct World {
    daemon: Daemon,
    /// Kept until the daemon is gone.
    folder: TempDir,
}

impl World {
    /// A daemon that is ready, at a time that every run has.
    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let daemon = Self::start(&folder).with(arguments).ready();
        let world = Self { daemon, folder };
        world.set_time("2026-03-02T08:00:00Z");
        world
    }

    fn start(folder: &TempDir) -> Start {
        Start::new(PROGRAM, &folder.path().join("data"))
    }

    /// A daemon with the same journal, once this one was ended.
    fn again(self, arguments: &[&str], end: impl FnOnce(Daemon)) -> Self {
        let Self { daemon, folder } = self;
        end(daemon);
        let daemon = Self::start(&folder).with(arguments).ready();
        let world = Self { daemon, folder };
        world.set_time("2026-03-02T08:00:00Z");
        world
    }

    fn address(&self) -> &str {
        self.daemon.address()
    }

    fn set_time(&self, now: &str) {
        // With tokens, this one has none.
        let _ = self.daemon.post("/v1/time", &json!({ "now": now }));
    }

    /// Defines an experiment and starts it, in its shadow.
    fn running(&self, key: &str) {
        assert_eq!(self.daemon.define(key, &experiment(key)).status, 201);
        let started = self.daemon.act(key, "start");
        assert_eq!(started.status, 200, "{}", started.text);
    }

    /// Whether it still does what it should.
    fn is_well(&self) {
        assert_eq!(self.daemon.get("/readyz").status, 200);
    }
}

/// The least experiment there is.
fn experiment(key: &str) -> String {
    format!("key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n")
}

/// An analysis of the control.
fn analysis(experiment: &str, id: &str, camera: &str) -> Value {
    json!({"type": "analysis", "experiment": experiment, "id": id, "camera_id": camera,
           "variant": "control", "latency_ms": 900, "score": 10})
}

/// Whether a program is on this machine; says so where it is not.
fn is_here(program: &str, argument: &str) -> bool {
    let here = Command::new(program).arg(argument).output().is_ok();
    if !here {
        system_tests::skipped(format_args!("`{program}` is not on this machine"));
    }
    here
}
