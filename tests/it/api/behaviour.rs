//! What clients rely on.

use serde_json::{Value, json};
use system_tests::raw::{Answer, Connection, ExpectBody, Request};

use super::{World, analysis, experiment};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const TOML: &str = "application/toml";

fn post(path: &str, body: &str) -> Request {
    Request::new("POST", path).body(JSON, body)
}

fn put(path: &str, kind: &str, body: &str) -> Request {
    Request::new("PUT", path).body(kind, body)
}

fn get(path: &str) -> Request {
    Request::new("GET", path)
}

/// Refused with a status and a code, and with a fault at this pointer that has this text; without a
/// pointer the detail has it.
fn refused(answer: &Answer, status: u16, code: &str, pointer: Option<&str>, text: &str) {
    let problem = answer.json();
    assert_eq!(answer.problem(), (status, code.to_owned()), "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:tidegate:problem:{code}"));
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    let detail = match pointer {
        None => &problem["detail"],
        Some(pointer) => {
            let faults = problem["faults"].as_array().expect("faults");
            let fault = faults.iter().find(|fault| fault["pointer"] == pointer);
            &fault.unwrap_or_else(|| panic!("no fault at {pointer}: {problem}"))["detail"]
        }
    };
    assert!(detail.as_str().unwrap().contains(text), "`{text}` is not in {problem}");
}

