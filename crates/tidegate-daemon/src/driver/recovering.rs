//! Opening the journal, at the start and after it failed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::Phase;

use super::Driver;
use super::pending::Pending;
use super::protocol::{ActionOrder, DriverCommand};
use crate::prompts::TIDEGATE;
use crate::readiness::Readiness;
use crate::recovery::{self, NotRecovered, Recovered};
use crate::rollouts::{Changed, Rollouts};

/// How long the daemon waits before it opens a journal that failed anew.
const REOPEN_PAUSE: Duration = Duration::from_secs(2);

impl Driver {
    /// Serves control and opens the journal anew once it failed. An `fsync` is never tried twice.
    pub(super) fn leave_a_failed_journal(&mut self) {
        let Some(why) = self.journal.as_ref().and_then(|journal| journal.failure()) else { return };
        let why = why.to_owned();
        tracing::error!(why, "the journal failed; control is served until it can be opened anew");
        self.shared.metrics.journal_failed();
        // What its engine knows may not have been agreed on.
        self.shared.node.step_down();
        self.journal = None;
        self.stand(Readiness::Unavailable(why));
        self.recover_after(REOPEN_PAUSE);
    }

    /// Serves by it before it says so: whoever is told finds it.
    pub(super) fn stand(&self, readiness: Readiness) {
        let (published, now) = (&self.shared.published, self.shared.now());
        published.show(&published.draw_all(&self.rollouts, self.trust(), now));
        self.shared.readiness.send_replace(readiness);
    }

    /// Opens the journal on a thread of its own.
    pub(super) fn recover_after(&self, pause: Duration) {
        let (commands, recovery) = (self.commands.clone(), self.settings.recovery.clone());
        let recovering = thread::Builder::new().name("recovery".to_owned()).spawn(move || {
            thread::sleep(pause);
            let recovered = recovery::recover(&recovery);
            // Without a driver nothing is to be recovered.
            let _ = commands.send(DriverCommand::Recovered(Box::new(recovered)));
        });
        if let Err(error) = recovering {
            self.stand(Readiness::Unavailable(error.to_string()));
        }
    }

    pub(super) fn recovered(&mut self, result: Result<Recovered, NotRecovered>) {
        match result {
            Ok(Recovered { journal, rollouts, kept, last, seconds }) => {
                let before = std::mem::replace(&mut self.rollouts, rollouts);
                // Known from the first moment on; whether it suffices is asked at every observation.
                let _ = self.check_disk(&journal);
                self.journal = Some(Arc::new(journal));
                self.was_ready = true;
                (self.last, self.since_snapshot) = (last, 0);
                self.shared.feed.replace(kept, last);
                let latest = self.rollouts.latest();
                self.shared.clock.not_before(latest);
                // A new journal was never left.
                if last > 0 {
                    self.attendance.begin(latest);
                }
                self.shared.metrics.recovered(seconds);
                if self.shared.node.decides() {
                    self.end_again(&before);
                }
                self.pass_time();
                self.stand(Readiness::Ready);
                // Whoever waits for this line finds what is served.
                if last == 0 {
                    tracing::info!("the journal is new");
                }
                tracing::info!(entries = last, seconds, "ready");
                let export = self.settings.export.as_ref();
                self.export_due = export.map(|export| {
                    let now = self.shared.now();
                    if export.file.exists() { now.plus(export.every) } else { now }
                });
            }
            Err(NotRecovered::Damaged(why)) => {
                tracing::error!(why, "the journal is damaged; control is served");
                self.stand(Readiness::Damaged(why));
            }
            Err(NotRecovered::Impossible(why)) if !self.was_ready => {
                self.stand(Readiness::Impossible(why));
            }
            // A disk that failed may come back read-only, or be under repair: no reason to end.
            Err(NotRecovered::Unavailable(why) | NotRecovered::Impossible(why)) => {
                tracing::error!(why, "the journal cannot be opened; control is served");
                self.stand(Readiness::Unavailable(why));
                self.recover_after(REOPEN_PAUSE);
            }
        }
    }

    /// Ends again what was ended while it could not be written.
    fn end_again(&mut self, before: &Rollouts) {
        let lost: Vec<(ExperimentKey, Command, &str)> = before
            .iter()
            .filter_map(|run| {
                let (command, reason) = match run.rollout.lifecycle().state.phase {
                    Phase::RolledBack => (
                        Command::RollBack,
                        "Rolled back before while the journal could not be written",
                    ),
                    Phase::Stopped => {
                        (Command::Stop, "Stopped before while the journal could not be written")
                    }
                    Phase::Draft | Phase::Shadow | Phase::Ab | Phase::Full | Phase::Completed => {
                        return None;
                    }
                };
                let now = self.rollouts.get(&run.key)?;
                let phase = now.rollout.lifecycle().state.phase;
                (now.number == run.number && phase.is_under_way())
                    .then(|| (run.key.clone(), command, reason))
            })
            .collect();
        for (key, command, reason) in lost {
            let (Ok(actor), Ok(reason)) = (Actor::new(TIDEGATE), Reason::new(reason)) else {
                continue;
            };
            let action = Action { command, actor, reason };
            let mut changed = Changed::default();
            if self.acted(&key, ActionOrder::bare(action), &mut changed).is_ok() {
                self.commit(&changed, Pending::nobody());
            }
        }
    }
}
