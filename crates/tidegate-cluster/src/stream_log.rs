//! A stream as a log. One message is one frame, byte for byte, and its sequence in the stream is the fence: each append names
//! the sequence that the stream must be at.

mod appending;
mod reading;

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::{RawMessageErrorKind, State, Stream};
use tidegate_journal::log::{Appended, Log, LogError, SealedFrame, Tip};

use crate::servers::Servers;

/// The log that nodes agree on.
pub struct StreamLog {
    servers: Servers,
    stream: Stream<()>,
    subject: String,
    /// The newest frame that this log saw, and its message.
    seen: Option<Position>,
    reader: Option<MessageReader>,
}

/// Where a frame is in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    tip: Tip,
    /// The sequence of its message, 0 before the first.
    sequence: u64,
}

/// Messages that come from a place on.
struct MessageReader {
    /// The entry that is due.
    due: u64,
    /// What comes next follows this; none where the stream begins with it.
    after: Option<Tip>,
    /// The sequence of the message that is next.
    next: u64,
    messages: pull::Stream,
}

impl fmt::Debug for StreamLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamLog")
            .field("subject", &self.subject)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl StreamLog {
    pub(crate) fn new(servers: Servers, stream: Stream<()>, subject: String) -> Self {
        Self { servers, stream, subject, seen: None, reader: None }
    }

    /// Begins a stream that is empty with a frame, whichever entries came before it: where one machine's journal becomes the
    /// first of several, or a stream is made anew of a journal.
    pub fn begin(&mut self, frame: &SealedFrame) -> Appended {
        let runtime = self.servers.runtime.clone();
        runtime.block_on(self.append_after(0, std::slice::from_ref(frame)))
    }

    /// Where the stream stands, as its leader has it.
    async fn state(&self) -> Result<State, LogError> {
        let info = self.stream.get_info().await.map_err(LogError::unavailable)?;
        Ok(info.state)
    }

    /// The message of a sequence, as the stream's leader has it; none where there is none.
    async fn message(&self, sequence: u64) -> Result<Option<Vec<u8>>, LogError> {
        match self.stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(message.payload.to_vec())),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(LogError::unavailable(error)),
        }
    }

    /// The frame of a sequence that must be there, and is read for the sake of an entry.
    async fn frame(&self, sequence: u64, entry: u64) -> Result<SealedFrame, LogError> {
        let damaged = |why: String| LogError::Damaged { entry, why };
        let Some(bytes) = self.message(sequence).await? else {
            return Err(damaged(format!("message {sequence} of the stream is missing")));
        };
        SealedFrame::read(bytes)
            .map_err(|error| damaged(format!("message {sequence} of the stream: {error}")))
    }
}

impl Log for StreamLog {
    fn append(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended {
        let runtime = self.servers.runtime.clone();
        runtime.block_on(self.append_at(expected, frames))
    }

    fn read(&mut self, from: u64) -> Result<Vec<SealedFrame>, LogError> {
        let runtime = self.servers.runtime.clone();
        runtime.block_on(self.read_from(from))
    }

    fn follow(&mut self, from: u64, patience: Duration) -> Result<Vec<SealedFrame>, LogError> {
        let runtime = self.servers.runtime.clone();
        runtime.block_on(self.follow_from(from, patience))
    }

    fn tip(&mut self) -> Result<Tip, LogError> {
        let runtime = self.servers.runtime.clone();
        runtime.block_on(async {
            let end = self.end().await?;
            Ok(end.tip)
        })
    }
}
