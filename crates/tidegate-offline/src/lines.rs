//! Lines of any length in bounded memory.

use std::io::{self, BufRead};

/// Longest line or row that is kept, in bytes.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Reads lines one by one; a line that is too long is let go by.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    number: u64,
    offset: u64,
    unended: bool,
}

/// A line, or word that there was one.
#[derive(Debug)]
pub enum Line<'a> {
    /// Without its end.
    Read(&'a [u8]),
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
}

impl Lines {
    /// Goes on behind line `number`, which ended at byte `offset`.
    pub fn after(number: u64, offset: u64) -> Self {
        Self { bytes: Vec::new(), number, offset, unended: false }
    }

    /// The byte after the last line and its end.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the last line had no end, as the last one of a file may have that is still being written.
    pub fn is_unended(&self) -> bool {
        self.unended
    }

    /// The number of the last line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn next_line(&mut self, reader: &mut impl BufRead) -> io::Result<Option<Line<'_>>> {
        self.bytes.clear();
        let mut length = 0_usize;
        loop {
            let input = reader.fill_buf()?;
            let end = memchr::memchr(b'\n', input);
            let at_end = input.is_empty();
            let part = &input[..end.unwrap_or(input.len())];
            length += part.len();
            if length <= LINE_BYTES_MAX {
                self.bytes.extend_from_slice(part);
            } else {
                self.bytes.clear();
            }
            let used = part.len() + usize::from(end.is_some());
            reader.consume(used);
            self.offset += used as u64;
            if at_end && length == 0 {
                return Ok(None);
            }
            if at_end || end.is_some() {
                self.number += 1;
                self.unended = end.is_none();
                let fits = length <= LINE_BYTES_MAX;
                return Ok(Some(if fits { Line::Read(&self.bytes) } else { Line::TooLong }));
            }
        }
    }
}
