//! Reading frames: each held against the one before, so that a message that was lost or changed is found out.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::MessagesError;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures_util::{FutureExt as _, StreamExt as _};
use tidegate_journal::log::{LogError, SealedFrame, Tip};

use super::{MessageReader, Position, StreamLog};
use crate::servers::ANSWER_WITHIN;

/// How long the servers keep the place of a reader that does not come back.
const PLACE_KEPT: Duration = Duration::from_secs(30);
/// How often the servers say that they are there where nothing comes.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long one request for messages stands.
const REQUEST: Duration = Duration::from_secs(10);
/// Frames' bytes that are given at once.
const BYTES_MAX: usize = 1024 * 1024;

impl StreamLog {
    /// Where the stream ends.
    pub(super) async fn end(&mut self) -> Result<Position, LogError> {
        let sequence = self.state().await?.last_sequence;
        if sequence == 0 {
            return Ok(Position { tip: Tip::default(), sequence });
        }
        let position = Position { tip: self.frame(sequence, 0).await?.tip(), sequence };
        self.seen = Some(position);
        Ok(position)
    }

    /// The frame that an entry lies in, with its place; none where the stream ends before it.
    pub(super) async fn find(&mut self, entry: u64) -> Result<Option<Position>, LogError> {
        let state = self.state().await?;
        // Numbers rise from message to message, so the first that ends with the entry or later has it.
        let (mut low, mut high) = (state.first_sequence.max(1), state.last_sequence + 1);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.newest_of(low, middle).await? {
                Some(Position { tip, sequence }) if tip.last >= entry => {
                    found = Some(Position { tip, sequence });
                    high = sequence;
                }
                Some(_) | None => low = middle + 1,
            }
        }
        Ok(found)
    }

    /// The newest message from `low` to `high`: where some are missing, those who read come to the gap and name it.
    async fn newest_of(&self, low: u64, high: u64) -> Result<Option<Position>, LogError> {
        for sequence in (low..=high).rev() {
            if let Some(bytes) = self.message(sequence).await? {
                let frame = SealedFrame::read(bytes).map_err(|error| LogError::Damaged {
                    entry: 0,
                    why: format!("message {sequence} of the stream: {error}"),
                })?;
                return Ok(Some(Position { tip: frame.tip(), sequence }));
            }
        }
        Ok(None)
    }

    pub(super) async fn read_from(&mut self, from: u64) -> Result<Vec<SealedFrame>, LogError> {
        if self.end().await?.tip.last < from {
            return Ok(Vec::new());
        }
        let frames = self.follow_from(from, ANSWER_WITHIN).await?;
        if frames.is_empty() {
            self.reader = None;
            return Err(LogError::unavailable("the NATS servers do not give what they have"));
        }
        Ok(frames)
    }

    pub(super) async fn follow_from(
        &mut self,
        from: u64,
        patience: Duration,
    ) -> Result<Vec<SealedFrame>, LogError> {
        let is_there = |reader: &MessageReader| reader.due == from;
        let mut reader = match self.reader.take().filter(is_there) {
            Some(reader) => reader,
            None => self.reader_from(from).await?,
        };
        let (mut frames, mut bytes) = (Vec::<SealedFrame>::new(), 0);
        let mut next = tokio::time::timeout(patience, reader.messages.next()).await.ok();
        // What is here already comes along.
        while let Some(message) = next {
            let ended = || LogError::unavailable("the NATS servers gave up the reader");
            let taken = message.ok_or_else(ended).and_then(|message| reader.take(message));
            let frame = match taken {
                Ok(frame) => frame,
                Err(error) if frames.is_empty() => return Err(error),
                // What came before it is whole. It is met again by whoever reads on.
                Err(_) => return Ok(frames),
            };
            if frame.tip().last >= from {
                bytes += frame.bytes().len();
                frames.push(frame);
            }
            next = if bytes < BYTES_MAX { reader.messages.next().now_or_never() } else { None };
        }
        if let Some(tip) = reader.after {
            self.seen = Some(Position { tip, sequence: reader.next - 1 });
        }
        self.reader = Some(reader);
        Ok(frames)
    }

    /// Messages from the one that has an entry on.
    async fn reader_from(&mut self, from: u64) -> Result<MessageReader, LogError> {
        let next = if let Some(Position { sequence, .. }) = self.find(from).await? {
            sequence
        } else {
            let end = self.end().await?;
            if end.tip.last + 1 < from {
                let why = format!("the stream ends before it, and went on to entry {}", from - 1);
                return Err(LogError::Damaged { entry: end.tip.last + 1, why });
            }
            end.sequence + 1
        };
        let after = if next > self.state().await?.first_sequence.max(1) {
            Some(self.frame(next - 1, from).await?.tip())
        } else {
            None
        };
        let settings = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
            ack_policy: AckPolicy::None,
            inactive_threshold: PLACE_KEPT,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer =
            self.stream.create_consumer(settings).await.map_err(LogError::unavailable)?;
        let messages = consumer.stream().expires(REQUEST).heartbeat(HEARTBEAT).messages();
        let messages = messages.await.map_err(LogError::unavailable)?;
        Ok(MessageReader { due: from, after, next, messages })
    }
}

impl MessageReader {
    /// The frame of what came, which must be the next message.
    fn take(&mut self, came: Result<Message, MessagesError>) -> Result<SealedFrame, LogError> {
        let message = came.map_err(LogError::unavailable)?;
        let sequence = message.info().map_err(LogError::unavailable)?.stream_sequence;
        let damaged = |why: String| LogError::Damaged { entry: self.due, why };
        if sequence != self.next {
            return Err(damaged(format!("message {} of the stream is missing", self.next)));
        }
        let frame = SealedFrame::read(message.payload.to_vec())
            .map_err(|error| damaged(format!("message {sequence} of the stream: {error}")))?;
        match self.after {
            Some(after) => frame.follows(after).map_err(|error| damaged(error.to_string()))?,
            None if frame.first() > self.due => {
                return Err(LogError::Gone { first: frame.first() });
            }
            None => {}
        }
        self.after = Some(frame.tip());
        (self.due, self.next) = (frame.tip().last + 1, sequence + 1);
        Ok(frame)
    }
}
