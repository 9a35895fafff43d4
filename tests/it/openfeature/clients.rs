//! The clients that teams use, unmodified, through a whole rollout and what can go wrong.

use serde_json::{Value, json};

use super::client::{self, Client, DEFAULT, Told};
use super::{NEW, OLD, ROLLED_BACK, STAGES, Stage, World};

/// Cameras of a fleet: so many that both variants are among them.
const FLEET: usize = 40;

/// How much of an answer a client passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passes {
    Everything,
    /// The client in Rust says `STATIC` to every answer, and has no metadata.
    ValueAndVariant,
}

/// Which header a client sends its token in.
fn headers(world: &World, name: &str) -> Value {
    match name {
        "x-api-key" => json!({"X-API-Key": world.reader}),
        _ => json!({"Authorization": format!("Bearer {}", world.reader)}),
    }
}

fn provide(client: &mut Client, world: &World, headers: &Value) -> Value {
    let url = world.daemon.address();
    let what = json!({
        "do": "provider", "url": url, "headers": headers, "camera": "camera-0", "poll_ms": 50,
        "hears": false,
    });
    client.tell(&what)
}

fn fleet() -> impl Iterator<Item = String> {
    (0..FLEET).map(|number| format!("camera-{number}"))
}

/// Asks for every camera, and compares with what the daemon's own interface says.
fn compare(client: &mut Client, world: &World, key: &str, stage: Stage, passes: Passes) {
    let mut versions = Vec::new();
    for camera in fleet() {
        let told = client.ask(key, Some(&camera));
        let own = world.assignment(key, &camera);
        assert_eq!(told.error, None, "{stage:?} {told:?}");
        assert_eq!(own["prompt_version"], *told.value, "{stage:?} {camera}");
        assert_eq!(own["variant"].as_str(), told.variant.as_deref(), "{stage:?} {camera}");
        assert_eq!(own["phase"], stage.phase);
        if passes == Passes::Everything {
            assert_eq!(told.reason, stage.reason, "{stage:?}");
            passes_metadata(&told, &own, stage);
        }
        versions.push(told.value);
    }
    versions.sort();
    versions.dedup();
    match stage.of_all {
        Some(version) => assert_eq!(versions, [version], "{stage:?}"),
        None => assert_eq!(versions, ["v1", "v2"], "{stage:?}"),
    }
}

fn passes_metadata(told: &Told, own: &Value, stage: Stage) {
    let metadata = &told.metadata;
    for name in ["experiment", "run", "phase", "reason", "shadow_sample"] {
        // JavaScript has no number but floating ones.
        match (metadata[name].as_f64(), own[name].as_f64()) {
            (Some(told), Some(own)) => assert!((told - own).abs() < f64::EPSILON, "{name}"),
            _ => assert_eq!(metadata[name], own[name], "{name} of {metadata}"),
        }
    }
    let shadow = stage.phase == "shadow";
    assert_eq!(metadata["shadow"], shadow);
    let version = if shadow { json!("v2") } else { Value::Null };
    assert_eq!(metadata["shadow_prompt_version"], version);
}

/// Whether the caller gets its own default, and why.
fn falls_back(told: &Told, code: &str) {
    assert_eq!(told.value, DEFAULT, "{told:?}");
    assert_eq!(told.error.as_deref(), Some(code), "{told:?}");
}

