//! The catalog as plain data, to be stored at a journal position and taken up again.

use alloc::vec::Vec;

use crate::id::{LabelName, PromptName};
use crate::limits;

use super::catalog::Catalog;
use super::digest::DIGEST_SCHEME;
use super::version::{Move, PRODUCTION, Prompt, PromptLabel, Version};

/// All that is remembered of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSnapshot {
    /// Its name.
    pub name: PromptName,
    /// Every version, oldest first.
    pub versions: Vec<Version>,
    /// Every label with its moves, oldest first.
    pub labels: Vec<(LabelName, Vec<Move>)>,
}

/// A snapshot that no catalog can have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("snapshot with a prompt `{prompt}` that cannot be: {what}")]
pub struct PromptRestoreError {
    /// The prompt that cannot be.
    pub prompt: PromptName,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Catalog {
    /// All that is remembered, in the order of the names.
    pub fn snapshot(&self) -> Vec<PromptSnapshot> {
        self.iter()
            .map(|(name, prompt)| PromptSnapshot {
                name: name.clone(),
                versions: prompt.versions.clone(),
                labels: prompt
                    .labels
                    .iter()
                    .map(|(label, kept)| (label.clone(), kept.moves.clone()))
                    .collect(),
            })
            .collect()
    }

    /// Takes everything up again.
    ///
    /// # Errors
    /// [`PromptRestoreError`] for a snapshot that no catalog can have written.
    pub fn restore(snapshots: Vec<PromptSnapshot>) -> Result<Self, PromptRestoreError> {
        let mut catalog = Self::default();
        for PromptSnapshot { name, versions, labels } in snapshots {
            let bad = |what| PromptRestoreError { prompt: name.clone(), what };
            if catalog.get(&name).is_some() {
                return Err(bad("it is there twice"));
            }
            if versions.is_empty() || versions.len() > limits::PROMPT_VERSIONS_MAX {
                return Err(bad("none of its versions, or too many"));
            }
            let mut prompt = Prompt::default();
            for version in versions {
                if !prompt.can_add(&version) {
                    return Err(bad("a version that does not follow"));
                }
                prompt.versions.push(version);
            }
            for (label, moves) in labels {
                if prompt.labels.contains_key(&label)
                    || prompt.keyed(label.as_str()).is_some()
                    || !can_be(&prompt, &moves)
                {
                    return Err(bad("a label that cannot be"));
                }
                prompt.labels.insert(label, PromptLabel { moves });
            }
            let odd = |label: &LabelName| label.as_str().starts_with(DIGEST_SCHEME);
            let counted = prompt.labels.keys().filter(|label| label.as_str() != PRODUCTION).count();
            if counted > limits::PROMPT_LABELS_MAX || prompt.labels.keys().any(odd) {
                return Err(bad("labels that cannot be"));
            }
            catalog.insert(name, prompt);
        }
        Ok(catalog)
    }
}

/// Whether a label can have moved so.
fn can_be(prompt: &Prompt, moves: &[Move]) -> bool {
    let known = |number: Option<u32>| number.is_none_or(|number| prompt.numbered(number).is_some());
    let first = moves.first().map(|step| (step.revision, step.from));
    let forgotten = moves.len() == limits::LABEL_MOVES_MAX;
    moves.len() <= limits::LABEL_MOVES_MAX
        && first.is_some_and(|(revision, from)| {
            (revision == 1 && from.is_none()) || (revision > 1 && forgotten)
        })
        && moves.iter().all(|step| step.from != step.to && known(step.from) && known(step.to))
        && moves.windows(2).all(|pair| {
            pair[0].revision.checked_add(1) == Some(pair[1].revision) && pair[0].to == pair[1].from
        })
}
