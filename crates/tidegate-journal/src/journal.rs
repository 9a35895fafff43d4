//! The journal: opened with care, appended to by one thread.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::batch::Batch;
use crate::disk::{self, sync_folder};
use crate::frame::{BadFrame, Frame, FrameKind};
use crate::layout::{FRAMES, MARK, SNAPSHOTS};
use crate::local_log::LocalLog;
use crate::log::{Log, Term, Tip};
use crate::mark::{Mark, MarkFile};
use crate::opening::{OpenError, lock, open_store, prepare, refuse_lost_frames, refuse_unfinished};
use crate::record::Entry;
use crate::retention;
use crate::snapshot::{self, JournalState};
use crate::store::{self, Store, StoreError};
use crate::verify::{Cache, Soundness, Verification};
use crate::writer::{Job, WriteError, Writer, WriterHealth};

/// Requests that may wait to be written.
const QUEUE_MAX: usize = 4_096;
/// Of these, what is left for those who need not ask whether there is room.
const QUEUE_SPARE: usize = 256;
/// And their bytes.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What was found at opening.
#[derive(Debug)]
pub struct Opened {
    /// The last entry, 0 where there is none.
    pub last: u64,
    /// What the check found.
    pub report: Verification,
    /// The newest whole snapshot.
    pub state: Option<JournalState>,
}

/// An open journal. Dropping it closes it.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    pub(crate) store: Option<Store>,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) health: Arc<WriterHealth>,
    _lock: File,
}

impl Journal {
    /// Opens or makes the journal in `folder`, once `verify` found it whole.
    ///
    /// # Errors
    /// Where another process has it, where it is damaged, and where the disk does not let it.
    pub fn open(
        folder: &Path,
        verify: impl FnOnce(&Path) -> io::Result<Verification>,
    ) -> Result<(Self, Opened), OpenError> {
        let lock = lock(folder)?;
        refuse_unfinished(folder)?;
        refuse_lost_frames(folder)?;
        Self::open_after(folder, lock, 0, verify)
    }

