//! Whether the daemon lives and is ready, what it counts, and the time where it is driven.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use tidegate_spec::api::{self, Health, parse_time};

use super::App;
use super::body;
use super::json::Json;
use super::problem::Problem;
use crate::clock::Clock;
use crate::driver::DriverCommand;
use crate::readiness::Readiness;

/// Tells that the process serves.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/healthz", operation_id = "show_health", tag = "health",
    responses((status = 200, body = Health)),
))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), detail: None })
}

/// Tells whether the journal is read and can be written.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/readyz", operation_id = "show_readiness", tag = "health",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "Not ready."),
    ),
))]
pub(super) async fn readyz(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let readiness = app.0.shared.readiness.borrow().clone();
    let status = match readiness {
        Readiness::Ready => "ok",
        Readiness::Recovering => "recovering",
        Readiness::Unavailable(_) | Readiness::Impossible(_) => "store_unavailable",
        Readiness::Damaged(_) => "damaged",
        Readiness::Draining => "draining",
    };
    let detail = readiness.refusal().map(|refusal| refusal.to_string());
    let ready = readiness == Readiness::Ready;
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Health { status: status.to_owned(), detail }))
}

/// Shows what is counted, as text for Prometheus.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/metrics", operation_id = "show_metrics", tag = "health",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")),
    extensions(("x-problems" = json!(["asks"]))),
))]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let shared = app.0.shared.clone();
    shared.metrics.event_streams(shared.feed.open_streams(), shared.feed.streams_max);
    for follower in &shared.followers {
        let lag = shared.feed.behind(follower.after(), &follower.wanted);
        shared.metrics.webhook_lag(&follower.name, lag);
    }
    let readiness = shared.readiness.borrow().clone();
    let text = app.read(move |view| shared.metrics.text(&readiness, view)).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}

/// The time, told.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Told))]
#[serde(deny_unknown_fields)]
pub(super) struct ToldTime {
    #[cfg_attr(feature = "openapi", schema(value_type = api::schema::TimeToTell))]
    now: String,
}

/// Tells a driven daemon the time, and answers once every deadline up to it was met and written.
///
/// Only with `--time driven`, for demonstrations and tests.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/time", operation_id = "set_time", tag = "time",
    request_body = ToldTime,
    responses((status = 200, body = ToldTime)),
    extensions(("x-problems" = json!(["asks"]))),
))]
pub(super) async fn set_time(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ToldTime>, Problem> {
    let told: ToldTime = body::json(&app, &headers, body).await?;
    let time = parse_time(&told.now).map_err(|detail| Problem::invalid_field("/now", detail))?;
    if let Clock::Driven(ms) = app.0.shared.clock.clock() {
        ms.store(time.ms(), Ordering::Release);
    }
    // Time passes before every command, so also before the second of these is looked at.
    app.read(|_| ()).await?;
    app.ask(|reply| DriverCommand::Settle { reply }).await?;
    let now = app.read(|view| view.now).await?;
    Ok(Json(ToldTime { now: api::shown(now) }))
}
