//! What a change did: entries to write, and what subscribers are told of them.

use std::collections::BTreeSet;

use tidegate_engine::decision::Decision;
use tidegate_engine::id::{ExperimentKey, LabelName, PromptName};
use tidegate_engine::prompt::Move;
use tidegate_engine::time::Timestamp;
use tidegate_journal::Entry;
use tidegate_spec::api::{Accepted, HistoryItem, PromptLabelMoved, What};

use crate::feed::FeedEvent;
use crate::prompts::{Followed, Prompts};

/// What a change did, to one experiment or several.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// What is to be written, in order.
    pub(crate) units: Vec<Unit>,
    pub(crate) decisions: Vec<Decided>,
    /// The experiment that was defined.
    pub(crate) defined: Option<ExperimentKey>,
    /// The experiment that was deleted.
    pub(crate) deleted: Option<ExperimentKey>,
    /// What whoever acts goes on with, though it does not pass.
    pub(crate) accepted: Option<Accepted>,
    /// Each decision as its history has it.
    pub(crate) items: Vec<HistoryItem>,
    /// What became of `production` on the way, and because of which experiment.
    pub(crate) followed: Vec<(ExperimentKey, Followed)>,
}

/// A decision, and whose it is.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) experiment: ExperimentKey,
    pub(crate) decision: Decision,
}

/// Entries that belong together, such as an event, what was noticed with it, and the decisions it led to.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) entries: Vec<Entry>,
    /// What subscribers are told of some of them.
    pub(super) telling: Vec<Telling>,
}

/// What subscribers are told of an entry, before it has a number.
#[derive(Debug)]
pub(super) struct Telling {
    /// The place of the entry in its unit.
    pub(super) place: usize,
    pub(super) at: Timestamp,
    pub(super) experiment: ExperimentKey,
    pub(super) run: u32,
    pub(super) what: What,
}

impl Unit {
    /// Each entry as a unit of its own.
    pub(crate) fn each_of(entries: Vec<Entry>) -> Vec<Self> {
        let alone = |entry| Self { entries: vec![entry], telling: Vec::new() };
        entries.into_iter().map(alone).collect()
    }

    /// What subscribers are told of it, and of which experiment.
    pub(crate) fn told_of(&self) -> impl Iterator<Item = (&ExperimentKey, &What)> {
        self.telling.iter().map(|telling| (&telling.experiment, &telling.what))
    }

    /// What subscribers are told of it once its entries have the numbers after `before`.
    pub(crate) fn told<'a>(
        &'a self,
        before: u64,
        prompts: &'a Prompts,
    ) -> impl Iterator<Item = FeedEvent> + 'a {
        let mut telling = self.telling.iter().peekable();
        self.entries.iter().enumerate().filter_map(move |(place, entry)| {
            let number = before + 1 + place as u64;
            match (entry, telling.next_if(|telling| telling.place == place)) {
                (_, Some(Telling { at, experiment, run, what, .. })) => {
                    Some(FeedEvent::new(number, *at, Some((experiment, *run)), what.clone()))
                }
                (Entry::LabelMoved { prompt, label, step, .. }, None) => {
                    told_move(prompts, number, prompt, label, step)
                }
                (_, None) => None,
            }
        })
    }
}

impl Changed {
    /// The experiments whose table is another now, each once.
    pub(crate) fn touched(&self) -> BTreeSet<&ExperimentKey> {
        let decided = self.decisions.iter().map(|decided| &decided.experiment);
        decided.chain(&self.defined).chain(&self.deleted).collect()
    }
}

/// What subscribers are told of a move that has this number.
pub(super) fn told_move(
    prompts: &Prompts,
    sequence: u64,
    prompt: &PromptName,
    label: &LabelName,
    step: &Move,
) -> Option<FeedEvent> {
    let kept = prompts.catalog().get(prompt)?;
    let moved = PromptLabelMoved::new(prompt, kept, label, step);
    Some(FeedEvent::new(sequence, step.at, None, What::PromptLabelMoved(moved)))
}
