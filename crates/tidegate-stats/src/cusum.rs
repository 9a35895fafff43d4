//! The cumulative sum that notices total failure within a dozen events.

use crate::range::{CHANCE, OutOfRange, within};

/// What one event adds to a [`Cusum`]: the log likelihood ratio of a failure rate `q` against `p0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Increments {
    failure: f64,
    success: f64,
}

impl Increments {
    /// `ln(q/p0)` for a failure and `ln((1-q)/(1-p0))` for a success; both rates strictly between 0
    /// and 1.
    ///
    /// # Errors
    /// [`OutOfRange`] for any other rate, and where `q` is not above `p0`.
    pub fn new(tolerated: f64, harmful: f64) -> Result<Self, OutOfRange> {
        let p0 = within("tolerated failure rate", tolerated, &CHANCE)?;
        let q = within("harmful failure rate", harmful, &(p0..=*CHANCE.end()))?;
        Ok(Self { failure: libm::log(q / p0), success: libm::log((1.0 - q) / (1.0 - p0)) })
    }
}

impl Increments {
    /// What a failure adds.
    pub const fn failure(&self) -> f64 {
        self.failure
    }

    /// What a success adds, below zero.
    pub const fn success(&self) -> f64 {
        self.success
    }
}

/// The one-sided cumulative sum `W = max(0, W + increment)` (Page 1954).
///
/// An excursion is the stretch since `W` last was zero. Started anew at each event, `exp(W)` is at most a
/// sum of martingales, so over `N` events of rate `p0` or less `P(max W >= h) <= N exp(-h)`: with
/// `h = ln(N/α)`, at most α.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cusum {
    sum: f64,
}

impl Cusum {
    /// Takes a sum up again.
    ///
    /// # Errors
    /// [`OutOfRange`] for a sum below zero or not finite.
    pub fn new(sum: f64) -> Result<Self, OutOfRange> {
        within("cumulative sum", sum, &crate::range::NOT_NEGATIVE).map(|sum| Self { sum })
    }

    /// Adds a failure.
    #[inline]
    pub fn add_failure(&mut self, increments: &Increments) {
        self.sum += increments.failure;
    }

    /// Adds a success.
    #[inline]
    pub fn add_success(&mut self, increments: &Increments) {
        self.sum = (self.sum + increments.success).max(0.0);
    }

    /// The sum, from 0.
    pub const fn value(&self) -> f64 {
        self.sum
    }
}

/// The height `ln(events / alpha)` at which a sum over `events` events alarms falsely with a chance of
/// at most `alpha`.
///
/// # Errors
/// [`OutOfRange`] for an alpha not strictly between 0 and 1.
pub fn height(events: u64, alpha: f64) -> Result<f64, OutOfRange> {
    let alpha = within("alpha", alpha, &CHANCE)?;
    Ok(libm::log(events.max(1) as f64 / alpha))
}
