//! Clients that mean harm, or know no better: each is turned away, and good ones are answered all the while.

use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use system_tests::raw::{Connection, ExpectBody, Request};

use super::World;

#[test]
fn connections_that_send_no_whole_head_are_closed_while_others_are_served() {
    const COUNT: usize = 300;
    let world = World::new(&[]);
    let heads = ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n"];
    let open = |index: usize| {
        let mut connection = Connection::open(world.address());
        connection.write(heads[index % heads.len()].as_bytes());
        // Half a minute more than it should take; before there was a limit they stayed for ever.
        connection.patience(Duration::from_secs(35));
        connection
    };
    let connections: Vec<Connection> = (0..COUNT).map(open).collect();
    for _ in 0..20 {
        world.is_well();
    }
    let (told, closed) = mpsc::channel();
    let waiting = thread::spawn(move || {
        for mut connection in connections {
            let rest = connection.rest().expect("the daemon closes the connection");
            assert_eq!(String::from_utf8_lossy(&rest), "", "there is no request to answer");
            told.send(()).unwrap();
        }
    });
    let mut served = 0;
    while closed.recv().is_ok() {
        world.is_well();
        served += 1;
    }
    waiting.join().unwrap();
    assert_eq!(served, COUNT);
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up() {
    let world = World::new(&[]);
    let mut connection = Connection::open(world.address());
    connection.write(
        b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
          content-length: 100\r\n\r\n[",
    );
    let answer = connection.read(ExpectBody::Yes).unwrap().expect("an answer after 30 seconds");
    assert_eq!(answer.problem(), (408, "request_timeout".to_owned()));
    // What comes later is not taken for another request.
    connection.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection.end();
    let rest = connection.rest().unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    world.is_well();
}

#[test]
fn a_head_beyond_its_bounds_is_refused() {
    let world = World::new(&[]);
    let with = |count: usize| {
        // `host` is one.
        (1..count).fold(Request::new("GET", "/healthz"), |request, i| {
            request.header(&format!("x-{i}"), "1")
        })
    };
    assert_eq!(with(64).send(world.address()).status, 200);
    let large =
        |bytes: usize| Request::new("GET", "/healthz").header("x-large", &"x".repeat(bytes));
    assert_eq!(large(15 * 1024).send(world.address()).status, 200);
    let long = Request::new("GET", &format!("/{}", "x".repeat(17 * 1024)));
    for request in [with(65), with(100), large(16 * 1024), large(20 * 1024), long] {
        let answer = request.send(world.address());
        assert_eq!(answer.problem(), (431, "headers_too_large".to_owned()));
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("64 headers and 16384 bytes"), "{detail}");
    }
    for request in [with(129), with(1_000), large(40 * 1024), large(2 * 1024 * 1024)] {
        let mut connection = Connection::open(world.address());
        connection.write(&request.bytes());
        // Where more was sent than is read, the answer may be lost to the reset.
        match connection.read(ExpectBody::Yes) {
            Ok(Some(answer)) => assert_eq!(answer.status, 431),
            Ok(None) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        connection.rest().unwrap();
    }
    world.is_well();
}

#[test]
fn bytes_that_are_no_request_are_refused_and_the_connection_closed() {
    let world = World::new(&[]);
    let cases: [&[u8]; 9] = [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET /\x1b[2J HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: \x1b[2J\x00\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n",
        b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n[]",
    ];
    for bytes in cases {
        let mut connection = Connection::open(world.address());
        connection.write(bytes);
        connection.end();
        let rest = connection.rest().unwrap();
        let text = String::from_utf8_lossy(&rest);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{bytes:?}: {text}");
    }
    world.is_well();
}

#[test]
fn a_body_beyond_a_mebibyte_is_refused() {
    const MIB: usize = 1024 * 1024;
    let world = World::new(&[]);
    world.running("door");
    let spaces = |bytes: usize| format!("[]{}", " ".repeat(bytes - 2));
    for path in ["/v1/observations", "/v1/experiments/door/actions", "/v1/time"] {
        let request = Request::new("POST", path).body("application/json", spaces(MIB + 1));
        assert_eq!(request.send(world.address()).problem(), (413, "body_too_large".to_owned()));
    }
    // The answer comes through though most of the body is never looked at.
    let request =
        Request::new("POST", "/v1/observations").body("application/json", spaces(6 * MIB));
    assert_eq!(request.send(world.address()).problem(), (413, "body_too_large".to_owned()));
    // At the bound it is read.
    let request = Request::new("POST", "/v1/observations").body("application/json", spaces(MIB));
    assert_eq!(request.send(world.address()).problem(), (422, "too_many_items".to_owned()));
    // A length that is only claimed.
    let mut connection = Connection::open(world.address());
    connection.write(
        b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
          content-length: 99999999999\r\n\r\n[",
    );
    let answer = connection.read(ExpectBody::Yes).unwrap().unwrap();
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));
    // No length at all.
    let mut connection = Connection::open(world.address());
    connection.write(
        b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\n",
    );
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, " ".repeat(64 * 1024));
    for _ in 0..17 {
        connection.write(chunk.as_bytes());
    }
    let answer = connection.read(ExpectBody::Yes).unwrap().unwrap();
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));
    world.is_well();
}

