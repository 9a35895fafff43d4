//! Experiments: defined, looked at and acted upon.

pub(super) mod deletion;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::event::{Action, Actor, Command, InvalidText, Reason};
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_engine::variant::Variant;
#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;
use tidegate_spec::api::{
    self, Accepted, ActionRequest, CheckReport, Defined, Destination, Diagnosis, Done,
    ExperimentDetail, Experiments, OverrideRequest, Status,
};
use tidegate_spec::{ExperimentFile, document, wording};

use super::App;
use super::asked::{self, PageQuery};
use super::body::{self, BodyKind};
use super::code::Code;
use super::json::Json;
use super::problem::Problem;
use crate::describe::{self, Enacted};
use crate::driver::{ActionOrder, DriverCommand, Override};
use crate::faults::RequestFaults;
use crate::page;
use crate::published::View;
use crate::refusal::Refusal;
use crate::rollouts::{
    ControlChange, DefinitionChange, Draft, DraftOverrides, RunningExperiment, SaltChoice, Wanted,
};

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
pub(super) async fn look<T: Send + 'static>(
    app: &App,
    key: ExperimentKey,
    look: impl FnOnce(&RunningExperiment, View<'_>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let found = app
        .read(move |view| {
            if let Some(run) = view.rollouts.get(&key) {
                return Ok(look(run, view));
            }
            Err(Refusal::unknown(view.rollouts, &key))
        })
        .await?;
    found.map_err(|unknown| app.refusal_or(unknown).into())
}

/// Lists the experiments, in order of their keys.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments", operation_id = "list_experiments", tag = "experiments",
    responses((status = 200, body = Experiments)),
    extensions(("x-problems" = json!(["asks"]))),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Experiments>, Problem> {
    let list = app.read(|view| view.rollouts.iter().map(describe::summary).collect());
    Ok(Json(Experiments { experiments: app.known(list.await?)? }))
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
    Ok(Json(look(&app, key_of(path)?, describe::status).await?))
}

/// Tells what is wrong with a rollout and what to do about it, with no effect.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/doctor", operation_id = "diagnose", tag = "experiments",
    responses((status = 200, body = Diagnosis)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn diagnose(
    State(app): State<App>,
    path: KeyPath,
) -> Result<Json<Diagnosis>, Problem> {
    Ok(Json(look(&app, key_of(path)?, describe::diagnosis).await?))
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

/// Who defines, and why.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    /// Who defines it; left out, `unnamed`.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Actor>))]
    actor: Option<String>,
    /// Why; left out, that none was given.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Reason>))]
    reason: Option<String>,
}

/// How an experiment is to be defined.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct Defining {
    /// Who defines it; left out, `unnamed`.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Actor>))]
    actor: Option<String>,
    /// Why; left out, that none was given.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Reason>))]
    reason: Option<String>,
    /// `control_changes`, where the control is another version than the one that is served.
    #[cfg_attr(feature = "openapi", param(pattern = "^control_changes$"))]
    accept: Option<String>,
    /// Whether it is only to be told what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Whom the history names where a caller of an earlier version named nobody.
const UNNAMED: &str = "unnamed";

/// What a caller may accept of a definition.
const CONTROL_CHANGES: &str = "control_changes";

impl By {
    /// Who and why, or else what is to stand for it.
    fn named_or(&self, otherwise: &str) -> Result<(Actor, Reason), Problem> {
        let invalid = |name, fault| Problem::invalid_query(format!("{name}: {fault}"));
        let actor = Actor::new(self.actor.as_deref().unwrap_or(UNNAMED));
        let reason = Reason::new(self.reason.as_deref().unwrap_or(otherwise));
        let actor = actor.map_err(|fault: InvalidText| invalid("actor", fault))?;
        Ok((actor, reason.map_err(|fault| invalid("reason", fault))?))
    }
}

/// Defines an experiment, or replaces a draft; after an ended run, begins the next one. What is served changes
/// only once it is started.
#[cfg_attr(feature = "openapi", utoipa::path(
    put, path = "/v1/experiments/{key}", operation_id = "define_experiment", tag = "experiments",
    params(Defining),
    request_body(content(
        (ref("#/components/schemas/Experiment") = "application/json"),
        (String = "application/toml"),
    )),
    responses(
        (status = 200, body = Defined, description = "Replaced, or only looked at."),
        (status = 201, body = Defined, description = "Created."),
    ),
    extensions(("x-problems" = json!(["writes", "experiment_running", "control_changes", "overrides_lost", "too_many_experiments"]))),
))]
pub(super) async fn define(
    State(app): State<App>,
    path: KeyPath,
    defining: Result<Query<Defining>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Defined>), Problem> {
    let key = key_of(path)?;
    let Defining { actor, reason, accept, dry_run } = asked::query(defining)?;
    let (actor, reason) = By { actor, reason }.named_or("no reason was given")?;
    let control = match accepted(accept.as_deref(), CONTROL_CHANGES)? {
        Accepts::Nothing => ControlChange::Refused,
        Accepts::That => ControlChange::Accepted,
    };
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
    let own_salt = ExperimentFile::names_salt(&text)?;
    let salt = if own_salt { SaltChoice::Own } else { SaltChoice::Default };
    if dry_run {
        return Ok((StatusCode::OK, Json(dry_run_of(&app, file, salt).await?)));
    }
    let overrides = DraftOverrides::AreKept;
    let wanted = Wanted { file: Box::new(file), salt, actor, reason, control, overrides };
    let (change, defined) = app.ask(|reply| DriverCommand::Define { wanted, reply }).await?;
    let status = match change {
        DefinitionChange::Created => StatusCode::CREATED,
        DefinitionChange::Replaced => StatusCode::OK,
    };
    Ok((status, Json(defined)))
}

