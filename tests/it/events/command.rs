//! `tidegate events` and `tidegate status --since`: what happened, over all experiments.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{BEGAN_MS, MINUTE_MS, PROGRAM, World, comparison, report, running};
use crate::command::run;

/// Two experiments: one warns at ten past, the other is held at twenty past.
fn night() -> (World, system_tests::daemon::Daemon) {
    let world = World::new(&[]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    running(&daemon, "gate", "");
    daemon.set_time(BEGAN_MS + 10 * MINUTE_MS);
    report(&daemon, &[comparison("door", 1, 100.0, 200.0)]);
    daemon.set_time(BEGAN_MS + 20 * MINUTE_MS);
    assert_eq!(daemon.act("gate", "hold").status, 200);
    (world, daemon)
}

#[test]
fn what_happened_over_all_experiments_is_told_and_the_command_ends() {
    let (_world, daemon) = night();
    let events = |arguments: &[&str]| {
        let ran = run(&[&["events", "--server", daemon.address()], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        (ran.out, ran.err)
    };
    let kinds = |arguments: &[&str]| -> Vec<String> {
        let (out, _) = events(arguments);
        out.lines().map(|line| line.split("  ").nth(2).unwrap().to_owned()).collect()
    };
    let (defined, step, warning) = ("experiment_defined", "phase_changed", "latency_warning");
    assert_eq!(kinds(&[]), [defined, step, defined, step, warning, step]);
    assert_eq!(kinds(&["--since", "2026-03-02T08:10:00Z"]), [warning, step]);
    assert_eq!(kinds(&["--since", "2026-03-02T08:10:00.001Z"]), [step]);
    assert_eq!(kinds(&["--experiment", "door"]), [defined, step, warning]);
    assert_eq!(kinds(&["--types", "latency_warning,alarm"]), [warning]);
    // The time of the test is long ago.
    assert_eq!(events(&["--since", "1h"]), (String::new(), "nothing happened\n".to_owned()));
    let (told, _) = events(&["--types", "phase_changed", "--experiment", "gate"]);
    let last = "2026-03-02T08:20:00Z  gate run 1  phase_changed  shadow → shadow (held)  hold by ";
    assert!(told.lines().last().unwrap().starts_with(last), "{told}");
    let (json, _) = events(&["--format", "json"]);
    let ids: Vec<u64> = json
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert!(ids.len() == 6 && ids.is_sorted(), "{json}");
    for (arguments, told) in [
        (
            ["--types", "alarms"],
            "`alarms` is no type; did you mean `alarm`? Allowed: phase_changed,",
        ),
        (["--since", "yesterday"], "a length such as 12h"),
        (["--experiment", "a b"], "has the character ' '"),
    ] {
        let ran = run(&[&["events", "--server", daemon.address()], &arguments[..]].concat());
        assert!(ran.code == 2 && ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn the_morning_s_question_has_the_warnings_too() {
    let (_world, daemon) = night();
    let since = ["status", "--since", "2026-03-02T08:05:00Z", "--server", daemon.address()];
    let ran = run(&since);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let at = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text}: {}", ran.out));
    assert!(at("door run 1  latency_warning  In 1 of 1") < at("shadow → shadow (held)"));
    assert!(!ran.out.contains("draft → shadow"), "{}", ran.out);
    let ran = run(&[&since[..], &["--format", "json"]].concat());
    let lines: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of: Vec<&str> = lines.iter().map(|line| line["experiment"].as_str().unwrap()).collect();
    assert_eq!(of, ["door", "gate"], "{}", ran.out);
}

#[test]
fn who_follows_sees_what_comes() {
    let (_world, daemon) = night();
    let mut following = Command::new(PROGRAM)
        .args(["events", "--follow", "--types", "phase_changed", "--server", daemon.address()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || lines.next().expect("a line").unwrap();
    assert!([next(), next(), next()][2].contains("shadow (held)"));
    daemon.act("gate", "roll_back");
    assert!(next().contains("rolled_back"));
    following.kill().unwrap();
    following.wait().unwrap();
}
