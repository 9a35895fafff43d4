//! What every room of the daemon may see.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tidegate_engine::time::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::published::Published;
use crate::readiness::Readiness;
use crate::webhooks::Follower;

/// What the driver shares with the rest of the daemon.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) published: Published,
    /// What subscribers are told.
    pub(crate) feed: Feed,
    /// Whom events are brought.
    pub(crate) followers: Vec<Arc<Follower>>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<Clock>,
    pub(crate) readiness: watch::Sender<Readiness>,
    /// Milliseconds before which time does not go back.
    pub(crate) floor_ms: AtomicI64,
}

impl Shared {
    /// The time, which never goes back.
    pub(crate) fn now(&self) -> Timestamp {
        let floor = Timestamp::from_ms(self.floor_ms.load(Ordering::Relaxed));
        self.clock.now().max(floor.unwrap_or(Timestamp::EPOCH))
    }
}
