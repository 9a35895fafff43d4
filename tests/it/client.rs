//! How every command reaches the daemon: address, token, errors and exit codes.

use std::net::TcpListener;

use serde_json::json;
use system_tests::fake_daemon::{FakeDaemon, Reply};

use crate::command::{Ran, run, tidegate};
use crate::samples;

const SECRET: &str = "tg_0123456789abcdef";

fn list(daemon: &FakeDaemon, more: &[&str]) -> Ran {
    let url = daemon.url();
    let mut arguments = vec!["experiment", "list", "--server", &url];
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn a_token_is_sent_from_its_file_or_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let file = file.to_str().unwrap();
    let refusal = || Reply::problem(401, "unauthorized", "the token is not known");
    let daemon = FakeDaemon::new([refusal(), refusal(), refusal(), refusal()]);
    let url = daemon.url();
    let with = |name: &str, value: &str| {
        let ran: Ran = tidegate()
            .args(["experiment", "list"])
            .envs([("TIDEGATE_SERVER", url.as_str()), (name, value)])
            .output()
            .unwrap()
            .into();
        ran
    };
    let named = list(&daemon, &["--token-file", file]);
    let runs = [named, with("TIDEGATE_TOKEN", SECRET), with("TIDEGATE_TOKEN_FILE", file)];
    for ran in &runs {
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("unauthorized: the token is not known"), "{}", ran.err);
        assert!(!ran.err.contains(SECRET) && !ran.out.contains(SECRET));
    }
    assert_eq!(list(&daemon, &[]).code, 3);
    let asked = daemon.asked();
    assert_eq!(asked.len(), 4);
    for asked in &asked[..3] {
        assert_eq!(asked.line, "GET /v1/experiments");
        assert_eq!(asked.header("authorization"), Some(&*format!("Bearer {SECRET}")));
    }
    assert_eq!(asked[3].header("authorization"), None);
}

#[test]
fn a_token_is_not_sent_in_the_open_to_another_machine() {
    let ran: Ran = tidegate()
        .args(["experiment", "list", "--server", "http://192.0.2.1:4780"])
        .env("TIDEGATE_TOKEN", SECRET)
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("in the open") && !ran.err.contains(SECRET), "{}", ran.err);
}

#[test]
fn a_token_does_not_follow_a_redirect() {
    let other = FakeDaemon::new([Reply::ok(json!({"experiments": []}))]);
    let location = format!("location: {}/v1/experiments", other.url());
    let redirect = Reply::Answer { status: 307, headers: vec![location], body: String::new() };
    let daemon = FakeDaemon::new([redirect]);
    let ran = list(&daemon, &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("status 307"), "{}", ran.err);
    assert_eq!(other.asked(), []);
}

#[test]
fn problem_details_name_code_sentence_and_every_fault() {
    let body = json!({
        "type": "urn:tidegate:problem:invalid_field", "title": "Invalid field", "status": 422,
        "detail": "the experiment is not valid\u{1b}[2J", "code": "invalid_field", "request_id": "r-17",
        "faults": [{"pointer": "/ab/treatment_percentage", "detail": "1.5 is out of range, allowed: 0 to 1"},
                   {"pointer": "", "detail": "key is missing"}],
    });
    let daemon = FakeDaemon::new([Reply::Answer {
        status: 422,
        headers: Vec::new(),
        body: body.to_string(),
    }]);
    let ran = list(&daemon, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "tidegate: the daemon refused: invalid_field: the experiment is not valid\\u{1b}[2J\n  \
         /ab/treatment_percentage: 1.5 is out of range, allowed: 0 to 1\n  \
         /: key is missing\n  request r-17\n"
    );
}

#[test]
fn the_exit_code_says_whose_turn_it_is() {
    let cases = [
        (400, "malformed_body", 2),
        (403, "forbidden", 3),
        (404, "unknown_experiment", 3),
        (409, "experiment_running", 3),
        (429, "too_many_requests", 4),
        (500, "internal", 4),
        (503, "recovering", 4),
        (507, "disk_full", 4),
    ];
    let daemon = FakeDaemon::new(cases.map(|(status, code, _)| Reply::problem(status, code, "d")));
    for (_, code, exit) in cases {
        let ran = list(&daemon, &[]);
        assert_eq!(ran.code, exit, "{}", ran.err);
        assert!(ran.err.contains(&format!("{code}: d")), "{}", ran.err);
    }
}

#[test]
fn a_refused_connection_names_the_address_and_the_command_that_starts_a_daemon() {
    // A port that was free a moment ago; loopback refuses it at once.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let ran = run(&["experiment", "list", "--server", &url]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains(&url) && ran.err.contains("`tidegate serve`"), "{}", ran.err);
}

#[test]
fn an_answer_that_is_none_is_told() {
    let page = Reply::Answer { status: 502, headers: Vec::new(), body: "<html>".to_owned() };
    let daemon = FakeDaemon::new([Reply::ok("{}"), Reply::ok("<html>"), page, Reply::HangUp]);
    for expected in ["is missing", "no value stands there", "status 502", "cannot reach"] {
        let ran = list(&daemon, &[]);
        assert_eq!(ran.code, 4);
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[test]
fn an_answer_may_gain_fields() {
    let mut summary = samples::summary("door");
    summary["colour"] = "blue".into();
    let daemon = FakeDaemon::new([Reply::ok(json!({"experiments": [summary], "count": 1}))]);
    let ran = list(&daemon, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("door"), "{}", ran.out);
}

#[test]
fn bad_addresses_and_certificates_are_bad_input() {
    let ran = run(&["experiment", "list", "--server", "localhost:4780"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "not a certificate").unwrap();
    let ran = run(&["experiment", "list", "--ca", ca.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no certificate in it"), "{}", ran.err);
}

#[test]
fn a_daemon_that_speaks_no_tls_is_told_apart_from_none() {
    let daemon = FakeDaemon::new([Reply::HangUp]);
    let url = daemon.url().replace("http:", "https:");
    let ran = run(&["experiment", "list", "--server", &url]);
    assert_eq!(ran.code, 4, "{}", ran.err);
}
