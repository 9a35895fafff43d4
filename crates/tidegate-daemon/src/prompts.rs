//! The prompts beside the rollouts: read back, looked up for an experiment, and moved by its steps.

pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod document;

use sha2::{Digest as _, Sha256};
use tidegate_engine::decision::{Decision, Step};
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::experiment::Experiment;
use tidegate_engine::id::{ExperimentKey, LabelName, PromptName};
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt::{
    self, Catalog, LabelOrder, LabelTarget, Move, Order, OrderRejection, PRODUCTION, Production,
    Prompt, PromptChange, PromptRestoreError, TextDigest, Version, VersionHead, at_step,
};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api::{FieldFault, VersionsInPlay};

/// Who moves a label because of a rollout.
pub(crate) const TIDEGATE: &str = "tidegate";

/// The digest of a text.
pub(crate) fn text_digest(text: &str) -> TextDigest {
    TextDigest(Sha256::digest(text.as_bytes()).into())
}

/// Why a journal does not give prompts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptsNotReplayed {
    #[error(transparent)]
    NotFollowing(#[from] prompt::NotFollowing),
    #[error(transparent)]
    Snapshot(#[from] PromptRestoreError),
    #[error("a part of a change of prompt `{0}` is not where it should be")]
    Part(PromptName),
    #[error("the text of version {number} of prompt `{prompt}` has another digest than it says")]
    Digest { prompt: PromptName, number: u32 },
}

/// Both versions that an experiment is about.
#[derive(Debug, Clone)]
pub(crate) struct InPlay {
    pub(crate) prompt: PromptName,
    pub(crate) versions: ByVariant<Version>,
}

impl InPlay {
    fn digests(&self) -> ByVariant<TextDigest> {
        let ByVariant { control, treatment } = &self.versions;
        ByVariant { control: control.head.digest, treatment: treatment.head.digest }
    }

    pub(crate) fn version(&self, variant: Variant) -> &VersionHead {
        match variant {
            Variant::Control => &self.versions.control.head,
            Variant::Treatment => &self.versions.treatment.head,
        }
    }

    /// As answers show it.
    pub(crate) fn shown(&self, production: Option<String>) -> VersionsInPlay {
        let ByVariant { control, treatment } = self.digests();
        VersionsInPlay {
            name: self.prompt.to_string(),
            control: control.to_string(),
            treatment: treatment.to_string(),
            production,
        }
    }
}

/// What a step of a rollout did to `production`.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) prompt: PromptName,
    /// In a sentence.
    pub(crate) sentence: String,
    pub(crate) outcome: ProductionMove,
}

/// Whether `production` went where the step wanted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProductionMove {
    /// It did now.
    Moved(Vec<PromptChange>),
    /// It was there.
    There,
    /// Somebody pointed it elsewhere, or it cannot be moved.
    LeftAlone,
}

/// All prompts.
#[derive(Debug, Default)]
pub(crate) struct Prompts {
    catalog: Catalog,
    /// Of a change in several parts, those that have come.
    pending: Vec<PendingChange>,
    parts_come: u16,
}

/// Which part of a change it is, from 0, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartNumber {
    pub(crate) part: u16,
    pub(crate) parts: u16,
}

/// A part of a change that stands with its last part.
#[derive(Debug)]
pub(crate) enum PendingChange {
    Version {
        prompt: PromptName,
        head: VersionHead,
        text: String,
    },
    /// With the number of its entry.
    Moved {
        sequence: u64,
        prompt: PromptName,
        label: LabelName,
        step: Move,
    },
}

impl Prompts {
    pub(crate) const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Carries out orders on one prompt, all of them or none.
    pub(crate) fn apply(
        &mut self,
        at: Timestamp,
        name: &PromptName,
        orders: &[Order],
    ) -> Result<Vec<PromptChange>, (usize, OrderRejection)> {
        self.catalog.apply(at, name, orders)
    }

