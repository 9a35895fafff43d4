//! Errors of the disk beneath a running daemon.

use std::path::Path;

use serde_json::Value;
use system_tests::daemon::{Daemon, Reply};
use system_tests::fault_shim::{Fault, Shim};

use crate::faults::fleet::{
    self, analyses, assert_calm, assignments, await_not_ready, await_ready, begin, collapse,
    metric, observe, phase, read, serves_control_only,
};

const BATCH: u32 = 8;
const FOR_EVER: u32 = u32::MAX;

/// A daemon above a disk that fails, and what it acknowledged.
struct Sufferer {
    shim: Shim,
    daemon: Option<Daemon>,
    next: u32,
    acknowledged: Vec<u32>,
    failures: u64,
    _workshop: tempfile::TempDir,
}

impl Sufferer {
    fn new() -> Option<Self> {
        let workshop = tempfile::tempdir().unwrap();
        let root = workshop.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let shim = Shim::new(workshop.path(), &root)?;
        let start = fleet::start(&shim.folder().join("journal"));
        let daemon = shim.load(start.with(&["--snapshot-every", "100"])).ready();
        begin(&daemon);
        let mut sufferer = Self {
            shim,
            daemon: Some(daemon),
            next: 0,
            acknowledged: Vec::new(),
            failures: 0,
            _workshop: workshop,
        };
        assert_eq!(sufferer.report().status, 200);
        Some(sufferer)
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.shim.folder().join("journal")
    }

    /// Reports a batch; one that was refused is reported again the next time.
    fn report(&mut self) -> Reply {
        let numbers = self.next..self.next + BATCH;
        let reply = observe(self.daemon(), &analyses("a", numbers.clone()));
        if reply.status == 200 {
            let body = &reply.body;
            assert_eq!(body["rejected"], 0, "{body}");
            self.acknowledged.extend(numbers);
            self.next += BATCH;
        }
        reply
    }

    /// Reports until the fault shows, which is honestly said.
    fn report_until_refused(&mut self) {
        for _ in 0..200 {
            let reply = self.report();
            if reply.status != 200 {
                assert_unavailable(&reply);
                return;
            }
        }
        panic!("the disk never failed");
    }

    /// Whatever is asked while the journal is away is answered, and control is served.
    fn assert_serves_control(&mut self) {
        let why = await_not_ready(self.daemon(), "store_unavailable");
        assert!(why.contains("control is served"), "{why}");
        assert!(why.contains("disk"), "it says what to look after: {why}");
        assert!(serves_control_only(self.daemon()));
        assert_unavailable(&self.report());
        let daemon = self.daemon();
        assert_unavailable(&daemon.act(fleet::KEY, "hold"));
        assert_eq!(daemon.get("/healthz").status, 200);
        assert_eq!(daemon.get(&format!("/v1/experiments/{}/status", fleet::KEY)).status, 200);
        let failures = metric(daemon, "tidegate_journal_failures_total");
        assert!(failures > self.failures, "{failures}");
        assert!(daemon.get("/metrics").text.contains("\ntidegate_ready 0.0\n"));
        self.failures = failures;
    }

    /// By itself, without a restart.
    fn assert_recovers(&mut self) {
        await_ready(self.daemon());
        assert!(!serves_control_only(self.daemon()));
        assert_eq!(self.report().status, 200);
        assert!(self.daemon().get("/metrics").text.contains("\ntidegate_ready 1.0\n"));
    }

    /// Everything acknowledged is there once and in order, and the daemon ended as it was told to.
    fn assert_kept(mut self) -> usize {
        let (well, log) = self.daemon.take().unwrap().terminate();
        assert!(well, "{}", log.join("\n"));
        assert_calm(&log);
        let kept = read(&self.journal()).unwrap();
        assert_eq!(kept.numbers["a"], self.acknowledged);
        self.acknowledged.len()
    }
}

fn assert_unavailable(reply: &Reply) {
    assert_eq!((reply.status, code(reply)), (503, "store_unavailable"), "{}", reply.text);
}

fn code(reply: &Reply) -> &str {
    reply.body["code"].as_str().unwrap_or_default()
}

