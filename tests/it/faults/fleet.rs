//! A rollout to disturb, and what its cameras report.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, PATIENCE, Reply, Start};
use tidegate_engine::event::Event;
use tidegate_journal::{Entry, Journal, verify};

pub(crate) const KEY: &str = "door";
pub(crate) const START_MS: i64 = 1_772_323_200_000;
const EXPERIMENT: &str = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n\
                          [shadow]\nduration_hours = 0\n";
const POLL: Duration = Duration::from_millis(10);

pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_tidegate-under-test").into()
}

pub(crate) fn start(data: &Path) -> Start {
    Start::new(program(), data)
}

/// Defines the rollout and starts its test.
pub(crate) fn begin(daemon: &Daemon) {
    assert_eq!(daemon.set_time(START_MS).status, 200);
    assert_eq!(daemon.define(KEY, EXPERIMENT).status, 201);
    let started = daemon.act(KEY, "start");
    assert_eq!(started.status, 200, "{}", started.text);
}

/// The same where the daemon may be gone, or has the rollout already; gives whether it runs.
pub(crate) fn try_begin(daemon: &Daemon) -> bool {
    let path = format!("/v1/experiments/{KEY}");
    let body =
        json!({"key": KEY, "control": "v1", "treatment": "v2", "shadow": {"duration_hours": 0}});
    let Ok(found) = daemon.try_get(&path) else { return false };
    if found.status == 404 && !daemon.try_put(&path, &body).is_ok_and(|reply| reply.status == 201) {
        return false;
    }
    let draft = daemon.try_get(&path).is_ok_and(|reply| reply.body["phase"] == "draft");
    let start = json!({"action": "start", "reason": "a test", "actor": "tester"});
    let started = draft && daemon.try_post(&format!("{path}/actions"), &start).is_ok();
    started || daemon.try_get(&path).is_ok_and(|reply| reply.body["phase"] == "ab")
}

fn analysis(reporter: &str, number: u32, variant: &str) -> Value {
    json!({
        "type": "analysis", "experiment": KEY, "id": format!("{reporter}-{number:06}"),
        "camera_id": format!("camera-{}", number % 10), "variant": variant, "run": 1,
        "latency_ms": 100 + number % 50, "score": number % 100,
    })
}

/// Analyses that go well, by both variants in turn.
pub(crate) fn analyses(reporter: &str, numbers: Range<u32>) -> Value {
    let variants = ["control", "treatment"];
    numbers.map(|n| analysis(reporter, n, variants[(n / 10) as usize % 2])).collect()
}

/// Analyses of which all by the treatment fail, and none by the control.
pub(crate) fn collapse(reporter: &str) -> Value {
    let failed = |n| {
        json!({
            "type": "analysis", "experiment": KEY, "id": format!("{reporter}-{n:06}"),
            "camera_id": format!("camera-{}", n % 10), "variant": "treatment", "error": true, "run": 1,
        })
    };
    (0..40)
        .map(|n| if n % 2 == 0 { analysis(reporter, n, "control") } else { failed(n) })
        .chain((40..80).map(failed))
        .collect()
}

pub(crate) fn observe(daemon: &Daemon, observations: &Value) -> Reply {
    daemon.post("/v1/observations", observations)
}

/// Asks until `is_so`, and gives the answer.
pub(crate) fn await_reply(
    what: &str,
    mut ask: impl FnMut() -> Reply,
    mut is_so: impl FnMut(&Reply) -> bool,
) -> Reply {
    let mut last = None;
    for _ in 0..PATIENCE.as_millis() / POLL.as_millis() {
        let reply = ask();
        if is_so(&reply) {
            return reply;
        }
        last = Some(reply);
        thread::sleep(POLL);
    }
    panic!("{what} never came: {last:?}")
}

/// Waits until the daemon says that it is ready.
pub(crate) fn await_ready(daemon: &Daemon) {
    await_reply("ready", || daemon.get("/readyz"), |reply| reply.status == 200);
}

/// Waits until the daemon says `status` instead of being ready, and gives what it says to do.
pub(crate) fn await_not_ready(daemon: &Daemon, status: &str) -> String {
    let said = |reply: &Reply| reply.status == 503 && reply.body["status"] == status;
    let reply = await_reply(status, || daemon.get("/readyz"), said);
    reply.body["detail"].as_str().unwrap_or_default().to_owned()
}

/// Whether control is served for every camera, with the journal as the reason.
pub(crate) fn serves_control_only(daemon: &Daemon) -> bool {
    let assigned = assignments(daemon).iter().all(|assignment| {
        assignment["variant"] == "control" && assignment["reason"] == "store_unavailable"
    });
    assigned && evaluates_control_only(daemon)
}

