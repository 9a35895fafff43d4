//! The pages: what a browser is shown, who signs in there, and what they do.

mod act;
mod course;
mod form;
mod lock_out;
mod prompt;
mod rollout;
mod sessions;
mod sign_in;
mod waiting;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::Phase;
use tidegate_engine::time::Duration;
use tidegate_page::asset::{self, Asset};
use tidegate_page::{DaemonHealth, MayAct, NotRendered, PageFrame, Visitor};
use tidegate_spec::api::EventType;

use super::App;
use super::code::Code;
use super::problem::Problem;
use crate::driver::CLOCK_BEHIND_TOLD;
use crate::published::View;
use crate::tokens::{Access, Scope};

pub(crate) use sessions::{Encrypted, Sessions};
pub(super) use sign_in::PeerAddress;

/// What a page may load, and from where: only what this daemon serves, and nothing that stands in the page itself.
const POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
);
/// A browser names the origin of a form, which is checked, and tells nobody else where its reader was.
const REFERRER: (HeaderName, HeaderValue) =
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
const HTML: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
/// What is named by its content never changes.
pub(super) const IMMUTABLE: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");

/// Every page, beside the paths of the interface.
pub(super) fn routes(mut router: Router<App>) -> Router<App> {
    for asset in asset::ALL {
        router = router.route(asset.path, get(move || std::future::ready(file(asset))));
    }
    router
        .route("/", get(rollout::overview))
        .route("/experiments/{key}", get(rollout::rollout))
        .route("/experiments/{key}/act", get(act::confirm).post(act::act))
        .route("/prompts", get(prompt::list))
        .route("/prompts/{name}", get(prompt::prompt))
        .route("/prompts/{name}/versions/{version}", get(prompt::version))
        .route("/prompts/{name}/diff", get(prompt::difference))
        .route("/sign-in", get(sign_in::ask))
        .route("/session", post(sign_in::begin))
        .route("/session/end", post(sign_in::end))
}

/// The pages that read a query.
pub(super) const WITH_QUERY: [&str; 5] =
    ["/", "/experiments/{key}", "/experiments/{key}/act", "/prompts/{name}/diff", "/sign-in"];

/// Whether a page is asked for, which says what is wrong in a page too.
pub(super) fn is_at(path: &str) -> bool {
    path == "/"
        || ["/experiments/", "/prompts/", "/assets/"].iter().any(|folder| path.starts_with(folder))
        || ["/prompts", "/sign-in", "/session", "/session/end"].contains(&path)
}

/// Whether somebody confirms an action.
pub(super) fn is_confirmation(method: &Method, path: &str) -> bool {
    method == Method::POST && path.starts_with("/experiments/") && path.ends_with("/act")
}

/// Whether anybody may ask for it: whoever is to sign in, has not.
pub(super) fn is_open(path: &str) -> bool {
    path.starts_with("/assets/") || ["/sign-in", "/session", "/session/end"].contains(&path)
}

/// Whether a session may stand for a token: on pages, and on the events that they follow.
pub(super) fn takes_session(path: &str) -> bool {
    is_at(path) || path == "/v1/events"
}

fn file(asset: Asset) -> Response {
    let kind = HeaderValue::from_static(asset.content_type);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, IMMUTABLE)], asset.bytes)
        .into_response()
}

/// Reads bytes as every form and as a cookie.
#[cfg(test)]
pub(super) fn read_whatever(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(form::parse::<act::ActForm>(&text));
    drop(form::parse::<sign_in::SignIn>(&text));
    drop(form::parse::<sign_in::SignOut>(&text));
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        headers.insert(header::COOKIE, value);
    }
    let secret = sessions::cookie(&headers);
    assert!(secret.is_none_or(|secret| secret.len() == 64));
    let escaped = form::escaped(&text);
    assert!(escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
}

/// A page that was written.
fn html(status: StatusCode, page: Result<String, NotRendered>) -> Result<Response, Problem> {
    let page = page.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok((status, [HTML, POLICY, REFERRER], page).into_response())
}

/// Leads a browser elsewhere, to be asked for by GET.
fn lead_to(path: &str) -> Response {
    let path = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)], [POLICY, REFERRER]).into_response()
}

