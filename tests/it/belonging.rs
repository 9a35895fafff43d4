//! What a report belongs to: its run, a variant that its camera can have, and the time at which it happened.

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;
use tidegate_engine::time::Timestamp;
use tidegate_spec::api::shown;

const START_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;
const TEST_ALONE: &str = "[shadow]\nduration_hours = 0\n";
const FIRST_STEPS: &str = "[shadow]\nduration_hours = 0\n[ab]\nsteps = [{ treatment_percentage = 0.05, dwell_hours = 2 }, \
                           { treatment_percentage = 0.5, dwell_hours = 4 }]\n";

fn started(rest: &str) -> (TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS);
    define(&daemon, rest);
    assert_eq!(daemon.act("door", "start").status, 200);
    (folder, daemon)
}

fn define(daemon: &Daemon, rest: &str) {
    let toml = format!("key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{rest}");
    let reply = daemon.define("door", &toml);
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door/status").body
}

/// Cameras of which each is served this variant.
fn cameras(daemon: &Daemon, variant: &str) -> Vec<String> {
    let cameras: Vec<String> = (0..40).map(|camera| format!("cam-{camera}")).collect();
    let asked = json!({ "camera_ids": cameras });
    let answer = daemon.post("/v1/experiments/door/assignments", &asked);
    let assigned = answer.body["assignments"].as_array().expect(&answer.text).clone();
    let served = assigned.iter().filter(|assigned| assigned["variant"] == variant);
    served.map(|assigned| assigned["camera_id"].as_str().expect("a camera").to_owned()).collect()
}

fn report(id: &str, camera: &str, variant: &str, rest: &Value) -> Value {
    let mut report = json!({"type": "analysis", "experiment": "door", "id": id, "camera_id": camera, "variant": variant});
    let fields = report.as_object_mut().unwrap();
    fields.extend(rest.as_object().unwrap().clone());
    report
}

/// The codes of the answers, `accepted` where there is none.
fn answers(daemon: &Daemon, reports: Vec<Value>) -> Vec<String> {
    let reply = daemon.post("/v1/observations", &reports.into());
    let results = reply.body["results"].as_array().expect(&reply.text).clone();
    let code =
        |result: &Value| result["code"].as_str().or(result["status"].as_str()).map(str::to_owned);
    results.iter().map(|result| code(result).expect("a word")).collect()
}

/// Failures of the treatment on six of its cameras, so many that a test is rolled back.
fn failures(cameras: &[String], rest: &Value) -> Vec<Value> {
    assert!(cameras.len() >= 6, "{cameras:?}");
    (0..60)
        .map(|number| {
            let mut report =
                report(&format!("late-{number}"), &cameras[number % 6], "treatment", rest);
            report["error"] = true.into();
            report
        })
        .collect()
}

/// The control answers, which a total failure of the treatment waits for.
fn control_answers(daemon: &Daemon, round: &str) {
    let cameras = cameras(daemon, "control");
    let report = |number: usize| {
        let camera = &cameras[number % cameras.len()];
        report(&format!("{round}-{number}"), camera, "control", &json!({"latency_ms": 500}))
    };
    answers(daemon, (0..30).map(report).collect());
}

#[test]
fn a_late_report_of_another_run_does_not_roll_back_the_present_one() {
    let (_folder, daemon) = started(TEST_ALONE);
    let treated = cameras(&daemon, "treatment");
    assert_eq!(daemon.act("door", "stop").status, 200);
    define(&daemon, TEST_ALONE);
    // Served what the run before ended with, until it is started: nothing counts, and the answer says why.
    assert_eq!(answers(&daemon, failures(&treated, &json!({"run": 1})))[0], "another_run");
    assert_eq!(answers(&daemon, failures(&treated, &json!({})))[0], "not_started");
    assert_eq!(daemon.act("door", "start").status, 200);

    let late = answers(&daemon, failures(&treated, &json!({"run": 1})));
    assert!(late.iter().all(|code| code == "another_run"), "{late:?}");
    let other = answers(&daemon, failures(&treated, &json!({"prompt_version": "v3"})));
    assert!(other.iter().all(|code| code == "another_version"), "{other:?}");
    control_answers(&daemon, "first");
    assert_eq!(status(&daemon)["phase"], "ab");
    let metrics = daemon.get("/metrics").text;
    // The one batch of 60 before the start, and the one after it.
    assert!(
        metrics.contains("tidegate_observations_rejected_total{code=\"another_run\"} 120"),
        "{metrics}"
    );

    // Of the present run the same failures are what they say.
    let own = failures(&cameras(&daemon, "treatment"), &json!({"run": 2, "prompt_version": "v2"}));
    assert!(answers(&daemon, own).iter().all(|code| code == "accepted"));
    control_answers(&daemon, "second");
    assert_eq!(status(&daemon)["phase"], "rolled_back");
}

