//! Real clients in processes of their own: fetched from their registries, started, told what to ask.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::{fs, thread};

use serde_json::{Value, json};
use system_tests::daemon::PATIENCE;

use crate::packages;

/// A running client, which answers each line with one.
pub(super) struct Client {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

/// What a client says of a flag.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) value: String,
    pub(super) variant: Option<String>,
    pub(super) reason: String,
    pub(super) error: Option<String>,
    pub(super) metadata: Value,
}

/// What the caller falls back upon; no prompt version is called so.
pub(super) const DEFAULT: &str = "the caller's own";

impl Client {
    /// Starts a client and prints its versions.
    #[expect(clippy::print_stderr, reason = "the versions are worth knowing")]
    fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (lines, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let mut client = Self { child, stdin, answers };
        eprintln!("{}", client.tell(&json!({"do": "versions"})));
        client
    }

    /// Tells it what to do and gives its answer.
    pub(super) fn tell(&mut self, what: &Value) -> Value {
        writeln!(self.stdin, "{what}").expect("the client runs");
        let line = self.answers.recv_timeout(PATIENCE);
        serde_json::from_str(&line.unwrap_or_else(|_| panic!("no answer to {what}"))).unwrap()
    }

    /// Asks for the prompt version of a camera, or of none.
    pub(super) fn ask(&mut self, flag: &str, camera: Option<&str>) -> Told {
        let attributes =
            json!({"site": {"level": 2, "tags": ["indoor", null]}, "prompt_text": true});
        let answer = self.tell(&json!({
            "do": "ask", "flag": flag, "camera": camera, "default": DEFAULT,
            "attributes": attributes,
        }));
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Told {
            value: text("value").expect("a value"),
            variant: text("variant"),
            reason: text("reason").unwrap_or_default(),
            error: text("error"),
            metadata: answer["metadata"].clone(),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client in Python, where its registry can be reached.
pub(super) fn python() -> Option<Client> {
    python_in("python", &[])
}

/// The protocol's own schemas, compared by a validator in Python; they are others' and not in here.
pub(super) fn schema() -> Option<Client> {
    let Ok(protocol) = std::env::var("TIDEGATE_OFREP_SPEC") else {
        system_tests::skipped("TIDEGATE_OFREP_SPEC names no service/openapi.yaml of OFREP 0.3.0");
        return None;
    };
    python_in("schema", &[&protocol])
}

fn python_in(name: &str, arguments: &[&str]) -> Option<Client> {
    let mut command = python_command(name)?;
    command.arg(sources().join(name).join("client.py")).args(arguments);
    Some(Client::start(&mut command))
}

/// Python with the packages of a client.
pub(super) fn python_command(name: &str) -> Option<Command> {
    let listed = fs::read_to_string(sources().join(name).join("requirements.txt")).unwrap();
    let packages: Vec<&str> = listed.lines().collect();
    Some(without_proxy(system_tests::python::environment(&packages::kept().join(name), &packages)?))
}

/// A client in JavaScript, where its registry can be reached.
pub(super) fn javascript(program: &str) -> Option<Client> {
    let folder = javascript_packages()?;
    // A module finds its packages beside itself.
    for name in ["lines.mjs", program] {
        place(&folder, name, &fs::read_to_string(sources().join("javascript").join(name)).unwrap());
    }
    Some(Client::start(without_proxy("node").arg(folder.join(program))))
}

/// Runs a module beside the packages of the clients, and gives what it printed.
pub(super) fn run_javascript(name: &str, text: &str) -> Option<String> {
    let folder = javascript_packages()?;
    place(&folder, name, text);
    Some(printed(without_proxy("node").arg(folder.join(name))))
}

/// What a program prints that ends well.
pub(super) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn javascript_packages() -> Option<PathBuf> {
    packages::javascript("javascript", &sources().join("javascript"))
}

/// Puts a file in place whole, while others may read it.
fn place(folder: &Path, name: &str, text: &str) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{}-{number}.unfinished", std::process::id()));
    fs::write(&unfinished, text).unwrap();
    fs::rename(unfinished, folder.join(name)).unwrap();
}

/// A program that reaches the daemon as it is: the daemon is here, whatever else is behind a proxy.
fn without_proxy(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    command
}

/// The client in Rust, where its registry can be reached.
pub(super) fn rust() -> Option<Client> {
    let _fetching = packages::one_at_a_time();
    let target = packages::kept().join("rust");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--locked", "--manifest-path"]);
    command.arg(sources().join("rust/Cargo.toml")).arg("--target-dir").arg(&target);
    command.env("CARGO_NET_RETRY", "1");
    let built = command.output().expect("cargo");
    if !built.status.success() {
        let told = String::from_utf8_lossy(&built.stderr);
        assert!(packages::is_unreachable(&told), "{told}");
        system_tests::skipped(format_args!("the registry of crates cannot be reached: {told}"));
        return None;
    }
    Some(Client::start(&mut without_proxy(target.join("debug/openfeature-client"))))
}

fn sources() -> PathBuf {
    system_tests::repository("tests/openfeature")
}
