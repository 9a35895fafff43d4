//! The log on this machine alone.

use std::sync::mpsc;
use std::time::Duration;

use crate::journal::Journal;
use crate::log::{Appended, Log, LogError, SealedFrame, Tip};
use crate::writer::{Job, WriteError};

/// Frames' bytes that are read at once.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// The frames that are on disk on this machine.
#[derive(Debug, Clone, Copy)]
pub struct LocalLog<'a> {
    pub(crate) journal: &'a Journal,
}

impl Log for LocalLog<'_> {
    fn append(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended {
        let (tell, told) = mpsc::sync_channel(1);
        let done = move |appended| {
            // It is waited for below.
            let _ = tell.send(appended);
        };
        let frames = frames.to_vec();
        if let Err(error) = self.journal.send(Job::Take { expected, frames, done: Box::new(done) })
        {
            return Appended::Unknown { why: error.to_string() };
        }
        let ended = |_| Appended::Unknown { why: WriteError::Closed.to_string() };
        told.recv().unwrap_or_else(ended)
    }

    fn read(&mut self, from: u64) -> Result<Vec<SealedFrame>, LogError> {
        let Some(store) = &self.journal.store else { return Ok(Vec::new()) };
        let last = self.journal.health.tip().last;
        let first = store.frame_of(from).map_err(LogError::unavailable)?.unwrap_or(0);
        let (mut frames, mut bytes) = (Vec::new(), 0);
        for stored in store.frames_from(first) {
            let (entry, stored) = stored.map_err(LogError::unavailable)?;
            // What is not on disk yet may never be.
            if entry > last || bytes >= READ_BYTES_MAX {
                break;
            }
            let frame = SealedFrame::read(stored.to_vec())
                .map_err(|error| LogError::Damaged { entry, why: error.to_string() })?;
            if from > 0 && frames.is_empty() && frame.first() > from {
                return Err(LogError::Gone { first: frame.first() });
            }
            if frame.tip().last >= from {
                bytes += frame.bytes().len();
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    /// Nothing comes to it but by who has it open, so nothing is waited for.
    fn follow(&mut self, from: u64, _patience: Duration) -> Result<Vec<SealedFrame>, LogError> {
        self.read(from)
    }

    fn tip(&mut self) -> Result<Tip, LogError> {
        Ok(self.journal.health.tip())
    }
}
