//! Webhooks: events that are brought to others, as the Standard Webhooks specification has it.
//!
//! Each hook has a thread and a place of its own, so one that is away holds up nobody else. What it took is
//! remembered on disk, so that each event is brought at least once, and in order, whatever is restarted.

mod delivery;
mod patience;
mod place;
mod secret;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::EventType;
use tidegate_spec::fields::Fields;
use ureq::http::Uri;

use crate::clock::Stopwatch;
use crate::config::Config;
use crate::feed::{Reader, Wanted};
use crate::shared::Shared;
use delivery::Delivery;
use place::PlaceFile;
use secret::Secret;

pub use secret::SecretError;

/// Webhooks a daemon may have.
const WEBHOOKS_MAX: usize = 8;
const NAME_LEN_MAX: usize = 32;
const URL_LEN_MAX: usize = 2_000;
/// How long a delivery that is under way is waited for at the end.
const END_PATIENCE: Duration = Duration::from_secs(2);
const FOLDER: &str = "webhooks";

/// What the configuration says of one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called in logs and metrics; its place is remembered under this name.
    pub name: String,
    /// Where events are brought: https, or http on this machine.
    pub url: String,
    /// The file that holds its secret, `whsec_…`.
    pub secret_file: PathBuf,
    /// The types it is told of; none is all.
    pub events: Vec<EventType>,
    /// The experiments it is told of; none is all.
    pub experiments: Vec<ExperimentKey>,
}

impl Webhook {
    /// Reads the keys of one `[[webhooks]]`.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name").map(str::to_owned);
        if !name.as_deref().is_some_and(is_name) {
            let allowed = format!("allowed: 1 to {NAME_LEN_MAX} of a-z 0-9 _ -");
            fields.fault("name", format!("is missing or no name, {allowed}"));
        }
        let url = fields.text("url").map(str::to_owned);
        // The address is not shown where it may hold a secret.
        if let Err(why) = check_url(url.as_deref().unwrap_or_default()) {
            let allowed = "allowed: such as https://example.org/hook, or http on this machine";
            fields.fault("url", format!("{why}, {allowed}"));
        }
        let secret_file = fields.text("secret_file").map(PathBuf::from);
        if secret_file.is_none() {
            fields.fault("secret_file", "is missing, allowed: the path of a file");
        }
        let types: Vec<(&str, EventType)> = EventType::asked_for().collect();
        let events = fields.choices("events", &types).unwrap_or_default();
        let experiments = fields.ids("experiments").unwrap_or_default();
        Some(Self { name: name?, url: url?, secret_file: secret_file?, events, experiments })
    }

    /// Reads every `[[webhooks]]`.
    pub(crate) fn read_all(fields: &mut Fields<'_>) -> Option<Vec<Self>> {
        let hooks: Vec<Self> =
            fields.tables("webhooks", Self::read)?.into_iter().flatten().collect();
        if hooks.len() > WEBHOOKS_MAX {
            let allowed = format!("allowed: 0 to {WEBHOOKS_MAX}");
            fields.fault("webhooks", format!("has {} entries, {allowed}", hooks.len()));
        }
        let twice = hooks
            .iter()
            .enumerate()
            .find(|(at, hook)| hooks.iter().take(*at).any(|before| before.name == hook.name));
        if let Some((at, hook)) = twice {
            let fault = format!("is {:?} once more, allowed: another name", hook.name);
            fields.fault(&format!("webhooks[{at}].name"), fault);
        }
        Some(hooks)
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn check_url(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > URL_LEN_MAX {
        return Err("is missing or too long");
    }
    let uri: Uri = text.parse().map_err(|_| "is no URL")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("has no scheme or no host");
    };
    if authority.as_str().contains('@') || text.contains('#') || authority.host().is_empty() {
        return Err("has a user, a fragment, or no host");
    }
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback(authority.host()) => Ok(()),
        "http" => Err("would send events in the open"),
        _ => Err("is neither https nor http"),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How far a hook is, for whoever asks.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) wanted: Wanted,
    after: AtomicU64,
}

impl Follower {
    /// The last event that needs no bringing any more.
    pub(crate) fn after(&self) -> u64 {
        self.after.load(Ordering::Relaxed)
    }

    fn go_to(&self, after: u64) {
        self.after.store(after, Ordering::Relaxed);
    }
}

/// A hook that can be begun: its secret was read.
#[derive(Debug)]
pub(crate) struct Prepared {
    url: String,
    secret: Secret,
    follower: Arc<Follower>,
}

impl Prepared {
    pub(crate) fn new(hook: &Webhook) -> Result<Self, SecretError> {
        let Webhook { name, url, secret_file, events, experiments } = hook;
        let wanted = Wanted { experiments: experiments.clone(), kinds: events.clone() };
        let follower = Follower { name: name.clone(), wanted, after: AtomicU64::new(u64::MAX) };
        let secret = Secret::read(secret_file)?;
        Ok(Self { url: url.clone(), secret, follower: Arc::new(follower) })
    }

    pub(crate) fn follower(&self) -> Arc<Follower> {
        self.follower.clone()
    }
}

/// The threads that bring events.
#[derive(Debug, Default)]
pub(crate) struct Webhooks(Vec<JoinHandle<()>>);

impl Webhooks {
    /// Begins to bring events, in the runtime of the caller.
    pub(crate) fn begin(
        prepared: Vec<Prepared>,
        config: &Config,
        shared: &Arc<Shared>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let mut threads = Vec::new();
        for Prepared { url, secret, follower } in prepared {
            let place = PlaceFile::new(&config.data.join(FOLDER), &follower.name);
            let reader = Reader::new(shared.clone(), follower.wanted.clone(), 0);
            let delivery = Delivery {
                shared: shared.clone(),
                runtime: runtime.clone(),
                agent: delivery::agent(),
                url,
                secret,
                reader,
                place,
                follower,
                time: config.time,
                failures: 0,
            };
            let thread = thread::Builder::new().name("webhook".to_owned());
            threads.push(thread.spawn(move || delivery.run())?);
        }
        Ok(Self(threads))
    }

    /// Waits a little for what is under way; the feed has ended. What is not known to be taken is brought
    /// again after the next start.
    pub(crate) fn end(self) {
        let watch = Stopwatch::start();
        while self.0.iter().any(|thread| !thread.is_finished())
            && watch.seconds() < END_PATIENCE.as_secs_f64()
        {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_by_tls_or_stay_on_this_machine() {
        for url in
            ["https://example.org/a?b=c", "http://127.0.0.1:1", "http://[::1]/", "http://localhost"]
        {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "http://example.org",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "https://user:word@example.org",
            "https://example.org/#a",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert!(check_url(&format!("https://example.org/{}", "x".repeat(URL_LEN_MAX))).is_err());
    }
}
