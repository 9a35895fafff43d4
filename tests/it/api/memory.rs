//! What clients can make the daemon hold: the peak of its memory under each load, and who is still served.

use std::fmt::Write as _;

use serde_json::{Value, json};
use system_tests::raw::{Answer, Connection, ExpectBody, Request};

use super::World;

/// As `docs/security.md` has it: 32 MiB of bodies, 32 of answers, and as much for connections and for what is worked on.
const BOUND_MIB: u64 = 96;

/// The peak of a daemon's memory since it was idle.
struct Peak<'a> {
    world: &'a World,
    idle_mib: u64,
}

impl<'a> Peak<'a> {
    fn of(world: &'a World) -> Self {
        Self { world, idle_mib: world.daemon.memory_mib("VmHWM") }
    }

    #[expect(clippy::print_stderr, reason = "the figures are those of docs/performance.md")]
    fn is_within(&self, load: &str) {
        let peak_mib = self.world.daemon.memory_mib("VmHWM") - self.idle_mib;
        eprintln!("{load}: {peak_mib} MiB above {} MiB idle, bound {BOUND_MIB}", self.idle_mib);
        assert!(peak_mib <= BOUND_MIB, "{load}: {peak_mib} MiB, allowed: {BOUND_MIB}");
    }
}

/// A client that sends and does not read.
fn deaf(world: &World, bytes: &[u8]) -> Connection {
    let mut connection = Connection::open(world.address());
    connection.write(bytes);
    connection
}

fn whole(connection: &mut Connection) -> Answer {
    connection.read(ExpectBody::Yes).unwrap().expect("an answer")
}

/// A report of one analysis in a body of so many bytes.
fn report(id: &str, bytes: usize) -> Request {
    let item = json!([super::analysis("door", id, "c1")]).to_string();
    let padded = format!("{item}{}", " ".repeat(bytes - item.len()));
    Request::new("POST", "/v1/observations").body("application/json", padded)
}

#[test]
fn a_file_of_faults_is_answered_with_the_first_hundred() {
    let world = World::new(&[]);
    let toml: String = (0..70_000)
        .flat_map(|number| ["k".to_owned(), number.to_string(), "=1\n".to_owned()])
        .collect();
    let request = Request::new("PUT", "/v1/experiments/e").body("application/toml", toml);
    let peak = Peak::of(&world);
    let answer = request.send(world.address());
    assert_eq!(answer.problem(), (422, "invalid_field".to_owned()));
    let body = answer.json();
    assert_eq!(body["faults"].as_array().unwrap().len(), 100);
    // Key, control and treatment are missing too.
    assert_eq!(body["detail"], "70003 fields are not valid; the first 100 are named");
    assert!(answer.body.len() < 64 * 1024, "{}", answer.body.len());
    let mut clients = (0..40).map(|_| deaf(&world, &request.bytes())).collect::<Vec<_>>();
    for client in &mut clients {
        assert_eq!(whole(client).status, 422);
    }
    peak.is_within("40 files of 70,000 faults");
}

