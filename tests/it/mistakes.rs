//! What a hand mistypes, asks twice or forgets, and what it is told.

use std::path::Path;

use serde_json::json;
use system_tests::daemon::{Daemon, Start};

use crate::command::{Ran, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// A daemon with the draft `door`.
fn drafted(data: &Path) -> Daemon {
    let daemon = Start::new(PROGRAM, data).ready();
    assert_eq!(daemon.set_time(1_772_438_400_000).status, 200);
    let toml =
        "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
    assert_eq!(daemon.define("door", toml).status, 201);
    daemon
}

fn experiment(daemon: &Daemon, arguments: &[&str]) -> Ran {
    let mut all = vec!["experiment"];
    all.extend(arguments);
    all.extend(["--server", daemon.address()]);
    run(&all)
}

fn acted(daemon: &Daemon, action: &str) -> Ran {
    experiment(daemon, &[action, "door", "--reason", "try", "--actor", "ann"])
}

#[test]
fn an_action_that_is_not_allowed_names_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = drafted(folder.path());
    let refused = acted(&daemon, "pause");
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(
        refused.err.contains("`pause` is not allowed in draft, allowed: start | stop"),
        "{}",
        refused.err
    );
    assert_eq!(acted(&daemon, "start").code, 0);
    let refused = acted(&daemon, "complete");
    let allowed = "not allowed in ab, allowed: pause | hold | advance | roll_back | stop";
    assert!(refused.err.contains(allowed), "{}", refused.err);
    assert_eq!(acted(&daemon, "stop").code, 0);
    let refused = acted(&daemon, "resume");
    assert!(refused.err.contains("the run has ended"), "{}", refused.err);
}

#[test]
fn what_stands_as_asked_is_done_already() {
    for (first, words) in [
        (&["pause"][..], "ab (paused)"),
        (&["hold"], "ab (held)"),
        (&["roll-back"], "rolled_back"),
        (&["rollback"], "rolled_back"),
        (&["stop"], "stopped"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let daemon = drafted(folder.path());
        assert_eq!(acted(&daemon, "start").code, 0);
        let before = acted(&daemon, first[0]);
        assert_eq!(before.code, 0, "{}", before.err);
        let revision =
            |daemon: &Daemon| daemon.get("/v1/experiments/door/status").body["revision"].clone();
        let at = revision(&daemon);
        let again = acted(&daemon, first[0]);
        assert_eq!(again.code, 0, "{}", again.err);
        let said = format!("door was done already; it is {words}\n");
        assert!(again.out.contains(&said), "{}", again.out);
        // Who did it, and when, is said again, and nothing is done.
        assert!(again.out.contains("by ann: try"), "{}", again.out);
        assert_eq!(revision(&daemon), at);
    }
}

#[test]
fn an_override_of_a_draft_is_not_lost_by_its_next_definition() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = drafted(folder.path());
    let set = experiment(&daemon, &["override", "door", "lab", "treatment", "--actor", "ann"]);
    assert_eq!(set.code, 0, "{}", set.err);
    let before = daemon.get("/v1/experiments/door").text;
    let file = folder.path().join("door.toml");
    let create = |more: &str| {
        let text = format!("key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{more}");
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        experiment(&daemon, &["create", file, "--reason", "a longer test", "--actor", "ann"])
    };
    let refused = create("[shadow]\nduration_hours = 0\n");
    assert_eq!(refused.code, 3, "{}", refused.err);
    for words in ["overrides_lost", "camera `lab` the treatment", "assignment.overrides"] {
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    assert_eq!(daemon.get("/v1/experiments/door").text, before);
    let looked = daemon.try_put(
        "/v1/experiments/door?dry_run=true",
        &json!({"key": "door", "control": "v1", "treatment": "v2"}),
    );
    let looked = looked.unwrap();
    assert_eq!(looked.body["warnings"][0]["code"], "overrides_lost", "{}", looked.text);
    // Named, with whichever variant, or cleared first, it goes on.
    assert_eq!(create("assignment.overrides = { lab = \"control\" }\n").code, 0);
    let cleared = experiment(&daemon, &["override", "door", "lab", "--clear", "--actor", "ann"]);
    assert_eq!(cleared.code, 0, "{}", cleared.err);
    assert_eq!(create("").code, 0);
}

#[test]
fn a_daemon_listens_where_it_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).at("localhost:0").ready();
    assert_eq!(daemon.get("/healthz").status, 200);
    for wrong in ["door.example:4780", "4780", "127.0.0.1", "localhost", "localhost:70000"] {
        let refused = run(&["serve", "--listen", wrong]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        for words in [wrong, "no address with a port", "localhost:4780"] {
            assert!(refused.err.contains(words), "{}", refused.err);
        }
    }
}

