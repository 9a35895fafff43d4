//! The schema of an experiment, held against what reads one: every setting, at its bounds and beyond them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidegate_spec::{ExperimentFile, ParseError};

use super::committed;

/// Everything that an experiment may have.
const WHOLE: &str = r#"{
    "key": "e", "control": "v1", "treatment": "v2", "prompt": "p", "evaluation": {"dataset": "data"},
    "ab": {"steps": [{"treatment_percentage": 0.5}]}, "assignment": {"group": "g"},
    "review": {"clip_url": "https://nvr.example/{event_id}"}
}"#;

fn schema() -> Value {
    committed()["components"]["schemas"]["Experiment"].clone()
}

/// Every setting with its schema, tables opened.
fn settings() -> Vec<(Vec<String>, Value)> {
    let mut settings = Vec::new();
    for (key, schema) in schema()["properties"].as_object().unwrap() {
        match schema["properties"].as_object() {
            Some(nested) => settings.extend(
                nested
                    .iter()
                    .map(|(inner, schema)| (vec![key.clone(), inner.clone()], schema.clone())),
            ),
            None => settings.push((vec![key.clone()], schema.clone())),
        }
    }
    settings
}

/// An experiment with one setting.
fn with(path: &[String], value: &Value) -> Value {
    let mut experiment = json!({"key": "e", "control": "v1", "treatment": "v2"});
    // A share of none is for gates that wait for a person.
    if path.last().is_some_and(|key| key == "sample") {
        experiment["shadow"]["gate"] = json!("manual");
    }
    // All but those held back have the treatment, and never fewer than in the test.
    if path.last().is_some_and(|key| key == "holdback") {
        let most = 1.0 - value.as_f64().unwrap_or(0.0);
        if (0.0..=1.0).contains(&most) {
            experiment["ab"]["treatment_percentage"] = json!(most);
        }
    }
    if path.last().is_some_and(|key| key.starts_with("group_")) {
        experiment["assignment"]["group"] = json!("g");
    }
    match path {
        [key] => experiment[key] = value.clone(),
        [table, key] => experiment[table][key] = value.clone(),
        other => panic!("{other:?}"),
    }
    experiment
}

/// What is wrong with a setting.
fn fault(path: &[String], value: &Value) -> Option<String> {
    match ExperimentFile::parse(&with(path, value).to_string()) {
        Ok(_) => None,
        Err(ParseError::Faults(faults)) => {
            let path = path.join(".");
            faults.iter().find(|fault| fault.path == path).map(ToString::to_string)
        }
        Err(other) => Some(other.to_string()),
    }
}

fn is_taken(path: &[String], value: &Value) {
    assert_eq!(fault(path, value), None, "{path:?} {value}");
}

fn is_refused(path: &[String], value: &Value) {
    assert!(fault(path, value).is_some(), "{path:?} {value} is taken");
}

#[test]
fn the_schema_has_every_setting_with_its_default() {
    let printed = ExperimentFile::parse(WHOLE).unwrap().to_json();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let mut known = BTreeSet::new();
    for (key, value) in printed.as_object().unwrap() {
        match value.as_object() {
            Some(table) => known.extend(table.keys().map(|inner| vec![key.clone(), inner.clone()])),
            None => drop(known.insert(vec![key.clone()])),
        }
    }
    assert_eq!(known, settings().into_iter().map(|(path, _)| path).collect());
    let least = json!({"key": "e", "control": "v1", "treatment": "v2"}).to_string();
    let defaults = ExperimentFile::parse(&least).unwrap().to_json();
    let defaults: Value = serde_json::from_str(&defaults).unwrap();
    for (path, schema) in settings() {
        let default = defaults.pointer(&format!("/{}", path.join("/")));
        let named = ["key", "control", "treatment", "salt"].contains(&&*path[0]);
        if let Some(default) = default.filter(|_| !named) {
            assert_eq!(schema["default"], *default, "{path:?}");
            assert!(schema["description"].is_string(), "{path:?}");
        }
    }
}

