//! What the daemon answers, compared with the schemas of the protocol itself.

use serde_json::{Value, json};
use system_tests::raw::Request;

use super::client::{self, Client};
use super::{FLAGS, ROLLED_BACK, STAGES, World};

fn faults(client: &mut Client, reading: &str, schema: &str, body: &Value) -> Vec<String> {
    let what = json!({"do": "check", "reading": reading, "schema": schema, "body": body});
    serde_json::from_value(client.tell(&what)).unwrap()
}

fn answer(world: &World, path: &str, body: &str) -> Value {
    let request = Request::new("POST", path)
        .header("x-api-key", &world.reader)
        .body("application/json", body);
    request.send(world.daemon.address()).json()
}

const CONTEXT: &str = r#"{"context": {"targetingKey": "lab", "prompt_text": true}}"#;

/// Every answer is valid but for the one rule that no answer with a value can meet.
#[test]
fn every_answer_is_as_the_protocol_has_it() {
    let Some(mut client) = client::schema() else { return };
    let world = World::new();
    world.define("door");
    world.define_with_texts("gate");
    world.act("gate", "start");
    let mut checked = 0;
    for action in STAGES.iter().chain([&ROLLED_BACK]).map(|stage| stage.action) {
        for (path, schema) in [
            (format!("{FLAGS}/door"), "serverEvaluationSuccess"),
            (format!("{FLAGS}/gate"), "serverEvaluationSuccess"),
            (FLAGS.to_owned(), "bulkEvaluationSuccess"),
        ] {
            let body = answer(&world, &path, CONTEXT);
            assert_eq!(faults(&mut client, "amended", schema, &body), [""; 0], "{body}");
            checked += 1;
        }
        world.act("door", action);
    }
    for (path, body, schema) in [
        ("/garage", CONTEXT, "flagNotFound"),
        ("/two%20words", CONTEXT, "flagNotFound"),
        ("/door", "{", "evaluationFailure"),
        ("/door", "{}", "evaluationFailure"),
        ("/door", r#"{"context": {}}"#, "evaluationFailure"),
        ("", "{", "bulkEvaluationFailure"),
        ("", "{}", "bulkEvaluationFailure"),
    ] {
        let body = answer(&world, &format!("{FLAGS}{path}"), body);
        assert_eq!(faults(&mut client, "strict", schema, &body), [""; 0], "{body}");
        checked += 1;
    }
    assert_eq!(checked, 25);
}

/// Where the protocol contradicts itself, as `docs/openfeature.md` says. Once it does no more, this fails.
#[test]
fn the_protocol_contradicts_itself_where_the_document_says() {
    let Some(mut client) = client::schema() else { return };
    // The protocol's own example.
    let example = json!({"key": "discount-banner", "value": true, "reason": "TARGETING_MATCH", "variant": "enabled"});
    let told = faults(&mut client, "strict", "serverEvaluationSuccess", &example);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("$: oneOf: ") && told[0].contains("codeDefaultFlag"), "{told:?}");
    assert_eq!(faults(&mut client, "amended", "serverEvaluationSuccess", &example), [""; 0]);
    // And that of the decision which brought flags without a value.
    let example = json!({"key": "new-feature", "reason": "DEFAULT", "variant": "control"});
    let told = faults(&mut client, "strict", "serverEvaluationSuccess", &example);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("$.reason: enum: 'DEFAULT'"), "{told:?}");
    // What a validator would not let pass.
    let null = json!({"key": "a", "value": "v1", "reason": "STATIC", "metadata": {"digest": null}});
    let told = faults(&mut client, "amended", "serverEvaluationSuccess", &null);
    assert!(told[0].starts_with("$.metadata.digest: oneOf"), "{told:?}");
}
