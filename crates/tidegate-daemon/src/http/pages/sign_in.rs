//! A token is exchanged for a session.

use std::net::IpAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tidegate_engine::event::Actor;

use super::sessions::{self, LASTS_SECONDS};
use super::{App, FrameNow, form, html, lead_to};
use crate::http::asked;
use crate::http::code::Code;
use crate::http::problem::Problem;
use crate::tokens::{Access, Scope, TokenDigest};

/// Whose request it is, as far as the network says.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct PeerAddress(pub(in crate::http) IpAddr);

/// Where it leads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    to: Option<String>,
}

/// Asks for a token.
pub(super) async fn ask(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let to = asked::query(asked)?.to.unwrap_or_default();
    let to = within(&to);
    if app.0.tokens.is_none() {
        return Ok(lead_to("/"));
    }
    let frame = FrameNow::published(&app).frame(&app, &headers);
    html(StatusCode::OK, tidegate_page::sign_in(&frame, None, "", to))
}

/// What somebody signs in with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    name: String,
    token: String,
    #[serde(default)]
    to: String,
}

/// Begins a session.
pub(super) async fn begin(
    State(app): State<App>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let SignIn { name, token, to } = form::read(&app, &headers, body).await?;
    let Some(tokens) = &app.0.tokens else { return Ok(lead_to("/")) };
    // Without an address all are taken for one, which errs on the side of locking out.
    let from = peer.map_or(IpAddr::from([0, 0, 0, 0]), |Extension(PeerAddress(address))| address);
    let to = within(&to);
    let again = |status, fault: &str| {
        let frame = FrameNow::published(&app).frame(&app, &HeaderMap::new());
        html(status, tidegate_page::sign_in(&frame, Some(fault), &name, to))
    };
    if let Some(seconds) = app.0.sessions.seconds_locked_out(from) {
        let minutes = (seconds / 60.0).ceil();
        let fault = format!(
            "Too many tokens that are not known came from your address; try again in {minutes:.0} minutes."
        );
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, &fault)?;
        if let Ok(seconds) = HeaderValue::try_from(format!("{:.0}", seconds.ceil())) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        return Ok(response);
    }
    if let Err(fault) = Actor::new(&name) {
        return again(StatusCode::UNPROCESSABLE_ENTITY, &fault.to_string());
    }
    let token = TokenDigest::of(token.trim());
    let access = tokens.access_of(&token, Scope::Read);
    app.0.sessions.tried(from, access);
    match access {
        Access::Unknown => {
            tracing::warn!(%from, "a token that is not known was tried at the page");
            return again(StatusCode::UNAUTHORIZED, "This token is not known here.");
        }
        Access::Lacking => {
            let fault = "This token may not look: it lacks the scope `read`.";
            return again(StatusCode::FORBIDDEN, fault);
        }
        Access::Allowed => {}
    }
    let secret = app.0.sessions.begin(token, name.clone());
    let secret = secret.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    tracing::info!(%from, name, "somebody signed in at the page");
    Ok(with_cookie(&app, lead_to(to), &secret, LASTS_SECONDS))
}

/// What our own page sends to end a session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOut {
    form_token: String,
}

/// Ends a session.
pub(super) async fn end(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let SignOut { form_token } = form::read(&app, &headers, body).await?;
    if app.is_our_form(&headers, &form_token) {
        app.0.sessions.end(&headers);
    }
    Ok(with_cookie(&app, lead_to("/sign-in"), "", 0))
}

fn with_cookie(app: &App, mut response: Response, value: &str, lasts_seconds: u32) -> Response {
    let cookie = sessions::cookie_header(value, lasts_seconds, app.0.encrypted);
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The way to a page of this daemon; to the first one where it leads elsewhere.
fn within(to: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let is_ours = to.starts_with('/') && !to.starts_with("//") && to.bytes().all(plain);
    if is_ours { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_nowhere_else() {
        for ours in ["/", "/experiments/door?before=3", "/prompts/a%2Fb"] {
            assert_eq!(within(ours), ours);
        }
        for other in
            ["", "//else.where", "/\\else.where", "https://else.where/", "/a\r\nb", "/a b", "/é"]
        {
            assert_eq!(within(other), "/", "{other}");
        }
    }
}
