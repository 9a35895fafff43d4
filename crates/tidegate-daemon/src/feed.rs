//! What subscribers are told: the newest events, each under the number of its entry in the journal, shown
//! once it is on disk.
//!
//! Whoever reads has a place of its own and takes what comes after it, so a slow reader holds nothing up and
//! costs no memory. One that comes too late for what is kept is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::Timestamp;
use tidegate_journal::FeedState;
use tidegate_spec::api::{self, Event, EventType, Reset, What};
use tokio::sync::{Semaphore, watch};

use crate::clock::MonotonicClock;

/// Events that are kept for those who were away.
pub(crate) const EVENTS_KEPT_MAX: usize = 10_000;

/// One event as subscribers get it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FeedEvent {
    /// The number of its entry.
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: EventType,
    pub(crate) experiment: Option<ExperimentKey>,
    /// The whole event on one line.
    pub(crate) json: String,
}

impl FeedEvent {
    pub(crate) fn new(
        id: u64,
        at: Timestamp,
        of: Option<(&ExperimentKey, u32)>,
        what: What,
    ) -> Self {
        let (experiment, run) = of.unzip();
        let kind = what.kind();
        let event = Event {
            id: id.to_string(),
            at: api::shown(at),
            experiment: experiment.map(ToString::to_string),
            run,
            what,
        };
        // A value with text keys only and finite numbers is always JSON.
        let json = serde_json::to_string(&event).unwrap_or_default();
        Self { id, at, kind, experiment: experiment.cloned(), json }
    }

    /// Word to a reader at `after` that what follows comes after `resumes_after`.
    fn reset(at: Timestamp, after: u64, resumes_after: u64) -> Self {
        let sentence = if after < resumes_after {
            format!(
                "Events between {after} and {resumes_after} may be missing: they are no longer kept. \
                 Read status and history again"
            )
        } else {
            format!(
                "Event {after} is none of this journal, whose newest entry is {resumes_after}. \
                 Read status and history again"
            )
        };
        let reset = Reset {
            last_event_id: after.to_string(),
            resumes_after: resumes_after.to_string(),
            sentence,
        };
        Self::new(resumes_after, at, None, What::Reset(reset))
    }

    fn of_json(id: u64, json: String) -> Result<Self, NotKept> {
        let unreadable = |why: String| NotKept { id, why };
        let event: Event =
            serde_json::from_str(&json).map_err(|error| unreadable(error.to_string()))?;
        let moment: jiff::Timestamp =
            event.at.parse().map_err(|error: jiff::Error| unreadable(error.to_string()))?;
        let at = Timestamp::from_ms(moment.as_millisecond())
            .map_err(|error| unreadable(error.to_string()))?;
        let experiment = event.experiment.map(|key| key.parse::<ExperimentKey>()).transpose();
        let experiment = experiment.map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { id, at, kind: event.what.kind(), experiment, json })
    }
}

/// An event of a snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("event {id}: {why}")]
pub(crate) struct NotKept {
    id: u64,
    why: String,
}

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct RecentEvents {
    /// Every event after this entry is kept.
    after: u64,
    events: VecDeque<Arc<FeedEvent>>,
}

impl RecentEvents {
    pub(crate) fn push(&mut self, event: Arc<FeedEvent>) {
        if self.events.len() >= EVENTS_KEPT_MAX
            && let Some(oldest) = self.events.pop_front()
        {
            self.after = oldest.id;
        }
        self.events.push_back(event);
    }

    pub(crate) fn extend(&mut self, event: Option<FeedEvent>) {
        if let Some(event) = event {
            self.push(event.into());
        }
    }

    /// All of them.
    #[cfg(feature = "cluster")]
    pub(crate) fn into_events(self) -> Vec<Arc<FeedEvent>> {
        self.events.into()
    }

    /// Takes up what a snapshot holds.
    pub(crate) fn restore(state: FeedState) -> Result<Self, NotKept> {
        let mut kept = Self { after: state.after, events: VecDeque::new() };
        for (id, json) in state.events {
            kept.push(Arc::new(FeedEvent::of_json(id, json)?));
        }
        Ok(kept)
    }

    fn state(&self) -> FeedState {
        let events = self.events.iter().map(|event| (event.id, event.json.clone()));
        FeedState { after: self.after, events: events.collect() }
    }

    /// Those after a place, up to an entry.
    fn between(&self, after: u64, last: u64) -> impl Iterator<Item = &Arc<FeedEvent>> {
        let begin = self.events.partition_point(|event| event.id <= after);
        self.events.range(begin..).take_while(move |event| event.id <= last)
    }
}

