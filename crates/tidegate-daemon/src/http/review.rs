//! The review: cards to look at, and answers to them.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use tidegate_engine::event::Actor;
use tidegate_engine::review::CardReply;
#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;
use tidegate_spec::api::{NextCard, REVIEW_ANSWERS, Review, ReviewAnswer, ReviewAnswered};

use super::App;
use super::experiments::{KeyPath, key_of, look, named};
use super::json::Json;
use super::problem::Problem;
use super::{asked, body};
use crate::describe;
use crate::driver::DriverCommand;
use crate::faults::RequestFaults;
use crate::refusal::Refusal;

/// Who asks for a card.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewerQuery {
    /// Who is to look at it: a card comes to nobody twice where somebody else can look.
    #[cfg_attr(feature = "openapi", param(value_type = schema::Actor))]
    reviewer: String,
}

/// Shows how far a review is and what it says.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/review", operation_id = "show_review", tag = "review",
    responses((status = 200, body = Review)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment", "no_review"]))),
))]
pub(super) async fn show(State(app): State<App>, path: KeyPath) -> Result<Json<Review>, Problem> {
    let key = key_of(path)?;
    let review = look(&app, key.clone(), |run, _| describe::review(run)).await?;
    review.map(Json).ok_or_else(|| Refusal::NoReview(key).into())
}

/// Shows the card that a reviewer should look at next.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/experiments/{key}/review/next", operation_id = "next_card", tag = "review",
    params(ReviewerQuery),
    responses((status = 200, body = NextCard)),
    extensions(("x-problems" = json!(["asks", "unknown_experiment", "no_review"]))),
))]
pub(super) async fn next(
    State(app): State<App>,
    path: KeyPath,
    query: Result<Query<ReviewerQuery>, QueryRejection>,
) -> Result<Json<NextCard>, Problem> {
    let key = key_of(path)?;
    let ReviewerQuery { reviewer } = asked::query(query)?;
    let reviewer =
        Actor::new(&reviewer).map_err(|error| Problem::invalid_query(error.to_string()))?;
    let next = look(&app, key.clone(), move |run, _| describe::next_card(run, &reviewer)).await?;
    next.map(Json).ok_or_else(|| Refusal::NoReview(key).into())
}

/// Takes in an answer to a card.
///
/// It is on disk once it is answered. The very same answer sent again counts once, and is answered with `already`.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/experiments/{key}/review/answers", operation_id = "answer_card", tag = "review",
    request_body = ReviewAnswer,
    responses((status = 200, body = ReviewAnswered)),
    extensions(("x-problems" = json!(["writes", "unknown_experiment", "no_review", "unknown_card", "review_over", "card_answered"]))),
))]
pub(super) async fn answer(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReviewAnswered>, Problem> {
    let key = key_of(path)?;
    let request: ReviewAnswer = body::json(&app, &headers, body).await?;
    let mut faults = RequestFaults::default();
    let event = faults.take("/event", request.event.parse());
    let reviewer = faults.take("/reviewer", Actor::new(&request.reviewer));
    let answer = named(Some(&request.answer), "/answer", &REVIEW_ANSWERS, &mut faults);
    let (Some(event), Some(reviewer), Some(answer)) = (event, reviewer, answer) else {
        return Err(Problem::invalid_fields(faults.0));
    };
    let answer = CardReply { event, turn: request.turn, reviewer, answer };
    Ok(Json(app.ask(|reply| DriverCommand::Answer { key, answer, reply }).await?))
}
