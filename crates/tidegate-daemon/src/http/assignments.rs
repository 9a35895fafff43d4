//! Which variant a camera gets: answered from the published table, waiting for nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, Request, header};
use axum::response::{IntoResponse as _, Response as Routed};
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use serde::Deserialize;
use tidegate_engine::id::{CameraId, ExperimentKey, InvalidId};
use tidegate_spec::api::{Assignment, Assignments, AssignmentsRequest};

use super::App;
use super::asked;
use super::body;
use super::code::Code;
use super::experiments::{CameraPath, KeyPath, camera_of, key_of};
use super::guard::{self, Answered};
use super::json::{self, Json};
use super::problem::Problem;
use crate::clock::Stopwatch;

/// Cameras in one request.
const CAMERAS_MAX: usize = 1_000;
/// Room for a usual answer.
const ANSWER_BYTES: usize = 512;
/// What stands before each id in the path of one assignment.
const EXPERIMENTS: &str = "/v1/experiments/";
const ASSIGNMENTS: &str = "assignments/";

/// Whether the text is to be in the answer.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct AssignmentsQuery {
    /// Whether the prompt's text is to be in the answer.
    #[serde(default)]
    text: bool,
}

/// Tells which prompt version a camera gets.
///
/// Whoever asks for an experiment that there is not is served control, and told so.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/assignments/{camera_id}", operation_id = "assign", tag = "assignments",
    params(AssignmentsQuery),
    responses((status = 200, body = Assignment)),
))]
pub(super) async fn one(
    State(app): State<App>,
    path: CameraPath,
    wanted: Result<Query<AssignmentsQuery>, QueryRejection>,
) -> Result<Routed, Problem> {
    let (key, camera) = camera_of(path)?;
    let wanted = asked::query(wanted)?;
    let shared = &app.0.shared;
    let table = shared.published.load();
    let (reason, mut assignment) = table.assign(key.as_str(), &camera, shared.now());
    if wanted.text {
        let text = |digest: &Cow<'_, str>| table.text(key.as_str(), digest).map(Cow::Borrowed);
        assignment.prompt_text = assignment.digest.as_ref().and_then(text);
        if let Some(shadow) = &mut assignment.shadow {
            shadow.prompt_text = text(&shadow.digest);
        }
    }
    shared.metrics.assigned(reason);
    Ok(Json(assignment).into_response())
}

/// The same for a plain request, without the way through the router: a camera asks before every analysis.
/// Nothing where the request is anything but plain; then the router says what is wrong with it.
pub(super) fn at_once(app: &App, request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let watch = Stopwatch::start();
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let path = uri.path();
    let (key, rest) = path.strip_prefix(EXPERIMENTS)?.split_once('/')?;
    let camera = rest.strip_prefix(ASSIGNMENTS)?;
    // An id is one part of a path; what is written in another way is for the router to read.
    let plain = method == Method::GET
        && uri.query().is_none()
        && !key.contains('%')
        && !camera.contains(['%', '/']);
    if !plain || !request.body().is_end_stream() {
        return None;
    }
    guard::check(app, method, uri, headers).ok()?;
    let key: ExperimentKey = key.parse().ok()?;
    let camera: CameraId = camera.parse().ok()?;
    let shared = &app.0.shared;
    let table = shared.published.load();
    let (reason, assignment) = table.assign(key.as_str(), &camera, shared.now());
    let mut body = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut body, &assignment).ok()?;
    shared.metrics.assigned(reason);
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, json::JSON);
    let request_id = guard::request_id(app, headers);
    let answered = Answered { request_id, method, path, code: None };
    answered.finish(app, watch, &mut response);
    Some(response)
}

/// Tells which prompt version each of many cameras gets.
///
/// A camera whose id is none is served control, `invalid_camera_id`, with what is wrong in `detail`.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/experiments/{key}/assignments", operation_id = "assign_many", tag = "assignments",
    request_body = AssignmentsRequest,
    responses((status = 200, body = Assignments)),
    extensions(("x-problems" = json!(["too_many_items"]))),
))]
pub(super) async fn many(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Routed, Problem> {
    let key = key_of(path)?;
    let request: AssignmentsRequest = body::json(&app, &headers, body).await?;
    let count = request.camera_ids.len();
    if !(1..=CAMERAS_MAX).contains(&count) {
        let detail = format!("{count} cameras, allowed: 1 to {CAMERAS_MAX}");
        return Err(Problem::new(Code::TooManyItems, detail));
    }
    let cameras: Vec<Result<CameraId, InvalidId>> =
        request.camera_ids.iter().map(|id| id.parse()).collect();
    let shared = &app.0.shared;
    // One table for all of them.
    let (table, now) = (shared.published.load(), shared.now());
    let asked = request.camera_ids.iter().zip(&cameras);
    let assignments: Vec<Assignment<'_>> = asked
        .map(|(id, camera)| {
            let (reason, assignment) = match camera {
                Ok(camera) => table.assign(key.as_str(), camera, now),
                // Control, so that one bad name does not leave all other cameras without an answer.
                Err(invalid) => table.assign_invalid(key.as_str(), beginning(id), invalid),
            };
            shared.metrics.assigned(reason);
            assignment
        })
        .collect();
    let mut texts = BTreeMap::new();
    for assignment in assignments.iter().filter(|_| request.text) {
        let shadow = assignment.shadow.iter().map(|shadow| &shadow.digest);
        for digest in assignment.digest.iter().chain(shadow) {
            if !texts.contains_key(digest)
                && let Some(text) = table.text(key.as_str(), digest)
            {
                texts.insert(digest.clone(), Cow::Borrowed(text));
            }
        }
    }
    Ok(Json(Assignments { assignments, texts }).into_response())
}

/// Of a name that is none, so much is told: more than an id may have, so that it is known again.
const SHOWN_BYTES_MAX: usize = 256;

/// The beginning of a name that is none: what is sent is not sent back whole.
fn beginning(name: &str) -> &str {
    &name[..name.floor_char_boundary(SHOWN_BYTES_MAX)]
}
