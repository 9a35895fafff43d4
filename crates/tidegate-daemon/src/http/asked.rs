//! What the path and the query of a request ask for.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{MatchedPath, Path, Query, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tidegate_spec::{api, wording};

use super::pages;
use super::problem::Problem;

/// Items in one page.
const PAGE_MAX: usize = 500;
const PAGE_DEFAULT: usize = 100;

/// The operations that read a query; each refuses what it does not know. No other takes any.
const WITH_QUERY: [(Method, &str); 17] = [
    (Method::PUT, "/v1/experiments/{key}"),
    (Method::DELETE, "/v1/experiments/{key}"),
    (Method::PUT, "/v1/experiments/{key}/overrides/{camera_id}"),
    (Method::DELETE, "/v1/experiments/{key}/overrides/{camera_id}"),
    (Method::GET, "/v1/experiments/{key}/history"),
    (Method::GET, "/v1/experiments/{key}/series"),
    (Method::GET, "/v1/experiments/{key}/cameras"),
    (Method::GET, "/v1/experiments/{key}/assignments/{camera_id}"),
    (Method::GET, "/v1/experiments/{key}/review/next"),
    (Method::GET, "/v1/prompts/{name}/versions"),
    (Method::GET, "/v1/prompts/{name}/diff"),
    (Method::GET, "/v1/prompts/{name}/export"),
    (Method::POST, "/v1/prompts/{name}/import"),
    (Method::DELETE, "/v1/prompts/{name}/labels/{label}"),
    (Method::GET, "/v1/events"),
    (Method::POST, "/ofrep/v1/evaluate/flags"),
    (Method::GET, "/ofrep/v1/events"),
];

/// Refuses a query where nothing reads it.
pub(super) async fn refuse_unread_query(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match check_query(request.method(), matched, request.uri().query()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_query(method: &Method, matched: Option<&str>, query: Option<&str>) -> Result<(), Problem> {
    let first = query.and_then(|query| query.split('&').find(|part| !part.is_empty()));
    let (Some(matched), Some(first)) = (matched, first) else { return Ok(()) };
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if method == Method::GET && pages::WITH_QUERY.contains(&matched) {
        return Ok(());
    }
    if WITH_QUERY.iter().any(|(takes, path)| takes == method && *path == matched) {
        return Ok(());
    }
    let name = first.split('=').next().unwrap_or_default();
    let detail = format!("unknown parameter {}, allowed: none", api::quoted(name));
    Err(Problem::invalid_query(detail))
}

/// The parts of a path.
pub(super) fn path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(parts)| parts).map_err(|_| {
        Problem::invalid_path(
            "a part of the path is no UTF-8, allowed: what is percent-encoded from UTF-8",
        )
    })
}

/// A part of a path as the id that it is.
pub(super) fn id<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::invalid_path(error.to_string()))
}

/// The fields of a query.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(fields)| fields)
        .map_err(|error| Problem::invalid_query(wording::of_query(&error.body_text())))
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// The `next` of the page before.
    after: Option<usize>,
    /// How many at most, 100 unless told otherwise.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    limit: Option<usize>,
}

impl PageQuery {
    /// How many items to pass over, and how many to show.
    pub(super) fn bounds(&self) -> Result<(usize, usize), Problem> {
        page_bounds(self.after, self.limit)
    }
}

/// How many items to pass over, and how many to show.
pub(super) fn page_bounds(
    after: Option<usize>,
    limit: Option<usize>,
) -> Result<(usize, usize), Problem> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok((after.unwrap_or(0), limit));
    }
    let detail = format!("limit {limit} is out of range, allowed: 1 to {PAGE_MAX}");
    Err(Problem::invalid_query(detail))
}

/// What a parameter names of a closed list, where it is given.
pub(super) fn one_of<T: Copy>(
    parameter: &str,
    given: Option<&str>,
    list: &[(&str, T)],
) -> Result<Option<T>, Problem> {
    let Some(given) = given else { return Ok(None) };
    if let Some((_, value)) = list.iter().find(|(name, _)| *name == given) {
        return Ok(Some(*value));
    }
    let names: Vec<&str> = list.iter().map(|(name, _)| *name).collect();
    let (quoted, allowed) = (api::quoted(given), names.join(" | "));
    let detail = format!("{parameter}: {quoted} is not allowed, allowed: {allowed}");
    Err(Problem::invalid_query(detail))
}
