//! Where the daemon reads the time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_engine::time::Timestamp;

/// What tells the daemon the time.
#[derive(Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Time that stands still until it is told to go on, for demonstrations and tests: milliseconds since
    /// 1970, 0 until it is told for the first time.
    Driven(AtomicI64),
}

impl Clock {
    /// A clock that stands still until it is told to go on.
    pub const fn driven() -> Self {
        Self::Driven(AtomicI64::new(0))
    }

    /// The time now; the epoch where the machine's clock is before 1970.
    pub fn now(&self) -> Timestamp {
        let ms = match self {
            Self::System => system_ms(),
            Self::Driven(ms) => ms.load(Ordering::Acquire),
        };
        Timestamp::from_ms(ms).unwrap_or(Timestamp::EPOCH)
    }
}

/// A clock that never goes back, nor before what was lived through already.
#[derive(Debug)]
pub(crate) struct MonotonicClock {
    clock: Clock,
    /// Milliseconds before which time does not go back.
    floor_ms: AtomicI64,
}

impl MonotonicClock {
    pub(crate) const fn new(clock: Clock) -> Self {
        Self { clock, floor_ms: AtomicI64::new(0) }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        let floor = Timestamp::from_ms(self.floor_ms.load(Ordering::Relaxed));
        self.clock.now().max(floor.unwrap_or(Timestamp::EPOCH))
    }

    /// Lives through the time until now, and gives by how many milliseconds the clock below is behind.
    pub(crate) fn advance(&self) -> i64 {
        let ms = self.clock.now().ms();
        let floor = self.floor_ms.fetch_max(ms, Ordering::Relaxed);
        (floor - ms).max(0)
    }

    /// Has lived through the time until `at` already.
    pub(crate) fn not_before(&self, at: Timestamp) {
        self.floor_ms.fetch_max(at.ms(), Ordering::Relaxed);
    }

    /// What tells the time.
    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// A point from which short lengths of time are measured, for logs and metrics only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
