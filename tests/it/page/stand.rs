//! What a page says of where a rollout stands, and of what an action changes.

use serde_json::{Value, json};
use system_tests::raw::Request;

use super::{BEGAN_MS, CAMERAS, HOUR_MS, World};

fn page(world: &World, path: &str) -> String {
    let token = format!("Bearer {}", world.admin);
    let answer =
        Request::new("GET", path).header("authorization", &token).send(world.daemon.address());
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8(answer.body).unwrap()
}

fn served(world: &World, key: &str) -> Vec<Value> {
    let cameras: Vec<String> = (0..CAMERAS).map(|number| format!("camera-{number}")).collect();
    let path = format!("/v1/experiments/{key}/assignments");
    let served = world.daemon.post(&path, &json!({ "camera_ids": cameras })).body;
    served["assignments"].as_array().unwrap().clone()
}

#[test]
fn an_outage_of_both_variants_is_told_to_be_over_by_itself() {
    let world = World::new();
    world.open_test("door");
    let served = served(&world, "door");
    for round in 0..30 {
        if world.status("door")["condition"] == "held" {
            break;
        }
        let items = served.iter().enumerate().map(|(camera, served)| {
            json!({"type": "analysis", "experiment": "door", "id": format!("out-{round}-{camera}"),
                   "camera_id": served["camera_id"], "variant": served["variant"], "error": true})
        });
        world.report(items.collect());
    }
    let status = world.status("door");
    assert_eq!(
        (&status["condition"], &status["next"]["deadline"]),
        (&"held".into(), &"outage_over".into())
    );
    let next = status["next"]["sentence"].as_str().unwrap();
    assert!(next.contains("it goes on by itself"), "{next}");
    assert!(!next.contains("until somebody"), "{next}");
    let page = page(&world, "/experiments/door");
    assert!(page.contains("waits-time\">Goes on by itself<"), "{page}");
    // And so it does.
    world.daemon.set_time(BEGAN_MS + 2 * HOUR_MS + 120_000);
    assert_eq!(world.status("door")["condition"], "clear");
}

/// The first run ends well: its treatment is served to every camera.
fn completed(world: &World, key: &str) {
    world.open_test(key);
    for (action, more) in [
        ("advance", json!({"expected_phase": "full", "accept": "failing"})),
        ("complete", json!({})),
    ] {
        let mut order = json!({"action": action, "reason": "a test", "actor": "ann"});
        for (name, value) in more.as_object().unwrap() {
            order[name] = value.clone();
        }
        let acted = world.daemon.post(&format!("/v1/experiments/{key}/actions"), &order);
        assert_eq!(acted.status, 200, "{}", acted.text);
    }
}

#[test]
fn a_draft_after_a_run_shows_what_that_run_serves_and_whom_its_start_changes() {
    let world = World::new();
    completed(&world, "door");
    let draft = |control: &str| {
        let draft = json!({"key": "door", "control": control, "treatment": "v3"});
        let path = "/v1/experiments/door?accept=control_changes";
        let defined = world.daemon.try_put(path, &draft).unwrap();
        assert!([200, 201].contains(&defined.status), "{}", defined.text);
    };
    draft("v1");
    assert_eq!(world.status("door")["treatment_share"], 0.0);
    for path in ["/", "/experiments/door"] {
        let page = page(&world, path);
        assert!(page.contains("run 1 serves v2 to every camera"), "{path}: {page}");
    }
    let changed = |page: &str| {
        let moved = page.split("id=\"moved\">").nth(1).unwrap().split("</p>").next().unwrap();
        moved.replace("<b>", "").replace("</b>", "").replace("</data>", "")
    };
    let start = || changed(&page(&world, "/experiments/door/act?action=start"));
    let moved = start();
    assert!(
        moved.contains(">12 of <") && moved.contains("change from v2 (run 1) to the control"),
        "{moved}"
    );
}

#[test]
fn a_start_that_serves_the_version_that_is_served_already_changes_nobody() {
    let world = World::new();
    world.begin("gate");
    completed(&world, "gate");
    let cameras: Vec<String> = (0..CAMERAS).map(|number| format!("camera-{number}")).collect();
    let draft = json!({"key": "gate", "control": "v2", "treatment": "v3",
                       "assignment": {"split": "balanced", "cameras": cameras}});
    let defined = world.daemon.try_put("/v1/experiments/gate", &draft).unwrap();
    assert_eq!(defined.status, 201, "{}", defined.text);
    let page = page(&world, "/experiments/gate/act?action=start");
    assert!(page.contains("None of the <data value=\"12\">12</data> known cameras"), "{page}");
}