#[test]
fn a_body_that_is_cut_off_or_garbled_changes_nothing() {
    let world = World::new(&[]);
    world.running("door");
    let item = super::analysis("door", "e1", "c1");
    let whole = json!([item]).to_string();
    let head =
        "POST /v1/observations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let cases = [
        format!("{head}content-length: {}\r\n\r\n{whole}", whole.len() + 1),
        format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{whole}\r\n", whole.len()),
        format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{whole}garbage", whole.len()),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{whole}\r\n0\r\n\r\n"),
        format!(
            "{head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{whole}\r\n0\r\n\r\n"
        ),
        format!("{head}transfer-encoding: gzip\r\n\r\n{whole}"),
        format!("{head}\r\n{whole}"),
    ];
    for case in cases {
        let mut connection = Connection::open(world.address());
        connection.write(case.as_bytes());
        connection.end();
        let rest = String::from_utf8(connection.rest().unwrap()).unwrap();
        assert!(!rest.contains("HTTP/1.1 200"), "{case}\n{rest}");
    }
    let status = world.daemon.get("/v1/experiments/door/status");
    assert_eq!(status.body["observations"], 0, "none was taken in");
    world.is_well();
}

#[test]
fn whatever_a_body_has_in_it_the_daemon_goes_on() {
    const DEEP: usize = 50_000;
    let world = World::new(&[]);
    world.running("door");
    let nested = |open: &str, close: &str| open.repeat(DEEP) + &close.repeat(DEEP);
    let objects = nested("{\"control\":", "}");
    let targets = [
        ("POST", "/v1/observations", "application/json"),
        ("POST", "/v1/observations", "application/x-ndjson"),
        ("POST", "/v1/experiments/door/actions", "application/json"),
        ("POST", "/v1/experiments/door/assignments", "application/json"),
        ("PUT", "/v1/experiments/gate", "application/json"),
        ("PUT", "/v1/experiments/gate", "application/toml"),
        ("PUT", "/v1/experiments/door/overrides/lab", "application/json"),
        ("POST", "/v1/time", "application/json"),
    ];
    let bodies: Vec<Vec<u8>> = vec![
        nested("[", "]").into(),
        format!("[{objects}]").into(),
        objects.into(),
        "[".repeat(DEEP).into(),
        "{\"a\":".repeat(DEEP).into(),
        format!("{{\"key\":\"gate\",\"ab\":{}}}", nested("[", "]")).into(),
        format!("key = {}", nested("[", "]")).into(),
        format!("key = {}", nested("{ a = ", "}")).into(),
        format!("{}key = 1", "a.".repeat(DEEP)).into(),
        b"[\"\xff\xfe\"]".to_vec(),
        b"\xff\xfe[\0]\0".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"{\"action\":\"st\0op\",\"reason\":\"r\",\"actor\":\"a\"}".to_vec(),
        br#"{"action":"stop","reason":"\u0000","actor":"a"}"#.to_vec(),
        br#"{"action":"stop","reason":"\ud800","actor":"a"}"#.to_vec(),
        b"[1e999999999]".to_vec(),
        format!("[{}]", "9".repeat(100_000)).into(),
    ];
    for (method, path, kind) in targets {
        for body in &bodies {
            let answer = Request::new(method, path).body(kind, body.clone()).send(world.address());
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            // One a line, each bad one is answered for itself.
            let refused = match answer.status {
                200 => path == "/v1/observations" && answer.json()["accepted"] == 0,
                status => [400, 415, 422].contains(&status),
            };
            assert!(refused, "{method} {path} {kind} {shown}: {} {}", answer.status, answer.json());
        }
    }
    let status = world.daemon.get("/v1/experiments/door/status").body;
    assert_eq!((&status["phase"], &status["observations"]), (&json!("shadow"), &json!(0)));
    world.is_well();
}

