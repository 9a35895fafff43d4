//! The event stream of OpenFeature's protocol: tells a client that keeps all flags to ask for them again.
//!
//! It says that the table changed and nothing of what is in it, so it is opened by a ticket in the
//! address, where the token does not fit: a browser's `EventSource` sends no headers of its own.

use std::fmt::Write as _;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::events::{LAST_EVENT_ID, RETRY, permit, streamed};
use super::problem::Problem;
use super::{App, asked};
use crate::published::TableVersion;

const PATH: &str = "/ofrep/v1/events";
const TICKET: &str = "ticket=";
/// Where a client finds the stream of this process.
#[derive(Debug)]
pub(crate) struct Address(String);

impl Address {
    /// The address with a ticket, or, where nobody needs a token, without.
    pub(crate) fn new(ticket: Option<[u8; 32]>) -> Self {
        let mut address = PATH.to_owned();
        if let Some(ticket) = ticket {
            address.push('?');
            address.push_str(TICKET);
            for byte in ticket {
                // Text takes whatever is written to it.
                let _ = write!(address, "{byte:02x}");
            }
        }
        Self(address)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request comes with the ticket.
    pub(super) fn is(&self, uri: &Uri) -> bool {
        let own = self.0.split_once('?').and_then(|(_, query)| ticket(query));
        match (own, uri.query().and_then(ticket)) {
            (Some(own), Some(asked)) if uri.path() == PATH => {
                bool::from(asked.as_bytes().ct_eq(own.as_bytes()))
            }
            _ => false,
        }
    }
}

fn ticket(query: &str) -> Option<&str> {
    query.strip_prefix(TICKET)
}

/// What the address says, where a ticket opens the stream: the guard looks at it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefetchQuery {
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

/// Tells a client of OpenFeature's protocol when to ask for every flag again.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/ofrep/v1/events", operation_id = "stream_refetches", tag = "openfeature",
    responses((status = 200, body = ref("#/components/schemas/StreamedRefetch"), content_type = "text/event-stream", description = "Server-sent events of the type `refetchEvaluation`.")),
    extensions(("x-problems" = json!(["too_many_streams"]))),
))]
pub(super) async fn stream(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Query<RefetchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    asked::query(asked)?;
    let shared = &app.0.shared;
    let permit = permit(shared)?;
    let known = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let streaming = RefetchStreaming {
        shown: shared.published.watch(),
        known: known.map(str::to_owned),
        opening: Opening::Due,
        app: app.clone(),
        _permit: permit,
    };
    Ok(streamed(unfold(streaming, |mut streaming| async {
        let event = streaming.next().await?;
        Some((Ok(event), streaming))
    })))
}

/// Whether a client was told how soon to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Due,
    Done,
}

/// One open stream.
struct RefetchStreaming {
    shown: watch::Receiver<TableVersion>,
    /// The event that the client has.
    known: Option<String>,
    opening: Opening,
    app: App,
    /// Given back when the stream ends.
    _permit: OwnedSemaphorePermit,
}

/// What an event says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefetchData<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    etag: &'a str,
    last_modified: i64,
}

impl RefetchStreaming {
    /// A client that has none yet may have missed one since it asked for all flags, so it is told at once.
    async fn next(&mut self) -> Option<Event> {
        let shared = self.app.0.shared.clone();
        loop {
            let shown = *self.shown.borrow_and_update();
            let id = format!("{:016x}-{}", self.app.0.request_id_prefix, shown.number);
            if self.known.as_deref() != Some(&*id) {
                let event = event(&id, shown);
                self.known = Some(id);
                self.opening = Opening::Done;
                return Some(event);
            }
            if self.opening == Opening::Due {
                self.opening = Opening::Done;
                return Some(Event::default().retry(RETRY).comment(""));
            }
            tokio::select! {
                changed = self.shown.changed() => changed.ok()?,
                () = shared.feed.ended() => return None,
                () = tokio::time::sleep(self.app.0.heartbeat) => {
                    return Some(Event::default().comment(""));
                }
            }
        }
    }
}

fn event(id: &str, shown: TableVersion) -> Event {
    let last_modified = shown.at.ms().div_euclid(1_000);
    let data = RefetchData { kind: "refetchEvaluation", etag: id, last_modified };
    // Text and a whole number are always JSON.
    let data = serde_json::to_string(&data).unwrap_or_default();
    Event::default().id(id).event("message").retry(RETRY).data(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_the_stream_and_nothing_else() {
        let address = Address::new(Some([0xab; 32]));
        let is = |uri: &str| address.is(&uri.parse().unwrap());
        let ticket = "ab".repeat(32);
        assert_eq!(address.as_str(), format!("{PATH}?ticket={ticket}"));
        assert!(is(address.as_str()));
        for other in [
            PATH.to_owned(),
            format!("{PATH}?ticket="),
            format!("{PATH}?ticket={}", "AB".repeat(32)),
            format!("{PATH}?ticket={}", "ab".repeat(31)),
            format!("{PATH}?ticket={ticket}0"),
            format!("{PATH}?ticket={ticket}&more=1"),
            format!("/v1/experiments?ticket={ticket}"),
            format!("/ofrep/v1/evaluate/flags?ticket={ticket}"),
        ] {
            assert!(!is(&other), "{other}");
        }
        let open = Address::new(None);
        assert_eq!(open.as_str(), PATH);
        assert!(
            !open.is(&PATH.parse().unwrap())
                && !open.is(&format!("{PATH}?ticket=").parse().unwrap())
        );
    }
}
