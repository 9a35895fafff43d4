//! `tidegate experiment` against a daemon.

use serde_json::{Value, json};
use system_tests::fake_daemon::{FakeDaemon, Reply};

use crate::command::{Ran, run, tidegate};
use crate::samples;

/// Runs `tidegate experiment` against the daemon.
fn experiment(daemon: &FakeDaemon, arguments: &[&str]) -> Ran {
    let url = daemon.url();
    let mut all = vec!["experiment"];
    all.extend(arguments);
    all.extend(["--server", &url]);
    run(&all)
}

#[test]
fn create_sends_the_file_as_it_is_under_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let toml = "# mine\nkey = \"site/door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n";
    let json = r#"{"key": "door", "control": "v1", "treatment": "v2"}"#;
    let daemon = FakeDaemon::new([
        Reply::ok(samples::detail("site/door")),
        Reply::ok(samples::detail("door")),
    ]);
    for (name, text, path, media_type) in [
        ("a.toml", toml, "site%2Fdoor", "application/toml"),
        ("a.json", json, "door", "application/json"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let create = ["create", file.to_str().unwrap(), "--actor", "ann", "--reason", "a & b"];
        let ran = experiment(&daemon, &create);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("run 2, ab (held); v1 (control) against v2"), "{}", ran.out);
        assert_eq!(ran.err, "! few_cameras: 8 cameras see little\n");
        let asked = daemon.next();
        assert_eq!(asked.line, format!("PUT /v1/experiments/{path}?actor=ann&reason=a%20%26%20b"));
        assert_eq!(asked.header("content-type"), Some(media_type));
        assert_eq!(asked.body, text);
    }
}

#[test]
fn what_a_definition_would_change_is_said_and_nothing_defined() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("door.toml");
    std::fs::write(&file, "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n").unwrap();
    let file = file.to_str().unwrap();
    let mut answer = samples::detail("door");
    answer["dry_run"] = true.into();
    answer["changes"] = json!([{"setting": "ab.treatment_percentage", "from": "0.5", "to": "0.2"}]);
    answer["effects"] = json!(["Until it is started, run 1 goes on serving `v1` (completed)"]);
    answer["warnings"] = json!([{"code": "control_changes", "detail": "the control is `v1`"}]);
    let daemon = FakeDaemon::new([&answer, &answer, &answer].map(Reply::ok));
    let changes = "ab.treatment_percentage: 0.5 → 0.2\n";
    let effect = "Until it is started, run 1 goes on serving `v1` (completed)\n";
    let ran = experiment(&daemon, &["diff", file]);
    assert_eq!((ran.code, ran.out), (0, format!("{changes}{effect}")), "{}", ran.err);
    assert_eq!(ran.err, "! control_changes: the control is `v1`\n");
    let ran = experiment(&daemon, &["create", file, "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("would be defined: door: run 2"), "{}", ran.out);
    assert!(ran.out.ends_with(&format!("  {changes}  {effect}")), "{}", ran.out);
    for _ in 0..2 {
        assert_eq!(daemon.next().line, "PUT /v1/experiments/door?dry_run=true");
    }
    // Without a reason nothing is defined, and what is accepted is named.
    assert_eq!(experiment(&daemon, &["create", file]).code, 2);
    let accept = ["create", file, "--reason", "x", "--actor", "ann", "--accept", "control_changes"];
    assert_eq!(experiment(&daemon, &accept).code, 0);
    let line = "PUT /v1/experiments/door?actor=ann&reason=x&accept=control_changes";
    assert_eq!(daemon.next().line, line);
}

#[test]
fn a_file_that_is_not_valid_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "key = \"k\"\nalert_threshold = 101\n").unwrap();
    let daemon = FakeDaemon::new([]);
    let ran = experiment(
        &daemon,
        &["create", file.to_str().unwrap(), "--reason", "a try", "--actor", "ann"],
    );
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("alert_threshold") && ran.err.contains("control"), "{}", ran.err);
    assert_eq!(daemon.asked(), []);
}

