//! What the node does, turn by turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use tidegate_cluster::{Holder, Lease, LeaseFound, ServerError, Servers, StreamLog};
use tidegate_engine::time::Duration as Span;
use tidegate_journal::log::{Appended, Log as _, LogError, SealedFrame, Term, Tip};
use tokio::sync::oneshot;

use super::{ClusterSettings, OnShortfall};
use crate::clock::Stopwatch;
use crate::driver::{DriverCommand, Lead, NodeCommand, Reply};
use crate::node::NodeRole;
use crate::readiness::Readiness;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// Servers that have each message.
const REPLICAS: usize = 3;
/// How often the holder writes the lease.
const RENEWED_EVERY: Duration = Duration::from_secs(1);
/// After how many seconds without a change somebody else may take the lease.
const LEASE_SECONDS: f64 = 3.0;
/// How often it is looked at.
const LOOKED_AT_EVERY_SECONDS: f64 = 0.5;
/// How long one turn waits for frames.
const TURN: Duration = Duration::from_millis(200);
/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

pub(super) struct Member {
    cluster: ClusterSettings,
    shared: Arc<Shared>,
    commands: SyncSender<DriverCommand>,
    ended: Arc<AtomicBool>,
}

/// Why a node does not go on as it is.
enum Interrupted {
    /// It is tried again.
    Again(String),
    /// A person must see to it.
    Apart(String),
    /// The daemon ends, or was told that it cannot start.
    Ended,
}

impl From<ServerError> for Interrupted {
    fn from(error: ServerError) -> Self {
        Self::Again(error.to_string())
    }
}

impl From<LogError> for Interrupted {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unavailable(_) => Self::Again(error.to_string()),
            LogError::Gone { .. } | LogError::Damaged { .. } => Self::Apart(error.to_string()),
        }
    }
}

/// The connection, and what is known by it.
struct Connected {
    servers: Servers,
    lease: Lease,
    log: StreamLog,
    /// Where the journal here ends.
    tip: Tip,
    found: LeaseFound,
    /// Since when the lease is as it was found.
    unchanged: Stopwatch,
    looked: Stopwatch,
}

impl Member {
    pub(super) fn new(
        cluster: ClusterSettings,
        shared: Arc<Shared>,
        commands: SyncSender<DriverCommand>,
        ended: Arc<AtomicBool>,
    ) -> Self {
        Self { cluster, shared, commands, ended }
    }

    pub(super) fn run(&self) {
        let mut told = String::new();
        loop {
            match self.session() {
                Interrupted::Ended => return,
                Interrupted::Apart(why) => {
                    // Nothing more can be done before a person saw to it.
                    let _ = self.commands.send(DriverCommand::Node(NodeCommand::Apart(why)));
                    return;
                }
                Interrupted::Again(why) => {
                    if why != told {
                        tracing::warn!(why, "the cluster's log cannot be followed for now");
                        told = why;
                    }
                }
            }
            thread::park_timeout(RETRY);
        }
    }

    /// Connects, and goes on until something interrupts it.
    fn session(&self) -> Interrupted {
        let mut session = match self.connected() {
            Ok(session) => session,
            Err(interrupted) => return interrupted,
        };
        loop {
            if self.ended.load(Ordering::Acquire) {
                if self.shared.node.role() == NodeRole::Leader {
                    // Where it cannot be told others wait for the lease to run out.
                    let _ = session.lease.give_up(session.found.revision);
                }
                return Interrupted::Ended;
            }
            let turn = match self.shared.node.role() {
                NodeRole::Leader => self.renew(&mut session),
                NodeRole::Follower { .. } => self.follow(&mut session),
                NodeRole::Alone => return Interrupted::Ended,
            };
            if let Err(interrupted) = turn {
                return interrupted;
            }
        }
    }

    fn connected(&self) -> Result<Connected, Interrupted> {
        if self.ended.load(Ordering::Acquire) {
            return Err(Interrupted::Ended);
        }
        let servers = Servers::connect(&self.cluster.access)?;
        servers.make_stream(&self.cluster.name, REPLICAS)?;
        self.check(&servers)?;
        let lease = servers.lease(&self.cluster.name, REPLICAS)?;
        let log = servers.log(&self.cluster.name)?;
        let tip = self.ask(|reply| NodeCommand::Tip { reply })?;
        let found = lease.look()?;
        let (unchanged, looked) = (Stopwatch::start(), Stopwatch::start());
        Ok(Connected { servers, lease, log, tip, found, unchanged, looked })
    }

    /// Refuses to go on where less is promised than durability needs.
    fn check(&self, servers: &Servers) -> Result<(), Interrupted> {
        let system = self.cluster.system.as_ref().map(Servers::connect).transpose()?;
        let shortfalls = servers.shortfalls(&self.cluster.name, system.as_ref())?;
        let sentences: Vec<String> = shortfalls.iter().map(ToString::to_string).collect();
        if sentences.is_empty() {
            return Ok(());
        }
        let why = sentences.join("; ");
        match self.cluster.shortfalls {
            OnShortfall::Accepted => {
                tracing::warn!(why, "the cluster promises less than durability needs");
                Ok(())
            }
            OnShortfall::Refused => {
                let why = format!("the cluster promises less than durability needs: {why}");
                self.shared.readiness.send_replace(Readiness::Impossible(why));
                Err(Interrupted::Ended)
            }
        }
    }

