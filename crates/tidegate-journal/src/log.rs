//! The log that frames are in: four calls, answered by the store of this machine alone, or by what several machines agreed on.
//!
//! [`Log::append`] adds frames after a tip that is expected, so that of two who append at once only one does.
//! [`Log::read`] gives frames from an entry on, [`Log::follow`] waits for some, [`Log::tip`] says where it ends and in
//! whose term.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::frame::{self, BadFrame, Frame, FrameKind, Link};
use crate::record::Entry;

/// In whose lead a frame was written: one more each time that a node begins to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Term(pub u64);

impl Term {
    /// Nobody ever led: one machine has the journal alone.
    pub const NONE: Self = Self(0);

    /// That of who leads next.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tip {
    /// Its last entry, 0 where there is none.
    pub last: u64,
    /// The checksum of that entry's frame, 0 where there is none or where the frames begin after a snapshot.
    pub crc: u32,
    /// The term of that frame.
    pub term: Term,
}

/// A frame of entries, byte for byte as it is kept and sent; its checksum is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFrame {
    bytes: Vec<u8>,
    previous: u32,
    first: u64,
    tip: Tip,
}

impl SealedFrame {
    /// Takes what was read from somewhere.
    ///
    /// # Errors
    /// Where the bytes are not what was written.
    pub fn read(bytes: Vec<u8>) -> Result<Self, BadFrame> {
        let frame = Frame::read(FrameKind::Entries, &bytes)?;
        frame.slices()?;
        if frame.count == 0 {
            return Err(BadFrame::Entries);
        }
        let (previous, first, tip) = (frame.previous, frame.first, frame.tip());
        Ok(Self { bytes, previous, first, tip })
    }

    /// Writes a frame of `count` entries that follows `tip`.
    pub(crate) fn seal(tip: Tip, count: u32, term: Term, payload: &[u8]) -> Self {
        let mut bytes = Vec::new();
        let (previous, first) = (tip.crc, tip.last + 1);
        let link = Link { previous, first, count, term };
        let crc = frame::write(FrameKind::Entries, link, payload, &mut bytes);
        let tip = Tip { last: tip.last + u64::from(count), crc, term };
        Self { bytes, previous, first, tip }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its first entry.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Where a log ends with it.
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether it is the next of a log that ends there.
    ///
    /// # Errors
    /// Where it is not, with what was to be expected.
    pub fn follows(&self, tip: Tip) -> Result<(), NotNext> {
        if self.first != tip.last + 1 {
            Err(NotNext::Entry { first: self.first, expected: tip.last + 1 })
        } else if self.previous != tip.crc {
            Err(NotNext::Chain { first: self.first, previous: self.previous, expected: tip.crc })
        } else if self.tip.term < tip.term {
            Err(NotNext::Term { first: self.first, term: self.tip.term, expected: tip.term })
        } else {
            Ok(())
        }
    }

    /// Its entries, each with its number.
    ///
    /// # Errors
    /// Where one cannot be read, as when a later version wrote it.
    pub fn entries(&self) -> Result<Vec<(u64, Entry)>, BadFrame> {
        Frame::read(FrameKind::Entries, &self.bytes)?.entries()
    }
}

/// Why a frame is not the next of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNext {
    /// Entries are missing between, or are there twice.
    #[error("the frame of entry {first} comes where entry {expected} is due")]
    Entry {
        /// Its first entry.
        first: u64,
        /// The entry that is due.
        expected: u64,
    },
    /// It was written after another frame.
    #[error(
        "the frame of entry {first} was written after one with the checksum {previous:08x}, not {expected:08x}"
    )]
    Chain {
        /// Its first entry.
        first: u64,
        /// The checksum that it was written after.
        previous: u32,
        /// The checksum of the frame that it comes after.
        expected: u32,
    },
    /// It is of who led before.
    #[error("the frame of entry {first} is of term {term}, after one of term {expected}")]
    Term {
        /// Its first entry.
        first: u64,
        /// Its term.
        term: Term,
        /// The term of the frame that it comes after.
        expected: Term,
    },
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Appended {
    /// Every frame is in the log, and stays there.
    Agreed,
    /// Something else stands after the expected tip: whoever appends leads no more.
    Deposed {
        /// The term of what stands there.
        by: Term,
    },
    /// It cannot be told: some of it may be in the log, or come to be.
    Unknown {
        /// What stood in the way, in a sentence.
        why: String,
    },
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It gives no answer now.
    #[error("the log cannot be read now: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It begins later: what came before is kept no more.
    #[error(
        "the log begins with entry {first}: what came before is in the journals of those who have it"
    )]
    Gone {
        /// Its first entry.
        first: u64,
    },
    /// Entries are missing, or are not what was written.
    #[error("the log is damaged at entry {entry}: {why}")]
    Damaged {
        /// The first entry that is not there as it was written.
        entry: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl LogError {
    /// No answer, for this reason.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// The log that frames are in.
pub trait Log: Send {
    /// Adds frames, each of which follows the one before and the first of which follows `expected`, where the log ends
    /// there. Frames that are there already, byte for byte, count as added.
    fn append(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended;

    /// The frames from the one of entry `from` on, or from the first where that is 0, in order: some of them, and none only
    /// where there are none.
    ///
    /// # Errors
    /// Where the log gives no answer, and where what it gives was not written so.
    fn read(&mut self, from: u64) -> Result<Vec<SealedFrame>, LogError>;

    /// The same, but waits for some to come where there are none, at most for `patience`.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn follow(&mut self, from: u64, patience: Duration) -> Result<Vec<SealedFrame>, LogError>;

    /// Where it ends, and in whose term.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn tip(&mut self) -> Result<Tip, LogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_led_before_cannot_go_on() {
        let frame = SealedFrame::seal(Tip::default(), 1, Term(2), &[0, 0]);
        assert_eq!(frame.follows(Tip { term: Term(2), ..Tip::default() }), Ok(()));
        let tip = Tip { term: Term(3), ..Tip::default() };
        let why = NotNext::Term { first: 1, term: Term(2), expected: Term(3) };
        assert_eq!(frame.follows(tip), Err(why));
    }

    #[test]
    fn what_was_read_is_what_was_sealed() {
        let tip = Tip { last: 41, crc: 9, term: Term(1) };
        for term in [Term::NONE, Term(1), Term(u64::MAX)] {
            let frame = SealedFrame::seal(tip, 2, term, &[1, 0, 7, 1, 0, 8]);
            assert_eq!((frame.first(), frame.tip().last, frame.tip().term), (42, 43, term));
            assert_eq!(SealedFrame::read(frame.bytes().to_vec()).unwrap(), frame);
        }
        let empty = SealedFrame::seal(tip, 0, Term::NONE, &[]);
        assert!(matches!(SealedFrame::read(empty.bytes().to_vec()), Err(BadFrame::Entries)));
    }
}
