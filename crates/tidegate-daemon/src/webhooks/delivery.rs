//! One hook: brings each event, in order, until it is taken or too old.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tidegate_engine::time;
use tidegate_spec::api::EventType;
use tokio::runtime::Handle;
use ureq::Agent;

use super::backoff;
use super::cursor::CursorFile;
use super::follower::Follower;
use super::secret::Secret;
use crate::config::TimeSource;
use crate::feed::{FeedEvent, Head, Reader, ReaderNext};
use crate::shared::Shared;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a hook may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a place is kept that moves on without a delivery.
const PLACE_KEPT_EVERY: Duration = Duration::from_mins(10);

pub(super) struct Delivery {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: Handle,
    pub(super) agent: Agent,
    pub(super) url: String,
    pub(super) secret: Secret,
    pub(super) reader: Reader,
    pub(super) cursor: CursorFile,
    pub(super) follower: Arc<Follower>,
    pub(super) time: TimeSource,
    /// In a row.
    pub(super) failures: u32,
}

/// The daemon shuts down.
struct ShuttingDown;

/// Why an event was not taken.
struct NotTaken {
    why: String,
    asked: Option<Duration>,
}

/// What speaks to a hook: what it answers is not followed anywhere.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(ANSWER_TIMEOUT))
        .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::new_with_config(config)
}

impl Delivery {
    pub(super) fn run(mut self) {
        let Ok(()) = self.begin() else { return };
        let mut next = None;
        while let Ok(event) = next.take().map_or_else(|| self.await_event(), Ok) {
            match self.bring(&event) {
                Ok(()) => self.taken(&event),
                Err(not_taken) => match self.not_taken(event, &not_taken) {
                    Ok(again) => next = again,
                    // The event is brought again after the next start.
                    Err(ShuttingDown) => return,
                },
            }
        }
        self.keep_place(self.reader.place());
    }

    /// Finds the place to go on from; a hook that is new begins with what comes next.
    fn begin(&mut self) -> Result<(), ShuttingDown> {
        let name = &self.follower.name;
        let known = self.cursor.read().unwrap_or_else(|error| {
            // Twice is better than never.
            tracing::warn!(webhook = name, %error, "the place of a webhook was not readable");
            Some(0)
        });
        let last = self.runtime.block_on(self.reader.begun()).ok_or(ShuttingDown)?;
        let after = known.unwrap_or(last);
        self.reader.go_to(after);
        self.keep_place(after);
        Ok(())
    }

    fn await_event(&mut self) -> Result<Arc<FeedEvent>, ShuttingDown> {
        loop {
            let next = self.reader.next();
            let next = async { tokio::time::timeout(PLACE_KEPT_EVERY, next).await };
            match self.runtime.block_on(next) {
                Ok(ReaderNext::Event(event)) => return Ok(event),
                Ok(ReaderNext::Nothing | ReaderNext::Ended) => return Err(ShuttingDown),
                Err(_) => self.keep_place(self.reader.place()),
            }
        }
    }

    fn bring(&self, event: &FeedEvent) -> Result<(), NotTaken> {
        let not_taken = |why: String| NotTaken { why, asked: None };
        let id = match event.kind {
            // Its number is that of an event that was brought before.
            EventType::Reset => format!("reset-{}", event.id),
            EventType::PhaseChanged
            | EventType::VerdictChanged
            | EventType::Alarm
            | EventType::LatencyWarning
            | EventType::Warning
            | EventType::CardsWaiting
            | EventType::ReviewChanged
            | EventType::PromptLabelMoved
            | EventType::ExperimentDefined
            | EventType::ExperimentDeleted => event.id.to_string(),
        };
        let now = self.shared.now();
        let timestamp = (now.ms() / 1_000).to_string();
        let signature = self.secret.sign(&id, &timestamp, &event.json);
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let request = request.header("webhook-id", &id).header("webhook-timestamp", &timestamp);
        let answer = request
            .header("webhook-signature", &signature)
            .send(&event.json)
            .map_err(|error| not_taken(error.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|text| backoff::asked(text, now));
        Err(NotTaken { why: format!("status {}", status.as_u16()), asked })
    }

    fn taken(&mut self, event: &FeedEvent) {
        let name = &self.follower.name;
        self.shared.metrics.webhook(name, "delivered", 1);
        if self.failures > 0 {
            tracing::info!(webhook = name, event = event.id, "a webhook takes events again");
        }
        self.failures = 0;
        self.keep_place(event.id);
    }

    /// Waits until the event is to be brought again, or gives it up where it is too old and everything with
    /// it that is as old; gives what is to be brought next.
    fn not_taken(
        &mut self,
        event: Arc<FeedEvent>,
        not: &NotTaken,
    ) -> Result<Option<Arc<FeedEvent>>, ShuttingDown> {
        let name = self.follower.name.clone();
        let (id, why) = (event.id, &not.why);
        self.shared.metrics.webhook(&name, "failed", 1);
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(webhook = name, event = id, why, "a webhook did not take an event");
        } else {
            tracing::debug!(webhook = name, event = id, why, "a webhook did not take an event");
        }
        let (mut given_up, mut next) = (0, Some(event));
        let now = self.shared.now();
        while let Some(old) = next.take_if(|event| now.since(event.at) >= backoff::AGE_MAX) {
            given_up += 1;
            self.keep_place(old.id);
            if let ReaderNext::Event(event) = self.reader.look() {
                next = Some(event);
            }
        }
        if given_up > 0 {
            self.shared.metrics.webhook(&name, "given_up", given_up);
            tracing::error!(webhook = name, events = given_up, why, "events were given up");
        }
        let pause = backoff::pause(self.failures, &name, id);
        self.rest(not.asked.map_or(pause, |asked| asked.max(pause)))?;
        Ok(next)
    }

    /// Lets time pass, by the clock that the rollouts go by.
    fn rest(&self, pause: Duration) -> Result<(), ShuttingDown> {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let until = self.shared.now().plus(time::Duration::from_ms(pause));
        loop {
            if self.shared.feed.head() == Head::Ended {
                return Err(ShuttingDown);
            }
            let now = self.shared.now();
            if now >= until {
                return Ok(());
            }
            thread::sleep(backoff::nap(self.time, until.since(now)));
        }
    }

    fn keep_place(&mut self, after: u64) {
        self.follower.go_to(after);
        if let Err(error) = self.cursor.keep(after) {
            // What is not remembered is brought again.
            let name = &self.follower.name;
            tracing::warn!(webhook = name, %error, "the place of a webhook was not kept");
        }
    }
}
