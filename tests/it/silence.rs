//! Silence is not goodness: a ramp whose treatment reports nothing stays where it is.

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::stream::Stream;
use tempfile::TempDir;

use crate::command::run;

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
        json!({"analyses": 0, "analyses_needed": 12, "cameras": 0, "cameras_needed": 1, "silent": false})
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

/// The states of a warning that subscribers were told, in order.
fn told(daemon: &Daemon, code: &str) -> Vec<String> {
    let mut stream = Stream::after(daemon.address(), "/v1/events?types=warning", 0);
    let mut states = Vec::new();
    while let Some(sent) = stream.next_event() {
        let event = sent.data;
        if event["data"]["code"] == code {
            states.push(event["data"]["state"].as_str().unwrap().to_owned());
            if states.last().is_some_and(|state| state == "cleared") {
                break;
            }
        }
    }
    states
}

#[test]
fn treatment_cameras_that_fall_silent_are_told_of_everywhere_until_they_report_again() {
    let (_folder, daemon) = ramp();
    daemon.set_time(START_MS + HOUR_MS / 2);
    report(&daemon, "first", "");
    for quarter in 3..=24 {
        daemon.set_time(START_MS + quarter * HOUR_MS / 4);
        report(&daemon, &quarter.to_string(), "treatment");
    }
    let logged = daemon.await_log("warning");
    assert_eq!((&logged["level"], &logged["code"]), (&"WARN".into(), &"treatment_silent".into()));
    let stands = status(&daemon);
    let warnings = stands["warnings"].as_array().unwrap();
    let silent = warnings.iter().find(|warning| warning["code"] == "treatment_silent");
    let detail = silent.expect("a warning")["detail"].as_str().unwrap();
    assert!(
        detail.contains("cameras with the treatment do not report while others do: cam-"),
        "{detail}"
    );
    let metric = "tidegate_rollout_warning{experiment=\"door\",warning=\"treatment_silent\"} 1";
    assert!(daemon.get("/metrics").text.contains(metric));
    report(&daemon, "again", "");
    daemon.set_time(START_MS + 25 * HOUR_MS / 4);
    daemon.await_log("warning is over");
    assert!(!daemon.get("/metrics").text.contains(metric));
    assert_eq!(told(&daemon, "treatment_silent"), ["raised", "cleared"]);
}

#[test]
fn a_fleet_that_stops_reporting_and_one_that_runs_what_it_was_not_assigned_are_told_of() {
    let (_folder, daemon) = ramp();
    daemon.set_time(START_MS + HOUR_MS / 2);
    report(&daemon, "first", "");
    daemon.set_time(START_MS + 4 * HOUR_MS);
    assert_eq!(daemon.await_log("warning")["code"], "reports_stopped");
    let reports: Vec<Value> = (0..200)
        .map(|number| {
            json!({"type": "analysis", "experiment": "door", "id": format!("other-{number}"),
                   "camera_id": format!("cam-{}", number % 40), "variant": "treatment", "latency_ms": 800})
        })
        .collect();
    assert_eq!(daemon.post("/v1/observations", &reports.into()).status, 200);
    daemon.set_time(START_MS + 9 * HOUR_MS / 2);
    let codes = [
        daemon.await_log("warning is over")["code"].clone(),
        daemon.await_log("warning")["code"].clone(),
    ];
    assert_eq!(codes, ["reports_stopped", "variants_disagree"]);
}

#[test]
fn what_was_known_before_the_start_is_no_finding_of_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS);
    let toml =
        "key = \"few\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[guardrails]\nenabled = false\n";
    assert_eq!(daemon.define("few", toml).status, 201);
    assert_eq!(daemon.act("few", "start").status, 200);
    let compared = json!([{"type": "comparison", "experiment": "few", "id": "e1", "camera_id": "c1",
        "control": {"score": 10, "latency_ms": 90}, "treatment": {"score": 10, "latency_ms": 90}}]);
    assert_eq!(daemon.post("/v1/observations", &compared).body["accepted"], 1);
    let warnings = daemon.get("/v1/experiments/few/status").body["warnings"].clone();
    let codes: Vec<&Value> = warnings.as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["guardrails_off", "few_cameras"]);
    let well = run(&["experiment", "doctor", "few", "--server", daemon.address()]);
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let (_folder, daemon) = ramp();
    let ask = || run(&["experiment", "doctor", "door", "--server", daemon.address()]);
    report(&daemon, "first", "");
    let well = ask();
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    assert!(well.out.contains("Nothing is wrong with what it hears."), "{}", well.out);
    for quarter in 1..=20 {
        daemon.set_time(START_MS + quarter * HOUR_MS / 4);
        report(&daemon, &quarter.to_string(), "treatment");
    }
    let ill = ask();
    assert_eq!(ill.code, 1, "{}{}", ill.out, ill.err);
    for said in [
        "! treatment_silent: ",
        "See that these cameras still detect",
        "! nothing_labelled: ",
        "  treatment  ",
        "of them silent: cam-",
    ] {
        assert!(ill.out.contains(said), "no `{said}` in\n{}", ill.out);
    }
    assert!(ill.err.contains("door: 2 findings"), "{}", ill.err);
    let unknown = run(&["experiment", "doctor", "yard", "--server", daemon.address()]);
    assert_eq!(unknown.code, 3, "{}", unknown.err);
}
