//! Points and lengths of time, in whole milliseconds, as the shell hands them in.
//!
//! A rollout outlives a process, so time is wall time that can be stored. The engine never reads a
//! clock.

use core::ops::RangeInclusive;

use crate::limits;
use crate::number::{OutOfRange, within};

/// A point in time: milliseconds since the Unix epoch, from 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`OutOfRange`] before 1970 or after 9999.
    #[inline]
    pub fn from_ms(ms: i64) -> Result<Self, OutOfRange> {
        if (0..=limits::TIMESTAMP_MS_MAX).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(OutOfRange {
                quantity: "time in ms since 1970",
                value: ms as f64,
                min: 0.0,
                max: limits::TIMESTAMP_MS_MAX as f64,
            })
        }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// This time and `duration` more; it stops at the end of 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.0).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms).min(limits::TIMESTAMP_MS_MAX))
    }

    /// This time and `duration` less; it stops at the beginning of 1970.
    #[must_use]
    pub(crate) fn minus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.0).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(ms).max(0))
    }

    /// The hour of the day, UTC.
    pub(crate) fn hour_of_day(self) -> usize {
        usize::try_from((self.0 / HOUR_MS) % 24).unwrap_or(0)
    }

    /// When the hour that it lies in ends.
    pub(crate) fn hour_ends(self) -> Self {
        Self(((self.0 / HOUR_MS + 1) * HOUR_MS).min(limits::TIMESTAMP_MS_MAX))
    }

    /// How long ago `earlier` was; zero if it was not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

const HOUR_MS: i64 = 3_600_000;

/// A length of time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The shortest time there is.
    pub const ONE_MS: Self = Self(1);
    /// The lengths an experiment may set, in hours.
    pub const RANGE_HOURS: RangeInclusive<f64> = 0.0..=limits::DURATION_HOURS_MAX;

    /// Takes milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Takes hours, rounded to the nearest millisecond.
    ///
    /// # Errors
    /// [`OutOfRange`] outside [`Self::RANGE_HOURS`], NaN and infinities included.
    pub fn from_hours(hours: f64) -> Result<Self, OutOfRange> {
        let hours = within("duration in hours", hours, &Self::RANGE_HOURS)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let ms = (hours * 3_600_000.0 + 0.5) as u64;
        Ok(Self(ms))
    }

    /// The length in milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// The length in hours.
    pub fn hours(self) -> f64 {
        self.0 as f64 / 3_600_000.0
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Both lengths together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A stretch of a switchback: time since 1970 in whole block lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block(pub u64);

impl Block {
    /// The block of `length` that `at` lies in; blocks of no length are one millisecond long.
    pub fn at(at: Timestamp, length: Duration) -> Self {
        let ms = u64::try_from(at.0).unwrap_or(0);
        Self(ms / length.0.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stops_at_its_ends() {
        let last = Timestamp::from_ms(limits::TIMESTAMP_MS_MAX).unwrap();
        assert_eq!(last.plus(Duration::from_ms(u64::MAX)), last);
        assert_eq!(Timestamp::EPOCH.since(last), Duration::ZERO);
        assert!(Timestamp::from_ms(-1).is_err());
    }

    #[test]
    fn hours_are_rounded_to_the_millisecond() {
        assert_eq!(Duration::from_hours(0.1).unwrap().ms(), 360_000);
        assert!(Duration::from_hours(8_784.1).is_err());
        assert!(Duration::from_hours(f64::NAN).is_err());
    }
}
