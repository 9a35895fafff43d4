//! What is kept to judge a full release: what the control showed by hour of the day, and what the treatment shows
//! in the present day of the release.

use crate::tally::Tally;
use crate::time::{Duration, Timestamp};

/// A release is judged day by day, so that harm that begins late is not thinned by the time before it.
pub const DAY: Duration = Duration::from_ms(24 * 3_600_000);
/// Hours of a day.
pub const HOURS: usize = 24;

/// The whole fleet by hour of the day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Release {
    /// The day of the release, from 0, not counting the time in which it was paused.
    pub day: u64,
    /// The first analysis of that day.
    pub since: Option<Timestamp>,
    /// The control in shadow and A/B test.
    pub past: [Tally; HOURS],
    /// The treatment in the present day.
    pub present: [Tally; HOURS],
}
