//! What every request passes: its name, its host, its origin, its token, its time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::code::Code;
use super::problem::Problem;
use super::{App, events, ofrep, pages};
use crate::clock::Stopwatch;
use crate::tokens::{Access, Scope};

/// The whole time of a request, its body included.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// Headers a request may have.
const HEADERS_MAX: usize = 64;
/// Bytes that the request line and the headers may have.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_LEN_MAX: usize = 64;
/// How old what a node that follows shows may be.
const LAG_MS: HeaderName = HeaderName::from_static("x-tidegate-lag-ms");
/// Headers that count once: of two, the one that counts here need not be the one that a proxy looked at.
const SINGLE: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ORIGIN,
    ofrep::API_KEY,
    events::LAST_EVENT_ID,
];

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let request_id = request_id(&app, request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // What says what is wrong in a page has to know whom to.
    let of_page = pages::is_at(&path).then(|| (request.uri().clone(), request.headers().clone()));
    let checked = check(&app, request.method(), request.uri(), request.headers());
    let answered = if let Err(problem) = checked {
        Ok(problem.into_response())
    } else {
        let answer = async {
            // A look may give much, and waits for nothing that a client does.
            let looks = [Method::GET, Method::HEAD].contains(&method);
            let _turn = if looks { app.0.held.turn().await } else { None };
            next.run(request).await
        };
        tokio::time::timeout(REQUEST_TIME_MAX, answer).await
    };
    let mut response = answered.unwrap_or_else(|_| {
        let detail = "the request did not arrive, or was not answered, within 30 seconds";
        Problem::new(Code::RequestTimeout, detail).into_response()
    });
    let mut code = None;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        code = Some(problem.code().name());
        if problem.is_fault_of_ours() {
            tracing::error!(request_id, %method, path, ?problem, "a fault of the daemon");
        }
        let allow = response.headers_mut().remove(header::ALLOW);
        response = if ofrep::is_at(&path) {
            problem.ofrep_response(None)
        } else if let Some((uri, headers)) = &of_page {
            pages::fault(&app, (&method, uri), headers, &problem, &request_id)
        } else {
            problem.response(&request_id)
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let answered = Answered { request_id, method: &method, path: &path, code };
    answered.finish(&app, watch, &mut response);
    response
}

/// What is known of an answered request.
pub(super) struct Answered<'a> {
    pub(super) request_id: String,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    /// The code of the problem, if it is one.
    pub(super) code: Option<&'static str>,
}

impl Answered<'_> {
    /// Counts and logs the answer, and gives it what every answer has.
    pub(super) fn finish<B>(self, app: &App, watch: Stopwatch, response: &mut Response<B>) {
        let Self { request_id, method, path, code } = self;
        let (status, seconds) = (response.status().as_u16(), watch.seconds());
        app.0.shared.metrics.requested(method.as_str(), status, seconds);
        tracing::debug!(request_id, %method, path, status, code, seconds, "answered");
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if headers.get(header::CACHE_CONTROL) != Some(&pages::IMMUTABLE) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(lag_ms) = app.0.shared.node.lag_ms() {
            headers.insert(LAG_MS, HeaderValue::from(lag_ms));
        }
    }
}

/// The id a client gave, if it is a plain one, or our own.
pub(super) fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match given {
        Some(id) if (1..=REQUEST_ID_LEN_MAX).contains(&id.len()) && id.bytes().all(plain) => {
            id.to_owned()
        }
        Some(_) | None => {
            let number = app.0.request_count.fetch_add(1, Ordering::Relaxed);
            format!("{:08x}-{number:x}", app.0.request_id_prefix & 0xffff_ffff)
        }
    }
}

/// Whether a request may be answered at all.
pub(super) fn check(
    app: &App,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    check_head(method, uri, headers)?;
    check_single(headers)?;
    check_transfer_coding(headers)?;
    let host = check_host(app, uri, headers)?;
    check_origin(host, headers)?;
    let (Some(tokens), Some(scope)) = (&app.0.tokens, scope_of(method, uri.path())) else {
        return Ok(());
    };
    if app.0.refetch.is(uri) {
        return Ok(());
    }
    let token = bearer(headers).or_else(|| ofrep::api_key(uri.path(), headers));
    let access = match token {
        Some(token) => tokens.access(token, scope),
        None if pages::takes_session(uri.path()) => app.session_access(headers, scope),
        None => Access::Unknown,
    };
    match access {
        Access::Allowed => Ok(()),
        // Nothing is done without a session, but what somebody wrote is kept while they sign in again.
        Access::Unknown if token.is_none() && pages::is_confirmation(method, uri.path()) => Ok(()),
        Access::Unknown => {
            let detail = "send a token that is known as `Authorization: Bearer TOKEN`";
            Err(Problem::new(Code::Unauthorized, detail))
        }
        Access::Lacking => {
            let detail = format!("the token lacks the scope `{}`", scope.as_str());
            Err(Problem::new(Code::Forbidden, detail))
        }
    }
}

