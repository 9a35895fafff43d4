//! Which variant a camera gets: answered from the published picture, waiting for nothing.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tidegate_engine::id::CameraId;
use tidegate_spec::api::{Assignment, Assignments, AssignmentsRequest};

use super::App;
use super::body::{self, Json};
use super::experiments::{camera_id, experiment_key};
use super::problem::Problem;

/// Cameras in one request.
const CAMERAS_MAX: usize = 1_000;

/// Whether the text is to be in the answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    text: bool,
}

pub(super) async fn one(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Assignment>, Problem> {
    let Path((key, camera)) = path.map_err(|error| Problem::invalid_path(error.to_string()))?;
    let key = experiment_key(&key)?;
    let camera = camera_id(&camera)?;
    let Query(wanted) = wanted.map_err(|error| Problem::invalid_query(error.body_text()))?;
    let shared = &app.0.shared;
    let picture = shared.published.load();
    let mut assignment = picture.assign(key.as_str(), &camera, shared.now());
    if wanted.text {
        assignment.prompt_text = picture.text(&assignment).map(|text| text.as_ref().to_owned());
    }
    shared.metrics.assigned(&assignment.reason, 1);
    Ok(Json(assignment))
}

pub(super) async fn many(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Assignments>, Problem> {
    let Path(key) = path.map_err(|error| Problem::invalid_path(error.to_string()))?;
    let key = experiment_key(&key)?;
    let request: AssignmentsRequest = body::json(&headers, body).await?;
    let count = request.camera_ids.len();
    if !(1..=CAMERAS_MAX).contains(&count) {
        let detail = format!("{count} cameras, allowed: 1 to {CAMERAS_MAX}");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_items", detail));
    }
    let cameras: Vec<CameraId> = request
        .camera_ids
        .iter()
        .enumerate()
        .map(|(index, id)| {
            id.parse().map_err(|error| {
                Problem::invalid_field(format!("/camera_ids/{index}"), format!("is no {error}"))
            })
        })
        .collect::<Result<_, _>>()?;
    let shared = &app.0.shared;
    // One picture for all of them.
    let (picture, now) = (shared.published.load(), shared.now());
    let assignments: Vec<Assignment> =
        cameras.iter().map(|camera| picture.assign(key.as_str(), camera, now)).collect();
    for assignment in &assignments {
        shared.metrics.assigned(&assignment.reason, 1);
    }
    let mut texts = BTreeMap::new();
    for assignment in assignments.iter().filter(|_| request.text) {
        if let Some(digest) = &assignment.digest
            && !texts.contains_key(digest)
            && let Some(text) = picture.text(assignment)
        {
            texts.insert(digest.clone(), text.as_ref().to_owned());
        }
    }
    Ok(Json(Assignments { assignments, texts }))
}
