//! Prompts: texts that instruct the model, kept in versions that never change, with labels that move.
//!
//! A [`Catalog`] takes [`Order`]s and gives the [`Change`]s that came of them, to be written down; what was
//! written down is read back with [`Catalog::recall`]. Like a rollout it holds no clock and does no I/O.
//! The digest of a text is handed in: whoever brings a text computes it, and whoever reads one back checks it.

mod catalog;
mod order;
mod production;
mod snapshot;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::event::{Actor, Note};
use crate::id::{LabelName, PromptKey, PromptName};
use crate::limits;
use crate::time::Timestamp;

pub use catalog::{Catalog, NotFollowing};
pub use order::{LabelOrder, Order, Rejection, VersionOrder, Whereto, Whether};
pub use production::{Production, at_step};
pub use snapshot::{RestoreError, Snapshot};

/// The label that names what is served when no experiment says otherwise. A rollout moves it.
pub const PRODUCTION: &str = "production";
/// What every digest begins with.
pub const DIGEST_SCHEME: &str = "sha256:";

/// The SHA-256 of a version's text in UTF-8; shown as `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextDigest(pub [u8; 32]);

impl fmt::Display for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `{DIGEST_SCHEME}` and 64 hexadecimal digits in small letters")]
pub struct InvalidDigest;

impl FromStr for TextDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let digits = text.strip_prefix(DIGEST_SCHEME).ok_or(InvalidDigest)?.as_bytes();
        if digits.len() != 64 {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidDigest),
    }
}

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
    pub note: Option<Note>,
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
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Note,
    /// Where it pointed before, if anywhere: the number of a version.
    pub from: Option<u32>,
    /// Where it points since, none where it was removed.
    pub to: Option<u32>,
}

/// What came of an order; recalling it does the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A version, and with the first the prompt.
    Added {
        /// Of which prompt.
        prompt: PromptName,
        /// The version.
        version: Version,
    },
    /// A label points elsewhere, or nowhere.
    Moved {
        /// Of which prompt.
        prompt: PromptName,
        /// Which label.
        label: LabelName,
        /// The move.
        step: Move,
    },
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
        /// How many.
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
    versions: Vec<Version>,
    labels: BTreeMap<LabelName, Label>,
}

/// Where a label points, and how it came there. It has moved at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    moves: Vec<Move>,
}

impl Label {
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
    pub fn labels(&self) -> impl Iterator<Item = (&LabelName, &Label)> {
        self.labels.iter()
    }

    /// A label.
    pub fn label(&self, name: &LabelName) -> Option<&Label> {
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
                    .filter(|version| digest_begins_with(&version.head.digest, digits.as_bytes()));
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

/// Whether a digest begins with these hexadecimal digits.
fn digest_begins_with(digest: &TextDigest, digits: &[u8]) -> bool {
    digits.len() <= 64
        && digits.iter().enumerate().all(|(index, digit)| {
            let byte = digest.0[index / 2];
            let own = if index % 2 == 0 { byte >> 4 } else { byte & 0xf };
            nibble(*digit) == Ok(own)
        })
}

#[cfg(test)]
pub(crate) mod tests;
