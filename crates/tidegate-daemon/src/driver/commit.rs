//! What happened goes to the journal; once it is on disk it is shown, told and answered.

use std::sync::Arc;

use tidegate_engine::notice::WarningState;
use tidegate_engine::phase::Phase;
use tidegate_journal::{Batch, WriteError};
use tidegate_spec::api::What;

use super::Driver;
use super::pending::Pending;
use super::protocol::DriverCommand;
use crate::feed::FeedEvent;
use crate::prompts::{Followed, ProductionMove};
use crate::published::Drawn;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, Decided, Unit};

impl Driver {
    /// Writes what happened, and then gives the answer that waits for it. Of each experiment, what serves less of
    /// the treatment is shown at once: a rollback is carried out even where it cannot be written. What serves
    /// more is shown once it is on disk, whatever becomes of other experiments meanwhile.
    pub(super) fn commit(&mut self, changed: &Changed, pending: Pending) {
        tell_log(changed);
        for decided in &changed.decisions {
            self.shared.metrics.decided(&decided.decision);
        }
        if self.journal.is_none() {
            return;
        }
        let now = self.shared.now();
        let published = &self.shared.published;
        let mut drawn = Vec::new();
        for key in changed.touched() {
            let Some(run) = self.rollouts.get(key) else {
                drawn.push(published.draw_gone(key, now));
                continue;
            };
            let table = published.draw(run, now);
            let harmed = changed.decisions.iter().any(|Decided { experiment, decision }| {
                experiment == key && matches!(decision.to.phase, Phase::RolledBack | Phase::Stopped)
            });
            if harmed {
                published.show(&table);
            }
            drawn.push(table);
        }
        self.write(&changed.units, drawn, pending);
    }

    /// Writes units, shows what may be shown once they are on disk, and then gives the answer.
    pub(super) fn write(&mut self, units: &[Unit], drawn: Vec<Drawn>, pending: Pending) {
        let Some(journal) = self.journal.clone() else { return };
        let mut batch = Batch::default();
        let mut told: Vec<Arc<FeedEvent>> = Vec::new();
        for unit in units {
            let before = self.last + batch.entries();
            if let Err(error) = batch.push(&unit.entries) {
                // The engine knows what no journal has room for. What is on disk counts, and is read anew.
                tracing::error!(%error, "an entry cannot be kept");
                journal.give_up(&error.to_string());
                return pending.settle(Err(Refusal::StoreUnavailable(error.to_string())));
            }
            told.extend(unit.told(before, self.rollouts.prompts()).map(Arc::new));
        }
        // Before the append: the journal's thread may show them the moment after, and can show only what is there.
        self.shared.feed.add(&told);
        let entries = batch.entries();
        // Numbered here and not by that thread, as what is told carries the number. Where the append fails the
        // journal is given up, so that no number is given twice.
        self.last += entries;
        self.since_snapshot += entries;
        let shared = self.shared.clone();
        let wake = self.commands.clone();
        let appended = journal.append(batch, move |written: Result<u64, WriteError>| {
            match written {
                Ok(last) => {
                    for drawn in &drawn {
                        shared.published.show(drawn);
                    }
                    shared.metrics.told(&told);
                    shared.feed.show(last, &told);
                    pending.settle(Ok(()));
                }
                Err(error) => {
                    pending.settle(Err(Refusal::StoreUnavailable(error.to_string())));
                    // The driver notices by itself soon; this only makes it sooner.
                    let _ = wake.try_send(DriverCommand::Wake);
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
}

fn tell_log(changed: &Changed) {
    for (experiment, Followed { prompt, sentence, outcome }) in &changed.followed {
        match outcome {
            ProductionMove::LeftAlone => {
                tracing::warn!(%experiment, %prompt, sentence, "production left alone");
            }
            ProductionMove::Moved(_) | ProductionMove::There => {
                tracing::info!(%experiment, %prompt, sentence, "production follows");
            }
        }
    }
    for (experiment, what) in changed.units.iter().flat_map(Unit::told_of) {
        let What::Warning(warning) = what else { continue };
        let (code, sentence) = (warning.code.as_str(), warning.sentence.as_str());
        if warning.state == WarningState::Raised.as_str() {
            tracing::warn!(%experiment, code, sentence, advice = warning.advice, "warning");
        } else {
            tracing::info!(%experiment, code, sentence, "warning is over");
        }
    }
    for Decided { experiment, decision } in &changed.decisions {
        let (from, to) = (decision.from.to_string(), decision.to.to_string());
        let cause = decision.cause.code();
        let reason = decision.cause.to_string();
        if decision.to.phase == Phase::RolledBack {
            tracing::warn!(%experiment, from, to, cause, reason, "rolled back");
        } else {
            tracing::info!(%experiment, from, to, cause, reason, "decided");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tidegate_engine::event::Event;
    use tidegate_engine::time::Timestamp;
    use tidegate_journal::{Entry, RolloutId};
    use tokio::sync::{oneshot, watch};

    use super::*;
    use crate::clock::{Clock, MonotonicClock};
    use crate::feed::Feed;
    use crate::metrics::Metrics;
    use crate::node::{Node, NodeRole};
    use crate::published::Published;
    use crate::readiness::Readiness;
    use crate::recovery;
    use crate::settings::{DriverSettings, MetricNames, Recovery, Verifier};
    use crate::shared::Shared;

    #[test]
    fn a_unit_that_no_frame_has_room_for_is_never_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let recovery = Recovery { folder: folder.path().to_owned(), verifier: Verifier::InProcess };
        let recovered = recovery::recover(&recovery).unwrap();
        let shared = Arc::new(Shared {
            published: Published::new(),
            feed: Arc::new(Feed::new(100)),
            followers: Vec::new(),
            metrics: Metrics::new(MetricNames::Own),
            clock: Arc::new(MonotonicClock::new(Clock::driven())),
            readiness: watch::Sender::new(Readiness::Ready),
            node: Node::new(NodeRole::Alone),
        });
        let settings = DriverSettings {
            recovery,
            reserve_bytes: 0,
            snapshot_every: u64::MAX,
            retention: Duration::from_hours(1),
            export: None,
        };
        let (commands, _queue) = mpsc::sync_channel(1);
        let mut driver = Driver::new(shared, settings, commands, Box::new(|| ()));
        let journal = Arc::new(recovered.journal);
        driver.journal = Some(journal.clone());
        let tick = |ms| Entry::Event {
            rollout: RolloutId(1),
            at: Timestamp::from_ms(ms).unwrap(),
            event: Event::Tick,
        };
        let fits = Unit::each_of(vec![tick(1)]);
        let mut too_large = Unit::default();
        too_large.entries = vec![tick(2); 400_000];
        for (units, is_taken) in [(fits, true), (vec![too_large], false)] {
            let (reply, answer) = oneshot::channel();
            driver.write(&units, Vec::new(), Pending::answer(reply, ()));
            assert_eq!(answer.blocking_recv().unwrap().is_ok(), is_taken);
        }
        assert!(journal.failure().is_some_and(|why| why.contains("belong together")));
    }
}
