//! CUPED: a difference of means made sharper by what the units did before the experiment.

use crate::moments::Moments;
use crate::range::{FINITE, OutOfRange, within};
use crate::student::{DegreesOfFreedom, Estimate};
use crate::welch;

/// A unit's measurement before and during the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeforeAndDuring {
    /// Before.
    pub before: f64,
    /// During.
    pub during: f64,
}

/// Count, means and second moments of the units of an arm, added one by one or merged.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JointMoments {
    before: Moments,
    during: Moments,
    products: f64,
}

impl JointMoments {
    /// The moments of `units`.
    ///
    /// # Errors
    /// [`OutOfRange`] where a number is not finite.
    pub fn of(units: &[BeforeAndDuring]) -> Result<Self, OutOfRange> {
        let mut joint = Self::default();
        for unit in units {
            joint.add(*unit)?;
        }
        Ok(joint)
    }

    /// Adds a unit.
    ///
    /// # Errors
    /// [`OutOfRange`] for a number that is not finite; nothing is added then.
    pub fn add(&mut self, unit: BeforeAndDuring) -> Result<(), OutOfRange> {
        let before = within("value before", unit.before, &FINITE)?;
        let during = within("value during", unit.during, &FINITE)?;
        let apart = before - self.before.mean();
        self.before.add(before)?;
        self.during.add(during)?;
        self.products += apart * (during - self.during.mean());
        Ok(())
    }

    /// Adds all that `other` holds, as Chan, Golub and `LeVeque` (1983) merge variances.
    pub fn merge(&mut self, other: &Self) {
        let (mine, others) = (self.before.count() as f64, other.before.count() as f64);
        if others > 0.0 {
            let before = other.before.mean() - self.before.mean();
            let during = other.during.mean() - self.during.mean();
            self.products += other.products + before * during * mine * others / (mine + others);
        }
        self.before.merge(&other.before);
        self.during.merge(&other.during);
    }

    /// The covariance over `n - 1`; `None` below two units.
    pub fn covariance(&self) -> Option<f64> {
        let count = self.before.count();
        (count > 1).then(|| self.products / (count - 1) as f64)
    }

    /// The mean of `during - theta * before`, with variance `(var(during) + theta^2 var(before) - 2
    /// theta cov) / n`.
    fn adjusted(&self, theta: f64) -> Result<Adjusted, OutOfRange> {
        let count = within("units", self.before.count() as f64, &(2.0..=f64::MAX))?;
        let moments = (self.before.variance(), self.during.variance(), self.covariance());
        let (before, during, both) =
            (moments.0.unwrap_or(0.0), moments.1.unwrap_or(0.0), moments.2.unwrap_or(0.0));
        // Below zero by rounding alone.
        let variance = (during + theta * theta * before - 2.0 * theta * both).max(0.0);
        let value = self.during.mean() - theta * self.before.mean();
        let degrees = DegreesOfFreedom::new(count - 1.0)?;
        Ok(Adjusted { variance, mean: Estimate::new(value, variance / count, degrees)? })
    }
}

/// An arm after the adjustment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjusted {
    /// The variance between its units.
    pub variance: f64,
    /// Its mean.
    pub mean: Estimate,
}

/// The adjusted arms (Deng, Xu, Kohavi and Walker 2013).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuped {
    /// `cov(during, before) / var(before)` over the units of both arms together.
    pub theta: f64,
    /// The control.
    pub control: Adjusted,
    /// The treatment.
    pub treatment: Adjusted,
}

impl Cuped {
    /// Adjusts both arms by one `theta`; by 0 where no unit differed from another before.
    ///
    /// # Errors
    /// [`OutOfRange`] for fewer than two units in an arm, and where a result exceeds every double.
    pub fn new(control: &JointMoments, treatment: &JointMoments) -> Result<Self, OutOfRange> {
        let mut all = *control;
        all.merge(treatment);
        let theta = match (all.covariance(), all.before.variance()) {
            (Some(covariance), Some(variance)) if variance > 0.0 => covariance / variance,
            _ => 0.0,
        };
        let theta = within("theta", theta, &FINITE)?;
        Ok(Self { theta, control: control.adjusted(theta)?, treatment: treatment.adjusted(theta)? })
    }

    /// The adjusted treatment less the adjusted control.
    ///
    /// # Errors
    /// [`OutOfRange`] where the difference or its variance exceeds every double.
    pub fn difference(&self) -> Result<Estimate, OutOfRange> {
        welch::difference(&self.control.mean, &self.treatment.mean)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;

    const UNITS: [BeforeAndDuring; 5] = [
        BeforeAndDuring { before: 1.0, during: 2.5 },
        BeforeAndDuring { before: -3.0, during: 0.5 },
        BeforeAndDuring { before: 4.5, during: 4.0 },
        BeforeAndDuring { before: 0.0, during: 1.0 },
        BeforeAndDuring { before: 2.0, during: -7.0 },
    ];

    #[test]
    fn merging_equals_adding() {
        let whole = JointMoments::of(&UNITS).unwrap();
        for cut in 0..=UNITS.len() {
            let mut merged = JointMoments::of(&UNITS[..cut]).unwrap();
            merged.merge(&JointMoments::of(&UNITS[cut..]).unwrap());
            let (got, expected) = (merged.covariance().unwrap(), whole.covariance().unwrap());
            assert!((got - expected).abs() < 1e-14, "{got} for {expected}");
        }
    }

    #[test]
    fn a_past_without_spread_adjusts_nothing() {
        let flat = UNITS.map(|unit| BeforeAndDuring { before: 3.0, ..unit });
        let arm = JointMoments::of(&flat).unwrap();
        let cuped = Cuped::new(&arm, &arm).unwrap();
        assert_eq!(cuped.theta, 0.0);
        assert_eq!(cuped.difference().unwrap().value, 0.0);
    }

    #[test]
    fn a_past_that_tells_all_leaves_no_variance() {
        let told = UNITS.map(|unit| BeforeAndDuring { during: 2.0 * unit.before, ..unit });
        let arm = JointMoments::of(&told).unwrap();
        assert!(Cuped::new(&arm, &arm).unwrap().control.variance < 1e-12);
    }

    #[test]
    fn single_units_and_numbers_that_are_none_are_refused() {
        let (one, all) =
            (JointMoments::of(&UNITS[..1]).unwrap(), JointMoments::of(&UNITS).unwrap());
        assert!(Cuped::new(&one, &all).is_err());
        assert!(Cuped::new(&all, &JointMoments::default()).is_err());
        let mut joint = all;
        assert!(joint.add(BeforeAndDuring { before: f64::NAN, during: 1.0 }).is_err());
        assert!(joint.add(BeforeAndDuring { before: 1.0, during: f64::INFINITY }).is_err());
        assert_eq!(joint, all);
    }
}
