//! Schemas of what stands in bodies and paths as plain text, and of the bodies whose rules no type can say.

use serde_json::{Value, json};
use tidegate_engine::event::Command;
use tidegate_engine::guardrail;
use tidegate_engine::limits;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation;
use tidegate_engine::phase;
use tidegate_engine::variant;
use tidegate_engine::verdict;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::REVIEW_ANSWERS;
use crate::experiment;
use crate::experiment::names::RULES;
use crate::experiment::schema::ID_PATTERN;

/// A text without control characters that is not blank.
const TEXT_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

macro_rules! named {
    ($name:ident, $description:literal, $schema:expr) => {
        #[doc = $description]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.description(Some($description)).into()
            }
        }

        impl ToSchema for $name {}
    };
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    text().enum_values(Some(names))
}

named!(
    Id,
    "A name: 1 to 128 of `A-Z a-z 0-9 . _ : / -`. In a path a `/` is written `%2F`.",
    text().pattern(Some(ID_PATTERN))
);
named!(
    CameraId,
    "A camera: 1 to 128 of `A-Z a-z 0-9 . _ ~ : / -`. Other letters, and blanks between them, count as the percent-encoding of their \
     UTF-8, `%C3%BC` for `ü`, which is the id. In a path a `/` is written `%2F`.",
    text().min_length(Some(1)).max_length(Some(limits::ID_LEN_MAX))
);
named!(
    Variant,
    "The version in use, or the one being tried.",
    one_of(variant::Variant::ALL.map(variant::Variant::as_str))
);
named!(
    Phase,
    "Where a rollout stands.",
    one_of({
        use phase::Phase::{Ab, Completed, Draft, Full, RolledBack, Shadow, Stopped};
        [Draft, Shadow, Ab, Full, Completed, RolledBack, Stopped].map(phase::Phase::as_str)
    })
);
named!(
    Condition,
    "What holds the phase up.",
    one_of({
        use phase::Condition::{Clear, Expired, Grace, Held, Paused};
        [Clear, Held, Paused, Grace, Expired].map(phase::Condition::as_str)
    })
);
named!(
    Verdict,
    "What a guardrail says.",
    one_of({
        use verdict::Verdict::{Alarm, Fail, Inconclusive, Pass};
        [Pass, Inconclusive, Alarm, Fail].map(verdict::Verdict::as_str)
    })
);
named!(
    Guardrail,
    "A metric that is watched.",
    one_of(guardrail::Guardrail::ALL.map(guardrail::Guardrail::as_str))
);
named!(Rule, "How harm is told from chance.", one_of(RULES.map(|(name, _)| name)));
named!(
    ReviewAnswerName,
    "Whether an event was worth an alert.",
    one_of(REVIEW_ANSWERS.map(|(name, _)| name))
);
named!(Window, "Which sums.", one_of(["shadow", "ab", "full"]));
named!(
    CameraSort,
    "By what cameras are sorted. A metric is the treatment's where the camera ran it, else the control's.",
    one_of(super::CameraSort::ALL.map(super::CameraSort::as_str))
);
named!(
    SortOrder,
    "Which come first; what is not known comes last in either order.",
    one_of(super::SortOrder::ALL.map(super::SortOrder::as_str))
);
named!(Action, "What a person asks of a rollout.", one_of(Command::ALL.map(Command::as_str)));
named!(
    Destination,
    "Where `advance` is to lead.",
    one_of(super::Destination::ALL.map(super::Destination::as_str))
);
named!(
    Accepted,
    "What an operator goes on with, though it does not pass.",
    one_of(super::Accepted::ALL.map(super::Accepted::as_str))
);
named!(
    Reason,
    "Why: 1 to 1,000 bytes without control characters, not only white space.",
    text().pattern(Some(TEXT_PATTERN)).max_length(Some(limits::REASON_LEN_MAX))
);
named!(
    Actor,
    "Who: 1 to 128 bytes without control characters, not only white space.",
    text().pattern(Some(TEXT_PATTERN)).max_length(Some(limits::ACTOR_LEN_MAX))
);
named!(
    TextDigest,
    "The SHA-256 of a text: `sha256:` and 64 hex digits.",
    text().pattern(Some("^sha256:[0-9a-f]{64}$"))
);
named!(
    TimeToTell,
    "A time from 1970 on, such as `2026-03-02T08:00:00Z`.",
    text()
        .pattern(Some("^(19[7-9][0-9]|[2-9][0-9]{3})-"))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
named!(
    EventTypes,
    "Types of events, with commas between them.",
    text().pattern(Some({
        let names: Vec<&str> =
            super::event_type::EventType::asked_for().map(|(name, _)| name).collect();
        let one = format!("({})", names.join("|"));
        format!("^{one}(,{one})*$")
    }))
);
named!(
    Time,
    "A time in UTC, such as `2026-03-02T08:00:00Z`.",
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
named!(Digest, "A fingerprint, 32 hex digits.", text().pattern(Some("^[0-9a-f]{32}$")));
named!(
    Share,
    "A share, a rate or a chance.",
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1))
);

