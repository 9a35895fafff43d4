//! Where the one unknown may lie.

use alloc::vec::Vec;

use crate::range::within;
use crate::review::card::{AnsweredCard, Discordant, ReviewRefused};
use crate::review::evidence::{Claim, WindowEvidence};

/// The greatest level of bounds.
pub const LEVEL_MAX: f64 = 1e9;

/// The least and the greatest δ of the window that neither side refuses.
///
/// A δ is refused at a level K where the evidence that δ lies below or above it, in the window form of [`ReviewEvidence`](super::ReviewEvidence),
/// reaches K. Both ends together hold the true δ at all looks at once with a chance of at least 1 - 2/K: a confidence
/// sequence (Waudby-Smith and Ramdas 2024, section 5). They are whole events; a δ that is none, as an answer that cannot
/// tell counts a half, may lie half an event beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewBounds {
    /// The least change in missed threats.
    pub least: i64,
    /// The greatest.
    pub greatest: i64,
}

impl ReviewBounds {
    /// The bounds at `level`, above 1 and up to [`LEVEL_MAX`], by bisection over -G to L; O(cards · log N).
    /// `None` where every δ is refused, which has a chance of at most 2/K.
    ///
    /// # Errors
    /// [`ReviewRefused`] for another level, and for more cards of a direction than there are events.
    pub fn at(
        events: Discordant,
        cards: &[AnsweredCard],
        level: f64,
    ) -> Result<Option<Self>, ReviewRefused> {
        Self::by_claim(events, level, |_| cards.to_vec())
    }

    /// The same where a claim says which worth its unanswered cards have.
    pub(super) fn by_claim(
        events: Discordant,
        level: f64,
        cards: impl Fn(Claim) -> Vec<AnsweredCard>,
    ) -> Result<Option<Self>, ReviewRefused> {
        let above_one = 1.0 + f64::EPSILON;
        let level = libm::log(within("level of bounds", level, &(above_one..=LEVEL_MAX))?);
        let (lowest, highest) = (-events.gained().cast_signed(), events.lost().cast_signed());
        let refused = |claim| {
            let mut evidence = WindowEvidence::new(events, claim);
            for card in cards(claim) {
                evidence.add(card)?;
            }
            Ok::<_, ReviewRefused>(evidence.e_value().ln() >= level)
        };
        let Some(greatest) = last_kept(highest, lowest, |d| refused(Claim::Below(d)))? else {
            return Ok(None);
        };
        let Some(least) = last_kept(lowest, highest, |d| refused(Claim::Above(d)))? else {
            return Ok(None);
        };
        // Only a δ between both is kept: half an event, from answers that could not tell.
        if least == greatest + 1 {
            return Ok(Some(Self { least: greatest, greatest: least }));
        }
        Ok((least <= greatest).then_some(Self { least, greatest }))
    }
}

/// The number nearest to `outermost` that is not refused, on the way to `innermost`; `None` where all are.
fn last_kept(
    outermost: i64,
    innermost: i64,
    refused: impl Fn(i64) -> Result<bool, ReviewRefused>,
) -> Result<Option<i64>, ReviewRefused> {
    if !refused(outermost)? {
        return Ok(Some(outermost));
    }
    if refused(innermost)? {
        return Ok(None);
    }
    let (mut kept, mut beyond) = (innermost, outermost);
    while kept.abs_diff(beyond) > 1 {
        let middle = kept.midpoint(beyond);
        if refused(middle)? {
            beyond = middle;
        } else {
            kept = middle;
        }
    }
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::card::{Direction, Worth};

    fn cards(answers: &[(Direction, Worth)]) -> alloc::vec::Vec<AnsweredCard> {
        answers.iter().map(|&(direction, worth)| AnsweredCard { direction, worth }).collect()
    }

    #[test]
    fn without_cards_everything_is_possible_and_with_all_of_them_one_thing() {
        let events = Discordant::new(3, 2).unwrap();
        let all = ReviewBounds { least: -2, greatest: 3 };
        assert_eq!(ReviewBounds::at(events, &[], 40.0), Ok(Some(all)));
        let (lost, gained) = (Direction::Lost, Direction::Gained);
        let answered = cards(&[
            (lost, Worth::YES),
            (gained, Worth::NO),
            (lost, Worth::YES),
            (gained, Worth::YES),
            (lost, Worth::NO),
        ]);
        let one = ReviewBounds { least: 1, greatest: 1 };
        assert_eq!(ReviewBounds::at(events, &answered, 1e9), Ok(Some(one)));
        assert_eq!(
            ReviewBounds::at(Discordant::new(0, 0).unwrap(), &[], 2.0).unwrap().unwrap().least,
            0
        );
    }

    #[test]
    fn levels_that_are_none_are_refused() {
        let events = Discordant::new(3, 2).unwrap();
        for level in [f64::NAN, 1.0, 0.0, -5.0, f64::INFINITY, 2.0 * LEVEL_MAX] {
            assert!(ReviewBounds::at(events, &[], level).is_err(), "{level}");
        }
    }

    #[test]
    fn half_an_event_lies_between_the_bounds() {
        let events = Discordant::new(1, 0).unwrap();
        let answered = cards(&[(Direction::Lost, Worth::CANNOT_TELL)]);
        assert_eq!(
            ReviewBounds::at(events, &answered, 40.0),
            Ok(Some(ReviewBounds { least: 0, greatest: 1 }))
        );
    }
}
