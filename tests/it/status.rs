//! `tidegate status` against a daemon.

use serde_json::{Value, json};
use system_tests::fake_daemon::{FakeDaemon, Reply};

use crate::command::{Ran, run};
use crate::samples;

fn status(daemon: &FakeDaemon, arguments: &[&str]) -> Ran {
    let url = daemon.url();
    let mut all = vec!["status", "--server", &url];
    all.extend(arguments);
    run(&all)
}

fn ab(verdicts: [&str; 2]) -> Value {
    samples::status("ab", "held", verdicts)
}

#[test]
fn a_page_shows_phase_variants_guardrails_finding_and_what_comes_next() {
    let daemon = FakeDaemon::new([Reply::ok(ab(["inconclusive", "pass"]))]);
    let ran = status(&daemon, &["door"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let expected = "\
door: run 2, v1 (control) against v2 (treatment), sequential rule
  phase    ab (held), 31.5 h left, treatment share 50.0 % (step 2 of 3)
  salt     door/2
  traffic  17 cameras, 2010 observations, 1500 await feedback; cameras get: split

  in ab                 control     treatment
  analyses                 1000          1010
  errors             20 (2.0 %)    25 (2.5 %)
  mean latency         988.6 ms     1006.9 ms
  mean score               71.2          71.2
  alerts           400 (40.0 %)  400 (40.0 %)
  labels                    100           100
  false positives   40 (40.0 %)   42 (42.0 %)
  missed threats      2 (2.0 %)     2 (2.0 %)

  guardrail   worse by   95 % bounds       limit   evidence  to the limit            verdict
  fp_rate         +2.0  +0.0 to +4.0  5.0 points  3.2 of 50  ████████░░░░░░░░····│   inconclusive
  error_rate      -1.0  -3.5 to +1.5  5.0 points  3.2 of 50  ░░░░░░··············│   pass
  █ worse by, ░ may be with 95 % confidence, │ the limit, ▶ beyond it, ▷ may be beyond it

  finding  False alarms rose by 2.0 points
  next     2026-03-03T19:30:00Z: the A/B test ends, then its last feedback is awaited
  ! few_cameras: 8 cameras a variant see little
  outside  7 analyses, compared with nothing: 3 late, 4 overridden
";
    assert_eq!(ran.out, expected, "{}", ran.out);
    assert_eq!(daemon.next().line, "GET /v1/experiments/door/status");
}

#[test]
fn a_draft_without_numbers_has_a_page_too() {
    let mut draft = samples::status("draft", "clear", ["inconclusive", "inconclusive"]);
    draft["guardrails"] = json!([]);
    draft["next"] = json!({"at": null, "deadline": null, "sentence": "it waits for its start"});
    for side in ["control", "treatment"] {
        draft["variants"][side]["latency_ms_mean"] = Value::Null;
        draft["variants"][side]["score_mean"] = Value::Null;
    }
    draft["pairs"]["comparisons"] = 7.into();
    let daemon = FakeDaemon::new([Reply::ok(draft)]);
    let ran = status(&daemon, &["door"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("next     it waits for its start"), "{}", ran.out);
    assert!(
        ran.out.contains("in shadow 7 comparisons with 0 labels: scores 0 lower"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("guardrail"), "{}", ran.out);
}

#[test]
fn without_a_key_the_only_experiment_is_shown_and_several_are_listed() {
    let one = json!({"experiments": [samples::summary("door")]});
    let two = json!({"experiments": [samples::summary("door"), samples::summary("gate")]});
    let daemon = FakeDaemon::new([
        Reply::ok(one),
        Reply::ok(ab(["pass", "pass"])),
        Reply::ok(&two),
        Reply::ok(&two),
    ]);
    assert!(status(&daemon, &[]).out.starts_with("door: run 2"));
    let listed = status(&daemon, &[]);
    assert!(listed.out.contains("gate  "), "{}", listed.out);
    let unclear = status(&daemon, &["--watch"]);
    assert_eq!(unclear.code, 2);
    assert!(unclear.err.contains("door | gate"), "{}", unclear.err);
    assert_eq!(daemon.asked()[1].line, "GET /v1/experiments/door/status");
}

#[test]
fn json_is_the_answer_itself() {
    let answer = ab(["pass", "alarm"]);
    let daemon = FakeDaemon::new([Reply::ok(&answer)]);
    let ran = status(&daemon, &["door", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), answer);
    assert_eq!(ran.out.lines().count(), 1);
}

/// Two looks alike, a verdict that changes, a daemon that is away, a condition that changes, and the end.
fn story() -> Vec<Reply> {
    let mut later = ab(["pass", "pass"]);
    later["observations"] = 3_000.into();
    vec![
        Reply::ok(ab(["pass", "pass"])),
        Reply::ok(later),
        Reply::ok(ab(["alarm", "pass"])),
        Reply::HangUp,
        Reply::problem(503, "recovering", "the daemon is reading its journal"),
        Reply::ok(samples::status("ab", "paused", ["alarm", "pass"])),
        Reply::ok(samples::status("rolled_back", "clear", ["fail", "pass"])),
    ]
}

#[test]
fn a_watch_in_a_pipe_says_what_changes_until_the_rollout_ends() {
    let daemon = FakeDaemon::new(story());
    let ran = status(&daemon, &["door", "--watch", "--every", "10ms"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "2026-03-02T12:00:00Z  run 2  ab (held)  share 50 %  fp_rate pass, error_rate pass\n\
         2026-03-02T12:00:00Z  run 2  ab (held)  share 50 %  fp_rate alarm, error_rate pass\n\
         2026-03-02T12:00:00Z  run 2  ab (paused)  share 50 %  fp_rate alarm, error_rate pass\n\
         2026-03-02T12:00:00Z  run 2  rolled_back  share 50 %  fp_rate fail, error_rate pass  \
         False alarms rose by 2.0 points\n"
    );
    assert_eq!(ran.err.matches("waiting").count(), 1, "{}", ran.err);
    assert_eq!(daemon.asked().len(), 7);
}

#[test]
fn a_watch_in_json_prints_a_document_for_each_change() {
    let daemon = FakeDaemon::new(story());
    let ran = status(&daemon, &["door", "--watch", "--every", "10ms", "--format", "json"]);
    let conditions: Vec<String> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["condition"].to_string())
        .collect();
    assert_eq!(conditions, ["\"held\"", "\"held\"", "\"paused\"", "\"clear\""]);
}

#[test]
fn a_watch_ends_where_there_is_nothing_to_wait_for() {
    let refusal = Reply::problem(404, "unknown_experiment", "no experiment has this key");
    let daemon = FakeDaemon::new([refusal, Reply::HangUp]);
    assert_eq!(status(&daemon, &["door", "--watch"]).code, 3);
    // A daemon that never answered is not waited for.
    assert_eq!(status(&daemon, &["door", "--watch"]).code, 4);
}

#[test]
fn what_a_daemon_says_cannot_drive_the_terminal() {
    let mut answer = ab(["pass\u{1b}[2J", "pass"]);
    answer["finding"] = "\u{1b}]0;title\u{7}".into();
    answer["phase"] = "ab\u{9b}2J".into();
    let daemon = FakeDaemon::new([Reply::ok(answer)]);
    let ran = status(&daemon, &["door"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.out);
}
