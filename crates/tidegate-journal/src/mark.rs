//! The high-water mark: how far the journal was acknowledged.
//!
//! A store that lost its tail looks exactly like one that was never given it. The mark, synced before
//! every acknowledgement, tells the two apart.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::disk::sync_folder;

const FORMAT: u8 = 1;
/// One sector: what a disk writes whole or not at all.
const SLOT_BYTES: usize = 512;
const SLOTS: usize = 2;
const RECORD: usize = 20;

/// How far the journal was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// The last acknowledged entry.
    pub(crate) last: u64,
    /// The checksum of its frame.
    pub(crate) crc: u32,
}

/// The open file of a mark.
#[derive(Debug)]
pub(crate) struct MarkFile {
    file: File,
    writes: usize,
}

/// What the file of a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkRead {
    /// There is none: nothing was ever acknowledged.
    Absent,
    /// It says this.
    Mark(Mark),
    /// Neither slot is whole.
    Unreadable,
}

/// Reads the mark at `path`.
pub(crate) fn read(path: &Path) -> io::Result<MarkRead> {
    match File::open(path) {
        Ok(file) => read_file(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(MarkRead::Absent),
        Err(error) => Err(error),
    }
}

fn read_file(file: &File) -> io::Result<MarkRead> {
    // They are written in turn, so a power cut spoils at most the newest, which was not relied on yet.
    let slots = [0, 1].map(|slot| read_slot(file, slot));
    let mut newest: Option<Mark> = None;
    for slot in slots {
        if let Some(mark) = slot?
            && newest.is_none_or(|newest| newest.last <= mark.last)
        {
            newest = Some(mark);
        }
    }
    Ok(newest.map_or(MarkRead::Unreadable, MarkRead::Mark))
}

fn read_slot(file: &File, slot: usize) -> io::Result<Option<Mark>> {
    let mut bytes = [0; RECORD];
    match file.read_exact_at(&mut bytes, offset(slot)) {
        Ok(()) => Ok(decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn decode(bytes: &[u8; RECORD]) -> Option<Mark> {
    let (record, check) = bytes.split_last_chunk::<4>()?;
    let (head, crc) = record.split_last_chunk::<4>()?;
    let last = head.last_chunk::<8>()?;
    let whole = head[0] == FORMAT && u32::from_le_bytes(*check) == crc32c::crc32c(record);
    whole.then(|| Mark { last: u64::from_le_bytes(*last), crc: u32::from_le_bytes(*crc) })
}

fn encode(mark: Mark) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[0] = FORMAT;
    bytes[4..12].copy_from_slice(&mark.last.to_le_bytes());
    bytes[12..16].copy_from_slice(&mark.crc.to_le_bytes());
    let check = crc32c::crc32c(&bytes[..16]);
    bytes[16..].copy_from_slice(&check.to_le_bytes());
    bytes
}

impl MarkFile {
    /// Opens or makes the file and writes `mark` to both slots, so that no later write needs new room.
    /// A new one is there with both slots or not at all.
    pub(crate) fn open(path: &Path, mark: Mark) -> io::Result<Self> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Self::filled(file, mark),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let unfinished = path.with_extension("unfinished");
                let marks = Self::filled(File::create(&unfinished)?, mark)?;
                fs::rename(&unfinished, path)?;
                path.parent().map_or(Ok(()), sync_folder)?;
                Ok(marks)
            }
            Err(error) => Err(error),
        }
    }

    fn filled(file: File, mark: Mark) -> io::Result<Self> {
        let mut marks = Self { file, writes: 0 };
        for _ in 0..SLOTS {
            let mut slot = [0; SLOT_BYTES];
            slot[..RECORD].copy_from_slice(&encode(mark));
            let offset = marks.next_offset();
            marks.file.write_all_at(&slot, offset)?;
            marks.file.sync_all()?;
        }
        Ok(marks)
    }

    /// Writes the mark and waits until it is on disk.
    pub(crate) fn write(&mut self, mark: Mark) -> io::Result<()> {
        let offset = self.next_offset();
        self.file.write_all_at(&encode(mark), offset)?;
        self.file.sync_data()
    }

    fn next_offset(&mut self) -> u64 {
        self.writes = (self.writes + 1) % SLOTS;
        offset(self.writes)
    }
}

const fn offset(slot: usize) -> u64 {
    (slot * SLOT_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_the_mark_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        assert_eq!(read(&path).unwrap(), MarkRead::Absent);
        let mark = |last| Mark { last, crc: 9 };
        let mut file = MarkFile::open(&path, mark(3)).unwrap();
        assert_eq!(read(&path).unwrap(), MarkRead::Mark(mark(3)));
        for last in 4..9 {
            file.write(mark(last)).unwrap();
            assert_eq!(read(&path).unwrap(), MarkRead::Mark(mark(last)));
            // The slot of the next write, torn.
            let torn = File::options().write(true).open(&path).unwrap();
            let slot = (file.writes + 1) % SLOTS;
            torn.write_all_at(&[7; 10], offset(slot)).unwrap();
            assert_eq!(read(&path).unwrap(), MarkRead::Mark(mark(last)));
        }
        std::fs::write(&path, [0; 1_024]).unwrap();
        assert_eq!(read(&path).unwrap(), MarkRead::Unreadable);
    }
}
