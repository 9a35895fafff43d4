//! The figures behind a rollout: what its guardrails said over time, each camera by itself, and both scores of the shadow.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use tidegate_engine::exposure::Window;
#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;
use tidegate_spec::api::{CameraSort, Cameras, CamerasQuery, Scores, Series, SortOrder};

use super::App;
use super::asked;
use super::experiments::{KeyPath, key_of, look};
use super::json::Json;
use super::problem::Problem;
use crate::describe;

const WINDOWS: [(&str, Window); 3] =
    [("shadow", Window::Shadow), ("ab", Window::Ab), ("full", Window::Full)];

/// Which phase.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct SeriesQuery {
    /// Which phase; left out, the one that is compared now.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Window>))]
    phase: Option<String>,
}

/// Shows what each guardrail said over time.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/series", operation_id = "show_series", tag = "experiments",
    params(SeriesQuery),
    responses((status = 200, body = Series)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn series(
    State(app): State<App>,
    path: KeyPath,
    query: Result<Query<SeriesQuery>, QueryRejection>,
) -> Result<Json<Series>, Problem> {
    let key = key_of(path)?;
    let SeriesQuery { phase } = asked::query(query)?;
    let phase = asked::one_of("phase", phase.as_deref(), &WINDOWS)?;
    Ok(Json(look(&app, key, move |run, _| describe::series(run, phase)).await?))
}

/// Which cameras, and in which order.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct CameraListQuery {
    /// Which sums; left out, those that are compared now.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Window>))]
    window: Option<String>,
    /// By what; left out, by id.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::CameraSort>))]
    sort: Option<String>,
    /// Which come first; left out, the least.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::SortOrder>))]
    order: Option<String>,
    /// The `next` of the page before.
    after: Option<usize>,
    /// How many at most, 100 unless told otherwise.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    limit: Option<usize>,
}

impl CameraListQuery {
    fn read(&self) -> Result<CamerasQuery, Problem> {
        let (sort, order) = sorting(self.sort.as_deref(), self.order.as_deref())?;
        let (after, limit) = asked::page_bounds(self.after, self.limit)?;
        Ok(CamerasQuery {
            window: asked::one_of("window", self.window.as_deref(), &WINDOWS)?,
            sort: sort.unwrap_or_default(),
            order: order.unwrap_or_default(),
            after,
            limit,
        })
    }
}

/// By what cameras are sorted, and which come first, where it is said.
pub(super) fn sorting(
    sort: Option<&str>,
    order: Option<&str>,
) -> Result<(Option<CameraSort>, Option<SortOrder>), Problem> {
    let sorts = CameraSort::ALL.map(|sort| (sort.as_str(), sort));
    let orders = SortOrder::ALL.map(|order| (order.as_str(), order));
    Ok((asked::one_of("sort", sort, &sorts)?, asked::one_of("order", order, &orders)?))
}

/// Shows each camera by itself.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/cameras", operation_id = "list_cameras", tag = "experiments",
    params(CameraListQuery),
    responses((status = 200, body = Cameras)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn cameras(
    State(app): State<App>,
    path: KeyPath,
    query: Result<Query<CameraListQuery>, QueryRejection>,
) -> Result<Json<Cameras>, Problem> {
    let key = key_of(path)?;
    let query = asked::query(query)?.read()?;
    Ok(Json(look(&app, key, move |run, view| describe::cameras(run, view, &query)).await?))
}

/// Shows both scores of the shadow's events, counted together.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/scores", operation_id = "show_scores", tag = "experiments",
    responses((status = 200, body = Scores)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment"]))),
))]
pub(super) async fn scores(State(app): State<App>, path: KeyPath) -> Result<Json<Scores>, Problem> {
    Ok(Json(look(&app, key_of(path)?, |run, _| describe::scores(run)).await?))
}
