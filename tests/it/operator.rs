//! What an operator cannot do by accident, and what a status shows them.

use std::path::Path;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Reply, Start};

use crate::command::run;

const BEGAN_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;

fn start(data: &Path) -> Daemon {
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), data).ready();
    assert_eq!(daemon.set_time(BEGAN_MS).status, 200);
    daemon
}

fn defined(data: &Path, more: &str) -> Daemon {
    let daemon = start(data);
    let toml = format!("key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{more}");
    let reply = daemon.define("door", &toml);
    assert_eq!(reply.status, 201, "{}", reply.text);
    daemon
}

/// Asks for an action with these fields besides.
fn ask(daemon: &Daemon, action: &str, more: &Value) -> Reply {
    let mut body = json!({"action": action, "reason": "a test", "actor": "tester"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    daemon.post("/v1/experiments/door/actions", &body)
}

fn acted(daemon: &Daemon, action: &str, more: &Value) -> Value {
    let reply = ask(daemon, action, more);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door/status").body
}

fn report(daemon: &Daemon, observations: &[Value]) {
    for some in observations.chunks(1_000) {
        let answer = daemon.post("/v1/observations", &some.into()).body;
        assert_eq!(answer["accepted"], some.len(), "{answer}");
    }
}

/// Comparisons of 20 cameras; the treatment fails in every `fails`-th of each, and each second one is labelled.
fn comparisons(number: usize, fails: usize) -> Vec<Value> {
    let mut reported = Vec::new();
    for event in 0..number {
        let (id, camera) = (format!("e{event}"), format!("c{}", event % 20));
        let good = json!({"latency_ms": 900, "score": 70});
        let treatment = if event / 20 % fails == 0 { json!({"error": true}) } else { good.clone() };
        reported.push(json!({"type": "comparison", "experiment": "door", "id": id,
                             "camera_id": camera, "control": good, "treatment": treatment}));
        if event % 2 == 0 {
            reported.push(json!({"type": "feedback", "experiment": "door", "id": id,
                                 "label": "correct"}));
        }
    }
    reported
}

#[test]
fn a_script_that_advances_twice_releases_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "");
    acted(&daemon, "start", &json!({}));
    // Nothing was compared yet.
    let refused = ask(&daemon, "advance", &json!({}));
    assert_eq!((refused.status, &refused.body["code"]), (409, &"evidence_not_accepted".into()));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("the evidence for going to ab is inconclusive"), "{detail}");
    assert!(detail.contains("nothing to compare yet") && detail.contains("24.0 h"), "{detail}");
    let accepted = json!({"expected_phase": "ab", "accept": "inconclusive"});
    assert_eq!(acted(&daemon, "advance", &accepted)["decisions"][0]["accepted"], "inconclusive");
    // Twice the same is done once, and the old form never releases to everybody.
    let again = acted(&daemon, "advance", &accepted);
    assert_eq!((&again["already"], &again["decisions"]), (&true.into(), &json!([])));
    let refused = ask(&daemon, "advance", &json!({}));
    assert_eq!((refused.status, &refused.body["code"]), (409, &"unexpected_phase".into()));
    assert!(refused.text.contains("releases the treatment to every camera"), "{}", refused.text);
    for (more, code) in [
        (json!({"expected_phase": "step"}), "unexpected_phase"),
        (json!({"expected_phase": "full"}), "evidence_not_accepted"),
        (json!({"expected_phase": "all"}), "invalid_field"),
        (json!({"expected_phase": "full", "accept": "everything"}), "invalid_field"),
    ] {
        assert_eq!(ask(&daemon, "advance", &more).body["code"], code, "{more}");
    }
    assert_eq!(ask(&daemon, "pause", &json!({"accept": "failing"})).status, 409);
    assert_eq!(status(&daemon)["phase"], "ab");
    let url = daemon.address().to_owned();
    let advance = |more: &[&str]| {
        let start = ["experiment", "advance", "door", "--reason", "go", "--actor", "ann"];
        run(&[&start[..], &["--server", &url], more].concat())
    };
    assert_eq!(advance(&[]).code, 2);
    let refused = advance(&["--to", "full"]);
    assert_eq!(refused.code, 3);
    assert!(
        refused.err.contains("is inconclusive: 48.0 h of the phase are left"),
        "{}",
        refused.err
    );
    let there = advance(&["--to", "ab"]);
    assert_eq!(there.code, 0, "{}", there.err);
    assert!(there.out.contains("door was done already; it is ab"), "{}", there.out);
    assert_eq!(advance(&["--to", "full", "--accept", "inconclusive"]).code, 0);
    assert_eq!(status(&daemon)["phase"], "full");
    let history = run(&["experiment", "history", "door", "--server", &url]);
    assert!(history.out.contains("the evidence was inconclusive, and that was accepted"));
    assert!(history.out.contains("none → draft  defined by unnamed"), "{}", history.out);
}

