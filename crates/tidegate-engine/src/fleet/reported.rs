//! What the fleet reported of the treatment since some time.

use alloc::vec::Vec;

use super::{BlockSums, Comparable, Fleet};
use crate::id::CameraId;
use crate::presence::Reported;
use crate::time::Timestamp;
use crate::variant::Variant;

impl Fleet {
    /// A camera reports.
    pub(crate) fn hear(&mut self, at: u32, heard_at: Timestamp) {
        self.heard_at[at as usize] = heard_at;
    }

    /// What the treatment reported from a stretch of the test on.
    pub(crate) fn treated_since(&self, first: usize) -> Reported {
        let since = |blocks: &&Vec<BlockSums>| {
            blocks
                .iter()
                .rev()
                .take_while(|sums| sums.block.0 >= first as u64)
                .any(|sums| sums.variant == Variant::Treatment && sums.tally.analyses > 0)
        };
        let stretches = self.epochs.get(first..).unwrap_or_default();
        Reported {
            analyses: stretches.iter().map(|sides| sides.treatment.analyses).sum(),
            cameras: self.blocks.iter().filter(since).count() as u64,
        }
    }

    /// The cameras that take part in the comparison.
    pub(crate) fn comparable_cameras(&self) -> impl Iterator<Item = &CameraId> {
        let comparable = self.entries.iter().filter(|entry| entry.comparable == Comparable::Yes);
        comparable.map(|entry| &entry.camera)
    }
}
