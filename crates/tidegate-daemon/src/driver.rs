//! The one thread that owns the engine: takes commands in turn, lets time pass, and answers once what
//! happened is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use tidegate_engine::event::{Action, Actor, Command as Verb, Event, Note, Rejection};
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::{CameraId, ExperimentKey, PromptName};
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt::{self, Order, Prompt};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_journal::{Batch, Entry, Journal, State, WriteError};
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{Answer, AnswerStatus, Answers, Done, ExperimentDetail, Reported};
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::config::Export;
use crate::describe;
use crate::feed::{Feed, Told};
use crate::metrics::Metrics;
use crate::prompts::{Followed, Outcome, TIDEGATE};
use crate::published::{Drawn, Published, Trust};
use crate::recovery::{self, NotRecovered, Recovered, Recovery};
use crate::refusal::Refusal;
use crate::rollouts::{Change, Changed, Rollouts, SaltChoice};
use crate::webhooks::Follower;

/// How often time is looked at where nothing else happens.
const IDLE: Duration = Duration::from_millis(500);
/// How long the daemon waits before it opens a journal that failed anew.
const REOPEN_PAUSE: Duration = Duration::from_secs(2);

/// Answers a command; dropping it says that the daemon could not do it.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the driver can be told.
pub(crate) enum Command {
    Observe {
        items: Vec<Item>,
        reply: Reply<Answers>,
    },
    Define {
        file: Box<ExperimentFile>,
        salt: SaltChoice,
        reply: Reply<(Change, ExperimentDetail)>,
    },
    Override {
        key: ExperimentKey,
        to: Override,
        reply: Reply<ExperimentDetail>,
    },
    Act {
        key: ExperimentKey,
        action: Action,
        reply: Reply<Done>,
    },
    /// Carries out orders on one prompt, all of them or none.
    Order {
        prompt: PromptName,
        orders: Vec<Order>,
        reply: Reply<Ordered>,
    },
    /// Looks at the rollouts at a time; nothing is changed.
    Read(Box<dyn FnOnce(View<'_>) + Send>),
    Recovered(Box<Result<Recovered, NotRecovered>>),
    /// Answers once all that happened so far is on disk and shown.
    Settle {
        reply: Reply<()>,
    },
    /// Lets time pass now.
    Wake,
    /// Writes all that is known and ends.
    Shutdown(oneshot::Sender<()>),
}

/// What became of orders.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) changes: Vec<prompt::Change>,
    /// The prompt before, if it was there.
    pub(crate) before: Option<Arc<Prompt>>,
    pub(crate) after: Arc<Prompt>,
}

/// An override to set or to take away.
#[derive(Debug)]
pub(crate) struct Override {
    pub(crate) camera: CameraId,
    pub(crate) variant: Option<Variant>,
}

/// One observation of a request.
#[derive(Debug)]
pub(crate) enum Item {
    Reported(Reported),
    /// Not even read; its answer is known.
    Refused(Answer),
}

/// What a reader sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) rollouts: &'a Rollouts,
    pub(crate) now: Timestamp,
    pub(crate) trust: Trust,
}

/// Where the daemon stands with its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Recovering,
    Ready,
    Unavailable(String),
    Damaged(String),
    /// The daemon cannot start at all: another one has the journal, or the folder is not allowed.
    Impossible(String),
    Draining,
}

impl Standing {
    /// Why nothing can be written, if so.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Recovering => Some(Refusal::Recovering),
            Self::Ready => None,
            Self::Unavailable(why) | Self::Impossible(why) => {
                Some(Refusal::StoreUnavailable(why.clone()))
            }
            Self::Damaged(why) => Some(Refusal::Damaged(why.clone())),
            Self::Draining => Some(Refusal::Draining),
        }
    }
}

/// What the driver shares with the rest of the daemon.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) published: Published,
    /// What subscribers are told.
    pub(crate) feed: Feed,
    /// Whom events are brought.
    pub(crate) followers: Vec<Arc<Follower>>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<Clock>,
    pub(crate) standing: watch::Sender<Standing>,
    /// Milliseconds before which time does not go back.
    pub(crate) floor_ms: AtomicI64,
}

