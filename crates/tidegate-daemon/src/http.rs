//! The HTTP interface.

mod asked;
mod assignments;
mod body;
mod code;
mod connection_state;
mod events;
mod experiments;
mod figures;
mod front;
#[cfg(test)]
mod fuzzing;
mod guard;
mod head_timer;
mod health;
mod held;
mod json;
mod listener;
mod observations;
mod ofrep;
mod openapi;
mod pages;
mod problem;
mod prompts;
mod refetch;
mod review;
mod write_stall;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post, put};
use tokio::sync::oneshot;

use crate::config::TimeSource;
use crate::driver::{DriverCommand, Reply};
use crate::published::View;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::tokens::WatchedTokens;

pub(crate) use front::Front;
pub(crate) use held::Held;
pub use listener::TlsError;
pub(crate) use listener::{Listening, tls};
#[cfg(feature = "openapi")]
pub use openapi::document as openapi_document;
pub(crate) use pages::{Encrypted, Sessions};
use problem::Problem;
pub(crate) use refetch::Address;

/// What every handler has.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: SyncSender<DriverCommand>,
    pub(crate) tokens: Option<WatchedTokens>,
    /// Names this daemon may be called by, in small letters.
    pub(crate) hosts: Vec<String>,
    pub(crate) time: TimeSource,
    pub(crate) held: Held,
    /// How long a stream of events may be silent.
    pub(crate) heartbeat: Duration,
    /// Where OpenFeature's clients are told to ask again.
    pub(crate) refetch: Address,
    /// Begins every request id of this process.
    pub(crate) request_id_prefix: u64,
    pub(crate) request_count: std::sync::atomic::AtomicU64,
    /// Who has signed in at the page.
    pub(crate) sessions: Sessions,
    pub(crate) encrypted: Encrypted,
    /// Free disk below which no observation is taken in.
    pub(crate) disk_reserve_bytes: u64,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Gives the driver a command and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> DriverCommand) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        match answer.await {
            Ok(result) => result.map_err(Problem::from),
            Err(_) => Err(self.no_answer()),
        }
    }

    /// Looks at the rollouts.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(View<'_>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.send(DriverCommand::Read(Box::new(move |view| {
            // The request may have been given up.
            let _ = reply.send(look(view));
        })))?;
        answer.await.map_err(|_| self.no_answer())
    }

    fn send(&self, command: DriverCommand) -> Result<(), Problem> {
        self.0.commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(_) => Refusal::Busy.into(),
            TrySendError::Disconnected(_) => Refusal::Draining.into(),
        })
    }

    /// Why the daemon cannot answer now, or else `otherwise`: what is not read yet is not unknown.
    fn refusal_or(&self, otherwise: Refusal) -> Refusal {
        self.0.shared.readiness.borrow().refusal().unwrap_or(otherwise)
    }

    /// A list that may be told: an empty one only once the journal was read, as none is known before.
    fn known<T>(&self, list: Vec<T>) -> Result<Vec<T>, Problem> {
        match self.0.shared.readiness.borrow().refusal() {
            Some(refusal) if list.is_empty() => Err(refusal.into()),
            Some(_) | None => Ok(list),
        }
    }

    /// Why the driver dropped a command.
    fn no_answer(&self) -> Problem {
        self.refusal_or(Refusal::StoreUnavailable("the journal failed".to_owned())).into()
    }
}

/// Every path.
fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::serve))
        .route("/v1/experiments", get(experiments::list))
        .route(
            "/v1/experiments/{key}",
            get(experiments::show).put(experiments::define).delete(experiments::deletion::delete),
        )
        .route("/v1/experiments/{key}/actions", post(experiments::act))
        .route("/v1/experiments/{key}/status", get(experiments::status))
        .route("/v1/experiments/{key}/doctor", get(experiments::diagnose))
        .route("/v1/experiments/{key}/history", get(experiments::history))
        .route("/v1/experiments/{key}/series", get(figures::series))
        .route("/v1/experiments/{key}/cameras", get(figures::cameras))
        .route("/v1/experiments/{key}/scores", get(figures::scores))
        .route("/v1/experiments/{key}/check", post(experiments::check))
        .route("/v1/experiments/{key}/review", get(review::show))
        .route("/v1/experiments/{key}/review/next", get(review::next))
        .route("/v1/experiments/{key}/review/answers", post(review::answer))
        .route("/v1/experiments/{key}/assignments", post(assignments::many))
        .route("/v1/experiments/{key}/assignments/{camera_id}", get(assignments::one))
        .route(
            "/v1/experiments/{key}/overrides/{camera_id}",
            put(experiments::set_override).delete(experiments::clear_override),
        )
        .route("/v1/prompts", get(prompts::list).post(prompts::create))
        .route("/v1/prompts/{name}", get(prompts::show))
        .route("/v1/prompts/{name}/versions", get(prompts::versions).post(prompts::add_version))
        .route("/v1/prompts/{name}/versions/{version}", get(prompts::version))
        .route(
            "/v1/prompts/{name}/labels/{label}",
            put(prompts::labels::move_label).delete(prompts::labels::remove_label),
        )
        .route("/v1/prompts/{name}/labels/{label}/history", get(prompts::labels::label_history))
        .route("/v1/prompts/{name}/diff", get(prompts::difference))
        .route("/v1/prompts/{name}/export", get(prompts::transfer::export))
        .route("/v1/prompts/{name}/import", post(prompts::transfer::import))
        .route("/v1/observations", post(observations::observe))
        .route("/v1/events", get(events::stream))
        .route("/ofrep/v1/evaluate/flags", post(ofrep::all))
        // Clients do not escape a key's `/`.
        .route("/ofrep/v1/evaluate/flags/{*key}", post(ofrep::one))
        .route("/ofrep/v1/events", get(refetch::stream));
    if app.0.time == TimeSource::Driven {
        router = router.route("/v1/time", post(health::set_time));
    }
    pages::routes(router)
        // Before the fallback, so that a method that a path does not know is answered as such.
        .route_layer(axum::middleware::from_fn(asked::refuse_unread_query))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
