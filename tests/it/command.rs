//! Runs the real command.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            // A process killed by a signal, as by a panic that aborts, has no code.
            code: output.status.code().expect("the command ends by itself"),
            out: String::from_utf8(output.stdout).expect("answers are UTF-8"),
            err: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }
}

pub(crate) fn tidegate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-under-test"));
    // Whoever runs the tests may use a daemon of their own.
    for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_TOKEN_FILE", "TIDEGATE_CA"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    let ran: Ran = tidegate().args(arguments).stdin(Stdio::null()).output().unwrap().into();
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

pub(crate) fn run_with_input(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = tidegate()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // The command may end before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let ran: Ran = output.into();
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

/// Replays `records` with files of `scenarios/replay`.
pub(crate) fn replay(records: &Path, experiment: &str, map: &str, more: &[&str]) -> Ran {
    let folder = system_tests::repository("scenarios/replay");
    let experiment = folder.join(format!("{experiment}.experiment.toml"));
    let map = folder.join(format!("{map}.map.toml"));
    let mut arguments = vec!["replay".into(), records.as_os_str().to_owned()];
    arguments.extend(["--experiment".into(), experiment.into(), "--map".into(), map.into()]);
    arguments.extend(more.iter().map(Into::into));
    run(&arguments)
}
