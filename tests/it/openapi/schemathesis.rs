//! schemathesis asks the real daemon whatever the document allows, and what it does not.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::repository;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const SEED: &str = "20260302";
/// Requests that are drawn for each operation and phase.
const CASES: &str = "40";

/// schemathesis, where its registry can be reached.
fn program() -> Option<PathBuf> {
    let requirements =
        std::fs::read_to_string(repository("tests/openapi/requirements.txt")).unwrap();
    let packages: Vec<&str> = requirements.lines().collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let python = system_tests::python::environment(&folder, &packages)?;
    Some(python.with_file_name("st"))
}

/// Experiments in every phase, and a prompt with versions and labels.
fn prepare(daemon: &Daemon) {
    assert_eq!(daemon.post("/v1/time", &json!({"now": "2026-03-02T08:00:00Z"})).status, 200);
    let prompt =
        json!({"name": "detector", "text": "Look.\n", "actor": "ann", "label": "production"});
    assert_eq!(daemon.post("/v1/prompts", &prompt).status, 201);
    let version = json!({"text": "Look closely.\n", "actor": "ann", "label": "canary"});
    assert_eq!(daemon.post("/v1/prompts/detector/versions", &version).status, 201);
    let experiments: [(&str, &[&str]); 6] = [
        ("draft", &[]),
        ("shadow", &["start"]),
        ("ab", &["start", "advance"]),
        ("rolled_back", &["start", "roll_back"]),
        ("paused", &["start", "pause"]),
        // The last, as `production` follows a release, and the others' control is where it pointed before.
        ("full", &["start", "advance", "advance"]),
    ];
    for (key, actions) in experiments {
        // One at a time tries a prompt.
        let prompt = if matches!(key, "draft" | "full") { "prompt = \"detector\"\n" } else { "" };
        let experiment = format!("key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{prompt}");
        assert_eq!(daemon.define(key, &experiment).status, 201);
        for action in actions {
            let acted = daemon.act(key, action);
            assert_eq!(acted.status, 200, "{}", acted.text);
        }
    }
}

/// `SCHEMATHESIS_CASES` asks more.
#[test]
#[expect(clippy::print_stderr, reason = "how much was asked is worth knowing")]
fn no_request_is_answered_otherwise_than_the_document_says() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let admin = super::token(&tokens, "admin");
    let start = Start::new(PROGRAM, &folder.path().join("data"));
    let mut daemon = start.with(&["--tokens", tokens.to_str().unwrap()]).ready();
    daemon.use_token(&admin);
    prepare(&daemon);
    let cases = std::env::var("SCHEMATHESIS_CASES").unwrap_or_else(|_| CASES.to_owned());
    let report = folder.path().join("report.json");
    let ran = Command::new(program)
        .arg("--config-file")
        .arg(repository("tests/openapi/schemathesis.toml"))
        .arg("run")
        .arg(repository(super::COMMITTED))
        .args(["--url", daemon.address(), "--seed", SEED, "--max-examples", &cases, "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--workers", "1"])
        .args(["--header", &format!("Authorization: Bearer {admin}"), "--report-json-path"])
        .arg(&report)
        .env("SCHEMATHESIS_HOOKS", repository("tests/openapi/hooks.py"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let count = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap();
    let (tested, asked) = (count("/operations/tested"), count("/test_cases/generated"));
    eprintln!(
        "schemathesis {}, seed {SEED}: {tested} operations, {asked} cases, {} failures",
        report["schemathesis_version"].as_str().unwrap(),
        count("/test_cases/unique_failures"),
    );
    assert_eq!(tested, super::operations(&super::committed()).len() as u64);
    assert_eq!((count("/test_cases/unique_failures"), count("/test_cases/errored")), (0, 0));
    assert!(asked >= 2_000, "{asked}");
    assert_eq!(daemon.get("/readyz").status, 200);
}