/// How far the feed may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// The journal was not read yet.
    Unread,
    /// Up to this entry.
    At(u64),
    /// No further: the daemon shuts down.
    Ended,
}

/// Everything that subscribers are told.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Also what is not on disk yet, and not shown.
    kept: Mutex<RecentEvents>,
    head: watch::Sender<Head>,
    /// One permit a stream.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) streams_max: usize,
}

impl Feed {
    pub(crate) fn new(streams_max: usize) -> Self {
        Self {
            kept: Mutex::default(),
            head: watch::Sender::new(Head::Unread),
            streams: Arc::new(Semaphore::new(streams_max)),
            streams_max,
        }
    }

    /// Keeps events that are about to be written.
    pub(crate) fn add(&self, events: &[Arc<FeedEvent>]) {
        if !events.is_empty() {
            let mut kept = self.kept();
            for event in events {
                kept.push(event.clone());
            }
        }
    }

    /// Lets entries be read that are on disk, up to `last`, with `events` among them.
    pub(crate) fn show(&self, last: u64, events: &[Arc<FeedEvent>]) {
        self.head.send_if_modified(|head| match head {
            Head::At(at) => {
                *at = last;
                // Nobody waits for entries that are not told.
                !events.is_empty()
            }
            Head::Unread | Head::Ended => false,
        });
    }

    /// Takes up what the journal has, up to its last entry.
    pub(crate) fn replace(&self, kept: RecentEvents, last: u64) {
        *self.kept() = kept;
        self.head.send_if_modified(|head| match head {
            Head::Unread | Head::At(_) => {
                *head = Head::At(last);
                true
            }
            Head::Ended => false,
        });
    }

    /// Tells every reader that nothing more comes.
    pub(crate) fn end(&self) {
        self.head.send_replace(Head::Ended);
    }

    /// Waits until nothing more comes.
    pub(crate) async fn ended(&self) {
        let mut head = self.head.subscribe();
        // The sender is here, so it cannot be gone.
        let _ = head.wait_for(|head| *head == Head::Ended).await;
    }

    /// How far it may be read.
    pub(crate) fn head(&self) -> Head {
        *self.head.borrow()
    }

    pub(crate) fn state(&self) -> FeedState {
        self.kept().state()
    }

    /// How many events that are wanted come after a place.
    pub(crate) fn behind(&self, after: u64, wanted: &EventFilter) -> usize {
        let Head::At(last) = self.head() else { return 0 };
        self.kept().between(after, last).filter(|event| wanted.takes(event)).count()
    }

    /// Streams that are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.streams_max.saturating_sub(self.streams.available_permits())
    }

    fn kept(&self) -> MutexGuard<'_, RecentEvents> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a subscriber wants to be told; nothing said is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventFilter {
    pub(crate) experiments: Vec<ExperimentKey>,
    pub(crate) kinds: Vec<EventType>,
}

impl EventFilter {
    fn takes(&self, event: &FeedEvent) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        let experiment = || {
            self.experiments.is_empty()
                || event.experiment.as_ref().is_some_and(|key| self.experiments.contains(key))
        };
        kind && experiment()
    }
}

/// One subscriber at its place.
#[derive(Debug)]
pub(crate) struct Reader {
    feed: Arc<Feed>,
    clock: Arc<MonotonicClock>,
    head: watch::Receiver<Head>,
    wanted: EventFilter,
    after: u64,
}

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReaderNext {
    Event(Arc<FeedEvent>),
    /// Nothing for now.
    Nothing,
    Ended,
}

impl Reader {
    /// A reader of what comes after an entry.
    pub(crate) fn new(
        feed: Arc<Feed>,
        clock: Arc<MonotonicClock>,
        wanted: EventFilter,
        after: u64,
    ) -> Self {
        let head = feed.head.subscribe();
        Self { feed, clock, head, wanted, after }
    }

    /// The entry up to which everything wanted was read.
    pub(crate) const fn place(&self) -> u64 {
        self.after
    }

    /// Goes back, or on, to an entry.
    pub(crate) const fn go_to(&mut self, after: u64) {
        self.after = after;
    }

    /// Waits until the journal was read, and gives its last entry; nothing where the feed ended before.
    pub(crate) async fn begun(&mut self) -> Option<u64> {
        let read = self.head.wait_for(|head| *head != Head::Unread).await.ok()?;
        match *read {
            Head::At(last) => Some(last),
            Head::Unread | Head::Ended => None,
        }
    }