#[test]
fn every_setting_is_taken_up_to_its_bounds_and_refused_beyond() {
    let mut walked = 0;
    for (path, schema) in settings() {
        if let Some(names) = schema["enum"].as_array() {
            for name in names.iter().filter(|name| *name != "balanced") {
                is_taken(&path, name);
            }
            is_refused(&path, &json!("something else"));
        } else if path[1..] == ["clip_url"] {
            is_taken(&path, &json!("https://nvr.example/{event_id}.mp4"));
            for text in ["", "clip", "https://nvr.example/", "https://a b/{event_id}"] {
                is_refused(&path, &json!(text));
            }
        } else if schema["pattern"].is_string() {
            is_taken(&path, &json!("a.b_c:d/e-9"));
            is_taken(&path, &json!("x".repeat(128)));
            for text in ["", "two words", "ü", &"x".repeat(129)] {
                is_refused(&path, &json!(text));
            }
        } else if schema["type"] == "number" || schema["type"] == "integer" {
            let max = schema["maximum"].as_f64().or(schema["exclusiveMaximum"].as_f64()).unwrap();
            if let Some(min) = schema["exclusiveMinimum"].as_f64() {
                is_refused(&path, &json!(min));
            } else {
                let min = schema["minimum"].as_f64().unwrap();
                is_taken(&path, &number(&schema, min));
                is_refused(&path, &number(&schema, min - 1.0));
                is_refused(&path, &json!(min - 0.000_01));
            }
            if let Some(max) = schema["exclusiveMaximum"].as_f64() {
                is_refused(&path, &json!(max));
            } else {
                is_taken(&path, &number(&schema, max));
            }
            is_refused(&path, &number(&schema, max + 1.0));
            is_refused(&path, &json!(max + 0.000_01));
            if schema["type"] == "integer" {
                is_refused(&path, &json!(1.5));
            }
        } else if schema["type"] == "boolean" {
            is_taken(&path, &json!(true));
            is_refused(&path, &json!(1));
        } else if schema["type"] == "string" {
            is_refused(&path, &json!(1));
        } else {
            // Lists and free tables have tests of their own.
            let kind = &schema["type"];
            assert!(*kind == "array" || *kind == "object", "{path:?} {schema}");
            continue;
        }
        is_refused(&path, &json!([]));
        walked += 1;
    }
    assert!(walked >= 28, "{walked}");
}

fn number(schema: &Value, value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "bounds of whole numbers are whole")]
    if schema["type"] == "integer" { json!(value as i64) } else { json!(value) }
}

/// Whether an experiment with this assignment is one.
fn assigned(assignment: &Value) -> bool {
    let experiment =
        json!({"key": "e", "control": "v1", "treatment": "v2", "assignment": assignment});
    ExperimentFile::parse(&experiment.to_string()).is_ok()
}

#[test]
fn lists_are_what_the_schema_says() {
    assert!(assigned(&json!({"split": "balanced", "cameras": ["a", "b"]})));
    assert!(assigned(&json!({"group": "g", "group_from": 0.25, "group_to": 0.5})));
    assert!(assigned(&json!({"overrides": {"two words": "control"}})));
    for refused in [
        json!({"split": "balanced", "cameras": ["a"]}),
        json!({"split": "balanced"}),
        json!({"split": "balanced", "cameras": ["a", "a"]}),
        json!({"split": "hash", "cameras": ["a", "b"]}),
        json!({"overrides": {"a": "both"}}),
        json!({"group_from": 0.5}),
        json!({"group": "g", "group_from": 0.5, "group_to": 0.25}),
        json!({"overrides": {" blank": "control"}}),
        json!({"pins": {}}),
    ] {
        assert!(!assigned(&refused), "{refused}");
    }
    let ramp = |steps: usize| {
        let share = |step: usize| step as f64 / 100.0;
        let steps: Vec<Value> =
            (1..=steps).map(|step| json!({"treatment_percentage": share(step)})).collect();
        let last = steps.last().unwrap()["treatment_percentage"].clone();
        let ab = json!({"treatment_percentage": last, "steps": steps});
        let experiment = json!({"key": "e", "control": "v1", "treatment": "v2", "ab": ab});
        ExperimentFile::parse(&experiment.to_string()).is_ok()
    };
    let most = schema()["properties"]["ab"]["properties"]["steps"]["maxItems"].as_u64().unwrap();
    let most = usize::try_from(most).unwrap();
    assert!(ramp(most));
    assert!(!ramp(most + 1));
}
