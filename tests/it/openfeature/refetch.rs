//! The event stream: who hears of changes, when, and with what ticket.

use serde_json::{Value, json};
use system_tests::raw::Request;
use system_tests::stream::{Block, Stream};

use super::{FLAGS, World};

/// Where the daemon says that its stream is.
fn address(world: &World) -> String {
    let context = json!({"context": {"targetingKey": "camera-0"}});
    let streams = &world.daemon.post(FLAGS, &context).body["eventStreams"];
    assert_eq!(streams.as_array().unwrap().len(), 1);
    assert_eq!(streams[0]["type"], "sse");
    streams[0]["endpoint"]["requestUri"].as_str().unwrap().to_owned()
}

fn open(world: &World, headers: &[(&str, &str)]) -> Stream {
    Stream::try_open(world.daemon.address(), &address(world), headers).unwrap()
}

/// The id of an event that says what every event says.
fn told(block: &Block) -> String {
    let id = block.id.clone().unwrap();
    assert_eq!(block.event.as_deref(), Some("message"));
    let [data] = &block.data[..] else { panic!("{block:?}") };
    let data: Value = serde_json::from_str(data).unwrap();
    // 2026-03-02T08:00:00Z.
    let expected = json!({"type": "refetchEvaluation", "etag": id, "lastModified": 1_772_438_400});
    assert_eq!(data, expected);
    id
}

#[test]
fn every_change_is_told_once_it_can_be_seen() {
    let world = World::new();
    world.define("door");
    let mut stream = open(&world, &[]);
    // Something may have changed since the client asked for all flags.
    let first = told(&stream.block().unwrap());
    let mut ids = vec![first];
    for (action, version) in
        [("start", "v1"), ("advance", "v1"), ("advance", "v2"), ("roll_back", "v1")]
    {
        world.act("door", action);
        ids.push(told(&stream.block().unwrap()));
        let context = json!({"context": {"targetingKey": "camera-0"}});
        let flags = world.daemon.post(FLAGS, &context).body;
        if action != "advance" || version == "v2" {
            assert_eq!(flags["flags"][0]["value"], version, "{action}");
        }
    }
    world.define("gate");
    ids.push(told(&stream.block().unwrap()));
    let mut different = ids.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), ids.len(), "{ids:?}");

    // Whoever has the last is told of the next alone, and whoever has another at once.
    let last = ids.last().unwrap();
    let mut knows = open(&world, &[("last-event-id", last)]);
    let opening = knows.block().unwrap();
    assert!(opening.data.is_empty() && opening.retry.is_some(), "{opening:?}");
    let mut behind = open(&world, &[("last-event-id", &ids[0])]);
    assert_eq!(told(&behind.block().unwrap()), *last);
    world.act("gate", "start");
    let next = told(&stream.block().unwrap());
    assert_eq!(told(&knows.block().unwrap()), next);
    assert_eq!(told(&behind.block().unwrap()), next);

    let (well, log) = world.daemon.terminate();
    assert!(well, "{}", log.join("\n"));
    assert_eq!(stream.block(), None);
}

#[test]
fn a_ticket_opens_the_stream_of_one_process_and_nothing_else() {
    let world = World::new();
    let ticket = address(&world);
    let (path, query) = ticket.split_once('?').unwrap();
    let try_open = |path: &str, headers: &[(&str, &str)]| {
        Stream::try_open(world.daemon.address(), path, headers)
            .map(|_| ())
            .map_err(|(status, _)| status)
    };
    assert_eq!(try_open(&ticket, &[]), Ok(()));
    let bearer = format!("Bearer {}", world.reader);
    assert_eq!(try_open(path, &[("authorization", &bearer)]), Ok(()));
    assert_eq!(try_open(path, &[("x-api-key", &world.reader)]), Ok(()));
    assert_eq!(try_open(path, &[]), Err(401));
    assert_eq!(try_open(&ticket[..ticket.len() - 1], &[]), Err(401));
    assert_eq!(try_open(&address(&World::new()), &[]), Err(401));
    for other in ["/v1/experiments", "/v1/events", "/metrics"] {
        assert_eq!(try_open(&format!("{other}?{query}"), &[]), Err(401), "{other}");
    }
    let evaluate = Request::new("POST", &format!("{FLAGS}?{query}"));
    let evaluate = evaluate.json(&json!({"context": {"targetingKey": "camera-0"}}));
    assert_eq!(evaluate.send(world.daemon.address()).status, 401);
    let secret = query.split_once('=').unwrap().1.to_owned();
    let log = world.daemon.kill().join("\n");
    assert!(log.contains(path) && !log.contains(&secret), "{log}");
}
