//! Two shares of the same trials: a success or not under the control, and one or not under the treatment.

use libm::sqrt;

use crate::beta::lower_tail;
use crate::proportion::two_sided_deviate;
use crate::range::{OutOfRange, within};

/// More trials than this are refused: every formula keeps its digits up to here.
pub const TRIALS_MAX: u64 = 1_000_000_000;
/// Bisections of a range of 2 at most: they leave 1e-18 of it.
const STEPS: u32 = 61;

/// Trials by what came of them on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairedShare {
    /// Success on both sides.
    pub both: u64,
    /// Success under the control alone.
    pub control_only: u64,
    /// Success under the treatment alone.
    pub treatment_only: u64,
    /// Success on neither side.
    pub neither: u64,
}

/// Where a difference of two shares lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareDifference {
    /// The least difference, -1 to 1.
    pub low: f64,
    /// The greatest difference, -1 to 1.
    pub high: f64,
}

impl PairedShare {
    /// How many trials.
    pub const fn trials(&self) -> u64 {
        self.both + self.control_only + self.treatment_only + self.neither
    }

    /// Treatment's share less the control's; `None` without trials.
    pub fn difference(&self) -> Option<f64> {
        let trials = self.trials() as f64;
        (trials > 0.0).then(|| (self.treatment_only as f64 - self.control_only as f64) / trials)
    }

    /// The chance of sides at least as unequal were both shares the same: the exact test of `McNemar`.
    ///
    /// Of the trials in which the sides disagree each is won by the treatment with the chance 1/2
    /// (`McNemar` 1947, with the exact distribution for his approximate one): twice the lower binomial tail of the
    /// lesser count, at most 1. It is 1 where the sides never disagree.
    pub fn p_two_sided(&self) -> f64 {
        let least = self.control_only.min(self.treatment_only) as f64;
        let most = self.control_only.max(self.treatment_only) as f64;
        if most <= least {
            return 1.0;
        }
        // P(X <= least) of `least + most` trials, as a beta tail (Abramowitz and Stegun 26.5.24).
        (2.0 * lower_tail(most, least + 1.0, 0.5, 0.5)).min(1.0)
    }

    /// Cohen's g (1988, chapter 5): the treatment's part of the disagreements less 1/2.
    ///
    /// From -1/2, where the control wins them all, to 1/2; `None` where the sides never disagree.
    pub fn cohens_g(&self) -> Option<f64> {
        let apart = self.control_only + self.treatment_only;
        (apart > 0).then(|| self.treatment_only as f64 / apart as f64 - 0.5)
    }

    /// Tango's score interval (1998) of treatment's share less the control's.
    ///
    /// All differences that the score test does not refuse at `alpha`, two-sided. At difference 0 that test is
    /// `McNemar`'s without correction.
    ///
    /// # Errors
    /// [`OutOfRange`] for an `alpha` not strictly between 0 and 1, and for no trials or more than [`TRIALS_MAX`].
    pub fn tango(&self, alpha: f64) -> Result<ShareDifference, OutOfRange> {
        let z = two_sided_deviate(alpha)?;
        let trials = self.trials() as f64;
        within("trials", trials, &(1.0..=TRIALS_MAX as f64))?;
        let middle = (self.treatment_only as f64 - self.control_only as f64) / trials;
        let end = |outermost: f64| {
            let (mut within_it, mut beyond) = (middle, outermost);
            if self.score(beyond, trials) <= z {
                return beyond;
            }
            for _ in 0..STEPS {
                let next = f64::midpoint(within_it, beyond);
                if self.score(next, trials) <= z {
                    within_it = next;
                } else {
                    beyond = next;
                }
            }
            within_it
        };
        Ok(ShareDifference { low: end(-1.0), high: end(1.0) })
    }

