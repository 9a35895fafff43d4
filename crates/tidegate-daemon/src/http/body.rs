//! Bodies: read whole within bounds, and written as JSON.

use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use tidegate_spec::api::{self, Object};
use tidegate_spec::wording;

use super::App;
use super::code::Code;
use super::connection_state::DRAIN_GRACE;
use super::held::{NoRoom, Room};
use super::problem::{self, Problem};
use crate::refusal::Refusal;

/// Largest body in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much of a larger body is still taken from the wire, and for how long: a client that is still
/// sending when its connection is closed may lose the answer.
const DISCARDED_BYTES_MAX: usize = 8 * 1024 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// What a body is, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Toml,
    Ndjson,
    /// What a browser sends of a form.
    Form,
}

impl BodyKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Toml => "application/toml",
            Self::Ndjson => "application/x-ndjson",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// Which of `allowed` the headers name.
    pub(super) fn of(headers: &HeaderMap, allowed: &[Self]) -> Result<Self, Problem> {
        refuse_encoded(headers)?;
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

/// A body that was compressed on the way is not decoded: what it grows to would have to be bounded too, and a batch of
/// observations is small.
fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let coding = value.to_str().unwrap_or("?").trim();
        if !coding.eq_ignore_ascii_case("identity") {
            let detail = format!(
                "content encoding {} is not allowed, allowed: none; send the body as it is",
                api::quoted(coding)
            );
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
    }
    Ok(())
}

/// What bytes are that are no text in UTF-8.
fn no_text(bytes: &[u8]) -> Problem {
    let of_another_kind = match bytes {
        [0x1f, 0x8b, ..] => "the body is compressed (gzip), allowed: as it is",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "the body is compressed (zstd), allowed: as it is",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the body is UTF-16, allowed: UTF-8",
        _ => return Problem::malformed("the body is not UTF-8"),
    };
    Problem::new(Code::UnsupportedMediaType, of_another_kind)
}

/// A whole body, with the room that it takes.
#[derive(Debug)]
pub(super) struct WholeBody {
    text: String,
    _room: Room,
}

impl Deref for WholeBody {
    type Target = str;

    fn deref(&self) -> &str {
        // .NET and PowerShell begin a text with a byte order mark.
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }
}

/// Why a body is not read to its end.
#[derive(Debug)]
enum Unread {
    TooLarge,
    NoRoom,
    CutOff,
}

/// Reads a whole body as text.
pub(super) async fn text(app: &App, mut body: Body) -> Result<WholeBody, Problem> {
    // What is announced to be too large is not waited for.
    if body.size_hint().lower() > DISCARDED_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let mut room = app.0.held.room();
    let late = async {
        app.0.shared.feed.ended().await;
        tokio::time::sleep(DRAIN_GRACE).await;
    };
    let read = tokio::select! {
        biased;
        read = whole(&mut body, &mut room) => read,
        () = late => return Err(Refusal::Draining.into()),
    };
    let problem = match read {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|error| no_text(error.as_bytes()))?;
            return Ok(WholeBody { text, _room: room });
        }
        Err(Unread::CutOff) => {
            return Err(Problem::malformed("the body ended before it was whole"));
        }
        Err(Unread::TooLarge) => too_large(),
        Err(Unread::NoRoom) => Problem::no_room(),
    };
    drop(room);
    let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard(body)).await;
    Err(problem)
}

/// Copied out of the connection's buffer, of which a piece of a few bytes would keep the whole.
async fn whole(body: &mut Body, room: &mut Room) -> Result<Vec<u8>, Unread> {
    // It may not be, as of a body in chunks.
    let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let announced = announced.unwrap_or(BODY_BYTES_MAX);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::CutOff)?.into_data() else { continue };
        let needed = bytes.len() + data.len();
        if needed > BODY_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        if needed > bytes.capacity() {
            let capacity = needed.max(announced.min(2 * bytes.len()));
            room.grow(capacity).map_err(|NoRoom| Unread::NoRoom)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
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

/// Reads a JSON body.
pub(super) async fn json<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    BodyKind::of(headers, &[BodyKind::Json])?;
    parse(&text(app, body).await?)
}

/// Reads a JSON text; a fault has the pointer of its field.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader);
    let Object(value) = read.map_err(|error| {
        let pointer = problem::pointer(&error.path().to_string());
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::invalid_field(pointer, wording::of_json_field(&inner))
        } else {
            Problem::malformed(format!("the body is not JSON: {}", wording::of_json(&inner)))
        }
    })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => {
            let why = wording::of_json(&error);
            Err(Problem::malformed(format!("the body is not JSON: {why}")))
        }
    }
}