#[test]
fn a_mistyped_key_is_answered_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("door.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(&["experiment", "check", file.to_str().unwrap()])
    };
    let head = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n";
    for (more, said) in [
        (
            "alertThreshold = 60\n",
            "alertThreshold is not a known key; did you mean `alert_threshold`?",
        ),
        (
            "[shadow]\nduration = 24\n",
            "shadow.duration is not a known key; did you mean `duration_hours`?",
        ),
        ("[guardrail]\nalpha = 0.05\n", "guardrail is not a known key; did you mean `guardrails`?"),
        ("colour = 1\n", "colour is not a known key, allowed: key"),
    ] {
        let ran = check(&format!("{head}{more}"));
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let daemon = drafted(folder.path().join("data").as_path());
    let answer = daemon.post(
        "/v1/observations",
        &json!([{"type": "feedback", "experiment": "door",
        "id": "e1", "lable": "correct"}, {"type": "analysis", "experiment": "door", "id": "e2",
        "camera_id": "c1", "variant": "control", "latency_ms": "820"}]),
    );
    let unknown = run(&["status", "dor", "--server", daemon.address()]);
    assert!(unknown.err.contains("`dor`; did you mean `door`?"), "{}", unknown.err);
    let unknown = experiment(&daemon, &["pause", "doors", "--reason", "x", "--actor", "ann"]);
    assert!(unknown.err.contains("did you mean `door`?"), "{}", unknown.err);
    let body = json!({"action": "rollback", "reason": "x", "actor": "ann"});
    let action = daemon.post("/v1/experiments/door/actions", &body).text;
    assert!(action.contains("did you mean `roll_back`?"), "{action}");
    let tls = run(&["status", "--server", &daemon.address().replace("http:", "https:")]);
    assert!(tls.err.contains("does not speak TLS"), "{}", tls.err);
    let detail = |n: usize| answer.body["results"][n]["detail"].as_str().unwrap().to_owned();
    assert!(detail(0).starts_with("`lable` is not a known field; did you mean `label`? Allowed:"));
    assert_eq!(detail(1), "is \"820\", allowed: a number");
}

