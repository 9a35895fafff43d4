//! The OpenFeature Remote Evaluation Protocol (OFREP) 0.3.0: a flag is an experiment, its value the key of
//! the prompt version to run. Answered from the published table, as assignments are.
//!
//! Real clients break on less than the protocol asks for, so an answer always has a value, a variant, a
//! standard reason and flat metadata, and an error its code and details.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_spec::api::Object;
use tidegate_spec::api::ofrep::{
    Endpoint, ErrorCode, EventStream, Flag, FlagMetadata, FlagReason, Flags,
};
use tidegate_spec::wording;

use super::App;
use super::asked;
use super::body::{self, BodyKind};
use super::code::Code;
use super::json::Json;
use super::problem::{self, Problem};
use crate::published::{AssignmentReason, Evaluated, ServedVersion};
use crate::refusal::Refusal;

const PATH: &str = "/ofrep/v1/evaluate/flags";
const ROOT: &str = "/ofrep/";
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whether `path` is answered in the shapes of the protocol, errors too.
pub(super) fn is_at(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The token, where the protocol's other header has it.
pub(super) fn api_key<'a>(path: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    headers.get(API_KEY).filter(|_| path.starts_with(ROOT))?.to_str().ok()
}

/// Evaluates one flag for a camera.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/ofrep/v1/evaluate/flags/{key}", operation_id = "evaluate_flag", tag = "openfeature",
    request_body = ref("#/components/schemas/FlagRequest"),
    responses((status = 200, body = Flag)),
    extensions(("x-problems" = json!(["standing", "unknown_experiment"]))),
))]
pub(super) async fn one(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path(key)) = path else {
        let details = "the key in the path is not UTF-8".to_owned();
        return NoFlag::Worded(ErrorCode::FlagNotFound, details).response(Some(""));
    };
    let evaluated = evaluate_one(&app, &key, &headers, body).await;
    evaluated.unwrap_or_else(|fault| fault.response(Some(&key)))
}

async fn evaluate_one(
    app: &App,
    key: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, NoFlag> {
    let text = text(app, headers, body).await?;
    let asked = FlagQuestion::read(&text)?;
    let shared = &app.0.shared;
    let table = shared.published.load();
    let Some(evaluated) = table.evaluate(key, &asked.camera, shared.now()) else {
        // What is not read yet is not unknown.
        return Err(if table.is_whole() { unknown(key) } else { unread(app) });
    };
    shared.metrics.assigned(evaluated.reason);
    Ok(Json(flag(&evaluated, asked.text)).into_response())
}

/// What a client sends that heard of a change. An answer is never older than what was told, so nothing is done
/// with it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct Heard {
    /// The `etag` of the event.
    #[serde(rename = "flagConfigEtag")]
    _etag: Option<String>,
    /// Its `lastModified`.
    #[serde(rename = "flagConfigLastModified")]
    _last_modified: Option<String>,
}

/// Evaluates every flag for a camera.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/ofrep/v1/evaluate/flags", operation_id = "evaluate_flags", tag = "openfeature",
    params(Heard, ("If-None-Match" = Option<String>, Header, description = "Answers that the client has.")),
    request_body = ref("#/components/schemas/FlagRequest"),
    responses(
        (status = 200, body = Flags, headers(("ETag" = String, description = "Names this answer."))),
        (status = 304, description = "The client has this answer.", headers(("ETag" = String, description = "Names the answer."))),
    ),
    extensions(("x-problems" = json!(["standing"]))),
))]
pub(super) async fn all(
    State(app): State<App>,
    heard: Result<Query<Heard>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let evaluated = match asked::query(heard) {
        Ok(Heard { .. }) => evaluate_all(&app, &headers, body).await,
        Err(problem) => Err(problem.into()),
    };
    evaluated.unwrap_or_else(|fault| fault.response(None))
}

async fn evaluate_all(app: &App, headers: &HeaderMap, body: Body) -> Result<Response, NoFlag> {
    let text = text(app, headers, body).await?;
    let asked = FlagQuestion::read(&text)?;
    let shared = &app.0.shared;
    let table = shared.published.load();
    if !table.is_whole() {
        return Err(unread(app));
    }
    let mut evaluated: Vec<Evaluated<'_>> =
        table.evaluate_all(&asked.camera, shared.now()).collect();
    evaluated.sort_unstable_by_key(|evaluated| evaluated.key);
    for evaluated in &evaluated {
        shared.metrics.assigned(evaluated.reason);
    }
    // A thousand texts are no answer; whoever runs one asks for its flag.
    let flags = evaluated.iter().map(|evaluated| flag(evaluated, PromptText::Unwanted)).collect();
    let endpoint = Endpoint { request_uri: app.0.refetch.as_str() };
    let event_streams = [EventStream { kind: "sse", endpoint }];
    let bytes = serde_json::to_vec(&Flags { flags, event_streams })
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let etag = etag(asked.context, &bytes);
    let mut response = if is_known(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], bytes).into_response()
    };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

