//! An experiment goes with what it serves; its history stays, and run numbers go on.

use std::path::Path;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::stream::Stream;

use crate::command::{Ran, tidegate};

const SHADOWLESS: &str =
    "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";

fn start(data: &Path) -> Daemon {
    Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), data).ready()
}

fn define(daemon: &Daemon) {
    let reply = daemon.define("door", SHADOWLESS);
    assert_eq!(reply.status, 201, "{}", reply.text);
}

fn act(daemon: &Daemon, actions: &[&str]) {
    for action in actions {
        let reply = daemon.act("door", action);
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

/// `tidegate experiment delete door`.
fn delete(daemon: &Daemon, more: &[&str]) -> Ran {
    let mut command = tidegate();
    command.args(["experiment", "delete", "door", "--actor", "ann", "--reason", "tidying up"]);
    command.args(more).args(["--server", daemon.address()]).output().unwrap().into()
}

/// That nothing serves or shows the experiment, and what is said of it.
fn assert_gone(daemon: &Daemon) {
    let base = "/v1/experiments/door";
    for path in ["", "/status", "/history", "/series", "/cameras"] {
        let reply = daemon.try_get(&format!("{base}{path}")).unwrap();
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
        assert_eq!(reply.body["code"], "unknown_experiment");
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains("was deleted at"), "{detail}");
    }
    let assigned = daemon.get(&format!("{base}/assignments/c1")).body;
    assert_eq!(
        (&assigned["variant"], &assigned["reason"]),
        (&"control".into(), &"unknown_experiment".into())
    );
    assert_eq!(daemon.get("/v1/experiments").body["experiments"], json!([]));
    let flag = daemon.post("/ofrep/v1/evaluate/flags", &json!({"context": {"targetingKey": "c1"}}));
    assert_eq!(flag.body["flags"], json!([]));
    let metrics = daemon.get("/metrics").text;
    assert!(!metrics.contains("experiment=\"door\""), "{metrics}");
}

fn history(daemon: &Daemon) -> Vec<[Value; 4]> {
    let history = daemon.get("/v1/experiments/door/history").body;
    let items = history["items"].as_array().unwrap().iter();
    let of = |item: &Value| ["run", "from", "to", "actor"].map(|name| item[name].clone());
    items.map(of).collect()
}

#[test]
fn a_deleted_draft_is_gone_and_its_successor_is_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    define(&daemon);
    let ran = delete(&daemon, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.starts_with("door is deleted, in run 1 (draft), at "), "{}", ran.out);
    assert_gone(&daemon);
    let again = delete(&daemon, &[]);
    assert_eq!(again.code, 0);
    assert!(again.out.starts_with("door was deleted already, in run 1 (draft)"), "{}", again.out);

    // Also for a daemon that reads it all again, and for one that goes on from a snapshot.
    let _ = daemon.kill();
    let daemon = start(folder.path());
    assert_gone(&daemon);
    assert!(daemon.terminate().0);
    let daemon = start(folder.path());
    assert_gone(&daemon);

    define(&daemon);
    let assigned = daemon.get("/v1/experiments/door/assignments/c1").body;
    assert_eq!(assigned["run"], 2, "late reports of run 1 are never taken for its own");
    let defined: [Value; 4] = [1.into(), "none".into(), "draft".into(), "unnamed".into()];
    let deleted: [Value; 4] = [1.into(), "draft".into(), "deleted".into(), "ann".into()];
    let anew: [Value; 4] = [2.into(), "deleted".into(), "draft".into(), "unnamed".into()];
    assert_eq!(history(&daemon), [defined, deleted, anew]);
    let _ = daemon.kill();
    let daemon = start(folder.path());
    assert_eq!(history(&daemon).len(), 3);
}

#[test]
fn what_runs_is_not_deleted_and_what_serves_its_treatment_only_where_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    define(&daemon);
    act(&daemon, &["start"]);
    let ran = delete(&daemon, &["--accept", "serves_treatment"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("is in ab: stop it or roll it back"), "{}", ran.err);
    act(&daemon, &["advance", "complete"]);
    for what in ["completed", "a draft after it"] {
        let ran = delete(&daemon, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{what}");
        assert!(ran.err.contains("run 1 serves `v2` (completed)"), "{what}: {}", ran.err);
        assert!(ran.err.contains("accept it with `serves_treatment`"), "{}", ran.err);
        assert_eq!(
            daemon.get("/v1/experiments/door/assignments/c1").body["prompt_version"],
            "v2",
            "{what}: nothing happened"
        );
        if what == "completed" {
            define_next(&daemon);
        }
    }
    let ran = delete(&daemon, &["--accept", "serves_treatment"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("No camera is told of `v2` by `door` any more"), "{}", ran.out);
    assert_gone(&daemon);
}

/// The next run, whose control is what the last one serves.
fn define_next(daemon: &Daemon) {
    let toml = SHADOWLESS.replace("\"v2\"", "\"v3\"").replace("\"v1\"", "\"v2\"");
    let reply = daemon.define("door", &toml);
    assert_eq!(reply.status, 201, "{}", reply.text);
}

#[test]
fn the_history_of_a_deleted_experiment_is_in_an_export_and_comes_back_with_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let daemon = start(&data);
    define(&daemon);
    act(&daemon, &["start", "roll_back"]);
    assert_eq!(delete(&daemon, &[]).code, 0);
    // A snapshot is taken, so that the export begins with what is kept in it.
    assert!(daemon.terminate().0);
    let export = folder.path().join("export.jsonl");
    let journal = |what: &str, data: &Path| {
        let mut command = tidegate();
        command.args(["journal", what]).arg(&export).arg("--data").arg(data);
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    journal("export", &data);
    let text = std::fs::read_to_string(&export).unwrap();
    assert!(text.contains("tidying up") && text.contains("rolled_back"), "{text}");
    journal("import", &other);
    let daemon = start(&other);
    assert_gone(&daemon);
    define(&daemon);
    let to: Vec<Value> = history(&daemon).into_iter().map(|[_, _, to, _]| to).collect();
    assert_eq!(to, ["draft", "ab", "rolled_back", "deleted", "draft"]);
}

#[test]
fn whoever_deletes_is_in_events_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    define(&daemon);
    let mut events = Stream::open(daemon.address(), "/v1/events");
    assert_eq!(delete(&daemon, &[]).code, 0);
    let event = events.next_event().unwrap().data;
    assert_eq!(
        (&event["type"], &event["experiment"]),
        (&"experiment_deleted".into(), &"door".into())
    );
    let data = json!({"from": "draft", "actor": "ann", "reason": "tidying up"});
    assert_eq!(event["data"], data);
    let logged = daemon.await_log("deleted");
    assert_eq!((&logged["actor"], &logged["reason"]), (&"ann".into(), &"tidying up".into()));
}
