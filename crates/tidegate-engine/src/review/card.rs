//! A discordant event and what reviewers said of it.

use alloc::vec::Vec;

use tidegate_stats::review::{Direction, Worth};

use crate::event::Actor;
use crate::id::{AnalysisId, CameraId};
use crate::time::Timestamp;

/// How many opinions settle a card at the latest.
const OPINIONS_MAX: usize = 3;

/// Whether an event was worth an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It was not.
    No,
    /// The reviewer looked and cannot tell; it counts a half.
    CannotTell,
    /// It was.
    Yes,
}

impl Answer {
    /// What it counts.
    pub const fn worth(self) -> Worth {
        match self {
            Self::No => Worth::NO,
            Self::CannotTell => Worth::CANNOT_TELL,
            Self::Yes => Worth::YES,
        }
    }
}

/// What a reviewer said, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Its place among all opinions of the review.
    pub number: u64,
    /// Whose it is.
    pub reviewer: Actor,
    /// When it happened.
    pub at: Timestamp,
    /// The answer; `None` where there is nothing to be seen any more, or the reviewer skipped the card.
    pub answer: Option<Answer>,
}

/// Where a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits for an opinion: the first, a second after a yes, or a third after two that differ.
    Waiting,
    /// The opinion it waited for was skipped. It counts as unanswered; another reviewer still may answer.
    Unanswered,
    /// It has its answer.
    Settled(Answer),
}

/// A discordant event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The event.
    pub event: AnalysisId,
    /// Where it was.
    pub camera: CameraId,
    /// When it happened.
    pub at: Timestamp,
    /// Which prompt alone alerted; reviewers are not told.
    pub direction: Direction,
    /// What a label said of it before it was settled, which counts as its first opinion.
    pub label: Option<Answer>,
    /// What reviewers said, in order.
    pub opinions: Vec<Opinion>,
}

/// Whether a yes settles a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondLook {
    /// It waits for a second opinion.
    AfterYes,
    /// It does.
    Never,
}

impl Card {
    /// A card that nobody looked at.
    pub const fn new(
        event: AnalysisId,
        camera: CameraId,
        at: Timestamp,
        direction: Direction,
    ) -> Self {
        Self { event, camera, at, direction, label: None, opinions: Vec::new() }
    }

    /// How many opinions it has had, which a reply to it says.
    pub fn turn(&self) -> u16 {
        u16::try_from(self.opinions.len()).unwrap_or(u16::MAX)
    }

    /// What reviewers said, in order.
    pub fn opinions(&self) -> &[Opinion] {
        &self.opinions
    }

    /// Where the card stands.
    ///
    /// A no or a half settles it. A yes gets a second opinion, and a third where they differ, whose median then counts:
    /// threats are rare, so most single yeses of a reviewer who errs once in twenty cards would be errors.
    pub fn standing(&self, second_look: SecondLook) -> Standing {
        let given = self.opinions.iter().filter_map(|opinion| opinion.answer);
        let mut answers: Vec<Answer> = self.label.into_iter().chain(given).collect();
        match answers[..] {
            [first, ..] if second_look == SecondLook::Never => Standing::Settled(first),
            [first] if first != Answer::Yes => Standing::Settled(first),
            [first, second] if first == second => Standing::Settled(first),
            [_, _, _, ..] => {
                answers.truncate(OPINIONS_MAX);
                answers.sort_unstable();
                Standing::Settled(answers[OPINIONS_MAX / 2])
            }
            _ if self.opinions.last().is_some_and(|opinion| opinion.answer.is_none()) => {
                Standing::Unanswered
            }
            _ => Standing::Waiting,
        }
    }

    /// The last opinion of `reviewer` on it.
    pub(super) fn last_opinion_of(&self, reviewer: &Actor) -> Option<&Opinion> {
        self.opinions.iter().rev().find(|opinion| opinion.reviewer == *reviewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(answers: &[Option<Answer>]) -> Standing {
        let (event, camera) = ("e".parse().unwrap(), "c".parse().unwrap());
        let mut card = Card::new(event, camera, Timestamp::EPOCH, Direction::Lost);
        card.opinions.extend(answers.iter().map(|&answer| Opinion {
            number: 0,
            reviewer: Actor::new("mara").unwrap(),
            at: Timestamp::EPOCH,
            answer,
        }));
        card.standing(SecondLook::AfterYes)
    }

    #[test]
    fn only_a_yes_gets_a_second_opinion() {
        const NO: Option<Answer> = Some(Answer::No);
        const HALF: Option<Answer> = Some(Answer::CannotTell);
        const YES: Option<Answer> = Some(Answer::Yes);
        use Answer::{CannotTell, No, Yes};
        use Standing::{Settled, Unanswered, Waiting};
        let cases: [(&[Option<Answer>], Standing); 16] = [
            (&[], Waiting),
            (&[NO], Settled(No)),
            (&[HALF], Settled(CannotTell)),
            (&[YES], Waiting),
            (&[YES, YES], Settled(Yes)),
            (&[YES, NO], Waiting),
            (&[YES, HALF], Waiting),
            (&[YES, NO, YES], Settled(Yes)),
            (&[YES, NO, NO], Settled(No)),
            (&[YES, NO, HALF], Settled(CannotTell)),
            (&[YES, HALF, YES], Settled(Yes)),
            (&[None], Unanswered),
            (&[None, None, NO], Settled(No)),
            (&[YES, None], Unanswered),
            (&[YES, None, NO], Waiting),
            (&[YES, None, YES], Settled(Yes)),
        ];
        for (answers, expected) in cases {
            assert_eq!(standing(answers), expected, "{answers:?}");
        }
    }
}