    /// Takes in a part of a change from the journal, and with the last one gives the moves that stand since, each
    /// with the number of its entry.
    pub(crate) fn replay(
        &mut self,
        PartNumber { part, parts }: PartNumber,
        pending: PendingChange,
    ) -> Result<Vec<(u64, PromptChange)>, PromptsNotReplayed> {
        if part == 0 {
            // What came before it was never whole: its last part is not on disk.
            self.pending.clear();
            self.parts_come = 0;
        }
        if part != self.parts_come || part >= parts {
            return Err(PromptsNotReplayed::Part(pending.prompt().clone()));
        }
        self.parts_come += 1;
        match (pending, self.pending.last_mut()) {
            (
                PendingChange::Version { prompt, head, text },
                Some(PendingChange::Version { prompt: of, head: known, text: begun }),
            ) if prompt == *of && head == *known => begun.push_str(&text),
            (pending, _) => self.pending.push(pending),
        }
        let mut moved = Vec::new();
        if part + 1 < parts {
            return Ok(moved);
        }
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                PendingChange::Moved { sequence, prompt, label, step } => {
                    let change = PromptChange::Moved { prompt, label, step };
                    self.catalog.apply_logged(&change)?;
                    moved.push((sequence, change));
                }
                PendingChange::Version { prompt, head, text } => {
                    if text_digest(&text) != head.digest {
                        return Err(PromptsNotReplayed::Digest { prompt, number: head.number });
                    }
                    let version = Version { head, text: text.into() };
                    self.catalog.apply_logged(&PromptChange::Added { prompt, version })?;
                }
            }
        }
        Ok(moved)
    }

    /// Takes everything up again.
    pub(crate) fn restore(
        snapshots: Vec<prompt::PromptSnapshot>,
    ) -> Result<Self, PromptsNotReplayed> {
        for kept in &snapshots {
            let wrong =
                kept.versions.iter().find(|kept| text_digest(&kept.text) != kept.head.digest);
            if let Some(Version { head, .. }) = wrong {
                let (prompt, number) = (kept.name.clone(), head.number);
                return Err(PromptsNotReplayed::Digest { prompt, number });
            }
        }
        Ok(Self { catalog: Catalog::restore(snapshots)?, ..Self::default() })
    }

    /// The versions that an experiment is about, if it names a prompt; else each fault of what it names.
    pub(crate) fn in_play(
        &self,
        experiment: &Experiment,
    ) -> Result<Option<InPlay>, Vec<FieldFault>> {
        let Some(name) = &experiment.prompt else { return Ok(None) };
        let fault = |pointer: &str, detail| FieldFault { pointer: pointer.to_owned(), detail };
        let Some(prompt) = self.catalog.get(name) else {
            let detail =
                format!("is `{name}`, allowed: a prompt that is kept here, {}", self.names());
            return Err(vec![fault("/prompt", detail)]);
        };
        let mut faults = Vec::new();
        let mut find = |pointer: &str, key: &str| {
            let found = prompt.keyed(key);
            if found.is_none() {
                let keys: Vec<String> =
                    prompt.newest_keys().iter().map(|key| format!("`{key}`")).collect();
                let detail = format!(
                    "is `{key}`, allowed: the key of a version of prompt `{name}`, the newest are {}",
                    keys.join(", ")
                );
                faults.push(fault(pointer, detail));
            }
            found.cloned()
        };
        let control = find("/control", experiment.control.as_str());
        let treatment = find("/treatment", experiment.treatment.as_str());
        match (control, treatment) {
            (Some(control), Some(treatment)) => {
                let versions = ByVariant { control, treatment };
                Ok(Some(InPlay { prompt: name.clone(), versions }))
            }
            _ => Err(faults),
        }
    }

    /// The first names, for messages.
    fn names(&self) -> String {
        let names: Vec<String> =
            self.catalog.iter().take(5).map(|(name, _)| format!("`{name}`")).collect();
        match self.catalog.iter().count() {
            0 => "and there are none yet".to_owned(),
            count if count > names.len() => format!("such as {}", names.join(", ")),
            _ => format!("which are {}", names.join(", ")),
        }
    }

    /// Where `production` points, if anywhere.
    pub(crate) fn production(&self, name: &PromptName) -> Option<&VersionHead> {
        let prompt = self.catalog.get(name)?;
        production_of(prompt)
    }

    /// The order that points `production` back to the control, where it points to the treatment.
    pub(crate) fn production_back(&self, in_play: &InPlay, reason: &str) -> Option<Order> {
        let ByVariant { control, treatment } = in_play.digests();
        let is_there = self.production(&in_play.prompt).is_some_and(|now| now.digest == treatment);
        let order = || production_order(control, reason);
        (is_there && control != treatment).then(order).flatten()
    }

    /// Lets `production` follow a decision of a rollout; none where the decision says nothing of it.
    pub(crate) fn follow(
        &mut self,
        experiment: &ExperimentKey,
        run: u32,
        in_play: &InPlay,
        reaches_all: Phase,
        decision: &Decision,
    ) -> Option<Followed> {
        let name = &in_play.prompt;
        let now = self.production(name).cloned();
        let step = decision.step();
        let digest = now.as_ref().map(|now| now.digest);
        let followed =
            |sentence: String, outcome| Some(Followed { prompt: name.clone(), sentence, outcome });
        let before = now.as_ref().map_or("nowhere", |now| now.key.as_str());
        match at_step(step, reaches_all, digest, in_play.digests()) {
            Production::Untouched => None,
            Production::There(variant) => {
                let key = &in_play.version(variant).key;
                followed(format!("`production` points to `{key}` already"), ProductionMove::There)
            }
            Production::LeftAlone(variant) => {
                let key = &in_play.version(variant).key;
                let sentence = format!(
                    "`production` was left at `{before}`, where somebody pointed it; this step would move it to `{key}`"
                );
                followed(sentence, ProductionMove::LeftAlone)
            }
            Production::Move(variant) => {
                let to = in_play.version(variant);
                let order = production_order(to.digest, &reason(experiment, run, step))?;
                match self.catalog.apply(step.at, name, &[order]) {
                    Ok(changes) => {
                        let sentence =
                            format!("`production` moved from `{before}` to `{}`", to.key);
                        followed(sentence, ProductionMove::Moved(changes))
                    }
                    // Nothing that can be asked from outside leads here.
                    Err((_, rejection)) => followed(
                        format!("`production` was not moved: {rejection}"),
                        ProductionMove::LeftAlone,
                    ),
                }
            }
        }
    }
}