/// What a definition would do now.
async fn dry_run_of(app: &App, file: ExperimentFile, salt: SaltChoice) -> Result<Defined, Problem> {
    let draft = app.read(move |view| view.rollouts.draft(&file, salt).map(Box::new)).await?;
    if let Some(refusal) = app.0.shared.readiness.borrow().refusal() {
        return Err(refusal.into());
    }
    let Draft { run, plan } = *draft.map_err(Refusal::from)?;
    Ok(describe::defined(&run, plan, Enacted::No))
}

/// Whether a caller accepts what is to be accepted.
enum Accepts {
    Nothing,
    That,
}

fn accepted(given: Option<&str>, that: &str) -> Result<Accepts, Problem> {
    match given {
        None => Ok(Accepts::Nothing),
        Some(given) if given == that => Ok(Accepts::That),
        Some(other) => {
            let other = api::quoted(other);
            let detail = format!("accept: {other} is not allowed, allowed: {that}");
            Err(Problem::invalid_query(detail))
        }
    }
}

/// Acts on a rollout.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/experiments/{key}/actions", operation_id = "act", tag = "experiments",
    request_body = ActionRequest,
    responses((status = 200, body = Done)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "action_not_allowed", "prompt_in_use", "revision_conflict", "unexpected_phase", "evidence_not_accepted"]))),
))]
pub(super) async fn act(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Done>, Problem> {
    let key = key_of(path)?;
    let request: ActionRequest = body::json(&app, &headers, body).await?;
    let order = order(&request)?;
    Ok(Json(app.ask(|reply| DriverCommand::Act { key, order, reply }).await?))
}

pub(super) fn order(request: &ActionRequest) -> Result<ActionOrder, Problem> {
    let mut faults = RequestFaults::default();
    let verbs = Command::ALL.map(|verb| (verb.as_str(), verb));
    let command = named(Some(&request.action), "/action", &verbs, &mut faults);
    let actor = faults.take("/actor", Actor::new(&request.actor));
    let reason = faults.take("/reason", Reason::new(&request.reason));
    let destinations = Destination::ALL.map(|destination| (destination.as_str(), destination));
    let to =
        named(request.expected_phase.as_deref(), "/expected_phase", &destinations, &mut faults);
    let accepted = Accepted::ALL.map(|accepted| (accepted.as_str(), accepted));
    let accepted = named(request.accept.as_deref(), "/accept", &accepted, &mut faults);
    match (command, actor, reason) {
        (Some(command), Some(actor), Some(reason)) if faults.0.is_empty() => {
            let action = Action { command, actor, reason };
            let expected_revision = request.expected_revision;
            if command != Command::Advance && (to.is_some() || accepted.is_some()) {
                let detail = "`expected_phase` and `accept` go with `advance` alone";
                return Err(Problem::new(Code::UnexpectedPhase, detail));
            }
            Ok(ActionOrder { action, expected_revision, to, accepted })
        }
        _ => Err(Problem::invalid_fields(faults.0)),
    }
}

/// What a text names of a closed list, where it is given.
pub(super) fn named<T: Copy>(
    given: Option<&str>,
    pointer: &str,
    list: &[(&str, T)],
    faults: &mut RequestFaults,
) -> Option<T> {
    let given = given?;
    let found = list.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = list.iter().map(|(name, _)| *name).collect();
        let allowed = names.join(" | ");
        let near = wording::offer(given, names.iter().copied());
        let allowed =
            if near.is_empty() { ", allowed" } else { " Allowed" }.to_owned() + ": " + &allowed;
        let detail = format!("{} is not allowed{near}{allowed}", api::quoted(given));
        faults.add(pointer, detail);
    }
    found
}