#[test]
fn feedback_of_another_run_is_refused() {
    let (_folder, daemon) = started(TEST_ALONE);
    let label = |run: u32| json!({"type": "feedback", "experiment": "door", "id": "e1", "label": "correct", "run": run});
    let camera = &cameras(&daemon, "control")[0];
    answers(&daemon, vec![report("e1", camera, "control", &json!({"score": 80}))]);
    assert_eq!(answers(&daemon, vec![label(2), label(1)]), ["another_run", "accepted"]);
}

#[test]
fn a_variant_that_the_camera_cannot_have_counts_only_where_the_run_is_named() {
    let (_folder, daemon) = started(FIRST_STEPS);
    // At the first step they have the control.
    let untreated = cameras(&daemon, "control");
    let impossible = answers(&daemon, failures(&untreated, &json!({})));
    assert!(impossible.iter().all(|code| code == "accepted"), "they are kept: {impossible:?}");
    control_answers(&daemon, "first");
    let stands = status(&daemon);
    assert_eq!(stands["phase"], "ab", "{stands}");
    assert_eq!(stands["outside"], json!({"analyses": 60, "causes": {"impossible_variant": 60}}));
    assert_eq!(stands["variants"]["treatment"]["analyses"], 0);
    let warnings = stands["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "variants_disagree"), "{stands}");

    let named: Vec<Value> = failures(&untreated, &json!({"run": 1}))
        .into_iter()
        .map(|mut report| {
            report["id"] = format!("{}-named", report["id"].as_str().unwrap()).into();
            report
        })
        .collect();
    answers(&daemon, named);
    control_answers(&daemon, "second");
    assert_eq!(status(&daemon)["phase"], "rolled_back");
}

#[test]
fn a_backlog_counts_where_it_happened() {
    let at = |hours: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
        let ms = START_MS + (hours * HOUR_MS as f64) as i64;
        shown(Timestamp::from_ms(ms).unwrap())
    };
    let (folder, daemon) = started(FIRST_STEPS);
    let treated = cameras(&daemon, "treatment");
    let untreated = cameras(&daemon, "control");
    daemon.set_time(START_MS + HOUR_MS);
    let well = |id: &str, camera: &str, observed_at: String| {
        report(id, camera, "treatment", &json!({"latency_ms": 500, "observed_at": observed_at}))
    };
    let first: Vec<Value> =
        (0..12).map(|n| well(&format!("a{n}"), &treated[n % treated.len()], at(0.5))).collect();
    answers(&daemon, first);
    daemon.set_time(START_MS + 3 * HOUR_MS);
    assert_eq!(status(&daemon)["step"]["number"], 2, "{}", status(&daemon));
    let late_treated = cameras(&daemon, "treatment");
    let newly = late_treated.iter().find(|camera| untreated.contains(camera)).expect("a camera");
    let codes = answers(
        &daemon,
        vec![
            // The camera has the treatment now, and had not when this is said to have happened.
            well("b1", newly, at(1.5)),
            well("b2", newly, at(2.9)),
            well("b3", newly, at(-0.5)),
            well("b4", newly, at(3.5)),
            well("b5", newly, at(3.01)),
            well("b6", newly, at(-168.5)),
            report(
                "b7",
                newly,
                "treatment",
                &json!({"latency_ms": 500, "observed_at": "yesterday"}),
            ),
        ],
    );
    let accepted = "accepted";
    assert_eq!(
        codes,
        [
            accepted,
            accepted,
            accepted,
            "observed_ahead",
            accepted,
            "observed_too_long_ago",
            "invalid_field"
        ]
    );
    let stands = status(&daemon);
    assert_eq!(
        stands["outside"],
        json!({"analyses": 2, "causes": {"before_start": 1, "impossible_variant": 1}})
    );
    assert_eq!(stands["variants"]["treatment"]["analyses"], 14);

    // Labels find it for as long as after it happened.
    let label = json!({"type": "feedback", "experiment": "door", "id": "b2", "label": "correct"});
    assert_eq!(answers(&daemon, vec![label]), [accepted]);

    // What is known of it survives a kill.
    let variants = status(&daemon)["variants"].clone();
    daemon.kill();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS + 3 * HOUR_MS);
    let again = status(&daemon);
    assert_eq!((&again["outside"], &again["variants"]), (&stands["outside"], &variants));
    assert_eq!(again["variants"]["treatment"]["labels"]["total"], 1, "{again}");
}
