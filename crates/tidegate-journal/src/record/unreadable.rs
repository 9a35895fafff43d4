//! Why bytes are no entry.

use tidegate_engine::event::InvalidText;
use tidegate_engine::id::InvalidId;
use tidegate_engine::number::OutOfRange;
use tidegate_engine::prompt::InvalidDigest;

use crate::codes::UnknownCode;

/// Why bytes are no entry.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not of the format.
    #[error("an entry's bytes: {0}")]
    Bytes(#[from] bincode::Error),
    /// A number that names nothing.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// A tag that no version wrote.
    #[error("an entry of a tag that is not in use")]
    Unassigned,
    /// A text that is no id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A text that is no reason or actor.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// A text that is no digest.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// A number out of its range.
    #[error(transparent)]
    Number(#[from] OutOfRange),
    /// An exported line that says something else.
    #[error("an entry's JSON: {0}")]
    Json(#[from] serde_json::Error),
}