#[test]
fn a_body_that_is_no_utf8_is_told_apart() {
    let world = World::new(&[]);
    for (kind, path, method) in [
        ("application/json", "/v1/observations", "POST"),
        ("application/x-ndjson", "/v1/observations", "POST"),
        ("application/toml", "/v1/experiments/gate", "PUT"),
    ] {
        let request = Request::new(method, path).body(kind, b"[\"\xff\"]".to_vec());
        let answer = request.send(world.address());
        assert_eq!(answer.problem(), (400, "malformed_body".to_owned()));
        assert!(answer.json()["detail"].as_str().unwrap().contains("UTF-8"));
    }
}

#[test]
fn requests_sent_at_once_are_answered_in_turn() {
    let world = World::new(&[]);
    world.running("door");
    let mut connection = Connection::open(world.address());
    let mut bytes = Vec::new();
    for number in 0..50 {
        let request = match number % 3 {
            0 => Request::new("GET", "/healthz"),
            1 => Request::new("POST", "/v1/observations").json(&json!([super::analysis(
                "door",
                &format!("e{number}"),
                "c1"
            )])),
            _ => Request::new("GET", "/v1/nothing"),
        };
        bytes.extend(request.header("x-request-id", &format!("r-{number}")).bytes());
    }
    connection.write(&bytes);
    connection.end();
    for number in 0..50 {
        let answer = connection.read(ExpectBody::Yes).unwrap().expect("an answer");
        assert_eq!(answer.header("x-request-id"), Some(&*format!("r-{number}")));
        assert_eq!(answer.status, if number % 3 == 2 { 404 } else { 200 });
    }
    assert_eq!(connection.rest().unwrap(), b"");
}

#[test]
fn a_client_that_does_not_read_its_answers_loses_its_connection() {
    const COUNT: usize = 4_000;
    let world = World::new(&["--connections-max", "1"]);
    world.running("door");
    let mut deaf = Connection::open(world.address());
    // More answers than all buffers on the way hold.
    deaf.write(&Request::new("GET", "/metrics").bytes().repeat(COUNT));
    // The only place is taken until the daemon takes it back.
    assert_eq!(Request::new("GET", "/healthz").send(world.address()).status, 200);
    let answers = deaf.rest().unwrap();
    let answered = String::from_utf8_lossy(&answers).matches("HTTP/1.1 200").count();
    assert!((1..COUNT).contains(&answered), "{answered}");
}

#[test]
fn connections_beyond_the_bound_wait_until_others_close() {
    let world = World::new(&["--connections-max", "3"]);
    // The client that set the time lets go of its connection, or of its turn after 5 seconds.
    let mut held: Vec<Connection> = (0..3)
        .map(|_| {
            let mut connection = Connection::open(world.address());
            connection.write(
                b"POST /v1/observations HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
                  content-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n",
            );
            connection
        })
        .collect();
    for connection in &mut held {
        let accepted = connection.read(ExpectBody::No).unwrap().expect("it is asked for the body");
        assert_eq!(accepted.status, 100);
    }
    let mut surplus: Vec<Connection> = (0..5)
        .map(|_| {
            let mut connection = Connection::open(world.address());
            let request = Request::new("GET", "/healthz").header("connection", "close");
            connection.write(&request.bytes());
            connection
        })
        .collect();
    for connection in &mut surplus {
        assert!(connection.is_silent(), "it waits");
    }
    let mut first = held.remove(0);
    first.write(b"[]");
    assert_eq!(first.read(ExpectBody::Yes).unwrap().unwrap().status, 422);
    assert_eq!(first.rest().unwrap(), b"");
    // One place is enough for all of them, one after the other.
    for connection in &mut surplus {
        assert_eq!(connection.read(ExpectBody::Yes).unwrap().expect("its turn comes").status, 200);
    }
    for mut connection in held {
        connection.write(b"[]");
        assert_eq!(connection.read(ExpectBody::Yes).unwrap().unwrap().status, 422);
    }
}
