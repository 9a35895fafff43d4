//! What a person or a rollout asks of the catalog, and why it may refuse.

use alloc::string::String;
use alloc::sync::Arc;

use crate::event::{Actor, Reason};
use crate::id::{LabelName, PromptKey, PromptName};
use crate::limits;
use crate::time::Timestamp;

use super::digest::{DIGEST_SCHEME, TextDigest};
use super::version::NotFound;

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Keep a text.
    Add(VersionOrder),
    /// Point a label somewhere.
    Point(LabelOrder),
}

/// A text to keep. Where the prompt has it already, nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionOrder {
    /// Whether the prompt must be there.
    pub prompt_is: Precondition,
    /// Its key; none gives `v` and its number.
    pub key: Option<PromptKey>,
    /// The digest of the text.
    pub digest: TextDigest,
    /// The text.
    pub text: Arc<str>,
    /// The version it was made of: a key, a digest or a label.
    pub parent: Option<String>,
    /// When it was made, if not now.
    pub created_at: Option<Timestamp>,
    /// Who made it.
    pub actor: Actor,
    /// What is new in it.
    pub reason: Option<Reason>,
}

/// Whether a prompt must be there for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// It must be there.
    Known,
    /// It must not, unless with this very text.
    New,
    /// It is made where it is not.
    Either,
}

/// A label to point somewhere. Where it points there already, nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelOrder {
    /// The label to move.
    pub label: LabelName,
    /// Where it is to point.
    pub to: LabelTarget,
    /// The revision it must have, 0 for a label that never was.
    pub revision: Option<u32>,
    /// Who asks for it; the history of the label keeps it.
    pub actor: Actor,
    /// Why; the history keeps it too.
    pub reason: Reason,
}

/// Where a label is to point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelTarget {
    /// To the version of this key, digest or other label.
    Version(String),
    /// To the version of this text.
    Text(TextDigest),
    /// Nowhere: it is removed.
    Nowhere,
}

/// Why an order was refused. The catalog is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    /// No such prompt.
    #[error("no prompt has the name `{0}`")]
    UnknownPrompt(PromptName),
    /// There is one already.
    #[error("there is a prompt `{0}` already; add a version to it")]
    PromptExists(PromptName),
    /// The version that a label is to point to is not there.
    #[error("{0}")]
    UnknownVersion(NotFound),
    /// The version that a version is said to be made of is not there.
    #[error("{0}")]
    UnknownParent(NotFound),
    /// No such label.
    #[error("prompt `{prompt}` has no label `{label}`")]
    UnknownLabel {
        /// The prompt.
        prompt: PromptName,
        /// The label.
        label: LabelName,
    },
    /// A key or a label of that name is there.
    #[error("`{name}` is {taken_by} of prompt `{prompt}` already")]
    NameTaken {
        /// The prompt.
        prompt: PromptName,
        /// The name.
        name: String,
        /// What has it: `the key of version 3`, `a label`.
        taken_by: String,
    },
    /// A key that would be taken for something else.
    #[error(
        "key `{0}` is not allowed: `production` is a label, and `{DIGEST_SCHEME}` begins a digest"
    )]
    KeyReserved(PromptKey),
    /// A text of a length that is not allowed.
    #[error(
        "text of {0} bytes is not allowed: 1 to {max} bytes of UTF-8",
        max = limits::PROMPT_TEXT_BYTES_MAX
    )]
    TextLength(usize),
    /// The label was moved since it was looked at.
    #[error(
        "label `{label}` is at revision {revision}, not {expected}: look at it again, then move it"
    )]
    Revision {
        /// The label.
        label: LabelName,
        /// The revision it has.
        revision: u32,
        /// The revision that was expected.
        expected: u32,
    },
    /// One more than there is room for.
    #[error("{count} {of} are kept, allowed: {max}")]
    TooMany {
        /// What there are too many of, in the plural.
        of: &'static str,
        /// How many there are, or would be.
        count: usize,
        /// Most that are kept.
        max: usize,
    },
}
