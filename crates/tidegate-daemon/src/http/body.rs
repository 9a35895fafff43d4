//! Bodies: read whole within bounds, and written as JSON.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use tidegate_spec::api::Object;

use super::code::Code;
use super::problem::{self, Problem};

/// Largest body in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much of a larger body is still taken from the wire, and for how long: a client that is still
/// sending when its connection is closed may lose the answer.
const DISCARDED_BYTES_MAX: usize = 8 * 1024 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// What a JSON answer is.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in JSON.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, JSON)], bytes).into_response(),
            Err(error) => Problem::new(Code::Internal, error.to_string()).into_response(),
        }
    }
}

/// What a body is, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Toml,
    Ndjson,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Toml => "application/toml",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// Which of `allowed` the headers name.
    pub(super) fn of(headers: &HeaderMap, allowed: &[Self]) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value.unwrap_or("").split(';').next().unwrap_or("").trim();
        let found = allowed.iter().find(|kind| essence.eq_ignore_ascii_case(kind.name()));
        found.copied().ok_or_else(|| {
            let allowed: Vec<&str> = allowed.iter().map(|kind| kind.name()).collect();
            let detail = format!(
                "content type `{essence}` is not allowed, allowed: {}",
                allowed.join(" | ")
            );
            Problem::new(Code::UnsupportedMediaType, detail)
        })
    }
}

/// Reads a whole body.
pub(super) async fn bytes(mut body: Body) -> Result<Bytes, Problem> {
    // What is announced to be too large is not waited for.
    if body.size_hint().lower() > DISCARDED_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard(body)).await;
            Err(too_large())
        }
        Err(_) => Err(Problem::malformed("the body ended before it was whole")),
    }
}

fn too_large() -> Problem {
    let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
    Problem::new(Code::BodyTooLarge, detail)
}

async fn discard(mut body: Body) {
    let mut bytes = 0;
    while bytes < DISCARDED_BYTES_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Reads a whole body as text.
pub(super) async fn text(body: Body) -> Result<String, Problem> {
    let bytes = bytes(body).await?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::malformed("the body is not UTF-8"))
}

/// Reads a JSON body.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    Kind::of(headers, &[Kind::Json])?;
    parse(&text(body).await?)
}

/// Reads a JSON text; a fault has the pointer of its field.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader);
    let Object(value) = read.map_err(|error| {
        let pointer = problem::pointer(&error.path().to_string());
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::invalid_field(pointer, inner.to_string())
        } else {
            Problem::malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(Problem::malformed(format!("the body is not JSON: {error}"))),
    }
}