fn flag<'a>(evaluated: &Evaluated<'a>, text: PromptText) -> Flag<'a> {
    let in_shadow = evaluated.shadow.and_then(|shadow| shadow.kept);
    let digest = |version: Option<&'a ServedVersion>| version.map(|version| &*version.digest);
    let text = |version: Option<&'a ServedVersion>| match text {
        PromptText::Wanted => version.map(|version| &*version.text),
        PromptText::Unwanted => None,
    };
    Flag {
        key: evaluated.key,
        value: evaluated.prompt_version,
        variant: evaluated.variant.as_str(),
        reason: match evaluated.reason {
            AssignmentReason::Rollout(reason) => FlagReason::of(reason),
            AssignmentReason::StoreUnavailable | AssignmentReason::InvalidCameraId => {
                FlagReason::Unknown
            }
        },
        metadata: FlagMetadata {
            experiment: evaluated.key,
            run: evaluated.run,
            phase: evaluated.phase.as_str(),
            reason: evaluated.reason.as_str(),
            shadow: evaluated.shadow.is_some(),
            shadow_sample: evaluated.shadow_sample,
            shadow_prompt_version: evaluated.shadow.map(|shadow| shadow.prompt_version),
            prompt: evaluated.prompt,
            digest: digest(evaluated.kept),
            prompt_text: text(evaluated.kept),
            shadow_digest: digest(in_shadow),
            shadow_prompt_text: text(in_shadow),
        },
    }
}

fn unknown(key: &str) -> NoFlag {
    match key.parse::<ExperimentKey>() {
        Ok(key) => Refusal::UnknownExperiment { key, nearest: None }.into(),
        Err(error) => NoFlag::Worded(ErrorCode::FlagNotFound, error.to_string()),
    }
}

/// Why the table has no experiments yet.
fn unread(app: &App) -> NoFlag {
    app.refusal_or(Refusal::Recovering).into()
}

/// Names an answer to a context: 128 bits of a SHA-256, so that nobody can make two that share one.
fn etag(context: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update((context.len() as u64).to_le_bytes());
    hash.update(context);
    hash.update(bytes);
    let digest = hash.finalize();
    let (short, _) = digest.split_at(16);
    let number = short.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("\"{number:032x}\"")
}

/// Whether the client says that it has the answer of this name.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut names = values.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(','));
    names.any(|name| {
        let name = name.trim();
        name == "*" || name.strip_prefix("W/").unwrap_or(name) == etag
    })
}

/// What a request asks.
#[derive(Debug)]
struct FlagQuestion<'a> {
    camera: CameraId,
    text: PromptText,
    /// The evaluation context as it was written.
    context: &'a str,
}

/// Whether the text of the prompt version is to be in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PromptText {
    Wanted,
    Unwanted,
}

/// A request; the protocol may add to it.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
}

/// An evaluation context; all else in it is the caller's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow, default)]
    targeting_key: Option<Cow<'a, str>>,
    /// Asked for by `true`; anything else under this name is the caller's.
    #[serde(borrow, default, rename = "prompt_text")]
    text: Option<&'a RawValue>,
}

impl<'a> FlagQuestion<'a> {
    fn read(text: &'a str) -> Result<Self, NoFlag> {
        let invalid = |details: String| NoFlag::Worded(ErrorCode::InvalidContext, details);
        let request: Result<Object<Request<'a>>, _> = serde_json::from_str(text);
        let Object(request) = request.map_err(|error| {
            if error.is_data() {
                let why = wording::of_json(&error);
                return invalid(format!("the body is no object with a `context`: {why}"));
            }
            let why = wording::of_json(&error);
            Problem::malformed(format!("the body is not JSON: {why}")).into()
        })?;
        let Some(context) = request.context.map(RawValue::get) else {
            return Err(invalid("`context` is missing, allowed: an object".to_owned()));
        };
        let read: Result<Object<Context<'_>>, _> = serde_json::from_str(context);
        let Object(read) = read.map_err(|error| {
            let why = wording::of_json(&error);
            invalid(format!(
                "`context` is not allowed, allowed: an object with the camera in `targetingKey`: {why}"
            ))
        })?;
        let camera = read.targeting_key.filter(|camera| !camera.is_empty());
        let Some(camera) = camera else {
            let details = "`targetingKey` is missing from the context, allowed: a camera id";
            return Err(NoFlag::Worded(ErrorCode::TargetingKeyMissing, details.to_owned()));
        };
        let camera = camera.parse().map_err(|error| invalid(format!("`targetingKey`: {error}")))?;
        let wanted = read.text.is_some_and(|text| text.get() == "true");
        let text = if wanted { PromptText::Wanted } else { PromptText::Unwanted };
        Ok(Self { camera, text, context })
    }
}

