//! One variant's mean over cameras, and how sure it is.
//!
//! Events of one camera are alike, so they are not counted as independent: each camera gives one value
//! with one weight, and the spread between cameras tells the error of their mean. The word *arm* is the
//! trial literature's for the units of one variant.

use alloc::vec::Vec;

use crate::range::{FINITE, NOT_NEGATIVE, OutOfRange, POSITIVE, within};
use crate::student::{DegreesOfFreedom, Estimate};
use crate::welch;

/// How alike the events of one camera are taken to be when cameras are weighted: the design
/// intraclass correlation of [`weight`]. It affects efficiency, not validity.
pub const DESIGN_CORRELATION: f64 = 0.05;

/// The weight of a camera with `trials` trials: `M / (1 + (M - 1) r)`, the number of independent events
/// that `trials` correlated ones are worth (Kish 1965, the design effect). With r = 0.05 it grows like
/// `M` for few trials and levels off at 20.
#[inline]
pub fn weight(trials: u64, correlation: f64) -> f64 {
    trials as f64 * discount(trials, correlation)
}

#[inline]
fn discount(trials: u64, correlation: f64) -> f64 {
    1.0 / (1.0 + (trials as f64 - 1.0) * correlation)
}

/// The squares within a camera, over its squared mean; nothing where they do not vary.
#[inline]
pub(crate) fn relative_squares(count: u64, sum: f64, square_sum: f64) -> f64 {
    let mean = sum / count as f64;
    let squares = square_sum - sum * mean;
    if mean > 0.0 && squares > 0.0 { squares / (mean * mean) } else { 0.0 }
}

/// One camera's value and weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CameraValue {
    pub(crate) weight: f64,
    pub(crate) value: f64,
}

impl CameraValue {
    /// `y = N/M - offset`, of `events` in `trials`.
    #[inline]
    pub(crate) fn checked_rate(
        trials: u64,
        events: u64,
        offset: f64,
        correlation: f64,
    ) -> Result<Self, OutOfRange> {
        within("events", events as f64, &(0.0..=trials as f64))?;
        within("offset", offset, &FINITE)?;
        Ok(Self::of_rate(trials, events, offset, correlation))
    }

    /// `y = sum / count / baseline`; the sum of squares is checked for whoever adds it up.
    #[inline]
    pub(crate) fn checked_mean(
        count: u64,
        sum: f64,
        square_sum: f64,
        baseline: f64,
    ) -> Result<Self, OutOfRange> {
        within("sum", sum, &NOT_NEGATIVE)?;
        within("sum of squares", square_sum, &NOT_NEGATIVE)?;
        within("baseline", baseline, &POSITIVE)?;
        Ok(Self::of_mean(count, sum, baseline))
    }

    #[inline]
    fn of_rate(trials: u64, events: u64, offset: f64, correlation: f64) -> Self {
        let value = events as f64 / trials as f64 - offset;
        Self { weight: weight(trials, correlation), value }
    }

    #[inline]
    fn of_mean(count: u64, sum: f64, baseline: f64) -> Self {
        let value = sum / count as f64 / baseline;
        Self { weight: weight(count, DESIGN_CORRELATION), value }
    }
}

/// The mean over the cameras of one variant, without what tells how sure it is: to the last bit that of
/// [`Arm::mean`], for a small part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    weights: f64,
    weighted_values: f64,
}

impl Mean {
    /// Takes in a camera as [`Cameras::add_rate`] does, unchecked: what that refuses gives any number here.
    #[inline]
    pub fn add_rate(&mut self, trials: u64, events: u64, offset: f64, correlation: f64) {
        if trials > 0 {
            self.push(CameraValue::of_rate(trials, events, offset, correlation));
        }
    }

    /// Takes in a camera as [`Cameras::add_mean`] does, unchecked: what that refuses gives any number here.
    #[inline]
    pub fn add_mean(&mut self, count: u64, sum: f64, baseline: f64) {
        if count > 0 {
            self.push(CameraValue::of_mean(count, sum, baseline));
        }
    }

    #[inline]
    fn push(&mut self, CameraValue { weight, value }: CameraValue) {
        self.weights += weight;
        self.weighted_values += weight * value;
    }

    /// What all cameras weigh together.
    #[inline]
    pub const fn weights(&self) -> f64 {
        self.weights
    }

    /// The mean; NaN without cameras.
    #[inline]
    pub fn value(&self) -> f64 {
        self.weighted_values / self.weights
    }
}

