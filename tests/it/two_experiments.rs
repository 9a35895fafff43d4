//! One request about two experiments: what happens to one is told of that one.

use serde_json::{Value, json};
use system_tests::daemon::Start;

const START_MS: i64 = 1_772_323_200_000;

fn analysis(experiment: &str, number: u32, variant: &str) -> Value {
    let mut analysis = json!({
        "type": "analysis", "experiment": experiment, "id": format!("{experiment}-{number}"),
        "camera_id": format!("camera-{}", number % 10), "variant": variant, "run": 1,
    });
    if variant == "treatment" {
        analysis["error"] = true.into();
    } else {
        analysis["latency_ms"] = 100.into();
        analysis["score"] = 10.into();
    }
    analysis
}

#[test]
fn a_rollback_is_told_of_the_experiment_that_was_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    daemon.set_time(START_MS);
    for key in ["east", "west"] {
        let toml = format!(
            "key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n"
        );
        assert_eq!(daemon.define(key, &toml).status, 201);
        assert_eq!(daemon.act(key, "start").status, 200);
    }
    // East fails whenever it is treated; of west comes one good report, the last.
    let fails = |n: u32| n % 2 == 1 || n >= 40;
    let east = (0..80).map(|n| analysis("east", n, if fails(n) { "treatment" } else { "control" }));
    let batch: Value = east.chain([analysis("west", 0, "control")]).collect();
    let reply = daemon.post("/v1/observations", &batch);
    assert_eq!((reply.status, &reply.body["rejected"]), (200, &0.into()), "{}", reply.text);
    let line = daemon.await_log("rolled back");
    assert_eq!(line["experiment"], "east", "{line}");
    let phase =
        |key: &str| daemon.get(&format!("/v1/experiments/{key}/status")).body["phase"].clone();
    assert_eq!((phase("east"), phase("west")), ("rolled_back".into(), "ab".into()));
    let history = |key: &str| daemon.get(&format!("/v1/experiments/{key}/history")).text;
    assert!(history("east").contains("rolled_back") && !history("west").contains("rolled_back"));
}
