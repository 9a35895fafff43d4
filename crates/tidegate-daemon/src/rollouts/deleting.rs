//! Taking an experiment away; its history stays.

use tidegate_engine::id::ExperimentKey;
use tidegate_engine::variant::Variant;
use tidegate_journal::{DeletedState, Entry, RolloutId};
use tidegate_spec::api::{Definer, HistoryItem, What};

use super::changed::{Changed, Unit};
use super::{Predecessor, Rollouts, RunningExperiment};

/// Deleted experiments whose histories a daemon keeps.
pub(crate) const DELETED_MAX: usize = 10_000;

/// What is left of an experiment that was deleted.
#[derive(Debug)]
pub(crate) struct DeletedExperiment {
    /// The number of its last run among all rollouts.
    id: RolloutId,
    /// Its last run, from 1.
    pub(super) number: u32,
    /// Every step of its runs as JSON, oldest first, and last that it was deleted.
    pub(super) history: Vec<String>,
}

impl DeletedExperiment {
    pub(super) fn restore(kept: DeletedState) -> (ExperimentKey, Self) {
        let DeletedState { id, key, run, accounts } = kept;
        (key, Self { id, number: run, history: accounts })
    }

    pub(super) fn state(&self, key: &ExperimentKey) -> DeletedState {
        let Self { id, number, history } = self;
        DeletedState { id: *id, key: key.clone(), run: *number, accounts: history.clone() }
    }

    /// Who deleted it, when and why.
    pub(crate) fn item(&self) -> Option<HistoryItem> {
        self.history.last().and_then(|item| serde_json::from_str(item).ok())
    }
}

/// Whether an experiment may go whose treatment cameras are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServedTreatment {
    /// The owner knows that they are told of none any more.
    MayGo,
    /// Nobody said so.
    Stays,
}

/// Why an experiment is not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDeleted {
    #[error("no experiment has the key `{0}`")]
    Unknown(ExperimentKey),
    #[error(
        "experiment `{key}` is in {state}: stop it or roll it back before it is deleted, so that its cameras are served \
         the control first"
    )]
    Running { key: ExperimentKey, state: String },
    #[error("{0}; accept it with `serves_treatment` if that is meant")]
    ServesTreatment(String),
    #[error("{count} deleted experiments are kept, allowed: {DELETED_MAX}")]
    TooMany { count: usize },
}

impl Rollouts {
    /// What is left of an experiment that was deleted, where no other has its key since.
    pub(crate) fn deleted(&self, key: &ExperimentKey) -> Option<&DeletedExperiment> {
        self.deleted.get(key)
    }

    /// The run that an experiment begins with whose key no other has.
    pub(super) fn next_run(&self, key: &ExperimentKey) -> u32 {
        self.deleted.get(key).map_or(1, |deleted| deleted.number.saturating_add(1))
    }

    /// Deletes a draft or an experiment that has ended.
    pub(crate) fn delete(
        &mut self,
        key: &ExperimentKey,
        by: Definer,
        treatment: ServedTreatment,
    ) -> Result<(HistoryItem, Vec<String>, Changed), NotDeleted> {
        let run = self.runs.get(key).ok_or_else(|| NotDeleted::Unknown(key.clone()))?;
        let state = run.rollout.lifecycle().state;
        if state.phase.is_under_way() {
            return Err(NotDeleted::Running { key: key.clone(), state: state.to_string() });
        }
        if treatment == ServedTreatment::Stays
            && let Some(sentence) = serves_treatment(run)
        {
            return Err(NotDeleted::ServesTreatment(sentence));
        }
        if self.deleted.len() >= DELETED_MAX {
            return Err(NotDeleted::TooMany { count: self.deleted.len() });
        }
        let (at, definition) = (by.at, run.rollout.definition());
        let item = HistoryItem::deleted(run.number, state.to_string(), definition, by);
        // As an account of a step: always JSON.
        let account = serde_json::to_string(&item).unwrap_or_default();
        let mut unit = Unit::default();
        let entry = Entry::Deleted { rollout: run.id, at, account: account.clone() };
        run.tell(at, entry, What::ExperimentDeleted(item.clone().into()), &mut unit);
        let effects = effects(run);
        self.take_away(key, account);
        let changed =
            Changed { units: vec![unit], deleted: Some(key.clone()), ..Changed::default() };
        Ok((item, effects, changed))
    }

    /// Leaves of an experiment its history alone.
    pub(super) fn take_away(&mut self, key: &ExperimentKey, account: String) {
        let Some(run) = self.runs.remove(key) else { return };
        self.keys.remove(&run.id);
        let RunningExperiment { id, number, mut history, .. } = run;
        history.push(account);
        self.deleted.insert(key.clone(), DeletedExperiment { id, number, history });
    }

    /// Keeps a deleted experiment of a snapshot.
    pub(super) fn keep_deleted(&mut self, kept: DeletedState) {
        self.last_id = self.last_id.max(kept.id.0);
        let (key, deleted) = DeletedExperiment::restore(kept);
        self.deleted.insert(key, deleted);
    }
}

/// That cameras are served the treatment, if they are.
fn serves_treatment(run: &RunningExperiment) -> Option<String> {
    let serving =
        Predecessor::of_successor(run).filter(|serving| serving.variant() == Variant::Treatment)?;
    Some(format!(
        "run {} serves `{}` ({}): once `{}` is deleted, no camera is told of it any more, and what each runs then is \
         up to its client",
        serving.number,
        serving.version(),
        serving.phase().as_str(),
        run.key,
    ))
}

/// What cameras notice of a deletion.
fn effects(run: &RunningExperiment) -> Vec<String> {
    let served = Predecessor::of_successor(run);
    let version = served.as_ref().map_or_else(
        || run.rollout.definition().experiment().control.as_str(),
        Predecessor::version,
    );
    vec![format!(
        "No camera is told of `{version}` by `{}` any more: the experiment is unknown, and clients run what they run \
         then, most of them the control",
        run.key
    )]
}
