//! One stream: what it tells, from where on, to whom, and until when.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use system_tests::raw::{Connection, ExpectBody, Request};
use system_tests::stream::Stream;

use super::{BEGAN_MS, MINUTE_MS, World, as_step, comparison, history, report, running};

const SHORT: [&str; 2] = ["--heartbeat-seconds", "1"];

#[test]
fn every_step_is_told_as_the_history_has_it() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut stream = Stream::open(daemon.address(), "/v1/events?types=phase_changed");
    running(&daemon, "door", "");
    for action in ["hold", "pause", "resume", "stop"] {
        assert_eq!(daemon.act("door", action).status, 200);
    }
    let told = stream.events(5);
    assert!(told.iter().all(|event| event.kind == "phase_changed"), "{told:?}");
    assert!(told.windows(2).all(|pair| pair[0].id < pair[1].id), "{told:?}");
    let steps: Vec<Value> = told.iter().map(|event| as_step(&event.data)).collect();
    assert_eq!(steps, history(&daemon, "door"));
    let first = &told[0].data;
    assert_eq!(
        *first,
        json!({"id": told[0].id.to_string(), "at": "2026-03-02T08:00:00Z", "experiment": "door",
               "run": 1, "type": "phase_changed",
               "data": {"number": 1, "from": "draft", "to": "shadow", "cause": "operator",
                        "action": "start", "actor": "tester", "reason": "a test"}})
    );
}

#[test]
fn a_reader_resumes_after_the_last_event_it_knows_and_the_header_counts_before_the_query() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut live = Stream::open(daemon.address(), "/v1/events");
    running(&daemon, "door", "");
    for action in ["hold", "resume", "hold"] {
        daemon.act("door", action);
    }
    let all = live.events(4);
    for known in 0..3 {
        let rest = &all[known + 1..];
        let mut header = Stream::after(daemon.address(), "/v1/events", all[known].id);
        assert_eq!(header.events(rest.len()), rest);
        let query = format!("/v1/events?last_event_id={}", all[known].id);
        let mut query = Stream::try_open(daemon.address(), &query, &[]).unwrap();
        assert_eq!(query.events(rest.len()), rest);
    }
    let stale = format!("/v1/events?last_event_id={}", all[0].id);
    assert_eq!(Stream::after(daemon.address(), &stale, all[2].id).events(1), all[3..]);
    // From the very beginning.
    assert_eq!(Stream::after(daemon.address(), "/v1/events", 0).events(4), all);
    // And from where an open stream began, although nothing came through it.
    let mut idle = Stream::open(daemon.address(), "/v1/events");
    daemon.act("door", "resume");
    let place = idle.last_id().unwrap();
    let next = idle.events(1);
    assert_eq!(Stream::after(daemon.address(), "/v1/events", place).events(1), next);
}

#[test]
fn a_reader_gets_the_experiment_and_the_types_it_asked_for() {
    let world = World::new(&SHORT);
    let daemon = world.ready();
    let open = |query: &str| Stream::open(daemon.address(), &format!("/v1/events{query}"));
    let mut gate = open("?experiment=gate");
    let mut warnings = open("?types=latency_warning");
    let mut both = open("?types=latency_warning,phase_changed&experiment=door");
    running(&daemon, "door", "");
    running(&daemon, "gate", "");
    report(&daemon, &[comparison("door", 1, 100.0, 200.0)]);
    assert_eq!(gate.events(1)[0].data["experiment"], "gate");
    let warned = warnings.events(1);
    assert_eq!(warned[0].kind, "latency_warning");
    let two = both.events(2);
    assert_eq!((two[0].kind.as_str(), &two[1]), ("phase_changed", &warned[0]));
    // What is not told moves the place on all the same, so that a later resume finds nothing missing.
    let place = warnings.last_id().unwrap();
    let held = daemon.act("gate", "hold");
    assert_eq!(held.status, 200);
    loop {
        let block = warnings.block().unwrap();
        assert!(block.data.is_empty(), "{block:?}");
        if block.id.is_some_and(|id| id.parse::<u64>().unwrap() > place) {
            break;
        }
    }
}

