//! Prompts: their versions, which never change, and their labels, which move.

pub(super) mod labels;
pub(super) mod transfer;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::{LabelName, PromptKey, PromptName};
use tidegate_engine::prompt::{
    LabelOrder, LabelTarget, NotFound, Order, Precondition, Prompt, VersionOrder,
};
use tidegate_spec::api::{
    PromptDetail, PromptDiff, PromptList, PromptRequest, VersionDetail, VersionRequest, Versions,
};

use super::App;
use super::asked::{self, PageQuery};
use super::body;
use super::code::Code;
use super::json::Json;
use super::problem::Problem;
use crate::driver::{DriverCommand, Ordered};
use crate::faults::RequestFaults;
use crate::page;
use crate::prompts::describe;
use crate::prompts::diff::{self, NamedText};
use crate::prompts::text_digest;
use crate::refusal::Refusal;

pub(super) type NamePath = Result<Path<String>, PathRejection>;
pub(super) type PartPath = Result<Path<(String, String)>, PathRejection>;

pub(super) fn name_of(path: NamePath) -> Result<PromptName, Problem> {
    asked::id(&asked::path(path)?)
}

pub(super) fn part_of(path: PartPath) -> Result<(PromptName, String), Problem> {
    let (name, part) = asked::path(path)?;
    Ok((asked::id(&name)?, part))
}

fn label_of(path: PartPath) -> Result<(PromptName, LabelName), Problem> {
    let (name, label) = part_of(path)?;
    Ok((name, asked::id(&label)?))
}

/// A prompt as it is now.
async fn prompt(app: &App, name: &PromptName) -> Result<Arc<Prompt>, Problem> {
    let wanted = name.clone();
    let found = app.read(move |view| view.rollouts.prompts().catalog().get(&wanted).cloned());
    found.await?.ok_or_else(|| app.refusal_or(Refusal::UnknownPrompt(name.clone())).into())
}

/// A prompt is made with its first version.
pub(super) fn no_version() -> Problem {
    Problem::new(Code::Internal, "a prompt without versions")
}

fn not_found(error: &NotFound) -> Problem {
    Problem::new(Code::UnknownVersion, error.to_string())
}

fn unknown_label(name: &PromptName, label: &LabelName) -> Problem {
    let detail = format!("prompt `{name}` has no label `{label}`");
    Problem::new(Code::UnknownLabel, detail)
}

/// Lists the prompts, in the order of their names.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts", operation_id = "list_prompts", tag = "prompts",
    responses((status = 200, body = PromptList)),
    extensions(("x-problems" = json!(["asks"]))),
))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<PromptList>, Problem> {
    let prompts = app
        .read(|view| {
            let prompts = view.rollouts.prompts().catalog().iter();
            prompts.filter_map(|(name, prompt)| describe::summary(name, prompt)).collect()
        })
        .await?;
    Ok(Json(PromptList { prompts: app.known(prompts)? }))
}

/// Shows a prompt: its newest version, and where its labels point.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}", operation_id = "show_prompt", tag = "prompts",
    responses((status = 200, body = PromptDetail)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt"]))),
))]
pub(super) async fn show(
    State(app): State<App>,
    path: NamePath,
) -> Result<Json<PromptDetail>, Problem> {
    let name = name_of(path)?;
    let prompt = prompt(&app, &name).await?;
    describe::detail(&name, &prompt).map(Json).ok_or_else(no_version)
}

/// Makes a prompt with its first version.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/prompts", operation_id = "create_prompt", tag = "prompts",
    request_body = PromptRequest,
    responses(
        (status = 200, body = VersionDetail, description = "The prompt has this text already."),
        (status = 201, body = VersionDetail, description = "Added."),
    ),
    extensions(("x-problems" = json!(["writes", "prompt_exists", "name_taken", "too_many_prompts"]))),
))]
pub(super) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<VersionDetail>), Problem> {
    let request: PromptRequest = body::json(&app, &headers, body).await?;
    let PromptRequest { name, text, key, note, actor, label } = request;
    let mut faults = RequestFaults::default();
    let name = faults.take("/name", name.parse::<PromptName>());
    let request = VersionRequest { text, key, note, actor, parent: None, label };
    let orders = add_orders(request, Precondition::New, &mut faults);
    match (name, orders) {
        (Some(name), Some(orders)) => add(&app, name, orders).await,
        _ => Err(Problem::invalid_fields(faults.0)),
    }
}

/// Adds a version.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/prompts/{name}/versions", operation_id = "add_version", tag = "prompts",
    request_body = VersionRequest,
    responses(
        (status = 200, body = VersionDetail, description = "The prompt has this text already."),
        (status = 201, body = VersionDetail, description = "Added."),
    ),
    extensions(("x-problems" = json!(["writes", "unknown_prompt", "name_taken", "too_many_prompts"]))),
))]
pub(super) async fn add_version(
    State(app): State<App>,
    path: NamePath,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<VersionDetail>), Problem> {
    let name = name_of(path)?;
    let request: VersionRequest = body::json(&app, &headers, body).await?;
    let mut faults = RequestFaults::default();
    match add_orders(request, Precondition::Known, &mut faults) {
        Some(orders) => add(&app, name, orders).await,
        None => Err(Problem::invalid_fields(faults.0)),
    }
}

