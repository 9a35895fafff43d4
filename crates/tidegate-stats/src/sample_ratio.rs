//! Sample ratio mismatch: whether the units fell into the groups as the weights say.
//!
//! A mismatch means that the assignment or the recording is broken, and then no comparison holds.

use alloc::vec::Vec;

use libm::{ceil, floor, lgamma, log};
use statrs::function::gamma::gamma_ur;

use crate::beta::{ln_binomial, lower_tail};
use crate::range::{CHANCE, OutOfRange, POSITIVE, within};

/// How many units came to a group, and how many should have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// The units counted.
    pub count: u64,
    /// Its share of all units, in proportion to the weights of the others.
    pub weight: f64,
}

/// Counts of two or more groups against the shares they should have.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    counts: Vec<f64>,
    shares: Vec<f64>,
    total: f64,
}

impl SampleRatio {
    /// Takes the groups; the weights need not sum to one.
    ///
    /// # Errors
    /// [`OutOfRange`] for fewer than two groups, and for a weight that is not positive, not finite
    /// or next to nothing beside the others.
    pub fn new(groups: &[Group]) -> Result<Self, OutOfRange> {
        within("groups", groups.len() as f64, &(2.0..=f64::MAX))?;
        let mut whole = 0.0;
        for group in groups {
            whole += within("weight", group.weight, &POSITIVE)?;
        }
        let whole = within("sum of weights", whole, &POSITIVE)?;
        let shares: Result<Vec<f64>, OutOfRange> =
            groups.iter().map(|group| within("share", group.weight / whole, &CHANCE)).collect();
        let counts: Vec<f64> = groups.iter().map(|group| group.count as f64).collect();
        let total = counts.iter().sum();
        Ok(Self { counts, shares: shares?, total })
    }

    /// Pearson's statistic (1900): `sum (count - expected)^2 / expected`; 0 where nothing was counted.
    pub fn chi_square(&self) -> f64 {
        if self.total == 0.0 {
            return 0.0;
        }
        let of_group = |(count, share): (&f64, &f64)| {
            let expected = self.total * share;
            (count - expected) * ((count - expected) / expected)
        };
        self.counts.iter().zip(&self.shares).map(of_group).sum()
    }

    /// The chance of a [`Self::chi_square`] at least as large were the shares right.
    ///
    /// The tail of the chi-square distribution with one degree of freedom less than there are
    /// groups. It holds for one look only; [`Self::ln_e`] for as many as one likes.
    pub fn p_value(&self) -> f64 {
        let half = self.chi_square() / 2.0;
        if half == 0.0 {
            1.0
        } else if half.is_finite() {
            gamma_ur((self.counts.len() - 1) as f64 / 2.0, half)
        } else {
            0.0
        }
    }

    /// For two groups the exact two-sided binomial chance: the sum of all outcomes no likelier than
    /// this one.
    ///
    /// An outcome counts as no likelier up to a relative 1e-7, as in scipy's `binomtest`; the edge
    /// on the other side of the mode is found by bisection. `None` for more than two groups.
    pub fn exact_p_value(&self) -> Option<f64> {
        let (&[first, second], &[p, q]) = (self.counts.as_slice(), self.shares.as_slice()) else {
            return None;
        };
        let expected = self.total * p;
        if first < expected {
            Some(binomial_two_sided(first, second, p, q))
        } else if first > expected {
            Some(binomial_two_sided(second, first, q, p))
        } else {
            Some(1.0)
        }
    }

    /// The logarithm of the evidence against the shares: an e-process, which may be looked at after
    /// each unit.
    ///
    /// The Dirichlet-multinomial chance of the counts, with the prior `concentration * shares`,
    /// over their multinomial chance (Lindon and Malek 2022): with `A = concentration` and `a = A *
    /// share`, `ln G(A)/G(A+N) + sum ln G(a+n)/G(a) - sum n ln share`. Reject once it reaches
    /// `ln(1/alpha)`.
    ///
    /// # Errors
    /// [`OutOfRange`] for a concentration that is not positive and finite or leaves a group no prior.
    pub fn ln_e(&self, concentration: f64) -> Result<f64, OutOfRange> {
        let concentration = within("concentration", concentration, &(1e-6..=1e12))?;
        let mut sum = lgamma(concentration) - lgamma(concentration + self.total);
        for (count, share) in self.counts.iter().zip(&self.shares) {
            let prior = within("prior of a group", concentration * share, &POSITIVE)?;
            sum += lgamma(prior + count) - lgamma(prior) - count * log(*share);
        }
        Ok(sum)
    }
}