#[test]
fn a_query_or_a_header_that_is_none_is_refused() {
    let world = World::new(&[]);
    let daemon = world.ready();
    for (query, told) in [
        (
            "types=alarms",
            "allowed: phase_changed,verdict_changed,alarm,latency_warning,warning,cards_waiting,review_changed,prompt_label_moved,experiment_defined",
        ),
        ("types=", "types: `` is not allowed"),
        ("types=alarm,,alarm", "types: `` is not allowed"),
        ("types=reset", "`reset` is not allowed"),
        ("experiment=a%20b", "experiment: "),
        ("last_event_id=-1", "a whole number"),
        ("last_event_id=", "a whole number"),
        ("last_event_id=1&last_event_id=2", "`last_event_id` is there twice"),
        ("follow=maybe", "`follow` is not true or false"),
        ("since=1", "`since` is not a known field"),
    ] {
        let answer = Request::new("GET", &format!("/v1/events?{query}")).send(daemon.address());
        assert_eq!(answer.problem(), (400, "invalid_query".to_owned()), "{query}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{query}: {detail}");
    }
    let long = "9".repeat(8_000);
    for id in ["", "-1", "+1", "0x1", "1.0", "1 2", "18446744073709551616", "null", "ü", &long] {
        let request = Request::new("GET", "/v1/events").header("last-event-id", id);
        let answer = request.send(daemon.address());
        assert_eq!(answer.problem(), (400, "invalid_header".to_owned()), "{id}");
    }
    let request = Request::new("GET", "/v1/events").header("last-event-id", "1");
    let answer = request.header("last-event-id", "1").send(daemon.address());
    assert_eq!(answer.problem(), (400, "invalid_header".to_owned()));
}

