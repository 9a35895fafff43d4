//! What a rollout serves of a prompt, and where `production` goes.

use serde_json::{Value, json};

use super::{BEGAN_MS, NEW, OLD, World, digest};

const EXPERIMENT: &str = "key = \"door_v2\"\nprompt = \"door\"\ncontrol = \"v1_original\"\n\
                          treatment = \"v2_calibrated\"\n[ab]\ntreatment_percentage = 0.5\n\
                          [guardrails]\nmin_samples = 20\n";
const HOUR_MS: i64 = 3_600_000;

impl World {
    fn define(&self) {
        let reply = self.daemon.define("door_v2", EXPERIMENT);
        assert_eq!(reply.status, 201, "{}", reply.text);
    }

    fn act(&self, action: &str) -> Value {
        let reply = self.daemon.act("door_v2", action);
        assert_eq!(reply.status, 200, "{action}: {}", reply.text);
        reply.body
    }

    fn to_full(&self) -> Value {
        self.define();
        self.act("start");
        self.act("advance");
        self.act("advance")
    }

    fn assigned(&self, camera: usize) -> Value {
        self.get(&format!("/v1/experiments/door_v2/assignments/camera-{camera}?text=true"))
    }

    /// What the last step's history says of `production`.
    fn said(&self) -> Option<String> {
        let history = self.get("/v1/experiments/door_v2/history");
        let last = history["items"].as_array().unwrap().last().unwrap();
        assert_eq!(last["prompt"]["control"], digest(OLD));
        assert_eq!(last["prompt"]["treatment"], digest(NEW));
        last["prompt"]["production"].as_str().map(str::to_owned)
    }
}

