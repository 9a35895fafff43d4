//! An output whose reader may go before the answer is whole.

use std::io::{self, ErrorKind, Write};

/// Writes as long as somebody reads, and no more afterwards: what was found still decides the exit code.
pub(crate) struct UntilHangUp<W> {
    out: W,
    hung_up: bool,
}

impl<W> UntilHangUp<W> {
    pub(crate) const fn new(out: W) -> Self {
        Self { out, hung_up: false }
    }

    fn forgive<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.hung_up = true;
                Ok(instead)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for UntilHangUp<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.hung_up {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.forgive(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.hung_up {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.forgive(flushed, ())
    }
}
