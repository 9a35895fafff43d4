//! What readers see: an immutable table of who is served what, replaced as a whole.
//!
//! Assignments are answered from it and never wait for anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::Timestamp;
use tokio::sync::watch;

use crate::rollouts::{Rollouts, RunningExperiment};
use assignment_table::Served;

mod assignment_table;

pub(crate) use assignment_table::{
    AssignmentReason, AssignmentTable, Evaluated, STORE_UNAVAILABLE, ServedVersion, Trust, View,
};

/// The newest table.
#[derive(Debug)]
pub(crate) struct Published {
    table: ArcSwap<AssignmentTable>,
    drawn: AtomicU64,
    newest: Mutex<Newest>,
    shown: watch::Sender<TableVersion>,
}

/// Which drawings are shown: what was drawn before them comes too late. Drawings are made in order, and may be shown
/// in another: a rollback does not wait for the disk, and what was drawn before it is on disk after it.
#[derive(Debug, Default)]
struct Newest {
    /// Of all experiments.
    all: u64,
    /// Of those that were drawn alone.
    experiments: HashMap<String, u64>,
}

/// How often the table was changed, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableVersion {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
}

/// A drawing that may not be shown before what it shows is on disk.
#[derive(Debug)]
pub(crate) struct Drawn {
    number: u64,
    at: Timestamp,
    subject: DrawnTable,
}

#[derive(Debug)]
enum DrawnTable {
    All(AssignmentTable),
    /// What is served of it; nothing where it is unknown from then on.
    One {
        key: String,
        served: Option<Arc<Served>>,
    },
}

impl Published {
    /// Control for everyone, until something is known.
    pub(crate) fn new() -> Self {
        let table = AssignmentTable::new(&Rollouts::default(), Trust::ControlOnly);
        Self {
            table: ArcSwap::from_pointee(table),
            drawn: AtomicU64::new(0),
            newest: Mutex::default(),
            shown: watch::Sender::new(TableVersion { number: 0, at: Timestamp::EPOCH }),
        }
    }

    /// Tells of every table that is shown from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<TableVersion> {
        self.shown.subscribe()
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<AssignmentTable>> {
        self.table.load()
    }

    /// Draws every experiment, and whether the journal can be relied on, to be shown later.
    pub(crate) fn draw_all(&self, rollouts: &Rollouts, trust: Trust, at: Timestamp) -> Drawn {
        self.drawn(at, DrawnTable::All(AssignmentTable::new(rollouts, trust)))
    }

    /// Draws one experiment, to be shown later, whatever becomes of others meanwhile.
    pub(crate) fn draw(&self, run: &RunningExperiment, at: Timestamp) -> Drawn {
        let key = run.key.as_str().to_owned();
        self.drawn(at, DrawnTable::One { key, served: Some(Arc::new(Served::of(run))) })
    }

    /// Draws that an experiment is there no more, to be shown later.
    pub(crate) fn draw_gone(&self, key: &ExperimentKey, at: Timestamp) -> Drawn {
        self.drawn(at, DrawnTable::One { key: key.as_str().to_owned(), served: None })
    }

    fn drawn(&self, at: Timestamp, subject: DrawnTable) -> Drawn {
        Drawn { number: self.drawn.fetch_add(1, Ordering::Relaxed) + 1, at, subject }
    }

    /// Shows a drawing, but for what a newer one showed already.
    pub(crate) fn show(&self, drawn: &Drawn) {
        let Drawn { number, at, subject } = drawn;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.table.load();
        let table = match subject {
            DrawnTable::All(_) if *number <= newest.all => return,
            DrawnTable::All(table) => {
                newest.all = *number;
                // What was drawn alone since then is newer than this table of all.
                newest.experiments.retain(|_, drawn_alone| *drawn_alone > *number);
                let mut experiments = table.experiments.clone();
                for key in newest.experiments.keys() {
                    match before.experiments.get(key) {
                        Some(served) => experiments.insert(key.clone(), served.clone()),
                        None => experiments.remove(key),
                    };
                }
                AssignmentTable { trust: table.trust, experiments }
            }
            DrawnTable::One { key, served } => {
                let shown = newest.experiments.get(key).copied().unwrap_or(0).max(newest.all);
                if *number <= shown {
                    return;
                }
                newest.experiments.insert(key.clone(), *number);
                let mut experiments = before.experiments.clone();
                match served {
                    Some(served) => experiments.insert(key.clone(), served.clone()),
                    None => experiments.remove(key),
                };
                AssignmentTable { trust: before.trust, experiments }
            }
        };
        self.table.store(Arc::new(table));
        // Whoever is told of it finds it.
        self.shown.send_modify(|shown| *shown = TableVersion { number: shown.number + 1, at: *at });
    }
}