#[test]
fn production_moves_when_every_camera_gets_the_treatment_and_not_before() {
    let world = World::with_door(&[]);
    world.define();
    for (action, phase) in [("start", "shadow"), ("advance", "ab")] {
        assert_eq!(world.act(action)["status"]["phase"], phase);
        assert_eq!(world.production(), ("v1_original".to_owned(), 1), "{phase}");
        assert_eq!(world.said(), None);
        // In shadow the backend runs the other version too, and needs it.
        let shadow = world.assigned(1)["shadow"].clone();
        let both =
            json!({"prompt_version": "v2_calibrated", "digest": digest(NEW), "prompt_text": NEW});
        assert_eq!(shadow, if phase == "shadow" { both } else { Value::Null });
    }
    // In the test each camera is told what it gets, by digest and in full.
    let mut seen = [0, 0];
    for camera in 0..40 {
        let assigned = world.assigned(camera);
        let (variant, text) = match assigned["variant"].as_str() {
            Some("control") => (0, OLD),
            _ => (1, NEW),
        };
        seen[variant] += 1;
        assert_eq!(assigned["prompt"], "door");
        assert_eq!(
            (&assigned["digest"], &assigned["prompt_text"]),
            (&json!(digest(text)), &json!(text))
        );
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
    let many = json!({"camera_ids": (0..40).map(|n| format!("camera-{n}")).collect::<Vec<_>>(), "text": true});
    let many = world.daemon.post("/v1/experiments/door_v2/assignments", &many).body;
    let texts = json!({digest(OLD): OLD, digest(NEW): NEW});
    assert_eq!(many["texts"], texts, "each once");
    assert!(many["assignments"][0].get("prompt_text").is_none());

    let done = world.act("advance");
    assert_eq!(done["status"]["phase"], "full");
    assert_eq!(done["status"]["prompt"]["production"], "v2_calibrated");
    assert_eq!(world.production(), ("v2_calibrated".to_owned(), 2));
    assert_eq!(
        world.said().as_deref(),
        Some("`production` moved from `v1_original` to `v2_calibrated`")
    );
    let history = world.get("/v1/prompts/door/labels/production/history");
    let step = &history["moves"][1];
    assert_eq!((&step["actor"], &step["to"]), (&json!("tidegate"), &json!("v2_calibrated")));
    assert_eq!(step["reason"], "experiment door_v2, run 1: every camera gets the treatment");
    world.act("complete");
    let world = world.again(|daemon| drop(daemon.kill()));
    assert_eq!(world.production(), ("v2_calibrated".to_owned(), 2));
    assert_eq!(world.assigned(1)["digest"], digest(NEW));
    assert_eq!(world.get("/v1/experiments/door_v2")["prompt"]["control"], digest(OLD));
}

#[test]
fn a_rollback_of_a_full_release_brings_production_back() {
    for action in ["roll_back", "stop"] {
        let world = World::with_door(&[]);
        world.to_full();
        // The decision and where the label went are one: a kill leaves both.
        let world = world.again(|daemon| drop(daemon.kill()));
        assert_eq!(world.production(), ("v2_calibrated".to_owned(), 2));
        world.act(action);
        assert_eq!(world.production(), ("v1_original".to_owned(), 3));
        assert_eq!(world.assigned(1)["digest"], digest(OLD));
        let world = world.again(|daemon| drop(daemon.kill()));
        assert_eq!(world.production(), ("v1_original".to_owned(), 3));
        assert_eq!(
            world.said().as_deref(),
            Some("`production` moved from `v2_calibrated` to `v1_original`")
        );
    }
}

#[test]
fn harm_rolls_back_and_production_stays() {
    let world = World::with_door(&[]);
    world.define();
    world.act("start");
    world.act("advance");
    let mut phase = Value::Null;
    for number in 0..600 {
        world.daemon.set_time(BEGAN_MS + HOUR_MS + number * 60_000);
        let camera = format!("camera-{}", number % 40);
        let assigned = world.get(&format!("/v1/experiments/door_v2/assignments/{camera}"));
        let mut report = json!({"type": "analysis", "experiment": "door_v2", "id": format!("event-{number}"),
                                "camera_id": camera, "variant": assigned["variant"]});
        if assigned["variant"] == "treatment" {
            report["error"] = true.into();
        } else {
            report["latency_ms"] = 900.into();
        }
        let reply = world.daemon.post("/v1/observations", &json!([report]));
        assert_eq!(reply.body["accepted"], 1, "{}", reply.text);
        phase = world.get("/v1/experiments/door_v2/status")["phase"].clone();
        if phase == "rolled_back" {
            break;
        }
    }
    assert_eq!(phase, "rolled_back");
    assert_eq!(world.production(), ("v1_original".to_owned(), 1));
    assert_eq!(world.said().as_deref(), Some("`production` points to `v1_original` already"));
}

#[test]
fn what_somebody_pointed_elsewhere_is_left_alone_and_said() {
    let world = World::with_door(&[]);
    world.define();
    world.act("start");
    world.act("advance");
    assert_eq!(world.point("production", "v3_other").status, 200);
    world.act("advance");
    assert_eq!(world.production(), ("v3_other".to_owned(), 2));
    let logged = world.daemon.await_log("production left alone");
    assert_eq!((&logged["level"], &logged["prompt"]), (&json!("WARN"), &json!("door")));
    let said = world.said().unwrap();
    assert!(said.starts_with("`production` was left at `v3_other`"), "{said}");
    world.act("roll_back");
    assert_eq!(world.production(), ("v3_other".to_owned(), 2));
}

#[test]
fn an_experiment_names_versions_that_there_are() {
    let world = World::with_door(&[]);
    let faults = |toml: &str| {
        let reply = world.daemon.define("door_v2", toml);
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (422, &json!("invalid_field")),
            "{}",
            reply.text
        );
        reply.body["faults"].clone()
    };
    let unknown = faults(&EXPERIMENT.replace("\"door\"", "\"yard\""));
    assert_eq!(unknown[0]["pointer"], "/prompt");
    assert!(unknown[0]["detail"].as_str().unwrap().contains("which are `door`"), "{unknown}");
    // A label moves, so it is no name of a version; and both faults are told at once.
    let both = EXPERIMENT.replace("v1_original", "production").replace("v2_calibrated", "v9");
    let both = faults(&both);
    assert_eq!(
        (&both[0]["pointer"], &both[1]["pointer"]),
        (&json!("/control"), &json!("/treatment"))
    );
    let detail = both[1]["detail"].as_str().unwrap();
    assert!(detail.contains("`v3_other`, `v2_calibrated`, `v1_original`"), "{detail}");
    assert_eq!(world.daemon.get("/v1/experiments/door_v2").status, 404);
    // Without a prompt the keys are the backend's own, as ever.
    let plain = "key = \"plain\"\ncontrol = \"a\"\ntreatment = \"b\"\n";
    assert_eq!(world.daemon.define("plain", plain).status, 201);
    let assigned = world.get("/v1/experiments/plain/assignments/camera-1?text=true");
    assert_eq!((&assigned["prompt"], &assigned["digest"]), (&Value::Null, &Value::Null));
    assert_eq!(assigned["prompt_version"], "a");
    // An override of a draft keeps its prompt.
    world.define();
    let path = "/v1/experiments/door_v2/overrides/lab";
    let set = world.daemon.try_put(path, &json!({"variant": "treatment"})).unwrap();
    assert!(set.text.contains("prompt = \\\"door\\\""), "{}", set.text);
}

#[test]
fn two_experiments_do_not_try_one_prompt_at_once() {
    let world = World::with_door(&[]);
    world.define();
    world.act("start");
    let toml = EXPERIMENT.replace("door_v2", "gate");
    assert_eq!(world.daemon.define("gate", &toml).status, 201);
    let refused = world.daemon.act("gate", "start");
    assert_eq!((refused.status, &refused.body["code"]), (409, &"prompt_in_use".into()));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("is tried by experiment `"), "{detail}");
    assert_eq!(world.daemon.get("/v1/experiments/gate/status").body["phase"], "draft");
    world.act("stop");
    assert_eq!(world.daemon.act("gate", "start").status, 200);
}

