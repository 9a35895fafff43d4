//! Harm that needs no label to be seen: a flood of alerts, in shadow and in the A/B test, and what comes after release.

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};

const START_MS: i64 = 1_772_323_200_000;
const MINUTE_MS: i64 = 60_000;
const CAMERAS: i64 = 20;

/// The control alerts on four answers in ten; the treatment scores 60 to 100 on everything.
fn score(variant: &str, number: i64) -> i64 {
    let turn = number / CAMERAS * 3 + number;
    match variant {
        "control" if turn % 10 < 6 => turn * 7 % 60,
        _ => 60 + turn * 7 % 41,
    }
}

fn started(shadow_hours: u32) -> (Daemon, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS);
    let toml = format!(
        "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = {shadow_hours}\n"
    );
    assert_eq!(daemon.define("door", &toml).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    (daemon, folder)
}

/// Lets every camera report once in three minutes, until the rollout is over or `hours` are; the minute it ended.
fn minutes_until_over(
    daemon: &Daemon,
    hours: i64,
    report: impl Fn(&str, i64) -> Value,
) -> Option<i64> {
    for minute in (0..hours * 60).step_by(3) {
        daemon.set_time(START_MS + minute * MINUTE_MS);
        let batch: Value = (0..CAMERAS)
            .map(|camera| report(&format!("camera-{camera}"), minute / 3 * CAMERAS + camera))
            .collect();
        let reply = daemon.post("/v1/observations", &batch);
        assert_eq!((reply.status, &reply.body["rejected"]), (200, &0.into()), "{}", reply.text);
        if status(daemon)["phase"] == "rolled_back" {
            return Some(minute);
        }
    }
    None
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door/status").body
}

#[test]
fn a_flood_is_rolled_back_in_shadow_and_no_camera_ever_gets_it() {
    let (daemon, _folder) = started(24);
    let compared = |camera: &str, number| {
        let side = |variant| json!({"score": score(variant, number), "latency_ms": 100});
        json!({"type": "comparison", "experiment": "door", "id": format!("event-{number}"),
               "camera_id": camera, "control": side("control"), "treatment": side("treatment")})
    };
    let minutes = minutes_until_over(&daemon, 24, compared).expect("a rollback");
    assert!(minutes < 60, "{minutes}");
    let history = daemon.get("/v1/experiments/door/history").text;
    assert!(history.contains("Alerts rose by "), "{history}");
    let status = status(&daemon);
    // What it ended on are comparisons; nobody was served the treatment.
    assert_eq!((&status["window"], &status["last"]["from"]), (&"shadow".into(), &"shadow".into()));
}

#[test]
fn a_flood_is_rolled_back_within_an_hour_of_its_test_though_nobody_labels() {
    let (daemon, _folder) = started(0);
    let cameras: Vec<String> = (0..CAMERAS).map(|camera| format!("camera-{camera}")).collect();
    let path = "/v1/experiments/door/assignments";
    let assigned = daemon.post(path, &json!({"camera_ids": cameras})).body["assignments"].clone();
    let analysed = |camera: &str, number: i64| {
        let of = |one: &&Value| one["camera_id"] == camera;
        let variant = &assigned.as_array().unwrap().iter().find(of).unwrap()["variant"];
        json!({"type": "analysis", "experiment": "door", "id": format!("event-{number}"),
               "camera_id": camera, "variant": variant, "latency_ms": 100,
               "score": score(variant.as_str().unwrap(), number)})
    };
    let minutes = minutes_until_over(&daemon, 48, analysed).expect("a rollback");
    assert!(minutes < 60, "{minutes}");
    let guardrails = status(&daemon)["guardrails"].clone();
    let of = |one: &&Value| one["guardrail"] == "alert_rise";
    let rise = guardrails.as_array().unwrap().iter().find(of).unwrap();
    assert_eq!((&rise["verdict"], &rise["unit"]), (&json!("fail"), &json!("percent")), "{rise}");
}

#[test]
fn a_release_in_which_everything_fails_serves_control_within_twelve_analyses_and_is_rolled_back() {
    let (daemon, _folder) = started(0);
    let of_camera = |number: i64, variant: &str, failed: bool| {
        let mut analysis = json!({"type": "analysis", "experiment": "door", "id": format!("{variant}-{number}"),
            "camera_id": format!("camera-{}", number % 3), "variant": variant});
        if failed {
            analysis["error"] = true.into();
        } else {
            analysis["latency_ms"] = 100.into();
        }
        json!([analysis])
    };
    assert_eq!(daemon.act("door", "advance").status, 200);
    assert_eq!(status(&daemon)["phase"], "full");
    let mut failures = 0;
    while status(&daemon)["condition"] == "clear" {
        daemon.post("/v1/observations", &of_camera(failures, "treatment", true));
        failures += 1;
        assert!(failures <= 12, "{:#}", status(&daemon));
    }
    let served =
        daemon.post("/v1/experiments/door/assignments", &json!({"camera_ids": ["camera-0"]}));
    assert_eq!(served.body["assignments"][0]["variant"], "control", "{}", served.text);
    for number in 0..3 {
        daemon.post("/v1/observations", &of_camera(number, "control", false));
    }
    assert_eq!(status(&daemon)["phase"], "rolled_back");
    assert!(daemon.get("/v1/experiments/door/history").text.contains("control_tried"));
}