/// The cameras of one variant, taken in one by one.
///
/// The sums of squares for the binomial or within-camera variance are gathered on the way; see
/// [`Self::rate`] and [`Self::mean`].
#[derive(Debug, Clone, Default)]
pub struct Cameras {
    readings: Vec<CameraValue>,
    trials: u64,
    events: u64,
    mean: Mean,
    squared_weights: f64,
    /// Σ w²/M for rates, Σ w² y²/n for means: what one trial's variance is multiplied with.
    trial_factors: f64,
    /// Σ of the squares within cameras, each over its camera's squared mean.
    relative_squares: f64,
}

impl Cameras {
    /// No cameras yet, with room for `cameras`.
    pub fn with_capacity(cameras: usize) -> Self {
        Self { readings: Vec::with_capacity(cameras), ..Self::default() }
    }

    /// Takes in a camera of which `events` of `trials` trials had the property: `y = N/M - offset`.
    /// A camera without trials is left out.
    ///
    /// # Errors
    /// [`OutOfRange`] for more events than trials and for an offset that is not finite.
    #[inline]
    pub fn add_rate(
        &mut self,
        trials: u64,
        events: u64,
        offset: f64,
        correlation: f64,
    ) -> Result<(), OutOfRange> {
        if trials == 0 {
            return Ok(());
        }
        let reading = CameraValue::checked_rate(trials, events, offset, correlation)?;
        self.push(reading);
        self.trials += trials;
        self.events += events;
        self.trial_factors += reading.weight * discount(trials, correlation);
        Ok(())
    }

    /// Takes in a camera whose `count` measurements sum to `sum` and, squared, to `square_sum`:
    /// `y = sum / count / baseline`. A camera without measurements is left out.
    ///
    /// # Errors
    /// [`OutOfRange`] for negative or infinite sums and for a baseline that is not above zero.
    #[inline]
    pub fn add_mean(
        &mut self,
        count: u64,
        sum: f64,
        square_sum: f64,
        baseline: f64,
    ) -> Result<(), OutOfRange> {
        if count == 0 {
            return Ok(());
        }
        let reading = CameraValue::checked_mean(count, sum, square_sum, baseline)?;
        let CameraValue { weight, value } = reading;
        self.push(reading);
        self.trials += count;
        self.trial_factors += weight * discount(count, DESIGN_CORRELATION) * value * value;
        self.relative_squares += relative_squares(count, sum, square_sum);
        Ok(())
    }

    #[inline]
    fn push(&mut self, reading: CameraValue) {
        self.readings.push(reading);
        self.mean.push(reading);
        self.squared_weights += reading.weight * reading.weight;
    }

    /// Cameras with at least one trial.
    pub fn count(&self) -> u64 {
        self.readings.len() as u64
    }

    /// Trials of all cameras.
    pub const fn trials(&self) -> u64 {
        self.trials
    }

    /// What all cameras weigh together: the independent events that their trials are worth.
    pub const fn weights(&self) -> f64 {
        self.mean.weights
    }

    /// Events of all cameras.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The mean rate less offsets; `None` below two cameras, where nothing is known of their spread.
    ///
    /// Floor of the variance: `p (1 - p) Σ(w²/M) / W²` with `p = (ΣN + ½) / (ΣM + 1)`, what independent
    /// events would have (Jeffreys' ½ keeps it above zero where there were none, or nothing else).
    pub fn rate(&self) -> Option<Arm> {
        let p = (self.events as f64 + 0.5) / (self.trials as f64 + 1.0);
        self.arm(p * (1.0 - p))
    }

    /// The mean of means; `None` below two cameras.
    ///
    /// Floor of the variance: `cv² Σ(w² y²/n) / W²` with the squared coefficient of variation within
    /// cameras, pooled over them: `Σ(SS/x̄²) / Σ(n - 1)`.
    pub fn mean(&self) -> Option<Arm> {
        let within = self.trials.checked_sub(self.count()).filter(|within| *within > 0);
        let squared_cv = within.map_or(0.0, |within| self.relative_squares / within as f64);
        self.arm(squared_cv)
    }

    fn arm(&self, trial_variance: f64) -> Option<Arm> {
        if self.readings.len() < 2 {
            return None;
        }
        let total = self.mean.weights;
        let mean = self.mean.value();
        let mut squares = 0.0;
        for reading in &self.readings {
            let change = reading.weight * (reading.value - mean) / (total - reading.weight);
            squares += change * change;
        }
        let cameras = self.count() as f64;
        Some(Arm {
            mean,
            variance_between: (cameras - 1.0) / cameras * squares,
            variance_floor: trial_variance * self.trial_factors / (total * total),
            kish_cameras: total * total / self.squared_weights,
            cameras: self.count(),
            trials: self.trials,
        })
    }
}

