//! The clients that teams use, unmodified, through a whole rollout and what can go wrong.

use serde_json::{Value, json};

use super::client::{self, Client, DEFAULT, Told};
use super::{ROLLED_BACK, STAGES, Stage, World};

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

    falls_back(&client.ask("garage", Some("camera-0")), "FLAG_NOT_FOUND");
    falls_back(&client.ask(key, None), no_camera);
    falls_back(&client.ask(key, Some("two words")), "INVALID_CONTEXT");
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
    });
    assert!(client.tell(&what)["failure"].is_string());
    falls_back(&client.ask("door", Some("camera-0")), "FLAG_NOT_FOUND");
}