/// Chooses the variant of a camera; only while the experiment is a draft.
#[cfg_attr(feature = "openapi", utoipa::path(
    put, path = "/v1/experiments/{key}/overrides/{camera_id}", operation_id = "set_override", tag = "experiments",
    params(By),
    request_body = OverrideRequest,
    responses((status = 200, body = ExperimentDetail)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "experiment_running"]))),
))]
pub(super) async fn set_override(
    State(app): State<App>,
    path: CameraPath,
    by: Result<Query<By>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ExperimentDetail>, Problem> {
    let (key, camera) = camera_of(path)?;
    let by = asked::query(by)?;
    let request: OverrideRequest = body::json(&app, &headers, body).await?;
    let variant = Variant::ALL.into_iter().find(|variant| variant.as_str() == request.variant);
    if variant.is_none() {
        let detail = "is not allowed, allowed: control | treatment";
        return Err(Problem::invalid_field("/variant", detail));
    }
    let otherwise = format!("override: camera {camera} gets the {}", request.variant);
    let to = Override { camera, variant };
    let (actor, reason) = by.named_or(&otherwise)?;
    // A word is answered with the whole definition.
    let _turn = app.0.held.turn().await;
    Ok(Json(app.ask(|reply| DriverCommand::Override { key, to, actor, reason, reply }).await?))
}

/// Leaves a camera to the split again; only while the experiment is a draft.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/v1/experiments/{key}/overrides/{camera_id}", operation_id = "clear_override", tag = "experiments",
    params(By),
    responses((status = 200, body = ExperimentDetail)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "unknown_override", "experiment_running"]))),
))]
pub(super) async fn clear_override(
    State(app): State<App>,
    path: CameraPath,
    by: Result<Query<By>, QueryRejection>,
) -> Result<Json<ExperimentDetail>, Problem> {
    let (key, camera) = camera_of(path)?;
    let otherwise = format!("override: the hash decides for camera {camera} again");
    let (actor, reason) = asked::query(by)?.named_or(&otherwise)?;
    let to = Override { camera, variant: None };
    // A word is answered with the whole definition.
    let _turn = app.0.held.turn().await;
    Ok(Json(app.ask(|reply| DriverCommand::Override { key, to, actor, reason, reply }).await?))
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