#[test]
fn a_token_that_is_revoked_counts_no_more_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let token = |arguments: &[&str]| {
        let ran = run(&[&["token"], arguments, &["--tokens", tokens.to_str().unwrap()]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.trim().to_owned()
    };
    let ann = token(&["create", "--name", "ann", "--scopes", "admin"]);
    let start = Start::new(PROGRAM, &folder.path().join("data"));
    let mut daemon = start.with(&["--tokens", tokens.to_str().unwrap()]).listening();
    let status = |daemon: &Daemon| daemon.get("/v1/prompts").status;
    daemon.use_token(&ann);
    daemon.await_log("ready");
    assert_eq!(status(&daemon), 200);
    let bob = token(&["create", "--name", "bob", "--scopes", "read"]);
    let said = token(&["revoke", "ann"]);
    assert_eq!(
        said,
        "ann is revoked; a daemon that reads this file knows it no more within 2 seconds"
    );
    let until = |daemon: &Daemon, wanted: u16| {
        // Each is answered in some tenths of a millisecond.
        let mut answers = (0..200_000).map(|_| status(daemon));
        assert!(answers.any(|answer| answer == wanted), "never {wanted}");
    };
    until(&daemon, 401);
    daemon.use_token(&bob);
    assert_eq!(status(&daemon), 200);
    // What is no file of tokens locks nobody out, and is said.
    let whole = std::fs::read(&tokens).unwrap();
    std::fs::write(&tokens, "half of i").unwrap();
    daemon.await_log("the tokens were not read anew; those of before count");
    assert_eq!(status(&daemon), 200);
    std::fs::write(&tokens, whole).unwrap();
    token(&["revoke", "bob"]);
    until(&daemon, 401);
}

#[test]
fn the_morning_s_question_is_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = drafted(folder.path());
    assert_eq!(acted(&daemon, "start").code, 0);
    assert_eq!(daemon.set_time(1_772_438_400_000 + 8 * 3_600_000).status, 200);
    assert_eq!(
        daemon.define("gate", "key = \"gate\"\ncontrol = \"a\"\ntreatment = \"b\"\n").status,
        201
    );
    assert_eq!(daemon.set_time(1_772_438_400_000 + 9 * 3_600_000).status, 200);
    assert_eq!(acted(&daemon, "roll-back").code, 0);
    let since = |when: &str| {
        let ran = run(&["status", "--since", when, "--server", daemon.address()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    // Both experiments with where they stand, then what happened, oldest first, without what was before.
    let told = since("2026-03-02T12:00:00Z");
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    assert!(lines[1].starts_with("door") && lines[2].starts_with("gate"), "{told}");
    assert_eq!(lines[3], "since 2026-03-02T12:00:00Z:");
    let of = |text: &str| lines.iter().position(|line| line.contains(text)).expect(text);
    assert!(of("none → draft") < of("ab → rolled_back"), "{told}");
    assert!(!told.contains("draft → ab"), "{told}");
    assert!(since("2026-03-03").contains("no step was taken, nothing was defined"));
    // The time of the test is long ago.
    assert!(since("1h").contains("no step was taken"));
    let refused = run(&["status", "--since", "yesterday", "--server", daemon.address()]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("a length such as 12h"), "{}", refused.err);
}

#[test]
fn calm_is_told_of_nothing_that_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = drafted(folder.path());
    let asked = |arguments: &[&str]| run(&[arguments, &["--server", daemon.address()]].concat());
    for arguments in [&["events", "--experiment", "dor"][..], &["status", "dor", "--since", "1h"]] {
        let ran = asked(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("did you mean `door`?"), "{}", ran.err);
    }
    let ran = asked(&["status", "--since", "2999-01-01"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("lies ahead, allowed: a time that was"), "{}", ran.err);
    let file = folder.path().join("never.toml");
    std::fs::write(&file, "key = \"never\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n").unwrap();
    let ran = asked(&["experiment", "diff", file.to_str().unwrap()]);
    assert!(ran.out.contains("there is no such experiment yet"), "{}", ran.out);
}

#[test]
fn an_export_replaces_an_older_one_of_its_journal_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let daemon = drafted(&data);
    assert!(daemon.terminate().0);
    let empty = Start::new(PROGRAM, &other).ready();
    assert!(empty.terminate().0);
    let backup = folder.path().join("backup.jsonl");
    let export = |to: &Path, data: &Path| {
        run(&["journal", "export", to.to_str().unwrap(), "--data", data.to_str().unwrap()])
    };
    assert_eq!(export(&backup, &data).code, 0);
    let kept = std::fs::read(&backup).unwrap();
    let refused = export(&backup, &other);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("holds an export up to entry"), "{}", refused.err);
    assert_eq!(std::fs::read(&backup).unwrap(), kept);
    assert_eq!(export(&backup, &data).code, 0, "of its own journal it is replaced");
    let file = folder.path().join("door.toml");
    std::fs::write(&file, "key = \"door\"\n").unwrap();
    let refused = export(&file, &data);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("is there and no export"), "{}", refused.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "key = \"door\"\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left over");
}

