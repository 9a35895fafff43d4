//! A rollout of 48 hours with a hundred restarts is, entry for entry, the one without; and a clock that
//! jumps does no harm.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};

use crate::command::run;

const KEY: &str = "long";
const EXPERIMENT: &str = "key = \"long\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 6\n\
                          [ab]\ntreatment_percentage = 0.5\n\
                          steps = [{ treatment_percentage = 0.2, dwell_hours = 3 }, { treatment_percentage = 0.5, dwell_hours = 30 }]\n\
                          [guardrails]\nmin_samples = 30\n";
const BEGAN_MS: i64 = 1_772_323_200_000;
const HOUR_MS: i64 = 3_600_000;
const EVENTS: i64 = 900;

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_tidegate-under-test")
}

fn begin(start: &Start) -> Daemon {
    let daemon = start.ready();
    daemon.set_time(BEGAN_MS);
    assert_eq!(daemon.define(KEY, EXPERIMENT).status, 201);
    assert_eq!(daemon.act(KEY, "start").status, 200);
    daemon
}

/// The detection of that number: asks, runs, reports; from hour 30 on the treatment raises false alarms.
fn detect(daemon: &Daemon, number: i64) {
    let at = BEGAN_MS + number * 54 * HOUR_MS / EVENTS;
    daemon.set_time(at);
    let camera = format!("camera-{}", number % 20);
    let assigned = daemon.get(&format!("/v1/experiments/{KEY}/assignments/{camera}")).body;
    let id = format!("event-{number}");
    let head = |kind: &str| json!({"type": kind, "experiment": KEY, "id": id});
    let mut report = head("analysis");
    let said = json!({"latency_ms": 800 + number % 200, "score": 50 + number % 50});
    if assigned["shadow_sample"] == 1.0 {
        report = head("comparison");
        report["camera_id"] = camera.into();
        report["control"] = said.clone();
        report["treatment"] = said;
    } else {
        report["camera_id"] = camera.into();
        report["variant"] = assigned["variant"].clone();
        let fails = assigned["variant"] == "treatment" && number > EVENTS / 2 && number % 3 == 0;
        report["latency_ms"] = said["latency_ms"].clone();
        report["error"] = fails.into();
    }
    let mut feedback = head("feedback");
    feedback["label"] = if number % 2 == 0 { "false_positive" } else { "correct" }.into();
    let reply = daemon.post("/v1/observations", &json!([report, feedback]));
    assert_eq!((reply.status, &reply.body["accepted"]), (200, &Value::from(2)), "{}", reply.text);
}

fn exported(folder: &Path) -> String {
    let file = folder.join("export.jsonl");
    let (data, to) = (folder.to_str().unwrap(), file.to_str().unwrap());
    let ran = run(&["journal", "export", to, "--data", data]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    fs::read_to_string(file).unwrap()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn a_rollout_with_a_hundred_restarts_is_the_one_without() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = begin(&Start::new(program(), calm.path()));
    for number in 1..=EVENTS {
        detect(&one, number);
    }
    let history = one.get(&format!("/v1/experiments/{KEY}/history")).body;
    one.terminate();

    let start = Start::new(program(), rough.path()).with(&["--snapshot-every", "150"]);
    let mut daemon = begin(&start);
    let mut restarts = 0;
    for number in 1..=EVENTS {
        if number % 9 == 0 {
            // Killed and ended in turn.
            if number % 2 == 0 {
                daemon.kill();
            } else {
                assert!(daemon.terminate().0);
            }
            daemon = start.ready();
            restarts += 1;
        }
        detect(&daemon, number);
    }
    assert_eq!(daemon.get(&format!("/v1/experiments/{KEY}/history")).body, history);
    daemon.terminate();

    let items = history["items"].as_array().unwrap();
    let last = items.last().unwrap();
    assert_eq!(last["to"], "rolled_back", "{last}");
    assert!(items.len() >= 4, "start, test, a ramp step, rollback: {history}");
    let (calm, rough) = (exported(calm.path()), exported(rough.path()));
    assert_eq!(calm, rough);
    println!(
        "{restarts} restarts, {} entries, {} steps: the same bytes",
        calm.lines().count() - 2,
        items.len()
    );
    assert_eq!(restarts, 100);
}

#[test]
fn a_clock_that_jumps_back_stops_time_and_one_that_jumps_ahead_ends_the_test() {
    let folder = tempfile::tempdir().unwrap();
    let start = Start::new(program(), folder.path());
    let daemon = begin(&start);
    let observe = |daemon: &Daemon, id: &str| {
        let report = json!([{"type": "comparison", "experiment": KEY, "id": id, "camera_id": "door",
                             "control": {"score": 1}, "treatment": {"score": 1}}]);
        daemon.post("/v1/observations", &report).body["accepted"].clone()
    };
    let status = |daemon: &Daemon| daemon.get(&format!("/v1/experiments/{KEY}/status")).body;
    daemon.set_time(BEGAN_MS + 2 * HOUR_MS);
    assert_eq!(observe(&daemon, "a"), 1);
    // Back: time stands still, nothing is refused, and the daemon says how far it is behind.
    daemon.set_time(BEGAN_MS + HOUR_MS);
    assert_eq!(observe(&daemon, "b"), 1);
    assert_eq!(status(&daemon)["now"], "2026-03-01T02:00:00Z");
    let metrics = daemon.get("/metrics").text;
    assert!(metrics.contains("tidegate_clock_behind_seconds 3600.0"), "{metrics}");
    assert!(metrics.contains("tidegate_clock_jumps_backwards_total 1"), "{metrics}");
    // Back across a restart too.
    daemon.kill();
    let daemon = start.ready();
    daemon.set_time(BEGAN_MS);
    assert_eq!(observe(&daemon, "c"), 1);
    assert_eq!(status(&daemon)["now"], "2026-03-01T02:00:00Z");
    // Ahead by a year: every deadline on the way is met at its own time, and control is served.
    daemon.set_time(BEGAN_MS + 8_760 * HOUR_MS);
    let after = status(&daemon);
    assert_eq!(
        (&after["phase"], &after["serving"]),
        (&json!("shadow"), &json!("shadow")),
        "{after}"
    );
    assert_eq!(observe(&daemon, "d"), 1);
    let assigned = daemon.get(&format!("/v1/experiments/{KEY}/assignments/door")).body;
    assert_eq!(assigned["variant"], "control");
}
