//! `tidegate record` against a daemon.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use system_tests::fake_daemon::{Asked, FakeDaemon, Reply};

use crate::command::{Ran, run, run_with_input, tidegate};

/// A folder with observations of which every line differs.
struct Recording {
    folder: tempfile::TempDir,
}

impl Recording {
    fn of(lines: usize) -> Self {
        let lines: Vec<String> = (1..=lines).map(|n| format!("{{\"id\":\"e{n}\"}}\n")).collect();
        Self::with(&lines.concat())
    }

    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("observations.jsonl"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, daemon: &FakeDaemon, more: &[&str]) -> Vec<String> {
        let file = self.path("observations.jsonl");
        let mut arguments = vec!["record".to_owned(), file.to_str().unwrap().to_owned()];
        arguments.extend(["--server".to_owned(), daemon.url()]);
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        arguments
    }

    fn record(&self, daemon: &FakeDaemon, more: &[&str]) -> Ran {
        run(&self.arguments(daemon, more))
    }
}

fn taken(count: usize) -> Reply {
    answers(&vec!["accepted"; count])
}

fn answers(statuses: &[&str]) -> Reply {
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    let results: Vec<Value> = statuses
        .iter()
        .enumerate()
        .map(|(i, status)| match *status {
            "rejected" => json!({"status": status, "code": "invalid_field",
                                 "pointer": format!("/{i}/score"), "detail": "101 is out of range"}),
            status => json!({"status": status}),
        })
        .collect();
    Reply::ok(json!({"accepted": count("accepted"), "duplicate": count("duplicate"),
                     "rejected": count("rejected"), "results": results}))
}

/// The first and last id of a request, and how many there are.
fn ids(asked: &Asked) -> (String, String, usize) {
    let ids: Vec<String> = asked
        .body
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    (ids[0].clone(), ids[ids.len() - 1].clone(), ids.len())
}

fn span(first: usize, last: usize) -> (String, String, usize) {
    (format!("e{first}"), format!("e{last}"), last + 1 - first)
}