/// Two experiments on one prompt, on the two halves of the fleet.
fn of_group(key: &str, from: f64, to: f64) -> String {
    let group = format!("[assignment]\ngroup = \"fleet\"\ngroup_from = {from}\ngroup_to = {to}\n");
    format!("{}{group}", EXPERIMENT.replace("door_v2", key))
}

impl World {
    fn defined(&self, key: &str, toml: &str) {
        let reply = self.daemon.define(key, toml);
        assert_eq!(reply.status, 201, "{}", reply.text);
    }

    fn done(&self, key: &str, action: &str) -> Value {
        let reply = self.daemon.act(key, action);
        assert_eq!(reply.status, 200, "{action}: {}", reply.text);
        reply.body
    }

    /// Variant and reason of each camera.
    fn split_of(&self, key: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |camera: usize| {
            let answer = self.get(&format!("/v1/experiments/{key}/assignments/camera-{camera}"));
            (text(&answer["variant"]), text(&answer["reason"]))
        };
        (0..60).map(one).collect()
    }
}

#[test]
fn two_experiments_try_one_prompt_on_cameras_that_are_apart() {
    let world = World::with_door(&[]);
    world.defined("low", &of_group("low", 0.0, 0.5));
    world.defined("high", &of_group("high", 0.5, 1.0));
    world.defined("across", &of_group("across", 0.4, 0.6));
    world.done("low", "start");
    let refused = world.daemon.act("across", "start");
    assert_eq!((refused.status, &refused.body["code"]), (409, &"prompt_in_use".into()));
    assert!(refused.body["detail"].as_str().unwrap().contains("`assignment.group`"));
    world.done("high", "start");

    // In shadow the others' cameras run nothing beside the control.
    let (low, high) = (world.split_of("low"), world.split_of("high"));
    let is_outside = |(variant, reason): &(String, String)| {
        assert!(reason != "outside_group" || variant == "control");
        reason == "outside_group"
    };
    let outside = low.iter().filter(|one| is_outside(one)).count();
    assert!((15..45).contains(&outside), "{outside} of 60");
    assert!(low.iter().zip(&high).all(|(low, high)| is_outside(low) != is_outside(high)));
    let stranger = low.iter().position(is_outside).unwrap();
    let answer = world.get(&format!("/v1/experiments/low/assignments/camera-{stranger}?text=true"));
    assert_eq!((&answer["shadow_sample"], &answer["shadow"]), (&json!(0.0), &Value::Null));

    // What a stranger reports is in no comparison, and the status says why.
    let camera = format!("camera-{stranger}");
    let compared = json!([{
        "type": "comparison", "experiment": "low", "id": "e1", "camera_id": camera,
        "control": {"score": 80, "latency_ms": 90}, "treatment": {"score": 20, "latency_ms": 90},
    }]);
    let taken = world.daemon.post("/v1/observations", &compared);
    assert_eq!(taken.body["accepted"], 1, "{}", taken.text);
    let status = world.get("/v1/experiments/low/status");
    assert_eq!(status["outside"], json!({"analyses": 1, "causes": {"outside_group": 1}}));

    // Each camera is tried by one at most, released to or not.
    for key in ["low", "high"] {
        world.done(key, "advance");
    }
    world.done("low", "advance");
    let (released, tested) = (world.split_of("low"), world.split_of("high"));
    for (one, (full, split)) in low.iter().zip(released.iter().zip(&tested)) {
        assert_eq!(is_outside(one), is_outside(full));
        assert!(is_outside(full) || *full == ("treatment".to_owned(), "full".to_owned()));
        assert!(is_outside(full) != is_outside(split));
    }
    assert_eq!(world.production().0, "v1_original", "not every camera has the treatment");
    world.done("low", "complete");
    assert_eq!(world.production().0, "v2_calibrated");
    assert!(world.split_of("low").iter().all(|one| one.1 == "completed" && one.0 == "treatment"));
}

#[test]
fn a_part_of_a_group_that_is_none_is_refused() {
    let world = World::with_door(&[]);
    for (toml, expected) in [
        (of_group("door", 0.5, 0.5), "group_from 0.5 is not below assignment.group_to"),
        (of_group("door", 0.0, 1.5), "/assignment/group_to is 1.5, allowed: a number from 0 to 1"),
        (of_group("door", 0.0, 0.5).replace("\"fleet\"", "\"the fleet\""), "has the character ' '"),
        (
            of_group("door", 0.0, 0.5).replace("group = \"fleet\"\n", ""),
            "/assignment/group is missing",
        ),
    ] {
        let refused = world.daemon.define("door", &toml);
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains(expected), "{expected}: {}", refused.text);
    }
}
