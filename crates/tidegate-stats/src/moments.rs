//! Count, mean and spread of numbers, added one by one or merged.

use crate::range::{FINITE, OutOfRange, within};

/// Count, mean and sum of squared deviations.
///
/// Welford (1962) for one number more, Chan, Golub and `LeVeque` (1983) for merging: neither loses
/// digits where the mean is large against the spread.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The moments of `values`.
    ///
    /// # Errors
    /// [`OutOfRange`] where one is not finite.
    pub fn of(values: &[f64]) -> Result<Self, OutOfRange> {
        let mut moments = Self::default();
        for value in values {
            moments.add(*value)?;
        }
        Ok(moments)
    }

    /// Adds a number.
    ///
    /// # Errors
    /// [`OutOfRange`] for a number that is not finite; nothing is added then.
    pub fn add(&mut self, value: f64) -> Result<(), OutOfRange> {
        let value = within("value", value, &FINITE)?;
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
        Ok(())
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (mine, others) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        let both = mine + others;
        self.count += other.count;
        self.mean += apart * others / both;
        self.squares += other.squares + apart * apart * mine * others / both;
    }

    /// How many numbers.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 where there are none.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance over `n - 1`; `None` below two.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 6] = [1e9 + 1.0, 1e9 + 4.0, 1e9 - 2.0, 1e9, 1e9 + 0.5, 1e9 + 7.0];

    #[test]
    fn spread_beside_a_large_mean_keeps_its_digits() {
        let moments = Moments::of(&VALUES).unwrap();
        let small = Moments::of(&VALUES.map(|value| value - 1e9)).unwrap();
        assert_eq!(moments.count(), 6);
        assert!((moments.mean() - 1e9 - small.mean()).abs() < 1e-6);
        assert!((moments.variance().unwrap() / small.variance().unwrap() - 1.0).abs() < 1e-6);
        assert!((small.variance().unwrap() - 10.375).abs() < 1e-12);
    }

    #[test]
    fn merging_equals_adding() {
        let whole = Moments::of(&VALUES).unwrap();
        for cut in 0..=VALUES.len() {
            let mut merged = Moments::of(&VALUES[..cut]).unwrap();
            merged.merge(&Moments::of(&VALUES[cut..]).unwrap());
            assert_eq!(merged.count(), whole.count());
            assert!((merged.mean() - whole.mean()).abs() < 1e-6);
            assert!((merged.variance().unwrap() / whole.variance().unwrap() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn one_value_has_no_variance_and_none_no_mean() {
        assert_eq!((Moments::default().mean(), Moments::default().variance()), (0.0, None));
        let one = Moments::of(&[5.0]).unwrap();
        assert_eq!((one.mean(), one.variance()), (5.0, None));
    }

    #[test]
    fn values_that_are_none_are_refused_and_change_nothing() {
        let mut moments = Moments::of(&VALUES).unwrap();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(moments.add(value).is_err());
        }
        assert_eq!(moments, Moments::of(&VALUES).unwrap());
    }
}
