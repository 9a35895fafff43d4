//! One connection, as those see it who read from it, write to it and answer on it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::OwnedSemaphorePermit;

/// How long those have that are not whole.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct ConnectionState {
    /// Whether the answer is a stream of events.
    streams: AtomicBool,
    /// Whether it was given up for the sake of others.
    cut: AtomicBool,
    /// Who waits for the client to take something.
    writer: AtomicWaker,
    /// Its place among connections; a stream of events has one among streams.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Whose it is, as far as the network says.
    pub(super) peer: IpAddr,
}

impl ConnectionState {
    pub(super) fn new(permit: OwnedSemaphorePermit, peer: IpAddr) -> Self {
        Self {
            streams: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            writer: AtomicWaker::new(),
            permit: Mutex::new(Some(permit)),
            peer,
        }
    }

    /// From here on all that goes over it is a stream of events.
    pub(super) fn stream(&self) {
        self.streams.store(true, Ordering::Release);
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn streams(&self) -> bool {
        self.streams.load(Ordering::Acquire)
    }

    /// Ends it, whatever its client has not taken.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.writer.wake();
    }

    /// Whether it was cut; where it was not, whoever asks is woken once it is.
    pub(super) fn is_cut(&self, context: &Context<'_>) -> bool {
        self.writer.register(context.waker());
        self.cut.load(Ordering::Acquire)
    }
}
