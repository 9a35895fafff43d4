//! What the owner asks of a treatment.

use crate::range::{OutOfRange, within};

/// What is asked of the false alarms and missed threats of a treatment, per alert of the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitSettings {
    /// How many more false alarms are allowed, 0 to 1.
    pub false_alarms: f64,
    /// How many more missed threats are allowed, 0 to 1.
    pub missed: f64,
    /// How many fewer false alarms are a benefit, 0 to 1.
    pub benefit: f64,
}

/// Limits that were found to be in range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReviewLimits(LimitSettings);

impl ReviewLimits {
    /// Takes numbers from 0 to 1.
    ///
    /// # Errors
    /// [`OutOfRange`] for anything else, NaN included.
    pub fn new(settings: LimitSettings) -> Result<Self, OutOfRange> {
        let share = 0.0..=1.0;
        Ok(Self(LimitSettings {
            false_alarms: within("limit of false alarms", settings.false_alarms, &share)?,
            missed: within("limit of missed threats", settings.missed, &share)?,
            benefit: within("benefit", settings.benefit, &share)?,
        }))
    }

    /// The numbers.
    pub const fn settings(&self) -> LimitSettings {
        self.0
    }
}
