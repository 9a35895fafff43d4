//! What is refused, and with what words.

use serde_json::{Value, json};
use system_tests::raw::Request;

use super::World;

fn code(answer: &system_tests::raw::Answer) -> (u16, String) {
    answer.problem()
}

#[test]
fn a_label_that_was_moved_meanwhile_is_not_moved() {
    let world = World::with_door(&[]);
    let path = "/v1/prompts/door/labels/production";
    let to = |version: &str| json!({"version": version, "actor": "ann", "reason": "a test"});
    let put = |body: &Value, tag: &str| {
        let request = Request::new("PUT", path).json(body);
        if tag.is_empty() { request } else { request.header("if-match", tag) }
    };
    let stale = put(&to("v2_calibrated"), "\"0\"").send(world.daemon.address());
    assert_eq!(code(&stale), (409, "revision_conflict".to_owned()));
    let detail = stale.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("is at revision 1, not 0"), "{detail}");
    let moved = put(&to("v2_calibrated"), "\"1\"").send(world.daemon.address());
    assert_eq!((moved.status, moved.header("etag")), (200, Some("\"2\"")));
    // The same in the body, and both that do not agree.
    let mut body = to("v1_original");
    body["revision"] = 1.into();
    let stale = put(&body, "").send(world.daemon.address());
    assert_eq!(code(&stale), (409, "revision_conflict".to_owned()));
    let both = put(&body, "\"2\"").send(world.daemon.address());
    assert_eq!(code(&both), (422, "invalid_field".to_owned()));
    for tag in ["3", "*", "W/\"2\"", "\"two\"", "\"99999999999\"", "\"\""] {
        let odd = put(&to("v1_original"), tag).send(world.daemon.address());
        assert_eq!(code(&odd), (400, "invalid_if_match".to_owned()), "{tag}");
    }
    let remove = |query: &str| Request::new("DELETE", &format!("{path}?{query}"));
    let stale = remove("actor=ann&reason=gone&revision=1").send(world.daemon.address());
    assert_eq!(code(&stale), (409, "revision_conflict".to_owned()));
    let gone = remove("actor=ann&reason=gone&revision=2").send(world.daemon.address());
    assert_eq!((gone.status, gone.json()["version"].clone()), (200, Value::Null));
    let twice = remove("actor=ann&reason=gone").send(world.daemon.address());
    assert_eq!(code(&twice), (404, "unknown_label".to_owned()));
    assert_eq!(world.get(&format!("{path}/history"))["revision"], 3);
    let unnamed = remove("reason=gone").send(world.daemon.address());
    assert_eq!(code(&unnamed), (400, "invalid_query".to_owned()));
}

#[test]
fn two_who_move_a_label_from_one_revision_are_not_both_told_that_they_did() {
    let world = World::with_door(&[]);
    assert_eq!(world.point("candidate", "v1_original").status, 200);
    let mut moved = 0;
    std::thread::scope(|scope| {
        let rivals: Vec<_> = ["v2_calibrated", "v3_other"]
            .into_iter()
            .map(|version| {
                let world = &world;
                scope.spawn(move || {
                    let body =
                        json!({"version": version, "actor": "a", "reason": "r", "revision": 1});
                    world.daemon.try_put("/v1/prompts/door/labels/candidate", &body).unwrap().status
                })
            })
            .collect();
        let statuses: Vec<u16> = rivals.into_iter().map(|rival| rival.join().unwrap()).collect();
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        moved += statuses.iter().filter(|status| **status == 200).count();
    });
    assert_eq!(moved, 1);
    assert_eq!(world.get("/v1/prompts/door/labels/candidate/history")["revision"], 2);
}