#[test]
fn what_a_client_sent_is_told_back_cut() {
    let world = World::new(&[]);
    world.running("door");
    let long = "x".repeat(900_000);
    let object = json!({ &long: 1 });
    let peak = Peak::of(&world);
    let told_short = |answer: &Answer| {
        assert!(answer.body.len() <= 4 * 1024, "{} bytes", answer.body.len());
        answer.json()
    };
    let batch = Request::new("POST", "/v1/observations").json(&json!([object]));
    let mut clients = (0..100).map(|_| deaf(&world, &batch.bytes())).collect::<Vec<_>>();
    let mut read = 0;
    for client in &mut clients {
        let answer = whole(client);
        let body = told_short(&answer);
        // Together they are more than there is room for.
        if answer.status == 429 {
            continue;
        }
        read += 1;
        let rejected = &body["results"][0];
        assert_eq!(rejected["code"], "invalid_field");
        assert!(rejected["pointer"].as_str().unwrap().starts_with("/0/xxx"), "{rejected}");
        // What is allowed stands at the end.
        let detail = rejected["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("`xxx") && detail.contains("allowed: type | experiment"),
            "{detail}"
        );
    }
    assert!(read > 0);
    let post = |path: &str, body: &Value| Request::new("POST", path).json(body);
    let action = |name: &str| json!({"action": name, "reason": "r", "actor": "a"});
    let toml =
        |text: String| Request::new("PUT", "/v1/experiments/e").body("application/toml", text);
    for request in [
        post("/v1/experiments/door/actions", &object),
        post("/v1/experiments/door/actions", &action(&long)),
        post("/v1/prompts", &object),
        post("/v1/prompts", &json!({"name": &long, "text": "t", "actor": "a"})),
        post("/ofrep/v1/evaluate/flags", &json!({"context": {"targetingKey": &long}})),
        post("/v1/time", &json!({"now": &long})),
        Request::new("PUT", "/v1/experiments/e").json(&object),
        toml(format!("{long} = 1\n")),
        toml(format!("key = \"{long}\"\n")),
        toml(format!("{long}\n")),
    ] {
        let answer = request.send(world.address());
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        told_short(&answer);
    }
    // One bad name among many answers for itself.
    let answer = post("/v1/experiments/door/assignments", &json!({"camera_ids": [&long]}))
        .send(world.address());
    assert_eq!(answer.status, 200);
    told_short(&answer);
    peak.is_within("100 unknown fields of 900 KB");
}

#[test]
fn bodies_that_never_come_whole_hold_no_more_than_their_room_and_stop_no_rollback() {
    let world = World::new(&[]);
    world.running("door");
    let peak = Peak::of(&world);
    let large = report("large", 200_000);
    let withheld = |bytes: usize| {
        let mut withheld = report("withheld", bytes).bytes();
        withheld.pop();
        deaf(&world, &withheld)
    };
    let mut clients: Vec<Connection> = (0..200).map(|_| withheld(1_000_000)).collect();
    // A body for which there was no room gives back what it had: smaller ones fill that.
    let mut sent = (0..500).map(|_| {
        clients.push(withheld(150_000));
        large.send(world.address())
    });
    let refused = sent.find(|answer| answer.status != 200);
    let refused = refused.expect("there is no room for all of them");
    assert_eq!(refused.problem(), (429, "too_many_requests".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    // What is small has room of its own.
    let small = report("small", 10_000).send(world.address());
    assert_eq!((small.status, &small.json()["accepted"]), (200, &json!(1)));
    let action = json!({"action": "roll_back", "reason": "harm", "actor": "ann"});
    let path = "/v1/experiments/door/actions";
    let rolled_back = Request::new("POST", path).json(&action).send(world.address());
    assert_eq!(rolled_back.json()["status"]["phase"], "rolled_back");
    peak.is_within("200 withheld bodies of 1 MB");
    drop(clients);
    // The room is given back.
    while large.send(world.address()).status != 200 {}
}

#[test]
fn answers_that_are_not_taken_hold_no_more_than_their_room_and_whoever_reads_is_answered() {
    let world = World::new(&[]);
    let mut toml = super::experiment("door");
    toml.push_str("[assignment.overrides]\n");
    for number in 0..36_000 {
        writeln!(toml, "camera-{number} = \"control\"").unwrap();
    }
    assert_eq!(world.daemon.define("door", &toml).status, 201);
    let get = Request::new("GET", "/v1/experiments/door");
    let length = get.send(world.address()).body.len();
    assert!(length > 900_000, "{length}");
    let peak = Peak::of(&world);
    // More answers than the buffers of the kernel hold.
    let clients: Vec<Connection> = (0..80).map(|_| deaf(&world, &get.bytes().repeat(16))).collect();
    let given_up = "tidegate_http_answers_given_up_total 0\n";
    while world.daemon.get("/metrics").text.contains(given_up) {
        assert_eq!(get.send(world.address()).body.len(), length);
    }
    for _ in 0..20 {
        assert_eq!(get.send(world.address()).body.len(), length);
    }
    peak.is_within("80 clients that ask and do not read");
    drop(clients);
}
