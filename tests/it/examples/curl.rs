//! `examples/curl`: a rollout with curl alone.

use std::process::{Command, Stdio};

use system_tests::daemon::Start;

use crate::command::{Ran, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

#[test]
fn curl_drives_a_rollout_to_its_rollback() {
    if Command::new("curl").arg("--version").output().is_err() {
        system_tests::skipped("no curl on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let tokens = tokens.to_str().unwrap();
    let token = run(&["token", "create", "--name", "t", "--scopes", "admin", "--tokens", tokens]);
    let start = Start::new(PROGRAM, &folder.path().join("data")).with(&["--tokens", tokens]);
    let daemon = start.ready();
    let script = system_tests::repository("examples/curl/rollout.sh");
    let mut shell = Command::new("sh");
    shell.arg(script).arg("gate").stdin(Stdio::null());
    shell.env("TIDEGATE_SERVER", daemon.address()).env("NO_PROXY", "127.0.0.1");
    // Without the token it says why, and ends.
    let refused: Ran = shell.env_remove("TIDEGATE_TOKEN").output().unwrap().into();
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("\"code\":\"unauthorized\""), "{}{}", refused.out, refused.err);
    // Twice, as whoever tries it will: the second is a run of its own.
    for run in 1..=2 {
        let ran: Ran = shell.env("TIDEGATE_TOKEN", token.out.trim()).output().unwrap().into();
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        for words in [
            "start: now in shadow",
            "accepted:400,duplicate:0,rejected:0",
            "advance: now in ab",
            "now in rolled_back\nFalse alarms rose by ",
            "20 of 20 cameras get the control",
        ] {
            assert!(ran.out.contains(words), "run {run}: no `{words}` in\n{}", ran.out);
        }
    }
}
