//! Where lines come from.

use std::io::{BufRead, BufReader, Read};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A file or standard input, read ahead.
pub(super) type Source = BufReader<Box<dyn Read>>;

pub(super) fn source(reader: impl Read + 'static) -> Source {
    BufReader::with_capacity(BUFFER_BYTES, Box::new(reader))
}

/// A reader whose buffer can be looked into.
pub(super) trait Buffered: BufRead {
    /// Whether the next line may have to be waited for.
    fn may_wait(&self) -> bool;
}

impl Buffered for Source {
    fn may_wait(&self) -> bool {
        self.buffer().is_empty()
    }
}