#[test]
fn what_show_prints_is_an_experiment_file() {
    let detail = samples::detail("door");
    let daemon = FakeDaemon::new([Reply::ok(&detail), Reply::ok(&detail)]);
    let ran = experiment(&daemon, &["show", "door"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let read = tidegate_spec::ExperimentFile::parse(&ran.out).unwrap();
    assert_eq!(read.definition.experiment().key.as_str(), "door");
    assert!(ran.out.starts_with("# door: run 2, ab (held)"), "{}", ran.out);
    let ran = experiment(&daemon, &["show", "door", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), detail);
    assert_eq!(daemon.next().line, "GET /v1/experiments/door");
}

#[test]
fn list_prints_one_line_an_experiment() {
    let all = json!({"experiments": [samples::summary("door"), samples::summary("gate")]});
    let none = json!({"experiments": []});
    let daemon = FakeDaemon::new([Reply::ok(&all), Reply::ok(&all), Reply::ok(none)]);
    let ran = experiment(&daemon, &["list"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.out);
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(words, ["gate", "2", "ab", "(held)", "2026-03-01T12:00:00Z", "v1", "v2"]);
    let ran = experiment(&daemon, &["list", "--format", "json"]);
    let keys = ran.out.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_owned()
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["door", "gate"]);
    let ran = experiment(&daemon, &["list"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("tidegate experiment create"), "{}", ran.err);
}

#[test]
fn every_action_is_asked_for_with_reason_and_actor() {
    let actions = [
        ("start", "start"),
        ("pause", "pause"),
        ("resume", "resume"),
        ("hold", "hold"),
        ("advance", "advance"),
        ("complete", "complete"),
        ("roll-back", "roll_back"),
        ("stop", "stop"),
    ];
    let done = json!({"decisions": [samples::step(1, "draft", "shadow")],
                      "status": samples::status("shadow", "clear", ["pass", "pass"])});
    let daemon = FakeDaemon::new(actions.map(|_| Reply::ok(&done)));
    for (command, action) in actions {
        let mut arguments = vec![command, "door", "--reason", "it \"works\"", "--actor", "ann"];
        let mut expected = json!({"action": action, "reason": "it \"works\"", "actor": "ann"});
        if command == "advance" {
            arguments.extend(["--to", "step", "--accept", "inconclusive", "--revision", "7"]);
            expected["expected_phase"] = "step".into();
            expected["accept"] = "inconclusive".into();
            expected["expected_revision"] = 7.into();
        }
        let ran = experiment(&daemon, &arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        if command == "advance" {
            assert!(ran.out.contains("error_rate says"), "{}", ran.out);
        }
        let evidence = |line: &&str| !line.starts_with("     ");
        let out: String = ran.out.lines().filter(evidence).flat_map(|line| [line, "\n"]).collect();
        assert_eq!(
            out,
            "  1  2026-03-01T12:00:00Z  draft → shadow  start by ann: first try\n\
             door is now shadow\nnext: the A/B test ends, then its last feedback is awaited\n"
        );
        let asked = daemon.next();
        assert_eq!(asked.line, "POST /v1/experiments/door/actions");
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(body, expected);
    }
}

#[test]
fn the_actor_is_the_user_and_nobody_cannot_act() {
    let done = json!({"decisions": [], "status": samples::status("ab", "clear", ["pass", "pass"])});
    let daemon = FakeDaemon::new([Reply::ok(done)]);
    let url = daemon.url();
    let act = |user: Option<&str>| {
        let mut command = tidegate();
        command.args(["experiment", "hold", "door", "--reason", "wait", "--server", &url]);
        command.env_remove("USER").env_remove("LOGNAME");
        if let Some(user) = user {
            command.env("LOGNAME", user);
        }
        Ran::from(command.output().unwrap())
    };
    let nobody = act(None);
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("--actor"), "{}", nobody.err);
    assert_eq!(act(Some("bob")).code, 0);
    let asked = daemon.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].body.contains(r#""actor":"bob""#), "{}", asked[0].body);
}

#[test]
fn a_reason_that_is_none_is_not_sent() {
    let daemon = FakeDaemon::new([]);
    for reason in ["", "  ", "two\nlines", &"x".repeat(1_001)] {
        let ran = experiment(&daemon, &["stop", "door", "--actor", "ann", "--reason", reason]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("1 to 1000 bytes"), "{}", ran.err);
    }
    let ran = experiment(&daemon, &["stop", "door", "--actor", "ann"]);
    assert!(ran.code == 2 && ran.err.contains("--reason"), "{}", ran.err);
    assert_eq!(daemon.asked(), []);
}

#[test]
fn history_goes_through_every_page() {
    let page =
        |steps: [Value; 2], next: Option<&str>| Reply::ok(json!({"items": steps, "next": next}));
    let first = || {
        page([samples::step(1, "draft", "shadow"), samples::step(2, "shadow", "ab")], Some("2/2+x"))
    };
    let last = || {
        page(
            [samples::step(3, "ab", "ab (held)"), samples::step(4, "ab (held)", "rolled_back")],
            None,
        )
    };
    let daemon = FakeDaemon::new([first(), last(), first(), last(), first(), last()]);
    let ran = experiment(&daemon, &["history", "door"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", ran.out);
    assert_eq!(lines[0], "run 2");
    assert_eq!(
        lines[4],
        "  4  2026-03-01T12:00:00Z  ab (held) → rolled_back  start by ann: first try"
    );
    let paths: Vec<String> = daemon.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        paths,
        ["GET /v1/experiments/door/history", "GET /v1/experiments/door/history?after=2%2F2%2Bx"]
    );
    let ran = experiment(&daemon, &["history", "door", "--evidence"]);
    assert_eq!(ran.out.matches("error_rate says alarm").count(), 4, "{}", ran.out);
    assert!(ran.out.contains("1000 analyses of the control, 1010 of the treatment in shadow"));
    let ran = experiment(&daemon, &["history", "door", "--format", "json"]);
    let numbers = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_history_that_goes_in_circles_ends() {
    let page = || Reply::ok(json!({"items": [], "next": "7"}));
    let daemon = FakeDaemon::new([page(), page(), page()]);
    let ran = experiment(&daemon, &["history", "door"]);
    assert_eq!(ran.code, 4);
    assert_eq!(daemon.asked().len(), 2);
}

#[test]
fn an_override_is_set_and_cleared() {
    let detail = samples::detail("door");
    let daemon = FakeDaemon::new([Reply::ok(&detail), Reply::ok(&detail)]);
    assert_eq!(
        experiment(&daemon, &["override", "door", "hall/1", "treatment", "--actor", "ann"]).code,
        0
    );
    assert_eq!(
        experiment(
            &daemon,
            &["override", "door", "hall/1", "--clear", "--actor", "ann", "--reason", "mended"]
        )
        .code,
        0
    );
    let asked = daemon.asked();
    assert_eq!(asked[0].line, "PUT /v1/experiments/door/overrides/hall%2F1?actor=ann");
    assert_eq!(asked[0].body, r#"{"variant":"treatment"}"#);
    assert_eq!(
        asked[1].line,
        "DELETE /v1/experiments/door/overrides/hall%2F1?actor=ann&reason=mended"
    );
    assert_eq!(asked[1].body, "");
    for bad in [vec![], vec!["both"], vec!["control", "--clear"]] {
        let mut arguments = vec!["override", "door", "hall"];
        arguments.extend(bad);
        assert_eq!(experiment(&daemon, &arguments).code, 2);
    }
}
