//! Frames: entries written together, checked and chained.

use crate::log::{Term, Tip};
use crate::record::{Entry, Unreadable};

/// The format of frames that no leader wrote.
const FORMAT: u8 = 1;
/// The format of frames that say in whose term they were written.
const FORMAT_WITH_TERM: u8 = 2;
/// Bytes before the entries.
const HEAD: usize = 22;
/// Bytes more before them, where there is a term.
const TERM: usize = size_of::<u64>();
/// Longest record of the store in bytes. A leaf of sled's tree has at most 17 values, and 22 for a moment in which
/// two are merged: 22 × 8 KiB are less than half of the quarter of a segment above which a page leaves the log.
pub(crate) const RECORD_BYTES_MAX: usize = 8 * 1024;
/// Longest frame in bytes. Only a unit that is longer than a record of the store makes one longer than that.
pub(crate) const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Room for a unit in a frame, with the lengths of its entries.
pub(crate) const UNIT_BYTES_MAX: usize = FRAME_BYTES_MAX - HEAD;
/// Room for units that share a frame: it is one record of the store.
pub(crate) const SHARED_BYTES_MAX: usize = RECORD_BYTES_MAX - HEAD;
/// Room for units that share a frame which other machines must agree to: each frame costs a round trip there.
pub(crate) const AGREED_BYTES_MAX: usize = 256 * 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Entries,
    SnapshotPart,
}

impl FrameKind {
    const fn code(self) -> u8 {
        match self {
            Self::Entries => 1,
            Self::SnapshotPart => 2,
        }
    }
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub enum BadFrame {
    /// Too short or too long.
    #[error("a frame of {0} bytes")]
    Length(usize),
    /// Written by another version.
    #[error("a frame of format {0}, known: 1 and 2")]
    Format(u8),
    /// Not what was asked for.
    #[error("a frame of kind {0}")]
    Kind(u8),
    /// A changed byte.
    #[error("a frame whose checksum is wrong")]
    Checksum,
    /// An entry's length leads beyond the end, or bytes are left over.
    #[error("a frame whose entries do not fill it")]
    Entries,
    /// An entry cannot be read.
    #[error("entry {sequence}: {source}")]
    Entry {
        /// The number of the entry.
        sequence: u64,
        /// What its bytes do not say.
        source: Unreadable,
    },
}

/// A frame whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) crc: u32,
    pub(crate) previous: u32,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) term: Term,
    payload: &'a [u8],
}

/// Where a frame stands in the chain: the checksum of the one before, which entries it holds, and in whose term it was
/// written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) previous: u32,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) term: Term,
}

/// Writes a frame around entries that have their lengths before them; gives its checksum.
pub(crate) fn write(kind: FrameKind, link: Link, payload: &[u8], into: &mut Vec<u8>) -> u32 {
    let Link { previous, first, count, term } = link;
    // Where nobody ever led the bytes are what they always were.
    let format = if term == Term::NONE { FORMAT } else { FORMAT_WITH_TERM };
    into.clear();
    into.extend_from_slice(&[format, kind.code(), 0, 0, 0, 0]);
    into.extend_from_slice(&previous.to_le_bytes());
    into.extend_from_slice(&first.to_le_bytes());
    into.extend_from_slice(&count.to_le_bytes());
    if format == FORMAT_WITH_TERM {
        into.extend_from_slice(&term.0.to_le_bytes());
    }
    into.extend_from_slice(payload);
    let crc = crc32c::crc32c(&into[6..]);
    into[2..6].copy_from_slice(&crc.to_le_bytes());
    crc
}

impl<'a> Frame<'a> {
    pub(crate) fn read(kind: FrameKind, bytes: &'a [u8]) -> Result<Self, BadFrame> {
        let Some((head, payload)) = bytes.split_at_checked(HEAD) else {
            return Err(BadFrame::Length(bytes.len()));
        };
        if bytes.len() > FRAME_BYTES_MAX + TERM {
            return Err(BadFrame::Length(bytes.len()));
        }
        let four =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let first = u64::from(four(10)) | (u64::from(four(14)) << 32);
        let crc = four(2);
        if crc != crc32c::crc32c(&bytes[6..]) {
            return Err(BadFrame::Checksum);
        }
        if head[1] != kind.code() {
            return Err(BadFrame::Kind(head[1]));
        }
        let (term, payload) = match head[0] {
            FORMAT => (Term::NONE, payload),
            FORMAT_WITH_TERM => {
                let (term, payload) =
                    payload.split_first_chunk().ok_or(BadFrame::Length(bytes.len()))?;
                (Term(u64::from_le_bytes(*term)), payload)
            }
            format => return Err(BadFrame::Format(format)),
        };
        Ok(Self { crc, previous: four(6), first, count: four(18), term, payload })
    }

    /// The number of its last entry.
    pub(crate) fn last(&self) -> u64 {
        (self.first + u64::from(self.count)).saturating_sub(1)
    }

    /// Where a log ends with it.
    pub(crate) fn tip(&self) -> Tip {
        Tip { last: self.last(), crc: self.crc, term: self.term }
    }

    /// The bytes of each entry.
    pub(crate) fn slices(&self) -> Result<Vec<&'a [u8]>, BadFrame> {
        let mut slices = Vec::with_capacity(self.count.min(32_768) as usize);
        let mut rest = self.payload;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_le_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or(BadFrame::Entries)?;
            slices.push(entry);
            rest = after;
        }
        if rest.is_empty() && slices.len() == self.count as usize {
            Ok(slices)
        } else {
            Err(BadFrame::Entries)
        }
    }

    /// Each entry with its number.
    pub(crate) fn entries(&self) -> Result<Vec<(u64, Entry)>, BadFrame> {
        (self.first..)
            .zip(self.slices()?)
            .map(|(sequence, bytes)| {
                let entry = Entry::read(bytes);
                entry
                    .map(|entry| (sequence, entry))
                    .map_err(|source| BadFrame::Entry { sequence, source })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::samples;

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let (mut payload, mut frame) = (Vec::new(), Vec::new());
        for entry in samples() {
            let mut bytes = Vec::new();
            entry.write(&mut bytes).unwrap();
            payload.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
            payload.extend_from_slice(&bytes);
        }
        let count = u32::try_from(samples().len()).unwrap();
        for (term, head) in [(Term::NONE, 22), (Term(3), 30)] {
            let link = Link { previous: 42, first: 7, count, term };
            let crc = write(FrameKind::Entries, link, &payload, &mut frame);
            assert_eq!(frame.len(), head + payload.len());
            let read = Frame::read(FrameKind::Entries, &frame).unwrap();
            assert_eq!((read.crc, read.previous, read.first, read.term), (crc, 42, 7, term));
            let entries: Vec<Entry> = read.entries().unwrap().into_iter().map(|(_, e)| e).collect();
            assert_eq!(entries, samples());
            assert!(Frame::read(FrameKind::SnapshotPart, &frame).is_err());
            for bit in 0..frame.len() * 8 {
                let mut flipped = frame.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(Frame::read(FrameKind::Entries, &flipped).is_err(), "bit {bit}");
            }
            for length in 0..frame.len() {
                assert!(
                    Frame::read(FrameKind::Entries, &frame[..length]).is_err(),
                    "{length} bytes"
                );
            }
        }
    }
}