    /// The next event that is wanted, waited for.
    pub(crate) async fn next(&mut self) -> ReaderNext {
        loop {
            match self.look() {
                ReaderNext::Nothing => {
                    if self.head.changed().await.is_err() {
                        return ReaderNext::Ended;
                    }
                }
                found @ (ReaderNext::Event(_) | ReaderNext::Ended) => return found,
            }
        }
    }

    /// The next event that is wanted, if it is there.
    pub(crate) fn look(&mut self) -> ReaderNext {
        let last = match *self.head.borrow_and_update() {
            Head::Unread => return ReaderNext::Nothing,
            Head::Ended => return ReaderNext::Ended,
            Head::At(last) => last,
        };
        let kept = self.feed.kept();
        let resumes_after = self.after.max(kept.after).min(last);
        if resumes_after != self.after {
            let reset = FeedEvent::reset(self.clock.now(), self.after, resumes_after);
            self.after = resumes_after;
            return ReaderNext::Event(Arc::new(reset));
        }
        for event in kept.between(self.after, last) {
            self.after = event.id;
            if self.wanted.takes(event) {
                return ReaderNext::Event(event.clone());
            }
        }
        self.after = last;
        ReaderNext::Nothing
    }
}

#[cfg(test)]
mod tests {
    use tidegate_spec::api::{PhaseChanged, VerdictChanged};

    use super::*;

    fn step(id: u64) -> Arc<FeedEvent> {
        let what = What::PhaseChanged(PhaseChanged {
            number: 1,
            from: "shadow".to_owned(),
            to: "shadow (held)".to_owned(),
            cause: "operator".to_owned(),
            action: Some("hold".to_owned()),
            actor: Some("owner".to_owned()),
            reason: "a \"test\"".to_owned(),
        });
        let at = Timestamp::from_ms(1_772_438_400_123).unwrap();
        Arc::new(FeedEvent::new(id, at, Some((&"night".parse().unwrap(), 2)), what))
    }

    #[test]
    fn the_newest_events_are_kept_and_it_is_known_since_when() {
        let mut kept = RecentEvents::default();
        let many = EVENTS_KEPT_MAX as u64 + 3;
        (1..=many).for_each(|number| kept.push(step(number * 2)));
        assert_eq!((kept.events.len(), kept.after), (EVENTS_KEPT_MAX, 6));
        let ids =
            |after, last| -> Vec<u64> { kept.between(after, last).map(|event| event.id).collect() };
        assert_eq!(ids(0, 11), [8, 10]);
        assert_eq!(ids(8, 12), [10, 12]);
        assert_eq!(ids(9, 9), [0; 0]);
        let restored = RecentEvents::restore(kept.state()).unwrap();
        assert_eq!((restored.after, &restored.events), (kept.after, &kept.events));
    }

    #[test]
    fn an_event_comes_back_from_a_snapshot_as_it_was() {
        let told = step(7);
        assert_eq!(FeedEvent::of_json(7, told.json.clone()).unwrap(), *told);
        assert!(FeedEvent::of_json(7, "{}".to_owned()).is_err());
    }

    #[test]
    fn a_subscriber_is_told_what_it_wants() {
        let alarm = What::Alarm(VerdictChanged {
            guardrail: "latency".to_owned(),
            from: "pass".to_owned(),
            to: "alarm".to_owned(),
            sentence: String::new(),
        });
        let night: ExperimentKey = "night".parse().unwrap();
        let alarm = FeedEvent::new(1, Timestamp::EPOCH, Some((&night, 1)), alarm);
        let of_none = FeedEvent::reset(Timestamp::EPOCH, 9, 1);
        let wanted = |experiments: &[&ExperimentKey], kinds: &[EventType]| EventFilter {
            experiments: experiments.iter().map(|key| (*key).clone()).collect(),
            kinds: kinds.to_vec(),
        };
        let day = "day".parse().unwrap();
        assert!(EventFilter::default().takes(&alarm) && EventFilter::default().takes(&of_none));
        assert!(wanted(&[&day, &night], &[]).takes(&alarm));
        assert!(!wanted(&[&day], &[EventType::Alarm]).takes(&alarm));
        assert!(!wanted(&[&night], &[EventType::PhaseChanged]).takes(&alarm));
        assert!(!wanted(&[&night], &[]).takes(&of_none));
    }
}