#[test]
fn a_journal_whose_frames_are_gone_is_not_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let daemon = drafted(&data);
    assert_eq!(acted(&daemon, "start").code, 0);
    assert_eq!(acted(&daemon, "roll-back").code, 0);
    // With a snapshot, as at every end.
    assert!(daemon.terminate().0);
    std::fs::remove_file(data.join("mark")).unwrap();
    std::fs::remove_dir_all(data.join("frames")).unwrap();
    let daemon = Start::new(PROGRAM, &data).listening();
    let ready = loop {
        let reply = daemon.get("/readyz");
        if reply.body["status"] != "recovering" {
            break reply;
        }
    };
    assert!(ready.text.contains("its frames are gone, and a snapshot"), "{}", ready.text);
    let assigned = daemon.get("/v1/experiments/door/assignments/c1").body;
    assert_eq!(assigned["variant"], "control");
}

#[test]
fn a_new_journal_was_never_left() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).by_the_clock().listening();
    while daemon.get("/readyz").status != 200 {}
    let (_, log) = daemon.terminate();
    assert!(!log.join("\n").contains("away, which"), "{log:?}");
}

#[test]
fn a_daemon_whose_log_nobody_takes_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // Nobody can say which port it took.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let address = format!("http://127.0.0.1:{port}");
    // Every line fails, as on a disk that is full.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut daemon = crate::command::tidegate()
        .args(["serve", "--data", data.to_str().unwrap()])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stderr(full)
        .spawn()
        .unwrap();
    let file = folder.path().join("door.toml");
    std::fs::write(&file, "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n").unwrap();
    let mut ran = run(&["experiment", "list", "--server", &address]);
    while ran.code == 4 && daemon.try_wait().unwrap().is_none() {
        ran = run(&["experiment", "list", "--server", &address]);
    }
    let create = ["experiment", "create", file.to_str().unwrap(), "--actor", "ann"];
    let created = run(&[&create[..], &["--server", &address]].concat());
    let ended = daemon.try_wait().unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!((created.code, ended), (0, None), "{}", created.err);
}

#[test]
fn a_share_of_everything_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("door.toml");
    let text =
        "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[ab]\ntreatment_percentage = 1\n";
    std::fs::write(&file, text).unwrap();
    let ran = run(&["experiment", "check", file.to_str().unwrap()]);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("if 1 percent is meant, write 0.01"), "{}", ran.err);
}

#[test]
fn syntax_and_numbers_are_told_in_the_words_of_whoever_wrote_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    let path = file.to_str().unwrap();
    for (text, words) in [
        ("key = “door”\n", "a text stands in straight double quotes"),
        ("key: door\n", "a setting is written as name = value"),
        ("key = \"a\"\nx = 0,05\n", "a decimal comma (write a point)"),
        ("x = .05\n", "write 0.05"),
        ("x = 1.\n", "write 1.0"),
        ("x = 05\n", "does not begin with a further zero"),
        ("x = True\n", "true and false"),
        ("key = \"a\n", "not ended in its line"),
        ("x = 99999999999999999999\n", "a number is too large"),
        ("key = \"a\"\nkey = \"b\"\n", "set a second time"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = run(&["experiment", "check", path]);
        assert_eq!(ran.code, 2, "{text}");
        assert!(ran.err.contains(words), "{text}: {}", ran.err);
        for parsers in ["expected", "mantissa", "invalid type", "i128", "literal string"] {
            assert!(!ran.err.contains(parsers), "{text}: {}", ran.err);
        }
    }
    for (arguments, words) in [
        (&["experiment", "init", "--cameras", "many"][..], "is no whole number"),
        (&["experiment", "init", "--cameras", "1,000"], "is no whole number"),
        (&["experiment", "init", "--cameras", "6", "--feedback-share", "7.5%"], "is no number"),
        (&["experiment", "start", "door", "--reason", "r", "--revision", "two"], "no whole number"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
    }
    std::fs::write(&file, "a,b\n1,2\n").unwrap();
    let data = folder.path().join("data");
    let ran = run(&["journal", "import", path, "--data", data.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("line 1: is not the first of an export"), "{}", ran.err);
}
