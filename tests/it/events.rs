//! What subscribers are told: nothing is lost, nothing comes twice, whatever happens to daemon and client.

mod command;
mod stream;
mod survival;
mod watch;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
/// 2026-03-02T08:00:00Z.
const BEGAN_MS: i64 = 1_772_438_400_000;
const MINUTE_MS: i64 = 60_000;

/// A daemon that can be started again.
struct World {
    folder: TempDir,
    arguments: Vec<String>,
}

impl World {
    fn new(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { folder: tempfile::tempdir().unwrap(), arguments }
    }

    fn start(&self) -> Start {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Start::new(PROGRAM, &self.data()).with(&arguments)
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it for the first time, or again.
    fn ready(&self) -> Daemon {
        let daemon = self.start().ready();
        daemon.set_time(BEGAN_MS);
        daemon
    }
}

/// Defines an experiment without a shadow's end in sight, and starts it.
fn running(daemon: &Daemon, key: &str, settings: &str) {
    let toml = format!("key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{settings}");
    let defined = daemon.define(key, &toml);
    assert_eq!(defined.status, 201, "{}", defined.text);
    assert_eq!(daemon.act(key, "start").status, 200);
}

fn report(daemon: &Daemon, items: &[Value]) {
    let reply = daemon.post("/v1/observations", &Value::from(items.to_vec()));
    assert_eq!(reply.body["accepted"], items.len(), "{}", reply.text);
}

/// A comparison of two latencies.
fn comparison(key: &str, id: usize, control_ms: f64, treatment_ms: f64) -> Value {
    json!({"type": "comparison", "experiment": key, "id": format!("e{id}"),
           "camera_id": format!("c{}", id % 12), "control": {"latency_ms": control_ms, "score": 20},
           "treatment": {"latency_ms": treatment_ms, "score": 20}})
}

/// Every step of an experiment's history, without its evidence.
fn history(daemon: &Daemon, key: &str) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = daemon.get(&format!("/v1/experiments/{key}/history?limit=500&after={after}"));
        for item in page.body["items"].as_array().unwrap() {
            // A definition is no step.
            if item["cause"] == "defined" {
                continue;
            }
            let mut item = item.clone();
            item.as_object_mut().unwrap().remove("evidence");
            steps.push(item);
        }
        match page.body["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return steps,
        }
    }
}

/// A `phase_changed` as a history has it.
fn as_step(event: &Value) -> Value {
    let mut step = event["data"].clone();
    step["run"] = event["run"].clone();
    step["at"] = event["at"].clone();
    step
}
