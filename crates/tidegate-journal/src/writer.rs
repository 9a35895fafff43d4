//! The one thread that writes: groups of entries, each on disk before it is acknowledged.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crate::batch::Batch;
use crate::frame::{AGREED_BYTES_MAX, SHARED_BYTES_MAX};
use crate::log::{Appended, Log, SealedFrame, Term, Tip};
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
    /// Another node leads. Nothing of this is on disk here, and nothing more will be; what others have is read from them.
    #[error("another node leads, since term {by}")]
    Deposed {
        /// The term of what stands where this was to be.
        by: Term,
    },
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Told when the entries are on disk, with the number of the last, or why they may not be.
pub(crate) type OnWritten = Box<dyn FnOnce(Result<u64, WriteError>) + Send>;
/// Told what became of frames.
pub(crate) type OnTaken = Box<dyn FnOnce(Appended) + Send>;

pub(crate) enum Job {
    Append {
        batch: Batch,
        done: OnWritten,
    },
    /// Takes in frames that were written elsewhere.
    Take {
        expected: Tip,
        frames: Vec<SealedFrame>,
        done: OnTaken,
    },
    /// From now on nothing is written that is not in `agreed` first.
    Lead {
        agreed: Box<dyn Log>,
        term: Term,
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
    /// Where what is on disk ends.
    tip: Mutex<Tip>,
}

impl WriterHealth {
    /// Of a writer that goes on from there.
    pub(crate) fn at(tip: Tip) -> Self {
        Self { tip: Mutex::new(tip), ..Self::default() }
    }

    /// Where what is on disk ends.
    pub(crate) fn tip(&self) -> Tip {
        *self.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Writer {
    pub(crate) appender: Appender,
    pub(crate) mark: MarkFile,
    pub(crate) at: Tip,
    /// Where others must agree first, and the term to lead in; none on one machine alone.
    pub(crate) lead: Option<(Box<dyn Log>, Term)>,
    pub(crate) health: Arc<WriterHealth>,
    /// A frame's payload, kept between groups.
    pub(crate) payload: Vec<u8>,
}

impl Writer {
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut usual = 0;
        while let Ok(job) = jobs.recv() {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(job);
            let (mut other, mut yields) = (None, 0);
            while let Some(job) = next.take() {
                match job {
                    Job::Append { batch, done } => {
                        bytes += batch.payload.len();
                        group.push((batch, done));
                    }
                    job @ (Job::Take { .. } | Job::Lead { .. } | Job::Prune { .. }) => {
                        other = Some(job);
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
            match other {
                Some(Job::Take { expected, frames, done }) => done(self.take(expected, &frames)),
                Some(Job::Lead { agreed, term }) => self.lead = Some((agreed, term)),
                Some(Job::Prune { before, done }) => {
                    let pruned = self.guarded(|writer| Ok(writer.prune(before)?));
                    done(pruned.map(|()| self.at.last));
                }
                Some(Job::Append { .. }) | None => {}
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
        work: impl FnOnce(&mut Self) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        if let Some(why) = self.health.failure.get() {
            return Err(WriteError::Failed(why.clone()));
        }
        let health = self.health.clone();
        // Sled panics where it finds its own files changed beneath it.
        let error = match panic::catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => WriteError::Failed("the store panicked".to_owned()),
        };
        let why = match &error {
            WriteError::Failed(why) => why.clone(),
            other @ (WriteError::Deposed { .. } | WriteError::QueueFull | WriteError::Closed) => {
                other.to_string()
            }
        };
        // Another thread may have given it up meanwhile; whoever waits is told what happened here.
        let _ = health.failure.set(why);
        Err(error)
    }

    /// Writes a group and waits until it is on disk. Gives the number of each batch's last entry.
    fn write<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch>,
    ) -> Result<Vec<u64>, WriteError> {
        let shared_bytes_max =
            if self.lead.is_some() { AGREED_BYTES_MAX } else { SHARED_BYTES_MAX };
        let (mut at, mut count) = (self.at, 0_u32);
        let (mut frames, mut lasts) = (Vec::new(), Vec::new());
        self.payload.clear();
        for batch in batches {
            for (unit, entries) in batch.slices() {
                if count > 0 && self.payload.len() + unit.len() > shared_bytes_max {
                    at = self.seal(at, count, &mut frames);
                    count = 0;
                }
                self.payload.extend_from_slice(unit);
                count += entries;
            }
            lasts.push(at.last + u64::from(count));
        }
        if count > 0 {
            self.seal(at, count, &mut frames);
        }
        if let Some((agreed, _)) = &mut self.lead
            && !frames.is_empty()
        {
            // What is on disk here was agreed to everywhere, so that nothing ever has to be taken back.
            match agreed.append(self.at, &frames) {
                Appended::Agreed => {}
                Appended::Deposed { by } => return Err(WriteError::Deposed { by }),
                Appended::Unknown { why } => return Err(WriteError::Failed(why)),
            }
        }
        self.keep(&frames)?;
        Ok(lasts)
    }

    /// Makes a frame of the payload; gives where a log ends with it.
    fn seal(&mut self, at: Tip, count: u32, frames: &mut Vec<SealedFrame>) -> Tip {
        // A journal that was led once stays behind that for good: its frames must not seem to be of before.
        let term = self.lead.as_ref().map_or(at.term, |(_, term)| *term);
        let frame = SealedFrame::seal(at, count, term, &self.payload);
        self.payload.clear();
        let tip = frame.tip();
        frames.push(frame);
        tip
    }

    /// Puts frames into the store that follow what is there, and waits until they are on disk.
    fn keep(&mut self, frames: &[SealedFrame]) -> Result<(), StoreError> {
        let Some(newest) = frames.last() else { return Ok(()) };
        for frame in frames {
            self.appender.insert(frame.first(), frame.bytes())?;
        }
        self.appender.sync()?;
        let tip = newest.tip();
        self.mark.write(Mark { last: tip.last, crc: tip.crc })?;
        self.at = tip;
        *self.health.tip.lock().unwrap_or_else(PoisonError::into_inner) = tip;
        Ok(())
    }

    /// Takes in frames that were written elsewhere.
    fn take(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended {
        let taken = self.guarded(|writer| {
            if expected != writer.at {
                return Ok(writer.stand(expected, frames)?);
            }
            let mut at = writer.at;
            for frame in frames {
                if let Err(why) = frame.follows(at) {
                    return Ok(Appended::Unknown { why: why.to_string() });
                }
                at = frame.tip();
            }
            writer.keep(frames)?;
            Ok(Appended::Agreed)
        });
        taken.unwrap_or_else(|error| Appended::Unknown { why: error.to_string() })
    }

    /// Whether frames are there already, byte for byte.
    fn stand(&self, expected: Tip, frames: &[SealedFrame]) -> Result<Appended, StoreError> {
        let mut stored = self.appender.store().frames_from(expected.last + 1);
        for frame in frames {
            let stands =
                stored.next().transpose()?.is_some_and(|(_, bytes)| *bytes == *frame.bytes());
            if !stands {
                return Ok(Appended::Deposed { by: self.at.term });
            }
        }
        Ok(Appended::Agreed)
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
