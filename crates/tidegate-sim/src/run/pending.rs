//! What is on its way to the daemon.

use std::cmp::Ordering;

use tidegate_engine::event::Event;

/// Something on its way to the daemon.
#[derive(Debug)]
pub(super) struct Underway {
    pub(super) at: f64,
    pub(super) sequence: u64,
    pub(super) event: Event,
}

impl PartialEq for Underway {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Underway {}

impl PartialOrd for Underway {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Underway {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.sequence.cmp(&other.sequence))
    }
}
