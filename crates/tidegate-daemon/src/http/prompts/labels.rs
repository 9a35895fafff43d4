//! Labels over HTTP: where they point, and their moves.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::PromptName;
use tidegate_engine::prompt::{LabelOrder, LabelTarget, Order};
use tidegate_spec::api::{LabelHistory, LabelInfo, LabelRequest};

#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;

use super::{PartPath, label_of, order, prompt, unknown_label};
use crate::faults::RequestFaults;
use crate::http::App;
use crate::http::asked::{self};
use crate::http::body;
use crate::http::code::Code;
use crate::http::json::Json;
use crate::http::problem::Problem;
use crate::prompts::describe;

/// Moves a label to a version.
#[cfg_attr(feature = "openapi", utoipa::path(
    put, path = "/v1/prompts/{name}/labels/{label}", operation_id = "move_label", tag = "prompts",
    params(("If-Match" = Option<String>, Header, pattern = "^\"[0-9]{1,9}\"$", description = "The revision that the label must have, in quotes.")),
    request_body = LabelRequest,
    responses((status = 200, body = LabelInfo, headers(("ETag" = String, description = "The revision in quotes, for `If-Match`.")))),
    extensions(("x-problems" = json!(["writes", "unknown_prompt", "name_taken", "revision_conflict", "too_many_prompts", "invalid_if_match"]))),
))]
pub(in crate::http) async fn move_label(
    State(app): State<App>,
    path: PartPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (name, label) = label_of(path)?;
    let expected = if_match(&headers)?;
    let request: LabelRequest = body::json(&app, &headers, body).await?;
    let mut faults = RequestFaults::default();
    let actor = faults.take("/actor", Actor::new(&request.actor));
    let reason = faults.take("/reason", Reason::new(&request.reason));
    if let (Some(header), Some(own)) = (expected, request.revision)
        && header != own
    {
        faults.add("/revision", format!("is {own}, but If-Match says {header}"));
    }
    let (Some(actor), Some(reason), []) = (actor, reason, &faults.0[..]) else {
        return Err(Problem::invalid_fields(faults.0));
    };
    let (to, revision) = (LabelTarget::Version(request.version), expected.or(request.revision));
    point(&app, name, LabelOrder { label, to, revision, actor, reason }).await
}

/// Who removes a label, and why.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Removal {
    /// Who removes it.
    #[cfg_attr(feature = "openapi", param(value_type = schema::Actor))]
    actor: String,
    /// Why.
    #[cfg_attr(feature = "openapi", param(value_type = schema::Reason))]
    reason: String,
    /// The revision it must have; `If-Match` says the same.
    #[cfg_attr(feature = "openapi", param(maximum = 4_294_967_295_i64))]
    revision: Option<u32>,
}

/// Removes a label; its history stays.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/v1/prompts/{name}/labels/{label}", operation_id = "remove_label", tag = "prompts",
    params(Removal, ("If-Match" = Option<String>, Header, pattern = "^\"[0-9]{1,9}\"$", description = "The revision that the label must have, in quotes.")),
    responses((status = 200, body = LabelInfo, headers(("ETag" = String, description = "The revision in quotes, for `If-Match`.")))),
    extensions(("x-problems" = json!(["writes", "unknown_prompt", "unknown_label", "revision_conflict", "invalid_if_match"]))),
))]
pub(in crate::http) async fn remove_label(
    State(app): State<App>,
    path: PartPath,
    headers: HeaderMap,
    removal: Result<Query<Removal>, QueryRejection>,
) -> Result<Response, Problem> {
    let (name, label) = label_of(path)?;
    let removal = asked::query(removal)?;
    let invalid = |error: &dyn std::fmt::Display| Problem::invalid_query(error.to_string());
    let actor = Actor::new(&removal.actor).map_err(|error| invalid(&error))?;
    let reason = Reason::new(&removal.reason).map_err(|error| invalid(&error))?;
    let revision = if_match(&headers)?.or(removal.revision);
    let to = LabelTarget::Nowhere;
    point(&app, name, LabelOrder { label, to, revision, actor, reason }).await
}

/// Moves a label, and answers with where it is now and its revision as `ETag`.
async fn point(app: &App, name: PromptName, of: LabelOrder) -> Result<Response, Problem> {
    let label = of.label.clone();
    let ordered = order(app, name.clone(), vec![Order::Point(of)]).await?;
    let kept = ordered.after.label(&label).ok_or_else(|| unknown_label(&name, &label))?;
    let info: LabelInfo = describe::label_info(&ordered.after, &label, kept)
        .ok_or_else(|| unknown_label(&name, &label))?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", info.revision));
    let mut response = Json(info).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// The revision that a label must have, by the header `If-Match`.
fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let read = value.to_str().ok().and_then(|text| {
        let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    });
    let detail = "If-Match is no revision, allowed: one in quotes, such as \"3\"";
    let invalid = || Problem::new(Code::InvalidIfMatch, detail);
    read.map(Some).ok_or_else(invalid)
}

/// Lists the newest 100 moves of a label, oldest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}/labels/{label}/history", operation_id = "list_label_history", tag = "prompts",
    responses((status = 200, body = LabelHistory)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt", "unknown_label"]))),
))]
pub(in crate::http) async fn label_history(
    State(app): State<App>,
    path: PartPath,
) -> Result<Json<LabelHistory>, Problem> {
    let (name, label) = label_of(path)?;
    let prompt = prompt(&app, &name).await?;
    let kept = prompt.label(&label).ok_or_else(|| unknown_label(&name, &label))?;
    Ok(Json(describe::label_history(&prompt, &label, kept)))
}