#[cfg(test)]
mod tests {
    use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
    use tidegate_spec::ExperimentFile;

    use super::*;
    use crate::rollouts::{Changed, ControlChange, DraftOverrides, SaltChoice, Wanted};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_772_323_200_000 + ms).unwrap()
    }

    fn act(rollouts: &mut Rollouts, key: &str, command: Command, ms: i64) {
        let actor = Actor::new("ann").unwrap();
        let reason = Reason::new("a test").unwrap();
        let action = Event::Action(Action { command, actor, reason });
        let key = key.parse().unwrap();
        rollouts.apply(&key, at(ms), action, &mut Changed::default()).unwrap().unwrap();
    }

    /// Two experiments in their test.
    fn two() -> Rollouts {
        let mut rollouts = Rollouts::default();
        for key in ["east", "west"] {
            let toml = format!(
                "key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n"
            );
            let file = ExperimentFile::parse(&toml).unwrap();
            let wanted = Wanted {
                file: Box::new(file),
                salt: SaltChoice::Own,
                actor: Actor::new("ann").unwrap(),
                reason: Reason::new("a test").unwrap(),
                control: ControlChange::Refused,
                overrides: DraftOverrides::AreKept,
            };
            rollouts.define(at(0), &wanted).unwrap();
            act(&mut rollouts, key, Command::Start, 1);
        }
        rollouts
    }

    fn phases(published: &Published) -> [&'static str; 2] {
        let (table, camera) = (published.load(), "camera-1".parse().unwrap());
        ["east", "west"].map(|key| table.evaluate(key, &camera, at(9)).unwrap().phase.as_str())
    }

    #[test]
    fn a_rollback_shows_nothing_of_another_experiment_that_is_not_on_disk() {
        let (mut rollouts, published) = (two(), Published::new());
        published.show(&published.draw_all(&rollouts, Trust::Full, at(1)));
        act(&mut rollouts, "west", Command::Advance, 2);
        let run = |rollouts: &Rollouts, key: &str| {
            published.draw(rollouts.get(&key.parse().unwrap()).unwrap(), at(2))
        };
        let released = run(&rollouts, "west");
        act(&mut rollouts, "east", Command::RollBack, 3);
        published.show(&run(&rollouts, "east"));
        assert_eq!(phases(&published), ["rolled_back", "ab"]);
        published.show(&released);
        assert_eq!(phases(&published), ["rolled_back", "full"]);
    }

    #[test]
    fn a_drawing_that_comes_too_late_shows_nothing() {
        let (mut rollouts, published) = (two(), Published::new());
        let all = published.draw_all(&rollouts, Trust::Full, at(1));
        act(&mut rollouts, "east", Command::Pause, 2);
        let paused = published.draw(rollouts.get(&"east".parse().unwrap()).unwrap(), at(2));
        act(&mut rollouts, "east", Command::RollBack, 3);
        let rolled_back = published.draw(rollouts.get(&"east".parse().unwrap()).unwrap(), at(3));
        published.show(&rolled_back);
        published.show(&paused);
        published.show(&all);
        assert_eq!(phases(&published), ["rolled_back", "ab"]);
        // What comes with a newer drawing of all counts again.
        published.show(&published.draw_all(&two(), Trust::Full, at(4)));
        assert_eq!(phases(&published), ["ab", "ab"]);
    }
}
