//! Puts the document together: what the handlers say, and what is true of every one of them.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Map, Value, json};
use tidegate_spec::api::{self, schema};
use utoipa::OpenApi;

use super::super::code::Code;
use super::super::guard::scope_of;
use super::super::{
    assignments, events, experiments, figures, health, observations, ofrep, prompts, refetch,
    review,
};
use super::codes::{ANY, ASKS, BODY, STANDING, TOKEN, WRITES};

/// In a handler's `x-problems`, what stands for several codes.
const GROUPS: [(&str, &[&[Code]]); 3] = [
    ("standing", &[&STANDING]),
    ("asks", &[&STANDING, &ASKS]),
    ("writes", &[&STANDING, &ASKS, &WRITES]),
];

const DESCRIPTION: &str = "\
Whatever `GET` answers, `HEAD` answers without its body. A method that a path does not know is answered 405 with the \
code `method_not_allowed`, and `Allow` names those it knows; an unknown path is answered 404 with the code `not_found`. \
Every answer has an `x-request-id`.\n\n\
What the daemon takes in is strict: unknown fields are errors. What it answers may gain fields and names, so a client \
ignores what it does not know.";

#[derive(OpenApi)]
#[openapi(
    paths(
        health::healthz,
        health::readyz,
        health::metrics,
        health::set_time,
        super::serve,
        experiments::list,
        experiments::show,
        experiments::define,
        experiments::act,
        experiments::status,
        experiments::history,
        experiments::check,
        experiments::diagnose,
        figures::series,
        figures::cameras,
        figures::scores,
        experiments::set_override,
        experiments::clear_override,
        experiments::deletion::delete,
        assignments::one,
        assignments::many,
        observations::observe,
        review::show,
        review::next,
        review::answer,
        prompts::list,
        prompts::create,
        prompts::show,
        prompts::versions,
        prompts::add_version,
        prompts::version,
        prompts::labels::move_label,
        prompts::labels::remove_label,
        prompts::labels::label_history,
        prompts::difference,
        prompts::transfer::export,
        prompts::transfer::import,
        events::stream,
        ofrep::one,
        ofrep::all,
        refetch::stream,
    ),
    components(schemas(
        schema::CameraId,
        schema::Id,
        schema::Variant,
        schema::CameraSort,
        schema::SortOrder,
        schema::Actor,
        schema::Reason,
        schema::EventTypes,
        api::Problem,
        api::Event,
        api::ofrep::FlagFailure
    )),
    tags(
        (name = "experiments", description = "Experiments: defined, looked at and acted upon."),
        (name = "assignments", description = "Which prompt version a camera gets."),
        (name = "observations", description = "What is reported of detection events."),
        (name = "review", description = "What people answer on the events on which the prompts disagree."),
        (name = "prompts", description = "Prompts: versions that never change, labels that move."),
        (name = "events", description = "What happens, as it happens."),
        (name = "openfeature", description = "The OpenFeature Remote Evaluation Protocol."),
        (name = "health", description = "Whether the daemon lives, what it counts, what it answers."),
        (name = "time", description = "The time, where it is driven."),
    ),
)]
struct Handlers;