#[test]
fn names_are_given_once() {
    let world = World::with_door(&[]);
    let refused = |reply: system_tests::daemon::Reply, status: u16, code: &str| {
        assert_eq!((reply.status, &reply.body["code"]), (status, &json!(code)), "{}", reply.text);
    };
    refused(world.add("v1_original", "another text"), 409, "name_taken");
    refused(world.add("production", "another text"), 422, "invalid_field");
    refused(world.add("sha256:abc", "another text"), 422, "invalid_field");
    refused(world.point("v1_original", "v2_calibrated"), 409, "name_taken");
    let again = json!({"name": "door", "text": "another text", "actor": "ann"});
    refused(world.daemon.post("/v1/prompts", &again), 409, "prompt_exists");
    let unknown = json!({"text": "a text", "actor": "ann"});
    refused(world.daemon.post("/v1/prompts/yard/versions", &unknown), 404, "unknown_prompt");
    refused(world.daemon.get("/v1/prompts/yard"), 404, "unknown_prompt");
    refused(world.daemon.get("/v1/prompts/door/versions/v9"), 404, "unknown_version");
    refused(world.daemon.get("/v1/prompts/door/versions/sha256:1234567"), 404, "unknown_version");
    refused(
        world.daemon.get("/v1/prompts/door/diff?from=v9&to=v1_original"),
        404,
        "unknown_version",
    );
    refused(world.daemon.get("/v1/prompts/door/labels/none/history"), 404, "unknown_label");
    refused(world.point("candidate", "v9"), 422, "invalid_field");
    // A label and a version of it in one request: both or neither.
    let both = json!({"text": "another text", "actor": "ann", "key": "v4", "label": "v1_original"});
    refused(world.daemon.post("/v1/prompts/door/versions", &both), 409, "name_taken");
    assert_eq!(world.get("/v1/prompts/door")["versions"], 3);
}

fn post(path: &str, body: &str) -> Request {
    Request::new("POST", path).body("application/json", body)
}

fn put(path: &str, body: &str) -> Request {
    Request::new("PUT", path).body("application/json", body)
}

/// Whether each request is refused with its status and code, and nothing changes.
fn check(world: &World, requests: &[(Request, u16, &str)]) {
    let before = world.everything();
    for (request, status, code) in requests {
        let answer = request.send(world.daemon.address());
        let shown: String = String::from_utf8_lossy(&request.bytes()).chars().take(300).collect();
        assert_eq!(self::code(&answer), (*status, (*code).to_owned()), "{shown}");
    }
    assert_eq!(world.everything(), before);
}

