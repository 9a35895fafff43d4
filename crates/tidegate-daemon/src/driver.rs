//! The one thread that owns the engine: takes commands in turn, lets time pass, and answers once what
//! happened is on disk.

mod act;
mod answer;
mod attendance;
mod commit;
mod define;
mod delete;
#[cfg(feature = "cluster")]
mod following;
mod keeping;
mod observe;
mod order;
mod pending;
mod protocol;
mod recovering;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use tidegate_engine::event::Event;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::{Duration as Span, Timestamp};
use tidegate_journal::{Batch, Journal};

use crate::clock::Clock;
use crate::published::{Trust, View};
use crate::readiness::Readiness;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, Rollouts, RunningExperiment};
use crate::settings::DriverSettings;
use crate::shared::Shared;
use attendance::{Absence, Attendance};
use pending::Pending;

pub(crate) use act::StepAhead;
#[cfg(feature = "cluster")]
pub(crate) use following::{Lead, NodeCommand};
pub(crate) use protocol::{ActionOrder, DriverCommand, Ordered, Override, ReadObservation, Reply};

/// How often time is looked at where nothing else happens.
const IDLE: Duration = Duration::from_millis(500);

/// How often it is looked for what is wrong with what is heard.
const SYMPTOMS_EVERY: Span = Span::from_ms(60_000);

