//! Every run of every experiment beside the prompts they are about, and the entries that each change of them leaves in the journal.

mod changed;
mod charting;
mod defining;
mod deleting;
mod predecessor;
mod review_told;
mod run;

use std::collections::{BTreeMap, HashMap};

use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::notice::Noticed;
use tidegate_engine::prompt;
use tidegate_engine::series::Series;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{Rollout, snapshot};
use tidegate_journal::{DeletedState, Entry, FeedState, JournalState, RolloutId, RolloutState};
use tidegate_spec::api::{FieldFault, HistoryItem, What};
use tidegate_spec::{ExperimentFile, wording};

use crate::feed::{FeedEvent, RecentEvents};
use crate::prompts::{self, InPlay, PartNumber, PendingChange, Prompts};
use changed::told_move;

pub(crate) use changed::{Changed, Decided, Unit};
pub(crate) use defining::{
    ControlChange, DefinitionChange, DefinitionPlan, Draft, DraftOverrides, SaltChoice, Wanted,
};
pub(crate) use deleting::{DELETED_MAX, DeletedExperiment, NotDeleted, ServedTreatment};
pub(crate) use predecessor::Predecessor;
pub(crate) use run::RunningExperiment;

/// Experiments a daemon keeps.
pub(crate) const EXPERIMENTS_MAX: usize = 1_000;

/// Why an experiment is not defined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDefined {
    #[error("experiment `{key}` is running: stop or roll it back before it is defined anew")]
    Running { key: ExperimentKey },
    #[error("{count} experiments are kept, allowed: {EXPERIMENTS_MAX}")]
    TooMany { count: usize },
    #[error("{0}; accept it with `control_changes` if that is meant")]
    ControlChanges(String),
    #[error("{0}")]
    OverridesLost(String),
    #[error("{} names of versions are not known", .0.len())]
    Versions(Vec<FieldFault>),
}

/// Why a journal does not give rollouts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReplayed {
    #[error("the definition of `{key}`: {why}")]
    Definition { key: ExperimentKey, why: String },
    #[error("the snapshot of `{key}`: {source}")]
    Snapshot { key: ExperimentKey, source: snapshot::RestoreError },
    #[error("no rollout has number {0}")]
    UnknownRollout(u32),
    #[error("`{key}` refuses it: {source}")]
    Event { key: ExperimentKey, source: Rejection },
    #[error("step {number} of `{key}` does not follow")]
    Step { key: ExperimentKey, number: u32 },
    #[error(transparent)]
    Prompts(#[from] prompts::PromptsNotReplayed),
}

/// All experiments, and all prompts.
#[derive(Debug, Default)]
pub(crate) struct Rollouts {
    prompts: Prompts,
    runs: BTreeMap<ExperimentKey, RunningExperiment>,
    /// What is left of those that were deleted, until another has their key.
    deleted: BTreeMap<ExperimentKey, DeletedExperiment>,
    /// The experiment of each present run.
    keys: HashMap<RolloutId, ExperimentKey>,
    last_id: u32,
    /// Of a definition in several parts, those that have come.
    parts: String,
}

impl Rollouts {
    pub(crate) fn get(&self, key: &ExperimentKey) -> Option<&RunningExperiment> {
        self.runs.get(key)
    }

    /// The key that is most likely meant by one that no experiment has.
    pub(crate) fn nearest(&self, key: &ExperimentKey) -> Option<ExperimentKey> {
        if self.runs.contains_key(key) {
            return None;
        }
        let known = self.runs.keys().map(ExperimentKey::as_str);
        wording::nearest(key.as_str(), known).and_then(|near| near.parse().ok())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RunningExperiment> {
        self.runs.values()
    }

    pub(crate) const fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    pub(crate) const fn prompts_mut(&mut self) -> &mut Prompts {
        &mut self.prompts
    }

    /// When time does something next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.iter().filter_map(|run| run.rollout.next_deadline()).map(|(at, _)| at).min()
    }

    /// The latest time that any rollout has seen.
    pub(crate) fn latest(&self) -> Timestamp {
        let times = self.iter().map(|run| run.rollout.lifecycle().now);
        times.fold(self.prompts.catalog().latest(), Timestamp::max)
    }

    /// Puts a run in the place of the one before, deleted or not, whose history it goes on with.
    fn place(&mut self, mut run: RunningExperiment) -> &mut RunningExperiment {
        self.last_id = self.last_id.max(run.id.0);
        if let Some(former) = self.runs.remove(&run.key) {
            self.keys.remove(&former.id);
            run.history = former.history;
        } else if let Some(deleted) = self.deleted.remove(&run.key) {
            run.history = deleted.history;
        }
        self.keys.insert(run.id, run.key.clone());
        self.runs.entry(run.key.clone()).insert_entry(run).into_mut()
    }

    /// No time passes for rollouts that go on, from `since` for so long.
    pub(crate) fn be_absent(&mut self, since: Timestamp, lasted: Duration) -> Changed {
        self.tell_all_on(since, &Event::Absent(lasted))
    }

