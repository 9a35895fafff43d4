//! A journal that is being made, of an export or by a repair. Until it is whole nobody may read it: what a later
//! entry would say, such as a rollback, may still be missing.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;

/// The file that says so. It is made before anything else and goes once all is on disk.
const FILE: &str = "unfinished";

/// How a journal is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Making {
    /// Of an export.
    Import,
    /// By a repair, whose damaged files are being moved to the folder of this name beside them.
    RepairMoves(String),
    /// By a repair, whose damaged files are all in the folder of this name beside them.
    RepairMakes(String),
}

impl Making {
    /// What is to be done about one that did not come to its end.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::Import => {
                "an import did not come to its end; run `tidegate journal import` again, it begins anew, or delete the folder"
            }
            Self::RepairMoves(_) | Self::RepairMakes(_) => {
                "a repair did not come to its end; run `tidegate journal repair` again, it begins anew"
            }
        }
    }
}

/// How the journal in `folder` is being made, if it is.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Making>> {
    match fs::read(folder.join(FILE)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says on disk that the journal in `folder` is being made.
pub(crate) fn begin(folder: &Path, making: &Making) -> io::Result<()> {
    disk::replace(&folder.join(FILE), &serde_json::to_vec(making)?)
}

/// Says on disk that it is whole.
pub(crate) fn end(folder: &Path) -> io::Result<()> {
    disk::delete(&folder.join(FILE))?;
    disk::sync_folder(folder)
}
