//! What comes before a journal is open: its folder, its lock, and a store that can be relied on.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{self, sync_folder};
use crate::layout::{FRAMES, LOCK, SNAPSHOTS, STORE_BEFORE, STORE_LEFT, Stored};
use crate::snapshot;
use crate::store::{self, Appender, Copied, Store, StoreError};
use crate::unfinished::{self, Making};

/// How often, and how long, a lock is tried: a process that was just killed may still hold it.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another process; stop that one first, or give another --data folder",
        folder.display()
    )]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// Something acknowledged is missing or changed.
    #[error(
        "the journal in {} is damaged: {why}; nothing was changed, `tidegate journal repair` goes on from what is whole",
        folder.display()
    )]
    Damaged {
        /// The data folder.
        folder: PathBuf,
        /// What is missing.
        why: String,
    },
    /// It is not whole yet, and was left so.
    #[error("the journal in {} is not whole: {}", folder.display(), making.advice())]
    Unfinished {
        /// The data folder.
        folder: PathBuf,
        /// How it was being made.
        making: Making,
    },
    /// The disk does not let it.
    #[error("cannot open the journal in {}: {source}", folder.display())]
    Disk {
        /// The data folder.
        folder: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
}

/// Takes the folder's lock, which the operating system gives up when its process ends.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let disk = |source| OpenError::Disk { folder: folder.to_owned(), source };
    make_folder(folder).map_err(disk)?;
    let file = File::options().create(true).append(true).open(folder.join(LOCK)).map_err(disk)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(disk(source)),
        }
    }
    Err(OpenError::InUse { folder: folder.to_owned() })
}

/// Makes a folder with those above it. Each name is made durable: a power cut may otherwise take the folder
/// away with all that was acknowledged in it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.filter(|above| !above.exists()) {
        make_folder(above)?;
    }
    fs::create_dir_all(folder)?;
    // Where it was there already, a crash may have come between its making and its sync. A folder that may
    // not be read was not made by this process.
    match sync_folder(above.unwrap_or(Path::new("."))) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Makes the folders and deletes what a crash left half made.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join(SNAPSHOTS))?;
    if let Stored::Here(store) = Stored::find(folder) {
        store::delete_unfinished(&store)?;
    }
    snapshot::delete_unfinished(&folder.join(SNAPSHOTS))?;
    sync_folder(folder)
}

/// Opens the store that is there, or makes one: without a tail that was never acknowledged, and with every file
/// and name of it on disk.
pub(crate) fn open_store(folder: &Path, broken_tail: Option<u64>) -> Result<Appender, StoreError> {
    let frames = folder.join(FRAMES);
    match Stored::find(folder) {
        Stored::Nowhere => {
            Store::build(&frames, |_| Ok(()))?;
            Store::place(&frames)?;
        }
        Stored::Before(before) => {
            let copied = Copied::of(&before)?;
            Store::build(&frames, |appender| copied.store().rewrite(appender, broken_tail))?;
            // From here on an earlier version finds no store, and changes nothing: two programs would go on apart.
            let left = folder.join(STORE_LEFT);
            if before != left {
                fs::rename(&before, &left)?;
                sync_folder(folder)?;
            }
            Store::place(&frames)?;
        }
        Stored::Here(_) => store::sync_all(&frames)?,
    }
    disk::delete(&folder.join(STORE_BEFORE))?;
    disk::delete(&folder.join(STORE_LEFT))?;
    // Left where a check of a copy was ended by force.
    disk::delete(&frames.with_extension("copy"))?;
    let mut appender = Appender::new(Store::open(&frames)?, &frames)?;
    if let Some(tail) = broken_tail {
        for frame in appender.store().frames_from(tail) {
            appender.remove(frame?.0)?;
        }
    }
    appender.sync()?;
    store::sync_all(&frames)?;
    Ok(appender)
}

/// Says so where the frames of the journal are gone, and what was made of them is there: it is no new journal.
pub(crate) fn refuse_lost_frames(folder: &Path) -> Result<(), OpenError> {
    let Stored::Nowhere = Stored::find(folder) else { return Ok(()) };
    let snapshots = match snapshot::list(&folder.join(SNAPSHOTS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(|source| OpenError::Disk { folder: folder.to_owned(), source })?,
    };
    match snapshots.last() {
        None => Ok(()),
        Some(sequence) => Err(OpenError::Damaged {
            folder: folder.to_owned(),
            why: format!("its frames are gone, and a snapshot after entry {sequence} is there"),
        }),
    }
}

/// Says so where the journal in `folder` is not whole.
pub(crate) fn refuse_unfinished(folder: &Path) -> Result<(), OpenError> {
    let read = unfinished::read(folder);
    let folder = || folder.to_owned();
    match read.map_err(|source| OpenError::Disk { folder: folder(), source })? {
        None => Ok(()),
        Some(making) => Err(OpenError::Unfinished { folder: folder(), making }),
    }
}
