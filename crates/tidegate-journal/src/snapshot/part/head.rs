//! How a snapshot begins.

use serde::{Deserialize, Serialize};
use tidegate_engine::time::Timestamp;

use super::{JournalState, Part};
use crate::record::Unreadable;

/// The first part: of which entry the snapshot is, and when it was taken.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHead {
    pub(super) sequence: u64,
    at_ms: i64,
}

/// The head of a state.
pub(super) fn part(state: &JournalState) -> Part {
    Part::Head(KeptHead { sequence: state.sequence, at_ms: state.at.ms() })
}

impl KeptHead {
    pub(super) fn at(&self) -> Result<Timestamp, Unreadable> {
        Ok(Timestamp::from_ms(self.at_ms)?)
    }
}
