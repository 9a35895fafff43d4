//! A draft changes nothing that is served, whoever defines it is named, and what it would change can be seen before.

use std::path::Path;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::stream::Stream;

/// Where `door` is tried: `control` against `treatment`, with no shadow.
fn toml(control: &str, treatment: &str, more: &str) -> String {
    format!(
        "key = \"door\"\ncontrol = \"{control}\"\ntreatment = \"{treatment}\"\n{more}\n\
         [shadow]\nduration_hours = 0\n"
    )
}

fn start(data: &Path) -> Daemon {
    Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), data).ready()
}

fn act(daemon: &Daemon, action: &str) {
    let reply = daemon.act("door", action);
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// What a camera is served: version, reason, phase and run.
fn served(daemon: &Daemon) -> [Value; 4] {
    let answer = daemon.get("/v1/experiments/door/assignments/c1").body;
    ["prompt_version", "reason", "phase", "run"].map(|name| answer[name].clone())
}

/// Run 1 of `door`, which ended by these actions after its start.
fn ended(data: &Path, actions: &[&str]) -> Daemon {
    let daemon = start(data);
    assert_eq!(daemon.define("door", &toml("v1", "v3", "")).status, 201);
    act(&daemon, "start");
    for action in actions {
        act(&daemon, action);
    }
    daemon
}

#[test]
fn a_draft_leaves_its_predecessor_serving_until_it_is_started() {
    let ends: [(&[&str], [Value; 4]); 3] = [
        (&["advance", "complete"], ["v3".into(), "completed".into(), "completed".into(), 1.into()]),
        (&["roll_back"], ["v1".into(), "rolled_back".into(), "rolled_back".into(), 1.into()]),
        (&["stop"], ["v1".into(), "stopped".into(), "stopped".into(), 1.into()]),
    ];
    for (actions, expected) in ends {
        let folder = tempfile::tempdir().unwrap();
        let daemon = ended(folder.path(), actions);
        assert_eq!(served(&daemon), expected);
        let control = expected[0].as_str().unwrap();
        let draft = toml(control, "v4", "");
        assert_eq!(daemon.define("door", &draft).status, 201);
        assert_eq!(served(&daemon), expected, "a draft");
        // So does another definition of the draft, and one that is stopped before it was started.
        assert_eq!(daemon.define("door", &draft).status, 200);
        act(&daemon, "stop");
        assert_eq!(served(&daemon), expected, "a draft that was stopped");
        assert_eq!(daemon.define("door", &draft).status, 201);
        assert_eq!(served(&daemon), expected, "the run after it");
        let status = daemon.get("/v1/experiments/door/status").body;
        assert_eq!((&status["run"], &status["phase"]), (&3.into(), &"draft".into()));
        assert_eq!(status["serving"], expected[1]);
        let serving = json!({"run": 1, "phase": expected[2], "prompt_version": control});
        assert_eq!(status["serving_run"], serving);

        // And whether the daemon reads the journal again whole or goes on from a snapshot.
        let _ = daemon.kill();
        let daemon = start(folder.path());
        assert_eq!(served(&daemon), expected, "after a kill");
        assert!(daemon.terminate().0);
        let daemon = start(folder.path());
        assert_eq!(served(&daemon), expected, "from a snapshot");

        act(&daemon, "start");
        let [_, reason, phase, run] = served(&daemon);
        assert_eq!([reason, phase, run], [json!("split"), json!("ab"), json!(3)]);
    }
}

#[test]
fn whoever_defines_is_in_history_events_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = ended(folder.path(), &["advance", "complete"]);
    let path = "/v1/experiments/door?actor=ann&reason=v4%20is%20calmer";
    let draft =
        json!({"key": "door", "control": "v3", "treatment": "v4", "shadow": {"duration_hours": 0}});
    let reply = daemon.try_put(path, &draft).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text);
    let logged = loop {
        let line = daemon.await_log("defined");
        if line["run"] == 2 {
            break line;
        }
    };
    assert_eq!((&logged["actor"], &logged["reason"]), (&"ann".into(), &"v4 is calmer".into()));

    let override_path = "/v1/experiments/door/overrides/c9?actor=bob&reason=a%20spare";
    let reply = daemon.try_put(override_path, &json!({"variant": "control"})).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);

    // Before and after the daemon reads them back.
    let _ = daemon.kill();
    let daemon = start(folder.path());
    let history = daemon.get("/v1/experiments/door/history").body;
    let defined: Vec<&Value> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["cause"] == "defined")
        .collect();
    let said = defined.iter().map(|item| {
        let texts = ["from", "to", "actor", "reason"].map(|name| item[name].as_str().unwrap());
        (item["run"].as_u64().unwrap(), item["number"].as_u64().unwrap(), texts)
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            (1, 0, ["none", "draft", "unnamed", "no reason was given"]),
            (2, 0, ["completed", "draft", "ann", "v4 is calmer"]),
            (2, 0, ["draft", "draft", "bob", "a spare"]),
        ]
    );
    let change =
        |setting: &str, from: &str, to: &str| json!({"setting": setting, "from": from, "to": to});
    assert_eq!(
        defined[1]["changes"],
        json!([
            change("control", "\"v1\"", "\"v3\""),
            change("salt", "\"door\"", "\"door/2\""),
            change("treatment", "\"v3\"", "\"v4\""),
        ])
    );
    let wanted = "/v1/events?types=experiment_defined&last_event_id=0";
    let events = Stream::open(daemon.address(), wanted).events(3);
    let told: Vec<&Value> = events.iter().map(|sent| &sent.data).collect();
    assert_eq!(told[1]["data"]["actor"], "ann");
    assert_eq!((&told[2]["run"], &told[2]["data"]["reason"]), (&2.into(), &"a spare".into()));
}

