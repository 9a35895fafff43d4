//! What a page weighs and how long it takes, and that nobody else waits for it.
#![expect(clippy::print_stderr, reason = "the figures are worth knowing")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::raw::{Connection, ExpectBody, Request};

use super::{BEGAN_MS, HOUR_MS};

const CAMERAS: usize = 10_000;
const FOLLOWERS: usize = 20;

/// Two days of a test on ten thousand cameras.
fn grown(daemon: &Daemon) {
    daemon.set_time(BEGAN_MS);
    let toml = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n\
                [ab]\nduration_hours = 49\n";
    assert_eq!(daemon.define("door", toml).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    for step in 0..96_usize {
        daemon.set_time(BEGAN_MS + i64::try_from(step).unwrap() * HOUR_MS / 2);
        let ids: Vec<String> =
            (0..1_000).map(|n| format!("site-{}", (step * 1_000 + n) % CAMERAS)).collect();
        let served = daemon.post("/v1/experiments/door/assignments", &json!({ "camera_ids": ids }));
        let served = served.body["assignments"].as_array().unwrap().clone();
        let items = served.iter().enumerate().map(|(n, served)| {
            json!({"type": "analysis", "experiment": "door", "id": format!("e{step}-{n}"),
                   "camera_id": served["camera_id"], "variant": served["variant"],
                   "latency_ms": 800 + (n * 37 + step) % 400, "score": (n * 53) % 101})
        });
        let items: Vec<Value> = items.collect();
        let reply = daemon.post("/v1/observations", &Value::from(items));
        assert_eq!(reply.body["accepted"], 1_000, "{}", reply.text);
    }
}

#[expect(clippy::disallowed_methods, reason = "it is measured")]
fn timed(what: impl Fn()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

/// The middle of many.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn assignments(daemon: &Daemon) -> Duration {
    let mut connection = Connection::open(daemon.address());
    let request = Request::new("GET", "/v1/experiments/door/assignments/site-7").bytes();
    let times = (0..2_000).map(|_| timed_on(&mut connection, &request));
    middle(times.collect())
}

#[expect(clippy::disallowed_methods, reason = "it is measured")]
fn timed_on(connection: &mut Connection, request: &[u8]) -> Duration {
    let began = Instant::now();
    connection.write(request);
    let answer = connection.read(ExpectBody::Yes).expect("an answer").expect("an answer");
    assert_eq!(answer.status, 200);
    began.elapsed()
}

#[test]
fn a_page_of_ten_thousand_cameras_is_small_and_keeps_no_camera_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let daemon = Start::new(program, &folder.path().join("data")).ready();
    grown(&daemon);
    let page = Request::new("GET", "/experiments/door");
    let bytes = page.send(daemon.address()).body.len();
    let fetch = || assert_eq!(page.send(daemon.address()).status, 200);
    let alone = middle((0..9).map(|_| timed(fetch)).collect());
    let before = assignments(&daemon);
    let is_over = AtomicBool::new(false);
    let followed = thread::scope(|scope| {
        for _ in 0..FOLLOWERS {
            scope.spawn(|| {
                let mut stream = Connection::open(daemon.address());
                stream.write(&Request::new("GET", "/v1/events").bytes());
                // A page is asked for again at most three times a second.
                while !is_over.load(Ordering::Relaxed) {
                    fetch();
                    thread::park_timeout(Duration::from_secs(1));
                }
            });
        }
        let followed = assignments(&daemon);
        is_over.store(true, Ordering::Relaxed);
        followed
    });
    eprintln!(
        "the page: {bytes} bytes in {alone:?}; an assignment: {before:?}, with {FOLLOWERS} pages that follow {followed:?}"
    );
    assert!(bytes < 200_000, "{bytes}");
    // What is measured in a build for tests, beside other tests; docs/performance.md has what it was.
    assert!(alone < Duration::from_secs(2), "{alone:?}");
    assert!(followed < Duration::from_millis(20), "{before:?} {followed:?}");
}
