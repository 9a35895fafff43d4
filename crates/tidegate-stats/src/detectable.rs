//! What a test of given size can see at all.

use libm::sqrt;

use crate::range::{NOT_NEGATIVE, OutOfRange, POSITIVE, within};

/// A change of this many standard errors is found by the end of a test in about half of all cases, with
/// evidence of 50 to 200 asked for at looks without end (measured by simulation).
pub const STANDARD_ERRORS: f64 = 3.9;

/// How one metric varies: between cameras, from event to event, and how well a camera's past tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricVariation {
    /// The variance of one event of a camera drawn at random: `p(1 - p)` for a rate, the squared
    /// coefficient of variation for a mean.
    pub event: f64,
    /// The part of it that lies between cameras: the intraclass correlation ρ, 0 to below 1.
    pub correlation: f64,
    /// The part of the difference between cameras that is new every day, 0 to 1.
    pub drift: f64,
}

/// How much is seen of each camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    /// Trials of one camera in the test.
    pub test: f64,
    /// Trials of one camera before it, in shadow.
    pub shadow: f64,
}

impl MetricVariation {
    /// Takes a variation.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first number out of range.
    pub fn new(event: f64, correlation: f64, drift: f64) -> Result<Self, OutOfRange> {
        Ok(Self {
            event: within("variance of one event", event, &NOT_NEGATIVE)?,
            correlation: within("intraclass correlation", correlation, &(0.0..=0.99))?,
            drift: within("drift share", drift, &(0.0..=1.0))?,
        })
    }

    /// The standard error of a comparison of `control` with `treatment` cameras.
    ///
    /// A camera's value varies by `σ² [(1-ρ)/M + ρ ((1-δ) κ/(κ+M₀) + δ)]`, M trials in the test, M₀ in
    /// shadow, `κ = (1-ρ)/ρ`, δ the drift: the first term is chance, the second what the camera's past
    /// does not tell (the posterior variance of the beta-binomial model). The error of the difference
    /// adds both variants' variances over their cameras.
    ///
    /// # Errors
    /// [`OutOfRange`] without cameras or trials in the test.
    pub fn between_error(
        &self,
        trials: Trials,
        [control, treatment]: [f64; 2],
    ) -> Result<f64, OutOfRange> {
        let test = within("trials of a camera in the test", trials.test, &POSITIVE)?;
        let shadow = within("trials of a camera in shadow", trials.shadow, &NOT_NEGATIVE)?;
        let control = within("control cameras", control, &POSITIVE)?;
        let treatment = within("treatment cameras", treatment, &POSITIVE)?;
        let Self { event, correlation, drift } = *self;
        // κ/(κ + M₀), with κ = (1-ρ)/ρ multiplied out so that ρ = 0 is allowed.
        let unknown = (1.0 - correlation) / (1.0 - correlation + correlation * shadow);
        let chance = (1.0 - correlation) / test;
        let camera = correlation * ((1.0 - drift) * unknown + drift);
        Ok(sqrt(event * (chance + camera) * (1.0 / control + 1.0 / treatment)))
    }

    /// The standard error of a switchback over `cameras`, each with a `share` of its trials under the
    /// treatment: `sqrt(σ² (1-ρ) / (G M s (1-s)))`. What is constant in a camera cancels.
    ///
    /// # Errors
    /// [`OutOfRange`] without cameras, trials, or two variants.
    pub fn within_error(
        &self,
        trials: Trials,
        cameras: f64,
        share: f64,
    ) -> Result<f64, OutOfRange> {
        let test = within("trials of a camera in the test", trials.test, &POSITIVE)?;
        let cameras = within("cameras", cameras, &POSITIVE)?;
        let share = within("share", share, &(f64::MIN_POSITIVE..=1.0 - f64::EPSILON))?;
        let weight = cameras * test * share * (1.0 - share);
        Ok(sqrt(self.event * (1.0 - self.correlation) / weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_of_fifty_sees_about_14_points() {
        // 50 cameras, 30 labels each in the test and in shadow, base rate 60 %, ρ = 0.1, a fifth of it
        // drifting: 0.24 * (0.9/30 + 0.1 * (0.8 * 9/39 + 0.2)) = 0.016431; two groups of 25.
        let variation = MetricVariation::new(0.24, 0.1, 0.2).unwrap();
        let trials = Trials { test: 30.0, shadow: 30.0 };
        let error = variation.between_error(trials, [25.0, 25.0]).unwrap();
        assert!((error * error - 0.016_430_77 * 2.0 / 25.0).abs() < 1e-8);
        assert!((STANDARD_ERRORS * error - 0.1414).abs() < 1e-4);
    }

    #[test]
    fn without_correlation_only_the_number_of_trials_matters() {
        let variation = MetricVariation::new(0.25, 0.0, 0.0).unwrap();
        let few = variation.between_error(Trials { test: 100.0, shadow: 0.0 }, [5.0, 5.0]).unwrap();
        let many =
            variation.between_error(Trials { test: 10.0, shadow: 0.0 }, [50.0, 50.0]).unwrap();
        assert!((few - many).abs() < 1e-12);
        assert!((few * few - 0.25 / 500.0 * 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert!(MetricVariation::new(f64::NAN, 0.1, 0.1).is_err());
        assert!(MetricVariation::new(0.1, 1.0, 0.1).is_err());
        let variation = MetricVariation::new(0.1, 0.1, 0.1).unwrap();
        let none = Trials { test: 0.0, shadow: 0.0 };
        assert!(variation.between_error(none, [1.0, 1.0]).is_err());
        assert!(variation.within_error(Trials { test: 1.0, shadow: 0.0 }, 4.0, 1.0).is_err());
    }
}
