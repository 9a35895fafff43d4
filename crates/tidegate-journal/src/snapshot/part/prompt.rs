//! A prompt: its name, each version with its text, each move of its labels.

use serde::{Deserialize, Serialize};
use tidegate_engine::id::LabelName;
use tidegate_engine::prompt::{self, Version};

use super::{Part, pieces};
use crate::record::{KeptMove, KeptVersion, Unreadable};

/// The first part of a prompt; those that follow add to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptPrompt {
    name: String,
}

/// The text of the version before it, or a piece of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptText {
    text: String,
}

/// A move of a label; those of one label stand together, oldest first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptLabelMove {
    label: String,
    step: KeptMove<'static>,
}

pub(super) fn parts(prompt: &prompt::PromptSnapshot) -> impl Iterator<Item = Part> {
    let versions = prompt.versions.iter().flat_map(|version| {
        let head = Part::Version(KeptVersion::from(&version.head).owned());
        let texts =
            pieces(&version.text).map(|text| Part::Text(KeptText { text: text.to_owned() }));
        std::iter::once(head).chain(texts)
    });
    let moves = prompt.labels.iter().flat_map(|(label, moves)| {
        moves.iter().map(|step| {
            let label = label.as_str().to_owned();
            Part::LabelMoved(KeptLabelMove { label, step: KeptMove::from(step).owned() })
        })
    });
    let name = prompt.name.as_str().to_owned();
    std::iter::once(Part::Prompt(KeptPrompt { name })).chain(versions).chain(moves)
}

/// A prompt of which more may come.
#[derive(Debug)]
pub(super) struct UnfinishedPrompt {
    prompt: prompt::PromptSnapshot,
    /// Of the text of the newest version, what has come: put together once, not anew with every piece.
    text: String,
}

impl KeptPrompt {
    /// The prompt, to which the parts that follow are added.
    pub(super) fn begin(self) -> Result<UnfinishedPrompt, Unreadable> {
        let (versions, labels) = (Vec::new(), Vec::new());
        let prompt = prompt::PromptSnapshot { name: self.name.parse()?, versions, labels };
        Ok(UnfinishedPrompt { prompt, text: String::new() })
    }
}

impl UnfinishedPrompt {
    pub(super) fn add_version(&mut self, head: KeptVersion<'_>) -> Result<(), Unreadable> {
        self.finish_text();
        self.prompt.versions.push(Version { head: head.head()?, text: "".into() });
        Ok(())
    }

    /// Adds to the newest version; none where there is no version, or the labels have begun.
    pub(super) fn add_text(&mut self, kept: &KeptText) -> Option<()> {
        let fits = !self.prompt.versions.is_empty() && self.prompt.labels.is_empty();
        fits.then(|| self.text.push_str(&kept.text))
    }

    pub(super) fn add_label_move(&mut self, kept: KeptLabelMove) -> Result<(), Unreadable> {
        self.finish_text();
        let (label, step): (LabelName, _) = (kept.label.parse()?, kept.step.step()?);
        match self.prompt.labels.last_mut() {
            Some((last, moves)) if *last == label => moves.push(step),
            _ => self.prompt.labels.push((label, vec![step])),
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> prompt::PromptSnapshot {
        self.finish_text();
        self.prompt
    }

    /// Gives the newest version the text that has come.
    fn finish_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Some(version) = self.prompt.versions.last_mut().filter(|_| !text.is_empty()) {
            version.text = text.into();
        }
    }
}
