//! What is normal for a camera, from before the comparison began.
//!
//! Cameras differ far more from each other than variants do. Each camera's own past, shrunk towards
//! the fleet's as far as it is short, takes most of that difference out of the comparison.

use crate::range::{NOT_NEGATIVE, OutOfRange, within};

/// Least and greatest intraclass correlation that is used.
pub const CORRELATION_RANGE: core::ops::RangeInclusive<f64> = 0.002..=0.5;

/// Sums over cameras, for the intraclass correlation; of a rate, the measurements are zeros and ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    cameras: u64,
    count: u64,
    sum: f64,
    count_squares: f64,
    /// Σ over cameras of (sum of measurements)² / count.
    between: f64,
    /// Σ of the squared measurements.
    squares: f64,
}

impl Spread {
    /// Takes in a camera with `count` measurements; one without any is left out.
    ///
    /// # Errors
    /// [`OutOfRange`] for sums that are negative or infinite; nothing is taken in then.
    pub fn add(&mut self, count: u64, sum: f64, square_sum: f64) -> Result<(), OutOfRange> {
        let sum = within("sum", sum, &NOT_NEGATIVE)?;
        let square_sum = within("sum of squares", square_sum, &NOT_NEGATIVE)?;
        if count > 0 {
            let n = count as f64;
            self.cameras += 1;
            self.count += count;
            self.sum += sum;
            self.count_squares += n * n;
            self.between += sum * sum / n;
            self.squares += square_sum;
        }
        Ok(())
    }

    /// The intraclass correlation by one-way analysis of variance: `(F - 1) / (F - 1 + n₀)`,
    /// `F = MSB / MSW`, `n₀ = (N - Σn²/N) / (k - 1)` (Fisher 1925; for rates, Ridout, Demétrio and Firth
    /// 1999). Below zero where cameras differ less than chance would have them; `None` below two
    /// cameras or where none has two measurements.
    pub fn intraclass_correlation(&self) -> Option<f64> {
        let n = self.count as f64;
        let groups = self.cameras.checked_sub(1).filter(|groups| *groups > 0)? as f64;
        let rest = self.count.checked_sub(self.cameras).filter(|rest| *rest > 0)? as f64;
        let mean_between = (self.between - self.sum * self.sum / n) / groups;
        let mean_within = (self.squares - self.between) / rest;
        let typical = (n - self.count_squares / n) / groups;
        let excess = mean_between - mean_within;
        let whole = excess + typical * mean_within;
        // Every measurement the same: cameras do not differ.
        Some(if whole > 0.0 { excess / whole } else { 0.0 })
    }

    /// What is normal for any one camera; `None` without measurements.
    pub fn baseline(&self) -> Option<Baseline> {
        let correlation = self.intraclass_correlation().unwrap_or(*CORRELATION_RANGE.start());
        let correlation = correlation.clamp(*CORRELATION_RANGE.start(), *CORRELATION_RANGE.end());
        (self.count > 0).then(|| Baseline {
            mean: self.sum / self.count as f64,
            prior_count: (1.0 - correlation) / correlation,
        })
    }
}

/// The fleet's mean, and how many of a camera's own measurements it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// The pooled mean `p̄`.
    pub mean: f64,
    /// `κ = (1 - ρ) / ρ`, ρ the intraclass correlation clipped to [`CORRELATION_RANGE`].
    pub prior_count: f64,
}

impl Baseline {
    /// The empirical-Bayes mean of a camera: `(sum + κ p̄) / (count + κ)`, for a rate the posterior mean
    /// under a beta distribution with parameters `κ p̄` and `κ (1 - p̄)` (Efron and Morris 1973). A camera
    /// never seen before gets the fleet's mean.
    pub fn of_camera(&self, count: u64, sum: f64) -> f64 {
        (sum + self.prior_count * self.mean) / (count as f64 + self.prior_count)
    }
}
