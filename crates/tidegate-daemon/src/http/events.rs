//! The stream of events, as server-sent events: whoever reads resumes after the last one it knows.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{self, EventType};
use tokio::sync::OwnedSemaphorePermit;

#[cfg(feature = "openapi")]
use tidegate_spec::api::schema;

use super::code::Code;
use super::problem::Problem;
use super::{App, asked};
use crate::feed::{EventFilter, Head, Reader, ReaderNext};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::tokens::{Access, Scope};

/// How long a client is asked to wait before it comes again.
pub(super) const RETRY: Duration = Duration::from_secs(2);
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells a proxy to hand on what comes as it comes.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// Only events of this experiment.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::Id>))]
    experiment: Option<String>,
    /// Only events of these types.
    #[cfg_attr(feature = "openapi", param(value_type = Option<schema::EventTypes>))]
    types: Option<String>,
    /// The last event that is known; the header counts before it.
    #[cfg_attr(feature = "openapi", param(pattern = "^[0-9]{1,19}$"))]
    last_event_id: Option<String>,
    /// `false` for a stream that ends behind what is there.
    follow: Option<bool>,
}

/// Streams events: from now on, or after the one that is known.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/events", operation_id = "stream_events", tag = "events",
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, pattern = "^[0-9]{1,19}$", description = "The last event that is known."),
    ),
    responses((status = 200, body = ref("#/components/schemas/StreamedEvent"), content_type = "text/event-stream", description = "Server-sent events; the data of each is an `Event`, its name the event's type.")),
    extensions(("x-problems" = json!(["standing", "too_many_streams"]))),
))]
pub(super) async fn stream(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let asked = asked::query(asked)?;
    let wanted = wanted(&asked)?;
    let known = last_known(&headers, &asked)?;
    let shared = app.0.shared.clone();
    let after = match (shared.feed.head(), known) {
        (Head::At(_), Some(known)) => known,
        (Head::At(last), None) => last,
        (Head::Unread, _) => return Err(app.refusal_or(Refusal::Recovering).into()),
        (Head::Ended, _) => return Err(Refusal::Draining.into()),
    };
    let permit = permit(&shared)?;
    let session = app.session(&headers).map(|_| (app.clone(), headers));
    let reader = Reader::new(shared.feed.clone(), shared.clock.clone(), wanted, after);
    let streaming = EventsStreaming {
        reader,
        heartbeat: app.0.heartbeat,
        said: StreamCursor::Nothing,
        end: if asked.follow == Some(false) { StreamEnd::CaughtUp } else { StreamEnd::Never },
        session,
        _permit: permit,
    };
    Ok(streamed(unfold(streaming, |mut streaming| async {
        let event = streaming.next().await?;
        Some((Ok(event), streaming))
    })))
}

/// Leave to hold a stream open, of which there is only so much.
pub(super) fn permit(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = shared.feed.streams.clone().try_acquire_owned();
    permit.map_err(|_| Problem::too_many_streams())
}

/// Marks an answer that has no end of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streamed;

/// An answer that goes on for as long as there are events.
pub(super) fn streamed(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let mut response = Sse::new(events).into_response();
    // Nothing comes after it on its connection, which has a place among streams alone.
    let close = (header::CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().extend([UNBUFFERED, close]);
    response.extensions_mut().insert(Streamed);
    response
}

fn wanted(asked: &EventsQuery) -> Result<EventFilter, Problem> {
    let key = |text: &String| {
        let key: Result<ExperimentKey, _> = text.parse();
        key.map_err(|error| Problem::invalid_query(format!("experiment: {error}")))
    };
    let experiments = asked.experiment.as_ref().map(key).transpose()?.into_iter().collect();
    let names = asked.types.iter().flat_map(|types| types.split(','));
    let kinds = names.map(|name| {
        let kind = EventType::asked_for().find(|(known, _)| *known == name);
        kind.map(|(_, kind)| kind).ok_or_else(|| {
            let allowed: Vec<&str> = EventType::asked_for().map(|(name, _)| name).collect();
            let (shown, allowed) = (api::quoted(name), allowed.join(","));
            Problem::invalid_query(format!("types: {shown} is not allowed, allowed: {allowed}"))
        })
    });
    Ok(EventFilter { experiments, kinds: kinds.collect::<Result<_, _>>()? })
}

/// The last event that the client knows. A browser that connects again keeps the query it began with, so the
/// header counts before it.
fn last_known(headers: &HeaderMap, asked: &EventsQuery) -> Result<Option<u64>, Problem> {
    let allowed = "allowed: the id of an event, a whole number";
    let asked = asked.last_event_id.as_ref().map(|text| {
        number(text).ok_or_else(|| {
            let shown = api::quoted(text);
            Problem::invalid_query(format!("last_event_id: {shown} is not valid, {allowed}"))
        })
    });
    let asked = asked.transpose()?;
    if let Some(value) = headers.get(LAST_EVENT_ID) {
        let id = value.to_str().ok().and_then(number);
        return id.map(Some).ok_or_else(|| {
            let detail = format!("Last-Event-ID is not valid, {allowed}");
            Problem::new(Code::InvalidHeader, detail)
        });
    }
    Ok(asked)
}

/// A whole number in digits alone; Rust's own reading takes a sign too.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// What a stream has said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamCursor {
    Nothing,
    /// That whoever has it is at this place.
    Place(u64),
}

/// When a stream ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    Never,
    CaughtUp,
}

/// One open stream.
struct EventsStreaming {
    reader: Reader,
    heartbeat: Duration,
    said: StreamCursor,
    end: StreamEnd,
    /// Where a session stands for a token: the stream ends with it.
    session: Option<(App, HeaderMap)>,
    /// Given back when the stream ends.
    _permit: OwnedSemaphorePermit,
}

impl EventsStreaming {
    async fn next(&mut self) -> Option<Event> {
        if self.said == StreamCursor::Nothing {
            // A client that is cut off before the first event resumes here all the same.
            return Some(self.place().retry(RETRY));
        }
        let next = match self.end {
            StreamEnd::Never => tokio::time::timeout(self.heartbeat, self.reader.next()).await,
            StreamEnd::CaughtUp => Ok(self.reader.look()),
        };
        if let Some((app, headers)) = &self.session
            && app.session_access(headers, Scope::Read) != Access::Allowed
        {
            return None;
        }
        match next {
            Ok(ReaderNext::Event(event)) => {
                self.said = StreamCursor::Place(event.id);
                let sent = Event::default().id(event.id.to_string());
                Some(sent.event(event.kind.as_str()).data(&event.json))
            }
            Ok(ReaderNext::Nothing | ReaderNext::Ended) => None,
            // The place moves on while nothing comes that is wanted; an event without data is none to a client.
            Err(_) if self.said == StreamCursor::Place(self.reader.place()) => {
                Some(Event::default().comment(""))
            }
            Err(_) => Some(self.place().comment("")),
        }
    }

    fn place(&mut self) -> Event {
        let place = self.reader.place();
        self.said = StreamCursor::Place(place);
        Event::default().id(place.to_string())
    }
}
