//! What the daemon holds for its clients, bounded over all connections: bodies while they are read and worked on,
//! and answers until they are taken.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use super::connection_state::ConnectionState;
use crate::shared::Shared;

/// Bytes that all bodies together may hold.
pub(super) const BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes that all answers together may hold.
const ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Large answers that are made at once: the engine gives what is in them faster than they are written out.
const TURNS: usize = 8;
/// What is no larger is not counted, so that a rollback is taken in and answered whatever others hold; the number
/// of connections bounds it.
const UNCOUNTED_BYTES_MAX: usize = 16 * 1024;
/// How much of an answer a connection is handed at once, as it copies it.
const PIECE_BYTES: usize = 16 * 1024;

/// What is held for all clients.
#[derive(Debug)]
pub(crate) struct Held {
    bodies: Arc<Semaphore>,
    answers: Arc<WaitingAnswers>,
    turns: Semaphore,
    /// Has a receiver for each request that is being answered.
    answering: watch::Sender<()>,
}

/// Kept for as long as a request is being answered.
#[derive(Debug)]
pub(super) struct BeingAnswered(#[expect(dead_code, reason = "it is counted")] watch::Receiver<()>);

impl Held {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let bodies = Arc::new(Semaphore::new(BODIES_BYTES_MAX));
        let answers = Arc::new(WaitingAnswers { shared, waiting: Mutex::default() });
        let turns = Semaphore::new(TURNS);
        Self { bodies, answers, turns, answering: watch::Sender::new(()) }
    }

    /// Waits for the turn to make an answer that may be large.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turns.acquire().await.ok()
    }

    pub(super) fn answering(&self) -> BeingAnswered {
        BeingAnswered(self.answering.subscribe())
    }

    /// Waits until every request is answered, and the answers are taken.
    pub(super) async fn all_answered(&self) {
        self.answering.closed().await;
    }

    /// Room for a body, none of it taken yet.
    pub(super) fn room(&self) -> Room {
        Room { bodies: self.bodies.clone(), taken: None }
    }

    /// An answer as a connection is handed it. Where it does not fit beside those that wait, the one of which
    /// nothing was taken for longest is given up with its connection: whoever reads is answered.
    pub(super) fn answer(
        &self,
        body: Body,
        connection: &Arc<ConnectionState>,
        of: BeingAnswered,
    ) -> InPieces {
        let bytes = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let counted = bytes.filter(|bytes| *bytes > UNCOUNTED_BYTES_MAX);
        let place = counted.map(|bytes| WaitingPlace::new(&self.answers, bytes, connection));
        InPieces { body, rest: Bytes::new(), place, _of: of }
    }
}

/// What a body has taken of the room for all of them; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    bodies: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

/// All bodies together hold as much as they may.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Room {
    /// Takes as much more as a body of so many bytes needs.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.saturating_sub(UNCOUNTED_BYTES_MAX).saturating_sub(taken);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| NoRoom)?;
        let more = self.bodies.clone().try_acquire_many_owned(more).map_err(|_| NoRoom)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }
}

/// The answers that wait for their clients.
#[derive(Debug)]
struct WaitingAnswers {
    shared: Arc<Shared>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    /// Rises with whatever is taken of any answer.
    turn: u64,
    /// By the turn in which something was last taken.
    answers: BTreeMap<u64, (usize, Arc<ConnectionState>)>,
}

impl Waiting {
    fn enter(&mut self, bytes: usize, connection: Arc<ConnectionState>) -> u64 {
        self.turn += 1;
        self.bytes += bytes;
        self.answers.insert(self.turn, (bytes, connection));
        self.turn
    }

    fn leave(&mut self, turn: u64) -> Option<(usize, Arc<ConnectionState>)> {
        let left = self.answers.remove(&turn)?;
        self.bytes -= left.0;
        Some(left)
    }

    /// The answer to give up; the newest never is.
    fn surplus(&mut self) -> Option<Arc<ConnectionState>> {
        let over = self.bytes > ANSWERS_BYTES_MAX && self.answers.len() > 1;
        let longest = *self.answers.first_key_value().filter(|_| over)?.0;
        self.leave(longest).map(|(_, connection)| connection)
    }
}

/// The place of an answer among those that wait.
#[derive(Debug)]
struct WaitingPlace {
    answers: Arc<WaitingAnswers>,
    turn: u64,
}

impl WaitingPlace {
    fn new(answers: &Arc<WaitingAnswers>, bytes: usize, connection: &Arc<ConnectionState>) -> Self {
        let mut waiting = answers.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = waiting.enter(bytes, connection.clone());
        while let Some(connection) = waiting.surplus() {
            answers.shared.metrics.answer_given_up();
            connection.cut();
        }
        drop(waiting);
        Self { answers: answers.clone(), turn }
    }

    /// Something of it was taken.
    fn taken(&mut self) {
        let mut waiting = self.answers.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((bytes, connection)) = waiting.leave(self.turn) {
            self.turn = waiting.enter(bytes, connection);
        }
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.answers.waiting.lock().unwrap_or_else(PoisonError::into_inner).leave(self.turn);
    }
}

/// An answer that is handed over piece by piece, so that a connection copies no more than it can send.
#[derive(Debug)]
pub(crate) struct InPieces {
    body: Body,
    /// What came of the body and was not handed over.
    rest: Bytes,
    place: Option<WaitingPlace>,
    _of: BeingAnswered,
}

impl HttpBody for InPieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        if let Some(place) = &mut self.place {
            place.taken();
        }
        let bytes = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