#[test]
fn another_control_than_the_one_that_is_served_has_to_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = ended(folder.path(), &["advance", "complete"]);
    let before = daemon.get("/v1/experiments/door").text;
    let draft = json!({"key": "door", "control": "v1", "treatment": "v4"});
    let refused = daemon.try_put("/v1/experiments/door?actor=ann&reason=again", &draft).unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &"control_changes".into()));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("the control is `v1`, but run 1 serves `v3`"), "{detail}");
    // A look at it says the same and changes nothing.
    let looked = daemon.try_put("/v1/experiments/door?dry_run=true", &draft).unwrap();
    assert_eq!((looked.status, &looked.body["dry_run"]), (200, &true.into()), "{}", looked.text);
    assert_eq!(looked.body["warnings"][0]["code"], "control_changes");
    assert_eq!(looked.body["run"], 2);
    let effects = looked.body["effects"].to_string();
    assert!(effects.contains("run 1 goes on serving `v3` (completed)"), "{effects}");
    assert!(effects.contains("The salt `door/2` divides the cameras"), "{effects}");
    assert_eq!(daemon.get("/v1/experiments/door").text, before);
    let accepted = "/v1/experiments/door?accept=control_changes";
    assert_eq!(daemon.try_put(accepted, &draft).unwrap().status, 201);
    assert_eq!(served(&daemon)[0], "v3");
    let waiting = |phase: &str| {
        let status = daemon.get("/v1/experiments/door/status").body;
        assert_eq!((&status["phase"], &status["treatment_share"]), (&json!(phase), &json!(0.0)));
        let next = status["next"]["sentence"].as_str().unwrap().to_owned();
        assert!(next.contains("run 1 goes on serving v3"), "{next}");
    };
    waiting("draft");
    act(&daemon, "stop");
    waiting("stopped");
    for wrong in ["accept=all", "actor=%20", "reason=", "dry_run=maybe", "who=ann"] {
        let path = format!("/v1/experiments/door?{wrong}");
        assert_eq!(daemon.try_put(&path, &draft).unwrap().status, 400, "{wrong}");
    }
}

#[test]
fn a_control_that_production_does_not_point_to_has_to_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    for (path, key) in [("/v1/prompts", "v1"), ("/v1/prompts/door/versions", "v2")] {
        let mut version = json!({"key": key, "text": format!("Say {key}"), "actor": "ann"});
        if path == "/v1/prompts" {
            version["name"] = "door".into();
        }
        assert_eq!(daemon.post(path, &version).status, 201);
    }
    let label = json!({"version": "v2", "actor": "ann", "reason": "it is live"});
    let moved = daemon.try_put("/v1/prompts/door/labels/production", &label).unwrap();
    assert_eq!(moved.status, 200, "{}", moved.text);
    let draft = |control: &str, treatment: &str| {
        daemon.define("door", &toml(control, treatment, "prompt = \"door\""))
    };
    let refused = draft("v1", "v2");
    assert_eq!(refused.body["code"], "control_changes");
    assert!(refused.text.contains("`production` points to `v2`"), "{}", refused.text);
    assert_eq!(draft("v2", "v1").status, 201);
}
