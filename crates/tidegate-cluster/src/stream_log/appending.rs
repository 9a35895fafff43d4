//! Adding frames: never two at once, and never a guess.
//!
//! With one append on its way at a time, a message that was overtaken by another leader's can never be followed by one of ours.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use tidegate_journal::log::{Appended, LogError, SealedFrame, Tip};

use super::{Position, StreamLog};

/// How long it is tried to come to know what became of an append.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait before the servers are asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// What stands where a frame was to be.
enum StandsThere {
    Ours,
    Another(SealedFrame),
    Nothing,
}

impl StreamLog {
    pub(super) async fn append_at(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended {
        let unknown = |why: String| Appended::Unknown { why };
        let found = tokio::time::timeout(KNOWN_WITHIN, self.position_of(expected)).await;
        match found {
            Ok(Ok(Ok(sequence))) => self.append_after(sequence, frames).await,
            Ok(Ok(Err(another))) => Appended::Deposed { by: another.term },
            Ok(Err(error)) => unknown(error.to_string()),
            Err(_) => unknown("the NATS servers do not answer".to_owned()),
        }
    }

    /// The sequence of the message with which the log ends at `expected`, or where another frame ends in its place.
    async fn position_of(&mut self, expected: Tip) -> Result<Result<u64, Tip>, LogError> {
        if let Some(Position { tip, sequence }) = self.seen
            && tip == expected
        {
            return Ok(Ok(sequence));
        }
        if expected == Tip::default() {
            return Ok(Ok(0));
        }
        let Some(found) = self.find(expected.last).await? else {
            let entry = self.end().await?.tip.last + 1;
            let why =
                format!("the stream ends before it, this journal with entry {}", expected.last);
            return Err(LogError::Damaged { entry, why });
        };
        Ok(if found.tip == expected { Ok(found.sequence) } else { Err(found.tip) })
    }

    /// Adds frames after the message of a sequence, one by one.
    pub(super) async fn append_after(
        &mut self,
        mut sequence: u64,
        frames: &[SealedFrame],
    ) -> Appended {
        for frame in frames {
            let mut why = String::new();
            let known = self.append_one(sequence, frame, &mut why);
            match tokio::time::timeout(KNOWN_WITHIN, known).await {
                Ok(Appended::Agreed) => sequence += 1,
                Ok(other @ (Appended::Deposed { .. } | Appended::Unknown { .. })) => return other,
                Err(_) => return Appended::Unknown { why },
            }
            self.seen = Some(Position { tip: frame.tip(), sequence });
        }
        Appended::Agreed
    }

    /// Adds a frame after the message of a sequence, again and again until it is known what stands there. `why` says what
    /// stood in the way last.
    async fn append_one(&self, sequence: u64, frame: &SealedFrame, why: &mut String) -> Appended {
        loop {
            match self.publish(sequence, frame).await {
                // Also what was taken for a repetition, where it stands where it should.
                Ok(stored) if stored == sequence + 1 => return Appended::Agreed,
                Ok(stored) => *why = format!("it stands at message {stored}, not {}", sequence + 1),
                Err(error) => *why = error,
            }
            match self.standing(sequence + 1, frame).await {
                Ok(StandsThere::Ours) => return Appended::Agreed,
                Ok(StandsThere::Another(frame)) => {
                    return Appended::Deposed { by: frame.tip().term };
                }
                // Sent again it stands there once: the sequence fences it.
                Ok(StandsThere::Nothing) => {}
                Err(error @ (LogError::Damaged { .. } | LogError::Gone { .. })) => {
                    return Appended::Unknown { why: error.to_string() };
                }
                Err(LogError::Unavailable(error)) => *why = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a frame and gives the sequence under which the quorum has it, or what was said instead, which settles nothing.
    async fn publish(&self, sequence: u64, frame: &SealedFrame) -> Result<u64, String> {
        let message = PublishMessage::build()
            .payload(frame.bytes().to_vec().into())
            .message_id(format!("{}-{:08x}", frame.tip().last, frame.tip().crc))
            .expected_last_sequence(sequence);
        let sent = self.servers.context.send_publish(self.subject.clone(), message).await;
        let sent = sent.map_err(|error| error.to_string())?;
        match sent.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(format!("the stream is not at message {sequence}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// What stands at a sequence, where a frame was to be.
    async fn standing(&self, sequence: u64, frame: &SealedFrame) -> Result<StandsThere, LogError> {
        let Some(bytes) = self.message(sequence).await? else { return Ok(StandsThere::Nothing) };
        if bytes == frame.bytes() {
            return Ok(StandsThere::Ours);
        }
        let another = SealedFrame::read(bytes).map_err(|error| LogError::Damaged {
            entry: frame.first(),
            why: format!("message {sequence} of the stream: {error}"),
        })?;
        Ok(StandsThere::Another(another))
    }
}