#[test]
fn lines_go_out_a_thousand_at_a_time() {
    let recording = Recording::of(2_100);
    let daemon = FakeDaemon::new([taken(1_000), taken(1_000), taken(100)]);
    let ran = recording.record(&daemon, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(
        ran.err,
        "2100 observations: 2100 accepted, 0 duplicate, 0 rejected, in 3 requests\n"
    );
    let asked = daemon.asked();
    let spans: Vec<_> = asked.iter().map(ids).collect();
    assert_eq!(spans, [span(1, 1_000), span(1_001, 2_000), span(2_001, 2_100)]);
    assert_eq!(asked[0].line, "POST /v1/observations");
    assert_eq!(asked[0].header("content-type"), Some("application/x-ndjson"));
}

#[test]
fn standard_input_is_read_where_no_file_is_named() {
    for arguments in [vec![], vec!["-"]] {
        let daemon = FakeDaemon::new([answers(&["accepted", "duplicate"])]);
        let url = daemon.url();
        let mut all = vec!["record", "--format", "json", "--server", &url];
        all.extend(arguments);
        let ran = run_with_input(&all, b"{\"id\":\"e1\"}\r\n\n{\"id\":\"e2\"}");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(ran.out, "{\"accepted\":1,\"duplicate\":1,\"rejected\":0,\"requests\":1}\n");
        assert_eq!(daemon.next().body, "{\"id\":\"e1\"}\n{\"id\":\"e2\"}\n");
    }
}

#[test]
fn rejected_lines_are_told_with_their_number_and_do_not_hold_up_the_rest() {
    let recording =
        Recording::with("{\"id\":\"e1\"}\n\nno json\n{\"id\":\"e2\"}\n{\"id\":\"e3\"}\n");
    let daemon = FakeDaemon::new([answers(&["accepted", "rejected", "accepted"])]);
    let ran = recording.record(&daemon, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let told: Vec<&str> = ran.err.lines().collect();
    assert!(told[0].starts_with("tidegate: line 3: not JSON"), "{}", ran.err);
    assert_eq!(
        told[1..],
        [
            "tidegate: line 4: invalid_field at /score: 101 is out of range",
            "4 observations: 2 accepted, 0 duplicate, 2 rejected, in 1 requests",
            "tidegate: 2 lines were rejected"
        ]
    );
    assert_eq!(ids(&daemon.next()), span(1, 3));
}

#[test]
fn twenty_rejected_lines_are_told_and_all_are_counted() {
    let recording = Recording::of(50);
    let daemon = FakeDaemon::new([answers(&["rejected"; 50])]);
    let ran = recording.record(&daemon, &[]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err.matches("invalid_field").count(), 20, "{}", ran.err);
    assert!(ran.err.contains("50 rejected"), "{}", ran.err);
}

#[test]
fn a_batch_refused_for_one_line_is_cut_down_to_that_line() {
    let recording = Recording::of(4);
    let refusal = || Reply::problem(400, "malformed_body", "line 3 is odd");
    let daemon = FakeDaemon::new([refusal(), taken(2), refusal(), refusal(), taken(1)]);
    let ran = recording.record(&daemon, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("line 3: malformed_body: line 3 is odd"), "{}", ran.err);
    assert!(ran.err.contains("3 accepted, 0 duplicate, 1 rejected"), "{}", ran.err);
    let spans: Vec<_> = daemon.asked().iter().map(ids).collect();
    assert_eq!(spans, [span(1, 4), span(1, 2), span(3, 4), span(3, 3), span(4, 4)]);
}

#[test]
fn a_daemon_that_is_busy_or_away_is_tried_again_with_the_same_lines() {
    let recording = Recording::of(3);
    let busy = |status, code| Reply::problem(status, code, "later").with_header("retry-after: 0");
    let daemon = FakeDaemon::new([
        busy(503, "queue_full"),
        busy(429, "too_many_requests"),
        Reply::HangUp,
        Reply::Cut("HTTP/1.1 20"),
        Reply::Cut("HTTP/1.1 200 OK\r\ncontent-len"),
        Reply::Cut("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"accepted\":3,"),
        answers(&["duplicate", "accepted", "accepted"]),
    ]);
    let ran = recording.record(&daemon, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("trying again").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("queue_full"), "{}", ran.err);
    assert!(ran.err.contains("2 accepted, 1 duplicate, 0 rejected, in 7 requests"), "{}", ran.err);
    let bodies: Vec<String> = daemon.asked().into_iter().map(|asked| asked.body).collect();
    assert!(bodies.len() == 7 && bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn patience_ends_and_says_what_was_done() {
    let recording = Recording::of(1_500);
    let full = Reply::problem(503, "queue_full", "later").with_header("retry-after: 3600");
    let daemon = FakeDaemon::new([taken(1_000), full]);
    let ran = recording.record(&daemon, &["--retry-for", "1m"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("1000 accepted"), "{}", ran.err);
    assert!(ran.err.contains("queue_full: later"), "{}", ran.err);
    assert_eq!(daemon.asked().len(), 2);
}

#[test]
fn a_refusal_of_the_sender_is_not_tried_again() {
    let daemon = FakeDaemon::new([Reply::problem(403, "forbidden", "the token lacks record")]);
    let ran = Recording::of(3).record(&daemon, &[]);
    assert_eq!(ran.code, 3);
    assert_eq!(daemon.asked().len(), 1);
}

#[test]
fn an_answer_with_too_few_results_is_not_believed() {
    let daemon = FakeDaemon::new([taken(2)]);
    let ran = Recording::of(3).record(&daemon, &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("2 answers to 3 observations"), "{}", ran.err);
}

#[test]
fn a_killed_record_goes_on_where_it_was() {
    let recording = Recording::of(2_500);
    let progress = recording.path("progress");
    let progress = ["--progress", progress.to_str().unwrap()];
    let daemon = FakeDaemon::new([taken(1_000), Reply::Silence]);
    let mut child = tidegate()
        .args(recording.arguments(&daemon, &progress))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(ids(&daemon.next()), span(1, 1_000));
    // The second request is out, and never answered.
    assert_eq!(ids(&daemon.next()), span(1_001, 2_000));
    child.kill().unwrap();
    child.wait().unwrap();

    let daemon = FakeDaemon::new([answers(&["duplicate"; 1_000]), answers(&["rejected"; 500])]);
    let ran = recording.record(&daemon, &progress);
    assert_eq!(ran.code, 1);
    let spans: Vec<_> = daemon.asked().iter().map(ids).collect();
    assert_eq!(spans, [span(1_001, 2_000), span(2_001, 2_500)]);
    assert!(ran.err.contains("line 2001: invalid_field"), "{}", ran.err);

    // Nothing is left, until the file grows.
    let daemon = FakeDaemon::new([taken(1)]);
    let ran = recording.record(&daemon, &progress);
    assert_eq!((ran.code, daemon.asked().len()), (0, 0), "{}", ran.err);
    let file = recording.path("observations.jsonl");
    append(&file, "{\"id\":");
    let half = recording.record(&daemon, &progress);
    assert_eq!((half.code, daemon.asked().len()), (0, 0), "{}", half.err);
    assert!(half.err.contains("line 2501 is not complete"), "{}", half.err);
    append(&file, "\"e2501\"}\n");
    assert_eq!(recording.record(&daemon, &progress).code, 0);
    assert_eq!(ids(&daemon.next()), span(2_501, 2_501));
    let left: Vec<_> = std::fs::read_dir(recording.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");
}

#[test]
fn progress_of_another_file_is_refused() {
    let recording = Recording::of(10);
    let progress = recording.path("progress");
    let progress = ["--progress", progress.to_str().unwrap()];
    let daemon = FakeDaemon::new([taken(10)]);
    assert_eq!(recording.record(&daemon, &progress).code, 0);
    let shorter = "{\"id\":\"e1\"}\n";
    let other = shorter.repeat(100);
    for text in [shorter, &other] {
        std::fs::write(recording.path("observations.jsonl"), text).unwrap();
        let ran = recording.record(&daemon, &progress);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("is not the file"), "{}", ran.err);
    }
    std::fs::write(recording.path("progress"), "offset = -1").unwrap();
    assert_eq!(recording.record(&daemon, &progress).code, 2);
    let ran = run_with_input(&["record", "-", "--progress", "x"], b"");
    assert!(ran.code == 2 && ran.err.contains("--progress needs FILE"), "{}", ran.err);
    assert_eq!(daemon.asked().len(), 1);
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
