//! Student's t distribution and the bounds drawn from it.

use libm::{fabs, sqrt};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::beta::lower_tail;
use crate::range::{CHANCE, FINITE, NOT_NEGATIVE, OutOfRange, within};

/// Degrees of freedom: how much a variance estimate may be trusted; infinite where it is known.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DegreesOfFreedom(f64);

impl DegreesOfFreedom {
    /// The least that is used, for estimates from hardly more than one unit.
    pub const MIN: f64 = 0.01;
    /// The variance is known: the distribution is normal.
    pub const INFINITE: Self = Self(f64::INFINITY);

    /// Takes a number of at least [`Self::MIN`]; infinity is allowed.
    ///
    /// # Errors
    /// [`OutOfRange`] for anything less and for NaN.
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        within("degrees of freedom", value, &(Self::MIN..=f64::INFINITY)).map(Self)
    }

    /// The degrees of freedom as a number, above 0.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// `P(X <= t)` for Student's t with these degrees of freedom.
    ///
    /// By the regularised incomplete beta function (Abramowitz and Stegun 1964, 26.7.1).
    pub fn cdf(self, t: f64) -> f64 {
        let tail = self.upper_tail(fabs(t));
        if t > 0.0 { 1.0 - tail } else { tail }
    }

    /// `P(X > t)`, without loss of digits where it is small.
    pub fn survival(self, t: f64) -> f64 {
        let tail = self.upper_tail(fabs(t));
        if t >= 0.0 { tail } else { 1.0 - tail }
    }

    /// `P(X > t)` for `t >= 0`.
    fn upper_tail(self, t: f64) -> f64 {
        let nu = self.0;
        if nu > NORMAL_FROM {
            // Hill (1970): a normal deviate with the same tail, to the second order in 1 / (nu - 1/2).
            let z = if nu.is_infinite() {
                t
            } else {
                let a = nu - 0.5;
                let z = sqrt(a * libm::log1p(t * t / nu));
                z + (z * z + 3.0) * z / (48.0 * a * a)
            };
            return Normal::standard().sf(z);
        }
        let square = t * t;
        let (below, above) = (square / (nu + square), nu / (nu + square));
        if square <= nu {
            // The complement keeps its digits where t is small.
            0.5 - 0.5 * lower_tail(0.5, nu / 2.0, below, above)
        } else {
            0.5 * lower_tail(nu / 2.0, 0.5, above, below)
        }
    }

    /// The `t` with `P(X <= t) = chance`; `chance` strictly between 0 and 1.
    ///
    /// Up to a thousand degrees of freedom by bisected Newton steps on the distribution function, above
    /// by Fisher and Cornish's expansion around the normal quantile (Abramowitz and Stegun 26.7.5).
    ///
    /// # Errors
    /// [`OutOfRange`] for any other `chance`.
    pub fn quantile(self, chance: f64) -> Result<f64, OutOfRange> {
        let chance = within("chance", chance, &CHANCE)?;
        if chance < 0.5 {
            Ok(-self.upper_quantile(chance))
        } else {
            Ok(self.upper_quantile(1.0 - chance))
        }
    }

    /// The `t >= 0` that is exceeded with the chance `tail <= 0.5`.
    fn upper_quantile(self, tail: f64) -> f64 {
        let nu = self.0;
        let z = -Normal::standard().inverse_cdf(tail);
        let expansion = expansion(z, nu);
        if nu > EXPANDED_FROM {
            return expansion;
        }
        let (mut low, mut high) = (0.0, if expansion > 1.0 { expansion } else { 1.0 });
        while self.upper_tail(high) > tail && high < 1e150 {
            low = high;
            high *= 8.0;
        }
        let mut t =
            if low < expansion && expansion < high { expansion } else { f64::midpoint(low, high) };
        for _ in 0..200 {
            let excess = self.upper_tail(t) - tail;
            if excess > 0.0 {
                low = t;
            } else {
                high = t;
            }
            let newton = t + excess / self.density(t);
            let next =
                if low < newton && newton < high { newton } else { f64::midpoint(low, high) };
            if fabs(next - t) <= 1e-13 * t {
                return next;
            }
            t = next;
        }
        t
    }

    fn density(self, t: f64) -> f64 {
        use statrs::function::gamma::ln_gamma;
        let nu = self.0;
        let ln = ln_gamma(f64::midpoint(nu, 1.0))
            - ln_gamma(nu / 2.0)
            - 0.5 * libm::log(nu * core::f64::consts::PI)
            - f64::midpoint(nu, 1.0) * libm::log1p(t * t / nu);
        libm::exp(ln)
    }
}

/// Beyond this many degrees of freedom tails are taken from the normal distribution.
const NORMAL_FROM: f64 = 1e5;
/// Beyond this many degrees of freedom the expansion has all the digits.
const EXPANDED_FROM: f64 = 1e3;

/// Abramowitz and Stegun 26.7.5: the quantile of t from that of the normal.
fn expansion(z: f64, nu: f64) -> f64 {
    if nu.is_infinite() {
        return z;
    }
    let z2 = z * z;
    let g1 = (z2 + 1.0) * z / 4.0;
    let g2 = ((5.0 * z2 + 16.0) * z2 + 3.0) * z / 96.0;
    let g3 = (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) * z / 384.0;
    let g4 = ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) * z / 92_160.0;
    z + (g1 + (g2 + (g3 + g4 / nu) / nu) / nu) / nu
}

/// An estimate with what is known of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The variance of its error.
    pub variance: f64,
    /// How much the variance may be trusted.
    pub degrees: DegreesOfFreedom,
}

