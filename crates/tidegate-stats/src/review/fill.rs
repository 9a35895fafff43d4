//! Cards that nobody answered.

use alloc::vec::Vec;

use crate::review::card::{AnsweredCard, Direction, Worth};
use crate::review::evidence::Claim;

/// How many times as often an unanswered card may be a threat, or no threat, as an answered one.
pub const FILL_FACTOR: f64 = 3.0;
/// With a greater share of the drawn cards unanswered there is no verdict.
pub const UNANSWERED_MAX: f64 = 0.3;

/// A drawn card, answered or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnCard {
    /// Which prompt alone alerted on its event.
    pub direction: Direction,
    /// The answer; `None` where nobody gave one.
    pub answer: Option<Worth>,
}

/// The cards as a claim may take them: each unanswered one counts against it.
///
/// With q the mean of the answers, an unanswered card is taken for worth min(1, 3q) where that counts against the claim
/// and q/3 where the opposite does: for δ < d lost ones get the former and gained ones the latter, for δ > d the
/// reverse. This is an assumption about why cards stay unanswered, as in Rosenbaum's bounds (2002, chapter 4), and no
/// theorem: left out, they would promote by being the hard ones.
pub(super) fn filled(drawn: &[DrawnCard], claim: Claim) -> Vec<AnsweredCard> {
    let mean = mean_worth(drawn).unwrap_or(0.5);
    let often = Worth::clamped(FILL_FACTOR * mean);
    let seldom = Worth::clamped(mean / FILL_FACTOR);
    let fill = |direction| match (claim, direction) {
        (Claim::Below(_), Direction::Lost) | (Claim::Above(_), Direction::Gained) => often,
        (Claim::Below(_), Direction::Gained) | (Claim::Above(_), Direction::Lost) => seldom,
    };
    let card = |card: &DrawnCard| AnsweredCard {
        direction: card.direction,
        worth: card.answer.unwrap_or_else(|| fill(card.direction)),
    };
    drawn.iter().map(card).collect()
}

/// The mean of the answers; `None` without any.
pub(super) fn mean_worth(drawn: &[DrawnCard]) -> Option<f64> {
    let answers = drawn.iter().filter_map(|card| card.answer);
    let (count, sum) = answers.fold((0_u32, 0.0), |(count, sum), z| (count + 1, sum + z.value()));
    (count > 0).then(|| sum / f64::from(count))
}

/// Whether too few of the drawn cards are answered for a verdict.
pub(super) fn too_few(drawn: &[DrawnCard]) -> bool {
    let unanswered = drawn.iter().filter(|card| card.answer.is_none()).count();
    // Whole numbers: 3 of 10 are not over 30 %, whatever 0.3 is as a double.
    unanswered as f64 > UNANSWERED_MAX * drawn.len() as f64 + 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(direction: Direction, answer: Option<Worth>) -> DrawnCard {
        DrawnCard { direction, answer }
    }

    #[test]
    fn each_unanswered_card_counts_against_the_claim() {
        let mut cards = alloc::vec![drawn(Direction::Lost, Some(Worth::NO)); 9];
        cards.push(drawn(Direction::Lost, Some(Worth::YES)));
        cards.push(drawn(Direction::Lost, None));
        cards.push(drawn(Direction::Gained, None));
        let fills = |claim| {
            let cards = filled(&cards, claim);
            [cards[10].worth.value(), cards[11].worth.value()]
        };
        let near = |got: [f64; 2], expected: [f64; 2]| {
            got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-12)
        };
        assert!(near(fills(Claim::Below(3)), [0.3, 0.1 / 3.0]));
        assert!(near(fills(Claim::Above(3)), [0.1 / 3.0, 0.3]));
    }

    #[test]
    fn nothing_is_worth_more_than_an_alert() {
        let cards = [drawn(Direction::Lost, Some(Worth::YES)), drawn(Direction::Lost, None)];
        assert_eq!(filled(&cards, Claim::Below(0))[1].worth, Worth::YES);
    }

    #[test]
    fn three_of_ten_may_stay_unanswered() {
        let mut cards = alloc::vec![drawn(Direction::Lost, Some(Worth::NO)); 7];
        cards.extend([drawn(Direction::Lost, None); 3]);
        assert!(!too_few(&cards));
        cards.pop();
        cards.pop();
        cards.extend([drawn(Direction::Gained, None); 2]);
        assert!(!too_few(&cards));
        cards.push(drawn(Direction::Gained, None));
        assert!(too_few(&cards));
        assert!(!too_few(&[]));
    }
}