/// The same by the other interface, which has no value for what was never read: an experiment that is
/// not known yet is not one that there is not.
fn evaluates_control_only(daemon: &Daemon) -> bool {
    let context = json!({"context": {"targetingKey": "camera-0"}});
    let reply = daemon.post(&format!("/ofrep/v1/evaluate/flags/{KEY}"), &context);
    let body = &reply.body;
    if reply.status == 200 {
        return body["variant"] == "control" && body["reason"] == "UNKNOWN";
    }
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!((&body["errorCode"], body.get("value")), (&json!("GENERAL"), None), "{body}");
    assert_eq!(daemon.post("/ofrep/v1/evaluate/flags", &context).status, 503);
    true
}

pub(crate) fn assignments(daemon: &Daemon) -> Vec<Value> {
    (0..10)
        .map(|n| {
            let path = format!("/v1/experiments/{KEY}/assignments/camera-{n}");
            let reply = daemon.get(&path);
            assert_eq!(reply.status, 200, "assignments go on: {}", reply.text);
            reply.body
        })
        .collect()
}

pub(crate) fn phase(daemon: &Daemon) -> String {
    let status = daemon.get(&format!("/v1/experiments/{KEY}/status"));
    status.body["phase"].as_str().unwrap_or_default().to_owned()
}

/// The value of a metric without labels.
pub(crate) fn metric(daemon: &Daemon, name: &str) -> u64 {
    let text = daemon.get("/metrics").text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name}:\n{text}")).parse().unwrap()
}

/// No line of a log tells of a panic, but for the one that sled always has where it cannot sync its file
/// at its end, which is caught.
pub(crate) fn assert_calm(log: &[String]) {
    let of_sled = |line: &str| line.contains("sled-0.34.7/src/pagecache/logger.rs:467");
    let panic = log.iter().find(|line| line.contains("panicked") && !of_sled(line));
    assert_eq!(panic, None, "{}", log.join("\n"));
}

/// A folder in memory where there is one: thousands of syncs are waited for.
pub(crate) fn fast_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

/// What a journal has.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The numbers of what each reporter reported, in the journal's order.
    pub(crate) numbers: BTreeMap<String, Vec<u32>>,
    /// The first entry.
    pub(crate) first: u64,
    pub(crate) snapshot: Option<u64>,
}

/// Who reported an entry, and as which of its own.
fn reported(entry: &Entry) -> Option<(String, String)> {
    match entry {
        Entry::Event { event: Event::Analysis(analysis), .. } => {
            let (reporter, number) = analysis.id.as_ref()?.as_str().rsplit_once('-')?;
            Some((reporter.to_owned(), number.to_owned()))
        }
        // With the last of its parts.
        Entry::Defined { key, part, parts, .. } if part + 1 == *parts => {
            let (reporter, number) = key.as_str().rsplit_once('-')?;
            Some((reporter.to_owned(), number.to_owned()))
        }
        Entry::Version { head, part, parts, .. } if part + 1 == *parts => {
            let (reporter, number) = head.key.as_str().rsplit_once('-')?;
            Some((reporter.to_owned(), number.to_owned()))
        }
        Entry::Defined { .. }
        | Entry::Event { .. }
        | Entry::Decided { .. }
        | Entry::Version { .. }
        | Entry::LabelMoved { .. }
        | Entry::Noted { .. }
        | Entry::Point { .. }
        | Entry::Led { .. }
        | Entry::DefinedBy { .. }
        | Entry::Deleted { .. } => None,
    }
}

/// Opens a journal and reads it from its beginning; `Err` says why it is refused.
pub(crate) fn read(folder: &Path) -> Result<Kept, String> {
    let opened = Journal::open(folder, verify::in_process);
    let (journal, opened) = opened.map_err(|error| error.to_string())?;
    let mut kept = Kept {
        first: journal.first().map_err(|error| error.to_string())?,
        snapshot: opened.state.map(|state| state.sequence),
        ..Kept::default()
    };
    let mut next = kept.first;
    let replayed = journal.replay(kept.first.saturating_sub(1), |number, entry| {
        if number != next {
            return Err(format!("{next} was to come"));
        }
        next += 1;
        if let Some((reporter, number)) = reported(&entry) {
            let number = number.parse().map_err(|_| format!("{reporter}-{number}"))?;
            kept.numbers.entry(reporter).or_default().push(number);
        }
        Ok(())
    });
    replayed.map_err(|error| error.to_string())?;
    Ok(kept)
}