#[test]
fn a_path_or_a_query_that_is_none_is_refused_with_what_is_allowed() {
    let world = World::new(&[]);
    world.running("door");
    let long = format!("/v1/experiments/{}", "x".repeat(129));
    let allowed = "allowed: 1 to 128 of A-Z a-z 0-9 . _ : / -";
    for (request, text) in [
        (get("/v1/experiments/a%20b"), allowed),
        (get("/v1/experiments/a%00b"), allowed),
        (get("/v1/experiments/%1B%5B2J"), "\\u{1b}"),
        (get(&long), "is 129 bytes long"),
        (get("/v1/experiments/door/assignments/a%20"), "begins or ends with a blank"),
        (get("/v1/experiments/door/assignments/a%0Ab"), "1 to 128 of A-Z a-z 0-9 . _ ~ : / -, and"),
        (get("/v1/experiments/%FF/status"), "UTF-8"),
        (post("/v1/experiments/a%20b/assignments", "{}"), allowed),
        (put("/v1/experiments/a%20b", TOML, ""), allowed),
        (put("/v1/experiments/door/overrides/a%00b", JSON, "{}"), "'\\0'"),
        (Request::new("DELETE", "/v1/experiments/door/overrides/a%EF%BB%BF"), "feff"),
    ] {
        refused(&request.send(world.address()), 400, "invalid_path", None, text);
    }
    for (query, text) in [
        ("limit=0", "allowed: 1 to 500"),
        ("limit=501", "allowed: 1 to 500"),
        ("limit=ten", "`limit` is no whole number"),
        ("after=-1", "`after` is no whole number"),
        ("after=99999999999999999999", "`after` is too large"),
        ("offset=3", "`offset` is not a known field"),
        ("limit=1&limit=2", "`limit` is there twice"),
    ] {
        let answer = get(&format!("/v1/experiments/door/history?{query}")).send(world.address());
        refused(&answer, 400, "invalid_query", None, text);
    }
    for path in ["/v1", "/v1/experiments/", "/v1/experiments/door/site/1", "/v1/../healthz"] {
        refused(&get(path).send(world.address()), 404, "not_found", None, "docs/api.md");
    }
    let unknown = [
        get("/v1/experiments/garage"),
        get("/v1/experiments/garage/status"),
        get("/v1/experiments/garage/history"),
        post("/v1/experiments/garage/check", ""),
        post("/v1/experiments/garage/actions", r#"{"action":"start","reason":"r","actor":"a"}"#),
        put("/v1/experiments/garage/overrides/lab", JSON, r#"{"variant":"control"}"#),
        Request::new("DELETE", "/v1/experiments/garage/overrides/lab"),
    ];
    for request in unknown {
        refused(&request.send(world.address()), 404, "unknown_experiment", None, "`garage`");
    }
    world.is_well();
}

#[test]
fn every_field_that_is_not_valid_is_named_with_what_is_allowed() {
    let world = World::new(&[]);
    world.running("door");
    let actions = "/v1/experiments/door/actions";
    let cameras = "/v1/experiments/door/assignments";
    let over = "/v1/experiments/door/overrides/lab";
    let gate = "/v1/experiments/gate";
    let good = r#""action":"hold","reason":"r","actor":"a""#;
    let versions = r#""control":"v1","treatment":"v2""#;
    let cases = [
        (post(actions, &format!("{{{good},\"force\":true}}")), "/force", "`force` is not a known"),
        (post(actions, r#"{"action":"hold","actor":"a"}"#), "", "`reason` is missing"),
        (
            post(actions, r#"{"action":1,"reason":"r","actor":"a"}"#),
            "/action",
            "is 1, allowed: a text",
        ),
        (post(actions, r#"{"action":"go","reason":"r","actor":"a"}"#), "/action", "start | pause"),
        (post(actions, r#"{"action":"hold","reason":"","actor":"a"}"#), "/reason", "1 to 1000"),
        (post(actions, r#"{"action":"hold","reason":"a\nb","actor":"a"}"#), "/reason", "control"),
        (post(actions, r#"{"action":"hold","reason":"r","actor":""}"#), "/actor", "1 to 128"),
        (post(actions, r#"["hold","r","a"]"#), "", "allowed: an object"),
        (post(actions, "null"), "", "allowed: an object"),
        (post(cameras, r#"{"camera_ids":["a"],"at":1}"#), "/at", "`at` is not a known field"),
        (post(cameras, r#"{"camera_ids":["a",7]}"#), "/camera_ids/1", "is 7, allowed: a text"),
        (post(cameras, r#"{"camera_ids":"a"}"#), "/camera_ids", "is \"a\", allowed: a list"),
        (post(cameras, r#"[["a"]]"#), "", "allowed: an object"),
        (put(over, JSON, r#"{"variant":"both"}"#), "/variant", "control | treatment"),
        (put(over, JSON, r#"{"variant":"control","until":1}"#), "/until", "is not a known field"),
        (put(over, JSON, r#"["control"]"#), "", "allowed: an object"),
        (post("/v1/time", r#"{"now":"yesterday"}"#), "/now", "such as 2026-03-01T12:00:00Z"),
        (post("/v1/time", r#"{"now":"-000001-01-01T00:00:00Z"}"#), "/now", "allowed"),
        (post("/v1/time", r#"{"now":"2026-03-02T08:00:00Z","zone":1}"#), "/zone", "not a known"),
        (put(gate, JSON, &format!("{{\"key\":\"other\",{versions}}}")), "/key", "allowed: `gate`"),
        (put(gate, JSON, &format!("{{{versions}}}")), "/key", "missing"),
        (put(gate, JSON, &format!("{{\"key\":\"gate\",{versions},\"x\":1}}")), "/x", "not a known"),
        (
            put(gate, TOML, "key = \"gate\"\ncontrol = \"v1\"\ntreatment = \"v1\""),
            "/treatment",
            "v1",
        ),
        (
            put(gate, TOML, &(experiment("gate") + "[ab]\ntreatment_percentage = nan")),
            "/ab/treatment_percentage",
            "0 to 1",
        ),
        (
            put(gate, TOML, &(experiment("gate") + "[ab]\nsteps = [{ dwell_hours = 1 }]")),
            "/ab/steps/0/treatment_percentage",
            "0 to 1",
        ),
    ];
    for (request, pointer, text) in cases {
        let answer = request.send(world.address());
        refused(&answer, 422, "invalid_field", Some(pointer), text);
    }
    // Every fault at once.
    let both =
        put(gate, JSON, r#"{"key":"gate","control":"v1","alert_threshold":101,"ab":{"x":1}}"#);
    let answer = both.send(world.address());
    for pointer in ["/treatment", "/alert_threshold", "/ab/x"] {
        refused(&answer, 422, "invalid_field", Some(pointer), "");
    }
    assert_eq!(
        world.daemon.get("/v1/experiments").body["experiments"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_body_that_is_none_or_of_another_type_is_refused() {
    let world = World::new(&[]);
    world.running("door");
    let toml = experiment("gate");
    for (request, text) in [
        (post("/v1/experiments/door/actions", ""), "not JSON"),
        (post("/v1/experiments/door/actions", "{\"action\":"), "not JSON"),
        (post("/v1/experiments/door/actions", "{} {}"), ""),
        (post("/v1/observations", ""), "no JSON array"),
        (post("/v1/observations", "{}"), "no JSON array"),
        (post("/v1/observations", "[1,]"), "no JSON array"),
        (put("/v1/experiments/gate", TOML, "key ="), "not valid TOML"),
        (put("/v1/experiments/gate", JSON, "{\"key\":}"), "not valid JSON"),
        (put("/v1/experiments/gate", JSON, &toml), "content type"),
        (put("/v1/experiments/gate", TOML, "{\"key\":\"gate\"}"), "content type"),
    ] {
        let answer = request.send(world.address());
        if text.is_empty() {
            // Two values: whichever fault is found first.
            assert!([400, 422].contains(&answer.status));
        } else {
            refused(&answer, 400, "malformed_body", None, text);
        }
    }
    let form = "application/x-www-form-urlencoded";
    for (path, method, kind, allowed) in [
        ("/v1/observations", "POST", form, "application/json | application/x-ndjson"),
        ("/v1/observations", "POST", TOML, "application/json | application/x-ndjson"),
        ("/v1/experiments/gate", "PUT", NDJSON, "application/json | application/toml"),
        ("/v1/experiments/door/actions", "POST", TOML, "allowed: application/json"),
        ("/v1/experiments/door/assignments", "POST", "text/plain", "allowed: application/json"),
        ("/v1/experiments/door/overrides/lab", "PUT", "", "allowed: application/json"),
        ("/v1/time", "POST", "application/jsonp", "allowed: application/json"),
    ] {
        let answer = Request::new(method, path).body(kind, "[]").send(world.address());
        refused(&answer, 415, "unsupported_media_type", None, allowed);
    }
    // Parameters and capitals are fine.
    let body = json!([analysis("door", "e1", "c1")]).to_string();
    let kind = "Application/JSON; charset=utf-8";
    let answer = Request::new("POST", "/v1/observations").body(kind, body).send(world.address());
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(1)));
}

#[test]
fn no_more_than_a_thousand_items_are_taken_at_once() {
    let world = World::new(&[]);
    world.running("door");
    let batch = |count: usize| -> Vec<Value> {
        (0..count).map(|i| analysis("door", &format!("e{i}"), "c1")).collect()
    };
    let lines = |items: &[Value]| items.iter().fold(String::new(), |all, i| format!("{all}{i}\n"));
    for request in [
        post("/v1/observations", &json!(batch(1_001)).to_string()),
        Request::new("POST", "/v1/observations").body(NDJSON, lines(&batch(1_001))),
    ] {
        refused(&request.send(world.address()), 422, "too_many_items", None, "1001");
    }
    for request in [
        post("/v1/observations", "[]"),
        Request::new("POST", "/v1/observations").body(NDJSON, "\n \n"),
        post("/v1/experiments/door/assignments", r#"{"camera_ids":[]}"#),
    ] {
        refused(&request.send(world.address()), 422, "too_many_items", None, "allowed: 1 to 1000");
    }
    let cameras: Vec<String> = (0..1_001).map(|i| format!("c{i}")).collect();
    let ask = |cameras: &[String]| {
        Request::new("POST", "/v1/experiments/door/assignments")
            .json(&json!({ "camera_ids": cameras }))
            .send(world.address())
    };
    refused(&ask(&cameras), 422, "too_many_items", None, "1001 cameras");
    assert_eq!(ask(&cameras[1..]).json()["assignments"].as_array().unwrap().len(), 1_000);
    // None of those that were refused counts.
    let taken = world.daemon.post("/v1/observations", &json!(batch(1_000)));
    assert_eq!((&taken.body["accepted"], &taken.body["duplicate"]), (&json!(1_000), &json!(0)));
    let again = Request::new("POST", "/v1/observations").body(NDJSON, lines(&batch(1_000)));
    assert_eq!(again.send(world.address()).json()["duplicate"], 1_000);
}

const ACCEPTED: &str = "accepted";

/// Observations of the running experiment `door` and others, each with its outcome or the code of why it
/// is rejected, the pointer into it, and a part of the sentence.
fn observations() -> Vec<(Value, &'static str, &'static str, &'static str)> {
    let with = |field: &str, value: Value| {
        let mut item = analysis("door", "other", "c1");
        item[field] = value;
        item
    };
    let comparison = |control: Value| {
        json!({"type": "comparison", "experiment": "door", "id": "pair", "camera_id": "c1",
               "control": control, "treatment": {"score": 70}})
    };
    let feedback = |id: &str, label: &str| json!({"type": "feedback", "experiment": "door", "id": id, "label": label});
    let accepted = ACCEPTED;
    vec![
        (analysis("door", "e1", "c1"), accepted, "", ""),
        (with("score", json!(101)), "invalid_field", "/score", "allowed: 0 to 100"),
        (with("score", json!(1.5)), "invalid_field", "/score", "allowed: 0 to 100"),
        (with("latency_ms", json!(-1)), "invalid_field", "/latency_ms", "0 to 600000"),
        (with("latency_ms", json!("9")), "invalid_field", "/latency_ms", "allowed: a number"),
        (with("variant", json!("both")), "invalid_field", "/variant", "control | treatment"),
        (with("camera_id", json!("a b ")), "invalid_field", "/camera_id", "1 to 128"),
        (with("id", json!("")), "invalid_field", "/id", "1 to 128"),
        (with("type", json!("guess")), "invalid_field", "/type", "analysis | comparison"),
        (with("colour", json!(1)), "invalid_field", "/colour", "is not a known field"),
        (with("label", json!("correct")), "invalid_field", "/label", "is not allowed"),
        (with("experiment", json!("garage")), "unknown_experiment", "", "`garage`"),
        (with("experiment", json!("draft")), "not_started", "", "not started"),
        (json!(["analysis", "door", "e9", "c1", "control", 1, 2]), "invalid_field", "", "object"),
        (json!("analysis"), "invalid_field", "", "allowed: an object"),
        (
            comparison(json!({"score": 70, "x": 1})),
            "invalid_field",
            "/control/x",
            "is not a known field",
        ),
        (comparison(json!({"score": -1})), "invalid_field", "/control/score", "0 to 100"),
        (comparison(json!([900, 70])), "invalid_field", "/control", "allowed: an object"),
        (comparison(Value::Null), "invalid_field", "/control", "missing"),
        (comparison(json!({"score": 70})), accepted, "", ""),
        (feedback("nobody", "correct"), "unknown_analysis", "", "`nobody`"),
        (feedback("e1", "great"), "invalid_field", "/label", "false_positive"),
        (feedback("e1", "correct"), accepted, "", ""),
        (feedback("e1", "correct"), "duplicate", "", ""),
        (feedback("e1", "false_positive"), accepted, "", ""),
        (analysis("door", "e1", "c2"), "duplicate", "", ""),
        (comparison(json!({"score": 71})), "duplicate", "", ""),
    ]
}

#[test]
fn each_observation_is_answered_for_itself() {
    let world = World::new(&[]);
    world.running("door");
    assert_eq!(world.daemon.define("draft", &experiment("draft")).status, 201);
    let (accepted, cases) = (ACCEPTED, observations());
    let items: Vec<&Value> = cases.iter().map(|case| &case.0).collect();
    let answered = world.daemon.post("/v1/observations", &json!(items));
    assert_eq!(answered.status, 200, "{}", answered.text);
    let count = |outcome: &str| cases.iter().filter(|case| case.1 == outcome).count();
    let rejected = cases.len() - count(accepted) - count("duplicate");
    assert_eq!(answered.body["accepted"], count(accepted));
    assert_eq!(answered.body["duplicate"], count("duplicate"));
    assert_eq!(answered.body["rejected"], rejected);
    let results = answered.body["results"].as_array().unwrap();
    assert_eq!(results.len(), cases.len());
    for (index, ((item, outcome, pointer, text), result)) in cases.iter().zip(results).enumerate() {
        if [accepted, "duplicate"].contains(outcome) {
            assert_eq!(*result, json!({ "status": outcome }), "{item}");
            continue;
        }
        assert_eq!((&result["status"], &result["code"]), (&json!("rejected"), &json!(outcome)));
        assert!(result["detail"].as_str().unwrap().contains(text), "{item} {result}");
        if *outcome == "invalid_field" {
            assert_eq!(result["pointer"], format!("/{index}{pointer}"), "{item} {result}");
        }
    }
    // One a line, with what editors leave behind; a line that is no JSON spoils no other.
    let text = format!("\r\n{}\r\n\r\n{{\r\n[]\n  {}", cases[0].0, analysis("door", "e3", "c1"));
    let lines = Request::new("POST", "/v1/observations").body(NDJSON, text);
    let answer = lines.send(world.address()).json();
    let outcomes: Vec<&Value> = answer["results"].as_array().unwrap().iter().collect();
    assert_eq!(*outcomes[0], json!({"status": "duplicate"}));
    assert_eq!(
        (&outcomes[1]["code"], &outcomes[1]["pointer"]),
        (&json!("malformed_body"), &json!("/1"))
    );
    assert_eq!(
        (&outcomes[2]["code"], &outcomes[2]["pointer"]),
        (&json!("invalid_field"), &json!("/2"))
    );
    assert_eq!(*outcomes[3], json!({"status": "accepted"}));
    assert_eq!(outcomes.len(), 4);
}

#[test]
fn an_id_with_a_slash_is_one_part_of_a_path() {
    let world = World::new(&[]);
    let key = "site/door";
    assert_eq!(world.daemon.define("site%2Fdoor", &experiment(key)).status, 201);
    let over = put("/v1/experiments/site%2Fdoor/overrides/a%2fb", JSON, r#"{"variant":"control"}"#);
    let detail = over.send(world.address()).json();
    assert!(detail["definition_toml"].as_str().unwrap().contains("\"a/b\""), "{detail}");
    let assigned = world.daemon.get("/v1/experiments/site%2Fdoor/assignments/a%2Fb").body;
    assert_eq!((&assigned["camera_id"], &assigned["experiment"]), (&json!("a/b"), &json!(key)));
    assert_eq!(world.daemon.get("/v1/experiments/site%2Fdoor/status").body["experiment"], key);
    assert_eq!(world.daemon.get("/v1/experiments/site/door/status").status, 404);
    let gone = Request::new("DELETE", "/v1/experiments/site%2Fdoor/overrides/a%2Fb");
    assert_eq!(gone.send(world.address()).status, 200);
    refused(&gone.send(world.address()), 404, "unknown_override", None, "`a/b`");
}

#[test]
fn an_assignment_is_the_same_whichever_way_it_is_answered() {
    let world = World::new(&[]);
    world.running("door");
    // A plain path is answered before the router; one with an escape, a query or a body goes through it.
    let plain = "/v1/experiments/door/assignments/camera-1";
    let ways = [
        get(plain),
        get("/v1/experiments/door/assignments/%63amera-1"),
        get(&format!("{plain}?")),
        Request::new("GET", plain).body(JSON, "{}"),
    ];
    let told = |request: &Request| {
        let request = request.clone().header("x-request-id", "same");
        let mut answer = request.send(world.address());
        answer.headers.retain(|(name, _)| name != "date");
        answer.headers.sort();
        (answer.status, answer.headers.clone(), answer.json())
    };
    let first = told(&ways[0]);
    assert_eq!((first.0, &first.2["camera_id"]), (200, &json!("camera-1")));
    for way in &ways[1..] {
        assert_eq!(told(way), first, "{way:?}");
    }
    let counted = get("/metrics").send(world.address());
    let counted = String::from_utf8(counted.body).unwrap();
    let reason = first.2["reason"].as_str().unwrap();
    let line = format!("tidegate_assignments_total{{reason=\"{reason}\"}} 4\n");
    assert!(counted.contains(&line), "{counted}");
    // What is not plain in another way is told so by the router.
    for (path, status) in
        [(format!("{plain}/more"), 404), ("/v1/experiments//assignments/c".into(), 400)]
    {
        let answer = get(&path).send(world.address());
        assert_eq!(answer.status, status, "{path}");
    }
}

#[test]
fn a_history_is_read_page_by_page() {
    let world = World::new(&[]);
    world.running("door");
    for action in ["pause", "resume", "hold", "resume", "stop"] {
        assert_eq!(world.daemon.act("door", action).status, 200, "{action}");
    }
    let page = |query: &str| world.daemon.get(&format!("/v1/experiments/door/history{query}")).body;
    let all = page("");
    assert_eq!(all["next"], Value::Null);
    let all = all["items"].as_array().unwrap().clone();
    let actions: Vec<&Value> = all.iter().map(|step| &step["action"]).collect();
    assert_eq!((&all[0]["cause"], actions[0]), (&json!("defined"), &Value::Null));
    assert_eq!(actions[1..], ["start", "pause", "resume", "hold", "resume", "stop"]);
    for limit in [1, 2, 4, 5, 6, 7, 500] {
        let (mut seen, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let page = page(&query);
            let items = page["items"].as_array().unwrap();
            assert!((1..=limit).contains(&items.len()));
            seen.extend(items.clone());
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit={limit}&after={next}");
        }
        assert_eq!(seen, all, "{limit}");
    }
    assert_eq!(page("?after=7"), json!({"items": [], "next": null}));
    assert_eq!(page("?after=1000"), json!({"items": [], "next": null}));
}

#[test]
fn only_a_draft_can_be_changed() {
    let world = World::new(&[]);
    let door = "/v1/experiments/door";
    assert_eq!(world.daemon.define("door", &experiment("door")).status, 201);
    let changed = experiment("door") + "alert_threshold = 70\n";
    assert_eq!(world.daemon.define("door", &changed).status, 200);
    let over = put("/v1/experiments/door/overrides/lab", JSON, r#"{"variant":"treatment"}"#);
    assert_eq!(over.send(world.address()).status, 200);
    assert_eq!(world.daemon.act("door", "start").status, 200);
    let before =
        (world.daemon.get(door).text, world.daemon.get("/v1/experiments/door/status").text);
    let clear = Request::new("DELETE", "/v1/experiments/door/overrides/lab");
    for request in [put(door, TOML, &experiment("door")), over.clone(), clear.clone()] {
        refused(&request.send(world.address()), 409, "experiment_running", None, "`door`");
    }
    refused(
        &post("/v1/experiments/door/actions", r#"{"action":"start","reason":"r","actor":"a"}"#)
            .send(world.address()),
        409,
        "action_not_allowed",
        None,
        "`start` is not allowed in shadow",
    );
    let after = (world.daemon.get(door).text, world.daemon.get("/v1/experiments/door/status").text);
    assert_eq!(before, after);
    assert_eq!(world.daemon.act("door", "stop").status, 200);
    for request in [over, clear] {
        refused(&request.send(world.address()), 409, "experiment_running", None, "no draft");
    }
}

#[test]
fn the_next_run_is_split_anew_unless_its_salt_is_named() {
    let world = World::new(&[]);
    world.running("door");
    assert_eq!(world.daemon.act("door", "roll_back").status, 200);
    let salt = |detail: &Value| {
        let definition: toml::Table =
            toml::from_str(detail["definition_toml"].as_str().unwrap()).unwrap();
        definition["salt"].as_str().unwrap().to_owned()
    };
    let first = world.daemon.get("/v1/experiments/door").body;
    assert_eq!((&first["run"], salt(&first).as_str()), (&json!(1), "door"));
    let second = world.daemon.define("door", &experiment("door"));
    assert_eq!((second.status, &second.body["run"]), (201, &json!(2)));
    assert_eq!(salt(&second.body), "door/2");
    // A draft is replaced without another run.
    let named = experiment("door") + "salt = \"door\"\n";
    let replaced = world.daemon.define("door", &named);
    assert_eq!((replaced.status, &replaced.body["run"]), (200, &json!(2)));
    assert_eq!(salt(&replaced.body), "door");
    assert_eq!(world.daemon.act("door", "start").status, 200);
    let fresh = world.daemon.get("/v1/experiments/door/status").body;
    assert_eq!((&fresh["run"], &fresh["observations"]), (&json!(2), &json!(0)));
    let assigned = world.daemon.get("/v1/experiments/door/assignments/c1").body;
    assert_eq!(assigned["run"], 2);
    // The history tells of both.
    let history = world.daemon.get("/v1/experiments/door/history").body;
    let steps: Vec<(i64, i64)> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["run"].as_i64().unwrap(), step["number"].as_i64().unwrap()))
        .collect();
    assert_eq!(steps, [(1, 0), (1, 1), (1, 2), (2, 0), (2, 0), (2, 1)]);
}

#[test]
fn runs_go_on_after_a_restart() {
    let world = World::new(&[]);
    world.running("door");
    assert_eq!(world.daemon.act("door", "advance").status, 200);
    let taken = world.daemon.post("/v1/observations", &json!([analysis("door", "e1", "c1")]));
    assert_eq!(taken.body["accepted"], 1);
    let paths = ["/v1/experiments", "/v1/experiments/door", "/v1/experiments/door/status"]
        .into_iter()
        .chain(["/v1/experiments/door/history", "/v1/experiments/door/assignments/c7"]);
    let paths: Vec<&str> = paths.collect();
    let look =
        |world: &World| paths.iter().map(|path| world.daemon.get(path).text).collect::<Vec<_>>();
    let before = look(&world);
    let world = world.again(&[], |daemon| {
        let (well, log) = daemon.terminate();
        assert!(well, "{log:?}");
    });
    assert_eq!(look(&world), before, "told to end");
    let world = world.again(&[], |daemon| drop(daemon.kill()));
    assert_eq!(look(&world), before, "cut off");
    let repeated = world.daemon.post("/v1/observations", &json!([analysis("door", "e1", "c1")]));
    assert_eq!(repeated.body["duplicate"], 1);
}

#[test]
fn a_request_has_an_id_that_is_echoed_if_it_is_a_plain_one() {
    let world = World::new(&[]);
    let ask = |id: &str| {
        let answer = get("/healthz").header("x-request-id", id).send(world.address());
        assert_eq!(answer.status, 200);
        answer.header("x-request-id").unwrap().to_owned()
    };
    let longest = "x".repeat(64);
    for plain in ["r-17", "3f2a.B_c", &longest] {
        assert_eq!(ask(plain), plain);
    }
    let mut made = Vec::new();
    for other in ["", "two words", "a\tb", "a/b", "\"", "{x}", &"x".repeat(65), "\u{fc}"] {
        let id = ask(other);
        assert_ne!(id, other);
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        assert!(plain && (3..=64).contains(&id.len()), "{id}");
        made.push(id);
    }
    let given = get("/v1/nothing").header("x-request-id", "r-18").send(world.address());
    refused(&given, 404, "not_found", None, "no such path");
    assert_eq!(given.json()["request_id"], "r-18");
    made.push(get("/v1/nothing").send(world.address()).header("x-request-id").unwrap().to_owned());
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 9, "each is another: {made:?}");
}

#[test]
fn head_is_get_without_a_body_and_other_methods_are_named_in_allow() {
    let world = World::new(&[]);
    world.running("door");
    for path in ["/healthz", "/readyz", "/v1/experiments", "/v1/experiments/door/status"] {
        let get = get(path).send(world.address());
        let mut connection = Connection::open(world.address());
        let head = Request::new("HEAD", path).bytes();
        // A body would be taken for the beginning of the second answer.
        connection.write(&[head.clone(), head].concat());
        for _ in 0..2 {
            let head = connection.read(ExpectBody::No).unwrap().unwrap();
            assert_eq!(
                (head.status, head.header("content-type")),
                (200, get.header("content-type"))
            );
            assert_eq!(head.header("content-length"), get.header("content-length"));
        }
    }
    assert_eq!(Request::new("HEAD", "/v1/experiments/garage").send(world.address()).status, 404);
    for (method, path, allow) in [
        ("POST", "/v1/experiments/door", "GET,HEAD,PUT,DELETE"),
        ("POST", "/v1/experiments", "GET,HEAD"),
        ("GET", "/v1/observations", "POST"),
        ("HEAD", "/v1/observations", "POST"),
        ("GET", "/v1/experiments/door/overrides/c1", "PUT,DELETE"),
        ("BREW", "/v1/experiments/door/actions", "POST"),
        ("OPTIONS", "/metrics", "GET,HEAD"),
        ("TRACE", "/healthz", "GET,HEAD"),
    ] {
        let answer = Request::new(method, path).send(world.address());
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        if method != "HEAD" {
            refused(&answer, 405, "method_not_allowed", None, "Allow");
        }
    }
}

#[test]
fn a_full_disk_is_told_with_whole_seconds_and_nothing_is_taken_in() {
    let world = World::new(&[]);
    world.running("door");
    let world = world.again(&["--disk-reserve-mb", "1048576"], |daemon| drop(daemon.terminate()));
    let body = json!([analysis("door", "e1", "c1")]);
    let request = Request::new("POST", "/v1/observations").json(&body);
    let answer = request.send(world.address());
    refused(&answer, 507, "disk_full", None, "1048576 MB are kept in reserve");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&seconds));
    let status = world.daemon.get("/v1/experiments/door/status").body;
    assert_eq!((&status["observations"], &status["phase"]), (&json!(0), &json!("shadow")));
    // Whoever holds the wheel can still steer.
    assert_eq!(world.daemon.act("door", "roll_back").status, 200);
}

/// The mapping is that of `tests/vectors/cameras.json`, which another program computed.
#[test]
fn a_camera_has_any_name_and_one_id() {
    let world = World::new(&[]);
    world.running("door");
    let path = system_tests::repository("tests/vectors/cameras.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let names: Vec<&Value> = cases.iter().map(|case| &case["name"]).collect();
    let cameras = "/v1/experiments/door/assignments";
    let many = post(cameras, &json!({ "camera_ids": names }).to_string()).send(world.address());
    assert_eq!(many.status, 200, "{}", String::from_utf8_lossy(&many.body));
    let many = many.json();
    for (case, assignment) in cases.iter().zip(many["assignments"].as_array().unwrap()) {
        assert_eq!(assignment["camera_id"], case["camera_id"], "{case}");
        // In a path every byte that is not plain is written so, the percent sign of an id too.
        let bytes = case["name"].as_str().unwrap().bytes();
        let encoded = bytes.fold(String::new(), |path, byte| path + &format!("%{byte:02x}"));
        let one = get(&format!("{cameras}/{encoded}")).send(world.address());
        assert_eq!(one.json(), *assignment, "{case}");
    }
    let report = |id: &str, camera: &str| json!({"type": "analysis", "experiment": "door", "id": id, "camera_id": camera, "variant": "control", "score": 7});
    let reports = json!([report("e1", "Garage Tür"), report("e2", "Garage%20T%C3%BCr")]);
    let answer = post("/v1/observations", &reports.to_string()).send(world.address()).json();
    assert_eq!(answer["results"][1]["status"], "accepted", "{answer}");
    let status = get("/v1/experiments/door/status").send(world.address()).json();
    assert_eq!(status["cameras"], 1, "one camera under two spellings of its name");
}

#[test]
fn a_name_that_is_none_is_answered_for_itself_among_many() {
    let world = World::new(&[]);
    world.running("door");
    let long = "x".repeat(129);
    let names = ["gate", "", &long, " lab", "yard\u{200b}", "roof"];
    for (key, version) in [("door", json!("v1")), ("garage", Value::Null)] {
        let path = format!("/v1/experiments/{key}/assignments");
        let answer = post(&path, &json!({ "camera_ids": names }).to_string()).send(world.address());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let answer = answer.json();
        let assignments = answer["assignments"].as_array().unwrap();
        assert_eq!(assignments.len(), names.len());
        for (place, (assignment, name)) in assignments.iter().zip(names).enumerate() {
            let is_good = place == 0 || place == 5;
            assert_eq!(assignment["camera_id"], name);
            assert_eq!(assignment["reason"] == "invalid_camera_id", !is_good, "{assignment}");
            assert_eq!(assignment["detail"].is_string(), !is_good, "{assignment}");
            assert_eq!(assignment["variant"], "control");
            assert_eq!(assignment["prompt_version"], version);
        }
        let told = assignments[3]["detail"].as_str().unwrap();
        assert!(told.contains("begins or ends with a blank, allowed: 1 to 128"), "{told}");
    }
}
