//! In which stretches of the shadow which prompt failed more often.

use tidegate_stats::evidence::EValue;
pub use tidegate_stats::review::SignBet;

use crate::time::{Duration, Timestamp};
use crate::variant::ByVariant;

/// The length of a stretch. An outage of one endpoint fills few of them, however many analyses it lets fail.
const STRETCH: Duration = Duration::from_ms(10 * 60_000);

/// Stretches of ten minutes of the whole fleet, by which prompt alone failed more often in them.
///
/// A report counts when it comes: what was held up by a line that was down is one stretch, and one sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailureSigns {
    /// The present stretch, by its number since 1970; 0 before the first comparison.
    pub stretch: u64,
    /// Failures of the treatment alone less those of the control alone in it.
    pub surplus: i64,
    /// The stretches before it.
    pub bet: SignBet,
}

impl FailureSigns {
    /// Takes in a comparison.
    pub(crate) fn add(&mut self, now: Timestamp, failed: ByVariant<bool>) {
        let stretch = now.since(Timestamp::EPOCH).ms() / STRETCH.ms();
        if stretch != self.stretch {
            self.bet.add(self.surplus.cmp(&0));
            (self.stretch, self.surplus) = (stretch, 0);
        }
        self.surplus += i64::from(failed.treatment) - i64::from(failed.control);
    }

    /// The evidence that the treatment fails more often, from the stretches that are over.
    pub(crate) fn evidence(&self) -> EValue {
        self.bet.evidence()
    }

    /// Whether so many comparisons can have led to it.
    pub(crate) fn can_be(&self, comparisons: u64) -> bool {
        let signs = self.bet.up.saturating_add(self.bet.down);
        signs.saturating_add(self.surplus.unsigned_abs()) <= comparisons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_ms(minute * 60_000).unwrap()
    }

    const TREATMENT: ByVariant<bool> = ByVariant { control: false, treatment: true };
    const CONTROL: ByVariant<bool> = ByVariant { control: true, treatment: false };

    #[test]
    fn a_stretch_counts_once_it_is_over_and_once_however_much_fails_in_it() {
        let mut signs = FailureSigns::default();
        for _ in 0..1_000 {
            signs.add(at(3), TREATMENT);
        }
        assert_eq!(signs.bet, SignBet::default());
        signs.add(at(10), CONTROL);
        assert_eq!(signs.bet, SignBet { up: 1, down: 0 });
        signs.add(at(19), TREATMENT);
        signs.add(at(35), CONTROL);
        assert_eq!(signs.bet, SignBet { up: 1, down: 0 }, "as many of each say nothing");
        signs.add(at(40), CONTROL);
        assert_eq!(signs.bet, SignBet { up: 1, down: 1 });
        assert!(signs.can_be(3) && !signs.can_be(2));
    }
}
