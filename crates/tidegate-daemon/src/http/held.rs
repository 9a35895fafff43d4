//! What the daemon holds for its clients, bounded over all connections: bodies while they are read and worked on.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that all bodies together may hold.
pub(super) const BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What is no larger is not counted, so that a rollback is taken in whatever others hold; the number
/// of connections bounds it.
const UNCOUNTED_BYTES_MAX: usize = 16 * 1024;

/// What is held for all clients.
#[derive(Debug)]
pub(crate) struct Held {
    bodies: Arc<Semaphore>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Self { bodies: Arc::new(Semaphore::new(BODIES_BYTES_MAX)) }
    }

    /// Room for a body, none of it taken yet.
    pub(super) fn room(&self) -> Room {
        Room { bodies: self.bodies.clone(), taken: None }
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
