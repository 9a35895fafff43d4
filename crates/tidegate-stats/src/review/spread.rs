//! How far the change in alerts of another such day may differ from this one's.

use libm::sqrt;

use crate::range::{OutOfRange, within};
use crate::review::card::{Discordant, EVENTS_MAX, ReviewRefused};
use crate::student::DegreesOfFreedom;

/// How many times the variance between two-hour blocks that between whole days is, from which on days are taken to differ: chance
/// alone lets it in 13 % of windows of two days, 10 % of three, 4 % of six (Snedecor's F).
const DAYS_DIFFER: f64 = 2.5;

/// The whole fleet in two hours, or in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetBlock {
    /// Gained less lost events, `ΔA_b`.
    pub change: i64,
    /// Alerts of the control, `A_b`.
    pub alerts: u64,
}

/// The standard error of ΔA as a figure of the traffic and not of this window.
///
/// `s² = max(N, B/(B-1) Σ_b (ΔA_b - (ΔA/A) A_b)²)` over B blocks, with ν = B - 1: the variance of a ratio estimator
/// from independent clusters, linearised (Cochran 1977, section 6.3), times A², and at least that of independent
/// events. An approximation: blocks are taken for independent. Where whole days differ they are not, which a window of one day cannot
/// show; of a longer one [`BlockSpread::with_days`] asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockSpread {
    s: f64,
    degrees: DegreesOfFreedom,
    alerts: u64,
}

impl BlockSpread {
    /// From all blocks of a window, at least two, and its discordant events.
    ///
    /// # Errors
    /// [`ReviewRefused::OutOfRange`] for fewer than two blocks, and for more than [`EVENTS_MAX`] alerts or changes.
    pub fn of(blocks: &[FleetBlock], events: u64) -> Result<Self, ReviewRefused> {
        let most = EVENTS_MAX as f64;
        within("two-hour blocks of the window", blocks.len() as f64, &(2.0..=most))?;
        within("discordant events", events as f64, &(0.0..=2.0 * most))?;
        let alerts = blocks.iter().fold(0_u64, |sum, block| sum.saturating_add(block.alerts));
        within("alerts of the control", alerts as f64, &(0.0..=most))?;
        let change: f64 = blocks.iter().map(|block| block.change as f64).sum();
        for block in blocks {
            within("change in alerts of a block", block.change as f64, &(-most..=most))?;
        }
        let ratio = if alerts > 0 { change / alerts as f64 } else { 0.0 };
        let squares = blocks.iter().map(|block| {
            let apart = block.change as f64 - ratio * block.alerts as f64;
            apart * apart
        });
        let count = blocks.len() as f64;
        let between = count / (count - 1.0) * squares.sum::<f64>();
        let degrees = DegreesOfFreedom::new(count - 1.0)?;
        Ok(Self { s: sqrt(between.max(events as f64)), degrees, alerts })
    }

    /// This spread, or that of the same window day by day where whole days differ more than their hours let expect. Then ν is
    /// one less than there are days, and few days that differ say little of another.
    ///
    /// # Errors
    /// As [`Self::of`], but that fewer than two days are no fault: they say nothing.
    pub fn with_days(self, days: &[FleetBlock], events: u64) -> Result<Self, ReviewRefused> {
        if days.len() < 2 {
            return Ok(self);
        }
        let of_days = Self::of(days, events)?;
        let differ = of_days.s * of_days.s > DAYS_DIFFER * self.s * self.s;
        Ok(if differ { of_days } else { self })
    }

    /// What a window of so many blocks and `alerts` of the control is expected to have: `s` alerts.
    pub(super) fn expected(s: f64, blocks: u64, alerts: u64) -> Result<Self, OutOfRange> {
        let degrees = DegreesOfFreedom::new(blocks as f64 - 1.0)?;
        Ok(Self { s, degrees, alerts })
    }