fn check_head(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = method.as_str().len() + target;
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let (count, bytes) = (headers.len(), line + bytes.sum::<usize>());
    if count <= HEADERS_MAX && bytes <= HEAD_BYTES_MAX {
        return Ok(());
    }
    let detail = format!(
        "{count} headers and {bytes} bytes of head, allowed: {HEADERS_MAX} headers and {HEAD_BYTES_MAX} bytes"
    );
    Err(Problem::new(Code::HeadersTooLarge, detail))
}

fn check_single(headers: &HeaderMap) -> Result<(), Problem> {
    // Most requests name no header twice.
    if headers.keys_len() == headers.len() {
        return Ok(());
    }
    let twice = SINGLE.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some());
    twice.map_or(Ok(()), |name| {
        let detail = format!("`{name}` is there more than once, allowed: once");
        Err(Problem::new(Code::InvalidHeader, detail))
    })
}

/// hyper takes a body whose last coding is `chunked` and leaves those before it as they are.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return Ok(());
    }
    let detail = "the transfer coding is not known, allowed: chunked";
    Err(Problem::new(Code::UnsupportedTransferCoding, detail))
}

/// A page in a browser that was led here by another name (DNS rebinding) is turned away.
fn check_host<'a>(app: &App, uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let host = uri.host().map(|_| uri.authority().map_or("", |authority| authority.as_str()));
    let host = host.or_else(|| headers.get(header::HOST).and_then(|value| value.to_str().ok()));
    let host = host.unwrap_or("");
    let name = without_port(host);
    // Of two, the one that is looked at here need not be the one that a proxy looked at.
    let one = headers.get_all(header::HOST).iter().count() <= 1;
    if one && app.0.hosts.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        Ok(host)
    } else {
        let shown: String = name.chars().take(80).flat_map(char::escape_default).collect();
        let detail = format!("`{shown}` is not one of this daemon's names; see allowed_hosts");
        Err(Problem::new(Code::UnknownHost, detail))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// A browser names the origin of a page that sends a request; only our own may.
fn check_origin(host: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
        Ok(())
    } else {
        let detail = "requests of pages from another origin are not answered";
        Err(Problem::new(Code::ForeignOrigin, detail))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a request needs to be allowed; nothing for the two that say whether the daemon lives.
pub(super) fn scope_of(method: &Method, path: &str) -> Option<Scope> {
    match path {
        "/healthz" | "/readyz" => None,
        _ if pages::is_open(path) => None,
        // It asks for nothing but to act.
        _ if path.starts_with("/experiments/") && path.ends_with("/act") => Some(Scope::Admin),
        "/v1/observations" => Some(Scope::Record),
        _ if path.starts_with("/v1/experiments/")
            && (path.ends_with("/review")
                || path.ends_with("/review/next")
                || path.ends_with("/review/answers")) =>
        {
            Some(Scope::Review)
        }
        _ if method == Method::GET || method == Method::HEAD => Some(Scope::Read),
        _ if method == Method::POST
            && (path.ends_with("/check")
                || path.ends_with("/assignments")
                || ofrep::is_at(path)) =>
        {
            Some(Scope::Read)
        }
        _ => Some(Scope::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_something_needs_admin() {
        assert_eq!(scope_of(&Method::GET, "/healthz"), None);
        assert_eq!(scope_of(&Method::GET, "/v1/experiments"), Some(Scope::Read));
        assert_eq!(scope_of(&Method::POST, "/v1/observations"), Some(Scope::Record));
        assert_eq!(scope_of(&Method::POST, "/v1/experiments/e/check"), Some(Scope::Read));
        for path in ["review", "review/next", "review/answers"] {
            let path = format!("/v1/experiments/e/{path}");
            assert_eq!(scope_of(&Method::GET, &path), Some(Scope::Review));
            assert_eq!(scope_of(&Method::POST, &path), Some(Scope::Review));
        }
        assert_eq!(scope_of(&Method::POST, "/ofrep/v1/evaluate/flags"), Some(Scope::Read));
        assert_eq!(scope_of(&Method::POST, "/ofrep/v1/evaluate/flags/e"), Some(Scope::Read));
        assert_eq!(scope_of(&Method::POST, "/v1/experiments/e/actions"), Some(Scope::Admin));
        assert_eq!(scope_of(&Method::PUT, "/v1/experiments/check"), Some(Scope::Admin));
        assert_eq!(scope_of(&Method::POST, "/v1/time"), Some(Scope::Admin));
        assert_eq!(scope_of(&Method::DELETE, "/anything"), Some(Scope::Admin));
    }

    #[test]
    fn a_host_is_compared_without_its_port() {
        assert_eq!(without_port("localhost:80"), "localhost");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("gate.internal"), "gate.internal");
    }
}
