//! What the fleet reported of the treatment since some time.

use alloc::vec::Vec;

use super::{BlockSums, Comparable, Fleet};
use crate::id::CameraId;
use crate::presence::Reported;
use crate::time::Timestamp;
use crate::variant::Variant;

/// What was heard of a camera, or of several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeardCamera {
    /// When it reported last.
    pub(crate) at: Timestamp,
    /// How many observations came before that.
    pub(crate) after: u64,
    /// Its analyses that are compared.
    pub(crate) analyses: u64,
}

impl HeardCamera {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        let analyses = self.analyses.saturating_add(other.analyses);
        Self { at: self.at.max(other.at), after: self.after.max(other.after), analyses }
    }
}

impl Fleet {
    /// A camera reports.
    pub(crate) fn hear(&mut self, at: u32, heard_at: Timestamp, heard_after: u64) {
        self.heard_at[at as usize] = heard_at;
        self.heard_after[at as usize] = heard_after;
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

    /// When any camera that takes part reported last.
    pub(crate) fn heard_last(&self) -> Option<Timestamp> {
        self.comparable_with(self.heard_at.iter().copied()).map(|(_, at)| at).max()
    }

    /// The cameras that take part in the comparison.
    pub(crate) fn comparable_cameras(&self) -> impl Iterator<Item = &CameraId> {
        self.comparable_with(core::iter::repeat(())).map(|(camera, ())| camera)
    }

    /// The cameras that take part in the comparison, and what was heard of each.
    pub(crate) fn heard(&self) -> impl Iterator<Item = (&CameraId, HeardCamera)> {
        let heard = (0..self.entries.len()).map(|at| {
            let full =
                self.full.get(at).map_or(0, |full| full.control.analyses + full.treatment.analyses);
            let ab = self.ab[at].control.analyses + self.ab[at].treatment.analyses;
            let analyses = self.shadow[at].control.analyses + ab + full;
            HeardCamera { at: self.heard_at[at], after: self.heard_after[at], analyses }
        });
        self.comparable_with(heard)
    }

    /// The cameras that take part in the comparison, and what each showed stretch by stretch.
    pub(crate) fn reported_blocks(&self) -> impl Iterator<Item = (&CameraId, &[BlockSums])> {
        self.comparable_with(self.blocks.iter().map(Vec::as_slice))
    }

    /// The cameras that take part in the comparison, each with its place in a column.
    fn comparable_with<T>(
        &self,
        column: impl Iterator<Item = T>,
    ) -> impl Iterator<Item = (&CameraId, T)> {
        let cameras = self.entries.iter().zip(column);
        let comparable = cameras.filter(|(entry, _)| entry.comparable == Comparable::Yes);
        comparable.map(|(entry, of_camera)| (&entry.camera, of_camera))
    }
}