/// The document, as it stands in `docs/openapi.json`.
///
/// # Panics
/// Where a handler names a code, or a path a part, that is not known here.
pub fn document() -> String {
    let mut document = serde_json::to_value(Handlers::openapi()).expect("a document is JSON");
    document["info"] = json!({
        "title": "Tidegate", "version": "1", "description": DESCRIPTION,
        "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
    });
    document["servers"] = json!([{"url": "http://127.0.0.1:4780"}]);
    let mut problems = Problems::default();
    for (path, item) in object(&mut document["paths"]) {
        for (method, operation) in object(item) {
            complete(operation, method, path, &mut problems);
        }
    }
    link(object(&mut document["paths"]));
    let components = object(&mut document["components"]);
    let schemas = object(components.entry("schemas").or_insert_with(|| json!({})));
    schemas.extend(schema::written().map(|(name, schema)| (name.to_owned(), schema)));
    schemas["Problem"]["properties"]["code"] = json!({
        "description": schemas["Problem"]["properties"]["code"]["description"],
        "enum": Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>(),
    });
    components.insert("responses".to_owned(), problems.0.into_iter().collect());
    components.insert("headers".to_owned(), headers());
    components.insert("securitySchemes".to_owned(), security_schemes());
    document["webhooks"] = webhooks();
    format!("{document:#}\n")
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

/// Adds to an operation what its handler does not say.
fn complete(operation: &mut Value, method: &str, path: &str, problems: &mut Problems) {
    let shape = if ofrep::is_at(path) { Shape::Failure } else { Shape::Problem };
    let mut codes: BTreeSet<&str> = ANY.map(Code::name).into();
    let named = object(operation).remove("x-problems");
    let named: Vec<String> =
        named.map_or(Vec::new(), |named| serde_json::from_value(named).expect("a list of codes"));
    for name in &named {
        let group = GROUPS.iter().find(|(group, _)| group == name);
        match group {
            Some((_, lists)) => {
                codes.extend(lists.iter().copied().flatten().map(|code| code.name()));
            }
            None => codes.extend([&**name]),
        }
    }
    let method: Method = method.to_uppercase().parse().expect("a method");
    let security = security(&method, path);
    if !security.is_empty() {
        codes.extend(TOKEN.map(Code::name));
    }
    operation["security"] = security.into();
    if operation.get("requestBody").is_some() {
        codes.extend(BODY.map(Code::name));
        operation["requestBody"]["required"] = json!(true);
    }
    let mut parameters: Vec<Value> = path_parameters(path).collect();
    if !parameters.is_empty() {
        codes.insert(Code::InvalidPath.name());
    }
    if let Some(Value::Array(others)) = object(operation).remove("parameters") {
        parameters.extend(others.into_iter().map(bounded));
    }
    operation["parameters"] = parameters.into();
    if shape == Shape::Failure {
        // A key that is none is no flag, and fields are the caller's own.
        codes.remove("invalid_path");
        codes.remove("invalid_field");
    }
    let responses = object(&mut operation["responses"]);
    for (status, response) in &mut *responses {
        response["headers"]["x-request-id"] = header_reference("x-request-id");
        let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
        if !described {
            response["description"] = json!(if status == "200" { "Done." } else { "Failed." });
        }
    }
    for (status, codes) in by_status(&codes) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| problems.reference(shape, status, &codes));
    }
}

/// A parameter as it can be sent: there is no null, and no number that no machine has.
fn bounded(mut parameter: Value) -> Value {
    let schema = &mut parameter["schema"];
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            schema["type"] = kind.clone();
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
    if schema["type"] == "integer" && schema["maximum"].is_null() {
        schema["maximum"] = json!(usize::MAX);
    }
    parameter
}

/// What a request must bring, one of several where there are several.
fn security(method: &Method, path: &str) -> Vec<Value> {
    let Some(scope) = scope_of(method, path) else { return Vec::new() };
    let scopes = [scope.as_str()];
    let other = match path {
        "/ofrep/v1/events" => Some(json!({"ticket": scopes})),
        path if ofrep::is_at(path) => Some(json!({"api_key": scopes})),
        _ => None,
    };
    [json!({"token": scopes})].into_iter().chain(other).collect()
}

fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "http", "scheme": "bearer",
            "description": "A token of `tidegate token create`, with the scope that the operation names; `admin` \
                            includes the others. A daemon without tokens asks for none.",
        },
        "api_key": {
            "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "The same token, as clients of OpenFeature's protocol may send it.",
        },
        "ticket": {
            "type": "apiKey", "in": "query", "name": "ticket",
            "description": "The ticket in the address that `evaluate_flags` answers with.",
        },
    })
}

/// An experiment that was defined, and a prompt that was made, is what other operations are about.
fn link(paths: &mut Map<String, Value>) {
    for (part, operation, key) in [
        ("key", ("/v1/experiments/{key}", "put"), "key"),
        ("name", ("/v1/prompts", "post"), "prompt"),
    ] {
        let about = format!("{{{part}}}");
        let mut links = Map::new();
        for (path, item) in &*paths {
            if path.contains(&about) && path.starts_with("/v1/") {
                let operations = item.as_object().into_iter().flat_map(Map::values);
                for id in operations.filter_map(|other| other["operationId"].as_str()) {
                    let parameters = json!({part: format!("$response.body#/{key}")});
                    links.insert(
                        id.to_owned(),
                        json!({"operationId": id, "parameters": parameters}),
                    );
                }
            }
        }
        let (path, method) = operation;
        for status in ["200", "201"] {
            paths[path][method]["responses"][status]["links"] = links.clone().into();
        }
    }
}