/// A clock that is behind by less is set by a time server.
pub(crate) const CLOCK_BEHIND_TOLD: Span = Span::from_ms(60_000);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    settings: DriverSettings,
    commands: SyncSender<DriverCommand>,
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
    attendance: Attendance,
    clock_behind: Span,
    /// When to look next for what is wrong with what is heard.
    symptoms_due: Timestamp,
    heartbeat: Box<dyn FnMut() + Send>,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: DriverSettings,
        commands: SyncSender<DriverCommand>,
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
            attendance: Attendance::default(),
            clock_behind: Span::ZERO,
            symptoms_due: Timestamp::EPOCH,
            heartbeat,
        }
    }

    /// Works until it is told to shut down.
    pub(crate) fn run(mut self, queue: &Receiver<DriverCommand>) {
        self.recover_after(Duration::ZERO);
        loop {
            (self.heartbeat)();
            self.pass_time();
            let command = match queue.recv_timeout(self.poll_timeout()) {
                Ok(DriverCommand::Shutdown(done)) => {
                    self.shut_down();
                    // Nobody may be waiting any more.
                    let _ = done.send(());
                    return;
                }
                Ok(command) => command,
                Err(RecvTimeoutError::Timeout) => DriverCommand::Wake,
                Err(RecvTimeoutError::Disconnected) => return self.shut_down(),
            };
            self.take(command);
            self.export_if_due();
            self.leave_a_failed_journal();
        }
    }

    /// How long to wait for a command: until the next deadline, and not too long.
    fn poll_timeout(&self) -> Duration {
        let meets = self.journal.is_some() && self.shared.node.decides();
        let deadline = self.rollouts.next_deadline().filter(|_| meets);
        let until =
            deadline.map_or(IDLE, |at| Duration::from_millis(at.since(self.shared.now()).ms()));
        until.min(IDLE)
    }

    fn take(&mut self, command: DriverCommand) {
        match command {
            DriverCommand::Observe { items, reply } => self.observe(items, reply),
            DriverCommand::Define { wanted, reply } => self.define(&wanted, reply),
            DriverCommand::Delete { key, actor, reason, treatment, reply } => {
                self.delete(&key, actor, reason, treatment, reply);
            }
            DriverCommand::Override { key, to, actor, reason, reply } => {
                self.set_override(&key, to, actor, reason, reply);
            }
            DriverCommand::Act { key, order, reply } => self.act(&key, order, reply),
            DriverCommand::Answer { key, answer, reply } => self.answer(&key, answer, reply),
            DriverCommand::Order { prompt, orders, reply } => self.order(&prompt, &orders, reply),
            DriverCommand::Read(read) => {
                read(self.view());
            }
            DriverCommand::Recovered(result) => self.recovered(*result),
            DriverCommand::Settle { reply } => self.settle(reply),
            #[cfg(feature = "cluster")]
            DriverCommand::Node(command) => self.take_node_command(command),
            // Time passes before every command; a shutdown never comes here.
            DriverCommand::Wake | DriverCommand::Shutdown(_) => {}
        }
    }

    fn view(&self) -> View<'_> {
        View {
            rollouts: &self.rollouts,
            now: self.shared.now(),
            trust: self.trust(),
            clock_behind: self.clock_behind,
        }
    }

    /// The run of an experiment.
    fn run_of(&self, key: &ExperimentKey) -> Result<&RunningExperiment, Refusal> {
        self.rollouts.get(key).ok_or_else(|| Refusal::unknown(&self.rollouts, key))
    }

    /// Tells a run what a person did.
    fn tell(
        &mut self,
        key: &ExperimentKey,
        now: Timestamp,
        event: Event,
        changed: &mut Changed,
    ) -> Result<(), Refusal> {
        match self.rollouts.apply(key, now, event, changed) {
            Some(Ok(())) => Ok(()),
            Some(Err(rejection)) => Err(Refusal::of(rejection, self.run_of(key)?)),
            None => Err(Refusal::unknown(&self.rollouts, key)),
        }
    }

    fn trust(&self) -> Trust {
        if self.journal.is_some() { Trust::Full } else { Trust::ControlOnly }
    }

    /// The time, which never goes back; counts how often it tried.
    fn now(&mut self) -> Timestamp {
        let behind_ms = self.shared.clock.advance();
        self.shared.metrics.clock_behind(behind_ms);
        let behind = Span::from_ms(behind_ms.unsigned_abs());
        let before = std::mem::replace(&mut self.clock_behind, behind);
        if behind >= CLOCK_BEHIND_TOLD && before < CLOCK_BEHIND_TOLD {
            let seconds = behind.ms() / 1_000;
            tracing::warn!(seconds, "the clock is behind the journal; time stands still");
        }
        self.shared.now()
    }

    fn pass_time(&mut self) {
        if self.journal.is_none() || !self.shared.node.decides() {
            return;
        }
        let now = self.now();
        if matches!(self.shared.clock.clock(), Clock::System) {
            self.attend(now);
        }
        if self.rollouts.next_deadline().is_some_and(|due| due <= now) {
            let changed = self.rollouts.meet_all_deadlines(now);
            self.commit(&changed, Pending::nobody());
        }
        if now >= self.symptoms_due {
            self.symptoms_due = now.plus(SYMPTOMS_EVERY);
            let changed = self.rollouts.notice_symptoms(now);
            self.commit_any(&changed);
        }
    }

    fn commit_any(&mut self, changed: &Changed) {
        if !changed.units.is_empty() {
            self.commit(changed, Pending::nobody());
        }
    }

    /// Lets no time pass for the rollouts in which the driver was away, and writes down now and then that it is there. Driven time
    /// passes as it is told.
    fn attend(&mut self, now: Timestamp) {
        let changed = match self.attendance.look(now) {
            Some(Absence { since, lasted }) => {
                let seconds = lasted.ms() / 1_000;
                tracing::warn!(seconds, since_ms = since.ms(), "away, which counts for no rollout");
                self.rollouts.be_absent(since, lasted)
            }
            None if self.attendance.is_mark_due(now, || self.rollouts.latest()) => {
                self.rollouts.pass(now)
            }
            None => return,
        };
        self.commit_any(&changed);
    }

    /// The journal, if it can take more.
    fn writable(&self) -> Result<Arc<Journal>, Refusal> {
        let refusal = || self.shared.readiness.borrow().refusal();
        if let Some(refusal) = self.shared.node.refusal() {
            return Err(refusal);
        }
        match &self.journal {
            Some(journal) if journal.has_room() => Ok(journal.clone()),
            Some(_) => Err(Refusal::QueueFull),
            None => Err(refusal().unwrap_or(Refusal::Recovering)),
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

    fn settle(&self, reply: Reply<()>) {
        let pending = Pending::answer(reply, ());
        let Some(journal) = &self.journal else { return pending.settle(Ok(())) };
        // Dropped where it cannot be queued, which says the same.
        let _ = journal.append(Batch::default(), move |written| {
            let settled = written.map(|_| ());
            pending.settle(settled.map_err(|error| Refusal::StoreUnavailable(error.to_string())));
        });
    }

    fn shut_down(&mut self) {
        self.shared.readiness.send_replace(Readiness::Draining);
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
