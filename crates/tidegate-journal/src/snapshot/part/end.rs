//! How a snapshot ends.

use serde::{Deserialize, Serialize};

/// The last part: how many there are, itself included.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptEnd {
    pub(super) parts: u64,
}