#[test]
fn an_id_of_another_journal_is_answered_with_a_reset_and_not_with_silence() {
    let world = World::new(&[]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    for id in [1_000, u64::MAX] {
        let mut stream = Stream::after(daemon.address(), "/v1/events?types=alarm", id);
        let reset = &stream.events(1)[0];
        assert_eq!(reset.kind, "reset");
        let data = &reset.data["data"];
        assert_eq!(data["last_event_id"], id.to_string());
        assert_eq!(data["resumes_after"], reset.id.to_string());
        assert!(data["sentence"].as_str().unwrap().contains("Read status and history again"));
        // From there on nothing is missing.
        let mut after = Stream::after(daemon.address(), "/v1/events", reset.id);
        daemon.act("door", if id == 1_000 { "hold" } else { "resume" });
        assert_eq!(after.events(1)[0].kind, "phase_changed");
    }
}

#[test]
fn a_silent_stream_shows_that_it_lives() {
    let world = World::new(&SHORT);
    let daemon = world.ready();
    let mut stream = Stream::open(daemon.address(), "/v1/events");
    for _ in 0..2 {
        let block = stream.block().unwrap();
        assert!(block.comments > 0 && block.data.is_empty() && block.event.is_none(), "{block:?}");
    }
    running(&daemon, "door", "");
    assert_eq!(stream.events(1)[0].kind, "experiment_defined");
}

#[test]
fn a_head_of_the_stream_has_no_body_and_holds_nothing() {
    let world = World::new(&[]);
    let daemon = world.ready();
    for _ in 0..100 {
        let answer = Request::new("HEAD", "/v1/events").send(daemon.address());
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    }
}

#[test]
fn streams_are_bounded_and_one_that_ends_makes_room() {
    // No sign of life comes that could fail.
    let world = World::new(&["--heartbeat-seconds", "3600", "--event-streams-max", "4"]);
    let daemon = world.ready();
    let mut open: Vec<Stream> =
        (0..4).map(|_| Stream::open(daemon.address(), "/v1/events")).collect();
    let request = Request::new("GET", "/v1/events");
    let refused = request.send(daemon.address());
    assert_eq!(refused.problem(), (429, "too_many_streams".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("15"));
    let metrics = daemon.get("/metrics").text;
    assert!(metrics.contains("tidegate_event_streams 4"), "{metrics}");
    assert!(metrics.contains("tidegate_event_streams_max 4"), "{metrics}");
    for path in ["/v1/events", "/ofrep/v1/events", "/v1/events"] {
        open.pop();
        // Whoever comes next may be quicker than the end of the other.
        let next = loop {
            match Stream::try_open(daemon.address(), path, &[]) {
                Ok(stream) => break stream,
                Err((status, _)) => assert_eq!(status, 429),
            }
        };
        open.push(next);
    }
}

#[test]
fn streams_take_no_place_of_requests_and_give_back_what_they_took() {
    const COUNT: usize = 200;
    let world = World::new(&["--heartbeat-seconds", "3600", "--connections-max", "2"]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    let idle_mib = daemon.memory_mib("VmHWM");
    let closed = || daemon.get("/metrics").text.contains("tidegate_event_streams 0.0");
    for _ in 0..5 {
        let mut streams: Vec<Stream> =
            (0..COUNT).map(|_| Stream::open(daemon.address(), "/v1/events")).collect();
        assert_eq!(daemon.act("door", "hold").status, 200);
        for stream in &mut streams {
            assert_eq!(stream.events(1)[0].kind, "phase_changed");
        }
        assert_eq!(daemon.act("door", "resume").status, 200);
        drop(streams);
        while !closed() {}
    }
    let peak_mib = daemon.memory_mib("VmHWM") - idle_mib;
    assert!(peak_mib <= 32, "{peak_mib} MiB");
}

#[test]
fn a_daemon_that_drains_waits_little_for_requests_that_are_not_whole() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut head = Connection::open(daemon.address());
    head.write(b"GET /healthz HT");
    let mut body = Connection::open(daemon.address());
    body.write(
        b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
          content-type: application/json\r\ncontent-length: 100\r\n\r\n",
    );
    let asked = body.read(ExpectBody::No).unwrap().expect("it is asked for the body");
    assert_eq!(asked.status, 100);
    let (well, log) = daemon.terminate();
    assert!(well, "{log:?}");
    let late = log.iter().find(|line| line.contains("requests were cut off"));
    assert_eq!(late, None, "after 10 seconds they would have been");
    let refused = body.read(ExpectBody::Yes).unwrap().expect("an answer");
    assert_eq!(refused.problem(), (503, "draining".to_owned()));
    assert_eq!(head.rest().unwrap(), b"");
}

#[test]
fn a_reader_that_rests_holds_nobody_up_and_misses_nothing() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut resting = Stream::open(daemon.address(), "/v1/events");
    let mut quick = Stream::open(daemon.address(), "/v1/events");
    running(&daemon, "door", "");
    for _ in 0..100 {
        daemon.act("door", "hold");
        daemon.act("door", "resume");
    }
    let all = quick.events(201);
    assert_eq!(resting.events(201), all);
    assert_eq!(all.iter().map(|event| event.id).collect::<BTreeSet<_>>().len(), 201);
}

#[test]
fn streams_end_when_the_daemon_drains() {
    let world = World::new(&[]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    let mut streams: Vec<Stream> =
        (0..5).map(|_| Stream::open(daemon.address(), "/v1/events")).collect();
    daemon.act("door", "hold");
    let (well, log) = daemon.terminate();
    assert!(well, "{log:?}");
    let late = log.iter().find(|line| line.contains("requests were cut off"));
    assert_eq!(late, None);
    for stream in &mut streams {
        assert_eq!(stream.rest().len(), 1);
    }
}

#[test]
fn latency_warnings_are_told_at_once_and_then_once_an_hour_with_their_number() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut stream = Stream::open(daemon.address(), "/v1/events?types=latency_warning");
    running(&daemon, "door", "[shadow]\nlatency_warning_threshold_pct = 50\nduration_hours = 24\n");
    // Not over the threshold, and over it of nothing.
    let mut items = vec![comparison("door", 1, 100.0, 150.0), comparison("door", 2, 0.0, 900.0)];
    items.push(comparison("door", 3, 100.0, 150.1));
    report(&daemon, &items);
    let numbers = |event: &Value| {
        let data = &event["data"];
        [&data["count"], &data["total"], &data["comparisons"]]
            .map(|number| number.as_u64().unwrap())
    };
    let first = &stream.events(1)[0].data;
    assert_eq!(numbers(first), [1, 1, 3]);
    assert_eq!(first["data"]["threshold_pct"], 50.0);
    for (minute, id) in [(1, 4), (30, 5), (59, 6)] {
        daemon.set_time(BEGAN_MS + minute * MINUTE_MS);
        report(&daemon, &[comparison("door", id, 100.0, 151.0)]);
    }
    daemon.set_time(BEGAN_MS + 60 * MINUTE_MS);
    report(&daemon, &[comparison("door", 7, 100.0, 100.0)]);
    assert_eq!(numbers(&stream.events(1)[0].data), [3, 4, 7]);
    // The rest is told when the shadow is over.
    report(&daemon, &[comparison("door", 8, 100.0, 151.0)]);
    assert_eq!(daemon.act("door", "roll_back").status, 200);
    let last = &stream.events(1)[0].data;
    assert_eq!(numbers(last), [1, 5, 8]);
    let sentence = "In 5 of 8 comparisons the treatment took over 50 % longer than the control; \
                    1 of them are new";
    assert_eq!(last["data"]["sentence"], sentence);
}

#[test]
fn an_alarm_comes_before_the_rollback_it_leads_to() {
    let world = World::new(&[]);
    let daemon = world.ready();
    let mut alarms = Stream::open(daemon.address(), "/v1/events?types=alarm");
    let mut all = Stream::open(daemon.address(), "/v1/events");
    running(&daemon, "door", "");
    let mut phase = Value::Null;
    for round in 0..100 {
        // Errors in shadow are judged by stretches of ten minutes.
        daemon.set_time(BEGAN_MS + i64::try_from(round).unwrap() * 10 * MINUTE_MS);
        let items: Vec<Value> = (0..24)
            .map(|n| {
                let mut item = comparison("door", round * 24 + n, 900.0, 950.0);
                if (round + n) % 3 == 0 {
                    item["treatment"] = json!({"error": true});
                }
                item
            })
            .collect();
        report(&daemon, &items);
        phase = daemon.get("/v1/experiments/door/status").body["phase"].clone();
        if phase == "rolled_back" {
            break;
        }
    }
    assert_eq!(phase, "rolled_back");
    let mut told = Vec::new();
    while told.last().is_none_or(|event: &Value| event["data"]["to"] != "rolled_back") {
        told.extend(all.events(1).into_iter().map(|event| event.data));
    }
    let failed = told.iter().rposition(|event| event["data"]["to"] == "fail").expect("a verdict");
    assert_eq!(told[failed]["type"], "alarm");
    assert_eq!(told[failed]["data"]["guardrail"], "error_rate");
    assert!(failed < told.len() - 1);
    let reason = &told.last().unwrap()["data"]["reason"];
    assert_eq!(*reason, told[failed]["data"]["sentence"]);
    // Each verdict goes on from the one before, and whoever asked for alarms got each of them.
    let mut verdicts = std::collections::BTreeMap::new();
    let mut expected = Vec::new();
    for event in told.iter().filter(|event| event["data"]["guardrail"].is_string()) {
        let data = &event["data"];
        let guardrail = data["guardrail"].as_str().unwrap();
        let before = verdicts.insert(guardrail.to_owned(), data["to"].clone());
        assert_eq!(data["from"], before.unwrap_or_else(|| "inconclusive".into()));
        assert_ne!(data["from"], data["to"]);
        let warns = data["to"] == "alarm" || data["to"] == "fail";
        assert_eq!(event["type"], if warns { "alarm" } else { "verdict_changed" });
        expected.extend(warns.then(|| event.clone()));
    }
    let got = alarms.events(expected.len());
    assert_eq!(got.into_iter().map(|event| event.data).collect::<Vec<_>>(), expected);
}
