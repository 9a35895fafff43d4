//! A real daemon in a process of its own, on loopback, on any free port.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running daemon; it is killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: String,
    log: Mutex<Receiver<String>>,
    agent: Agent,
    token: Option<String>,
}

/// How a daemon is started.
#[derive(Debug, Clone)]
pub struct Start {
    program: PathBuf,
    data: PathBuf,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// An answer: its status and its body, null where it is no JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Start {
    /// A daemon of `program` with its journal in `data`, its time driven, its log at `debug`.
    pub fn new(program: impl Into<PathBuf>, data: &Path) -> Self {
        let arguments = ["--time", "driven", "--log-level", "debug"].map(str::to_owned);
        let arguments = arguments.to_vec();
        let (program, listen) = (program.into(), "127.0.0.1:0".to_owned());
        Self { program, data: data.to_owned(), listen, arguments, environment: Vec::new() }
    }

    /// By the machine's clock.
    #[must_use]
    pub fn by_the_clock(mut self) -> Self {
        self.arguments.retain(|argument| argument != "--time" && argument != "driven");
        self
    }

    /// At an address such as that of one that is gone.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        address.trim_start_matches("http://").clone_into(&mut self.listen);
        self
    }

    /// With another argument; a later one of the same name does not replace an earlier one.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it and waits until it listens.
    pub fn listening(&self) -> Daemon {
        self.try_listening().unwrap_or_else(|log| panic!("the daemon does not listen:\n{log}"))
    }

    /// Starts it and waits until it listens, or gives its log where it ends before.
    ///
    /// # Errors
    /// The log.
    pub fn try_listening(&self) -> Result<Daemon, String> {
        let mut child = Command::new(&self.program)
            .args(["serve", "--listen", &self.listen, "--data"])
            .arg(&self.data)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = child.stderr.take().expect("it is piped");
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let mut seen = String::new();
        loop {
            let Ok(line) = log.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                let _ = child.wait();
                return Err(seen);
            };
            let address = serde_json::from_str::<Value>(&line).ok().and_then(|line| {
                let listening = line["message"] == "listening";
                line["address"].as_str().filter(|_| listening).map(str::to_owned)
            });
            if let Some(address) = address {
                let agent = Agent::config_builder()
                    .http_status_as_error(false)
                    .timeout_global(Some(PATIENCE))
                    .build()
                    .into();
                let log = Mutex::new(log);
                return Ok(Daemon { child, address, log, agent, token: None });
            }
            seen.push_str(&line);
            seen.push('\n');
        }
    }

    /// Starts it and waits until it is ready.
    pub fn ready(&self) -> Daemon {
        let daemon = self.listening();
        daemon.await_log("ready");
        daemon
    }
}

impl Daemon {
    /// Where it listens, such as `http://127.0.0.1:41234`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A figure of its memory in MiB, such as `VmHWM`, the most that it ever had.
    pub fn memory_mib(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("a figure in kB") / 1024
    }

    /// Sends this token with every request.
    pub fn use_token(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    /// Waits for a log line with this message and gives it.
    pub fn await_log(&self, message: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines().recv_timeout(PATIENCE) else {
                panic!("no `{message}` in the log:\n{}", seen.join("\n"))
            };
            if let Ok(line) = serde_json::from_str::<Value>(&line)
                && line["message"] == message
            {
                return line;
            }
            seen.push(line);
        }
    }

    /// Every log line that has come and was not read before.
    pub fn log_so_far(&self) -> Vec<String> {
        self.lines().try_iter().collect()
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).expect("an answer")
    }

    /// `GET`, where the daemon may be gone.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn try_get(&self, path: &str) -> Result<Reply, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Ok(reply(request.call()?))
    }

    /// `POST` of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).expect("an answer")
    }

    /// `POST` of JSON, where the daemon may be gone.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Reply, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json");
        Ok(reply(request.send(body.to_string())?))
    }

    /// `PUT` of JSON, where the daemon may be gone.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn try_put(&self, path: &str, body: &Value) -> Result<Reply, ureq::Error> {
        let mut request = self.agent.put(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json");
        Ok(reply(request.send(body.to_string())?))
    }

    /// Defines an experiment from a file in TOML.
    pub fn define(&self, key: &str, toml: &str) -> Reply {
        let mut request = self.agent.put(format!("{}/v1/experiments/{key}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/toml");
        reply(request.send(toml).expect("an answer"))
    }

    /// Acts on an experiment; an `advance` goes on wherever it leads, whatever the evidence.
    pub fn act(&self, key: &str, action: &str) -> Reply {
        let mut body = json!({"action": action, "reason": "a test", "actor": "tester"});
        if action == "advance" {
            let status = self.get(&format!("/v1/experiments/{key}/status")).body;
            let last_step = status["step"]["number"] == status["step"]["of"];
            let over = ["grace", "expired"].iter().any(|over| status["condition"] == *over);
            body["accept"] = "failing".into();
            body["expected_phase"] = match status["phase"].as_str() {
                Some("ab") if !last_step && !over => "step".into(),
                Some("ab") => "full".into(),
                _ => "ab".into(),
            };
        }
        self.post(&format!("/v1/experiments/{key}/actions"), &body)
    }

    /// Tells it the time, in milliseconds since 1970.
    pub fn set_time(&self, ms: i64) -> Reply {
        let now = tidegate_spec::api::shown(
            tidegate_engine::time::Timestamp::from_ms(ms).expect("a time"),
        );
        self.post("/v1/time", &json!({ "now": now }))
    }

    fn lines(&self) -> MutexGuard<'_, Receiver<String>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an ended daemon still had to say.
    fn rest_of_log(&self) -> Vec<String> {
        self.lines().iter().collect()
    }

    /// Kills it on the spot, as `kill -9` does.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a process");
        self.child.wait().expect("a process");
        self.rest_of_log()
    }

    /// Ends it with SIGTERM and gives whether it ended well, and the rest of its log.
    pub fn terminate(mut self) -> (bool, Vec<String>) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("`kill`");
        assert!(told.success(), "`kill -TERM {id}`");
        let status = self.child.wait().expect("a process");
        (status.success(), self.rest_of_log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reply(response: Response<Body>) -> Reply {
    let status = response.status().as_u16();
    let mut text = String::new();
    let mut reader = response.into_body().into_reader();
    // What is cut off is seen in the text.
    let _ = reader.read_to_string(&mut text);
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Reply { status, body, text }
}
