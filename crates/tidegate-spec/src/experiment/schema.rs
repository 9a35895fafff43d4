//! The JSON schema of an experiment file. What each setting means and its default come from the list of settings.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::limits;
use tidegate_engine::number::{Alpha, Percent, PercentDrop, Points, Share};
use tidegate_engine::review::ReviewRules;
use tidegate_engine::time::Duration;
use tidegate_engine::variant::Variant;

use super::listed::{self, ListedSetting, Section};
use super::names::{EXPIRIES, GATES, METRICS, MODES, PROMOTED_BY, RULES, SPLITS, TRUSTS};

/// What an id may be, as a regular expression.
pub(crate) const ID_PATTERN: &str = "^[A-Za-z0-9._:/-]{1,128}$";
/// Settings that must agree are told in words where JSON schema has none.
const RULES_IN_WORDS: &str = "An experiment: what its owner decided before it starts. Settings must agree: \
    `treatment` is not `control`; each step of the ramp has a larger share than the one before, the last has \
    `ab.treatment_percentage`, and together they are no longer than the test; a switchback has no ramp and \
    at most 1,000,000 blocks, which are the hours of the test by the length of a block, for each camera; \
    `full.holdback` leaves at least `ab.treatment_percentage`; a `review` needs a shadow that compares, and \
    `limits.discordant_max` is at least its `budget`.";

/// The schema of an experiment as JSON.
pub(crate) fn schema() -> Value {
    let mut schema = table(&[
        ("key", id()),
        ("control", id()),
        ("treatment", id()),
        ("prompt", id()),
        ("alert_threshold", count(0..=u64::from(limits::RISK_SCORE_MAX))),
        ("salt", id()),
        ("shadow", shadow()),
        ("ab", ab()),
        ("guardrails", guardrails()),
        ("promotion", promotion()),
        ("feedback", table(&[("trust", choice(&TRUSTS))])),
        ("full", full()),
        ("assignment", assignment()),
        ("limits", bounds()),
        ("review", review()),
        ("evaluation", evaluation()),
    ]);
    schema["required"] = json!(["key", "control", "treatment"]);
    let key = "key".parse().expect("a key");
    let [control, treatment] = ["control", "treatment"].map(|key| key.parse().expect("a key"));
    let definition = Definition::new(Experiment::new(key, control, treatment));
    let definition = definition.expect("the defaults agree");
    schema["properties"]["prompt"]["description"] = json!("the prompt that both are versions of");
    let mut sections = listed::sections(definition.experiment(), None);
    sections.push(listed::review(&ReviewRules::new()));
    describe(&mut schema, sections);
    schema["description"] = json!(RULES_IN_WORDS);
    schema
}

/// Puts the meaning and the default of each setting where it is.
fn describe(schema: &mut Value, sections: Vec<Section>) {
    for Section { name: table, settings } in sections {
        for ListedSetting { key, value, meaning } in settings {
            let place = match table {
                "" => &mut schema["properties"][key],
                table => &mut schema["properties"][table]["properties"][key],
            };
            place["description"] = json!(meaning);
            let named = ["key", "control", "treatment", "salt"].contains(&key);
            if !named && let Ok(default) = serde_json::to_value(toml::Value::from(value)) {
                place["default"] = default;
            }
        }
    }
}

fn table(settings: &[(&str, Value)]) -> Value {
    let settings = settings.iter().map(|(key, schema)| ((*key).to_owned(), schema.clone()));
    json!({
        "type": "object", "properties": settings.collect::<Map<_, _>>(), "additionalProperties": false,
    })
}

fn id() -> Value {
    json!({"type": "string", "pattern": ID_PATTERN})
}

/// A camera's name may have any letters; how long they are as an id is beyond a schema.
fn camera_id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limits::ID_LEN_MAX})
}

fn number(range: &RangeInclusive<f64>) -> Value {
    json!({"type": "number", "minimum": range.start(), "maximum": range.end()})
}

fn count(range: RangeInclusive<u64>) -> Value {
    json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
}

fn choice<T>(choices: &[(&str, T)]) -> Value {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    json!({ "enum": names })
}

fn shadow() -> Value {
    let mut shadow = table(&[
        ("duration_hours", number(&Duration::RANGE_HOURS)),
        ("sample", number(&Share::RANGE)),
        ("latency_warning_threshold_pct", number(&Percent::RANGE)),
        ("gate", choice(&GATES)),
    ]);
    // An automatic gate waits for comparisons.
    shadow["anyOf"] = json!([
        {"properties": {"sample": {"exclusiveMinimum": 0}}},
        {"required": ["gate"], "properties": {"gate": {"const": "manual"}}},
        {"required": ["duration_hours"], "properties": {"duration_hours": {"const": 0}}},
    ]);
    shadow
}

