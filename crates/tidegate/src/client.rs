//! A small client of the daemon's HTTP interface.

pub(crate) mod error;
pub(crate) mod event_stream;
mod server;
mod token;

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_spec::api::{History, Problem, PromptDocument, Versions};
use tidegate_spec::wording;
use ureq::Agent;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use crate::environment::{self, Environment};
use crate::failure::Failure;
use error::{DaemonError, Refusal};
use server::{Server, Way, escaped};
use token::Token;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer is complete.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer read, in bytes: room for the definition with the longest lists of cameras.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Largest refusal of a stream read, in bytes.
const PROBLEM_BYTES_MAX: u64 = 1024 * 1024;
/// Largest certificate file read, in bytes.
const CA_BYTES_MAX: u64 = 1024 * 1024;

/// How to reach the daemon.
#[derive(Debug, Default, Args)]
pub(crate) struct ServerArgs {
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Daemon",
        help = "Where the daemon is [env: TIDEGATE_SERVER] [default: http://127.0.0.1:4780]"
    )]
    server: Option<Server>,
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Daemon",
        help = "The file that holds the token [env: TIDEGATE_TOKEN_FILE; the token itself: TIDEGATE_TOKEN]"
    )]
    token_file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Daemon",
        help = "The certificate of a private authority, PEM [env: TIDEGATE_CA]"
    )]
    ca: Option<PathBuf>,
}