    /// How far, in standard errors, the data lie from a true difference `delta` (Tango 1998).
    fn score(&self, delta: f64, trials: f64) -> f64 {
        let (b, c) = (self.treatment_only as f64, self.control_only as f64);
        let apart = libm::fabs(b - c - trials * delta);
        if apart == 0.0 {
            return 0.0;
        }
        // The most likely chance of a trial that the control alone wins, were the difference delta.
        let quadratic = 2.0 * trials;
        let linear = (2.0 * trials - b + c) * delta - b - c;
        let constant = -c * delta * (1.0 - delta);
        let root = sqrt((linear * linear - 4.0 * quadratic * constant).max(0.0));
        // Of both ways to write the larger root, the one that subtracts nothing.
        let chance = if linear > 0.0 {
            -2.0 * constant / (linear + root)
        } else {
            (root - linear) / (2.0 * quadratic)
        };
        let variance = trials * (2.0 * chance + delta * (1.0 - delta));
        apart / sqrt(variance.max(0.0))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;

    const fn of(both: u64, control_only: u64, treatment_only: u64, neither: u64) -> PairedShare {
        PairedShare { both, control_only, treatment_only, neither }
    }

    #[test]
    fn few_disagreements_are_tested_by_hand() {
        // One of six coins shows heads: 2 (1 + 6) / 2^6.
        assert!((of(9, 1, 5, 2).p_two_sided() - 14.0 / 64.0).abs() < 1e-14);
        assert!((of(0, 0, 8, 0).p_two_sided() - 2.0 / 256.0).abs() < 1e-16);
        assert_eq!(of(40, 3, 3, 40).p_two_sided(), 1.0);
        assert_eq!(of(40, 0, 0, 2).p_two_sided(), 1.0);
        // 2 (1 + 7 + 21 + 35) / 2^7 is exactly 1.
        assert!((of(0, 3, 4, 0).p_two_sided() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn effects_are_those_of_the_definition() {
        assert_eq!(of(9, 1, 5, 5).difference(), Some(0.2));
        assert_eq!(of(9, 1, 3, 2).cohens_g(), Some(0.25));
        assert_eq!(of(9, 5, 0, 2).cohens_g(), Some(-0.5));
        assert_eq!(of(9, 0, 0, 2).cohens_g(), None);
        assert_eq!(PairedShare::default().difference(), None);
    }

    #[test]
    fn intervals_are_those_of_the_papers() {
        // Fagerland, Lydersen and Laake (2014): airways of 21 children before and after a transplant.
        let interval = of(1, 1, 7, 12).tango(0.05).unwrap();
        assert!((interval.low - 0.026).abs() < 5e-4, "{interval:?}");
        assert!((interval.high - 0.517).abs() < 5e-4, "{interval:?}");
        // Without a disagreement the ends are z^2 / (n + z^2), from the formula by hand.
        let square = 1.959_963_984_540_054 * 1.959_963_984_540_054;
        let interval = of(30, 0, 0, 20).tango(0.05).unwrap();
        let end = square / (50.0 + square);
        assert!((interval.high - end).abs() < 1e-12 && (interval.low + end).abs() < 1e-12);
    }

    #[test]
    fn the_interval_holds_zero_just_where_the_score_test_keeps_it() {
        for (b, c) in [(10_u64, 2_u64), (10, 3), (25, 12), (25, 13), (7, 1), (7, 0), (4, 0), (3, 0)]
        {
            let z = (b as f64 - c as f64) / sqrt((b + c) as f64);
            let interval = of(50, c, b, 20).tango(0.05).unwrap();
            assert_eq!(interval.low > 0.0, z > 1.959_963_984_540_054, "{b} {c}: {interval:?}");
        }
    }

    #[test]
    fn swapping_the_sides_mirrors_everything() {
        for counts in [(5, 0, 0, 1), (0, 9, 0, 0), (100, 7, 31, 12), (3, 400_000, 401_000, 9)] {
            let (both, b, c, neither) = counts;
            let (one, other) = (of(both, b, c, neither), of(both, c, b, neither));
            assert_eq!(one.p_two_sided(), other.p_two_sided());
            assert_eq!(one.cohens_g().map(|g| -g), other.cohens_g());
            let (one, other) = (one.tango(0.05).unwrap(), other.tango(0.05).unwrap());
            assert!((one.low + other.high).abs() < 1e-9, "{one:?} {other:?}");
            assert!((one.high + other.low).abs() < 1e-9, "{one:?} {other:?}");
            assert!(-1.0 <= one.low && one.low <= one.high && one.high <= 1.0);
        }
    }

    #[test]
    fn impossible_counts_and_levels_are_refused() {
        assert!(PairedShare::default().tango(0.05).is_err());
        assert!(of(TRIALS_MAX, 1, 0, 0).tango(0.05).is_err());
        for alpha in [f64::NAN, 0.0, 1.0, -0.5] {
            assert!(of(1, 2, 3, 4).tango(alpha).is_err());
        }
    }
}