#[test]
fn an_action_at_a_revision_is_done_once_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "");
    let at = |revision: &Value| json!({"expected_revision": revision});
    let drafted = status(&daemon)["revision"].clone();
    acted(&daemon, "start", &at(&drafted));
    let started = status(&daemon)["revision"].clone();
    assert_ne!(started, drafted);
    let first = acted(&daemon, "hold", &at(&started));
    assert_eq!(first["already"], false);
    let again = acted(&daemon, "hold", &at(&started));
    assert_eq!((&again["already"], &again["decisions"]), (&true.into(), &first["decisions"]));
    // Another action at that revision was decided by somebody who did not know of the first.
    let refused = ask(&daemon, "stop", &at(&started));
    assert_eq!((refused.status, &refused.body["code"]), (409, &"revision_conflict".into()));
    assert_eq!(ask(&daemon, "stop", &at(&json!(u64::MAX))).status, 409);
    // An `advance` elsewhere is no repetition of this one.
    let to = |phase: &str, revision: &Value| json!({"expected_phase": phase, "accept": "failing", "expected_revision": revision});
    let after_hold = status(&daemon)["revision"].clone();
    acted(&daemon, "advance", &to("ab", &after_hold));
    assert_eq!(acted(&daemon, "advance", &to("ab", &after_hold))["already"], true);
    assert_eq!(ask(&daemon, "advance", &to("full", &after_hold)).body["code"], "revision_conflict");
    assert_eq!(status(&daemon)["phase"], "ab");
    // And so it is after a restart. The hold stands no longer: whoever asks for it would else believe that it does.
    let _ = daemon.kill();
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), folder.path()).ready();
    assert_eq!(ask(&daemon, "hold", &at(&started)).body["code"], "revision_conflict");
    acted(&daemon, "hold", &json!({}));
    assert_eq!(acted(&daemon, "hold", &at(&started))["already"], true);
    let (url, started) = (daemon.address().to_owned(), started.to_string());
    let hold =
        ["experiment", "hold", "door", "--reason", "wait", "--actor", "ann", "--server", &url];
    let ran = run(&[&hold[..], &["--revision", &started]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("was done already; it is ab"), "{}", ran.out);
}

#[test]
fn an_action_that_was_undone_since_is_not_done_already() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "");
    let at = |revision: &Value| json!({"expected_revision": revision});
    let drafted = status(&daemon)["revision"].clone();
    acted(&daemon, "start", &at(&drafted));
    let seen = status(&daemon)["revision"].clone();
    acted(&daemon, "pause", &at(&seen));
    let paused = status(&daemon)["revision"].clone();
    assert_eq!(acted(&daemon, "pause", &at(&seen))["already"], true);
    acted(&daemon, "resume", &at(&paused));
    for (action, revision) in [("pause", &seen), ("pause", &seen)] {
        let refused = ask(&daemon, action, &at(revision));
        assert_eq!((refused.status, &refused.body["code"]), (409, &"revision_conflict".into()));
    }
    // It goes on since then, as the resumption wanted.
    assert_eq!(acted(&daemon, "resume", &at(&paused))["already"], true);
    acted(&daemon, "roll_back", &json!({}));
    for (action, revision) in [("resume", &paused), ("start", &drafted)] {
        assert_eq!(ask(&daemon, action, &at(revision)).body["code"], "revision_conflict");
    }
}

