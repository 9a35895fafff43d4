//! The sled store, used only in the ways that survive power cuts.
//!
//! Sled syncs nothing on Linux, so two of its habits must never meet acknowledged data. It moves a page of its
//! tree that is longer than a quarter of a segment to a file of its own, whose bytes and name nobody syncs; and
//! it writes over a segment as soon as what replaced it was *written*, which may be before that is on disk. So
//! records are short enough for every page to stay in the log, and the log never grows by a segment between
//! two syncs: see [`RECORD_BYTES_MAX`](crate::frame::RECORD_BYTES_MAX) and [`Appender`].

mod appender;
mod frames;

use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{self, entries, sync_folder};

pub(crate) use appender::Appender;
pub(crate) use frames::Frames;

/// Bytes of the file that sled fills before it goes on elsewhere.
pub(crate) const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// The same in the store of earlier versions, whose values were up to eight times as long.
pub(crate) const SEGMENT_BYTES_BEFORE: usize = 512 * 1024;
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
    #[error("the store: {}", in_words(.0))]
    Sled(#[from] sled::Error),
    /// Said by the disk.
    #[error("the store's files: {0}")]
    Disk(#[from] io::Error),
}

fn in_words(error: &sled::Error) -> String {
    if let sled::Error::Corruption { .. } = error {
        // Its own words tell of offsets and backtraces that it does not have.
        return "what is read is not what was written".to_owned();
    }
    error.to_string()
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
    /// Builds a new store beside `folder`, its own once it is [placed](Self::place), and lets `fill` put in what it
    /// begins with.
    pub(crate) fn build(
        folder: &Path,
        fill: impl FnOnce(&mut Appender) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let unfinished = folder.with_extension(UNFINISHED);
        disk::delete(&unfinished)?;
        let built = (|| {
            let mut appender = Appender::new(Self::open(&unfinished)?, &unfinished)?;
            fill(&mut appender)?;
            appender.sync()?;
            drop(appender);
            Ok(sync_all(&unfinished)?)
        })();
        if built.is_err() {
            // It may be what fills the disk. Where it cannot be deleted, the next try does.
            let _ = disk::delete(&unfinished);
        }
        built
    }

    /// Gives a store that was built its name. It is there whole or not at all: what a crash leaves of one that is
    /// half made could not be told from damage.
    pub(crate) fn place(folder: &Path) -> io::Result<()> {
        disk::delete(folder)?;
        fs::rename(folder.with_extension(UNFINISHED), folder)?;
        folder.parent().map_or(Ok(()), sync_folder)
    }

    /// Puts in the frames before entry `end` of an earlier version's store, in records that this one keeps safe, and
    /// reads them back before anything relies on them.
    pub(crate) fn rewrite(
        &self,
        appender: &mut Appender,
        end: Option<u64>,
    ) -> Result<(), StoreError> {
        let frames = || {
            let kept = |frame: &Result<(u64, sled::IVec), StoreError>| match frame {
                Ok((first, _)) => end.is_none_or(|end| *first < end),
                Err(_) => true,
            };
            self.frames_from(0).take_while(kept)
        };
        for frame in frames() {
            let (first, frame) = frame?;
            appender.insert(first, &frame)?;
        }
        appender.sync()?;
        let mut written = appender.store().frames_from(0);
        for frame in frames() {
            if written.next().transpose()? != Some(frame?) {
                return Err(io::Error::other("a frame is not read back as it was written").into());
            }
        }
        Ok(())
    }

    /// Opens the store in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, SEGMENT_BYTES)
    }

    /// Opens a store that was made with segments of this size, which never changes.
    pub(crate) fn open_with(folder: &Path, segment_bytes: usize) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(folder)
            .segment_size(segment_bytes)
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
    pub(crate) fn frames_from(&self, first: u64) -> Frames {
        Frames::new(self.db().range(first.to_be_bytes()..))
    }

    /// The first entry of the frame that `sequence` lies in, or of the last one before it.
    pub(crate) fn frame_of(&self, sequence: u64) -> Result<Option<u64>, StoreError> {
        let found = self.db().range(..=sequence.to_be_bytes()).next_back().transpose()?;
        found.map(|(key, _)| Ok(frames::place_of(&key)?.0)).transpose()
    }

    /// Hands everything to the operating system; only [`Appender::sync`] makes it durable.
    fn flush(&self) -> Result<(), StoreError> {
        self.db().flush()?;
        Ok(())
    }
}

/// A copy of an earlier version's store, opened, and deleted when it is dropped. Sled writes when it opens a store,
/// pages that are long among it, which nobody syncs: what was acknowledged is left as it is.
#[derive(Debug)]
pub(crate) struct Copied {
    /// There until it is dropped.
    store: Option<Store>,
    folder: PathBuf,
}

impl Copied {
    pub(crate) fn of(before: &Path) -> Result<Self, StoreError> {
        let folder = before.with_extension("copy");
        disk::delete(&folder)?;
        // Room for the copy, and for what may be made of it.
        let needed = 3 * disk::folder_bytes(before)? + SEGMENT_BYTES as u64;
        let free = disk::free_bytes(before)?;
        if free < needed {
            let megabytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
            let (free, needed) = (megabytes(free), megabytes(needed));
            let why = format!(
                "writing the journal of an earlier version anew needs {needed} MB of free disk, {free} MB are free"
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why).into());
        }
        let mut copied = Self { store: None, folder };
        disk::copy_folder(before, &copied.folder)?;
        delete_unfinished(&copied.folder)?;
        copied.store = Some(Store::open_with(&copied.folder, SEGMENT_BYTES_BEFORE)?);
        Ok(copied)
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.store = None;
        // What cannot be deleted now is before the next copy.
        let _ = disk::delete(&self.folder);
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

/// Deletes what sled keeps to start sooner, all of which it finds in its log as well.
pub(crate) fn delete_cached(folder: &Path) -> io::Result<()> {
    for path in cached(folder)? {
        fs::remove_file(&path)?;
    }
    sync_folder(folder)
}

/// Whether there is any of it.
pub(crate) fn has_cached(folder: &Path) -> io::Result<bool> {
    Ok(!cached(folder)?.is_empty())
}

/// Besides what it makes of the log, the settings it was made with, which are given to it at every opening.
fn cached(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = entries(folder)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("snap.") || name == "conf"
    });
    Ok(paths)
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
