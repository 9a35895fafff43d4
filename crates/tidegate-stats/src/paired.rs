//! Both variants on the same events: the mean of paired differences, camera by camera.

use alloc::vec::Vec;

use crate::arm::{DESIGN_CORRELATION, weight};
use crate::range::{FINITE, NOT_NEGATIVE, OutOfRange, POSITIVE, within};
use crate::student::{DegreesOfFreedom, Estimate};

/// The comparisons of one camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraPairs {
    /// Comparisons.
    pub count: u64,
    /// Sum of treatment less control.
    pub difference_sum: f64,
    /// Sum of the squared differences.
    pub difference_square_sum: f64,
    /// Sum of the control's values.
    pub control_sum: f64,
}

#[derive(Debug, Clone, Copy)]
struct PairedValue {
    weight: f64,
    difference: f64,
    control: f64,
}

/// The cameras with comparisons, taken in one by one.
#[derive(Debug, Clone, Default)]
pub struct Paired {
    readings: Vec<PairedValue>,
    count: u64,
    squares: f64,
    weights: f64,
    squared_weights: f64,
    weighted_differences: f64,
    weighted_controls: f64,
    /// Σ w²/n.
    trial_factors: f64,
}

impl Paired {
    /// Takes in a camera; one without comparisons is left out.
    ///
    /// # Errors
    /// [`OutOfRange`] for a sum that is not finite, and for a sum of squares or of the control's values
    /// below zero.
    pub fn add(&mut self, pairs: &CameraPairs) -> Result<(), OutOfRange> {
        let difference_sum = within("sum of differences", pairs.difference_sum, &FINITE)?;
        let squares = within("sum of squares", pairs.difference_square_sum, &NOT_NEGATIVE)?;
        let control_sum = within("sum", pairs.control_sum, &NOT_NEGATIVE)?;
        if pairs.count == 0 {
            return Ok(());
        }
        let n = pairs.count as f64;
        let weight = weight(pairs.count, DESIGN_CORRELATION);
        let (difference, control) = (difference_sum / n, control_sum / n);
        self.readings.push(PairedValue { weight, difference, control });
        self.count += pairs.count;
        self.squares += squares;
        self.weights += weight;
        self.squared_weights += weight * weight;
        self.weighted_differences += weight * difference;
        self.weighted_controls += weight * control;
        self.trial_factors += weight * weight / n;
        Ok(())
    }

    /// Cameras with comparisons.
    pub fn cameras(&self) -> u64 {
        self.readings.len() as u64
    }

    /// Comparisons of all cameras.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The mean difference over cameras; `None` below two.
    ///
    /// Variance: the delete-one-camera jackknife, and at least that of independent events,
    /// `q Σ(w²/n) / W²` with `q = (Σd² + ½) / (Σn + 1)`, for differences of rates (-1, 0, 1). ν = Kish's
    /// cameras less one, at least ½.
    ///
    /// # Errors
    /// [`OutOfRange`] where a value is too large for a number.
    pub fn difference(&self) -> Result<Option<Estimate>, OutOfRange> {
        if self.readings.len() < 2 {
            return Ok(None);
        }
        let mean = self.weighted_differences / self.weights;
        let between = self.jackknife(|reading| reading.difference - mean);
        let square = (self.squares + 0.5) / (self.count as f64 + 1.0);
        let floor = square * self.trial_factors / (self.weights * self.weights);
        Ok(Some(Estimate::new(mean, between.max(floor), self.degrees()?)?))
    }

    /// `ln(treatment / control)` of the means over cameras; `None` below two.
    ///
    /// With `R = d̄/c̄` it is `ln(1 + R)`; its variance is that of the linearised ratio `(d - R c) / c̄`
    /// (Cochran 1977, chapter 6) over `(1 + R)²`: a camera that is slow under both variants adds none.
    ///
    /// # Errors
    /// [`OutOfRange`] where a mean is not above zero.
    pub fn log_ratio(&self) -> Result<Option<Estimate>, OutOfRange> {
        if self.readings.len() < 2 {
            return Ok(None);
        }
        let control = within("mean", self.weighted_controls / self.weights, &POSITIVE)?;
        let ratio = self.weighted_differences / self.weights / control;
        let growth = within("ratio of means", 1.0 + ratio, &POSITIVE)?;
        let between = self.jackknife(|r| (r.difference - ratio * r.control) / control);
        let square = self.squares / self.count as f64;
        let event = (square - ratio * ratio * control * control).max(0.0) / (control * control);
        let floor = event * self.trial_factors / (self.weights * self.weights);
        let variance = between.max(floor) / (growth * growth);
        Ok(Some(Estimate::new(libm::log(growth), variance, self.degrees()?)?))
    }

    fn jackknife(&self, residual: impl Fn(&PairedValue) -> f64) -> f64 {
        let squares = self.readings.iter().map(|reading| {
            let change = reading.weight * residual(reading) / (self.weights - reading.weight);
            change * change
        });
        let cameras = self.readings.len() as f64;
        (cameras - 1.0) / cameras * squares.sum::<f64>()
    }

    fn degrees(&self) -> Result<DegreesOfFreedom, OutOfRange> {
        let kish = self.weights * self.weights / self.squared_weights;
        DegreesOfFreedom::new((kish - 1.0).max(0.5))
    }
}
