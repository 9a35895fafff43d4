//! An entry as it is written down: bytes in the store, JSON in an export.

use bincode::Options as _;
use tidegate_engine::time::Timestamp;

use super::{Entry, Record, Unreadable, bytes};

impl Entry {
    /// When it happened.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Defined { at, .. }
            | Self::Event { at, .. }
            | Self::Noted { at, .. }
            | Self::DefinedBy { at, .. }
            | Self::Deleted { at, .. }
            | Self::Led { at, .. } => *at,
            Self::Decided { step, .. } => step.at,
            Self::Version { head, .. } => head.created_at,
            Self::LabelMoved { step, .. } => step.at,
            Self::Point { point, .. } => point.at,
        }
    }

    /// Appends the entry's bytes.
    ///
    /// # Errors
    /// An entry that is larger than any may be.
    pub fn write(&self, into: &mut Vec<u8>) -> Result<(), bincode::Error> {
        bytes().serialize_into(into, &Record::of(self))
    }

    /// Reads an entry's bytes, all of them.
    ///
    /// # Errors
    /// Bytes that no entry was written as.
    pub fn read(from: &[u8]) -> Result<Self, Unreadable> {
        let record: Record<'_> = bytes().deserialize(from)?;
        record.entry()
    }

    /// The entry as JSON.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Record::of(self))
    }

    /// Reads an entry's JSON.
    pub(crate) fn of_json(json: &str) -> Result<Self, Unreadable> {
        let record: Record<'_> = serde_json::from_str(json)?;
        record.entry()
    }
}