/// Writes a page on a thread of its own: others share this one, which answers cameras.
async fn rendered(
    write: impl FnOnce() -> Result<String, NotRendered> + Send + 'static,
) -> Result<Response, Problem> {
    let written = tokio::task::spawn_blocking(write).await;
    html(StatusCode::OK, written.map_err(|error| Problem::new(Code::Internal, error.to_string()))?)
}

/// Says what is wrong in a page, or leads whoever has not signed in to where that is done.
pub(super) fn fault(
    app: &App,
    (method, uri): (&Method, &Uri),
    headers: &HeaderMap,
    problem: &Problem,
    request_id: &str,
) -> Response {
    let looks = [Method::GET, Method::HEAD].contains(method);
    if problem.code() == Code::Unauthorized && looks {
        let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
        return lead_to(&format!("/sign-in?to={}", form::escaped(wanted)));
    }
    let frame = FrameNow::published(app).frame(app, headers);
    let (status, code) = (problem.code().status(), problem.code().name().replace('_', " "));
    let page = tidegate_page::fault(&frame, &code, &problem.sentences(), request_id);
    html(status, page).unwrap_or_else(|_| status.into_response())
}

/// What is around a page, as far as the engine knows it.
#[derive(Debug, Clone)]
struct FrameNow {
    under_way: Vec<String>,
    of_page: Option<String>,
    clock_behind: Duration,
}

impl FrameNow {
    /// As it was published last, where the engine may give no answer.
    fn published(app: &App) -> Self {
        let under_way = app.0.shared.published.load().under_way();
        let clock_behind = app.0.shared.metrics.clock_is_behind();
        Self { under_way, of_page: None, clock_behind }
    }

    /// Of a page about an experiment, which stands before all others.
    fn about(mut self, key: &ExperimentKey) -> Self {
        self.under_way.sort_by_key(|other| *other != key.as_str());
        self.of_page = Some(key.to_string());
        self
    }

    fn of(view: View<'_>) -> Self {
        let under_way = view.rollouts.iter().filter(|run| {
            let phase: Phase = run.rollout.lifecycle().state.phase;
            phase.is_under_way()
        });
        let under_way = under_way.map(|run| run.key.to_string()).collect();
        Self { under_way, of_page: None, clock_behind: view.clock_behind }
    }

    fn frame(self, app: &App, headers: &HeaderMap) -> PageFrame {
        let Self { under_way, of_page, clock_behind } = self;
        let names: Vec<&str> = EventType::asked_for().map(|(name, _)| name).collect();
        let event_types = names.join(" ");
        let health = health(app, clock_behind);
        let frame = |visitor, may_act, form_token| PageFrame {
            visitor,
            may_act,
            form_token,
            health,
            under_way,
            of_page,
            event_types,
        };
        let Some(tokens) = &app.0.tokens else {
            return frame(
                Visitor::Local,
                MayAct::Yes,
                app.0.sessions.local_form_token().to_owned(),
            );
        };
        let Some(session) = app.session(headers) else {
            return frame(Visitor::Stranger, MayAct::No, String::new());
        };
        let may_act = match tokens.access_of(&session.token, Scope::Admin) {
            Access::Allowed => MayAct::Yes,
            Access::Lacking | Access::Unknown => MayAct::No,
        };
        frame(Visitor::SignedIn { name: session.name }, may_act, session.form_token)
    }
}

/// How the daemon is: its journal, its clock, its disk.
fn health(app: &App, clock_behind: Duration) -> DaemonHealth {
    let mut sentences = Vec::new();
    if let Some(refusal) = app.0.shared.readiness.borrow().refusal() {
        sentences.push(refusal.to_string());
    } else {
        sentences.extend(app.0.shared.metrics.low_disk(app.0.disk_reserve_bytes));
    }
    if clock_behind >= CLOCK_BEHIND_TOLD {
        sentences.push(format!(
            "The machine's clock is {:.1} h behind the journal's newest entry; time stands still until it has caught up",
            clock_behind.hours()
        ));
    }
    if sentences.is_empty() { DaemonHealth::Well } else { DaemonHealth::Unwell(sentences) }
}