/// Reads what a flag is asked with.
#[cfg(test)]
pub(super) fn read_context(text: &str) {
    drop(FlagQuestion::read(text));
}

async fn text(app: &App, headers: &HeaderMap, body: Body) -> Result<body::WholeBody, Problem> {
    BodyKind::of(headers, &[BodyKind::Json])?;
    body::text(app, body).await
}

/// Why a flag is not evaluated.
#[derive(Debug)]
enum NoFlag {
    /// Something that the protocol has a word for.
    Worded(ErrorCode, String),
    Problem(Problem),
}

impl NoFlag {
    /// The answer; `key` is the flag that was asked for, if it was one.
    fn response(self, key: Option<&str>) -> Response {
        let (error_code, details) = match self {
            Self::Worded(code, details) => (code, details),
            Self::Problem(problem) => return problem.ofrep_response(key),
        };
        let status = if error_code == ErrorCode::FlagNotFound {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        };
        problem::failure(status, key, error_code, &details)
    }
}

impl From<Problem> for NoFlag {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for NoFlag {
    fn from(refusal: Refusal) -> Self {
        Self::Problem(refusal.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (ErrorCode, String) {
        match FlagQuestion::read(text).unwrap_err() {
            NoFlag::Worded(code, details) => (code, details),
            NoFlag::Problem(problem) => (ErrorCode::ParseError, problem.code().name().to_owned()),
        }
    }

    #[test]
    fn a_context_may_hold_more_and_must_hold_a_camera() {
        let text =
            r#"{"context": {"targetingKey": "gate", "site": {"level": [1, null]}}, "more": 1}"#;
        let asked = FlagQuestion::read(text).unwrap();
        assert_eq!((asked.camera.as_str(), asked.text), ("gate", PromptText::Unwanted));
        assert_eq!(asked.context, r#"{"targetingKey": "gate", "site": {"level": [1, null]}}"#);
        assert_eq!(
            FlagQuestion::read(r#"{"context":{"targetingKey":"\u0067ate"}}"#)
                .unwrap()
                .camera
                .as_str(),
            "gate"
        );
        for (value, wanted) in [
            ("true", PromptText::Wanted),
            ("false", PromptText::Unwanted),
            ("{}", PromptText::Unwanted),
        ] {
            let text =
                format!(r#"{{"context": {{"targetingKey": "gate", "prompt_text": {value}}}}}"#);
            assert_eq!(FlagQuestion::read(&text).unwrap().text, wanted, "{value}");
        }
        for (text, code) in [
            (r#"{"context": {}}"#, ErrorCode::TargetingKeyMissing),
            (r#"{"context": {"targetingKey": null}}"#, ErrorCode::TargetingKeyMissing),
            (r#"{"context": {"targetingKey": ""}}"#, ErrorCode::TargetingKeyMissing),
            (r#"{"context": {"targetingKey": 7}}"#, ErrorCode::InvalidContext),
            (r#"{"context": {"targetingKey": " gate"}}"#, ErrorCode::InvalidContext),
            (r#"{"context": ["gate"]}"#, ErrorCode::InvalidContext),
            (r#"{"context": null}"#, ErrorCode::InvalidContext),
            ("{}", ErrorCode::InvalidContext),
            ("[]", ErrorCode::InvalidContext),
            ("{", ErrorCode::ParseError),
            ("", ErrorCode::ParseError),
        ] {
            assert_eq!(told(text).0, code, "{text}");
        }
    }

    #[test]
    fn an_answer_is_known_by_its_name_and_belongs_to_one_context() {
        let name = etag("{}", b"flags");
        assert_ne!(name, etag("{} ", b"flags"));
        assert_ne!(name, etag("{}f", b"lags"));
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            headers
        };
        assert!(is_known(&headers(&name), &name));
        assert!(is_known(&headers(&format!("\"other\", W/{name}")), &name));
        assert!(is_known(&headers("*"), &name));
        assert!(!is_known(&headers("\"other\""), &name));
        assert!(!is_known(&HeaderMap::new(), &name));
    }

    #[test]
    fn a_daemon_at_its_limit_says_in_whole_seconds_when_to_come_again() {
        let response = NoFlag::from(Refusal::Busy).response(Some("gate"));
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn only_paths_of_the_protocol_are_answered_in_its_shapes() {
        assert!(is_at("/ofrep/v1/evaluate/flags") && is_at("/ofrep/v1/evaluate/flags/a/b"));
        assert!(!is_at("/ofrep/v1/evaluate/flagship") && !is_at("/v1/experiments"));
    }
}