#[test]
fn a_hold_before_a_gate_that_a_person_opens_is_not_told_to_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "[shadow]\ngate = \"manual\"\n");
    acted(&daemon, "start", &json!({}));
    acted(&daemon, "hold", &json!({}));
    let next = status(&daemon)["next"]["sentence"].to_string();
    assert!(next.contains("until somebody advances it"), "{next}");
}

#[test]
fn a_rollback_in_shadow_shows_what_it_rests_on() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "");
    acted(&daemon, "start", &json!({}));
    // Errors in shadow are judged by stretches of ten minutes.
    for stretch in 1..=24 {
        daemon.set_time(BEGAN_MS + stretch * HOUR_MS / 6);
        let mut some = comparisons(60, 2);
        for observation in &mut some {
            observation["id"] = format!("{stretch}-{}", observation["id"].as_str().unwrap()).into();
        }
        if status(&daemon)["phase"] == "shadow" {
            let answer = daemon.post("/v1/observations", &some.into());
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    let status = status(&daemon);
    assert_eq!((&status["phase"], &status["window"]), (&"rolled_back".into(), &"shadow".into()));
    assert!(status["variants"]["treatment"]["errors"].as_u64().unwrap() > 50, "{status}");
    assert_eq!(status["treatment_share"], 0.0);
    let errors = status["guardrails"].as_array().unwrap().iter();
    let errors = errors.clone().find(|judged| judged["guardrail"] == "error_rate").unwrap();
    assert_eq!(errors["verdict"], "fail");
    let finding = status["finding"].as_str().unwrap();
    assert!(
        finding.starts_with("Errors rose by") && finding.contains("(95 % bounds [+"),
        "{finding}"
    );
    let last = &status["last"];
    assert_eq!((&last["from"], &last["cause"]), (&"shadow".into(), &"guardrail".into()));
    assert_eq!(last["reason"], status["finding"]);
    // What no rate allows is not said: the control never failed, so errors cannot have fallen.
    for judged in status["guardrails"].as_array().unwrap() {
        if judged["unit"] == "points" && judged["change"].is_number() {
            assert!(judged["high_95"].as_f64().unwrap() <= 100.0, "{judged}");
            assert!(judged["low_95"].as_f64().unwrap() >= 0.0, "{judged}");
        }
    }
    let page = run(&["status", "door", "--server", daemon.address()]).out;
    assert!(
        page.contains("in shadow") && page.contains("shadow → rolled_back  guardrail: Errors"),
        "{page}"
    );
    assert!(page.contains("█ worse by, ░ may be with 95 % confidence"), "{page}");
}

#[test]
fn shares_and_labels_are_those_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(folder.path(), "");
    acted(&daemon, "start", &json!({}));
    report(&daemon, &comparisons(100, 1_000)[..]);
    let shadow = status(&daemon);
    assert_eq!((&shadow["treatment_share"], &shadow["open_analyses"]), (&0.0.into(), &50.into()));
    acted(&daemon, "advance", &json!({"expected_phase": "ab", "accept": "failing"}));
    let ab = status(&daemon);
    assert_eq!(
        (&ab["treatment_share"], &ab["variants"]["control"]["labels"]["total"]),
        (&0.5.into(), &0.into())
    );
    assert_eq!(ab["pairs"]["labels"], 50);
    let page = run(&["status", "door", "--server", daemon.address()]).out;
    assert!(page.contains("in shadow 100 comparisons with 50 labels"), "{page}");
    acted(&daemon, "pause", &json!({}));
    assert_eq!(status(&daemon)["treatment_share"], 0.0);
    acted(&daemon, "resume", &json!({}));
    acted(&daemon, "advance", &json!({"expected_phase": "full", "accept": "failing"}));
    assert_eq!(status(&daemon)["treatment_share"], 1.0);
}