fn ab() -> Value {
    let step = [
        ("treatment_percentage", number(&Share::RANGE)),
        ("dwell_hours", number(&Duration::RANGE_HOURS)),
    ];
    let mut step = table(&step);
    step["required"] = json!(["treatment_percentage"]);
    let steps = json!({"type": "array", "items": step, "maxItems": limits::RAMP_STEPS_MAX});
    let longest = Duration::RANGE_HOURS;
    table(&[
        ("treatment_percentage", number(&Share::RANGE)),
        (
            "duration_hours",
            json!({"type": "number", "exclusiveMinimum": 0, "maximum": longest.end()}),
        ),
        ("steps", steps),
        ("on_expiry", choice(&EXPIRIES)),
    ])
}

fn guardrails() -> Value {
    table(&[
        ("max_fp_rate_increase", number(&Points::RANGE)),
        ("max_latency_increase_pct", number(&Percent::RANGE)),
        ("max_error_rate_increase", number(&Points::RANGE)),
        ("max_slow_rate_increase", number(&Points::RANGE)),
        ("max_missed_threat_rate_increase", number(&Points::RANGE)),
        ("max_alert_rate_drop_pct", number(&PercentDrop::RANGE)),
        ("max_alert_rate_rise_pct", number(&Percent::RANGE)),
        ("min_samples", count(0..=limits::MIN_SAMPLES_MAX)),
        ("rule", choice(&RULES)),
        ("alpha", number(&Alpha::RANGE)),
        ("enabled", json!({"type": "boolean"})),
    ])
}

fn promotion() -> Value {
    table(&[
        ("min_fp_reduction_pct", number(&PercentDrop::RANGE)),
        ("mode", choice(&MODES)),
        ("feedback_grace_hours", number(&Duration::RANGE_HOURS)),
    ])
}

fn full() -> Value {
    table(&[("holdback", number(&Share::RANGE)), ("watch_hours", number(&Duration::RANGE_HOURS))])
}

fn assignment() -> Value {
    let cameras = json!({
        "type": "array", "items": camera_id(), "uniqueItems": true, "maxItems": limits::CAMERAS_MAX,
    });
    let overrides = json!({
        "type": "object", "propertyNames": camera_id(),
        "additionalProperties": {"enum": Variant::ALL.map(Variant::as_str)},
    });
    let mut assignment = table(&[
        ("split", choice(&SPLITS)),
        ("cameras", cameras),
        ("block_minutes", number(&limits::BLOCK_MINUTES)),
        ("overrides", overrides),
        ("group", id()),
        ("group_from", json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})),
        ("group_to", json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1})),
    ]);
    // A part is one of a group that is named.
    assignment["dependentRequired"] = json!({"group_from": ["group"], "group_to": ["group"]});
    // A balanced split needs its fleet, and no other has one.
    assignment["anyOf"] = json!([
        {
            "required": ["split", "cameras"],
            "properties": {"split": {"const": "balanced"}, "cameras": {"minItems": 2}},
        },
        {"properties": {"split": {"enum": ["hash", "switchback"]}, "cameras": {"maxItems": 0}}},
    ]);
    assignment
}

fn bounds() -> Value {
    table(&[
        ("cameras_max", count(1..=limits::CAMERAS_MAX as u64)),
        ("open_analyses_max", count(1..=limits::OPEN_ANALYSES_MAX as u64)),
        ("discordant_max", count(1..=limits::DISCORDANT_MAX as u64)),
        ("attribution_window_hours", number(&Duration::RANGE_HOURS)),
    ])
}

fn review() -> Value {
    let clip_url = json!({
        "type": "string", "maxLength": limits::CLIP_URL_LEN_MAX,
        "pattern": "^https?://[^\\s\\x00-\\x1f\\x7f-\\x9f]*\\{event_id\\}[^\\s\\x00-\\x1f\\x7f-\\x9f]*$",
        "description": "where a reviewer sees an event; `{event_id}` stands for its id",
    });
    let mut review = table(&[
        ("budget", count(1..=limits::REVIEW_BUDGET_MAX as u64)),
        ("max_false_alarm_increase", number(&Share::RANGE)),
        ("max_missed_threat_increase", number(&Share::RANGE)),
        ("benefit", number(&Share::RANGE)),
        ("second_look", json!({"type": "boolean"})),
        ("required", json!({"type": "boolean"})),
        ("promoted_by", choice(&PROMOTED_BY)),
        ("clip_url", clip_url),
    ]);
    review["description"] = json!(
        "What people are asked of the shadow's disagreements; without it nobody is. The shadow must compare."
    );
    review
}

fn evaluation() -> Value {
    let metrics = json!({"type": "array", "items": choice(&METRICS)});
    let mut evaluation = table(&[
        ("dataset", json!({"type": "string", "default": "data/synthetic"})),
        ("metrics", metrics),
    ]);
    evaluation["description"] = json!("How both prompts are compared offline.");
    evaluation
}
