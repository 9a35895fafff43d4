//! Experiments: defined, looked at and acted upon.

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_engine::event::{Action, Actor, Command as Verb, Reason};
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{
    self, ActionRequest, CheckReport, Done, ExperimentDetail, Experiments, OverrideRequest, Status,
};
use tidegate_spec::{ExperimentFile, document};

use super::App;
use super::asked::{self, PageQuery};
use super::body::{self, BodyKind};
use super::code::Code;
use super::json::Json;
use super::problem::Problem;
use crate::describe;
use crate::driver::{DriverCommand, Override};
use crate::faults::RequestFaults;
use crate::page;
use crate::published::View;
use crate::refusal::Refusal;
use crate::rollouts::{DefinitionChange, RunningExperiment, SaltChoice};

/// Bytes that the steps of one page have, unless the first alone has more.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

pub(super) type KeyPath = Result<Path<String>, PathRejection>;
pub(super) type CameraPath = Result<Path<(String, String)>, PathRejection>;

pub(super) fn key_of(path: KeyPath) -> Result<ExperimentKey, Problem> {
    asked::id(&asked::path(path)?)
}

pub(super) fn camera_of(path: CameraPath) -> Result<(ExperimentKey, CameraId), Problem> {
    let (key, camera) = asked::path(path)?;
    Ok((asked::id(&key)?, asked::id(&camera)?))
}

/// Looks at one run.
async fn look<T: Send + 'static>(
    app: &App,
    key: ExperimentKey,
    look: impl FnOnce(&RunningExperiment, View<'_>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let found = app
        .read(move |view| match view.rollouts.get(&key) {
            Some(run) => Ok(look(run, view)),
            None => Err(key),
        })
        .await?;
    found.map_err(|key| app.refusal_or(Refusal::UnknownExperiment(key)).into())
}

/// Lists the experiments, in order of their keys.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments", operation_id = "list_experiments", tag = "experiments",
    responses((status = 200, body = Experiments)),
    extensions(("x-problems" = json!(["asks"]))),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Experiments>, Problem> {
    let list = app.read(|view| view.rollouts.iter().map(describe::summary).collect());
    Ok(Json(Experiments { experiments: list.await? }))
}

/// Shows an experiment with its definition.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}", operation_id = "show_experiment", tag = "experiments",
    responses((status = 200, body = ExperimentDetail)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn show(
    State(app): State<App>,
    path: KeyPath,
) -> Result<Json<ExperimentDetail>, Problem> {
    Ok(Json(look(&app, key_of(path)?, |run, _| describe::detail(run)).await?))
}

/// Shows where a rollout stands.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/status", operation_id = "show_status", tag = "experiments",
    responses((status = 200, body = Status)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn status(State(app): State<App>, path: KeyPath) -> Result<Json<Status>, Problem> {
    let status = |run: &RunningExperiment, view: View<'_>| {
        describe::status(run, view.rollouts.prompts(), (view.now, view.trust))
    };
    Ok(Json(look(&app, key_of(path)?, status).await?))
}

/// Tells what the guardrails say now, with no effect.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/experiments/{key}/check", operation_id = "check_experiment", tag = "experiments",
    responses((status = 200, body = CheckReport)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn check(
    State(app): State<App>,
    path: KeyPath,
) -> Result<Json<CheckReport>, Problem> {
    Ok(Json(look(&app, key_of(path)?, |run, _| describe::check(run)).await?))
}

/// Defines an experiment, or replaces a draft; after an ended run, begins the next one.
#[cfg_attr(feature = "openapi", utoipa::path(
    put, path = "/v1/experiments/{key}", operation_id = "define_experiment", tag = "experiments",
    request_body(content(
        (ref("#/components/schemas/Experiment") = "application/json"),
        (String = "application/toml"),
    )),
    responses(
        (status = 200, body = ExperimentDetail, description = "Replaced."),
        (status = 201, body = ExperimentDetail, description = "Created."),
    ),
    extensions(("x-problems" = json!(["writes", "experiment_running", "too_many_experiments"]))),
))]
pub(super) async fn define(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ExperimentDetail>), Problem> {
    let key = key_of(path)?;
    let kind = BodyKind::of(&headers, &[BodyKind::Json, BodyKind::Toml])?;
    let text = body::text(&app, body).await?;
    let is_object =
        document::Syntax::of(text.trim_start_matches('\u{feff}')) == document::Syntax::Json;
    if is_object != (kind == BodyKind::Json) {
        return Err(Problem::malformed("the body is not what its content type says"));
    }
    let file = ExperimentFile::parse(&text)?;
    let named = &file.definition.experiment().key;
    if *named != key {
        let detail = format!("is `{named}`, allowed: `{key}`, as in the path");
        return Err(Problem::invalid_field("/key", detail));
    }
    let own_salt = document::table(&text)?.contains_key("salt");
    let salt = if own_salt { SaltChoice::Own } else { SaltChoice::Default };
    let file = Box::new(file);
    let (change, detail) = app.ask(|reply| DriverCommand::Define { file, salt, reply }).await?;
    let status = match change {
        DefinitionChange::Created => StatusCode::CREATED,
        DefinitionChange::Replaced => StatusCode::OK,
    };
    Ok((status, Json(detail)))
}

