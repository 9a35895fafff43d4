//! The one place where time is read.

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

/// A time as clients write it.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let moment: Result<jiff::Timestamp, _> = text.parse();
    moment
        .map_err(|error| error.to_string())
        .and_then(|at| Timestamp::from_ms(at.as_millisecond()).map_err(|error| error.to_string()))
        .map_err(|why| format!("is no time: {why}, allowed: such as 2026-03-01T12:00:00Z"))
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