impl Estimate {
    /// Takes an estimate.
    ///
    /// # Errors
    /// [`OutOfRange`] for a value that is not finite or a variance below zero.
    pub fn new(value: f64, variance: f64, degrees: DegreesOfFreedom) -> Result<Self, OutOfRange> {
        let value = within("estimate", value, &FINITE)?;
        let variance = within("variance", variance, &NOT_NEGATIVE)?;
        Ok(Self { value, variance, degrees })
    }

    /// The value in units of its standard error; 0 for a value of 0.
    pub fn statistic(&self) -> f64 {
        if self.value == 0.0 { 0.0 } else { self.value / sqrt(self.variance) }
    }

    /// The chance of a statistic at least as far from 0 were the true value 0.
    pub fn p_two_sided(&self) -> f64 {
        2.0 * self.degrees.survival(fabs(self.statistic()))
    }

    /// The bound the true value is below with `confidence`: `value + t * sqrt(variance)`.
    ///
    /// # Errors
    /// [`OutOfRange`] for a confidence not strictly between 0 and 1.
    pub fn upper_bound(&self, confidence: f64) -> Result<f64, OutOfRange> {
        Ok(self.value + self.degrees.quantile(confidence)? * sqrt(self.variance))
    }

    /// The bound the true value is above with `confidence`: `value - t * sqrt(variance)`.
    ///
    /// # Errors
    /// [`OutOfRange`] for a confidence not strictly between 0 and 1.
    pub fn lower_bound(&self, confidence: f64) -> Result<f64, OutOfRange> {
        Ok(self.value - self.degrees.quantile(confidence)? * sqrt(self.variance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(nu: f64) -> DegreesOfFreedom {
        DegreesOfFreedom::new(nu).unwrap()
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let cases = [
            (1.0, 0.95, 6.313_751_514_675_043),
            (2.0, 0.95, 2.919_985_580_353_725),
            (10.0, 0.975, 2.228_138_851_964_938_5),
            (f64::INFINITY, 0.95, 1.644_853_626_951_472_2),
        ];
        for (nu, chance, expected) in cases {
            let t = degrees(nu).quantile(chance).unwrap();
            assert!(fabs(t / expected - 1.0) < 1e-10, "{nu} {chance}: {t} for {expected}");
            let mirrored = degrees(nu).quantile(1.0 - chance).unwrap();
            assert!(fabs(mirrored / expected + 1.0) < 1e-10, "{nu} {chance}: {mirrored}");
        }
    }

    #[test]
    fn tails_of_many_degrees_are_those_of_scipy() {
        // scipy 1.17.1, t.sf(t, nu)
        let cases = [
            (99999.0, 2.0, 0.022_751_481_742_251_223),
            (100_001.0, 2.0, 0.022_751_481_715_255_494),
            (200_000.0, 6.0, 9.882_749_439_674_027e-10),
            (10_000_000.0, 0.5, 0.308_537_544_227_007_4),
        ];
        for (nu, t, expected) in cases {
            let tail = degrees(nu).survival(t);
            assert!(fabs(tail / expected - 1.0) < 1e-9, "{nu} {t}: {tail} for {expected}");
        }
    }

    #[test]
    fn the_quantile_undoes_the_distribution_function() {
        let chances = [0.501, 0.55, 0.6, 0.75, 0.9, 0.95, 0.975, 0.99, 0.999, 0.9999];
        for step in 0..=200 {
            // From 0.02 to 1e7 in equal ratios.
            let nu = 0.02 * libm::pow(5e8, f64::from(step) / 200.0);
            for chance in chances {
                let t = degrees(nu).quantile(chance).unwrap();
                let tail = degrees(nu).survival(t);
                let reached = fabs(tail / (1.0 - chance) - 1.0) < 1e-9;
                // With next to no degrees of freedom the bound lies beyond what can be squared.
                assert!(reached || t > 1e149, "{nu} {chance}: {t} {tail}");
                assert!(fabs(degrees(nu).cdf(-t) - tail) < 1e-15, "{nu} {chance}");
            }
        }
    }

    #[test]
    fn quantiles_far_out_end_too() {
        for nu in [0.01, 0.5, 3.0, 1e3, 1e5, 1e12] {
            for chance in [f64::MIN_POSITIVE, 1e-200, 0.5, 1.0 - f64::EPSILON / 2.0] {
                assert!(degrees(nu).quantile(chance).unwrap().is_finite(), "{nu} {chance}");
            }
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for nu in [f64::NAN, 0.0, -1.0, 0.009] {
            assert!(DegreesOfFreedom::new(nu).is_err(), "{nu}");
        }
        for chance in [f64::NAN, 0.0, 1.0, -0.5] {
            assert!(degrees(5.0).quantile(chance).is_err(), "{chance}");
        }
        assert!(Estimate::new(f64::NAN, 1.0, degrees(5.0)).is_err());
        assert!(Estimate::new(1.0, -1.0, degrees(5.0)).is_err());
        assert!(Estimate::new(1.0, f64::INFINITY, degrees(5.0)).is_err());
    }

    #[test]
    fn bounds_lie_as_far_on_either_side() {
        let estimate = Estimate::new(3.0, 4.0, degrees(10.0)).unwrap();
        let far = 2.0 * 2.228_138_851_964_938_5;
        assert!(fabs(estimate.upper_bound(0.975).unwrap() - 3.0 - far) < 1e-9);
        assert!(fabs(estimate.lower_bound(0.975).unwrap() - 3.0 + far) < 1e-9);
    }
}
