//! What is reported: read item by item, so that a bad one is no reason to refuse the others.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::value::RawValue;
use tidegate_spec::api::{
    AnswerStatus, OBSERVATIONS_MAX, Object, Observation, ObservationAnswer, ObservationAnswers,
};

use tidegate_spec::wording;

use super::App;
use super::body::{self, BodyKind};
use super::code::Code;
use super::json::Json;
use super::problem::{self, Problem};
use crate::driver::{DriverCommand, ReadObservation};

/// Takes in what is reported about detection events.
///
/// Each is judged by itself: a bad one is no reason to refuse the others. An accepted one is on disk; one whose
/// id is known is a `duplicate` and changes nothing.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/observations", operation_id = "observe", tag = "observations",
    request_body(content(
        (ref("#/components/schemas/Observations") = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses((status = 200, body = ObservationAnswers)),
    extensions(("x-problems" = json!(["writes", "too_many_items"]))),
))]
pub(super) async fn observe(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ObservationAnswers>, Problem> {
    let kind = BodyKind::of(&headers, &[BodyKind::Json, BodyKind::Ndjson])?;
    let text = body::text(&app, body).await?;
    let items = match kind {
        BodyKind::Ndjson => {
            read_each(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        }
        BodyKind::Json | BodyKind::Toml | BodyKind::Form => read(&text),
    };
    let items = items?;
    Ok(Json(app.ask(|reply| DriverCommand::Observe { items, reply }).await?))
}

/// Reads an array of observations.
pub(super) fn read(text: &str) -> Result<Vec<ReadObservation>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        let why = wording::of_json(&error);
        Problem::malformed(format!("the body is no JSON array of observations: {why}"))
    })?;
    read_each(items.into_iter().map(RawValue::get).collect())
}

fn read_each(texts: Vec<&str>) -> Result<Vec<ReadObservation>, Problem> {
    // Counted before any is read: half a million of them fit into a body.
    if !(1..=OBSERVATIONS_MAX).contains(&texts.len()) {
        let detail = format!("{} observations, allowed: 1 to {OBSERVATIONS_MAX}", texts.len());
        return Err(Problem::new(Code::TooManyItems, detail));
    }
    Ok(texts.into_iter().enumerate().map(|(index, text)| item(index, text)).collect())
}

/// Reads one observation; where it is not valid its answer is known.
fn item(index: usize, text: &str) -> ReadObservation {
    let read: Observation = match serde_json::from_str(text) {
        Ok(Object(read)) => read,
        Err(error) => return ReadObservation::Refused(unreadable(index, text, &error)),
    };
    match read.check() {
        Ok(reported) => ReadObservation::Reported(reported),
        Err(fault) => {
            let pointer = format!("/{index}{}", problem::pointer(&fault.field));
            ReadObservation::Refused(refused("invalid_field", Some(pointer), &fault.to_string()))
        }
    }
}

fn unreadable(index: usize, text: &str, error: &serde_json::Error) -> ObservationAnswer {
    // Read once more for the path, which the common case need not pay for.
    let mut reader = serde_json::Deserializer::from_str(text);
    let read: Result<Object<Observation>, _> = serde_path_to_error::deserialize(&mut reader);
    let path = read.err().map(|error| error.path().to_string()).unwrap_or_default();
    let pointer = format!("/{index}{}", problem::pointer(&path));
    if error.is_data() {
        return refused("invalid_field", Some(pointer), &wording::of_json_field(error));
    }
    let why = format!("not JSON: {}", wording::of_json(error));
    refused("malformed_body", Some(pointer), &why)
}

fn refused(code: &str, pointer: Option<String>, detail: &str) -> ObservationAnswer {
    let pointer = pointer.map(|pointer| problem::named(&pointer).into_owned());
    let (code, detail) = (Some(code.to_owned()), Some(problem::told(detail).into_owned()));
    ObservationAnswer { status: AnswerStatus::Rejected, code, pointer, detail }
}