/// What adding a version asks for; none where there are faults.
fn add_orders(
    request: VersionRequest,
    prompt_is: Precondition,
    faults: &mut RequestFaults,
) -> Option<Vec<Order>> {
    let VersionRequest { text, key, note, actor, parent, label } = request;
    let key = key.map(|key| faults.take("/key", key.parse::<PromptKey>()));
    let note = note.map(|note| faults.take("/note", Reason::new(&note)));
    let actor = faults.take("/actor", Actor::new(&actor));
    let label = label.map(|label| faults.take("/label", label.parse::<LabelName>()));
    if !faults.0.is_empty() {
        return None;
    }
    let (note, actor) = (note.flatten(), actor?);
    let digest = text_digest(&text);
    let mut orders = vec![Order::Add(VersionOrder {
        prompt_is,
        key: key.flatten(),
        digest,
        text: text.into(),
        parent,
        created_at: None,
        actor: actor.clone(),
        reason: note.clone(),
    })];
    if let Some(label) = label.flatten() {
        // A constant of a few words is a reason.
        let reason = note.or_else(|| Reason::new("with the version").ok())?;
        let to = LabelTarget::Text(digest);
        orders.push(Order::Point(LabelOrder { label, to, revision: None, actor, reason }));
    }
    Some(orders)
}

async fn add(
    app: &App,
    name: PromptName,
    orders: Vec<Order>,
) -> Result<(StatusCode, Json<VersionDetail>), Problem> {
    let digest = match orders.first() {
        Some(Order::Add(order)) => order.digest,
        Some(Order::Point(_)) | None => return Err(no_version()),
    };
    let ordered = order(app, name.clone(), orders).await?;
    let version = ordered.after.digested(&digest).ok_or_else(no_version)?;
    let is_new = ordered.before.as_ref().is_none_or(|before| before.digested(&digest).is_none());
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(describe::whole_version(&name, &ordered.after, version))))
}

async fn order(app: &App, prompt: PromptName, orders: Vec<Order>) -> Result<Ordered, Problem> {
    app.ask(|reply| DriverCommand::Order { prompt, orders, reply }).await
}

/// Lists the versions of a prompt, oldest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}/versions", operation_id = "list_versions", tag = "prompts",
    params(PageQuery),
    responses((status = 200, body = Versions)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt"]))),
))]
pub(super) async fn versions(
    State(app): State<App>,
    path: NamePath,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Versions>, Problem> {
    let name = name_of(path)?;
    let (after, limit) = asked::query(page)?.bounds()?;
    let prompt = prompt(&app, &name).await?;
    let all = prompt.versions();
    let page = all.iter().skip(after).take(limit);
    let versions: Vec<_> = page.map(|version| describe::version(&prompt, version)).collect();
    let next = page::next(after, versions.len(), all.len());
    Ok(Json(Versions { versions, next }))
}

/// Shows a version with its text.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}/versions/{version}", operation_id = "show_version", tag = "prompts",
    responses((status = 200, body = VersionDetail)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt", "unknown_version"]))),
))]
pub(super) async fn version(
    State(app): State<App>,
    path: PartPath,
) -> Result<Json<VersionDetail>, Problem> {
    let (name, reference) = part_of(path)?;
    Ok(Json(find_version(&app, &name, &reference).await?))
}

/// A version with its text, by its key, its digest or a label.
pub(super) async fn find_version(
    app: &App,
    name: &PromptName,
    reference: &str,
) -> Result<VersionDetail, Problem> {
    let prompt = prompt(app, name).await?;
    let version = prompt.find(name, reference).map_err(|error| not_found(&error))?;
    Ok(describe::whole_version(name, &prompt, version))
}

/// Which versions are compared.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct Ends {
    /// The version it is compared from: a key, a digest, the beginning of one, or a label.
    from: String,
    /// The version it is compared to.
    to: String,
}

/// Shows what differs between two versions, line by line.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}/diff", operation_id = "diff_versions", tag = "prompts",
    params(Ends),
    responses((status = 200, body = PromptDiff)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt", "unknown_version"]))),
))]
pub(super) async fn difference(
    State(app): State<App>,
    path: NamePath,
    ends: Result<Query<Ends>, QueryRejection>,
) -> Result<Json<PromptDiff>, Problem> {
    let name = name_of(path)?;
    Ok(Json(compare(&app, &name, &asked::query(ends)?).await?))
}

/// What differs between two versions.
pub(super) async fn compare(
    app: &App,
    name: &PromptName,
    ends: &Ends,
) -> Result<PromptDiff, Problem> {
    let prompt = prompt(app, name).await?;
    let find =
        |reference: &str| prompt.find(name, reference).map_err(|error| not_found(&error)).cloned();
    let (from, to) = (find(&ends.from)?, find(&ends.to)?);
    let (old, new) = (from.clone(), to.clone());
    // Long texts that have nothing in common take a while, and others share this thread.
    let found =
        tokio::task::spawn_blocking(move || diff::of(NamedText::of(&old), NamedText::of(&new)));
    let diff::Difference { added, removed, hunks, unified } =
        found.await.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let (from, to) = (describe::version(&prompt, &from), describe::version(&prompt, &to));
    Ok(PromptDiff { prompt: name.to_string(), from, to, added, removed, hunks, unified })
}