#[test]
fn a_proof_that_waits_for_its_owner_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[shadow]\nduration_hours = 0\n[ab]\nduration_hours = 2\n\
                    [promotion]\nmode = \"manual\"\nfeedback_grace_hours = 0\n";
    let daemon = defined(folder.path(), settings);
    acted(&daemon, "start", &json!({}));
    daemon.set_time(BEGAN_MS + HOUR_MS);
    let mut reported: Vec<Value> = Vec::new();
    for event in 0..3_200 {
        let (id, camera) = (format!("e{event}"), format!("c{}", event % 80));
        let path = format!("/v1/experiments/door/assignments/{camera}");
        let variant =
            if event < 80 { daemon.get(&path).body["variant"].clone() } else { Value::Null };
        let variant =
            if event < 80 { variant } else { reported[(event % 80) * 2]["variant"].clone() };
        // The control's alarms are mostly false, the treatment's hardly ever.
        let is_false =
            if variant == "control" { event / 80 % 5 != 0 } else { event / 80 % 20 == 0 };
        let label = if is_false { "false_positive" } else { "correct" };
        reported
            .push(json!({"type": "analysis", "experiment": "door", "id": id, "camera_id": camera,
                             "variant": variant, "latency_ms": 900 + event / 80, "score": 70}));
        reported.push(json!({"type": "feedback", "experiment": "door", "id": id, "label": label}));
    }
    report(&daemon, &reported);
    daemon.set_time(BEGAN_MS + 3 * HOUR_MS);
    let status = status(&daemon);
    assert_eq!(
        (&status["phase"], &status["condition"]),
        (&"ab".into(), &"expired".into()),
        "{status}"
    );
    assert_eq!(status["last"]["cause"], "proved", "{status}");
    assert!(status["finding"].as_str().unwrap().contains("FP rate fell by"), "{status}");
    let next = status["next"]["sentence"].as_str().unwrap();
    assert!(next.starts_with("It proved itself and waits for its owner"), "{next}");
    let page = run(&["status", "door", "--server", daemon.address()]).out;
    assert!(page.contains("ab (expired), proved"), "{page}");
    // So it can be released without accepting anything, where it is said where it leads.
    acted(&daemon, "advance", &json!({"expected_phase": "full"}));
}

#[test]
fn file_command_and_daemon_divide_the_cameras_of_a_second_run_alike() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = defined(&folder.path().join("data"), "[shadow]\nduration_hours = 0\n");
    acted(&daemon, "start", &json!({}));
    acted(&daemon, "roll_back", &json!({}));
    let file = folder.path().join("door.toml");
    let toml =
        "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
    std::fs::write(&file, toml).unwrap();
    let (file, url) = (file.to_str().unwrap(), daemon.address());
    let create = ["experiment", "create", file, "--reason", "again", "--actor", "ann"];
    let created = run(&[&create[..], &["--server", url]].concat());
    assert_eq!(created.code, 0, "{}", created.err);
    assert!(created.out.contains("The salt `door/2` divides the cameras"), "{}", created.out);
    acted(&daemon, "start", &json!({}));
    assert_eq!(status(&daemon)["salt"], "door/2");
    let cameras: Vec<String> = (0..40).map(|camera| format!("c{camera}")).collect();
    let cameras: Vec<&str> = cameras.iter().map(String::as_str).collect();
    let variants = |arguments: &[&str]| -> Vec<String> {
        let ran = run(&[&["assign", "--format", "json"][..], arguments, &cameras[..]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let of = |line| serde_json::from_str::<Value>(line).unwrap()["variant"].to_string();
        ran.out.lines().map(of).collect()
    };
    let served = variants(&["--key", "door", "--server", url]);
    assert_eq!(variants(&["--experiment", file, "--run", "2"]), served);
    assert_ne!(variants(&["--experiment", file]), served);
    let shown = run(&["experiment", "show", "door", "--server", url]).out;
    let kept = folder.path().join("kept.toml");
    std::fs::write(&kept, shown).unwrap();
    assert_eq!(variants(&["--experiment", kept.to_str().unwrap()]), served);
}
