//! Silence is not goodness: a ramp whose treatment reports nothing stays where it is.

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

const START_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;

fn ramp() -> (TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS);
    let toml = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n[ab]\n\
                steps = [{ treatment_percentage = 0.05, dwell_hours = 2 }, { treatment_percentage = 0.2, \
                dwell_hours = 2 }, { treatment_percentage = 0.5, dwell_hours = 4 }]\n";
    assert_eq!(daemon.define("door", toml).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    (folder, daemon)
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door/status").body
}

/// Every camera reports so many times what it is assigned, but for those of the variant that is `silent`.
fn report(daemon: &Daemon, round: &str, silent: &str) {
    let cameras: Vec<String> = (0..40).map(|camera| format!("cam-{camera}")).collect();
    let asked = json!({ "camera_ids": cameras });
    let answer = daemon.post("/v1/experiments/door/assignments", &asked);
    let assigned = answer.body["assignments"].as_array().expect(&answer.text).clone();
    let reports: Vec<Value> = assigned
        .iter()
        .filter(|assigned| assigned["variant"] != silent)
        .flat_map(|assigned| {
            (0..12).map(move |number| {
                let camera = assigned["camera_id"].as_str().expect("a camera");
                json!({"type": "analysis", "experiment": "door", "id": format!("{round}-{camera}-{number}"),
                       "camera_id": camera, "variant": assigned["variant"], "latency_ms": 800})
            })
        })
        .collect();
    let reply = daemon.post("/v1/observations", &reports.into());
    assert_eq!((reply.status, &reply.body["rejected"]), (200, &0.into()), "{}", reply.text);
}

#[test]
fn a_ramp_of_which_nothing_is_heard_stays_at_its_first_step() {
    let (_folder, daemon) = ramp();
    daemon.set_time(START_MS + 12 * HOUR_MS);
    let stands = status(&daemon);
    assert_eq!(stands["step"], json!({"number": 1, "of": 3}), "{stands}");
    assert_eq!(
        stands["presence"],
        json!({"analyses": 0, "analyses_needed": 12, "cameras": 0, "cameras_needed": 1})
    );
    let next = stands["next"]["sentence"].as_str().unwrap();
    assert!(next.contains("0 of 12 treatment analyses from 0 of 1 cameras"), "{next}");
}

#[test]
fn a_ramp_whose_treatment_is_silent_stays_whatever_the_control_reports() {
    let (_folder, daemon) = ramp();
    for hours in [1, 3, 5, 7, 9, 11] {
        daemon.set_time(START_MS + hours * HOUR_MS);
        report(&daemon, &hours.to_string(), "treatment");
    }
    assert_eq!(status(&daemon)["step"]["number"], 1);
}

#[test]
fn overdue_steps_are_taken_one_at_a_time() {
    let (_folder, daemon) = ramp();
    daemon.set_time(START_MS + HOUR_MS);
    report(&daemon, "first", "");
    daemon.set_time(START_MS + 12 * HOUR_MS);
    daemon.set_time(START_MS + 13 * HOUR_MS);
    assert_eq!(status(&daemon)["step"]["number"], 2, "nothing was heard in the second step");
    report(&daemon, "second", "");
    daemon.set_time(START_MS + 14 * HOUR_MS);
    assert_eq!(status(&daemon)["step"]["number"], 3);
}

#[test]
fn a_split_is_judged_by_those_that_reported_since_the_last_step() {
    let (_folder, daemon) = ramp();
    daemon.set_time(START_MS + HOUR_MS);
    report(&daemon, "first", "");
    let units = |stands: &Value| stands["split"]["units"].clone();
    let first = units(&status(&daemon))["treatment"].as_u64().unwrap();
    daemon.set_time(START_MS + 2 * HOUR_MS);
    daemon.set_time(START_MS + 2 * HOUR_MS + 1);
    let stands = status(&daemon);
    assert_eq!(
        (&stands["step"]["number"], &stands["split"]),
        (&2.into(), &Value::Null),
        "{stands}"
    );
    report(&daemon, "second", "control");
    let stands = status(&daemon);
    assert_eq!(units(&stands)["control"], 0, "{stands}");
    report(&daemon, "third", "treatment");
    let stands = status(&daemon);
    let treated = units(&stands)["treatment"].as_u64().unwrap();
    assert_eq!(units(&stands)["control"].as_u64().unwrap() + treated, 40, "{stands}");
    assert!(stands["split"]["clean"] == true && treated > first, "{stands}");
}
