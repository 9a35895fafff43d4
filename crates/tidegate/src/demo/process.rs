//! The daemon of a demonstration: this program, started as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon; it is killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: Receiver<String>,
    address: String,
    pub(super) client: Client,
}

impl Process {
    /// Starts it on the journal in `data`, at the address of `before` where there was one, and waits until it is ready.
    pub(super) fn start(data: &Path, before: Option<&Self>) -> Result<Self, Failure> {
        let listen = before.map_or("127.0.0.1:0", |before| before.listen());
        let program = std::env::current_exe().map_err(Failure::Program)?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", listen, "--time", "driven", "--data"])
            .arg(data)
            // What the daemon of this machine is told is not for this one.
            .env_remove("TIDEGATE_CONFIG")
            .env_remove("TIDEGATE_TOKENS")
            .env_remove("TIDEGATE_LOG_LEVEL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::Program)?;
        let (lines, log) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if lines.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let address = match await_line(&log, "listening") {
            Ok(line) => line["address"].as_str().unwrap_or_default().to_owned(),
            Err(failure) => return Err(give_up(child, failure)),
        };
        let client = match Client::local(&address) {
            Ok(client) => client,
            Err(failure) => return Err(give_up(child, failure)),
        };
        let process = Self { child, log, address, client };
        await_line(&process.log, "ready")?;
        Ok(process)
    }

    /// Where it listens, such as `http://127.0.0.1:41234`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn listen(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Kills it on the spot, as a power cut or the kernel would.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(Failure::Program)?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn give_up(mut child: Child, failure: Failure) -> Failure {
    let _ = child.kill();
    let _ = child.wait();
    failure
}

/// Waits for a log line with this message.
fn await_line(log: &Receiver<String>, message: &str) -> Result<Value, Failure> {
    let mut last = String::new();
    loop {
        let Ok(line) = log.recv_timeout(PATIENCE) else {
            return Err(Failure::Unmet(format!("the daemon does not start; its log ends: {last}")));
        };
        if let Ok(line) = serde_json::from_str::<Value>(&line)
            && line["message"] == message
        {
            return Ok(line);
        }
        last = line;
    }
}