/// A server's client asks for each evaluation, so that it sees every change at once.
fn a_rollout_is_seen(mut client: Client, header: &str, passes: Passes) {
    let world = World::new();
    let no_camera = match passes {
        Passes::Everything => "TARGETING_KEY_MISSING",
        Passes::ValueAndVariant => "INVALID_CONTEXT",
    };
    // A key with a `/` is sent as it is.
    let key = "site-1/door";
    world.define(key);
    provide(&mut client, &world, &headers(&world, header));
    for stage in STAGES {
        world.act(key, stage.action);
        compare(&mut client, &world, key, stage, passes);
    }
    let lab = client.ask(key, Some("lab"));
    assert_eq!((&*lab.value, lab.variant.as_deref()), ("v2", Some("treatment")));
    if passes == Passes::Everything {
        assert_eq!(lab.reason, "TARGETING_MATCH");
    }
    world.act(key, ROLLED_BACK.action);
    compare(&mut client, &world, key, ROLLED_BACK, passes);

    world.define_with_texts("yard");
    world.act("yard", "start");
    let told = client.ask("yard", Some("camera-0"));
    assert_eq!(told.value, "v1");
    if passes == Passes::Everything {
        assert_eq!(told.metadata["prompt_text"], OLD);
        assert_eq!(told.metadata["shadow_prompt_text"], NEW);
        assert!(told.metadata["digest"].as_str().unwrap().starts_with("sha256:"));
    }

    falls_back(&client.ask("garage", Some("camera-0")), "FLAG_NOT_FOUND");
    falls_back(&client.ask(key, None), no_camera);
    falls_back(&client.ask(key, Some("two\nwords")), "INVALID_CONTEXT");
    provide(&mut client, &world, &json!({"Authorization": "Bearer tg_0000"}));
    falls_back(&client.ask(key, Some("camera-0")), "GENERAL");
    provide(&mut client, &world, &json!({}));
    falls_back(&client.ask(key, Some("camera-0")), "GENERAL");

    provide(&mut client, &world, &headers(&world, header));
    assert_eq!(client.ask(key, Some("camera-0")).value, "v1");
    world.daemon.kill();
    falls_back(&client.ask(key, Some("camera-0")), "GENERAL");
}

#[test]
fn python_sees_a_rollout() {
    let Some(client) = client::python() else { return };
    a_rollout_is_seen(client, "authorization", Passes::Everything);
}

#[test]
fn javascript_on_a_server_sees_a_rollout() {
    let Some(client) = client::javascript("server.mjs") else { return };
    a_rollout_is_seen(client, "x-api-key", Passes::Everything);
}

#[test]
fn rust_sees_a_rollout() {
    let Some(client) = client::rust() else { return };
    a_rollout_is_seen(client, "authorization", Passes::ValueAndVariant);
}

/// A page's client asks for all flags at once and keeps them: it sees a change when it asks again.
#[test]
fn javascript_in_a_page_sees_a_rollout() {
    let Some(mut client) = client::javascript("web.mjs") else { return };
    let world = World::new();
    world.define("door");
    world.define("gate");
    let header = headers(&world, "x-api-key");
    assert_eq!(provide(&mut client, &world, &header)["failure"], Value::Null);
    assert_eq!(client.ask("gate", Some("camera-0")).reason, "DISABLED");
    for stage in STAGES {
        world.act("door", stage.action);
        // A camera asked for anew is evaluated anew; the others are asked for after it.
        client.ask("door", Some("nobody"));
        compare(&mut client, &world, "door", stage, Passes::Everything);
    }
    assert_eq!(client.ask("door", Some("lab")).reason, "TARGETING_MATCH");

    // With one camera, it is polling that sees the rollback.
    assert_eq!(client.ask("door", Some("camera-0")).value, "v2");
    world.act("door", "roll_back");
    let seen = client.tell(&json!({"do": "until", "flag": "door", "value": "v1"}));
    assert!(seen["events"].as_u64().unwrap() <= 1, "{seen}");
    compare(&mut client, &world, "door", ROLLED_BACK, Passes::Everything);
    falls_back(&client.ask("garage", Some("camera-0")), "FLAG_NOT_FOUND");

    for headers in [json!({"X-API-Key": "tg_0000"}), json!({})] {
        let provided = provide(&mut client, &world, &headers);
        assert!(provided["failure"].is_string(), "{provided}");
        // It knows of no flags then.
        falls_back(&client.ask("door", Some("camera-0")), "FLAG_NOT_FOUND");
    }
    let url = world.daemon.address();
    let what =
        json!({"do": "provider", "url": url, "headers": header, "camera": null, "poll_ms": 50});
    assert!(client.tell(&what)["failure"].is_string());

    // A daemon that is away leaves it with what it knew.
    assert_eq!(provide(&mut client, &world, &header)["failure"], Value::Null);
    assert_eq!(client.ask("door", Some("camera-0")).value, "v1");
    let address = world.daemon.address().to_owned();
    world.daemon.kill();
    client.tell(&json!({"do": "stale"}));
    assert_eq!(client.ask("door", Some("camera-0")).value, "v1");
    let what = json!({
        "do": "provider", "url": address, "headers": header, "camera": "camera-0", "poll_ms": 50,
        "hears": false,
    });
    assert!(client.tell(&what)["failure"].is_string());
    falls_back(&client.ask("door", Some("camera-0")), "FLAG_NOT_FOUND");
}

