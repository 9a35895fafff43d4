//! Frames as they are sent from node to node, and the terms that nodes lead in.

use std::fmt;

use crate::frame::{BadFrame, Frame, FrameKind};
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
