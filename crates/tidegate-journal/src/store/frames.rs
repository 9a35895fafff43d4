//! Frames as records of the store: one each, or several where a frame is longer than a record may be.

use std::io;

use super::StoreError;

/// Bytes of the number that every key begins with.
const NUMBER: usize = size_of::<u64>();

/// The key of a record of the frame whose first entry is `first`: that number, and after it, in all but the
/// frame's first record, the record's own. So a frame's records stand together, in order.
pub(super) fn key_of(first: u64, index: u16) -> Vec<u8> {
    let mut key = first.to_be_bytes().to_vec();
    if index > 0 {
        key.extend_from_slice(&index.to_be_bytes());
    }
    key
}

/// The frame that a record belongs to, and its place in it.
pub(super) fn place_of(key: &[u8]) -> io::Result<(u64, u16)> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, "a key that is none of a frame");
    let (first, index) = key.split_first_chunk::<NUMBER>().ok_or_else(unknown)?;
    let index = match index {
        [] => 0,
        [high, low] => u16::from_be_bytes([*high, *low]),
        [_] | [_, _, _, ..] => return Err(unknown()),
    };
    Ok((u64::from_be_bytes(*first), index))
}

/// The frames of a store in order, each with the number of its first entry.
pub(crate) struct Frames {
    records: sled::Iter,
    /// The record after those of the frame that was given last.
    ahead: Option<StoredRecord>,
}

struct StoredRecord {
    first: u64,
    index: u16,
    bytes: sled::IVec,
}

impl Frames {
    pub(super) const fn new(records: sled::Iter) -> Self {
        Self { records, ahead: None }
    }

    fn record(&mut self) -> Result<Option<StoredRecord>, StoreError> {
        if let Some(record) = self.ahead.take() {
            return Ok(Some(record));
        }
        let Some((key, bytes)) = self.records.next().transpose()? else { return Ok(None) };
        let (first, index) = place_of(&key)?;
        Ok(Some(StoredRecord { first, index, bytes }))
    }

    /// A frame of which a record is missing comes without what follows, and its checksum is wrong.
    fn frame(&mut self) -> Result<Option<(u64, sled::IVec)>, StoreError> {
        let Some(StoredRecord { first, mut index, bytes }) = self.record()? else {
            return Ok(None);
        };
        let mut whole: Option<Vec<u8>> = None;
        while let Some(next) = self.record()? {
            if next.first != first || Some(next.index) != index.checked_add(1) {
                self.ahead = Some(next);
                break;
            }
            index = next.index;
            whole.get_or_insert_with(|| bytes.to_vec()).extend_from_slice(&next.bytes);
        }
        Ok(Some((first, whole.map_or(bytes, sled::IVec::from))))
    }
}

impl Iterator for Frames {
    type Item = Result<(u64, sled::IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.frame().transpose()
    }
}
