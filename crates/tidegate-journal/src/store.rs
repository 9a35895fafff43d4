//! The sled store, used only in the ways that survived power cuts.

use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::sync_folder;

/// Memory that sled keeps pages in.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// What sled says where its file is locked. The journal's own lock keeps others away, but a store that was
/// dropped gives its lock up only when the last of sled's threads lets go.
const LOCKED: &str = "could not acquire lock";
const LOCK_TRIES: u32 = 250;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const UNFINISHED: &str = "unfinished";

/// Why the store did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Said by sled.
    #[error("the store: {0}")]
    Sled(#[from] sled::Error),
    /// Said by the disk.
    #[error("the store's files: {0}")]
    Disk(#[from] io::Error),
}

impl StoreError {
    /// The disk's own error, where the disk failed; none where the files are not what they were.
    pub(crate) fn of_disk(self) -> Result<io::Error, Self> {
        use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
        let is_of_files = |error: &io::Error| {
            matches!(error.kind(), InvalidData | InvalidInput | NotFound | UnexpectedEof)
        };
        match self {
            Self::Sled(sled::Error::Io(error)) | Self::Disk(error) if !is_of_files(&error) => {
                Ok(error)
            }
            Self::Sled(_) | Self::Disk(_) => Err(self),
        }
    }
}

/// Frames by the number of their first entry.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// There until it is dropped.
    db: Option<sled::Db>,
}

impl Drop for Store {
    fn drop(&mut self) {
        let db = self.db.take();
        // The last one syncs its file, and sled panics where the disk refuses that. All that was
        // acknowledged was synced before, and what was not is told to nobody.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

impl Store {
    /// Makes a new store that is there whole or not at all: what a crash leaves of one that is half made
    /// could not be told from damage.
    pub(crate) fn make(folder: &Path) -> Result<(), StoreError> {
        let unfinished = folder.with_extension(UNFINISHED);
        delete_folder(&unfinished)?;
        Self::open(&unfinished)?.flush()?;
        sync_all(&unfinished)?;
        delete_folder(folder)?;
        fs::rename(&unfinished, folder)?;
        Ok(folder.parent().map_or(Ok(()), sync_folder)?)
    }

    /// Opens the store in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            // Every write is flushed by its writer, and by nothing else.
            .flush_every_ms(None);
        for _ in 0..LOCK_TRIES {
            match config.open() {
                Ok(db) => return Ok(Self { db: Some(db) }),
                Err(sled::Error::Io(error)) if error.to_string().contains(LOCKED) => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("the store is in use").into())
    }

    fn db(&self) -> &sled::Db {
        self.db.as_ref().expect("it is there until it is dropped")
    }

    /// Frames from the one with first entry `first` on.
    pub(crate) fn frames_from(
        &self,
        first: u64,
    ) -> impl DoubleEndedIterator<Item = Result<(u64, sled::IVec), StoreError>> + use<> {
        self.db().range(first.to_be_bytes()..).map(|record| {
            let (key, frame) = record?;
            let key: Result<[u8; 8], _> = key.as_ref().try_into();
            let key = key.map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "a key that is not 8 bytes long")
            })?;
            Ok((u64::from_be_bytes(key), frame))
        })
    }

    /// The first entry of the frame that `sequence` lies in, or of the last one before it.
    pub(crate) fn frame_of(&self, sequence: u64) -> Result<Option<u64>, StoreError> {
        let found = self.db().range(..=sequence.to_be_bytes()).next_back().transpose()?;
        Ok(found.and_then(|(key, _)| key.as_ref().try_into().ok().map(u64::from_be_bytes)))
    }

    pub(crate) fn insert(&self, first: u64, frame: &[u8]) -> Result<(), StoreError> {
        self.db().insert(first.to_be_bytes(), frame)?;
        Ok(())
    }

    pub(crate) fn remove(&self, first: u64) -> Result<(), StoreError> {
        self.db().remove(first.to_be_bytes())?;
        Ok(())
    }

    /// Hands everything to the operating system; [`StoreFile::sync`] makes it durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db().flush()?;
        Ok(())
    }
}

/// The store's own file, held open, since sled never syncs it.
#[derive(Debug)]
pub(crate) struct StoreFile(File);

impl StoreFile {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        File::open(folder.join("db")).map(Self)
    }

    /// Waits until all that was flushed is on disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Deletes what a crash left half made: sled would take it for whole.
pub(crate) fn delete_unfinished(folder: &Path) -> io::Result<()> {
    for path in entries(folder)? {
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Deletes a folder where there is one.
fn delete_folder(folder: &Path) -> io::Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            delete_folder(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes the store's files and their names durable before anything relies on them.
pub(crate) fn sync_all(folder: &Path) -> io::Result<()> {
    for name in ["conf", "db"] {
        match File::open(folder.join(name)) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sync_folder(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// The paths in a folder, none where it is absent.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
