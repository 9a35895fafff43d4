//! The one thread that writes: groups of entries, each on disk before it is acknowledged.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::thread;

use crate::batch::Batch;
use crate::frame::{self, FRAME_BYTES_MAX, FrameKind, Link, SHARED_BYTES_MAX};
use crate::log::Term;
use crate::mark::{Mark, MarkFile};
use crate::store::{Appender, StoreError};

/// Entries' bytes that are acknowledged together.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often others are let run before a group that is smaller than the one before is written.
const YIELDS_MAX: usize = 64;
/// Frames that are looked through at once for those that may go.
const REMOVED_MAX: usize = 512;

/// Why entries are not on disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Too much waits to be written; nothing of this was taken.
    #[error("the journal's queue is full")]
    QueueFull,
    /// The disk failed. Whether this was written is not known, and nothing more will be.
    #[error("the journal cannot be written: {0}")]
    Failed(String),
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

/// Told when the entries are on disk, with the number of the last, or why they may not be.
pub(crate) type OnWritten = Box<dyn FnOnce(Result<u64, WriteError>) + Send>;

pub(crate) enum Job {
    Append {
        batch: Batch,
        done: OnWritten,
    },
    /// Removes whole frames that end before this entry.
    Prune {
        before: u64,
        done: OnWritten,
    },
}

/// What the thread tells everyone.
#[derive(Debug, Default)]
pub(crate) struct WriterHealth {
    /// Set once, when writing failed.
    pub(crate) failure: OnceLock<String>,
    /// Batches that wait, and their bytes.
    pub(crate) waiting: AtomicUsize,
    pub(crate) waiting_bytes: AtomicUsize,
}

pub(crate) struct Writer {
    pub(crate) appender: Appender,
    pub(crate) mark: MarkFile,
    pub(crate) at: Mark,
    pub(crate) health: Arc<WriterHealth>,
    /// A frame's payload and its bytes, kept between groups.
    pub(crate) payload: Vec<u8>,
    pub(crate) frame: Vec<u8>,
}

impl Writer {
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut usual = 0;
        while let Ok(job) = jobs.recv() {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(job);
            let (mut prune, mut yields) = (None, 0);
            while let Some(job) = next.take() {
                match job {
                    Job::Append { batch, done } => {
                        bytes += batch.payload.len();
                        group.push((batch, done));
                    }
                    Job::Prune { before, done } => {
                        prune = Some((before, done));
                        break;
                    }
                }
                if bytes < GROUP_BYTES_MAX {
                    next = jobs.try_recv().ok();
                }
                // Those who were just told are about to come again, and share a sync if let.
                while next.is_none() && group.len() < usual && yields < YIELDS_MAX {
                    thread::yield_now();
                    yields += 1;
                    next = jobs.try_recv().ok();
                }
            }
            usual = group.len();
            self.append(group, bytes);
            if let Some((before, done)) = prune {
                let pruned = self.guarded(|writer| writer.prune(before));
                done(pruned.map(|()| self.at.last));
            }
        }
    }

    fn append(&mut self, group: Vec<(Batch, OnWritten)>, bytes: usize) {
        let written = self.guarded(|writer| writer.write(group.iter().map(|(batch, _)| batch)));
        self.health.waiting.fetch_sub(group.len(), Ordering::Relaxed);
        self.health.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        match written {
            Ok(lasts) => {
                for ((_, done), last) in group.into_iter().zip(lasts) {
                    done(Ok(last));
                }
            }
            Err(error) => {
                for (_, done) in group {
                    done(Err(error.clone()));
                }
            }
        }
    }

    /// Runs `work` unless something failed before. The first failure is the last thing that is done: a
    /// sync that failed may succeed the second time without the data.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, WriteError> {
        if let Some(why) = self.health.failure.get() {
            return Err(WriteError::Failed(why.clone()));
        }
        let health = self.health.clone();
        // Sled panics where it finds its own files changed beneath it.
        let why = match panic::catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store panicked".to_owned(),
        };
        Err(WriteError::Failed(health.failure.get_or_init(|| why).clone()))
    }

    /// Writes a group and waits until it is on disk. Gives the number of each batch's last entry.
    fn write<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch>,
    ) -> Result<Vec<u64>, StoreError> {
        let mut at = self.at;
        let (mut first, mut count) = (at.last + 1, 0_u32);
        let mut lasts = Vec::new();
        self.payload.clear();
        for batch in batches {
            for (unit, entries) in batch.slices() {
                if count > 0 && self.payload.len() + unit.len() > SHARED_BYTES_MAX {
                    at = self.insert(at, first, count)?;
                    (first, count) = (at.last + 1, 0);
                }
                self.payload.extend_from_slice(unit);
                count += entries;
            }
            lasts.push(first + u64::from(count) - 1);
        }
        if count > 0 {
            at = self.insert(at, first, count)?;
        }
        if at != self.at {
            self.appender.sync()?;
            self.mark.write(at)?;
            self.at = at;
        }
        Ok(lasts)
    }

    /// Puts the payload into the store as one frame.
    fn insert(&mut self, at: Mark, first: u64, count: u32) -> Result<Mark, StoreError> {
        let crc = frame::write(
            FrameKind::Entries,
            Link { previous: at.crc, first, count, term: Term::NONE },
            &self.payload,
            &mut self.frame,
        );
        debug_assert!(self.frame.len() <= FRAME_BYTES_MAX, "units were checked");
        self.appender.insert(first, &self.frame)?;
        self.payload.clear();
        Ok(Mark { last: at.last + u64::from(count), crc })
    }

    fn prune(&mut self, before: u64) -> Result<(), StoreError> {
        loop {
            // A frame may go when the next one begins at or before the bound; the last always stays.
            let heads: Result<Vec<u64>, StoreError> = self
                .appender
                .store()
                .frames_from(0)
                .take(REMOVED_MAX + 1)
                .map(|frame| frame.map(|(first, _)| first))
                .collect();
            let heads = heads?;
            let old = heads.windows(2).filter(|pair| pair[1] <= before).count();
            for first in &heads[..old] {
                self.appender.remove(*first)?;
            }
            self.appender.sync()?;
            if old < REMOVED_MAX {
                return Ok(());
            }
        }
    }
}