/// The weighted mean over the cameras of one variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// `ȳ = Σwy / Σw`.
    pub mean: f64,
    /// The delete-one-camera jackknife, "CR3": `(g-1)/g Σ [w (y - ȳ) / (W - w)]²`. Unlike the plain
    /// sandwich it does not shrink with few cameras (Bell and `McCaffrey` 2002; Hansen 2025).
    pub variance_between: f64,
    /// The variance if events were independent; a few cameras can be alike by chance.
    pub variance_floor: f64,
    /// How many equal cameras these are worth: `(Σw)² / Σw²` (Kish 1965).
    pub kish_cameras: f64,
    /// Cameras with at least one trial.
    pub cameras: u64,
    /// Trials of all cameras.
    pub trials: u64,
}

impl Arm {
    /// The larger of both variances.
    pub const fn variance(&self) -> f64 {
        self.variance_between.max(self.variance_floor)
    }

    /// `max(Kish's cameras - 1, ½)`.
    pub const fn degrees(&self) -> f64 {
        (self.kish_cameras - 1.0).max(0.5)
    }

    /// This mean alone, with its variance and degrees of freedom.
    ///
    /// # Errors
    /// [`OutOfRange`] where the mean or the variance is too large for a number.
    pub fn estimate(&self) -> Result<Estimate, OutOfRange> {
        Estimate::new(self.mean, self.variance(), DegreesOfFreedom::new(self.degrees())?)
    }

    /// `treatment - control`, with the degrees of freedom of Welch (1947) and Satterthwaite (1946).
    ///
    /// # Errors
    /// [`OutOfRange`] where a mean or variance is too large for a number.
    pub fn difference(treatment: &Self, control: &Self) -> Result<Estimate, OutOfRange> {
        welch::difference(&control.estimate()?, &treatment.estimate()?)
    }

    /// `ln(treatment / control)` of two positive means, variances by the delta method: `V / ȳ²`.
    ///
    /// # Errors
    /// [`OutOfRange`] where a mean is not above zero.
    pub fn log_ratio(treatment: &Self, control: &Self) -> Result<Estimate, OutOfRange> {
        let logarithm = |arm: &Self| {
            let mean = within("mean", arm.mean, &POSITIVE)?;
            let degrees = DegreesOfFreedom::new(arm.degrees())?;
            Estimate::new(libm::log(mean), arm.variance() / (mean * mean), degrees)
        };
        welch::difference(&logarithm(control)?, &logarithm(treatment)?)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is the same to the last bit")]
mod tests {
    use super::*;
    use crate::paired::{CameraPairs, Paired};

    /// Trials, events or their sum, and what is usual, of some cameras; one has shown nothing.
    const CAMERAS: [(u64, u64, f64); 5] =
        [(7, 2, 0.3), (190, 31, 0.11), (0, 0, 0.2), (41, 40, 0.9), (1, 0, 0.013)];

    #[test]
    fn a_mean_alone_is_the_mean_of_the_arm() {
        let (mut rates, mut means) = (Cameras::default(), Cameras::default());
        let (mut rate, mut mean) = (Mean::default(), Mean::default());
        for (trials, events, usual) in CAMERAS {
            rates.add_rate(trials, events, usual, DESIGN_CORRELATION).unwrap();
            rate.add_rate(trials, events, usual, DESIGN_CORRELATION);
            means.add_mean(trials, events as f64, events as f64, usual).unwrap();
            mean.add_mean(trials, events as f64, usual);
        }
        assert_eq!(rate.value(), rates.rate().unwrap().mean);
        assert_eq!(mean.value(), means.mean().unwrap().mean);
        assert!(Mean::default().value().is_nan());
    }

    #[test]
    fn a_mean_of_differences_is_that_of_the_pairs() {
        let (mut paired, mut differences, mut controls) =
            (Paired::default(), Mean::default(), Mean::default());
        for (count, sum, control) in CAMERAS {
            let (difference_sum, control_sum) = (sum as f64 / 7.0, control * 100.0);
            let difference_square_sum = difference_sum * difference_sum;
            paired
                .add(&CameraPairs { count, difference_sum, difference_square_sum, control_sum })
                .unwrap();
            differences.add_mean(count, difference_sum, 1.0);
            controls.add_mean(count, control_sum, 1.0);
        }
        assert_eq!(differences.value(), paired.difference().unwrap().unwrap().value);
        let ratio = libm::log(1.0 + differences.value() / controls.value());
        assert_eq!(ratio, paired.log_ratio().unwrap().unwrap().value);
    }
}
