//! What the daemon costs: processor time and rate of HTTP requests beside a bare hyper server in the same
//! run, memory, and the time to read its journal at a start.
//!
//! `cargo bench -p benches --bench daemon`. The servers are processes of their own (this program, started
//! anew); their processor time is what the kernel says of them. The journal is in `TIDEGATE_BENCH_FOLDER`,
//! or in `target`.
#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

mod load;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use load::{Request, drive};

/// Counts for the bench, and for a smoke run.
struct Size {
    requests: u64,
    batches: u64,
    journal_batches: u64,
}

const BENCH: Size = Size { requests: 60_000, batches: 1_000, journal_batches: 2_000 };
const SMOKE: Size = Size { requests: 50, batches: 2, journal_batches: 2 };
const CLIENTS: usize = 8;
const EXPERIMENT: &str = "key = \"bench\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n\
                          [guardrails]\nenabled = true\n[limits]\nopen_analyses_max = 4194304\n";

/// A server in a process of its own; killed when dropped.
struct Server {
    child: Child,
    address: String,
    /// Until it was ready.
    start: Duration,
    _log: BufReader<std::process::ChildStderr>,
}

impl Server {
    #[expect(
        clippy::disallowed_methods,
        clippy::zombie_processes,
        reason = "a bench times; drop waits"
    )]
    fn start(arguments: &[&str], ready: &str) -> Self {
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut address = String::new();
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).expect("a log") > 0, "the server ended");
            if let Some((_, rest)) = line.split_once("http://") {
                rest.split(['"', '\n']).next().unwrap_or_default().clone_into(&mut address);
            }
            if line.contains(ready) {
                let start = began.elapsed();
                return Self { child, address, start, _log: log };
            }
        }
    }

    fn daemon(data: &Path) -> Self {
        let data = data.to_str().expect("a plain path");
        let arguments =
            ["--daemon", "serve", "--listen", "127.0.0.1:0", "--log-level", "info", "--data", data];
        Self::start(&arguments, "\"ready\"")
    }

    /// Seconds of processor time so far.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("/proc");
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..=12].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        // The kernel's tick is 10 ms on every Linux that runs this.
        ticks as f64 / 100.0
    }

    fn memory_mib(&self) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("/proc");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a size");
        let kib = line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
        kib.expect("a number") / 1_024.0
    }

    /// Sends `count` requests from several clients and says what one costs.
    #[expect(clippy::disallowed_methods, reason = "a bench times")]
    fn measure(&self, name: &str, count: u64, request: &(dyn Fn(u64) -> Request + Sync)) {
        drive(&self.address, CLIENTS, count.min(200), &|number| request(u64::MAX / 2 + number));
        let (cpu, began) = (self.cpu_seconds(), Instant::now());
        drive(&self.address, CLIENTS, count, request);
        let (cpu, wall) = (self.cpu_seconds() - cpu, began.elapsed().as_secs_f64());
        let count = count as f64;
        println!(
            "{name:<44} {:>9.0} requests/s {:>9.1} µs of CPU a request",
            count / wall,
            cpu / count * 1e6
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn observations(first: u64, count: u64) -> String {
    let items: Vec<String> = (first..first + count)
        .map(|number| {
            let variant = if number.is_multiple_of(2) { "control" } else { "treatment" };
            format!(
                r#"{{"type":"analysis","experiment":"bench","id":"event-{number:010}","camera_id":"camera-{:04}","variant":"{variant}","latency_ms":{},"score":70}}"#,
                number % 200,
                800 + number % 300
            )
        })
        .collect();
    format!("[{}]", items.join(","))
}

fn begin(daemon: &Server) {
    let put = Request::new("PUT", "/v1/experiments/bench", "application/toml", EXPERIMENT);
    drive(&daemon.address, 1, 1, &|_| put.clone());
    let start = r#"{"action":"start","reason":"a bench","actor":"bench"}"#;
    let start = Request::new("POST", "/v1/experiments/bench/actions", "application/json", start);
    drive(&daemon.address, 1, 1, &|_| start.clone());
}

fn ingest(first: u64, count: u64) -> Request {
    Request::new("POST", "/v1/observations", "application/json", &observations(first, count))
}

/// As the client in Python sends it.
fn evaluation(number: u64) -> Request {
    let context = format!(r#"{{"context": {{"targetingKey": "camera-{:04}"}}}}"#, number % 200);
    Request::new("POST", "/ofrep/v1/evaluate/flags/bench", "application/json", &context)
}

fn run(size: &Size, folder: &Path) {
    let bare = Server::start(&["--bare"], "ready");
    bare.measure("bare hyper, constant answer", size.requests, &|_| Request::get("/"));
    drop(bare);

    let data = folder.join("http");
    let daemon = Server::daemon(&data);
    println!("{:<44} {:>9.1} MiB", "resident memory, idle", daemon.memory_mib());
    begin(&daemon);
    let cameras = |number: u64| {
        Request::get(&format!("/v1/experiments/bench/assignments/camera-{:04}", number % 200))
    };
    daemon.measure("assignment of one camera", size.requests, &cameras);
    daemon.measure("OpenFeature evaluation of one flag", size.requests, &evaluation);
    daemon.measure("one observation, acknowledged on disk", size.requests / 6, &|number| {
        ingest(number, 1)
    });
    daemon.measure("1,000 observations, acknowledged on disk", size.batches / 10, &|number| {
        ingest((1 << 40) + number * 1_000, 1_000)
    });
    drop(daemon);

    let data = folder.join("million");
    let daemon = Server::daemon(&data);
    begin(&daemon);
    drive(&daemon.address, CLIENTS, size.batches, &|number| ingest(number * 1_000, 1_000));
    let open = size.batches * 1_000;
    println!(
        "{:<44} {:>9.1} MiB",
        format!("resident memory, {open} open exposures"),
        daemon.memory_mib()
    );
    let more = size.journal_batches.saturating_sub(size.batches);
    drive(&daemon.address, CLIENTS, more, &|number| ingest((size.batches + number) * 1_000, 1_000));
    drop(daemon);
    let daemon = Server::daemon(&data);
    let events = size.journal_batches * 1_000;
    println!(
        "{:<44} {:>9.2} s ({:.1} MiB resident)",
        format!("start to ready with {events} events, after kill -9"),
        daemon.start.as_secs_f64(),
        daemon.memory_mib()
    );
}

/// Runs `tidegate` with these arguments.
fn command(arguments: &[String]) {
    let name = std::iter::once("tidegate".into());
    let _ = tidegate::run(name.chain(arguments.iter().map(Into::into)).collect());
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--bare") => load::bare_server(),
        Some("--daemon") => command(&arguments[2..]),
        // The daemon checks its journal by this program.
        Some("journal") => command(&arguments[1..]),
        _ => {
            let testing = !arguments.iter().any(|argument| argument == "--bench");
            let base = std::env::var_os("TIDEGATE_BENCH_FOLDER").map_or_else(
                || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
                Into::into,
            );
            let folder = tempfile::tempdir_in(base).expect("a folder for the bench");
            run(if testing { &SMOKE } else { &BENCH }, folder.path());
        }
    }
}
