//! What the path and the query of a request ask for.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;

use super::problem::Problem;

/// Items in one page.
const PAGE_MAX: usize = 500;
const PAGE_DEFAULT: usize = 100;

/// The parts of a path.
pub(super) fn path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(parts)| parts).map_err(|error| Problem::invalid_path(error.to_string()))
}

/// A part of a path as the id that it is.
pub(super) fn id<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::invalid_path(error.to_string()))
}

/// The fields of a query.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(fields)| fields).map_err(|error| Problem::invalid_query(error.body_text()))
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The `next` of the page before.
    after: Option<usize>,
    /// How many at most, 100 unless told otherwise.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    limit: Option<usize>,
}

impl Page {
    /// How many items to pass over, and how many to show.
    pub(super) fn bounds(&self) -> Result<(usize, usize), Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if (1..=PAGE_MAX).contains(&limit) {
            return Ok((self.after.unwrap_or(0), limit));
        }
        let detail = format!("limit {limit} is out of range, allowed: 1 to {PAGE_MAX}");
        Err(Problem::invalid_query(detail))
    }
}