/// The schemas whose rules no type can say, each by its name.
pub fn written() -> [(&'static str, Value); 7] {
    [
        ("Experiment", experiment::schema::schema()),
        ("Outcome", outcome()),
        ("Observation", observation()),
        ("Observations", observations()),
        ("FlagRequest", flag_request()),
        ("StreamedEvent", streamed_event()),
        ("StreamedRefetch", streamed_refetch()),
    ]
}

fn id() -> Value {
    json!({"$ref": "#/components/schemas/Id"})
}

fn number(range: &std::ops::RangeInclusive<f64>, of: &str, description: &str) -> Value {
    json!({
        "type": [of, "null"], "minimum": range.start(), "maximum": range.end(),
        "description": description,
    })
}

/// The fields of an outcome.
fn outcome_fields() -> [(&'static str, Value); 3] {
    let latency = number(&Latency::RANGE_MS, "number", "Time to the answer in milliseconds.");
    let score = number(&RiskScore::RANGE, "integer", "Risk score.");
    let error = json!({
        "type": ["boolean", "null"],
        "description": "Whether the analysis failed; a timeout is a failure. A failed one has no score.",
    });
    [("latency_ms", latency), ("score", score), ("error", error)]
}

/// An answer has a latency, a score or both; a failure has no score.
fn outcome_rules() -> Value {
    let given =
        |field: &str, of: &str| json!({"required": [field], "properties": {field: {"type": of}}});
    json!([
        {"required": ["error"], "properties": {"error": {"const": true}, "score": {"type": "null"}}},
        {
            "properties": {"error": {"enum": [false, null]}},
            "anyOf": [given("latency_ms", "number"), given("score", "integer")],
        },
    ])
}

fn outcome() -> Value {
    json!({
        "type": "object",
        "description": "What one prompt said: `latency_ms`, `score`, or both; or `error`.",
        "properties": outcome_fields().map(owned).into_iter().collect::<serde_json::Map<_, _>>(),
        "anyOf": outcome_rules(),
        "additionalProperties": false,
    })
}

fn owned((name, schema): (&str, Value)) -> (String, Value) {
    (name.to_owned(), schema)
}

/// What an observation may say of where it belongs: `run`, and unless it is feedback, the version and the time.
fn belonging() -> [(&'static str, Value); 3] {
    let run = json!({
        "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX,
        "description": "The run of the assignment that it follows from; of another than the present one it is refused.",
    });
    let version = json!({
        "anyOf": [id(), {"type": "null"}],
        "description": "The key of the version that was served; of another than the variant's it is refused.",
    });
    let observed_at = json!({
        "type": ["string", "null"], "format": "date-time",
        "description": "When it happened, up to the attribution window ago; when it is reported unless it is given.",
    });
    [("run", run), ("prompt_version", version), ("observed_at", observed_at)]
}

/// Adds fields that may be there.
fn allow(schema: &mut Value, fields: impl IntoIterator<Item = (&'static str, Value)>) {
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.extend(fields.into_iter().map(owned));
    }
}

/// An observation of a type: its own fields, all of them needed, beside those of every observation.
fn of_type(kind: &str, description: &str, fields: &[(&str, Value)]) -> Value {
    let shared = [("type", json!({"const": kind})), ("experiment", id()), ("id", id())];
    let fields: Vec<(&str, Value)> = shared.into_iter().chain(fields.iter().cloned()).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({
        "type": "object", "title": kind, "description": description, "required": required,
        "properties": fields.iter().cloned().map(owned).collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
    })
}

fn observation() -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let mut analysis = of_type(
        "analysis",
        "One prompt call on one detection event.",
        &[("camera_id", reference("CameraId")), ("variant", reference("Variant"))],
    );
    allow(&mut analysis, outcome_fields());
    allow(&mut analysis, belonging());
    analysis["anyOf"] = outcome_rules();
    let sides = [
        ("camera_id", reference("CameraId")),
        ("control", reference("Outcome")),
        ("treatment", reference("Outcome")),
    ];
    let mut comparison =
        of_type("comparison", "Both outcomes on the same event, in shadow.", &sides);
    let labels = observation::Label::ALL.map(observation::Label::as_str);
    let label = json!({"enum": labels, "description": "What a person said of the event."});
    let mut feedback = of_type("feedback", "What a person said of an event.", &[("label", label)]);
    allow(&mut comparison, belonging());
    allow(&mut feedback, belonging().into_iter().take(1));
    json!({
        "description": "What is reported about a detection event. `id` names the event: its analysis or \
                        comparison and its feedback share it.",
        "oneOf": [analysis, comparison, feedback],
    })
}

fn observations() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": super::observation::OBSERVATIONS_MAX,
        "items": {"$ref": "#/components/schemas/Observation"},
        "description": "Each is judged by itself: one that is not valid is answered `rejected` within \
                        the `Answers`, and the others are taken in.",
    })
}

fn flag_request() -> Value {
    json!({
        "type": "object", "required": ["context"], "description": "Of which camera a flag is asked.",
        "properties": {"context": {
            "type": "object", "required": ["targetingKey"], "description": "All else in it is the caller's.",
            "properties": {
                "targetingKey": {"$ref": "#/components/schemas/CameraId"},
                "prompt_text": {"description": "`true` for the text of the prompt version too."},
            },
        }},
    })
}

fn streamed(kinds: &[&str], data: &Value) -> Value {
    json!({
        "type": "object",
        "description": "Each of the server-sent events. One without `data` tells only where the stream is.",
        "properties": {
            "id": {"type": "string", "description": "For `Last-Event-ID`."},
            "event": {"enum": kinds},
            "data": data,
            "retry": {"type": "integer", "description": "How long to wait before coming again, in milliseconds."},
        },
    })
}

fn streamed_event() -> Value {
    let data = json!({
        "type": "string", "contentMediaType": "application/json",
        "contentSchema": {"$ref": "#/components/schemas/Event"},
    });
    streamed(&super::event_type::EventType::NAMES.map(|(name, _)| name), &data)
}

fn streamed_refetch() -> Value {
    let data = json!({
        "type": "string", "contentMediaType": "application/json",
        "contentSchema": {
            "type": "object", "required": ["type"], "properties": {"type": {"const": "refetchEvaluation"}},
        },
    });
    streamed(&["message"], &data)
}
