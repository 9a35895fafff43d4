//! Webhooks: events that are brought to others, as the Standard Webhooks specification has it.
//!
//! Each hook has a thread and a place of its own, so one that is away holds up nobody else. What it took is
//! remembered on disk, so that each event is brought at least once, and in order, whatever is restarted.

mod backoff;
mod cursor;
mod delivery;
pub(crate) mod follower;
pub(crate) mod hook;
mod secret;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::config::Config;
use crate::feed::{EventFilter, Reader};
use crate::shared::Shared;
use cursor::CursorFile;
use delivery::Delivery;
use follower::Follower;
use hook::Webhook;
use secret::Secret;

pub use secret::SecretError;

/// How long a delivery that is under way is waited for at the end.
const END_PATIENCE: Duration = Duration::from_secs(2);
const FOLDER: &str = "webhooks";

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
        let wanted = EventFilter { experiments: experiments.clone(), kinds: events.clone() };
        let follower = Follower::new(name.clone(), wanted);
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
            let cursor = CursorFile::new(&config.data.join(FOLDER), &follower.name);
            let reader =
                Reader::new(shared.feed.clone(), shared.clock.clone(), follower.wanted.clone(), 0);
            let delivery = Delivery {
                shared: shared.clone(),
                runtime: runtime.clone(),
                agent: delivery::agent(),
                url,
                secret,
                reader,
                cursor,
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
