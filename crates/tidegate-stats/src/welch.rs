//! The difference of two means whose variances differ: Welch's t test.

use crate::moments::Moments;
use crate::range::{OutOfRange, within};
use crate::student::{DegreesOfFreedom, Estimate};

/// The least number of values that have a variance.
const LEAST: f64 = 2.0;

/// The mean of the values with its variance `s^2 / n` and `n - 1` degrees of freedom.
///
/// # Errors
/// [`OutOfRange`] for fewer than two values and for a variance beyond every double.
pub fn mean(values: &Moments) -> Result<Estimate, OutOfRange> {
    let count = within("values", values.count() as f64, &(LEAST..=f64::MAX))?;
    // Of two values or more there is a variance.
    let variance = values.variance().unwrap_or(0.0) / count;
    Estimate::new(values.mean(), variance, DegreesOfFreedom::new(count - 1.0)?)
}

/// `treatment - control` for independent estimates, with the degrees of freedom of Satterthwaite
/// (1946).
///
/// `V = Vt + Vc` and `nu = V^2 / (Vt^2 / nu_t + Vc^2 / nu_c)`; the lesser of both where `V` is 0.
///
/// # Errors
/// [`OutOfRange`] where the difference or its variance exceeds every double.
pub fn difference(control: &Estimate, treatment: &Estimate) -> Result<Estimate, OutOfRange> {
    let variance = control.variance + treatment.variance;
    let degrees = if variance > 0.0 {
        let part = |arm: &Estimate| {
            let share = arm.variance / variance;
            share * share / arm.degrees.value()
        };
        // Never less than the lesser of both, were it not for rounding.
        let degrees = 1.0 / (part(control) + part(treatment));
        DegreesOfFreedom::new(degrees.max(DegreesOfFreedom::MIN))?
    } else if control.degrees < treatment.degrees {
        control.degrees
    } else {
        treatment.degrees
    };
    Estimate::new(treatment.value - control.value, variance, degrees)
}

/// Whether the mean of the treatment differs from that of the control (Welch 1947).
///
/// Its bounds are those of [`Self::difference`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    difference: Estimate,
}

impl Welch {
    /// Compares two samples.
    ///
    /// # Errors
    /// [`OutOfRange`] for fewer than two values in one, and where a result exceeds every double.
    pub fn new(control: &Moments, treatment: &Moments) -> Result<Self, OutOfRange> {
        Ok(Self { difference: difference(&mean(control)?, &mean(treatment)?)? })
    }

    /// Treatment less control.
    pub const fn difference(&self) -> &Estimate {
        &self.difference
    }

    /// The difference in units of its standard error; 0 for no difference at all.
    pub fn statistic(&self) -> f64 {
        self.difference.statistic()
    }

    /// The chance of a statistic at least as far from 0 were the means equal.
    pub fn p_two_sided(&self) -> f64 {
        self.difference.p_two_sided()
    }

    /// The chance of a statistic at least as large were the treatment's mean not the larger.
    pub fn p_larger(&self) -> f64 {
        self.difference.degrees.survival(self.statistic())
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        Moments::of(values).unwrap()
    }

    #[test]
    fn one_value_has_no_variance() {
        assert!(Welch::new(&of(&[1.0]), &of(&[1.0, 2.0])).is_err());
        assert!(Welch::new(&of(&[1.0, 2.0]), &Moments::default()).is_err());
    }

    #[test]
    fn values_without_spread_differ_for_certain_or_not_at_all() {
        let same = Welch::new(&of(&[1.0, 1.0]), &of(&[1.0, 1.0, 1.0])).unwrap();
        assert_eq!((same.statistic(), same.p_two_sided(), same.p_larger()), (0.0, 1.0, 0.5));
        let more = Welch::new(&of(&[1.0, 1.0]), &of(&[2.0, 2.0, 2.0])).unwrap();
        assert_eq!((more.p_two_sided(), more.p_larger()), (0.0, 0.0));
        let less = Welch::new(&of(&[2.0, 2.0]), &of(&[1.0, 1.0, 1.0])).unwrap();
        assert_eq!((less.p_two_sided(), less.p_larger()), (0.0, 1.0));
        assert_eq!(less.difference().degrees.value(), 1.0);
    }

    #[test]
    fn known_variances_leave_a_normal_difference() {
        let known = Estimate::new(1.0, 0.5, DegreesOfFreedom::INFINITE).unwrap();
        let both = difference(&known, &known).unwrap();
        assert_eq!((both.value, both.variance), (0.0, 1.0));
        assert_eq!(both.degrees, DegreesOfFreedom::INFINITE);
    }

    #[test]
    fn variances_beyond_every_double_are_refused() {
        assert!(Welch::new(&of(&[-1e300, 1e300]), &of(&[1.0, 2.0])).is_err());
    }
}