    /// Time passes for rollouts that go on.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Changed {
        self.tell_all_on(now, &Event::Tick)
    }

    fn tell_all_on(&mut self, at: Timestamp, event: &Event) -> Changed {
        let mut changed = Changed::default();
        for run in self.runs.values_mut() {
            if run.rollout.lifecycle().state.phase.is_under_way() {
                run.meet_deadlines(at, &mut self.prompts, &mut changed);
                // Neither is ever refused at a time that is not before the last, with every deadline met.
                let _ = run.apply(at, event.clone(), &mut self.prompts, &mut changed);
            }
        }
        changed
    }

    /// Tells what is wrong with what each rollout hears, and what is so no longer.
    pub(crate) fn notice_symptoms(&mut self, at: Timestamp) -> Changed {
        let mut changed = Changed::default();
        for run in self.runs.values_mut() {
            run.notice_symptoms(at, &mut changed);
        }
        changed
    }

    /// Lets every rollout meet every deadline up to `at`.
    pub(crate) fn meet_all_deadlines(&mut self, at: Timestamp) -> Changed {
        let mut changed = Changed::default();
        for run in self.runs.values_mut() {
            run.meet_deadlines(at, &mut self.prompts, &mut changed);
        }
        changed
    }

    /// Lets one rollout meet every deadline up to `at`.
    pub(crate) fn meet_deadlines(
        &mut self,
        key: &ExperimentKey,
        at: Timestamp,
        changed: &mut Changed,
    ) {
        if let Some(run) = self.runs.get_mut(key) {
            run.meet_deadlines(at, &mut self.prompts, changed);
        }
    }

    /// Tells a rollout an event, after every deadline up to it.
    pub(crate) fn apply(
        &mut self,
        key: &ExperimentKey,
        at: Timestamp,
        event: Event,
        changed: &mut Changed,
    ) -> Option<Result<(), Rejection>> {
        let run = self.runs.get_mut(key)?;
        run.meet_deadlines(at, &mut self.prompts, changed);
        Some(run.apply(at, event, &mut self.prompts, changed))
    }

    /// What subscribers are told of an entry of the journal, if anything.
    fn told(&self, sequence: u64, entry: &Entry) -> Option<FeedEvent> {
        let (rollout, at, what) = match entry {
            Entry::Defined { .. }
            | Entry::Event { .. }
            | Entry::Version { .. }
            | Entry::Point { .. }
            | Entry::Led { .. } => return None,
            Entry::LabelMoved { prompt, label, step, .. } => {
                return told_move(&self.prompts, sequence, prompt, label, step);
            }
            Entry::Decided { rollout, step, account } => {
                let item: HistoryItem = serde_json::from_str(account).ok()?;
                (*rollout, step.at, What::PhaseChanged(item.into()))
            }
            Entry::DefinedBy { rollout, at, account } => {
                let item: HistoryItem = serde_json::from_str(account).ok()?;
                (*rollout, *at, What::ExperimentDefined(item.into()))
            }
            Entry::Deleted { rollout, at, account } => {
                let item: HistoryItem = serde_json::from_str(account).ok()?;
                (*rollout, *at, What::ExperimentDeleted(item.into()))
            }
            Entry::Noted { rollout, at, account, .. } => {
                (*rollout, *at, serde_json::from_str(account).ok()?)
            }
        };
        let run = self.runs.get(self.keys.get(&rollout)?)?;
        Some(FeedEvent::new(sequence, at, Some((&run.key, run.number)), what))
    }

    /// Takes in an entry of the journal, and keeps what subscribers are told of it.
    pub(crate) fn replay(
        &mut self,
        sequence: u64,
        entry: Entry,
        kept: &mut RecentEvents,
    ) -> Result<(), NotReplayed> {
        if matches!(
            entry,
            Entry::Decided { .. }
                | Entry::Noted { .. }
                | Entry::DefinedBy { .. }
                | Entry::Deleted { .. }
        ) && let Some(told) = self.told(sequence, &entry)
        {
            kept.push(told.into());
        }
        match entry {
            Entry::Version { prompt, head, part, parts, text } => {
                let pending = PendingChange::Version { prompt, head, text };
                self.replay_change(PartNumber { part, parts }, pending, kept)
            }
            Entry::LabelMoved { prompt, label, step, part, parts } => {
                let pending = PendingChange::Moved { sequence, prompt, label, step };
                self.replay_change(PartNumber { part, parts }, pending, kept)
            }
            Entry::Defined { rollout, key, run, part, parts, text, .. } => {
                if part == 0 {
                    self.parts.clear();
                }
                self.parts.push_str(&text);
                if part + 1 == parts { self.replay_definition(rollout, key, run) } else { Ok(()) }
            }
            Entry::Event { rollout, at, event } => {
                let run = self.run_of(rollout)?;
                let replayed = run.rollout.apply_logged(at, &event);
                replayed.map_err(|source| NotReplayed::Event { key: run.key.clone(), source })
            }
            Entry::Decided { rollout, step, account } => {
                let run = self.run_of(rollout)?;
                run.history.push(account);
                run.noticed.step(step.transition);
                let replayed = run.rollout.apply_logged_step(step);
                let number = step.number;
                replayed.map_err(|_| NotReplayed::Step { key: run.key.clone(), number })
            }
            Entry::DefinedBy { rollout, account, .. } => {
                self.run_of(rollout)?.history.push(account);
                Ok(())
            }
            Entry::Deleted { rollout, account, .. } => {
                let key = self.run_of(rollout)?.key.clone();
                self.take_away(&key, account);
                Ok(())
            }
            Entry::Noted { rollout, at, notice, .. } => {
                self.run_of(rollout)?.noticed.note(at, &notice);
                Ok(())
            }
            Entry::Point { rollout, window, point } => {
                self.run_of(rollout)?.series.keep(window, point);
                Ok(())
            }
            // Who leads changes nothing of a rollout.
            Entry::Led { .. } => Ok(()),
        }
    }

    /// Puts the draft in its place whose definition has come whole.
    fn replay_definition(
        &mut self,
        id: RolloutId,
        key: ExperimentKey,
        number: u32,
    ) -> Result<(), NotReplayed> {
        let text = std::mem::take(&mut self.parts);
        let (definition, in_play) = read_definition(&self.prompts, &key, &text)?;
        let predecessor = self.runs.get(&key).and_then(Predecessor::of_successor);
        self.place(RunningExperiment {
            id,
            key,
            number,
            text,
            rollout: Rollout::new(definition),
            in_play,
            predecessor,
            noticed: Noticed::default(),
            series: Series::default(),
            history: Vec::new(),
        });
        Ok(())
    }

    /// Takes in a part of what was changed together. What moved is told once the last part is in, as only
    /// then it stands.
    fn replay_change(
        &mut self,
        part: PartNumber,
        pending: PendingChange,
        kept: &mut RecentEvents,
    ) -> Result<(), NotReplayed> {
        for (sequence, change) in self.prompts.replay(part, pending)? {
            if let prompt::PromptChange::Moved { prompt, label, step } = &change {
                kept.extend(told_move(&self.prompts, sequence, prompt, label, step));
            }
        }
        Ok(())
    }

    fn run_of(&mut self, id: RolloutId) -> Result<&mut RunningExperiment, NotReplayed> {
        let run = self.keys.get(&id).and_then(|key| self.runs.get_mut(key));
        run.ok_or(NotReplayed::UnknownRollout(id.0))
    }

    /// All that is remembered, after entry `sequence`.
    pub(crate) fn state(&self, sequence: u64, at: Timestamp, feed: FeedState) -> JournalState {
        let mut rollouts: Vec<RolloutState> = self
            .iter()
            .map(|run| RolloutState {
                id: run.id,
                key: run.key.clone(),
                run: run.number,
                definition: run.text.clone(),
                accounts: run.history.clone(),
                predecessor: run.serving_predecessor().map(Predecessor::state),
                noticed: run.noticed.clone(),
                series: run.series.clone(),
                rollout: run.rollout.snapshot(),
            })
            .collect();
        rollouts.sort_by_key(|rollout| rollout.id);
        let deleted = self.deleted.iter().map(|(key, deleted)| deleted.state(key)).collect();
        let prompts = self.prompts.catalog().snapshot();
        JournalState { sequence, at, rollouts, deleted, prompts, feed }
    }

    /// Takes up rollouts and prompts again.
    pub(crate) fn restore(
        states: Vec<RolloutState>,
        deleted: Vec<DeletedState>,
        prompts: Vec<prompt::PromptSnapshot>,
    ) -> Result<Self, NotReplayed> {
        let prompts = Prompts::restore(prompts)?;
        let mut rollouts = Self { prompts, ..Self::default() };
        for kept in states {
            let RolloutState { id, key, run: number, definition: text, accounts, .. } = kept;
            let RolloutState { predecessor, noticed, series, rollout, .. } = kept;
            let (definition, in_play) = read_definition(&rollouts.prompts, &key, &text)?;
            let rollout = Rollout::restore(definition, rollout)
                .map_err(|source| NotReplayed::Snapshot { key: key.clone(), source })?;
            let restored = |kept| Predecessor::restore(&rollouts.prompts, &key, kept);
            let predecessor = predecessor.map(restored).transpose()?;
            let (key, history) = (key.clone(), accounts);
            rollouts.place(RunningExperiment {
                id,
                key,
                number,
                text,
                rollout,
                in_play,
                predecessor,
                noticed,
                series,
                history,
            });
        }
        for kept in deleted {
            rollouts.keep_deleted(kept);
        }
        Ok(rollouts)
    }
}

fn read_definition(
    prompts: &Prompts,
    key: &ExperimentKey,
    text: &str,
) -> Result<(Definition, Option<InPlay>), NotReplayed> {
    let not_recalled = |why: String| NotReplayed::Definition { key: key.clone(), why };
    let file = ExperimentFile::parse(text).map_err(|error| not_recalled(error.to_string()))?;
    // Versions never go, so what was known when it was defined is known for ever.
    let in_play = prompts.in_play(file.definition.experiment()).map_err(|faults| {
        let faults = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail));
        not_recalled(faults.collect::<Vec<_>>().join("; "))
    })?;
    Ok((file.definition, in_play))
}