/// Acts on a rollout.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/experiments/{key}/actions", operation_id = "act", tag = "experiments",
    request_body = ActionRequest,
    responses((status = 200, body = Done)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "action_not_allowed"]))),
))]
pub(super) async fn act(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Done>, Problem> {
    let key = key_of(path)?;
    let request: ActionRequest = body::json(&app, &headers, body).await?;
    let action = action(&request)?;
    Ok(Json(app.ask(|reply| DriverCommand::Act { key, action, reply }).await?))
}

fn action(request: &ActionRequest) -> Result<Action, Problem> {
    let mut faults = RequestFaults::default();
    let command = Verb::ALL.into_iter().find(|command| command.as_str() == request.action);
    let command = faults.take(
        "/action",
        command.ok_or_else(|| {
            let allowed = Verb::ALL.map(Verb::as_str).join(" | ");
            format!("{} is not allowed, allowed: {allowed}", api::quoted(&request.action))
        }),
    );
    let actor = faults.take("/actor", Actor::new(&request.actor));
    let note = faults.take("/reason", Reason::new(&request.reason));
    match (command, actor, note) {
        (Some(command), Some(actor), Some(note)) => Ok(Action { command, actor, note }),
        _ => Err(Problem::invalid_fields(faults.0)),
    }
}

/// Chooses the variant of a camera; only while the experiment is a draft.
#[cfg_attr(feature = "openapi", utoipa::path(
    put, path = "/v1/experiments/{key}/overrides/{camera_id}", operation_id = "set_override", tag = "experiments",
    request_body = OverrideRequest,
    responses((status = 200, body = ExperimentDetail)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "experiment_running"]))),
))]
pub(super) async fn set_override(
    State(app): State<App>,
    path: CameraPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ExperimentDetail>, Problem> {
    let (key, camera) = camera_of(path)?;
    let request: OverrideRequest = body::json(&app, &headers, body).await?;
    let variant = Variant::ALL.into_iter().find(|variant| variant.as_str() == request.variant);
    if variant.is_none() {
        let detail = "is not allowed, allowed: control | treatment";
        return Err(Problem::invalid_field("/variant", detail));
    }
    let to = Override { camera, variant };
    // A word is answered with the whole definition.
    let _turn = app.0.held.turn().await;
    Ok(Json(app.ask(|reply| DriverCommand::Override { key, to, reply }).await?))
}

/// Leaves a camera to the split again; only while the experiment is a draft.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/v1/experiments/{key}/overrides/{camera_id}", operation_id = "clear_override", tag = "experiments",
    responses((status = 200, body = ExperimentDetail)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "unknown_override", "experiment_running"]))),
))]
pub(super) async fn clear_override(
    State(app): State<App>,
    path: CameraPath,
) -> Result<Json<ExperimentDetail>, Problem> {
    let (key, camera) = camera_of(path)?;
    let to = Override { camera, variant: None };
    // A word is answered with the whole definition.
    let _turn = app.0.held.turn().await;
    Ok(Json(app.ask(|reply| DriverCommand::Override { key, to, reply }).await?))
}

/// A page of a history; each step is the JSON that was journalled.
#[derive(Debug, Serialize)]
pub(super) struct HistoryPage {
    items: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// Lists what happened to a rollout, oldest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/history", operation_id = "list_history", tag = "experiments",
    params(PageQuery),
    responses((status = 200, body = api::History)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn history(
    State(app): State<App>,
    path: KeyPath,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<HistoryPage>, Problem> {
    let key = key_of(path)?;
    let (after, limit) = asked::query(page)?.bounds()?;
    let (steps, total) = look(&app, key, move |run, _| {
        let mut bytes = 0;
        let page = run.history.iter().skip(after).take(limit).enumerate();
        let page = page.take_while(|(number, step)| {
            bytes += step.len();
            *number == 0 || bytes <= PAGE_BYTES_MAX
        });
        let steps: Vec<String> = page.map(|(_, step)| step.clone()).collect();
        (steps, run.history.len())
    })
    .await?;
    let next = page::next(after, steps.len(), total);
    let items = steps.into_iter().map(RawValue::from_string).collect::<Result<_, _>>();
    let items = items.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(Json(HistoryPage { items, next }))
}