#[test]
fn hostile_requests_are_refused_and_change_nothing() {
    let world = World::with_door(&[]);
    let versions = "/v1/prompts/door/versions";
    let label = "/v1/prompts/door/labels/candidate";
    let long = "x".repeat(256 * 1024 + 1);
    let nest = "[".repeat(100_000);
    let requests = [
        (post(versions, ""), 400, "malformed_body"),
        (post(versions, "{"), 400, "malformed_body"),
        (post(versions, &nest), 422, "invalid_field"),
        (post(versions, "[]"), 422, "invalid_field"),
        (post(versions, r#"{"text":"t"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"","actor":"a"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":1,"actor":"a"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"t","actor":"a","number":7}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"t","actor":"a","key":"two words"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"t","actor":"a\nb"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"t","actor":"a","note":""}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"t","actor":"a","parent":"v9"}"#), 422, "invalid_field"),
        (post(versions, r#"{"text":"\ud800","actor":"a"}"#), 400, "malformed_body"),
        (post(versions, &json!({"text": long, "actor": "a"}).to_string()), 422, "invalid_field"),
        (Request::new("POST", versions).body("text/plain", "x"), 415, "unsupported_media_type"),
        (post("/v1/prompts", r#"{"name":"a b","text":"t","actor":"a"}"#), 422, "invalid_field"),
        (post("/v1/prompts/a%20b/versions", "{}"), 400, "invalid_path"),
        (put(label, r#"{"version":"v1_original","actor":"a"}"#), 422, "invalid_field"),
        (
            put(label, r#"{"version":"v1_original","actor":"a","reason":"r","revision":-1}"#),
            422,
            "invalid_field",
        ),
        (put("/v1/prompts/door/labels/a%20b", "{}"), 400, "invalid_path"),
        (
            put("/v1/prompts/yard/labels/a", r#"{"version":"v","actor":"a","reason":"r"}"#),
            404,
            "unknown_prompt",
        ),
    ];
    check(&world, &requests);
}

#[test]
fn hostile_imports_and_parameters_are_refused_and_change_nothing() {
    let world = World::with_door(&[]);
    let import = |body: &str| post("/v1/prompts/door/import", body);
    let requests = [
        (import(r#"{"actor":"a","reason":"r"}"#), 422, "invalid_field"),
        (
            import(
                r#"{"actor":"a","reason":"r","document":{"tidegate_prompt":2,"name":"door","versions":[{"text":"t"}]}}"#,
            ),
            422,
            "invalid_field",
        ),
        (
            import(
                r#"{"actor":"a","reason":"r","document":{"tidegate_prompt":1,"name":"yard","versions":[{"text":"t"}]}}"#,
            ),
            422,
            "invalid_field",
        ),
        (
            import(
                r#"{"actor":"a","reason":"r","document":{"tidegate_prompt":1,"name":"door","versions":[{"text":"t","digest":"sha256:00"}]}}"#,
            ),
            422,
            "invalid_field",
        ),
        (
            import(
                r#"{"actor":"a","reason":"r","document":{"tidegate_prompt":1,"name":"door","versions":[{"text":"t","created_at":"9"}]}}"#,
            ),
            422,
            "invalid_field",
        ),
        (post("/v1/prompts/door/import?preview=maybe", "{}"), 400, "invalid_query"),
        (Request::new("GET", "/v1/prompts/door/versions?limit=0"), 400, "invalid_query"),
        (Request::new("GET", "/v1/prompts/door/diff?from=v1_original"), 400, "invalid_query"),
        (Request::new("GET", "/v1/experiments/x/assignments/c?text=maybe"), 400, "invalid_query"),
        (Request::new("DELETE", "/v1/prompts/door"), 405, "method_not_allowed"),
    ];
    check(&world, &requests);
}

#[test]
fn there_is_room_for_so_many_and_the_rest_is_told() {
    let world = World::with_door(&[]);
    for number in 0..16 {
        assert_eq!(world.point(&format!("label{number}"), "v1_original").status, 200);
    }
    let full = world.point("one_more", "v1_original");
    assert_eq!(
        (full.status, &full.body["code"]),
        (422, &json!("too_many_prompts")),
        "{}",
        full.text
    );
    assert!(full.text.contains("16 labels of this prompt are kept, allowed: 16"), "{}", full.text);
}

#[test]
fn looking_needs_read_and_whatever_changes_something_needs_admin() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let tokens = tokens.to_str().unwrap();
    let [reader, admin] = ["read", "admin"].map(|scope| {
        let make = ["token", "create", "--name", scope, "--scopes", scope, "--tokens", tokens];
        crate::command::run(&make).out.trim().to_owned()
    });
    let data = folder.path().join("data");
    let daemon =
        system_tests::daemon::Start::new(super::PROGRAM, &data).with(&["--tokens", tokens]).ready();
    let status = |request: &Request, token: &str| {
        let bearer = format!("Bearer {token}");
        request.clone().header("authorization", &bearer).send(daemon.address()).status
    };
    let first =
        post("/v1/prompts", r#"{"name":"door","text":"t","actor":"a","label":"candidate"}"#);
    let import = r#"{"actor":"a","reason":"r","document":{"tidegate_prompt":1,"name":"door","versions":[{"text":"u"}]}}"#;
    let label = "/v1/prompts/door/labels/candidate";
    let changing = [
        first,
        post("/v1/prompts/door/versions", r#"{"text":"t","actor":"a"}"#),
        put(label, r#"{"version":"v1","actor":"a","reason":"r"}"#),
        post("/v1/prompts/door/import?preview=true", import),
        post("/v1/prompts/door/import", import),
        Request::new("DELETE", &format!("{label}?actor=a&reason=r")),
    ];
    for request in &changing {
        assert_eq!(status(request, &reader), 403, "{request:?}");
        assert_eq!(status(request, "tg_0000"), 401, "{request:?}");
    }
    for request in &changing {
        assert!(status(request, &admin) < 300, "{request:?}");
    }
    for path in [
        "",
        "/door",
        "/door/versions",
        "/door/versions/v1",
        "/door/export",
        "/door/diff?from=v1&to=v2",
    ] {
        let request = Request::new("GET", &format!("/v1/prompts{path}"));
        assert_eq!(status(&request, &reader), 200, "{path}");
    }
}
