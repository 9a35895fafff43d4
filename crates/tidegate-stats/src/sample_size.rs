//! How many units a comparison of two shares needs.
//!
//! All sizes are per arm, for arms of equal size, for a one-sided test that looks the way the effect
//! points, and real numbers: whoever needs whole units rounds up.

use libm::{asin, erfc, exp, expm1, fabs, sqrt};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::range::{CHANCE, NOT_NEGATIVE, OutOfRange, within};
use crate::student::DegreesOfFreedom;

/// The least arm that has a variance.
const SMALLEST: f64 = 2.0;
/// Beyond this many units per arm the t test is the normal one.
const LARGEST: f64 = 1e8;

/// Cohen's effect size h (1988): `2 asin(sqrt(treatment)) - 2 asin(sqrt(control))`.
///
/// # Errors
/// [`OutOfRange`] for a share not between 0 and 1.
pub fn cohen_h(control: f64, treatment: f64) -> Result<f64, OutOfRange> {
    let control = within("share of the control", control, &(0.0..=1.0))?;
    let treatment = within("share of the treatment", treatment, &(0.0..=1.0))?;
    Ok(2.0 * (asin(sqrt(treatment)) - asin(sqrt(control))))
}

/// What is to be found, and how surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleSizePlan {
    control: f64,
    treatment: f64,
    effect: f64,
    alpha: f64,
    power: f64,
}

impl SampleSizePlan {
    /// Takes the shares expected of the arms, the chance of a false alarm, and that of finding the
    /// effect.
    ///
    /// # Errors
    /// [`OutOfRange`] for shares outside 0 to 1 or without an effect between them, and for chances not
    /// strictly between 0 and 1, of which `alpha` must be the lesser.
    pub fn new(control: f64, treatment: f64, alpha: f64, power: f64) -> Result<Self, OutOfRange> {
        let effect = fabs(cohen_h(control, treatment)?);
        // An effect below this needs more than 1e18 units.
        let effect = within("effect size", effect, &(1e-9..=GREATEST_EFFECT))?;
        let alpha = within("alpha", alpha, &CHANCE)?;
        let power = within("power", power, &(alpha..=*CHANCE.end()))?;
        Ok(Self { control, treatment, effect, alpha, power })
    }

    /// Units per arm for the normal test of the shares' arcsines (Cohen 1988): `2 ((z_a + z_p) /
    /// h)^2`.
    pub fn by_arcsine(&self) -> f64 {
        let ratio = (deviate(self.alpha) - deviate(self.power)) / self.effect;
        2.0 * ratio * ratio
    }

    /// The power of the arcsine test with `units` per arm: `P(Z > z_a - h sqrt(n/2))`.
    ///
    /// # Errors
    /// [`OutOfRange`] for a number of units that is negative or not finite.
    pub fn arcsine_power(&self, units: f64) -> Result<f64, OutOfRange> {
        let units = within("units", units, &NOT_NEGATIVE)?;
        Ok(Normal::standard().sf(deviate(self.alpha) - self.effect * sqrt(units / 2.0)))
    }

    /// The power of the t test with `units` per arm: the noncentral t's tail beyond the critical
    /// value.
    ///
    /// With `2n - 2` degrees of freedom and noncentrality `h sqrt(n/2)` (Cohen 1988).
    ///
    /// # Errors
    /// [`OutOfRange`] for fewer than two units and for more than 1e8.
    pub fn t_power(&self, units: f64) -> Result<f64, OutOfRange> {
        let units = within("units", units, &(SMALLEST..=LARGEST))?;
        let degrees = DegreesOfFreedom::new(2.0 * units - 2.0)?;
        let critical = -degrees.quantile(self.alpha)?;
        Ok(noncentral_survival(critical, degrees, self.effect * sqrt(units / 2.0)))
    }

