//! Every run of every experiment beside the prompts they are about, and the entries that each change of them leaves in the journal.

mod changed;
mod run;

use std::collections::{BTreeMap, HashMap};

use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::{ExperimentKey, Salt};
use tidegate_engine::notice::Noticed;
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt;
use tidegate_engine::time::Timestamp;
use tidegate_engine::{Rollout, snapshot};
use tidegate_journal::{Entry, FeedState, JournalState, RolloutId, RolloutState};
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{FieldFault, HistoryItem, What};

use crate::feed::{FeedEvent, RecentEvents};
use crate::prompts::{self, InPlay, PendingChange, Prompts};
use changed::told_move;

pub(crate) use changed::{Changed, Decided, Unit};
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

    /// Defines a draft anew, or the next run of an experiment that has ended.
    pub(crate) fn define(
        &mut self,
        at: Timestamp,
        file: &ExperimentFile,
        salt: SaltChoice,
    ) -> Result<(DefinitionChange, Changed), NotDefined> {
        let key = file.definition.experiment().key.clone();
        let (change, number) = match self.runs.get(&key) {
            None if self.runs.len() >= EXPERIMENTS_MAX => {
                return Err(NotDefined::TooMany { count: self.runs.len() });
            }
            None => (DefinitionChange::Created, 1),
            Some(run) => match run.rollout.lifecycle().state.phase {
                Phase::Draft => (DefinitionChange::Replaced, run.number),
                Phase::Shadow | Phase::Ab | Phase::Full => return Err(NotDefined::Running { key }),
                // A retry starts afresh, with a split of its own.
                Phase::Completed | Phase::RolledBack | Phase::Stopped => {
                    (DefinitionChange::Created, run.number.saturating_add(1))
                }
            },
        };
        let id = match (change, self.runs.get(&key)) {
            (DefinitionChange::Replaced, Some(run)) => run.id,
            _ => RolloutId(self.last_id + 1),
        };
        let in_play =
            self.prompts.in_play(file.definition.experiment()).map_err(NotDefined::Versions)?;
        let mut file = file.clone();
        if number > 1
            && salt == SaltChoice::Default
            && let Ok(salt) = format!("{key}/{number}").parse::<Salt>()
        {
            let mut experiment = file.definition.experiment().clone();
            experiment.salt = salt;
            // Another salt contradicts nothing that agreed before.
            if let Ok(definition) = Definition::new(experiment) {
                file.definition = definition;
            }
        }
        let text = file.to_toml();
        let entries = Entry::definition(id, at, (&key, number), &text);
        self.place(id, (key.clone(), number), text, (file.definition, in_play));
        let units = Unit::each_of(entries);
        Ok((change, Changed { units, defined: Some(key), ..Changed::default() }))
    }

    fn place(
        &mut self,
        id: RolloutId,
        (key, number): (ExperimentKey, u32),
        text: String,
        (definition, in_play): (Definition, Option<InPlay>),
    ) {
        self.last_id = self.last_id.max(id.0);
        let former = self.runs.remove(&key);
        if let Some(former) = &former {
            self.keys.remove(&former.id);
        }
        self.keys.insert(id, key.clone());
        let history = former.map_or(Vec::new(), |run| run.history);
        let rollout = Rollout::new(definition);
        let noticed = Noticed::default();
        let run = RunningExperiment {
            id,
            key: key.clone(),
            number,
            text,
            rollout,
            in_play,
            noticed,
            history,
        };
        self.runs.insert(key, run);
    }

    /// Lets every rollout meet every deadline up to `at`.
    pub(crate) fn meet_all_deadlines(&mut self, at: Timestamp) -> Changed {
        let mut changed = Changed::default();
        for run in self.runs.values_mut() {
            run.meet_deadlines(at, &mut self.prompts, &mut changed);
        }
        changed
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
            Entry::Defined { .. } | Entry::Event { .. } | Entry::Version { .. } => return None,
            Entry::LabelMoved { prompt, label, step, .. } => {
                return told_move(&self.prompts, sequence, prompt, (label, step));
            }
            Entry::Decided { rollout, step, account } => {
                let item: HistoryItem = serde_json::from_str(account).ok()?;
                (*rollout, step.at, What::PhaseChanged(item.into()))
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
        if matches!(entry, Entry::Decided { .. } | Entry::Noted { .. })
            && let Some(told) = self.told(sequence, &entry)
        {
            kept.push(told.into());
        }
        match entry {
            Entry::Version { prompt, head, part, parts, text } => {
                let pending = PendingChange::Version { prompt, head, text };
                self.replay_change((part, parts), pending, kept)
            }
            Entry::LabelMoved { prompt, label, step, part, parts } => {
                let pending = PendingChange::Moved { sequence, prompt, label, step };
                self.replay_change((part, parts), pending, kept)
            }
            Entry::Defined { rollout, key, run, part, parts, text, .. } => {
                if part == 0 {
                    self.parts.clear();
                }
                self.parts.push_str(&text);
                if part + 1 == parts {
                    let text = std::mem::take(&mut self.parts);
                    let definition = read_definition(&self.prompts, &key, &text)?;
                    self.place(rollout, (key, run), text, definition);
                }
                Ok(())
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
            Entry::Noted { rollout, at, notice, .. } => {
                self.run_of(rollout)?.noticed.note(at, &notice);
                Ok(())
            }
        }
    }

    /// Takes in a part of what was changed together. What moved is told once the last part is in, as only
    /// then it stands.
    fn replay_change(
        &mut self,
        place: (u16, u16),
        pending: PendingChange,
        kept: &mut RecentEvents,
    ) -> Result<(), NotReplayed> {
        for (sequence, change) in self.prompts.replay(place, pending)? {
            if let prompt::PromptChange::Moved { prompt, label, step } = &change {
                kept.extend(told_move(&self.prompts, sequence, prompt, (label, step)));
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
                noticed: run.noticed.clone(),
                rollout: run.rollout.snapshot(),
            })
            .collect();
        rollouts.sort_by_key(|rollout| rollout.id);
        JournalState { sequence, at, rollouts, prompts: self.prompts.catalog().snapshot(), feed }
    }

    /// Takes up rollouts and prompts again.
    pub(crate) fn restore(
        states: Vec<RolloutState>,
        prompts: Vec<prompt::PromptSnapshot>,
    ) -> Result<Self, NotReplayed> {
        let prompts = Prompts::restore(prompts)?;
        let mut rollouts = Self { prompts, ..Self::default() };
        for kept in states {
            let RolloutState { id, key, run: number, definition, accounts, noticed, rollout } =
                kept;
            let text = definition;
            let (definition, in_play) = read_definition(&rollouts.prompts, &key, &text)?;
            let rollout = Rollout::restore(definition, rollout)
                .map_err(|source| NotReplayed::Snapshot { key: key.clone(), source })?;
            rollouts.last_id = rollouts.last_id.max(id.0);
            let history = accounts;
            let run = RunningExperiment {
                id,
                key: key.clone(),
                number,
                text,
                rollout,
                in_play,
                noticed,
                history,
            };
            rollouts.keys.insert(id, key.clone());
            rollouts.runs.insert(key, run);
        }
        Ok(rollouts)
    }
}

/// What a definition did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefinitionChange {
    /// A new experiment, or a new run of one.
    Created,
    /// A draft that was there.
    Replaced,
}

/// Whether an experiment's owner chose its salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaltChoice {
    /// The file names one.
    Own,
    /// It does not: each run after the first gets its own.
    Default,
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
