//! Whether the document is whole, and the daemon has what it names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use system_tests::daemon::Start;
use system_tests::raw::Request;

use super::{committed, operations, text};
use crate::api::examples::endpoints;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

#[test]
fn every_route_is_in_the_document_and_every_operation_has_a_route() {
    let documented: BTreeSet<(String, String)> =
        operations(&committed()).into_iter().map(|(method, path, _)| (method, path)).collect();
    let routed = endpoints().into_iter().map(|(method, path)| (method, path.replace("{*", "{")));
    assert_eq!(documented, routed.collect());
}

/// What `Allow` names on each path is what the document has, and `HEAD` beside `GET`.
#[test]
fn the_daemon_knows_the_documented_methods_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).ready();
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in operations(&committed()) {
        let methods = paths.entry(path).or_default();
        if method == "GET" {
            methods.insert("HEAD".to_owned());
        }
        methods.insert(method);
    }
    assert!(paths.len() >= 28, "{paths:?}");
    for (path, methods) in paths {
        let real: String = path
            .split('{')
            .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
            .collect::<Vec<_>>()
            .join("a");
        let response = Request::new("PATCH", &real).send(daemon.address());
        assert_eq!(response.status, 405, "{path}");
        let allow = response.header("allow").unwrap_or_default();
        let allowed: BTreeSet<String> = allow.split(',').map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn the_daemon_serves_the_document_to_readers() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let [reader, recorder] = ["read", "record"].map(|scope| super::token(&tokens, scope));
    let start = Start::new(PROGRAM, &folder.path().join("data"));
    let mut daemon = start.with(&["--tokens", tokens.to_str().unwrap()]).ready();
    assert_eq!(daemon.get("/openapi.json").status, 401);
    daemon.use_token(&recorder);
    assert_eq!(daemon.get("/openapi.json").status, 403);
    daemon.use_token(&reader);
    let reply = daemon.get("/openapi.json");
    assert_eq!(reply.status, 200);
    assert!(reply.text == text(), "what is served is not what is committed");
}

#[test]
fn every_operation_is_told_in_full() {
    let document = committed();
    // Every reference leads somewhere.
    reached(&document, &document, &mut BTreeSet::new());
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{id}");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{id}");
        let parameters = operation["parameters"].as_array().unwrap();
        for parameter in parameters {
            assert!(parameter["description"].is_string(), "{id} {parameter}");
            assert!(parameter["schema"].is_object(), "{id} {parameter}");
        }
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, path.matches('{').count(), "{id}");
        let open = ["/healthz", "/readyz"].contains(&&*path);
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), open, "{id}");
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let response = resolved(&document, response);
            assert!(!response["description"].as_str().unwrap().is_empty(), "{id} {status}");
            assert!(response["headers"]["x-request-id"].is_object(), "{id} {status}");
        }
        let body = operation["requestBody"].is_object();
        assert_eq!(body, responses.contains_key("415"), "{id}");
        assert_eq!(responses.contains_key("401"), !open, "{id}");
        assert!(!body || ["PUT", "POST"].contains(&&*method), "{id}");
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference}"))
        }
        None => value,
    }
}

/// The codes of a response, with what is said of each.
fn codes(response: &Value) -> Vec<(String, String)> {
    let described = response["description"].as_str().unwrap();
    let lines = described.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    lines.map(|(code, when)| (code.to_owned(), when.to_owned())).collect()
}

/// The table of `docs/api-errors.md`: codes, statuses, reasons.
#[test]
fn the_codes_are_those_of_the_table() {
    let guide = std::fs::read_to_string(system_tests::repository("docs/api-errors.md")).unwrap();
    let mut table = BTreeMap::new();
    for row in guide.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
        let parts: Vec<&str> = row.splitn(3, " | ").collect();
        if let [status, code, when] = parts[..]
            && status.parse::<u16>().is_ok()
        {
            table.insert(code.trim_matches('`').to_owned(), (status.to_owned(), when.to_owned()));
        }
    }
    assert!(table.len() >= 39, "{table:?}");
    let document = committed();
    let listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].clone();
    let listed: BTreeSet<String> = serde_json::from_value(listed).unwrap();
    assert_eq!(listed, table.keys().cloned().collect());
    let mut carried = BTreeSet::new();
    for (_, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(&document, response);
            let codes = codes(response);
            let schema = &response["content"]["application/problem+json"]["schema"];
            if schema.is_object() {
                let names: Vec<&String> = codes.iter().map(|(code, _)| code).collect();
                assert_eq!(
                    schema["allOf"][1]["properties"]["code"]["enum"],
                    json!(names),
                    "{path}"
                );
            }
            for (code, when) in codes {
                assert_eq!(table[&code], (status.clone(), when), "{path} {code}");
                carried.insert(code);
            }
        }
    }
    // Those two are no operation's.
    carried.extend(["not_found", "method_not_allowed"].map(str::to_owned));
    assert_eq!(carried, listed);
}

/// Names of the schemas that a schema leads to.
fn reached(document: &Value, from: &Value, found: &mut BTreeSet<String>) {
    match from {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str)
                && found.insert(name.to_owned())
            {
                reached(document, document.pointer(&name[1..]).unwrap(), found);
            }
            fields.values().for_each(|value| reached(document, value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| reached(document, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Objects with named fields that are open to others, or closed.
fn objects(schema: &Value, path: &str, open: &mut BTreeSet<String>, closed: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| *kind == "object")
                && fields.contains_key("properties")
            {
                let is_closed = fields.get("additionalProperties") == Some(&json!(false));
                let kind = if is_closed { &mut *closed } else { &mut *open };
                kind.insert(path.to_owned());
            }
            for (name, value) in fields {
                objects(value, &format!("{path}/{name}"), open, closed);
            }
        }
        Value::Array(items) => {
            for item in items {
                objects(item, path, open, closed);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is taken in is strict, but for what the caller of a flag sends; what is answered may gain fields.
#[test]
fn requests_are_closed_and_answers_are_open() {
    let document = committed();
    let (mut taken, mut given) = (BTreeSet::new(), BTreeSet::new());
    for (_, _, operation) in operations(&document) {
        reached(&document, &operation["requestBody"], &mut taken);
        reached(&document, &operation["responses"], &mut given);
    }
    // A document of a prompt is given as it is taken; the time too.
    let both = ["PromptDocument", "PromptDocumentVersion", "PromptDocumentLabel", "Told"];
    let exempt = |name: &str| name == "FlagRequest" || both.contains(&name);
    let mut checked = 0;
    for (names, is_taken) in [(&taken, true), (&given, false)] {
        for reference in names.iter().filter(|name| name.contains("/schemas/")) {
            let name = reference.rsplit('/').next().unwrap();
            if exempt(name) {
                continue;
            }
            let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
            objects(document.pointer(&reference[1..]).unwrap(), name, &mut open, &mut closed);
            let wrong = if is_taken { open } else { closed };
            assert!(wrong.is_empty(), "{wrong:?}");
            checked += 1;
        }
    }
    assert!(checked >= 50, "{checked}");
}
