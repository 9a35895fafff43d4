//! A prompt with its versions and labels.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::digest::{DIGEST_SCHEME, TextDigest};
use crate::event::{Actor, Reason};
use crate::id::{LabelName, PromptKey, PromptName};
use crate::limits;
use crate::time::Timestamp;

/// The label that names what is served when no experiment says otherwise. A rollout moves it.
pub const PRODUCTION: &str = "production";

/// All of a version but its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionHead {
    /// 1, 2, 3 … within a prompt.
    pub number: u32,
    /// Its name, once within a prompt.
    pub key: PromptKey,
    /// The fingerprint of its text, once within a prompt.
    pub digest: TextDigest,
    /// The version it was made of, if its author says.
    pub parent: Option<TextDigest>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub actor: Actor,
    /// What is new in it, if its author says.
    pub reason: Option<Reason>,
}

/// One text of a prompt, for ever as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// All but the text.
    pub head: VersionHead,
    /// The text, 1 to 262,144 bytes.
    pub text: Arc<str>,
}

/// One move of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// 1, 2, 3 … for each label.
    pub revision: u32,
    /// When the label moved.
    pub at: Timestamp,
    /// Who moved it, a person or a rollout.
    pub actor: Actor,
    /// The reason that was given.
    pub reason: Reason,
    /// Where it pointed before, if anywhere: the number of a version.
    pub from: Option<u32>,
    /// Where it points since, none where it was removed.
    pub to: Option<u32>,
}

/// Why a reference names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Nothing has that name.
    #[error("prompt `{prompt}` has no version with the key, digest or label `{reference}`{}", among(.keys))]
    Unknown {
        /// The prompt.
        prompt: PromptName,
        /// The beginning of the reference, escaped.
        reference: String,
        /// The newest keys there are.
        keys: Vec<PromptKey>,
    },
    /// More than one digest begins so.
    #[error("{count} versions of prompt `{prompt}` have a digest that begins with `{reference}`")]
    Ambiguous {
        /// The prompt.
        prompt: PromptName,
        /// The reference.
        reference: String,
        /// How many versions it could be.
        count: usize,
    },
}

/// The keys of an error message.
fn among(keys: &[PromptKey]) -> String {
    let mut text = String::new();
    for (index, key) in keys.iter().enumerate() {
        text.push_str(if index == 0 { "; the newest are " } else { ", " });
        text.push_str(key.as_str());
    }
    text
}

/// A prompt with its versions and labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    pub(super) versions: Vec<Version>,
    pub(super) labels: BTreeMap<LabelName, PromptLabel>,
}

/// Where a label points, and how it came there. It has moved at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptLabel {
    pub(super) moves: Vec<Move>,
}

impl PromptLabel {
    /// The newest moves, oldest first: at most [`limits::LABEL_MOVES_MAX`].
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// How often it was moved.
    pub fn revision(&self) -> u32 {
        self.moves.last().map_or(0, |step| step.revision)
    }

    /// The number of the version it points to, none where it was removed.
    pub fn target(&self) -> Option<u32> {
        self.moves.last().and_then(|step| step.to)
    }
}

impl Prompt {
    /// Every version, oldest first: the one with number `n` at place `n - 1`.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Every label with its history, those included that were removed.
    pub fn labels(&self) -> impl Iterator<Item = (&LabelName, &PromptLabel)> {
        self.labels.iter()
    }

    /// A label.
    pub fn label(&self, name: &LabelName) -> Option<&PromptLabel> {
        self.labels.get(name)
    }

    /// The version of that number.
    pub fn numbered(&self, number: u32) -> Option<&Version> {
        self.versions.get((number as usize).checked_sub(1)?)
    }

    /// The version of that key.
    pub fn keyed(&self, key: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.head.key.as_str() == key)
    }

    /// The version of that text.
    pub fn digested(&self, digest: &TextDigest) -> Option<&Version> {
        self.versions.iter().find(|version| version.head.digest == *digest)
    }

    /// The version that `reference` names: a digest, the beginning of one of at least 8 digits, a key, or
    /// a label. No key begins as digests do, and no label has the name of a key, so each name is one thing.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub fn find(&self, prompt: &PromptName, reference: &str) -> Result<&Version, NotFound> {
        let found = match reference.strip_prefix(DIGEST_SCHEME) {
            Some(digits) if digits.len() >= limits::DIGEST_PREFIX_LEN_MIN => {
                let mut found = self
                    .versions
                    .iter()
                    .filter(|version| version.head.digest.begins_with(digits.as_bytes()));
                let (first, more) = (found.next(), found.count());
                if more > 0 {
                    let (prompt, count) = (prompt.clone(), more + 1);
                    return Err(NotFound::Ambiguous { prompt, reference: shown(reference), count });
                }
                first
            }
            Some(_) => None,
            None => self.keyed(reference).or_else(|| {
                let label = self.labels.iter().find(|(name, _)| name.as_str() == reference);
                self.numbered(label?.1.target()?)
            }),
        };
        found.ok_or_else(|| NotFound::Unknown {
            prompt: prompt.clone(),
            reference: shown(reference),
            keys: self.newest_keys(),
        })
    }

    /// The keys of the newest versions, for messages.
    pub fn newest_keys(&self) -> Vec<PromptKey> {
        self.versions.iter().rev().take(5).map(|version| version.head.key.clone()).collect()
    }
}

/// The beginning of a text, escaped.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}
