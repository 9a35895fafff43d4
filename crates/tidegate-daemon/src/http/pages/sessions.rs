//! Who has signed in: sessions in memory, each bound to the token that it was exchanged for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::App;
use super::lock_out::LockOut;
use crate::clock::Stopwatch;
use crate::tokens::{Access, Scope, TokenDigest};

/// How long a session lasts.
pub(super) const LASTS_SECONDS: u32 = 12 * 60 * 60;
/// Sessions at once; of more, the oldest ends.
const SESSIONS_MAX: usize = 1_000;
/// The cookie that holds its secret.
const COOKIE: &str = "tidegate_session";
const SECRET_BYTES: usize = 32;

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// What they may do is what this token allows now.
    pub(super) token: TokenDigest,
    /// The name they gave.
    pub(super) name: String,
    /// What proves that a form is ours.
    pub(super) form_token: String,
    began: Stopwatch,
}

/// Every session, by the SHA-256 of its secret.
#[derive(Debug)]
pub(crate) struct Sessions {
    known: Mutex<HashMap<[u8; 32], Session>>,
    lock_out: Mutex<LockOut>,
    local_form_token: String,
}

impl Sessions {
    /// None yet.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            known: Mutex::default(),
            lock_out: Mutex::default(),
            local_form_token: secret()?,
        })
    }

    /// What proves that a form is ours where nobody signs in.
    pub(super) fn local_form_token(&self) -> &str {
        &self.local_form_token
    }

    /// Begins a session and gives the cookie's value.
    pub(super) fn begin(
        &self,
        token: TokenDigest,
        name: String,
    ) -> Result<String, getrandom::Error> {
        let secret_of_it = secret()?;
        let session = Session { token, name, form_token: secret()?, began: Stopwatch::start() };
        let mut known = self.known();
        known.retain(|_, session| !session.is_over());
        if known.len() >= SESSIONS_MAX {
            let age = |session: &Session| session.began.seconds();
            let oldest = known.iter().max_by(|a, b| age(a.1).total_cmp(&age(b.1)));
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                known.remove(&oldest);
            }
        }
        known.insert(key_of(&secret_of_it), session);
        Ok(secret_of_it)
    }

    /// The session that a request's cookie names, if it goes on.
    fn find(&self, headers: &HeaderMap) -> Option<Session> {
        let key = key_of(cookie(headers)?);
        self.known().get(&key).filter(|session| !session.is_over()).cloned()
    }

    /// Ends the session that a request's cookie names.
    pub(super) fn end(&self, headers: &HeaderMap) {
        if let Some(secret) = cookie(headers) {
            self.known().remove(&key_of(secret));
        }
    }

    /// How long an address has to stay away, in seconds, if it has to.
    pub(super) fn seconds_locked_out(&self, from: IpAddr) -> Option<f64> {
        self.lock_out().seconds_left(from)
    }

    /// Remembers whether a token that was tried is known.
    pub(super) fn tried(&self, from: IpAddr, access: Access) {
        match access {
            Access::Unknown => self.lock_out().failed(from),
            Access::Lacking | Access::Allowed => self.lock_out().passed(from),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_out(&self) -> MutexGuard<'_, LockOut> {
        self.lock_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_over(&self) -> bool {
        self.began.seconds() >= f64::from(LASTS_SECONDS)
    }
}

impl App {
    /// The session of a request, if there is one and its token is still known.
    pub(in crate::http) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let tokens = self.0.tokens.as_ref()?;
        let session = self.0.sessions.find(headers)?;
        match tokens.access_of(&session.token, Scope::Read) {
            Access::Unknown => {
                self.0.sessions.end(headers);
                None
            }
            Access::Lacking | Access::Allowed => Some(session),
        }
    }

    /// Whether a form holds what our own pages put into it for this visitor.
    pub(super) fn is_our_form(&self, headers: &HeaderMap, form_token: &str) -> bool {
        let expected = match self.0.tokens {
            None => Some(self.0.sessions.local_form_token().to_owned()),
            Some(_) => self.session(headers).map(|session| session.form_token),
        };
        expected.is_some_and(|expected| expected.as_bytes().ct_eq(form_token.as_bytes()).into())
    }

    /// What the session of a request allows of a scope.
    pub(in crate::http) fn session_access(&self, headers: &HeaderMap, scope: Scope) -> Access {
        match (&self.0.tokens, self.session(headers)) {
            (Some(tokens), Some(session)) => tokens.access_of(&session.token, scope),
            (Some(_) | None, _) => Access::Unknown,
        }
    }
}

/// The header that gives a browser its cookie, or takes it away.
pub(super) fn cookie_header(value: &str, lasts_seconds: u32, encrypted: Encrypted) -> String {
    let secure = match encrypted {
        Encrypted::Yes => "; Secure",
        Encrypted::No => "",
    };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts_seconds}{secure}")
}

/// Whether requests come over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// A browser keeps the cookie from anything else.
    Yes,
    /// In the open, which is allowed on loopback alone.
    No,
}

/// The value of our cookie, where there is exactly one.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    let value = values.next()?;
    let fits =
        value.len() == 2 * SECRET_BYTES && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    (fits && values.next().is_none()).then_some(value)
}

fn key_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits in hexadecimal digits.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:x}", base16ct::HexDisplay(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in cookies {
            headers.append(header::COOKIE, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_session_is_found_by_its_secret_alone() {
        let sessions = Sessions::new().unwrap();
        let secret = sessions.begin(TokenDigest::of("tg_a"), "ann".to_owned()).unwrap();
        let found = sessions.find(&with(&[&format!("a=b; {COOKIE}={secret}")])).unwrap();
        assert_eq!((found.name.as_str(), found.token), ("ann", TokenDigest::of("tg_a")));
        for other in [
            format!("{COOKIE}={}", "0".repeat(64)),
            format!("{COOKIE}={secret}0"),
            format!("{COOKIE}={secret}; {COOKIE}={secret}"),
            format!("x{COOKIE}={secret}"),
            String::new(),
        ] {
            assert!(sessions.find(&with(&[&other])).is_none(), "{other}");
        }
        sessions.end(&with(&[&format!("{COOKIE}={secret}")]));
        assert!(sessions.find(&with(&[&format!("{COOKIE}={secret}")])).is_none());
    }

    #[test]
    fn so_many_sessions_are_kept_and_the_oldest_end() {
        let sessions = Sessions::new().unwrap();
        let begin = |_| sessions.begin(TokenDigest::of("tg_a"), "ann".to_owned()).unwrap();
        let secrets: Vec<String> = (0..=SESSIONS_MAX).map(begin).collect();
        let is_known =
            |secret: &String| sessions.find(&with(&[&format!("{COOKIE}={secret}")])).is_some();
        assert!(
            !is_known(&secrets[0]) && is_known(&secrets[1]) && is_known(&secrets[SESSIONS_MAX])
        );
    }
}