impl Shared {
    /// The time, which never goes back.
    pub(crate) fn now(&self) -> Timestamp {
        let floor = Timestamp::from_ms(self.floor_ms.load(Ordering::Relaxed));
        self.clock.now().max(floor.unwrap_or(Timestamp::EPOCH))
    }
}

/// What the driver needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) recovery: Recovery,
    pub(crate) reserve_bytes: u64,
    pub(crate) snapshot_every: u64,
    pub(crate) retention: Duration,
    pub(crate) export: Option<Export>,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    settings: Settings,
    commands: SyncSender<Command>,
    rollouts: Rollouts,
    journal: Option<Arc<Journal>>,
    /// The last entry that was appended.
    last: u64,
    /// Entries since the last snapshot.
    since_snapshot: u64,
    /// Writes a snapshot or an export: never both, as a snapshot lets old frames go.
    keeping: Option<thread::JoinHandle<()>>,
    /// When the next export is due, if there are to be any.
    export_due: Option<Timestamp>,
    /// Whether the journal was open before.
    was_ready: bool,
    heartbeat: Box<dyn FnMut() + Send>,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: Settings,
        commands: SyncSender<Command>,
        heartbeat: Box<dyn FnMut() + Send>,
    ) -> Self {
        Self {
            shared,
            settings,
            commands,
            rollouts: Rollouts::default(),
            journal: None,
            last: 0,
            since_snapshot: 0,
            keeping: None,
            export_due: None,
            was_ready: false,
            heartbeat,
        }
    }

    /// Works until it is told to shut down.
    pub(crate) fn run(mut self, queue: &Receiver<Command>) {
        self.recover_after(Duration::ZERO);
        loop {
            (self.heartbeat)();
            self.pass_time();
            let command = match queue.recv_timeout(self.patience()) {
                Ok(Command::Shutdown(done)) => {
                    self.shut_down();
                    // Nobody may be waiting any more.
                    let _ = done.send(());
                    return;
                }
                Ok(command) => command,
                Err(RecvTimeoutError::Timeout) => Command::Wake,
                Err(RecvTimeoutError::Disconnected) => return self.shut_down(),
            };
            self.take(command);
            self.export_if_due();
            self.leave_a_failed_journal();
        }
    }

    /// How long to wait for a command: until the next deadline, and not too long.
    fn patience(&self) -> Duration {
        let deadline = self.rollouts.next_deadline().filter(|_| self.journal.is_some());
        let until =
            deadline.map_or(IDLE, |at| Duration::from_millis(at.since(self.shared.now()).ms()));
        until.min(IDLE)
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Observe { items, reply } => self.observe(items, reply),
            Command::Define { file, salt, reply } => self.define(&file, salt, move |defined| {
                let _ = reply.send(defined);
            }),
            Command::Override { key, to, reply } => self.set_override(&key, to, reply),
            Command::Act { key, action, reply } => self.act(&key, action, reply),
            Command::Order { prompt, orders, reply } => self.order(&prompt, &orders, reply),
            Command::Read(read) => {
                let now = self.shared.now();
                read(View { rollouts: &self.rollouts, now, trust: self.trust() });
            }
            Command::Recovered(result) => self.recovered(*result),
            Command::Settle { reply } => self.settle(reply),
            // Time passes before every command; a shutdown never comes here.
            Command::Wake | Command::Shutdown(_) => {}
        }
    }

    fn trust(&self) -> Trust {
        if self.journal.is_some() { Trust::Full } else { Trust::ControlOnly }
    }

    /// The time, which never goes back; counts how often it tried.
    fn now(&mut self) -> Timestamp {
        let floor = self.shared.floor_ms.load(Ordering::Relaxed);
        let clock = self.shared.clock.now();
        if clock.ms() < floor {
            self.shared.metrics.clock_behind(floor - clock.ms());
        } else {
            self.shared.metrics.clock_behind(0);
            self.shared.floor_ms.store(clock.ms(), Ordering::Relaxed);
        }
        self.shared.now()
    }

    fn pass_time(&mut self) {
        if self.journal.is_none() {
            return;
        }
        let now = self.now();
        if self.rollouts.next_deadline().is_none_or(|due| due > now) {
            return;
        }
        let keys: Vec<ExperimentKey> = self.rollouts.iter().map(|run| run.key.clone()).collect();
        for key in keys {
            let changed = self.rollouts.meet_deadlines(&key, now);
            if !changed.units.is_empty() {
                self.commit(&key, &changed, |_| ());
            }
        }
    }

    /// The journal, if it can take more.
    fn writable(&self) -> Result<Arc<Journal>, Refusal> {
        let refusal = || self.shared.standing.borrow().refusal();
        match &self.journal {
            Some(journal) if journal.has_room() => Ok(journal.clone()),
            Some(_) => Err(Refusal::QueueFull),
            None => Err(refusal().unwrap_or(Refusal::Recovering)),
        }
    }

    fn observe(&mut self, items: Vec<Item>, reply: Reply<Answers>) {
        if let Err(refusal) = self.writable().and_then(|journal| self.check_disk(&journal)) {
            let _ = reply.send(Err(refusal));
            return;
        }
        let now = self.now();
        let mut changed = Changed::default();
        let mut touched = None;
        let answers: Answers = items
            .into_iter()
            .map(|item| match item {
                Item::Refused(answer) => answer,
                Item::Reported(Reported { experiment, event }) => {
                    let answer = self.observe_one(&experiment, now, event, &mut changed);
                    touched = Some(experiment);
                    answer
                }
            })
            .collect();
        self.shared.metrics.observed(&answers);
        let Some(key) = touched else {
            let _ = reply.send(Ok(answers));
            return;
        };
        // Duplicates wait too: what they repeat may not be on disk yet.
        self.commit(&key, &changed, move |written| {
            let _ = reply.send(written.map(|()| answers));
        });
    }

    fn observe_one(
        &mut self,
        key: &ExperimentKey,
        now: Timestamp,
        event: Event,
        changed: &mut Changed,
    ) -> Answer {
        let told = self.shared.metrics.to_count(&event);
        match self.rollouts.apply(key, now, event, changed) {
            None => rejected("unknown_experiment", format!("no experiment has the key `{key}`")),
            Some(Ok(())) => {
                if let Some(run) = self.rollouts.get(key) {
                    self.shared.metrics.accepted(&told, run.rollout.definition().experiment());
                }
                Answer { status: AnswerStatus::Accepted, code: None, pointer: None, detail: None }
            }
            Some(Err(rejection)) => answer_of(&rejection),
        }
    }

    fn check_disk(&self, journal: &Journal) -> Result<(), Refusal> {
        const MB: u64 = 1024 * 1024;
        // What cannot be asked is found out by writing.
        let free = journal.free_bytes().unwrap_or(u64::MAX);
        self.shared.metrics.disk_free(free);
        if free < self.settings.reserve_bytes {
            let (free_mb, reserve_mb) = (free / MB, self.settings.reserve_bytes / MB);
            return Err(Refusal::DiskFull { free_mb, reserve_mb });
        }
        Ok(())
    }

    fn define(
        &mut self,
        file: &ExperimentFile,
        salt: SaltChoice,
        then: impl FnOnce(Result<(Change, ExperimentDetail), Refusal>) + Send + 'static,
    ) {
        let now = self.now();
        let key = file.definition.experiment().key.clone();
        let defined = self
            .writable()
            .and_then(|_| self.rollouts.define(now, file, salt).map_err(Refusal::from));
        let (change, entries) = match defined {
            Ok(defined) => defined,
            Err(refusal) => return then(Err(refusal)),
        };
        let Some(detail) = self.rollouts.get(&key).map(describe::detail) else { return };
        let units = entries.into_iter().map(|entry| vec![entry]).collect();
        let changed = Changed { units, ..Changed::default() };
        self.commit(&key, &changed, move |written| then(written.map(|()| (change, detail))));
    }

    fn set_override(&mut self, key: &ExperimentKey, to: Override, reply: Reply<ExperimentDetail>) {
        let file = match self.overridden(key, to) {
            Ok(file) => file,
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return;
            }
        };
        // The text of a draft names its salt, so it stays.
        self.define(&file, SaltChoice::Own, move |defined| {
            let _ = reply.send(defined.map(|(_, detail)| detail));
        });
    }

    /// The definition of a draft with one override more or less.
    fn overridden(&self, key: &ExperimentKey, to: Override) -> Result<ExperimentFile, Refusal> {
        let unknown = || Refusal::UnknownExperiment(key.clone());
        let run = self.rollouts.get(key).ok_or_else(unknown)?;
        if run.rollout.lifecycle().state.phase != Phase::Draft {
            return Err(Refusal::Running(key.clone()));
        }
        let mut file = ExperimentFile::parse(&run.text)
            .map_err(|error| Refusal::Invalid(error.to_string()))?;
        let mut experiment = file.definition.experiment().clone();
        let overrides = &mut experiment.assignment.overrides;
        let before = overrides.len();
        overrides.retain(|(camera, _)| *camera != to.camera);
        match to.variant {
            Some(variant) => overrides.push((to.camera, variant)),
            None if overrides.len() == before => return Err(Refusal::UnknownOverride(to.camera)),
            None => {}
        }
        file.definition = Definition::new(experiment).map_err(|disagreements| {
            let all: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
            Refusal::Invalid(all.join("; "))
        })?;
        Ok(file)
    }

    fn act(&mut self, key: &ExperimentKey, action: Action, reply: Reply<Done>) {
        let done = self.writable().and_then(|_| self.acted(key, action));
        match done {
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
            }
            Ok((changed, done)) => self.commit(key, &changed, move |written| {
                let _ = reply.send(written.map(|()| done));
            }),
        }
    }

    fn acted(&mut self, key: &ExperimentKey, action: Action) -> Result<(Changed, Done), Refusal> {
        let now = self.now();
        let mut changed = self.rollouts.meet_deadlines(key, now);
        let command = action.command;
        let applied = self.rollouts.apply(key, now, Event::Action(action), &mut changed);
        let refusal = match applied {
            None => Some(Refusal::UnknownExperiment(key.clone())),
            Some(Ok(())) => None,
            Some(Err(Rejection::NotAllowed { command, state })) => {
                Some(Refusal::ActionNotAllowed { command, state })
            }
            Some(Err(other)) => Some(Refusal::Invalid(other.to_string())),
        };
        if let Some(refusal) = refusal {
            // Deadlines that were met on the way still happened.
            if !changed.units.is_empty() {
                self.commit(key, &changed, |_| ());
            }
            return Err(refusal);
        }
        let Some(run) = self.rollouts.get(key) else {
            return Err(Refusal::UnknownExperiment(key.clone()));
        };
        let status = describe::status(run, self.rollouts.prompts(), (now, self.trust()));
        let done = Done { decisions: changed.items.clone(), status };
        tracing::info!(experiment = %key, action = command.as_str(), "acted");
        Ok((changed, done))
    }

    fn order(&mut self, name: &PromptName, orders: &[Order], reply: Reply<Ordered>) {
        match self.ordered(name, orders) {
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
            }
            Ok(ordered) => {
                // What belongs together may be longer than a frame; it stands with its last part.
                let entries = Entry::changes(&ordered.changes).into_iter();
                let units: Vec<Vec<Entry>> = entries.map(|entry| vec![entry]).collect();
                // Where nothing is to be done, what is repeated may still not be on disk yet.
                self.write(&units, None, move |written| {
                    let _ = reply.send(written.map(|()| ordered));
                });
            }
        }
    }

    fn ordered(&mut self, name: &PromptName, orders: &[Order]) -> Result<Ordered, Refusal> {
        self.writable().and_then(|journal| self.check_disk(&journal))?;
        let now = self.now();
        let prompts = self.rollouts.prompts_mut();
        let before = prompts.catalog().get(name).cloned();
        let changes = prompts
            .apply(now, name, orders)
            .map_err(|(_, rejection)| Refusal::Prompt(rejection))?;
        let after = prompts.catalog().get(name).cloned();
        let after = after.ok_or_else(|| Refusal::UnknownPrompt(name.clone()))?;
        for change in &changes {
            match change {
                prompt::Change::Added { version, .. } => {
                    let (number, digest) = (version.head.number, version.head.digest);
                    tracing::info!(prompt = %name, number, %digest, "version added");
                }
                prompt::Change::Moved { label, step, .. } => {
                    let (revision, from, to) = (step.revision, step.from, step.to);
                    tracing::info!(prompt = %name, %label, revision, from, to, "label moved");
                }
            }
        }
        Ok(Ordered { changes, before, after })
    }

    fn settle(&self, reply: Reply<()>) {
        let Some(journal) = &self.journal else {
            let _ = reply.send(Ok(()));
            return;
        };
        // Dropped where it cannot be queued, which says the same.
        let _ = journal.append(Batch::default(), move |written| {
            let settled = written.map(|_| ());
            let _ =
                reply.send(settled.map_err(|error| Refusal::StoreUnavailable(error.to_string())));
        });
    }

    /// Writes what happened and then says so. What serves less of the treatment is shown at once: a
    /// rollback is carried out even where it cannot be written.
    fn commit(
        &mut self,
        key: &ExperimentKey,
        changed: &Changed,
        then: impl FnOnce(Result<(), Refusal>) + Send + 'static,
    ) {
        self.tell(key, changed);
        if self.journal.is_none() {
            return;
        }
        let defined = matches!(
            changed.units.first().and_then(|unit| unit.first()),
            Some(Entry::Defined { .. })
        );
        let drawn = (defined || !changed.decisions.is_empty()).then(|| self.draw());
        if let Some(drawn) = &drawn
            && changed
                .decisions
                .iter()
                .any(|decision| matches!(decision.to.phase, Phase::RolledBack | Phase::Stopped))
        {
            self.shared.published.show(drawn);
        }
        self.write(&changed.units, drawn, then);
    }

    /// Writes entries, shows what may be shown once they are on disk, and then says so.
    fn write(
        &mut self,
        units: &[Vec<Entry>],
        drawn: Option<Drawn>,
        then: impl FnOnce(Result<(), Refusal>) + Send + 'static,
    ) {
        let Some(journal) = self.journal.clone() else { return };
        let mut batch = Batch::default();
        let mut told: Vec<Arc<Told>> = Vec::new();
        for unit in units {
            let before = self.last + batch.entries();
            if let Err(error) = batch.push(unit) {
                tracing::error!(%error, "an entry cannot be kept");
                continue;
            }
            let numbered = (before + 1..).zip(unit);
            let tellable = numbered.filter_map(|(number, entry)| self.rollouts.told(number, entry));
            told.extend(tellable.map(Arc::new));
        }
        self.shared.feed.add(&told);
        let entries = batch.entries();
        self.last += entries;
        self.since_snapshot += entries;
        let shared = self.shared.clone();
        let wake = self.commands.clone();
        let appended = journal.append(batch, move |written: Result<u64, WriteError>| {
            match written {
                Ok(last) => {
                    if let Some(drawn) = &drawn {
                        shared.published.show(drawn);
                    }
                    shared.metrics.told(&told);
                    shared.feed.show(last, &told);
                    then(Ok(()));
                }
                Err(error) => {
                    then(Err(Refusal::StoreUnavailable(error.to_string())));
                    // The driver notices by itself soon; this only makes it sooner.
                    let _ = wake.try_send(Command::Wake);
                }
            }
        });
        if let Err(error) = appended {
            // The engine knows what the journal does not: what is on disk counts, and is read anew.
            tracing::error!(%error, "nothing more can be written");
            journal.give_up(&error.to_string());
        }
        self.keep_if_due();
    }

    fn tell(&self, key: &ExperimentKey, changed: &Changed) {
        for Followed { prompt, sentence, outcome } in &changed.followed {
            match outcome {
                Outcome::LeftAlone => {
                    tracing::warn!(experiment = %key, %prompt, sentence, "production left alone");
                }
                Outcome::Moved(_) | Outcome::There => {
                    tracing::info!(experiment = %key, %prompt, sentence, "production follows");
                }
            }
        }
        for decision in &changed.decisions {
            self.shared.metrics.decided(key, decision);
            let (from, to) = (decision.from.to_string(), decision.to.to_string());
            let cause = decision.cause.code();
            let reason = decision.cause.to_string();
            if decision.to.phase == Phase::RolledBack {
                tracing::warn!(experiment = %key, from, to, cause, reason, "rolled back");
            } else {
                tracing::info!(experiment = %key, from, to, cause, reason, "decided");
            }
        }
    }

    /// Takes a snapshot once enough has happened and is on disk.
    fn keep_if_due(&mut self) {
        if self.since_snapshot < self.settings.snapshot_every || self.is_keeping() {
            return;
        }
        let Some(journal) = self.journal.clone() else { return };
        self.since_snapshot = 0;
        let state = self.state();
        let retention = self.settings.retention;
        self.keep("snapshot", move || {
            if journal.append_and_wait(Batch::default()).is_ok()
                && let Err(error) = journal.keep(&state, retention)
            {
                tracing::warn!(%error, "a snapshot was not written");
            }
        });
    }

    /// Writes an export beside the running journal, as often as its owner wants.
    fn export_if_due(&mut self) {
        let due = self.export_due.is_some_and(|due| due <= self.shared.now());
        let (Some(Export { file, every }), true) = (&self.settings.export, due) else { return };
        let Some(journal) = self.journal.clone().filter(|_| !self.is_keeping()) else { return };
        self.export_due = Some(self.shared.now().plus(*every));
        let file = file.clone();
        self.keep("export", move || {
            // The frames that the last snapshot let go are gone once this was waited for.
            let settled =
                journal.append_and_wait(Batch::default()).map_err(|error| error.to_string());
            let exported = settled.and_then(|_| {
                tidegate_journal::export(&journal, &file).map_err(|error| error.to_string())
            });
            match exported {
                Ok(counts) => tracing::info!(entries = counts.entries, "exported"),
                Err(error) => tracing::warn!(error, "an export was not written"),
            }
        });
    }

    /// All that is remembered, also by the feed.
    fn state(&self) -> State {
        self.rollouts.state(self.last, self.shared.now(), self.shared.feed.state())
    }

    fn is_keeping(&self) -> bool {
        self.keeping.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Does slow work of the disk on a thread of its own.
    fn keep(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        match thread::Builder::new().name(name.to_owned()).spawn(work) {
            Ok(thread) => self.keeping = Some(thread),
            Err(error) => tracing::warn!(%error, "a snapshot was not written"),
        }
    }

    /// Serves control and opens the journal anew once it failed. An `fsync` is never tried twice.
    fn leave_a_failed_journal(&mut self) {
        let Some(why) = self.journal.as_ref().and_then(|journal| journal.failure()) else { return };
        let why = why.to_owned();
        tracing::error!(why, "the journal failed; control is served until it can be opened anew");
        self.shared.metrics.journal_failed();
        self.journal = None;
        self.stand(Standing::Unavailable(why));
        self.recover_after(REOPEN_PAUSE);
    }

    fn stand(&self, standing: Standing) {
        self.shared.standing.send_replace(standing);
        self.shared.published.show(&self.draw());
    }

    fn draw(&self) -> Drawn {
        self.shared.published.draw(&self.rollouts, self.trust(), self.shared.now())
    }

    /// Opens the journal on a thread of its own.
    fn recover_after(&self, pause: Duration) {
        let (commands, recovery) = (self.commands.clone(), self.settings.recovery.clone());
        let recovering = thread::Builder::new().name("recovery".to_owned()).spawn(move || {
            thread::sleep(pause);
            let recovered = recovery::recover(&recovery);
            // Without a driver nothing is to be recovered.
            let _ = commands.send(Command::Recovered(Box::new(recovered)));
        });
        if let Err(error) = recovering {
            self.stand(Standing::Unavailable(error.to_string()));
        }
    }

    fn recovered(&mut self, result: Result<Recovered, NotRecovered>) {
        match result {
            Ok(Recovered { journal, rollouts, kept, last, seconds }) => {
                let before = std::mem::replace(&mut self.rollouts, rollouts);
                // Known from the first moment on; whether it suffices is asked at every observation.
                let _ = self.check_disk(&journal);
                self.journal = Some(Arc::new(journal));
                self.was_ready = true;
                (self.last, self.since_snapshot) = (last, 0);
                self.shared.feed.replace(kept, last);
                let latest = self.rollouts.latest().ms();
                self.shared.floor_ms.fetch_max(latest, Ordering::Relaxed);
                self.shared.metrics.recovered(seconds);
                self.roll_back_again(&before);
                self.pass_time();
                tracing::info!(entries = last, seconds, "ready");
                self.stand(Standing::Ready);
                let export = self.settings.export.as_ref();
                self.export_due = export.map(|export| {
                    let now = self.shared.now();
                    if export.file.exists() { now.plus(export.every) } else { now }
                });
            }
            Err(NotRecovered::Damaged(why)) => {
                tracing::error!(why, "the journal is damaged; control is served");
                self.stand(Standing::Damaged(why));
            }
            Err(NotRecovered::Impossible(why)) if !self.was_ready => {
                self.stand(Standing::Impossible(why));
            }
            // A disk that failed may come back read-only, or be under repair: no reason to end.
            Err(NotRecovered::Unavailable(why) | NotRecovered::Impossible(why)) => {
                tracing::error!(why, "the journal cannot be opened; control is served");
                self.stand(Standing::Unavailable(why));
                self.recover_after(REOPEN_PAUSE);
            }
        }
    }

    /// Rolls back again what was rolled back while it could not be written.
    fn roll_back_again(&mut self, before: &Rollouts) {
        let lost: Vec<ExperimentKey> = before
            .iter()
            .filter(|run| run.rollout.lifecycle().state.phase == Phase::RolledBack)
            .filter(|run| {
                self.rollouts.get(&run.key).is_some_and(|now| {
                    now.number == run.number
                        && matches!(
                            now.rollout.lifecycle().state.phase,
                            Phase::Shadow | Phase::Ab | Phase::Full
                        )
                })
            })
            .map(|run| run.key.clone())
            .collect();
        for key in lost {
            let actor = Actor::new(TIDEGATE);
            let note = Note::new("Rolled back before while the journal could not be written");
            let (Ok(actor), Ok(note)) = (actor, note) else { continue };
            let action = Action { command: Verb::RollBack, actor, note };
            if let Ok((changed, _)) = self.acted(&key, action) {
                self.commit(&key, &changed, |_| ());
            }
        }
    }

    fn shut_down(&mut self) {
        self.shared.standing.send_replace(Standing::Draining);
        if let Some(thread) = self.keeping.take() {
            // A thread that panicked has written nothing, which is no loss.
            let _ = thread.join();
        }
        let Some(journal) = self.journal.take() else { return };
        if self.since_snapshot > 0 && journal.append_and_wait(Batch::default()).is_ok() {
            let state = self.state();
            if let Err(error) = journal.keep(&state, self.settings.retention) {
                tracing::warn!(%error, "a snapshot was not written");
            }
        }
        drop(journal);
    }
}

fn rejected(code: &str, detail: String) -> Answer {
    Answer {
        status: AnswerStatus::Rejected,
        code: Some(code.to_owned()),
        pointer: None,
        detail: Some(detail),
    }
}

fn answer_of(rejection: &Rejection) -> Answer {
    let detail = rejection.to_string();
    let code = match rejection {
        Rejection::Duplicate { .. } | Rejection::SameLabel { .. } => {
            let (status, code, pointer) = (AnswerStatus::Duplicate, None, None);
            return Answer { status, code, pointer, detail: None };
        }
        Rejection::NotStarted => "not_started",
        Rejection::UnknownAnalysis { .. } => "unknown_analysis",
        Rejection::TooManyCameras { .. } => "too_many_cameras",
        Rejection::TooManyObservations { .. } => "too_many_observations",
        Rejection::TooManyBlocks { .. } => "too_many_blocks",
        // The driver holds time, meets deadlines first, and actions do not come this way.
        Rejection::TimeRanBackwards { .. }
        | Rejection::TickDue { .. }
        | Rejection::NotAllowed { .. } => "internal",
    };
    rejected(code, detail)
}
