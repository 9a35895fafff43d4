//! Ranges of several settings.

use std::ops::RangeInclusive;

use tidegate_engine::limits;

pub(super) const SHARE: RangeInclusive<f64> = 0.0..=1.0;
pub(super) const HOURS: RangeInclusive<f64> = 0.0..=limits::DURATION_HOURS_MAX;
