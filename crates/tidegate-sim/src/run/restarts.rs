//! Kills of the daemon: what it wrote down, and how it goes on from there.

use tidegate_engine::Rollout;
use tidegate_engine::decision::Decision;
use tidegate_engine::event::Event;
use tidegate_engine::experiment::Definition;
use tidegate_engine::snapshot::Snapshot;
use tidegate_engine::time::Timestamp;

/// Kills still to come, and what was written down since the last snapshot.
#[derive(Debug)]
pub(super) struct Restarts {
    /// In milliseconds, the next last.
    at: Vec<f64>,
    snapshot: Option<Snapshot>,
    journal: Vec<Written>,
}

#[derive(Debug)]
enum Written {
    Event(Timestamp, Event),
    Decision(Box<Decision>),
}

impl Restarts {
    /// Kills at these times, in milliseconds, of a rollout that begins.
    pub(super) fn new(mut at: Vec<f64>, rollout: &Rollout) -> Self {
        at.sort_by(|a, b| b.total_cmp(a));
        Self { at, snapshot: Some(rollout.snapshot()), journal: Vec::new() }
    }

    /// Writes down what the daemon would write, as long as a kill is still to come.
    pub(super) fn write(&mut self, at: Timestamp, event: &Event, decisions: &[Decision]) {
        if !self.at.is_empty() {
            self.note(at, event, decisions);
        }
    }

    #[cold]
    fn note(&mut self, at: Timestamp, event: &Event, decisions: &[Decision]) {
        self.journal.push(Written::Event(at, event.clone()));
        let decisions = decisions.iter().cloned().map(Box::new).map(Written::Decision);
        self.journal.extend(decisions);
    }

    /// Where a kill is due: what the daemon is once it has read back what it wrote.
    pub(super) fn take_due(&mut self, now: f64, definition: &Definition) -> Option<Rollout> {
        // Asked at every event, and nearly always nothing is.
        self.at.pop_if(|at| *at <= now)?;
        self.read_back(definition)
    }

    #[cold]
    fn read_back(&mut self, definition: &Definition) -> Option<Rollout> {
        let snapshot = self.snapshot.take()?;
        let mut restored = Rollout::restore(definition.clone(), snapshot)
            .expect("a rollout takes up the snapshot it wrote");
        for written in self.journal.drain(..) {
            match written {
                Written::Event(at, event) => {
                    restored.apply_logged(at, &event).expect("the event was taken before");
                }
                Written::Decision(decision) => {
                    restored
                        .apply_logged_step(decision.step())
                        .expect("the decision was taken before");
                }
            }
        }
        self.snapshot = Some(restored.snapshot());
        Some(restored)
    }
}
