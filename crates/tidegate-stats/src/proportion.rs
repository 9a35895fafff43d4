//! Shares: `successes` out of `trials`, with intervals around them.

use libm::{exp, lgamma, sqrt};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::beta::lower_quantile;
use crate::range::{CHANCE, OutOfRange, within};

/// A range of shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The least share.
    pub low: f64,
    /// The greatest share.
    pub high: f64,
}

impl Interval {
    /// The part of `centre - half ..= centre + half` that a share can lie in.
    const fn around(centre: f64, half: f64) -> Self {
        Self { low: (centre - half).clamp(0.0, 1.0), high: (centre + half).clamp(0.0, 1.0) }
    }
}

/// A share of independent trials.
///
/// Every interval is two-sided and leaves `alpha / 2` on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

impl Proportion {
    /// Takes `successes` out of `trials`.
    ///
    /// # Errors
    /// [`OutOfRange`] without trials or with more successes than trials.
    pub fn new(successes: u64, trials: u64) -> Result<Self, OutOfRange> {
        within("trials", trials as f64, &(1.0..=f64::MAX))?;
        if successes > trials {
            let (value, max) = (successes as f64, trials as f64);
            return Err(OutOfRange { quantity: "successes", value, min: 0.0, max });
        }
        Ok(Self { successes, trials })
    }

