//! What a node of several is told: frames that others agreed on, and that it leads.

use tidegate_engine::time::{Duration, Timestamp};
use tidegate_journal::Entry;
use tidegate_journal::log::{Appended, Log, LogError, SealedFrame, Term, Tip};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::Reply;
use crate::feed::RecentEvents;
use crate::readiness::Readiness;
use crate::refusal::Refusal;
use crate::rollouts::Unit;

/// What a node of several can be told.
pub(crate) enum NodeCommand {
    /// Says where the journal here ends.
    Tip { reply: Reply<Tip> },
    /// Gives frames of the journal here.
    Read { from: u64, reply: Reply<Vec<SealedFrame>> },
    /// Takes in frames that were agreed on.
    Take { frames: Vec<SealedFrame>, reply: Reply<Tip> },
    /// Decides from now on, and appends to `agreed` first.
    Lead(Lead, Reply<()>),
    /// Decides no more, as somebody else leads.
    StepDown,
    /// Serves control only: this journal and what was agreed on went apart.
    Apart(String),
}

/// How a node begins to lead.
pub(crate) struct Lead {
    pub(crate) agreed: Box<dyn Log>,
    pub(crate) term: Term,
    /// Its address, which is kept.
    pub(crate) node: String,
    /// For how long nobody decided.
    pub(crate) away: Duration,
}

impl Driver {
    pub(super) fn take_node_command(&mut self, command: NodeCommand) {
        match command {
            NodeCommand::Tip { reply } => {
                let tip = self.local(|log| log.tip());
                // Nobody may be waiting any more.
                let _ = reply.send(tip);
            }
            NodeCommand::Read { from, reply } => {
                let frames = self.local(|log| log.read(from));
                let _ = reply.send(frames);
            }
            NodeCommand::Take { frames, reply } => {
                let taken = self.take_frames(&frames);
                let _ = reply.send(taken);
            }
            NodeCommand::Lead(lead, reply) => self.lead(lead, reply),
            NodeCommand::StepDown => {
                if let Some(journal) = &self.journal {
                    journal.give_up("another node leads");
                }
            }
            NodeCommand::Apart(why) => {
                tracing::error!(why, "journal and cluster went apart; control is served");
                self.journal = None;
                self.stand(Readiness::Damaged(why));
            }
        }
    }

    /// Asks the log of this machine.
    fn local<T>(
        &self,
        ask: impl FnOnce(&mut dyn Log) -> Result<T, LogError>,
    ) -> Result<T, Refusal> {
        let refusal = || self.shared.readiness.borrow().refusal().unwrap_or(Refusal::Recovering);
        let journal = self.journal.as_ref().ok_or_else(refusal)?;
        ask(&mut journal.log()).map_err(|error| Refusal::StoreUnavailable(error.to_string()))
    }

    /// Takes in frames that were agreed on: they are on disk here before they are shown.
    fn take_frames(&mut self, frames: &[SealedFrame]) -> Result<Tip, Refusal> {
        let unavailable = Refusal::StoreUnavailable;
        let tip = self.local(|log| {
            let tip = log.tip()?;
            match log.append(tip, frames) {
                Appended::Agreed => log.tip(),
                Appended::Deposed { by } => {
                    Err(LogError::unavailable(format!("a frame of term {by} is there already")))
                }
                Appended::Unknown { why } => Err(LogError::unavailable(why)),
            }
        })?;
        let (mut kept, mut is_shown) = (RecentEvents::default(), false);
        for frame in frames {
            let entries = frame.entries().map_err(|error| unavailable(error.to_string()))?;
            for (number, entry) in entries {
                // Sums change nothing of what cameras get.
                is_shown |= !matches!(entry, Entry::Event { .. } | Entry::Point { .. });
                let taken = self.rollouts.replay(number, entry, &mut kept);
                taken.map_err(|error| unavailable(error.to_string()))?;
                self.since_snapshot += 1;
            }
        }
        self.last = tip.last;
        self.shared.clock.not_before(self.rollouts.latest());
        if is_shown {
            let (published, now) = (&self.shared.published, self.shared.now());
            published.show(&published.draw_all(&self.rollouts, self.trust(), now));
        }
        let told = kept.into_events();
        self.shared.feed.add(&told);
        self.shared.feed.show(tip.last, &told);
        self.keep_if_due();
        Ok(tip)
    }

    fn lead(&mut self, lead: Lead, reply: Reply<()>) {
        let Lead { agreed, term, node, away } = lead;
        let Some(journal) = self.journal.clone() else { return refuse(reply, Refusal::Recovering) };
        if let Err(error) = journal.lead(agreed, term) {
            return refuse(reply, Refusal::StoreUnavailable(error.to_string()));
        }
        self.shared.node.lead();
        let now = self.now();
        // Somebody decided until then.
        self.attendance
            .begin(Timestamp::from_ms(now.ms().saturating_sub_unsigned(away.ms())).unwrap_or(now));
        // The first that is appended in the term fences whoever led before.
        let first = Entry::Led { at: now, node, term };
        self.write(&Unit::each_of(vec![first]), Vec::new(), Pending::answer(reply, ()));
    }
}