    /// The same, where the blocks have to be those of `events`.
    pub(super) fn within_window(
        blocks: &[FleetBlock],
        events: Discordant,
    ) -> Result<Self, ReviewRefused> {
        let spread = Self::of(blocks, events.total())?;
        // Each change is within the range of `of`, so only absurdly many blocks could exceed an integer.
        let sum = blocks.iter().fold(0_i64, |sum, block| sum.saturating_add(block.change));
        if sum == events.change() {
            Ok(spread)
        } else {
            Err(ReviewRefused::BlocksDisagree { blocks: sum, events: events.change() })
        }
    }

    /// s, in alerts.
    pub const fn s(&self) -> f64 {
        self.s
    }

    /// ν = B - 1.
    pub const fn degrees(&self) -> DegreesOfFreedom {
        self.degrees
    }

    /// A: the control's alerts in all blocks.
    pub const fn alerts(&self) -> u64 {
        self.alerts
    }

    /// `t s` with Student's t that has `chance` below it.
    ///
    /// # Errors
    /// [`OutOfRange`] for a chance not strictly between 0 and 1.
    pub fn allowance(&self, chance: f64) -> Result<f64, OutOfRange> {
        Ok(self.degrees.quantile(chance)? * self.s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(change: i64, alerts: u64) -> FleetBlock {
        FleetBlock { change, alerts }
    }

    #[test]
    fn a_constant_ratio_leaves_the_spread_of_independent_events() {
        let spread = BlockSpread::of(&[block(-2, 10), block(-4, 20), block(-1, 5)], 49).unwrap();
        assert!((spread.s() - 7.0).abs() < 1e-12);
        assert!((spread.degrees().value() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_burst_in_one_block_widens_it() {
        // ΔA/A = 1/2: blocks lie 15 and -15 apart, and 2/1 * (225 + 225) = 900.
        let spread = BlockSpread::of(&[block(25, 20), block(-5, 20)], 40).unwrap();
        assert!((spread.s() - 30.0).abs() < 1e-12);
    }

    #[test]
    fn days_that_differ_are_the_blocks_and_days_that_do_not_are_none() {
        let day = |change: i64| core::iter::repeat_n(block(change, 10), 12);
        let alike: alloc::vec::Vec<FleetBlock> = day(1).chain(day(1)).chain(day(1)).collect();
        let spread = BlockSpread::of(&alike, 36).unwrap();
        assert_eq!(spread.with_days(&[block(12, 120); 3], 36), Ok(spread));
        assert_eq!(spread.with_days(&[block(36, 360)], 36), Ok(spread), "one day says nothing");

        let apart: alloc::vec::Vec<FleetBlock> = day(2).chain(day(0)).chain(day(1)).collect();
        let spread = BlockSpread::of(&apart, 36).unwrap();
        let days = [block(24, 120), block(0, 120), block(12, 120)];
        let of_days = spread.with_days(&days, 36).unwrap();
        // 3/2 (144 + 144) = 432 against 36/35 * 24.
        assert!((of_days.s() * of_days.s() - 432.0).abs() < 1e-9, "{of_days:?}");
        assert!((of_days.degrees().value() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_control_that_never_alerts_has_a_spread_too() {
        let spread = BlockSpread::of(&[block(3, 0), block(1, 0)], 4).unwrap();
        assert!((spread.s() - libm::sqrt(20.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        assert!(BlockSpread::of(&[], 0).is_err());
        assert!(BlockSpread::of(&[block(0, 5)], 0).is_err());
        assert!(BlockSpread::of(&[block(i64::MIN, 5), block(0, 5)], 0).is_err());
        assert!(BlockSpread::of(&[block(0, u64::MAX), block(0, u64::MAX)], 0).is_err());
        assert!(BlockSpread::of(&[block(0, 1), block(0, 1)], u64::MAX).is_err());
    }

    #[test]
    fn blocks_of_another_window_are_refused() {
        let events = Discordant::new(3, 1).unwrap();
        assert!(BlockSpread::within_window(&[block(-1, 5), block(-1, 5)], events).is_ok());
        let other = BlockSpread::within_window(&[block(-1, 5), block(0, 5)], events);
        assert_eq!(other, Err(ReviewRefused::BlocksDisagree { blocks: -1, events: -2 }));
    }
}
