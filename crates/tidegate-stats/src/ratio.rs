//! Ratios of sums over cameras, `sum(numerator) / sum(denominator)`, such as errors per frame.
//!
//! The frames of one camera resemble each other, so the camera is the unit, not the frame.

use alloc::vec::Vec;

use crate::moments::Moments;
use crate::range::{FINITE, NOT_NEGATIVE, OutOfRange, POSITIVE, within};
use crate::student::{DegreesOfFreedom, Estimate};
use crate::welch;

/// What one camera contributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Its part of the sum above, such as its errors.
    pub numerator: f64,
    /// Its part of the sum below, such as its frames.
    pub denominator: f64,
}

/// The ratio of one arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioOfSums {
    value: f64,
    clusters: f64,
    denominators: f64,
    residuals: Moments,
    residual_squares: f64,
}

impl RatioOfSums {
    /// Takes two or more cameras.
    ///
    /// # Errors
    /// [`OutOfRange`] for fewer, for numbers that are not finite, for a denominator below zero, and
    /// where all denominators are zero or a sum exceeds every double.
    pub fn of(clusters: &[Cluster]) -> Result<Self, OutOfRange> {
        let count = within("clusters", clusters.len() as f64, &(2.0..=f64::MAX))?;
        let (mut numerators, mut denominators) = (0.0, 0.0);
        for cluster in clusters {
            numerators += within("numerator", cluster.numerator, &FINITE)?;
            denominators += within("denominator", cluster.denominator, &NOT_NEGATIVE)?;
        }
        let denominators = within("sum of denominators", denominators, &POSITIVE)?;
        let value = within("ratio", numerators / denominators, &FINITE)?;
        let of_cluster = |cluster: &Cluster| cluster.numerator - value * cluster.denominator;
        let residuals: Vec<f64> = clusters.iter().map(of_cluster).collect();
        Ok(Self {
            value,
            clusters: count,
            denominators,
            residuals: Moments::of(&residuals)?,
            residual_squares: residuals.iter().map(|residual| residual * residual).sum(),
        })
    }

    /// The ratio.
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// Its variance by the delta method (Deng, Knoblich and Lu 2018).
    ///
    /// With `r_c = N_c - R D_c` over `K` cameras: `var(r) / (K mean(D)^2)`, where `var` divides by
    /// `K - 1`; written out, `(var(N) - 2 R cov(N, D) + R^2 var(D)) / (K mean(D)^2)`.
    pub fn delta_variance(&self) -> f64 {
        let mean = self.denominators / self.clusters;
        self.residuals.variance().unwrap_or(0.0) / mean / mean / self.clusters
    }

    /// The cluster-robust variance without correction: `sum r_c^2 / (sum D_c)^2` (Liang and Zeger
    /// 1986).
    pub fn cr0(&self) -> f64 {
        self.residual_squares / self.denominators / self.denominators
    }

    /// [`Self::cr0`] times `K / (K - 1)`, Stata's correction for few clusters.
    ///
    /// Of its second factor, `(N - 1) / (N - k)`, nothing is left, for a ratio is one coefficient.
    pub fn cr1(&self) -> f64 {
        self.cr0() * self.clusters / (self.clusters - 1.0)
    }

    /// The ratio with its delta variance and one degree of freedom less than there are cameras.
    ///
    /// # Errors
    /// [`OutOfRange`] where the variance exceeds every double.
    pub fn estimate(&self) -> Result<Estimate, OutOfRange> {
        let degrees = DegreesOfFreedom::new(self.clusters - 1.0)?;
        Estimate::new(self.value, self.delta_variance(), degrees)
    }
}

/// The ratio of the treatment less that of the control.
///
/// # Errors
/// [`OutOfRange`] where the difference or its variance exceeds every double.
pub fn difference(control: &RatioOfSums, treatment: &RatioOfSums) -> Result<Estimate, OutOfRange> {
    welch::difference(&control.estimate()?, &treatment.estimate()?)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;

    fn ratio(clusters: &[(f64, f64)]) -> Result<RatioOfSums, OutOfRange> {
        let of = |&(numerator, denominator): &(f64, f64)| Cluster { numerator, denominator };
        let clusters: Vec<Cluster> = clusters.iter().map(of).collect();
        RatioOfSums::of(&clusters)
    }

    #[test]
    fn what_makes_no_ratio_is_refused() {
        assert!(ratio(&[(1.0, 2.0)]).is_err());
        assert!(ratio(&[(1.0, 0.0), (2.0, 0.0)]).is_err());
        assert!(ratio(&[(1.0, -1.0), (2.0, 3.0)]).is_err());
        assert!(ratio(&[(f64::NAN, 1.0), (2.0, 3.0)]).is_err());
        assert!(ratio(&[(1.0, f64::INFINITY), (2.0, 3.0)]).is_err());
    }

    #[test]
    fn cameras_that_agree_leave_no_variance() {
        let ratio = ratio(&[(1.0, 2.0), (4.0, 8.0), (0.0, 0.0)]).unwrap();
        assert_eq!(ratio.value(), 0.5);
        assert_eq!((ratio.cr0(), ratio.cr1(), ratio.delta_variance()), (0.0, 0.0, 0.0));
    }
}
