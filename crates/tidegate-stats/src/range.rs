//! The door: numbers are checked before any formula sees them.

use core::ops::RangeInclusive;

/// A number outside its allowed range; NaN and the infinities are outside every range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{quantity} {value} is out of range, allowed: {min} to {max}")]
pub struct OutOfRange {
    /// What was measured or set, in words.
    pub quantity: &'static str,
    /// The number as it came.
    pub value: f64,
    /// The least allowed number.
    pub min: f64,
    /// The greatest allowed number.
    pub max: f64,
}

/// Every finite number.
pub const FINITE: RangeInclusive<f64> = -f64::MAX..=f64::MAX;
/// Every finite number above zero.
pub const POSITIVE: RangeInclusive<f64> = f64::MIN_POSITIVE..=f64::MAX;
/// Zero and every finite number above it.
pub const NOT_NEGATIVE: RangeInclusive<f64> = 0.0..=f64::MAX;
/// The chances strictly between 0 and 1.
pub const CHANCE: RangeInclusive<f64> = f64::MIN_POSITIVE..=1.0 - f64::EPSILON / 2.0;

/// Takes a number of `range`; a negative zero becomes zero.
///
/// # Errors
/// [`OutOfRange`] for anything else, NaN included.
#[inline]
pub fn within(
    quantity: &'static str,
    value: f64,
    range: &RangeInclusive<f64>,
) -> Result<f64, OutOfRange> {
    if range.contains(&value) {
        // Adding zero turns -0.0 into 0.0, so that equal numbers have one bit pattern.
        Ok(value + 0.0)
    } else {
        Err(OutOfRange { quantity, value, min: *range.start(), max: *range.end() })
    }
}
