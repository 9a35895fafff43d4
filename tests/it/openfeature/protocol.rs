//! The protocol byte by byte: what is answered, refused, named and let in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use system_tests::raw::{Answer, Request};
use tidegate_engine::assignment::ServeReason;
use tidegate_spec::api::ofrep::FlagReason;

use super::{FLAGS, NEW, OLD, ROLLED_BACK, STAGES, World};

fn context(camera: &str) -> Value {
    json!({"context": {"targetingKey": camera}})
}

/// A request of the reader.
fn request(world: &World, path: &str) -> Request {
    Request::new("POST", path).header("authorization", &format!("Bearer {}", world.reader))
}

fn evaluate(world: &World, path: &str, body: &Value) -> Answer {
    request(world, path).json(body).send(world.daemon.address())
}

/// The status and the error's code; every error has details, and none has a value.
fn failure(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let body = answer.json();
    assert!(!body["errorDetails"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(body.get("value"), None, "{body}");
    (answer.status, body["errorCode"].as_str().unwrap().to_owned())
}

#[test]
fn a_flag_is_told_with_everything_a_client_needs() {
    let world = World::new();
    world.define("door");
    let path = format!("{FLAGS}/door");
    let draft = evaluate(&world, &path, &context("camera-0"));
    assert_eq!(draft.status, 200);
    assert_eq!(
        draft.json(),
        json!({
            "key": "door", "value": "v1", "variant": "control", "reason": "DISABLED",
            "metadata": {
                "experiment": "door", "run": 1, "phase": "draft", "reason": "not_started",
                "shadow": false, "shadow_sample": 0.0,
            },
        })
    );
    world.act("door", "start");
    assert_eq!(
        evaluate(&world, &path, &context("camera-0")).json(),
        json!({
            "key": "door", "value": "v1", "variant": "control", "reason": "STATIC",
            "metadata": {
                "experiment": "door", "run": 1, "phase": "shadow", "reason": "shadow",
                "shadow": true, "shadow_sample": 1.0, "shadow_prompt_version": "v2",
            },
        })
    );
}

#[test]
fn a_flag_has_the_digests_of_what_is_kept_and_on_request_the_texts() {
    let world = World::new();
    world.define_with_texts("door");
    world.act("door", "start");
    let digest = |text: &str| {
        let bytes = Sha256::digest(text);
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        json!(format!("sha256:{}", hex.concat()))
    };
    let path = format!("{FLAGS}/door");
    let mut wanted = context("camera-0");
    wanted["context"]["prompt_text"] = json!(true);
    let metadata = |path: &str, body: &Value| {
        let answer = evaluate(&world, path, body).json();
        answer.get("flags").map_or(&answer, |flags| &flags[0])["metadata"].clone()
    };
    let names = ["prompt", "digest", "prompt_text", "shadow_digest", "shadow_prompt_text"];
    let told = |metadata: &Value| names.map(|name| metadata[name].clone());
    let kept = [json!("door"), digest(OLD), Value::Null, digest(NEW), Value::Null];
    for body in [&context("camera-0"), &json!({"context": {"targetingKey": "a", "prompt_text": 1}})]
    {
        assert_eq!(told(&metadata(&path, body)), kept);
    }
    assert_eq!(
        told(&metadata(&path, &wanted)),
        [json!("door"), digest(OLD), json!(OLD), digest(NEW), json!(NEW)]
    );
    assert_eq!(told(&metadata(FLAGS, &wanted)), kept);
    world.act("door", "advance");
    world.act("door", "advance");
    assert_eq!(
        told(&metadata(&path, &wanted)),
        [json!("door"), digest(NEW), json!(NEW), Value::Null, Value::Null]
    );
}

#[test]
fn every_failure_has_its_code_and_the_key_that_was_asked_for() {
    let world = World::new();
    world.define("door");
    let long = "x".repeat(129);
    for (path, key, body, expected) in [
        ("/door", Some("door"), "{", (400, "PARSE_ERROR")),
        ("/door", Some("door"), "[]", (400, "INVALID_CONTEXT")),
        ("/door", Some("door"), "{}", (400, "INVALID_CONTEXT")),
        ("/door", Some("door"), r#"{"context": []}"#, (400, "INVALID_CONTEXT")),
        ("/door", Some("door"), r#"{"context": {}}"#, (400, "TARGETING_KEY_MISSING")),
        (
            "/door",
            Some("door"),
            r#"{"context": {"targetingKey": ""}}"#,
            (400, "TARGETING_KEY_MISSING"),
        ),
        ("/door", Some("door"), r#"{"context": {"targetingKey": 7}}"#, (400, "INVALID_CONTEXT")),
        (
            "/door",
            Some("door"),
            r#"{"context": {"targetingKey": "a b "}}"#,
            (400, "INVALID_CONTEXT"),
        ),
        (
            "/garage",
            Some("garage"),
            r#"{"context": {"targetingKey": "a"}}"#,
            (404, "FLAG_NOT_FOUND"),
        ),
        ("/a%20b", Some("a b"), r#"{"context": {"targetingKey": "a"}}"#, (404, "FLAG_NOT_FOUND")),
        (
            &format!("/{long}"),
            Some(&long),
            r#"{"context": {"targetingKey": "a"}}"#,
            (404, "FLAG_NOT_FOUND"),
        ),
        ("/%ff", Some(""), r#"{"context": {"targetingKey": "a"}}"#, (404, "FLAG_NOT_FOUND")),
        ("", None, "{", (400, "PARSE_ERROR")),
        ("", None, r#"{"context": {}}"#, (400, "TARGETING_KEY_MISSING")),
    ] {
        let request = request(&world, &format!("{FLAGS}{path}")).body("application/json", body);
        let answer = request.send(world.daemon.address());
        let (status, code) = expected;
        assert_eq!(failure(&answer), (status, code.to_owned()), "{path} {body}");
        assert_eq!(answer.json()["key"].as_str(), key, "{path} {body}");
    }
    let other = request(&world, &format!("{FLAGS}/door")).body("text/plain", "{}");
    assert_eq!(failure(&other.send(world.daemon.address())), (415, "GENERAL".to_owned()));
    let other = Request::new("GET", &format!("{FLAGS}/door"))
        .header("authorization", &format!("Bearer {}", world.reader));
    assert_eq!(failure(&other.send(world.daemon.address())), (405, "GENERAL".to_owned()));
}

#[test]
fn a_context_may_hold_what_it_likes_within_a_mebibyte() {
    let world = World::new();
    world.define("door");
    let path = format!("{FLAGS}/door");
    let padded = |bytes: usize| {
        json!({
            "context": {"targetingKey": "a", "site": {"tags": [1, null, {}]}, "note": "x".repeat(bytes)},
            "more": true,
        })
    };
    assert_eq!(evaluate(&world, &path, &padded(1_000_000)).status, 200);
    assert_eq!(failure(&evaluate(&world, &path, &padded(1_100_000))), (413, "GENERAL".to_owned()));
    // Nothing is kept of what is not looked at, however deep it is.
    let deep = format!(
        r#"{{"context": {{"targetingKey": "a", "deep": {}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = request(&world, &path).body("application/json", deep).send(world.daemon.address());
    assert_eq!((answer.status, &answer.json()["value"]), (200, &json!("v1")));
}

#[test]
fn both_headers_let_a_reader_in_and_nothing_else_does() {
    let world = World::new();
    world.define("door");
    let reader = &world.reader;
    let bare = |path: &str| Request::new("POST", path).json(&context("camera-0"));
    for path in [FLAGS.to_owned(), format!("{FLAGS}/door")] {
        for (name, value) in [
            ("authorization", format!("Bearer {reader}")),
            ("authorization", format!("bearer {reader}")),
            ("x-api-key", reader.clone()),
        ] {
            let answer = bare(&path).header(name, &value).send(world.daemon.address());
            assert_eq!(answer.status, 200, "{path} {name}");
        }
        for (name, value) in [
            ("x-nothing", reader.clone()),
            ("authorization", reader.clone()),
            ("authorization", "Bearer tg_0000".to_owned()),
            ("x-api-key", "tg_0000".to_owned()),
            ("x-api-key", format!("Bearer {reader}")),
        ] {
            let answer = bare(&path).header(name, &value).send(world.daemon.address());
            assert_eq!(failure(&answer), (401, "GENERAL".to_owned()), "{path} {name}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    // Elsewhere there is one header.
    let list = Request::new("GET", "/v1/experiments").header("x-api-key", reader);
    assert_eq!(list.send(world.daemon.address()).status, 401);
}

#[test]
fn all_flags_have_a_name_that_changes_with_any_of_them_and_with_the_context() {
    let world = World::new();
    for key in ["yard", "door", "gate/west"] {
        world.define(key);
    }
    let first = evaluate(&world, FLAGS, &context("camera-0"));
    let keys: Vec<Value> =
        first.json()["flags"].as_array().unwrap().iter().map(|flag| flag["key"].clone()).collect();
    assert_eq!(keys, ["door", "gate/west", "yard"]);
    let name = first.header("etag").unwrap().to_owned();
    let again = |body: &Value, name: &str| {
        request(&world, FLAGS).header("if-none-match", name).json(body).send(world.daemon.address())
    };
    let same = again(&context("camera-0"), &name);
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), Some(&*name));
    assert_eq!(again(&context("camera-0"), &format!("\"a\", W/{name}")).status, 304);
    assert_eq!(again(&context("camera-0"), "\"a\"").status, 200);
    assert_eq!(again(&context("camera-1"), &name).status, 200);
    let mut more = context("camera-0");
    more["context"]["armed"] = json!(true);
    assert_eq!(again(&more, &name).status, 200);
    // What an event brought is no reason to evaluate otherwise.
    let path = format!("{FLAGS}?flagConfigEtag=a&flagConfigLastModified=1771622898");
    assert_eq!(evaluate(&world, &path, &context("camera-0")).header("etag"), Some(&*name));

    let mut names = vec![name];
    for stage in STAGES.iter().chain([&ROLLED_BACK]) {
        world.act("door", stage.action);
        let answer = again(&context("camera-0"), names.last().unwrap());
        assert_eq!(answer.status, 200, "{stage:?}");
        names.push(answer.header("etag").unwrap().to_owned());
    }
    // A pause that is over is as if it had not been: the same answer has the same name.
    assert_eq!(names[2], names[4]);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6);
}

/// The rows of the tables of the document, by the section that they stand in.
fn rows(section: &str) -> Vec<Vec<String>> {
    let document =
        std::fs::read_to_string(system_tests::repository("docs/openfeature.md")).unwrap();
    let text = document.split(&format!("## {section}\n")).nth(1).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn the_document_has_every_reason_and_its_word() {
    let mut told = BTreeMap::new();
    for row in rows("Reasons") {
        for reason in quoted(&row[1]) {
            let word = row[0].replace('`', "");
            assert_eq!(told.insert(reason.clone(), word), None, "{reason} twice");
        }
    }
    let mut known: BTreeMap<String, String> = [
        ServeReason::Shadow,
        ServeReason::Split,
        ServeReason::Full,
        ServeReason::Completed,
        ServeReason::RolledBack,
        ServeReason::Stopped,
        ServeReason::Paused,
        ServeReason::Expired,
        ServeReason::NotStarted,
        ServeReason::Override,
    ]
    .into_iter()
    .map(|reason| {
        let word = serde_json::to_value(FlagReason::of(reason)).unwrap();
        (reason.as_str().to_owned(), word.as_str().unwrap().to_owned())
    })
    .collect();
    known.insert("store_unavailable".to_owned(), "UNKNOWN".to_owned());
    assert_eq!(told, known);
}

#[test]
fn the_document_has_the_metadata_and_its_types() {
    let world = World::new();
    world.define_with_texts("door");
    world.act("door", "start");
    let mut wanted = context("camera-0");
    wanted["context"]["prompt_text"] = json!(true);
    let answer = evaluate(&world, &format!("{FLAGS}/door"), &wanted).json();
    let kind = |value: &Value| match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Null | Value::Array(_) | Value::Object(_) => "neither flat nor there",
    };
    let metadata = answer["metadata"].as_object().unwrap();
    let sent: BTreeSet<(String, String)> =
        metadata.iter().map(|(name, value)| (name.clone(), kind(value).to_owned())).collect();
    let told: BTreeSet<(String, String)> =
        rows("Metadata").into_iter().map(|row| (row[0].replace('`', ""), row[1].clone())).collect();
    assert_eq!(told, sent);
}
