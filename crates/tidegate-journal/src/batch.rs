//! What is appended at once.

use crate::frame::UNIT_BYTES_MAX;
use crate::record::{ENTRY_BYTES_MAX, Entry};

/// Entries to append together, as bytes.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) payload: Vec<u8>,
    /// Where each unit ends in the payload, and how many entries it has.
    pub(crate) units: Vec<(usize, u32)>,
}

/// An entry or a unit that no frame has room for.
#[derive(Debug, thiserror::Error)]
pub enum TooLarge {
    /// One entry.
    #[error("an entry of more than {ENTRY_BYTES_MAX} bytes: {0}")]
    Entry(bincode::Error),
    /// Entries that belong together.
    #[error("{bytes} bytes that belong together, allowed: {UNIT_BYTES_MAX}")]
    Unit {
        /// What the entries that belong together come to.
        bytes: usize,
    },
}

impl Batch {
    /// Adds entries that belong together, such as an event and the decisions it led to: a crash leaves
    /// all of them or none.
    ///
    /// # Errors
    /// [`TooLarge`] where they do not fit one frame; the batch is as before.
    pub fn push(&mut self, unit: &[Entry]) -> Result<(), TooLarge> {
        let start = self.payload.len();
        let added = self.add(unit, start);
        if added.is_err() {
            self.payload.truncate(start);
        }
        added
    }

    fn add(&mut self, unit: &[Entry], start: usize) -> Result<(), TooLarge> {
        for entry in unit {
            let at = self.payload.len();
            self.payload.extend_from_slice(&[0, 0]);
            entry.write(&mut self.payload).map_err(TooLarge::Entry)?;
            let length = self.payload.len() - at - 2;
            let bytes = self.payload.len() - start;
            let length = u16::try_from(length).map_err(|_| TooLarge::Unit { bytes })?;
            self.payload[at..at + 2].copy_from_slice(&length.to_le_bytes());
        }
        let bytes = self.payload.len() - start;
        if bytes > UNIT_BYTES_MAX {
            return Err(TooLarge::Unit { bytes });
        }
        let count = u32::try_from(unit.len()).map_err(|_| TooLarge::Unit { bytes })?;
        self.units.push((self.payload.len(), count));
        Ok(())
    }

    /// Entries in it.
    pub fn entries(&self) -> u64 {
        self.units.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Its units as slices of the payload with their counts.
    pub(crate) fn slices(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let mut start = 0;
        self.units.iter().map(move |(end, count)| {
            let slice = &self.payload[start..*end];
            start = *end;
            (slice, *count)
        })
    }
}