    /// Asks the driver, and waits.
    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> NodeCommand) -> Result<T, Interrupted> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(DriverCommand::Node(command(reply)));
        sent.map_err(|_| Interrupted::Ended)?;
        let answer = answer
            .blocking_recv()
            .map_err(|_| Interrupted::Again("the journal failed".to_owned()))?;
        answer.map_err(|refusal: Refusal| Interrupted::Again(refusal.to_string()))
    }

    /// One turn of who follows.
    fn follow(&self, session: &mut Connected) -> Result<(), Interrupted> {
        if Self::is_ahead(session)? {
            // Only who leads may write what the stream lacks.
            thread::park_timeout(TURN);
        } else {
            let frames = session.log.follow(session.tip.last + 1, TURN)?;
            self.take(session, frames)?;
        }
        if session.looked.seconds() < LOOKED_AT_EVERY_SECONDS {
            return Ok(());
        }
        let before = std::mem::replace(&mut session.looked, Stopwatch::start());
        let found = session.lease.look()?;
        if found.revision != session.found.revision {
            session.unchanged = Stopwatch::start();
            // It was written after the look before, so what had been agreed on until then is known once its entry is.
            let holder = found.holder.as_ref();
            let is_known = holder.is_some_and(|holder| holder.last <= session.tip.last);
            let address = holder.map(|holder| holder.address.clone());
            self.shared.node.hear(address, is_known.then_some(before));
        }
        session.found = found;
        if session.found.holder.is_none() || session.unchanged.seconds() > LEASE_SECONDS {
            self.try_to_lead(session)?;
        }
        Ok(())
    }

    /// Takes in frames here that were agreed on.
    fn take(&self, session: &mut Connected, frames: Vec<SealedFrame>) -> Result<(), Interrupted> {
        let Some(first) = frames.first() else { return Ok(()) };
        first.follows(session.tip).map_err(|error| {
            Interrupted::Apart(format!(
                "the cluster's log went on otherwise than this journal: {error}"
            ))
        })?;
        session.tip = self.ask(|reply| NodeCommand::Take { frames, reply })?;
        Ok(())
    }

    /// Whether this journal has what the stream has not. One that was never led may become the first of several; another
    /// one shows that the stream lost something.
    fn is_ahead(session: &mut Connected) -> Result<bool, Interrupted> {
        if session.tip.term != Term::NONE || session.tip.last == 0 {
            return Ok(false);
        }
        let agreed = session.log.tip()?;
        Ok(agreed.term == Term::NONE && agreed.last < session.tip.last)
    }

    fn try_to_lead(&self, session: &mut Connected) -> Result<(), Interrupted> {
        let holder = self.holder(session.tip.last, session.tip.term.next());
        let Some(revision) = session.lease.write(&holder, session.found.revision)? else {
            return Ok(());
        };
        let away = session.unchanged;
        session.found = LeaseFound { revision, holder: Some(holder) };
        session.unchanged = Stopwatch::start();
        if Self::is_ahead(session)? {
            self.fill(session)?;
        }
        loop {
            let frames = session.log.read(session.tip.last + 1)?;
            if frames.is_empty() {
                break;
            }
            self.take(session, frames)?;
        }
        let agreed = Box::new(session.servers.log(&self.cluster.name)?);
        let (term, node) = (session.tip.term.next(), self.cluster.address.clone());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length of time is finite and not negative"
        )]
        let away = Span::from_ms((away.seconds() * 1_000.0) as u64);
        let lead = Lead { agreed, term, node, away };
        self.ask(|reply| NodeCommand::Lead(lead, reply))?;
        tracing::info!(term = term.0, "leads");
        Ok(())
    }

    /// Writes what one machine's journal has into a stream that has less of it.
    fn fill(&self, session: &mut Connected) -> Result<(), Interrupted> {
        loop {
            let agreed = session.log.tip()?;
            if agreed.last >= session.tip.last {
                return Ok(());
            }
            let is_empty = agreed == Tip::default();
            let from = if is_empty { 0 } else { agreed.last + 1 };
            let frames = self.ask(|reply| NodeCommand::Read { from, reply })?;
            let Some(first) = frames.first() else { return Ok(()) };
            let appended = if is_empty {
                session.log.begin(first)
            } else {
                first.follows(agreed).map_err(|error| Interrupted::Apart(error.to_string()))?;
                session.log.append(agreed, &frames)
            };
            match appended {
                Appended::Agreed => {}
                Appended::Deposed { by } => {
                    return Err(Interrupted::Again(format!("another node leads, since term {by}")));
                }
                Appended::Unknown { why } => return Err(Interrupted::Again(why)),
            }
        }
    }

    /// One turn of who leads.
    fn renew(&self, session: &mut Connected) -> Result<(), Interrupted> {
        // Where the journal fails meanwhile the driver steps down by itself.
        if let Ok(tip) = self.ask(|reply| NodeCommand::Tip { reply }) {
            session.tip = tip;
            let holder = self.holder(tip.last, tip.term);
            match session.lease.write(&holder, session.found.revision) {
                Ok(Some(revision)) => session.found = LeaseFound { revision, holder: Some(holder) },
                Ok(None) => {
                    let found = session.lease.look()?;
                    let is_ours =
                        found.holder.as_ref().is_some_and(|found| found.address == holder.address);
                    session.found = found;
                    if !is_ours {
                        let _ = self.commands.send(DriverCommand::Node(NodeCommand::StepDown));
                    }
                }
                // It only says who should try; what is appended meanwhile is agreed on, or not.
                Err(error) => tracing::debug!(%error, "the lease was not renewed"),
            }
        }
        session.unchanged = Stopwatch::start();
        thread::park_timeout(RENEWED_EVERY);
        Ok(())
    }

    fn holder(&self, last: u64, term: Term) -> Holder {
        Holder { address: self.cluster.address.clone(), term: term.0, last }
    }
}