    /// Units per arm for the t test with the effect size h: [`Self::t_power`] solved by bisection.
    ///
    /// Two at least, for one unit has no variance. Where the arcsine test needs more than 1e7, its
    /// number.
    ///
    /// # Errors
    /// Those of [`Self::t_power`], which no plan runs into.
    pub fn by_t(&self) -> Result<f64, OutOfRange> {
        let normal = self.by_arcsine();
        if normal > LARGEST / 10.0 {
            return Ok(normal);
        }
        let (mut low, mut high) = (SMALLEST, normal.max(SMALLEST));
        while high < LARGEST && self.t_power(high)? < self.power {
            low = high;
            high = (high * 1.05 + 1.0).min(LARGEST);
        }
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if high - low <= 1e-10 * high {
                break;
            }
            if self.t_power(middle)? < self.power {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }

    /// Units per arm for the test of the shares themselves, its variance pooled under the null.
    ///
    /// `((z_a sqrt(2 p(1-p)) + z_p sqrt(pc(1-pc) + pt(1-pt))) / (pt - pc))^2` with `p = (pc + pt) / 2`
    /// (Fleiss, Levin and Paik 2003, 4.14).
    pub fn by_pooled_wald(&self) -> f64 {
        let spread = |share: f64| share * (1.0 - share);
        let null = sqrt(2.0 * spread(f64::midpoint(self.control, self.treatment)));
        let alternative = sqrt(spread(self.control) + spread(self.treatment));
        let sum = deviate(self.alpha) * null - deviate(self.power) * alternative;
        let ratio = sum / (self.treatment - self.control);
        ratio * ratio
    }
}

/// The greatest effect size, between the shares 0 and 1, with room for rounding.
const GREATEST_EFFECT: f64 = 3.2;

/// The normal deviate that is exceeded with the chance `tail`.
fn deviate(tail: f64) -> f64 {
    -Normal::standard().inverse_cdf(tail)
}

/// `P(T > t)` for the noncentral t distribution, `T = (Z + delta) / s`.
///
/// The normal tail `P(Z > t s - delta)` averaged over `s = sqrt(chi^2 / nu)` (Owen 1965). In `u =
/// ln s` its density is proportional to `exp(nu (u - (e^2u - 1) / 2))`, which falls off so fast at
/// both ends that the trapezoidal rule converges exponentially (Trefethen and Weideman 2014); the
/// sum of the densities is divided out, so no constant enters.
fn noncentral_survival(t: f64, degrees: DegreesOfFreedom, delta: f64) -> f64 {
    let nu = degrees.value();
    // Beyond these the density is below e^-45 of its peak.
    let (left, right) = (45.0 / nu + 1.1 * sqrt(45.0 / nu), sqrt(45.0 / nu));
    let step = (left + right) / f64::from(NODES);
    let (mut tails, mut densities) = (0.0, 0.0);
    for node in 0..=NODES {
        let u = step * f64::from(node) - left;
        let density = exp(nu * (u - expm1(2.0 * u) / 2.0));
        let tail = 0.5 * erfc((t * exp(u) - delta) * core::f64::consts::FRAC_1_SQRT_2);
        tails += density * tail;
        densities += density;
    }
    tails / densities
}

/// Steps of the trapezoidal rule.
const NODES: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noncentral_tails_are_those_of_scipy() {
        // scipy 1.17.1, nct.sf(t, nu, delta)
        let cases = [
            (1.7, 2.0, 0.5, 0.216_922_689_857_336_04),
            (2.9, 2.0, 4.0, 0.806_727_569_250_182_1),
            (1.65, 4632.0, 2.4865, 0.798_553_646_821_768_8),
            (2.1, 17.3, 3.1, 0.834_229_941_195_444_9),
            (6.96, 2.0, 6.0, 0.519_978_926_408_614_8),
            (2.33, 98.0, 1.0, 0.095_745_454_274_997_28),
        ];
        for (t, nu, delta, expected) in cases {
            let tail = noncentral_survival(t, DegreesOfFreedom::new(nu).unwrap(), delta);
            assert!(fabs(tail / expected - 1.0) < 1e-8, "{t} {nu} {delta}: {tail} for {expected}");
        }
    }

    #[test]
    fn without_noncentrality_it_is_students_t() {
        for nu in [2.0, 3.5, 30.0, 1e4, 1e7] {
            let degrees = DegreesOfFreedom::new(nu).unwrap();
            for t in [0.0, 0.5, 2.0, 4.0] {
                let (got, expected) = (noncentral_survival(t, degrees, 0.0), degrees.survival(t));
                assert!(fabs(got / expected - 1.0) < 1e-9, "{nu} {t}: {got} for {expected}");
            }
        }
    }

    #[test]
    fn plans_that_are_none_are_refused() {
        assert!(SampleSizePlan::new(0.2, 0.2, 0.05, 0.8).is_err());
        assert!(SampleSizePlan::new(0.2, f64::NAN, 0.05, 0.8).is_err());
        assert!(SampleSizePlan::new(-0.1, 0.2, 0.05, 0.8).is_err());
        assert!(SampleSizePlan::new(0.1, 0.2, 0.0, 0.8).is_err());
        assert!(SampleSizePlan::new(0.1, 0.2, 0.05, 0.01).is_err());
        assert!(SampleSizePlan::new(0.1, 0.2, 0.05, f64::NAN).is_err());
        let plan = SampleSizePlan::new(0.1, 0.2, 0.05, 0.8).unwrap();
        assert!(plan.t_power(1.0).is_err() && plan.arcsine_power(f64::NAN).is_err());
    }

    #[test]
    fn a_false_alarm_may_be_as_rare_as_one_likes() {
        for alpha in [1e-300, 1e-20, 0.4] {
            let plan = SampleSizePlan::new(0.1, 0.2, alpha, 0.9).unwrap();
            let units = plan.by_t().unwrap();
            assert!(fabs(plan.t_power(units).unwrap() - 0.9) < 1e-6, "{alpha}: {units}");
        }
    }

    #[test]
    fn the_sizes_give_the_power_asked_for() {
        for (control, treatment) in [(0.01, 0.012), (0.2, 0.1), (0.0, 1.0), (0.3, 0.300_000_1)] {
            let plan = SampleSizePlan::new(control, treatment, 0.01, 0.9).unwrap();
            let power = plan.arcsine_power(plan.by_arcsine()).unwrap();
            assert!(fabs(power - 0.9) < 1e-9, "{power}");
            let units = plan.by_t().unwrap();
            assert!(units >= plan.by_arcsine(), "{units}");
            if units <= LARGEST {
                assert!(plan.t_power(units).unwrap() >= 0.9 - 1e-9);
            }
        }
    }
}
