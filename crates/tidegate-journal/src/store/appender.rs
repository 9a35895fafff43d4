//! Writing to the store without ever relying on what is not on disk.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Store, StoreError, frames};
use crate::frame::RECORD_BYTES_MAX;

/// Bytes of records that may be written between two syncs. What sled's log grows by is more: each record is
/// written once, again with its page each time that this is split, and a page beside it is moved each time. With
/// records as long as they may be, 16 of them make at most 16 + 2 × (17 + 1 + 3 × 17) = 154 records in the log,
/// or 1.2 MiB of a segment's 2 MiB.
const UNSYNCED_BYTES_MAX: usize = 16 * RECORD_BYTES_MAX;
/// Records that may be removed between two syncs, by the same reckoning.
const UNSYNCED_REMOVALS_MAX: usize = 16;

/// A store that is written to by one thread, with its file held open, since sled never syncs it.
#[derive(Debug)]
pub(crate) struct Appender {
    store: Store,
    file: File,
    /// Written since the last sync.
    unsynced_bytes: usize,
    /// Removed since the last sync.
    unsynced_removals: usize,
}

impl Appender {
    pub(crate) fn new(store: Store, folder: &Path) -> io::Result<Self> {
        let file = File::open(folder.join("db"))?;
        Ok(Self { store, file, unsynced_bytes: 0, unsynced_removals: 0 })
    }

    /// What is written to.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Puts a frame in, under the number of its first entry, in as many records as it takes.
    pub(crate) fn insert(&mut self, first: u64, frame: &[u8]) -> Result<(), StoreError> {
        for (index, piece) in (0_u16..).zip(frame.chunks(RECORD_BYTES_MAX)) {
            if self.unsynced_bytes + piece.len() > UNSYNCED_BYTES_MAX {
                self.sync()?;
            }
            self.unsynced_bytes += piece.len();
            self.store.db().insert(frames::key_of(first, index), piece)?;
        }
        Ok(())
    }

    /// Removes a frame.
    pub(crate) fn remove(&mut self, first: u64) -> Result<(), StoreError> {
        let keys = self.store.db().scan_prefix(first.to_be_bytes()).keys();
        for key in keys.collect::<Result<Vec<_>, _>>()? {
            if self.unsynced_removals == UNSYNCED_REMOVALS_MAX {
                self.sync()?;
            }
            self.unsynced_removals += 1;
            self.store.db().remove(key)?;
        }
        Ok(())
    }

    /// Waits until all that was put in and removed is on disk.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.store.flush()?;
        self.file.sync_data()?;
        (self.unsynced_bytes, self.unsynced_removals) = (0, 0);
        Ok(())
    }
}
