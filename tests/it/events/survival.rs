//! Streams of daemons that are killed: whoever resumes gets each event once, as if nothing had happened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use system_tests::daemon::Daemon;
use system_tests::stream::{Sent, Stream};
use tidegate_engine::Rollout;
use tidegate_engine::notice::{Notice, Noticed};
use tidegate_engine::phase::Phase;
use tidegate_engine::rollout::Looked;
use tidegate_journal::{Entry, Journal, verify};
use tidegate_spec::ExperimentFile;

use super::{BEGAN_MS, MINUTE_MS, World, as_step, history, running};

/// Reads whatever comes after `after`, until the daemon is killed, in a thread of its own.
fn reading(address: &str, after: u64) -> std::thread::JoinHandle<(Vec<Sent>, u64)> {
    let address = address.to_owned();
    std::thread::spawn(move || {
        let id = after.to_string();
        let opened = Stream::try_open(&address, "/v1/events", &[("last-event-id", &id)]);
        let Ok(mut stream) = opened else { return (Vec::new(), after) };
        let events = stream.rest();
        let last = stream.last_id().unwrap_or(after);
        (events, last)
    })
}

/// Comparisons and actions, some of which lead to events, until the daemon is gone.
fn act(daemon: &Daemon, random: &mut ChaCha8Rng, (next, answers): (&mut usize, &AtomicU64)) {
    loop {
        let answered = match random.random_range(0..8) {
            0 => daemon.try_post("/v1/experiments/night/actions", &action("hold")),
            1 => daemon.try_post("/v1/experiments/night/actions", &action("resume")),
            _ => {
                let items: Vec<Value> = (0..20).map(|_| comparison(random, next)).collect();
                daemon.try_post("/v1/observations", &Value::from(items))
            }
        };
        if answered.is_err() {
            return;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn action(name: &str) -> Value {
    json!({"action": name, "reason": "a test", "actor": "tester"})
}

fn comparison(random: &mut ChaCha8Rng, next: &mut usize) -> Value {
    *next += 1;
    // Now better, now worse, so that verdicts come and go.
    let worse = (*next / 400) % 2 == 1;
    let failed = worse && random.random_range(0..25) == 0;
    let treatment_ms = random.random_range(if worse { 900..1_900 } else { 500..1_400 });
    let treatment = if failed {
        json!({"error": true})
    } else {
        json!({"latency_ms": treatment_ms, "score": random.random_range(0..=100)})
    };
    json!({"type": "comparison", "experiment": "night", "id": format!("e{next}"),
           "camera_id": format!("c{}", random.random_range(0..16)),
           "control": {"latency_ms": random.random_range(600..1_200), "score": 50},
           "treatment": treatment})
}

/// The events that the journal holds, by their numbers, and the verdicts that an engine comes to that hears
/// it all in one go.
fn audit(folder: &Path) -> (Vec<u64>, Vec<Notice>, Vec<Notice>) {
    let (journal, _) = Journal::open(folder, verify::in_process).unwrap();
    let (mut ids, mut kept, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rollout, mut noticed) = (None::<Rollout>, Noticed::default());
    journal
        .replay(0, |number, entry| {
            match entry {
                Entry::Defined { text, .. } => {
                    let definition = ExperimentFile::parse(&text).unwrap().definition;
                    rollout = Some(Rollout::new(definition));
                }
                Entry::Event { at, event, .. } => {
                    let rollout = rollout.as_mut().unwrap();
                    let before = rollout.lifecycle().state.phase;
                    let decisions = rollout.apply(at, &event).unwrap();
                    if before != Phase::Shadow {
                        for decision in &decisions {
                            noticed.step(decision.transition);
                        }
                        return Ok(());
                    }
                    let mut found = Vec::new();
                    if rollout.looked() == Looked::Yes {
                        let check = decisions
                            .first()
                            .map_or_else(|| rollout.check(), |first| first.evidence.check.clone());
                        found.extend(noticed.look(&check));
                    }
                    let phase = rollout.lifecycle().state.phase;
                    let warnings = rollout.sums().pairs.latency_warnings;
                    found.extend(noticed.warnings(at, phase, warnings));
                    for notice in &found {
                        noticed.note(at, notice);
                    }
                    for decision in &decisions {
                        noticed.step(decision.transition);
                    }
                    expected.extend(found);
                }
                Entry::Version { .. } | Entry::Point { .. } | Entry::Led { .. } => {}
                Entry::Decided { .. }
                | Entry::LabelMoved { .. }
                | Entry::DefinedBy { .. }
                | Entry::Deleted { .. } => {
                    ids.push(number);
                }
                Entry::Noted { notice, .. } => {
                    ids.push(number);
                    kept.push(notice);
                }
            }
            Ok(())
        })
        .unwrap();
    (ids, kept, expected)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn a_reader_that_comes_back_after_each_kill_gets_every_event_once() {
    let kills = 40;
    let world = World::new(&["--snapshot-every", "500"]);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let daemon = world.ready();
    running(&daemon, "night", "[shadow]\nduration_hours = 1000\n[guardrails]\nenabled = false\n");
    daemon.kill();
    let (mut got, mut place, mut next) = (Vec::new(), 0, 0);
    for life in 1..=kills {
        let daemon = world.start().ready();
        daemon.set_time(BEGAN_MS + life * 20 * MINUTE_MS);
        let reader = reading(daemon.address(), place);
        let id = daemon.id().to_string();
        let (until, answers) = (random.random_range(1..12), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| act(&daemon, &mut random, (&mut next, &answers)));
            while answers.load(Ordering::Relaxed) < until {
                std::thread::yield_now();
            }
            // While a request is under way, and perhaps an event on its way.
            let killed = std::process::Command::new("kill").args(["-9", &id]).status().unwrap();
            assert!(killed.success());
        });
        let (events, last) = reader.join().unwrap();
        got.extend(events);
        place = last;
        drop(daemon);
    }
    let daemon = world.start().ready();
    let mut stream = Stream::after(daemon.address(), "/v1/events", place);
    daemon.set_time(BEGAN_MS + (kills + 1) * 20 * MINUTE_MS);
    assert_eq!(daemon.act("night", "roll_back").status, 200);
    while got.last().is_none_or(|event: &Sent| event.data["data"]["to"] != "rolled_back") {
        got.extend(stream.events(1));
    }
    let told: Vec<Value> = history(&daemon, "night");
    assert!(daemon.terminate().0);

    let steps = got.iter().filter(|event| event.kind == "phase_changed");
    assert_eq!(steps.map(|event| as_step(&event.data)).collect::<Vec<_>>(), told);
    let (ids, kept, expected) = audit(&world.data());
    assert_eq!(kept, expected, "an engine that was never interrupted notices otherwise");
    assert_eq!(got.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &got {
        *kinds.entry(&event.kind).or_default() += 1;
    }
    println!("{kills} kills, {next} comparisons sent, events: {kinds:?}, 0 lost, 0 double");
    let verdicts = kinds["verdict_changed"] + kinds["alarm"];
    assert!(verdicts > 1 && kinds["latency_warning"] > 3, "{kinds:?}");
}

#[test]
fn events_outlive_restarts_with_and_without_a_snapshot() {
    let world = World::new(&[]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    daemon.act("door", "hold");
    let mut all = Stream::after(daemon.address(), "/v1/events", 0).events(2);
    assert!(daemon.terminate().0);
    // This one reads them from a snapshot, the next one that snapshot and the entries after it.
    let daemon = world.ready();
    assert_eq!(Stream::after(daemon.address(), "/v1/events", 0).events(2), all);
    daemon.act("door", "resume");
    all.extend(Stream::after(daemon.address(), "/v1/events", all[1].id).events(1));
    daemon.kill();
    let daemon = world.ready();
    assert_eq!(Stream::after(daemon.address(), "/v1/events", 0).events(3), all);
}

#[test]
fn a_journal_from_before_there_were_events_says_where_they_begin() {
    let world = World::new(&[]);
    let from = system_tests::repository("tests/journals/v1/data");
    let copied = std::process::Command::new("cp").arg("-r").arg(from).arg(world.data()).status();
    assert!(copied.unwrap().success());
    let daemon = world.start().ready();
    let mut stream = Stream::after(daemon.address(), "/v1/events", 1);
    let reset = &stream.events(1)[0];
    assert_eq!(reset.kind, "reset");
    assert!(reset.id > 1);
    let sentence = reset.data["data"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("no longer kept"), "{sentence}");
}

#[test]
fn a_label_that_moves_is_told_by_hand_and_by_a_rollout_and_after_a_kill() {
    let world = World::new(&[]);
    let daemon = world.ready();
    // Longer than one entry has room for, with the label in one change.
    let text = "Say what you see.\n".repeat(6_000);
    let first = json!({"name": "door", "text": text, "key": "v1", "actor": "ann",
                       "label": "production", "note": "as it was"});
    assert_eq!(daemon.post("/v1/prompts", &first).status, 201);
    let second = json!({"text": "Say less.\n", "key": "v2", "actor": "ann"});
    let second = daemon.post("/v1/prompts/door/versions", &second);
    assert_eq!(second.status, 201);
    let by_hand = json!({"version": "v2", "actor": "ann", "reason": "a try"});
    let moved = daemon.try_put("/v1/prompts/door/labels/candidate", &by_hand).unwrap();
    assert_eq!(moved.status, 200, "{}", moved.text);
    running(&daemon, "night", "prompt = \"door\"\n");
    for action in ["advance", "advance", "roll_back"] {
        assert_eq!(daemon.act("night", action).status, 200);
    }
    let all = Stream::after(daemon.address(), "/v1/events", 0).events(9);
    let told: Vec<_> = all.iter().filter(|event| event.kind == "prompt_label_moved").collect();
    let changes: Vec<[&Value; 4]> = told
        .iter()
        .map(|event| {
            assert!(event.data.get("experiment").is_none());
            let data = &event.data["data"];
            [&data["label"], &data["from"], &data["to"], &data["actor"]]
        })
        .collect();
    let (production, candidate) = (json!("production"), json!("candidate"));
    let (none, one, two) = (Value::Null, json!("v1"), json!("v2"));
    let (ann, tidegate) = (json!("ann"), json!("tidegate"));
    assert_eq!(
        changes,
        [
            [&production, &none, &one, &ann],
            [&candidate, &none, &two, &ann],
            [&production, &one, &two, &tidegate],
            [&production, &two, &one, &tidegate],
        ]
    );
    assert_eq!(told[1].data["data"]["digest"], second.body["digest"]);
    daemon.kill();
    let daemon = world.ready();
    assert_eq!(Stream::after(daemon.address(), "/v1/events", 0).events(9), all);
    assert!(daemon.terminate().0);
    let daemon = world.ready();
    assert_eq!(Stream::after(daemon.address(), "/v1/events", 0).events(9), all);
}