fn production_of(prompt: &Prompt) -> Option<&VersionHead> {
    let (_, label) = prompt.labels().find(|(label, _)| label.as_str() == PRODUCTION)?;
    Some(&prompt.numbered(label.target()?)?.head)
}

fn reason(experiment: &ExperimentKey, run: u32, step: Step) -> String {
    let what = match step.to.phase {
        Phase::Full | Phase::Completed => "every camera gets the treatment",
        Phase::RolledBack => "rolled back to the control",
        Phase::Stopped | Phase::Draft | Phase::Shadow | Phase::Ab => {
            "stopped, and every camera gets the control"
        }
    };
    format!("experiment {experiment}, run {run}: {what}")
}

fn production_order(to: TextDigest, reason: &str) -> Option<Order> {
    let label: LabelName = PRODUCTION.parse().ok()?;
    let (actor, reason) = (Actor::new(TIDEGATE).ok()?, Reason::new(reason).ok()?);
    Some(Order::Point(LabelOrder {
        label,
        to: LabelTarget::Text(to),
        revision: None,
        actor,
        reason,
    }))
}

impl PendingChange {
    const fn prompt(&self) -> &PromptName {
        match self {
            Self::Version { prompt, .. } | Self::Moved { prompt, .. } => prompt,
        }
    }
}

#[cfg(test)]
mod tests;
