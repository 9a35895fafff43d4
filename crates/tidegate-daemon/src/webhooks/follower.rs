//! How far each hook is.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::feed::EventFilter;

/// How far a hook is, for whoever asks.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) wanted: EventFilter,
    after: AtomicU64,
}

impl Follower {
    /// One whose place is not known yet.
    pub(super) const fn new(name: String, wanted: EventFilter) -> Self {
        Self { name, wanted, after: AtomicU64::new(u64::MAX) }
    }

    /// The last event that needs no bringing any more.
    pub(crate) fn after(&self) -> u64 {
        self.after.load(Ordering::Relaxed)
    }

    pub(super) fn go_to(&self, after: u64) {
        self.after.store(after, Ordering::Relaxed);
    }
}
