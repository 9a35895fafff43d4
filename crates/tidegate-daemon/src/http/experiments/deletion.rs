//! Experiments that go.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use tidegate_spec::api::Deleted;
#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;

use super::super::App;
use super::super::asked;
use super::super::json::Json;
use super::super::problem::Problem;
use super::{Accepts, By, KeyPath, accepted, key_of};
use crate::driver::DriverCommand;
use crate::rollouts::ServedTreatment;

/// What a caller may accept of a deletion.
const SERVES_TREATMENT: &str = "serves_treatment";

/// How an experiment is to be deleted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Deleting {
    /// Who deletes it; left out, `unnamed`.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Actor>))]
    actor: Option<String>,
    /// Why; left out, that none was given.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Reason>))]
    reason: Option<String>,
    /// `serves_treatment`, where cameras are served its treatment.
    #[cfg_attr(feature = "openapi", param(pattern = "^serves_treatment$"))]
    accept: Option<String>,
}

/// Deletes a draft or an experiment that has ended: no camera is told of it any more. Its history is kept, and goes on
/// where another is defined with its key.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/v1/experiments/{key}", operation_id = "delete_experiment", tag = "experiments",
    params(Deleting),
    responses((status = 200, body = Deleted)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "experiment_running", "serves_treatment", "too_many_experiments"]))),
))]
pub(in crate::http) async fn delete(
    State(app): State<App>,
    path: KeyPath,
    deleting: Result<Query<Deleting>, QueryRejection>,
) -> Result<Json<Deleted>, Problem> {
    let key = key_of(path)?;
    let Deleting { actor, reason, accept } = asked::query(deleting)?;
    let (actor, reason) = By { actor, reason }.named_or("no reason was given")?;
    let treatment = match accepted(accept.as_deref(), SERVES_TREATMENT)? {
        Accepts::Nothing => ServedTreatment::Stays,
        Accepts::That => ServedTreatment::MayGo,
    };
    let deleted = app.ask(|reply| DriverCommand::Delete { key, actor, reason, treatment, reply });
    Ok(Json(deleted.await?))
}