/// What stands in braces in a path.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names.map(|name| {
        let description = match name {
            "key" => "The experiment's key.",
            "camera_id" => "The camera.",
            "name" => "The prompt.",
            "label" => "The label.",
            "version" => "The version: its key, its digest, the beginning of that, or a label.",
            other => panic!("`{other}` is not described"),
        };
        let schema = match name {
            "version" => json!({"type": "string", "minLength": 1}),
            "camera_id" => json!({"$ref": "#/components/schemas/CameraId"}),
            _ => json!({"$ref": "#/components/schemas/Id"}),
        };
        json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": schema,
        })
    })
}

fn by_status(codes: &BTreeSet<&str>) -> BTreeMap<u16, Vec<Code>> {
    let mut found: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for name in codes {
        let code = Code::ALL.iter().find(|code| code.name() == *name);
        let code = *code.unwrap_or_else(|| panic!("`{name}` is no code"));
        found.entry(code.status().as_u16()).or_default().push(code);
    }
    found
}

/// The answers to failed requests, each under the name of its codes.
#[derive(Debug, Default)]
struct Problems(BTreeMap<String, Value>);

/// How a failed request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Problem,
    /// As OpenFeature's protocol has it.
    Failure,
}

impl Problems {
    fn reference(&mut self, shape: Shape, status: u16, codes: &[Code]) -> Value {
        let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        let mut name = names.join("-or-");
        let lines: Vec<String> =
            codes.iter().map(|code| format!("- `{}`: {}", code.name(), code.when())).collect();
        let mut sent = json!({"x-request-id": header_reference("x-request-id")});
        if matches!(status, 429 | 503 | 507) {
            sent["Retry-After"] = header_reference("Retry-After");
        }
        if status == 401 {
            sent["WWW-Authenticate"] = header_reference("WWW-Authenticate");
        }
        let (kind, schema) = match shape {
            Shape::Problem => {
                let rules = json!({"properties": {"code": {"enum": names}}});
                let problem = json!({"$ref": "#/components/schemas/Problem"});
                ("application/problem+json", json!({"allOf": [problem, rules]}))
            }
            Shape::Failure => {
                name.insert_str(0, "flag-");
                ("application/json", json!({"$ref": "#/components/schemas/Failure"}))
            }
        };
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        self.0.entry(name).or_insert_with(|| {
            json!({
                "description": lines.join("\n"), "headers": sent,
                "content": {kind: {"schema": schema}},
            })
        });
        reference
    }
}

fn header_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// What is sent to those who asked for it in the settings.
fn webhooks() -> Value {
    let text = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": {"type": "string"},
        })
    };
    json!({"event": {"post": {
        "operationId": "event", "tags": ["events"], "summary": "Tells of one event.",
        "description": "Signed as the Standard Webhooks specification has it, and sent until it is answered 2xx.",
        "parameters": [
            text("webhook-id", "The same whenever the same event is sent again."),
            text("webhook-timestamp", "When it was sent, in seconds since 1970."),
            text("webhook-signature", "`v1,` and the signature in base64."),
        ],
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
        },
        "responses": {"2XX": {"description": "Taken in."}},
    }}})
}

fn headers() -> Value {
    json!({
        "x-request-id": {
            "description": "The request as the log names it: the `x-request-id` that was sent, if it is 1 to 64 of \
                            `A-Z a-z 0-9 - _ .`, else a new one.",
            "required": true, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
        },
        "Retry-After": {
            "description": "When to come again, in whole seconds.",
            "required": true, "schema": {"type": "integer", "minimum": 1},
        },
        "WWW-Authenticate": {"required": true, "schema": {"const": "Bearer"}},
    })
}
