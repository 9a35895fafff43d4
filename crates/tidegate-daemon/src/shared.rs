//! What every room of the daemon may see.

use std::sync::Arc;

use tidegate_engine::time::Timestamp;
use tokio::sync::watch;

use crate::clock::MonotonicClock;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::published::Published;
use crate::readiness::Readiness;
use crate::webhooks::follower::Follower;

/// What the driver shares with the rest of the daemon.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) published: Published,
    /// What subscribers are told.
    pub(crate) feed: Arc<Feed>,
    /// Whom events are brought.
    pub(crate) followers: Vec<Arc<Follower>>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<MonotonicClock>,
    pub(crate) readiness: watch::Sender<Readiness>,
    /// What this daemon is among several.
    pub(crate) node: Node,
}

impl Shared {
    /// The time, which never goes back.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
