//! What waits for the disk.

use super::protocol::Reply;
use crate::refusal::Refusal;

/// Told whether what an answer says is on disk.
type OnAcknowledged = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

/// An answer that is given once what it says is on disk, or may not be.
pub(crate) struct Pending(Option<OnAcknowledged>);

impl Pending {
    /// `answer`, for whoever waits for `reply`.
    pub(crate) fn answer<T: Send + 'static>(reply: Reply<T>, answer: T) -> Self {
        Self(Some(Box::new(move |written| {
            // Nobody may be waiting any more.
            let _ = reply.send(written.map(|()| answer));
        })))
    }

    /// Nobody waits.
    pub(crate) const fn nobody() -> Self {
        Self(None)
    }

    /// Gives the answer, or says why what it says may not be on disk.
    pub(crate) fn settle(self, written: Result<(), Refusal>) {
        if let Some(answer) = self.0 {
            answer(written);
        }
    }
}

/// Refuses a command.
pub(crate) fn refuse<T>(reply: Reply<T>, refusal: Refusal) {
    // Nobody may be waiting any more.
    let _ = reply.send(Err(refusal));
}
