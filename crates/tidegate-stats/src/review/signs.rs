//! Evidence from signs: which prompt failed more often, block by block.

use core::cmp::Ordering;

use libm::{exp, log};

use crate::evidence::EValue;

/// The chances of an up that are bet on.
const CHANCES: [f64; 4] = [0.55, 0.65, 0.8, 0.92];

/// Evidence that the treatment fails more often, from ten-minute blocks of the whole fleet in shadow.
///
/// A block goes up where more analyses failed under the treatment alone than under the control alone, down where
/// fewer did; ties say nothing. `E = mean over p of (2p)^up (2(1-p))^down`, p = .55, .65, .8, .92: the sign test as a
/// mixture of bets on a coin (Dixon and Mood 1946; Ville 1939, Robbins 1970).
///
/// Exact where, whatever came before, a block that is no tie goes up with a chance of at most ½. An outage of
/// one endpoint is one long event: it fills few blocks with many errors, and here each counts once. One of several blocks
/// makes the next like the last, and the bound a little worse (measured in `docs/statistics.md`). A treatment may
/// go up in more blocks than down and still fail less often in all, so a verdict also asks that the rate of errors rose by
/// the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignBet {
    /// Blocks in which the treatment failed more often.
    pub up: u64,
    /// Blocks in which it failed less often.
    pub down: u64,
}

impl SignBet {
    /// Takes in a block: how the treatment's failures compare with the control's.
    pub const fn add(&mut self, failures: Ordering) {
        match failures {
            Ordering::Greater => self.up = self.up.saturating_add(1),
            Ordering::Less => self.down = self.down.saturating_add(1),
            Ordering::Equal => {}
        }
    }

    /// The evidence so far; 1 without blocks.
    pub fn evidence(&self) -> EValue {
        let (up, down) = (self.up as f64, self.down as f64);
        let lns = CHANCES.map(|p| up * log(2.0 * p) + down * log(2.0 * (1.0 - p)));
        let greatest = lns.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let mean = lns.iter().map(|ln| exp(ln - greatest)).sum::<f64>() / CHANCES.len() as f64;
        EValue::of_ln(greatest + log(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_say_nothing_and_ups_pay_each_bet() {
        let mut bet = SignBet::default();
        assert!((bet.evidence().value() - 1.0).abs() < 1e-15);
        bet.add(Ordering::Equal);
        bet.add(Ordering::Greater);
        // The mean of 1.1, 1.3, 1.6 and 1.84.
        assert!((bet.evidence().value() - 1.46).abs() < 1e-12);
    }

    #[test]
    fn a_fair_coin_pays_nothing_on_average() {
        // Over all orders of 12 blocks; E depends on the counts alone.
        let mut mean = 0.0;
        for blocks in 0_u32..1 << 12 {
            let up = u64::from(blocks.count_ones());
            mean += SignBet { up, down: 12 - up }.evidence().value() / 4096.0;
        }
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn counts_at_the_end_of_integers_stay_numbers() {
        let mut bet = SignBet { up: u64::MAX, down: 0 };
        bet.add(Ordering::Greater);
        assert!(bet.evidence().ln().is_finite());
        let bet = SignBet { up: u64::MAX, down: u64::MAX };
        assert!(bet.evidence().ln() < 0.0);
    }
}
