//! Export and import of a prompt over HTTP.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use tidegate_engine::id::PromptName;
use tidegate_engine::prompt::{Order, Prompt};
use tidegate_spec::api::{
    FieldFault, PromptConflict, PromptDocument, PromptImport, PromptImported,
};

use super::{NamePath, name_of, order, prompt};
use crate::http::App;
use crate::http::asked::{self, PageQuery};
use crate::http::body;
use crate::http::json::Json;
use crate::http::problem::{self, Problem};
use crate::prompts::describe;
use crate::prompts::document;

/// Writes the versions of a prompt out, and with the last of them the labels.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/prompts/{name}/export", operation_id = "export_prompt", tag = "prompts",
    params(PageQuery),
    responses((status = 200, body = PromptDocument)),
    extensions(("x-problems" = json!(["asks", "unknown_prompt"]))),
))]
pub(in crate::http) async fn export(
    State(app): State<App>,
    path: NamePath,
    page: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<PromptDocument>, Problem> {
    let name = name_of(path)?;
    let (after, limit) = asked::query(page)?.bounds()?;
    let prompt = prompt(&app, &name).await?;
    Ok(Json(document::written(&name, &prompt, after, limit)))
}

/// Whether an import is only looked at.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Preview {
    #[serde(default)]
    /// Whether nothing is to be done.
    preview: bool,
}

/// Takes versions and labels in, or with `preview=true` tells what would be done.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/prompts/{name}/import", operation_id = "import_prompt", tag = "prompts",
    params(Preview),
    request_body = PromptImport,
    responses((status = 200, body = PromptImported)),
    extensions(("x-problems" = json!(["writes", "import_conflict", "name_taken", "too_many_prompts"]))),
))]
pub(in crate::http) async fn import(
    State(app): State<App>,
    path: NamePath,
    preview: Result<Query<Preview>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PromptImported>, Problem> {
    let name = name_of(path)?;
    let Preview { preview } = asked::query(preview)?;
    let request: PromptImport = body::json(&app, &headers, body).await?;
    let orders = document::orders(&name, &request).map_err(Problem::invalid_fields)?;
    let (pointers, orders): (Vec<String>, Vec<Order>) = orders.into_iter().unzip();
    let weighed = dry_run(&app, &name, orders.clone(), &pointers).await?;
    if preview {
        return Ok(Json(weighed));
    }
    if !weighed.conflicts.is_empty() {
        let conflicts = weighed.conflicts.into_iter();
        let faults = conflicts
            .map(|PromptConflict { pointer, detail, .. }| FieldFault { pointer, detail })
            .collect();
        return Err(Problem::conflicts(faults));
    }
    let ordered = order(&app, name, orders).await?;
    let (added, moved) = match &ordered.before {
        Some(before) => describe::changes(before, &ordered.changes),
        None => describe::changes(&Prompt::default(), &ordered.changes),
    };
    Ok(Json(PromptImported { preview: false, added, moved, ..weighed }))
}

/// What orders would do now.
async fn dry_run(
    app: &App,
    name: &PromptName,
    orders: Vec<Order>,
    pointers: &[String],
) -> Result<PromptImported, Problem> {
    let wanted = name.clone();
    let (weighed, digests, before) = app
        .read(move |view| {
            let catalog = view.rollouts.prompts().catalog();
            let weighed = catalog.dry_run(view.now, &wanted, &orders);
            let digests: Vec<_> = orders
                .iter()
                .map(|order| match order {
                    Order::Add(order) => Some(order.digest),
                    Order::Point(_) => None,
                })
                .collect();
            (weighed, digests, catalog.get(&wanted).cloned().unwrap_or_default())
        })
        .await?;
    if let Some(refusal) = app.0.shared.readiness.borrow().refusal() {
        return Err(refusal.into());
    }
    let (mut changes, mut present, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
    for ((outcome, digest), pointer) in weighed.into_iter().zip(digests).zip(pointers) {
        match outcome {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {
                let there = digest.and_then(|digest| before.digested(&digest));
                present.extend(there.map(|there| there.head.key.to_string()));
            }
            Err(rejection) => {
                let detail = problem::told(&rejection.to_string()).into_owned();
                let code = problem::of_rejection(&rejection).name().to_owned();
                let pointer = pointer.clone();
                conflicts.push(PromptConflict { pointer, code, detail });
            }
        }
    }
    let (added, moved) = describe::changes(&before, &changes);
    let prompt = name.to_string();
    Ok(PromptImported { prompt, preview: true, added, present, moved, conflicts })
}
