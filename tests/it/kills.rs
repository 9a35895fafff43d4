//! A real daemon under load, killed at random points: nothing acknowledged is lost, nothing is counted twice,
//! no camera moves, and the rollout decides what an engine decides that was never interrupted.
//!
//! `TIDEGATE_KILLS` sets how many kills, `TIDEGATE_SEED` the seed:
//! `TIDEGATE_KILLS=1000 cargo test -p system-tests --test it kills -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tidegate_engine::Rollout;
use tidegate_engine::event::Event;
use tidegate_journal::{Entry, Journal, verify};
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::HistoryItem;

const KEY: &str = "kills";
const EXPERIMENT: &str =
    "key = \"kills\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
const BEGAN_MS: i64 = 1_772_323_200_000;
const CAMERAS: u64 = 24;
const CLIENTS: u64 = 4;

/// What all clients know.
#[derive(Default)]
struct Ledger {
    next: AtomicU64,
    /// Ids of analyses whose answer came, accepted or as a duplicate of one accepted before.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Labels that were acknowledged.
    labelled: Mutex<BTreeSet<String>>,
    /// Sent without an answer: to be sent again.
    unanswered: Mutex<Vec<Value>>,
    /// Requests that were answered in this life.
    answers: AtomicU64,
    over: AtomicBool,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn variant_of(camera: u64, variants: &BTreeMap<String, String>) -> &str {
    &variants[&format!("camera-{camera}")]
}

/// A new analysis as a backend reports it that asked before.
fn analysis(
    ledger: &Ledger,
    random: &mut ChaCha8Rng,
    variants: &BTreeMap<String, String>,
) -> Value {
    let number = ledger.next.fetch_add(1, Ordering::Relaxed);
    let camera = random.random_range(0..CAMERAS);
    json!({
        "type": "analysis", "experiment": KEY, "id": format!("event-{number}"),
        "camera_id": format!("camera-{camera}"), "variant": variant_of(camera, variants),
        "latency_ms": random.random_range(500..1_500), "score": random.random_range(0..=100),
    })
}

/// Sends batches with new analyses, some sent before, and labels, until the daemon is gone.
fn report(daemon: &Daemon, ledger: &Ledger, seed: u64, variants: &BTreeMap<String, String>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut former: Vec<Value> = Vec::new();
    while !ledger.over.load(Ordering::Relaxed) {
        let mut batch: Vec<Value> = std::mem::take(&mut *ledger.unanswered.lock().unwrap());
        batch.truncate(200);
        for _ in 0..random.random_range(1..20) {
            batch.push(analysis(ledger, &mut random, variants));
        }
        // Some again, and in another order.
        if !former.is_empty() {
            batch.push(former[random.random_range(0..former.len())].clone());
        }
        let swap = random.random_range(0..batch.len());
        batch.swap(0, swap);
        for sent in former.iter().take(3) {
            batch.push(json!({
                "type": "feedback", "experiment": KEY, "id": sent["id"], "label": "correct",
            }));
        }
        let reply = daemon.try_post("/v1/observations", &Value::from(batch.clone()));
        match reply {
            Ok(reply) if reply.status == 200 => {
                ledger.answers.fetch_add(1, Ordering::Relaxed);
                note_answers(ledger, &batch, &reply.body);
                former = batch.into_iter().filter(|item| item["type"] == "analysis").collect();
            }
            // Gone, cut off, or on its way up.
            Ok(_) | Err(_) => {
                let sent = batch.into_iter().filter(|item| item["type"] == "analysis");
                ledger.unanswered.lock().unwrap().extend(sent);
                if ledger.over.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}

fn note_answers(ledger: &Ledger, batch: &[Value], body: &Value) {
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), batch.len());
    for (item, result) in batch.iter().zip(results) {
        let id = item["id"].as_str().unwrap().to_owned();
        assert_ne!(result["status"], "rejected", "{item}: {result}");
        let list = if item["type"] == "analysis" { &ledger.acknowledged } else { &ledger.labelled };
        list.lock().unwrap().insert(id);
    }
}

/// The variant of every camera.
fn variants(daemon: &Daemon) -> BTreeMap<String, String> {
    let cameras: Vec<String> = (0..CAMERAS).map(|camera| format!("camera-{camera}")).collect();
    let path = format!("/v1/experiments/{KEY}/assignments");
    let reply = daemon.post(&path, &json!({ "camera_ids": cameras }));
    let assignments = reply.body["assignments"].as_array().unwrap();
    let named = |field: &str, value: &Value| value[field].as_str().unwrap().to_owned();
    assignments.iter().map(|one| (named("camera_id", one), named("variant", one))).collect()
}

/// One life: load, and a kill after some answers; sometimes before the daemon is even ready.
fn live(
    start: &Start,
    ledger: &Ledger,
    life: u64,
    random: &mut ChaCha8Rng,
    first: &BTreeMap<String, String>,
) -> u64 {
    if random.random_range(0..8) == 0 {
        start.listening().kill();
        return 0;
    }
    let daemon = start.ready();
    daemon.set_time(BEGAN_MS + i64::try_from(life).unwrap() * 60_000);
    let now = variants(&daemon);
    let moved = first.iter().filter(|(camera, variant)| now[*camera] != **variant).count() as u64;
    ledger.over.store(false, Ordering::Relaxed);
    ledger.answers.store(0, Ordering::Relaxed);
    let until = random.random_range(1..30);
    let seeds: Vec<u64> = (0..CLIENTS).map(|_| random.random()).collect();
    let id = daemon.id().to_string();
    std::thread::scope(|scope| {
        for seed in seeds {
            let daemon = &daemon;
            scope.spawn(move || report(daemon, ledger, seed, first));
        }
        while ledger.answers.load(Ordering::Relaxed) < until {
            std::thread::yield_now();
        }
        let killed = std::process::Command::new("kill").args(["-9", &id]).status().unwrap();
        assert!(killed.success());
        ledger.over.store(true, Ordering::Relaxed);
    });
    drop(daemon);
    moved
}

/// What the journal holds, and whether an engine that hears it all in one go decides the same.
fn audit(folder: &Path, ledger: &Ledger) -> (u64, u64, Vec<String>) {
    let (journal, _) = Journal::open(folder, verify::in_process).unwrap();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    let (mut text, mut rollout) = (String::new(), None);
    let (mut decided, mut expected) = (Vec::new(), Vec::new());
    journal
        .replay(0, |_, entry| {
            match entry {
                Entry::Defined { text: part, .. } => {
                    text.push_str(&part);
                    let definition = ExperimentFile::parse(&text).unwrap().definition;
                    rollout = Some(Rollout::new(definition));
                }
                Entry::Event { at, event, .. } => {
                    match &event {
                        Event::Analysis(analysis) => {
                            *seen.entry(analysis.id.as_ref().unwrap().to_string()).or_default() +=
                                1;
                        }
                        Event::Feedback(feedback) => {
                            assert!(labels.insert(feedback.analysis.to_string()), "a label twice");
                        }
                        Event::Tick
                        | Event::Action(_)
                        | Event::Comparison(_)
                        | Event::CardReply(_)
                        | Event::Absent(_) => {}
                    }
                    let decisions = rollout.as_mut().unwrap().apply(at, &event).unwrap();
                    for decision in &decisions {
                        let item = HistoryItem::new(1, decision);
                        expected.push(serde_json::to_string(&item).unwrap());
                    }
                }
                Entry::Decided { account, .. } => decided.push(account),
                Entry::Version { .. } | Entry::LabelMoved { .. } => panic!("there are no prompts"),
                Entry::Noted { .. }
                | Entry::DefinedBy { .. }
                | Entry::Led { .. }
                | Entry::Deleted { .. }
                | Entry::Point { .. } => {}
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(decided, expected, "an engine that was never interrupted decides otherwise");
    let acknowledged = ledger.acknowledged.lock().unwrap();
    let lost = acknowledged.iter().filter(|id| !seen.contains_key(*id)).count()
        + ledger.labelled.lock().unwrap().difference(&labels).count();
    let double = seen.values().filter(|count| **count > 1).count();
    (lost as u64, double as u64, decided)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn a_daemon_killed_at_random_loses_nothing_and_moves_nobody() {
    let (kills, seed) = (setting("TIDEGATE_KILLS", 200), setting("TIDEGATE_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let start = Start::new(program, folder.path()).with(&["--snapshot-every", "2000"]);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let ledger = Ledger::default();

    let daemon = start.ready();
    daemon.set_time(BEGAN_MS);
    assert_eq!(daemon.define(KEY, EXPERIMENT).status, 201);
    assert_eq!(daemon.act(KEY, "start").status, 200);
    let first = variants(&daemon);
    assert!(first.values().any(|variant| variant == "treatment"), "{first:?}");
    daemon.kill();

    let moved: u64 = (1..=kills).map(|life| live(&start, &ledger, life, &mut random, &first)).sum();

    // In the last life the treatment fails altogether and is rolled back.
    let daemon = start.ready();
    daemon.set_time(BEGAN_MS + i64::try_from(kills + 1).unwrap() * 60_000);
    for round in 0..40 {
        let batch: Vec<Value> = (0..CAMERAS)
            .map(|camera| {
                let variant = variant_of(camera, &first);
                json!({
                    "type": "analysis", "experiment": KEY, "id": format!("last-{round}-{camera}"),
                    "camera_id": format!("camera-{camera}"), "variant": variant,
                    "latency_ms": if variant == "control" { Some(900) } else { None },
                    "error": variant == "treatment",
                })
            })
            .collect();
        assert_eq!(daemon.post("/v1/observations", &Value::from(batch)).status, 200);
    }
    let status = daemon.get(&format!("/v1/experiments/{KEY}/status")).body;
    assert_eq!(status["phase"], "rolled_back", "{status}");
    assert!(variants(&daemon).values().all(|variant| variant == "control"));
    let (ended, _) = daemon.terminate();
    assert!(ended, "SIGTERM ends it well");

    let (lost, double, decided) = audit(folder.path(), &ledger);
    let acknowledged = ledger.acknowledged.lock().unwrap().len();
    let labels = ledger.labelled.lock().unwrap().len();
    println!(
        "{kills} kills (seed {seed}), {acknowledged} analyses and {labels} labels acknowledged: \
         {lost} lost, {double} double, {moved} cameras moved; {} decisions as without any kill",
        decided.len()
    );
    assert_eq!((lost, double, moved), (0, 0, 0));
    assert!(acknowledged as u64 > kills * 10);
}