/// Lets calls of these kinds fail, from different ones on, and sees what the daemon does.
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn survives(kinds: &'static str, error: &'static str, lasting: u32) {
    let Some(mut sufferer) = Sufferer::new() else { return };
    let skips = [0, 1, 3, 8];
    for skip in skips {
        sufferer.shim.fail(Fault { kinds, error, skip, count: lasting });
        sufferer.report_until_refused();
        await_not_ready(sufferer.daemon(), "store_unavailable");
        if lasting == FOR_EVER {
            sufferer.assert_serves_control();
            // Once at least it is tried in vain.
            sufferer.daemon().await_log("the journal cannot be opened; control is served");
            sufferer.assert_still_away();
        }
        sufferer.shim.mend();
        sufferer.assert_recovers();
    }
    let failures = metric(sufferer.daemon(), "tidegate_journal_failures_total");
    let kept = sufferer.assert_kept();
    println!(
        "{kinds} {error}, {} failures: {failures} times without a journal, {kept} acknowledged, all kept once",
        skips.len()
    );
}

impl Sufferer {
    fn assert_still_away(&self) {
        let why = await_not_ready(self.daemon(), "store_unavailable");
        assert!(why.contains("control is served"), "{why}");
        assert!(serves_control_only(self.daemon()));
    }
}

#[test]
fn one_sync_that_fails_is_never_repeated_and_loses_nothing() {
    survives("sync", "EIO", 1);
}

#[test]
fn syncs_that_fail_for_a_while_lose_nothing() {
    survives("sync", "EIO", FOR_EVER);
}

#[test]
fn writes_that_fail_for_a_while_lose_nothing() {
    survives("write,range", "EIO", FOR_EVER);
}

#[test]
fn a_disk_that_does_nothing_for_a_while_loses_nothing() {
    survives("write,sync,range,name", "EIO", FOR_EVER);
}

#[test]
fn one_write_that_fails_loses_nothing() {
    survives("write", "EIO", 1);
}

#[test]
fn a_disk_that_becomes_read_only_does_not_end_the_daemon() {
    survives("write,name,open", "EROFS", FOR_EVER);
}

#[test]
fn a_rollback_that_cannot_be_written_stays_in_force() {
    stays_in_force("rolled_back", |daemon| observe(daemon, &collapse("b")));
}

#[test]
fn a_stop_that_cannot_be_written_stays_in_force() {
    stays_in_force("stopped", |daemon| daemon.act(fleet::KEY, "stop"));
}

#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn stays_in_force(end: &str, bring_about: impl Fn(&Daemon) -> Reply) {
    for kinds in ["write", "sync"] {
        let Some(mut sufferer) = Sufferer::new() else { return };
        assert_eq!(phase(sufferer.daemon()), "ab");
        let treated = |daemon: &Daemon| {
            assignments(daemon).iter().filter(|one| one["variant"] == "treatment").count()
        };
        assert!(treated(sufferer.daemon()) > 0);
        sufferer.shim.fail(Fault { kinds, error: "EIO", skip: 0, count: FOR_EVER });
        assert_unavailable(&bring_about(sufferer.daemon()));
        // From the very answer on.
        assert_eq!(treated(sufferer.daemon()), 0);
        assert_eq!(phase(sufferer.daemon()), end);
        sufferer.assert_serves_control();
        sufferer.daemon().await_log("the journal cannot be opened; control is served");
        assert_eq!(phase(sufferer.daemon()), end);
        sufferer.shim.mend();
        await_ready(sufferer.daemon());
        assert_eq!(phase(sufferer.daemon()), end);
        assert_eq!(treated(sufferer.daemon()), 0);

        // And after a restart, from the journal alone.
        let data = sufferer.journal();
        let (well, log) = sufferer.daemon.take().unwrap().terminate();
        assert!(well, "{}", log.join("\n"));
        assert_calm(&log);
        assert_ended(&data, end);
        println!("{kinds}: {end} held while it could not be written, and since");
    }
}

fn assert_ended(data: &Path, end: &str) {
    let daemon = fleet::start(data).ready();
    await_ready(&daemon);
    assert_eq!(phase(&daemon), end);
    let history = daemon.get(&format!("/v1/experiments/{}/history", fleet::KEY));
    let items = history.body["items"].as_array().unwrap();
    let ended = |item: &&Value| item["to"].as_str().is_some_and(|to| to.starts_with(end));
    assert_eq!(items.iter().filter(ended).count(), 1, "{}", history.text);
    let variants: Vec<Value> =
        assignments(&daemon).into_iter().map(|one| one["variant"].clone()).collect();
    assert!(variants.iter().all(|variant| variant == "control"), "{variants:?}");
}