    /// Opens a journal whose entries begin after `begins_after`, where it has none yet.
    pub(crate) fn open_after(
        folder: &Path,
        lock: File,
        begins_after: u64,
        verify: impl FnOnce(&Path) -> io::Result<Verification>,
    ) -> Result<(Self, Opened), OpenError> {
        let disk = |source| OpenError::Disk { folder: folder.to_owned(), source };
        prepare(folder).map_err(disk)?;
        let report = verify(folder).map_err(disk)?;
        let damaged = |why| OpenError::Damaged { folder: folder.to_owned(), why };
        if let Soundness::Damaged { why } = &report.verdict {
            return Err(damaged(why.clone()));
        }
        let broken = |error: StoreError| match error.of_disk() {
            Ok(error) => disk(error),
            Err(error) => damaged(error.to_string()),
        };
        if report.cache == Cache::Broken {
            store::delete_cached(&folder.join(FRAMES)).map_err(disk)?;
        }
        let opening = || open_store(folder, report.broken_tail);
        // Sled panics where it finds its own files changed beneath it.
        let opening = std::panic::catch_unwind(std::panic::AssertUnwindSafe(opening));
        let appender =
            opening.map_err(|_| damaged("the store panicked".to_owned()))?.map_err(broken)?;
        let store = appender.store().clone();

        let last = report.last.max(begins_after);
        let at = Tip { last, crc: report.last_crc, term: Term(report.last_term) };
        let mark = Mark { last: at.last, crc: at.crc };
        let mark = MarkFile::open(&folder.join(MARK), mark).map_err(disk)?;
        sync_folder(folder).map_err(disk)?;
        let state = newest_state(folder, last, &report).map_err(damaged)?;
        let health = Arc::new(WriterHealth::at(at));
        let writer =
            Writer { appender, mark, at, lead: None, health: health.clone(), payload: Vec::new() };
        let (jobs, queue) = mpsc::sync_channel(QUEUE_MAX);
        let thread = thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || writer.run(&queue)).map_err(disk)?;
        let journal = Self {
            folder: folder.to_owned(),
            store: Some(store),
            jobs: Some(jobs),
            thread: Some(thread),
            health,
            _lock: lock,
        };
        Ok((journal, Opened { last, report, state }))
    }

    /// Queues a batch. `done` is called on the writer's thread once it is on disk, with the number of its
    /// last entry, or with why it may not be. An empty batch waits for those before it.
    ///
    /// # Errors
    /// [`WriteError`] where it was not queued; `done` is not called then.
    pub fn append(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<u64, WriteError>) + Send + 'static,
    ) -> Result<(), WriteError> {
        if let Some(why) = self.failure() {
            return Err(WriteError::Failed(why.to_owned()));
        }
        let bytes = batch.payload.len();
        self.health.waiting.fetch_add(1, Ordering::Relaxed);
        self.health.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let queued = self.send(Job::Append { batch, done: Box::new(done) });
        if queued.is_err() {
            self.health.waiting.fetch_sub(1, Ordering::Relaxed);
            self.health.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        queued
    }

    /// Appends a batch and waits until it is on disk.
    ///
    /// # Errors
    /// [`WriteError`] where it may not be.
    pub fn append_and_wait(&self, batch: Batch) -> Result<u64, WriteError> {
        let told = Arc::new(OnceLock::new());
        let (tell, waiting) = (told.clone(), thread::current());
        self.append(batch, move |result| {
            // It is told once.
            let _ = tell.set(result);
            waiting.unpark();
        })?;
        loop {
            match told.get() {
                Some(result) => return result.clone(),
                None => thread::park(),
            }
        }
    }

    /// From what is appended next on, nothing is written that is not in `agreed` first, in this term. Where others do not
    /// agree, as somebody else leads, the journal takes nothing more: what was appended is to be read from there.
    ///
    /// # Errors
    /// [`WriteError`] where the term is over, and where the journal takes nothing.
    pub fn lead(&self, agreed: Box<dyn Log>, term: Term) -> Result<(), WriteError> {
        let by = self.health.tip().term;
        if term <= by {
            return Err(WriteError::Deposed { by });
        }
        self.send(Job::Lead { agreed, term })
    }

    /// The frames that are on disk here, as the log that they are.
    pub const fn log(&self) -> LocalLog<'_> {
        LocalLog { journal: self }
    }

    pub(crate) fn send(&self, job: Job) -> Result<(), WriteError> {
        let jobs = self.jobs.as_ref().ok_or(WriteError::Closed)?;
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => WriteError::QueueFull,
            TrySendError::Disconnected(_) => WriteError::Closed,
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first entry that is kept, 0 where there is none.
    ///
    /// # Errors
    /// Where the store does not give it.
    pub fn first(&self) -> Result<u64, ReplayError> {
        let Some(store) = &self.store else { return Ok(0) };
        let first = store.frames_from(0).next().transpose()?;
        Ok(first.map_or(0, |(first, _)| first))
    }

    /// Whether the queue has room: what is appended next by the only thread that appends is not refused.
    pub fn has_room(&self) -> bool {
        self.health.waiting.load(Ordering::Relaxed) < QUEUE_MAX - QUEUE_SPARE
            && self.health.waiting_bytes.load(Ordering::Relaxed) < QUEUE_BYTES_MAX
    }

    /// Takes nothing more, as after a failure: what its owner knows is no longer what was appended, and is to
    /// be read anew from the disk.
    pub fn give_up(&self, why: &str) {
        // A failure that came before says more.
        let _ = self.health.failure.set(why.to_owned());
    }

    /// Why nothing can be written any more, if so.
    pub fn failure(&self) -> Option<&str> {
        self.health.failure.get().map(String::as_str)
    }

    /// Free bytes on the journal's disk.
    ///
    /// # Errors
    /// As the file system has them.
    pub fn free_bytes(&self) -> io::Result<u64> {
        disk::free_bytes(&self.folder)
    }

    /// Hands every entry after `sequence` to `take`, in order.
    ///
    /// # Errors
    /// Where a frame cannot be read, or `take` refuses an entry.
    pub fn replay(
        &self,
        sequence: u64,
        mut take: impl FnMut(u64, Entry) -> Result<(), String>,
    ) -> Result<(), ReplayError> {
        let Some(store) = &self.store else { return Ok(()) };
        let first = store.frame_of(sequence + 1)?.unwrap_or(0);
        for frame in store.frames_from(first) {
            let (_, bytes) = frame?;
            for (number, entry) in Frame::read(FrameKind::Entries, &bytes)?.entries()? {
                if number > sequence {
                    take(number, entry)
                        .map_err(|why| ReplayError::Refused { sequence: number, why })?;
                }
            }
        }
        Ok(())
    }

    /// Writes the state after an entry that is on disk, and drops what is no longer needed: snapshots, and
    /// frames older than `retention`.
    ///
    /// # Errors
    /// Where the disk does not take it; the journal is as before then.
    pub fn keep(&self, state: &JournalState, retention: Duration) -> io::Result<()> {
        let folder = self.folder.join(SNAPSHOTS);
        snapshot::write(&folder, state)?;
        let base = retention::drop_old_snapshots(&folder, state.at, retention)?;
        if base > 0 {
            // A full queue is tried again with the next snapshot.
            let _ = self.send(Job::Prune { before: base + 1, done: Box::new(|_| ()) });
        }
        Ok(())
    }

    /// Writes all that is queued and gives the folder free.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // The writer's store is the last, so that whatever its end does is done on the writer's thread.
        self.store = None;
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches its own panics, and there is nothing to be done about others.
            let _ = thread.join();
        }
        if self.failure().is_some() {
            // What is read at the next opening is to be what the disk has. Where it cannot be told so, the
            // check at that opening still reads every frame.
            for file in [self.folder.join(FRAMES).join("db"), self.folder.join(MARK)] {
                let _ = disk::forget_cached(&file);
            }
        }
    }
}

/// Why a journal cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store does not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A frame is broken.
    #[error(transparent)]
    Frame(#[from] BadFrame),
    /// An entry does not follow from those before it.
    #[error("entry {sequence}: {why}")]
    Refused {
        /// The number of the entry.
        sequence: u64,
        /// What does not follow, in the words of whoever took the entry.
        why: String,
    },
}

/// The newest snapshot that is whole.
fn newest_state(
    folder: &Path,
    last: u64,
    report: &Verification,
) -> Result<Option<JournalState>, String> {
    let usable = report.snapshots.iter().rev().find(|sequence| **sequence <= last);
    let Some(sequence) = usable else { return Ok(None) };
    let path = snapshot::path(&folder.join(SNAPSHOTS), *sequence);
    snapshot::read(&path).map(Some).map_err(|error| format!("{}: {error}", path.display()))
}