/// What a request carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    /// `application/json`.
    Json(&'a [u8]),
    /// `application/toml`.
    Toml(&'a [u8]),
    /// `application/x-ndjson`: one JSON value a line.
    Ndjson(&'a [u8]),
}

/// Asks one daemon.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    server: Server,
    token: Option<Token>,
}

/// A page of a resource.
pub(crate) trait Page: DeserializeOwned {
    /// The resource, in messages.
    const OF: &'static str;

    /// The place that the page after this one begins behind; none at the end.
    fn next(&self) -> Option<&str>;
}

macro_rules! page {
    ($($type:ty, $of:literal;)*) => {$(
        impl Page for $type {
            const OF: &'static str = $of;

            fn next(&self) -> Option<&str> {
                self.next.as_deref()
            }
        }
    )*};
}

page! {
    History, "history";
    PromptDocument, "the export";
    Versions, "versions";
}

impl Client {
    /// A client as the arguments, or else the environment, want it.
    pub(crate) fn new(args: &ServerArgs, environment: &impl Environment) -> Result<Self, Failure> {
        Self::waiting(args, environment, REQUEST_TIMEOUT)
    }

    /// The same, which waits so long for an answer.
    pub(crate) fn waiting(
        args: &ServerArgs,
        environment: &impl Environment,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let server = match &args.server {
            Some(server) => server.clone(),
            None => match environment.text(environment::SERVER).map_err(Failure::BadInput)? {
                Some(text) => text.parse().map_err(|fault: String| {
                    Failure::BadInput(format!("{} {fault}", environment::SERVER))
                })?,
                None => Server::default(),
            },
        };
        let token = Token::find(args.token_file.as_deref(), environment)?;
        if token.is_some() && server.way() == Way::Open {
            return Err(Failure::BadInput(format!(
                "a token is not sent to {server} in the open, allowed: https, or this machine"
            )));
        }
        let ca = args.ca.clone().or_else(|| environment.variable(environment::CA).map(Into::into));
        let roots = ca.map(|ca| authorities(&ca)).transpose()?;
        Ok(Self { agent: agent(roots, timeout), server, token })
    }

    /// A client of a daemon that this process started on loopback.
    pub(crate) fn local(address: &str) -> Result<Self, Failure> {
        let server = address.parse().map_err(|fault: String| Failure::BadInput(fault))?;
        Ok(Self { agent: agent(None, REQUEST_TIMEOUT), server, token: None })
    }

    /// Reads a resource.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, DaemonError> {
        self.ask(Method::GET, &self.server.url(path), None)
    }

    /// Reads a page of a resource, after the place that the page before named. One that names the same place again
    /// would go on for ever.
    pub(crate) fn get_after<T: Page>(&self, path: &[&str], after: &str) -> Result<T, DaemonError> {
        let page: T = self.get_with(path, &[("after", after)])?;
        if page.next() == Some(after) {
            return Err(self.not_understood(format!("the same page of {} again", T::OF)));
        }
        Ok(page)
    }

    /// Reads a resource as parameters want it.
    pub(crate) fn get_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, DaemonError> {
        self.ask(Method::GET, &self.url_with(path, query), None)
    }

    /// Asks for something to be done as parameters want it.
    pub(crate) fn post_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<T, DaemonError> {
        self.ask(Method::POST, &self.url_with(path, query), Some(body))
    }

    /// Writes a resource as parameters want it.
    pub(crate) fn put_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<T, DaemonError> {
        self.ask(Method::PUT, &self.url_with(path, query), Some(body))
    }

    /// Takes a resource away as parameters want it.
    pub(crate) fn delete_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, DaemonError> {
        self.ask(Method::DELETE, &self.url_with(path, query), None)
    }

    fn url_with(&self, path: &[&str], query: &[(&str, &str)]) -> String {
        let mut url = self.server.url(path);
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&escaped(value));
        }
        url
    }

    /// Writes a resource.
    pub(crate) fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Body<'_>,
    ) -> Result<T, DaemonError> {
        self.ask(Method::PUT, &self.server.url(path), Some(body))
    }

    /// Asks for something to be done.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Body<'_>,
    ) -> Result<T, DaemonError> {
        self.ask(Method::POST, &self.server.url(path), Some(body))
    }

    /// Opens the stream of what happens, as parameters want it, after an event where one is known.
    pub(crate) fn events(
        &self,
        query: &[(&str, &str)],
        after: Option<&str>,
    ) -> Result<impl BufRead + use<>, DaemonError> {
        let url = self.url_with(&["v1", "events"], query);
        let response = self.stream(&url, after).map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        if !status.is_success() {
            let retry_after = retry_after(&response);
            let body = response.into_body().into_with_config().limit(PROBLEM_BYTES_MAX);
            let problem =
                body.read_to_vec().ok().and_then(|body| serde_json::from_slice(&body).ok());
            let refusal = Refusal { status: status.as_u16(), problem, retry_after };
            return Err(DaemonError::Refused(Box::new(refusal)));
        }
        let config = response.into_body().into_with_config().limit(u64::MAX);
        Ok(BufReader::new(config.reader()))
    }

    fn stream(&self, url: &str, after: Option<&str>) -> Result<Response<ureq::Body>, ureq::Error> {
        let uri: Uri = url.parse().map_err(|_| ureq::Error::BadUri(url.to_owned()))?;
        let mut request = Request::builder().uri(uri).header("accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", token.authorization());
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = self.agent.configure_request(request.body(())?);
        let request = request.timeout_global(None).timeout_recv_response(Some(REQUEST_TIMEOUT));
        self.agent.run(request.build())
    }

    /// An error for an answer that makes no sense.
    pub(crate) fn not_understood(&self, why: impl Into<String>) -> DaemonError {
        DaemonError::NotUnderstood { url: self.server.to_string(), why: why.into() }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        body: Option<Body<'_>>,
    ) -> Result<T, DaemonError> {
        let response = self.send(method, url, body).map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_with_config().limit(ANSWER_BYTES_MAX).reader();
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| self.unanswered(&ureq::Error::from(error)))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|error| self.not_understood(wording::of_json(&error)));
        }
        if !status.is_client_error() && !status.is_server_error() {
            return Err(self.not_understood(format!("status {}", status.as_u16())));
        }
        let problem: Option<Problem> = serde_json::from_slice(&bytes).ok();
        let refusal = Refusal { status: status.as_u16(), problem, retry_after };
        Err(DaemonError::Refused(Box::new(refusal)))
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<Body<'_>>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let uri: Uri = url.parse().map_err(|_| ureq::Error::BadUri(url.to_owned()))?;
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(token) = &self.token {
            request = request.header("authorization", token.authorization());
        }
        match body {
            None => self.agent.run(request.body(())?),
            Some(body) => {
                let request = request.header("content-type", body.media_type());
                self.agent.run(request.body(body.bytes())?)
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's own list, open to more")]
    fn unanswered(&self, error: &ureq::Error) -> DaemonError {
        let url = self.server.to_string();
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                let why = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
                DaemonError::Unreachable { url, why }
            }
            ureq::Error::Timeout(_) => {
                let why = format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
                DaemonError::Unreachable { url, why }
            }
            ureq::Error::HostNotFound => {
                DaemonError::Unreachable { url, why: "no such host".to_owned() }
            }
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
                DaemonError::Untrusted { url, why: error.to_string() }
            }
            // This is how a failed handshake comes through a socket.
            ureq::Error::Io(fault) if fault.kind() == io::ErrorKind::InvalidData => {
                let why = match fault.to_string() {
                    // What rustls calls an answer that is no handshake.
                    said if said.contains("InvalidContentType") => {
                        "it does not speak TLS; if it is on this machine, its address begins with http://"
                            .to_owned()
                    }
                    said => said,
                };
                DaemonError::Untrusted { url, why }
            }
            ureq::Error::Io(fault) => DaemonError::Unreachable { url, why: fault.to_string() },
            ureq::Error::ConnectionFailed => {
                DaemonError::Unreachable { url, why: "no connection".to_owned() }
            }
            other => DaemonError::NotUnderstood { url, why: other.to_string() },
        }
    }
}

impl<'a> Body<'a> {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Toml(_) => "application/toml",
            Self::Ndjson(_) => "application/x-ndjson",
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Json(bytes) | Self::Toml(bytes) | Self::Ndjson(bytes) => bytes,
        }
    }
}

/// An agent that trusts `roots` alone, or the usual authorities.
fn agent(roots: Option<Vec<Certificate<'static>>>, timeout: Duration) -> Agent {
    let mut tls = TlsConfig::builder();
    if let Some(roots) = roots {
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // A token goes to the daemon that was named, and to nobody it points at.
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(timeout))
        .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .accept("application/json")
        .tls_config(tls.build())
        .build();
    Agent::new_with_config(config)
}

/// A value as JSON on one line, without a line's end.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| Failure::Output(error.into()))
}

fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CA_BYTES_MAX).read_to_end(&mut pem))
        .map_err(unreadable)?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => {
                return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
        }
    }
    if found.is_empty() {
        let none = "no certificate in it, allowed: PEM";
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, none)));
    }
    Ok(found)
}

/// Whole seconds; a date is not understood and so not waited for.
fn retry_after(response: &Response<ureq::Body>) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
