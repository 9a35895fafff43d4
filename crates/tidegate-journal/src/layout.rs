//! The names in a journal's folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{delete, entries, sync_folder};
use crate::mark::{Mark, MarkFile};

pub(crate) const LOCK: &str = "lock";
/// The store with the frames.
pub(crate) const FRAMES: &str = "frames";
/// The store of earlier versions, whose records could be so long that a power cut lost them.
pub(crate) const STORE_BEFORE: &str = "store";
/// The same once it was written anew: under a name that earlier versions do not take for a journal's.
pub(crate) const STORE_LEFT: &str = "store.before";
pub(crate) const MARK: &str = "mark";
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// All that a journal is made of.
pub(crate) const ALL: [&str; 5] = [MARK, FRAMES, STORE_BEFORE, STORE_LEFT, SNAPSHOTS];

/// The store that a journal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// None yet.
    Nowhere,
    Here(PathBuf),
    /// One of a version before, to be written anew.
    Before(PathBuf),
}

impl Stored {
    /// Where the store in `folder` is. One that was written anew is there as a whole, and counts.
    pub(crate) fn find(folder: &Path) -> Self {
        let now = folder.join(FRAMES);
        if now.join("db").exists() {
            return Self::Here(now);
        }
        let mut before = [STORE_BEFORE, STORE_LEFT].iter().map(|name| folder.join(name));
        before.find(|store| store.join("db").exists()).map_or(Self::Nowhere, Self::Before)
    }
}

/// Whether there is anything of a journal in `folder`.
pub(crate) fn is_taken(folder: &Path) -> io::Result<bool> {
    let files = [MARK, FRAMES, STORE_BEFORE, STORE_LEFT];
    let snapshots = entries(&folder.join(SNAPSHOTS))?;
    Ok(files.iter().any(|name| folder.join(name).exists()) || !snapshots.is_empty())
}

/// Lets no earlier version, which does not know of [unfinished](crate::unfinished) journals, take the folder for
/// one of an empty journal: a mark without a store is damage to it.
pub(crate) fn refuse_earlier_versions(folder: &Path) -> io::Result<()> {
    delete(&folder.join(MARK))?;
    MarkFile::open(&folder.join(MARK), Mark { last: 1, crc: 1 }).map(drop)
}

/// Deletes all that a journal is made of.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    for name in ALL {
        delete(&folder.join(name))?;
    }
    sync_folder(folder)
}