/// With an `EventSource`, as every browser has one, a page needs no polling.
#[test]
fn javascript_in_a_page_hears_of_a_rollback() {
    let Some(mut client) = client::javascript("web.mjs") else { return };
    let world = World::new();
    world.define("door");
    let provided = client.tell(&json!({
        "do": "provider", "url": world.daemon.address(), "headers": headers(&world, "x-api-key"),
        "camera": "lab", "poll_ms": 0, "hears": true,
    }));
    assert_eq!(provided["failure"], Value::Null);
    let until = |client: &mut Client, version: &str| {
        client.tell(&json!({"do": "until", "flag": "door", "value": version}));
    };
    until(&mut client, "v1");
    for (action, version) in
        [("start", "v1"), ("advance", "v2"), ("pause", "v1"), ("resume", "v2"), ("roll_back", "v1")]
    {
        world.act("door", action);
        until(&mut client, version);
    }
    world.daemon.kill();
    client.tell(&json!({"do": "stale"}));
}

/// The blocks of a language in the document.
fn documented(language: &str) -> Vec<String> {
    let document =
        std::fs::read_to_string(system_tests::repository("docs/openfeature.md")).unwrap();
    let begin = format!("```{language}\n");
    let blocks = document.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// An experiment in its shadow, as the document asks for it.
fn documented_world() -> World {
    let world = World::new();
    let toml = "key = \"door_v2\"\ncontrol = \"v1_original\"\ntreatment = \"v2_calibrated\"\n";
    assert_eq!(world.daemon.define("door_v2", toml).status, 201);
    world.act("door_v2", "start");
    world.act("door_v2", "advance");
    world.act("door_v2", "advance");
    world
}

#[test]
fn what_the_document_shows_in_python_runs() {
    let Some(mut command) = client::python_command("python") else { return };
    let world = documented_world();
    let [program] = &documented("python")[..] else { panic!("one block") };
    let program = program.replace("http://127.0.0.1:4780", world.daemon.address());
    let program = format!("token = '{}'\n{program}\nprint(prompt_version, shadow)", world.reader);
    assert_eq!(client::printed(command.args(["-c", &program])), "v2_calibrated False\n");
}

#[test]
fn what_the_document_shows_in_javascript_runs() {
    let world = documented_world();
    let [server, page] = &documented("js")[..] else { panic!("two blocks") };
    for (name, program) in [("documented-server.mjs", server), ("documented-page.mjs", page)] {
        let program = program.replace("http://127.0.0.1:4780", world.daemon.address());
        let before = format!(
            "const token = '{}';\nconst location = {{ origin: '{}' }};\n",
            world.reader,
            world.daemon.address()
        );
        let program = format!("{before}{program}\nconsole.log(promptVersion);\nprocess.exit(0);\n");
        let Some(printed) = client::run_javascript(name, &program) else { return };
        assert_eq!(printed, "v2_calibrated\n", "{name}");
    }
}

#[test]
fn what_the_document_shows_in_rust_runs() {
    let path = system_tests::repository("tests/openfeature/rust/src/main.rs");
    let source = std::fs::read_to_string(path).unwrap().replace("\n    ", "\n");
    let [program] = &documented("rust")[..] else { panic!("one block") };
    assert!(
        source.contains(&**program),
        "the client in Rust does not do what is shown:\n{program}"
    );
    let Some(mut client) = client::rust() else { return };
    let world = documented_world();
    let headers = headers(&world, "authorization");
    let what = json!({"do": "documented", "url": world.daemon.address(), "headers": headers});
    assert_eq!(client.tell(&what), "v2_calibrated");
}
