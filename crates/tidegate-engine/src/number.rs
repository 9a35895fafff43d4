//! Numbers that were checked once and stay within their range.

use core::fmt;
use core::ops::RangeInclusive;

pub use tidegate_stats::range::{OutOfRange, within};

use crate::limits;

macro_rules! checked_number {
    ($(#[$doc:meta])* $name:ident, $quantity:literal, $range:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// The allowed numbers.
            pub const RANGE: RangeInclusive<f64> = $range;

            /// Takes a number of [`Self::RANGE`].
            ///
            /// # Errors
            /// [`OutOfRange`] for anything else, NaN and infinities included.
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                within($quantity, value, &Self::RANGE).map(Self)
            }

            /// The number, which is within the range.
            pub const fn value(self) -> f64 {
                self.0
            }
        }
    };
}

checked_number! {
    /// A part of a whole, 0 to 1.
    Share, "share", 0.0..=1.0
}
checked_number! {
    /// An absolute difference of two rates, 0 to 1: 0.05 is five points.
    Points, "difference of rates", 0.0..=1.0
}
checked_number! {
    /// A relative increase in percent, 0 to 10,000.
    Percent, "percentage", 0.0..=10_000.0
}
checked_number! {
    /// A relative decrease in percent, 0 to 100.
    PercentDrop, "percentage", 0.0..=100.0
}
checked_number! {
    /// The allowed chance that a harmless rollout is ever rolled back, 0.0001 to 0.5.
    Alpha, "alpha", 0.0001..=0.5
}

impl Share {
    /// No camera, 0.
    pub const NONE: Self = Self(0.0);
    /// Every camera, 1.
    pub const ALL: Self = Self(1.0);
}

/// The time one analysis took, 0 to 600,000 ms, kept in whole microseconds so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Latency(u32);

impl Latency {
    /// The allowed latencies in milliseconds.
    pub const RANGE_MS: RangeInclusive<f64> = 0.0..=limits::LATENCY_MS_MAX;

    /// Takes milliseconds, rounded to the nearest microsecond.
    ///
    /// # Errors
    /// [`OutOfRange`] outside [`Self::RANGE_MS`], NaN and infinities included.
    #[inline]
    pub fn from_ms(ms: f64) -> Result<Self, OutOfRange> {
        let ms = within("latency in ms", ms, &Self::RANGE_MS)?;
        // At most 6e8, which fits; `f64::round` needs std, and truncating x + 0.5 is the same for x >= 0.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let us = (ms * 1_000.0 + 0.5) as u32;
        Ok(Self(us))
    }

    /// The latency in microseconds.
    pub const fn us(self) -> u32 {
        self.0
    }

    /// The latency in milliseconds.
    pub fn ms(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

/// What the prompt answered: a whole number from 0 (harmless) to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RiskScore(u8);

impl RiskScore {
    /// The allowed scores.
    pub const RANGE: RangeInclusive<f64> = 0.0..=limits::RISK_SCORE_MAX as f64;

    /// Takes a whole number of [`Self::RANGE`].
    ///
    /// # Errors
    /// [`OutOfRange`] for anything else: fractions, NaN and infinities included.
    #[inline]
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        let checked = within("risk score", value, &Self::RANGE)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        let score = checked as u8;
        if f64::from(score).to_bits() == checked.to_bits() {
            Ok(Self(score))
        } else {
            Err(OutOfRange {
                quantity: "risk score (a whole number)",
                value,
                min: *Self::RANGE.start(),
                max: *Self::RANGE.end(),
            })
        }
    }

    /// The score, 0 to 100.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for RiskScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_refuses_what_is_not_finite() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Share::new(value).is_err());
            assert!(Percent::new(value).is_err());
            assert!(Latency::from_ms(value).is_err());
            assert!(RiskScore::new(value).is_err());
        }
    }

    #[test]
    fn the_ends_of_a_range_belong_to_it() {
        assert_eq!(Latency::from_ms(600_000.0).unwrap().us(), 600_000_000);
        assert!(Latency::from_ms(600_000.001).is_err());
        assert_eq!(RiskScore::new(100.0).unwrap().value(), 100);
        assert!(RiskScore::new(100.5).is_err());
        assert!(RiskScore::new(99.5).is_err());
        assert!(Share::new(-1e-300).is_err());
    }

    #[test]
    fn a_negative_zero_becomes_zero() {
        assert_eq!(Share::new(-0.0).unwrap().value().to_bits(), 0);
        assert_eq!(RiskScore::new(-0.0).unwrap().value(), 0);
    }
}