    /// The share itself.
    pub fn value(&self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    /// Wilson's score interval (1927), without continuity correction.
    ///
    /// `(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)` with the normal quantile `z` of
    /// `1 - alpha / 2`.
    ///
    /// # Errors
    /// [`OutOfRange`] for an `alpha` not strictly between 0 and 1.
    pub fn wilson(&self, alpha: f64) -> Result<Interval, OutOfRange> {
        let (centre, half) = self.score(two_sided_deviate(alpha)?);
        Ok(Interval::around(centre, half))
    }

    /// The share that the true one is above with `confidence`, by Wilson's score (1927).
    ///
    /// The lower end of [`Self::wilson`] with the normal quantile of `confidence` itself, for one
    /// side.
    ///
    /// # Errors
    /// [`OutOfRange`] for a `confidence` not strictly between 0 and 1.
    pub fn wilson_lower(&self, confidence: f64) -> Result<f64, OutOfRange> {
        let confidence = within("confidence", confidence, &CHANCE)?;
        let (centre, half) = self.score(Normal::standard().inverse_cdf(confidence));
        Ok(Interval::around(centre, half).low)
    }

    /// Clopper and Pearson's interval (1934): the true share is in it with at least `1 - alpha`.
    ///
    /// From the `alpha/2` quantile of Beta(x, n - x + 1) to the `1 - alpha/2` quantile of
    /// Beta(x + 1, n - x); 0 where nothing succeeded, 1 where everything did.
    ///
    /// # Errors
    /// [`OutOfRange`] for an `alpha` not strictly between 0 and 1.
    pub fn clopper_pearson(&self, alpha: f64) -> Result<Interval, OutOfRange> {
        let tail = within("alpha", alpha, &CHANCE)? / 2.0;
        let (won, lost) = self.counts();
        let low = if won == 0.0 { 0.0 } else { lower_quantile(won, lost + 1.0, tail) };
        let high = if lost == 0.0 { 1.0 } else { 1.0 - lower_quantile(lost, won + 1.0, tail) };
        Ok(Interval { low, high })
    }

    /// Jeffreys' interval: the `alpha/2` and `1 - alpha/2` quantiles of Beta(x + 1/2, n - x + 1/2).
    ///
    /// Brown, Cai and `DasGupta` (2001), without their adjustment at 0 and `n`, as statsmodels has it.
    ///
    /// # Errors
    /// [`OutOfRange`] for an `alpha` not strictly between 0 and 1.
    pub fn jeffreys(&self, alpha: f64) -> Result<Interval, OutOfRange> {
        let tail = within("alpha", alpha, &CHANCE)? / 2.0;
        let (won, lost) = self.counts();
        let low = lower_quantile(won + 0.5, lost + 0.5, tail);
        let high = 1.0 - lower_quantile(lost + 0.5, won + 0.5, tail);
        Ok(Interval { low, high })
    }

    /// Agresti and Coull's interval (1998), cut to what a share can be.
    ///
    /// `p' -+ z sqrt(p'(1-p')/n')` with `n' = n + z^2` and `p' = (x + z^2/2) / n'`.
    ///
    /// # Errors
    /// [`OutOfRange`] for an `alpha` not strictly between 0 and 1.
    pub fn agresti_coull(&self, alpha: f64) -> Result<Interval, OutOfRange> {
        let z = two_sided_deviate(alpha)?;
        let (won, lost) = self.counts();
        let trials = won + lost + z * z;
        let centre = (won + z * z / 2.0) / trials;
        Ok(Interval::around(centre, z * sqrt(centre * (1.0 - centre) / trials)))
    }

    /// The chance that so much of what succeeded in both falls to this one's trials when they are drawn at random from
    /// all: Fisher's exact test to one side (1935), given both margins.
    ///
    /// `P(X >= x)` for `X` hypergeometric; each term from the one before.
    pub fn exceeds_by_chance(&self, other: &Self) -> f64 {
        let (won, lost) = self.counts();
        let (won_there, lost_there) = other.counts();
        let ln_choose = |one: f64, other: f64| {
            lgamma(one + other + 1.0) - lgamma(one + 1.0) - lgamma(other + 1.0)
        };
        let all = ln_choose(won + won_there, lost + lost_there);
        let mut term = exp(ln_choose(won, lost) + ln_choose(won_there, lost_there) - all);
        let (mut sum, mut more) = (term, 1.0);
        // The trials that may succeed here in place of there; far beyond the likeliest nothing is left to add.
        let most = self.trials.saturating_sub(self.successes).min(other.successes);
        for _ in 0..most {
            let factor = (lost - more + 1.0) * (won_there - more + 1.0)
                / ((won + more) * (lost_there + more));
            term *= factor;
            sum += term;
            more += 1.0;
            if factor < 1.0 && term < sum * 1e-17 {
                break;
            }
        }
        sum.min(1.0)
    }

    /// Centre and half width of Wilson's interval for the deviate `z`.
    fn score(&self, z: f64) -> (f64, f64) {
        let (share, trials, square) = (self.value(), self.trials as f64, z * z);
        let scale = 1.0 + square / trials;
        let centre = (share + square / (2.0 * trials)) / scale;
        let spread = share * (1.0 - share) / trials + square / (4.0 * trials * trials);
        (centre, z * sqrt(spread) / scale)
    }

    /// Successes and failures.
    fn counts(&self) -> (f64, f64) {
        (self.successes as f64, (self.trials - self.successes) as f64)
    }
}

/// The normal deviate with `alpha / 2` above it.
pub(crate) fn two_sided_deviate(alpha: f64) -> Result<f64, OutOfRange> {
    let alpha = within("alpha", alpha, &CHANCE)?;
    Ok(-Normal::standard().inverse_cdf(alpha / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_counts_and_levels_are_refused() {
        assert!(Proportion::new(0, 0).is_err());
        assert!(Proportion::new(3, 2).is_err());
        let share = Proportion::new(1, 2).unwrap();
        for level in [f64::NAN, 0.0, 1.0, -0.1, f64::INFINITY] {
            assert!(share.wilson(level).is_err());
            assert!(share.wilson_lower(level).is_err());
            assert!(share.clopper_pearson(level).is_err());
            assert!(share.jeffreys(level).is_err());
            assert!(share.agresti_coull(level).is_err());
        }
    }

    #[test]
    fn the_one_sided_bound_is_the_lower_end_at_twice_the_level() {
        let share = Proportion::new(37, 40).unwrap();
        let low = share.wilson(0.1).unwrap().low;
        assert!((share.wilson_lower(0.95).unwrap() - low).abs() < 1e-12);
    }

    #[test]
    fn a_draw_puts_all_that_fail_on_one_side_as_often_as_one_can_count() {
        let share = |successes, trials| Proportion::new(successes, trials).unwrap();
        // Counted by Python's fractions over all draws: sum of comb(n, k) comb(N - n, m - k) / comb(N, m).
        let cases = [
            ((3, 3), (0, 3), 0.05),
            ((7, 10), (3, 10), 8_263.0 / 92_378.0),
            ((4, 4), (1, 4), 1.0 / 14.0),
            ((10, 10), (10, 10), 1.0),
            ((0, 5), (3, 5), 1.0),
            ((7, 7), (1, 7), 1.0 / 429.0),
            ((64, 64), (0, 64), 4.175_165_556_793_955e-38),
            ((40, 64), (30, 64), 0.054_837_633_678_796_32),
        ];
        for ((successes, trials), (there, trials_there), expected) in cases {
            let chance = share(successes, trials).exceeds_by_chance(&share(there, trials_there));
            assert!((chance / expected - 1.0).abs() < 1e-10, "{chance} for {expected}");
        }
    }

    #[test]
    fn swapping_successes_and_failures_mirrors_the_intervals() {
        let share = Proportion::new(3, 1_000_000).unwrap();
        let mirrored = Proportion::new(999_997, 1_000_000).unwrap();
        for interval in [Proportion::clopper_pearson, Proportion::jeffreys, Proportion::wilson] {
            let (one, other) =
                (interval(&share, 0.05).unwrap(), interval(&mirrored, 0.05).unwrap());
            assert!((one.low + other.high - 1.0).abs() < 1e-12);
            assert!((one.high + other.low - 1.0).abs() < 1e-12);
            assert!(one.low < share.value() && share.value() < one.high);
        }
    }
}
