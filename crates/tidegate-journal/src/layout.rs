//! The names in a journal's folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{delete, sync_folder};

pub(crate) const LOCK: &str = "lock";
/// The store with the frames.
pub(crate) const FRAMES: &str = "frames";
/// The store of versions before, whose records could be so long that a power cut lost them.
pub(crate) const STORE_BEFORE: &str = "store";
pub(crate) const MARK: &str = "mark";
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// All that a journal is made of.
pub(crate) const ALL: [&str; 4] = [MARK, FRAMES, STORE_BEFORE, SNAPSHOTS];

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
        let (now, before) = (folder.join(FRAMES), folder.join(STORE_BEFORE));
        if now.join("db").exists() {
            Self::Here(now)
        } else if before.join("db").exists() {
            Self::Before(before)
        } else {
            Self::Nowhere
        }
    }

    /// Its folder, if there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Nowhere => None,
            Self::Here(folder) | Self::Before(folder) => Some(folder),
        }
    }
}

/// Whether there is anything of a journal in `folder`.
pub(crate) fn is_taken(folder: &Path) -> bool {
    [MARK, FRAMES, STORE_BEFORE].iter().any(|name| folder.join(name).exists())
}

/// Deletes all that a journal is made of.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    for name in ALL {
        delete(&folder.join(name))?;
    }
    sync_folder(folder)
}