/// The two-sided chance of fewer successes than expected.
fn binomial_two_sided(successes: f64, failures: f64, p: f64, q: f64) -> f64 {
    let trials = successes + failures;
    // P(X <= successes) and P(X >= edge) by the incomplete beta function.
    let near = if failures == 0.0 { 1.0 } else { lower_tail(failures, successes + 1.0, q, p) };
    let edge = far_edge(successes, trials, p, q);
    let far = if edge > trials { 0.0 } else { lower_tail(edge, trials - edge + 1.0, p, q) };
    (near + far).min(1.0)
}

/// The least outcome above the expected one that is no likelier than `successes`; `trials + 1` for
/// none.
fn far_edge(successes: f64, trials: f64, p: f64, q: f64) -> f64 {
    let limit = ln_binomial(successes, trials - successes, p, q) + 1e-7;
    let (mut low, mut high) = (ceil(trials * p).max(successes + 1.0), trials + 1.0);
    // A bracket of doubles halves no more than 64 times before it is a single outcome.
    for _ in 0..64 {
        if low >= high {
            break;
        }
        let middle = floor(f64::midpoint(low, high));
        if ln_binomial(middle, trials - middle, p, q) <= limit {
            high = middle;
        } else {
            low = middle + 1.0;
        }
    }
    high
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use libm::exp;

    use super::*;

    fn ratio(groups: &[(u64, f64)]) -> Result<SampleRatio, OutOfRange> {
        let groups: Vec<Group> =
            groups.iter().map(|&(count, weight)| Group { count, weight }).collect();
        SampleRatio::new(&groups)
    }

    #[test]
    fn weights_that_are_none_are_refused() {
        assert!(ratio(&[]).is_err());
        assert!(ratio(&[(1, 1.0)]).is_err());
        for weight in [f64::NAN, 0.0, -1.0, f64::INFINITY, 1e-320, f64::MAX] {
            assert!(ratio(&[(1, weight), (1, f64::MAX)]).is_err(), "{weight}");
        }
        let even = ratio(&[(1, 1.0), (1, 1.0)]).unwrap();
        for concentration in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            assert!(even.ln_e(concentration).is_err());
        }
    }

    #[test]
    fn nothing_counted_says_nothing() {
        let none = ratio(&[(0, 1.0), (0, 3.0)]).unwrap();
        assert_eq!((none.p_value(), none.exact_p_value()), (1.0, Some(1.0)));
        assert_eq!(none.ln_e(100.0).unwrap(), 0.0);
    }

    #[test]
    fn only_the_proportion_of_the_weights_matters() {
        let one = ratio(&[(40, 1.0), (70, 3.0)]).unwrap();
        let other = ratio(&[(40, 25.0), (70, 75.0)]).unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn exact_chances_are_those_of_scipy() {
        // scipy 1.17.1, binomtest(count, total, share).pvalue
        let cases = [
            (500_900, 1_000_000, 0.5, 0.072_018_627_676_477_61),
            (1200, 1_000_000, 0.001, 8.179_876_146_448_625e-10),
            (95, 1_000_000, 0.0001, 0.652_768_280_977_364_3),
            (899_500, 1_000_000, 0.9, 0.095_580_775_528_491_62),
            (300_500_100, 1_000_000_000, 0.3005, 0.994_496_733_804_977_5),
            (3, 20, 0.25, 0.439_374_100_063_105_3),
            (0, 12, 0.1, 0.623_427_284_692_000_1),
        ];
        for (count, total, share, expected) in cases {
            let p = ratio(&[(count, share), (total - count, 1.0 - share)]).unwrap();
            let p = p.exact_p_value().unwrap();
            assert!((p / expected - 1.0).abs() < 1e-7, "{count} of {total}: {p} for {expected}");
        }
    }

    #[test]
    fn the_exact_chance_is_the_sum_over_all_outcomes() {
        for total in [1_u64, 2, 7, 30] {
            for count in 0..=total {
                let p = ratio(&[(count, 0.3), (total - count, 0.7)]).unwrap();
                let chance = |k: u64| {
                    exp(ln_binomial(k as f64, (total - k) as f64, p.shares[0], p.shares[1]))
                };
                let limit = chance(count) * (1.0 + 1e-7);
                let sum: f64 = (0..=total).map(chance).filter(|other| *other <= limit).sum();
                let got = p.exact_p_value().unwrap();
                assert!((got - sum).abs() < 1e-12, "{count} of {total}: {got} for {sum}");
            }
        }
    }
}
