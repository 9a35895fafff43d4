//! Time in which the daemon was away, and a clock that was wrong: nothing goes on by it, and it is said.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use system_tests::clock_shim::ClockShim;
use system_tests::daemon::{Daemon, Start};
use tidegate_engine::time::Timestamp;

use crate::command::run;

const HOUR_MS: i64 = 3_600_000;
const DEFINITION: &str = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n[ab]\n\
     steps = [{ treatment_percentage = 0.3, dwell_hours = 8 }, { treatment_percentage = 0.4, dwell_hours = 8 }, \
     { treatment_percentage = 0.5, dwell_hours = 8 }]\n";

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_tidegate-under-test")
}

#[expect(clippy::disallowed_methods, reason = "the daemon goes by the machine's clock here")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door/status").body
}

fn warned(status: &Value, code: &str) -> bool {
    status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == code)
}

/// Every camera reports so much of what it is assigned that a ramp step may be left.
fn report(daemon: &Daemon, round: &str) {
    let cameras: Vec<String> = (0..40).map(|camera| format!("cam-{camera}")).collect();
    let asked = json!({ "camera_ids": cameras });
    let answer = daemon.post("/v1/experiments/door/assignments", &asked);
    let reports: Vec<Value> = answer.body["assignments"]
        .as_array()
        .expect(&answer.text)
        .iter()
        .map(|assigned| {
            let camera = assigned["camera_id"].as_str().expect("a camera");
            json!({"type": "analysis", "experiment": "door", "id": format!("{round}-{camera}"), "run": 1,
                   "camera_id": camera, "variant": assigned["variant"], "latency_ms": 800})
        })
        .collect();
    let reply = daemon.post("/v1/observations", &reports.into());
    assert_eq!((reply.status, &reply.body["rejected"]), (200, &0.into()), "{}", reply.text);
}

fn begin(daemon: &Daemon) {
    assert_eq!(daemon.define("door", DEFINITION).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    report(daemon, "first");
}

fn hours_left(status: &Value) -> f64 {
    status["remaining_hours"].as_f64().expect("a number")
}

#[test]
fn hours_in_which_no_daemon_ran_are_no_part_of_a_test_and_take_no_ramp_step() {
    let folder = tempfile::tempdir().unwrap();
    let start = Start::new(program(), folder.path());
    let daemon = start.ready();
    let began = now_ms() - 20 * HOUR_MS;
    daemon.set_time(began);
    begin(&daemon);
    let before = status(&daemon);
    daemon.kill();
    // Twenty hours on, by the machine's clock: two steps of eight hours are overdue, and none was served.
    let start = Start::new(program(), folder.path()).by_the_clock();
    let daemon = start.listening();
    let warning = daemon.await_log("away, which counts for no rollout");
    assert_eq!(warning["level"], "WARN");
    daemon.await_log("ready");
    let stands = status(&daemon);
    assert_eq!(stands["step"]["number"], 1, "{stands}");
    assert!((hours_left(&stands) - hours_left(&before)).abs() < 0.1, "{stands}");
    assert!(warned(&stands, "away"), "{stands}");
    report(&daemon, "second");
    assert_eq!(status(&daemon)["step"]["number"], 1);
    // Killed again at once: what was away is counted once, and all of it comes back from the journal.
    daemon.kill();
    let daemon = start.ready();
    let again = status(&daemon);
    assert!((hours_left(&again) - hours_left(&stands)).abs() < 0.1, "{again}");
    assert_eq!(again["step"]["number"], 1);
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_takes_no_step_and_ends_no_test() {
    let (folder, workshop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(shim) = ClockShim::new(workshop.path()) else { return };
    let daemon = shim.load(Start::new(program(), folder.path()).by_the_clock()).ready();
    begin(&daemon);
    let before = hours_left(&status(&daemon));
    shim.set_ahead(72 * 3_600);
    let warning = daemon.await_log("away, which counts for no rollout");
    assert_eq!(warning["level"], "WARN");
    report(&daemon, "ahead");
    shim.set_ahead(0);
    let behind = daemon.await_log("the clock is behind the journal; time stands still");
    assert_eq!(behind["level"], "WARN");
    let stands = status(&daemon);
    assert_eq!(
        (&stands["step"]["number"], &stands["phase"]),
        (&1.into(), &"ab".into()),
        "{stands}"
    );
    assert!((hours_left(&stands) - before).abs() < 0.1, "{stands}");
    assert!(warned(&stands, "away") && warned(&stands, "clock_behind"), "{stands}");
}

#[test]
fn a_journal_that_is_years_ahead_goes_on_from_before() {
    let (folder, workshop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(shim) = ClockShim::new(workshop.path()) else { return };
    let start = shim.load(Start::new(program(), folder.path()).by_the_clock());
    let daemon = start.ready();
    begin(&daemon);
    shim.set_ahead(71 * 365 * 24 * 3_600);
    report(&daemon, "ahead");
    daemon.terminate();
    shim.set_ahead(0);
    let daemon = start.ready();
    let stands = status(&daemon);
    let warning = stands["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|warning| warning["code"] == "clock_behind");
    let detail = warning.expect("a warning")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("tidegate journal rewind"), "{detail}");
    daemon.terminate();

    let until = tidegate_spec::api::shown(Timestamp::from_ms(now_ms()).unwrap());
    let data = folder.path().to_str().unwrap();
    let arguments = ["journal", "rewind", "--until", until.as_str(), "--data", data];
    let told = run(&arguments);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.out.contains("40 × analysis"), "{}", told.out);
    let done = run(&[&arguments[..], &["--yes"]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("these serve control until you resume them: door (ab)"),
        "{}",
        done.out
    );
    let daemon = start.ready();
    let stands = status(&daemon);
    assert_eq!(
        (&stands["condition"], warned(&stands, "clock_behind")),
        (&"paused".into(), false),
        "{stands}"
    );
    assert_eq!(daemon.act("door", "resume").status, 200);
    report(&daemon, "ahead");
    assert_eq!(status(&daemon)["cameras"], 40);
}
