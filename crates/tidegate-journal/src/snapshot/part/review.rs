//! A rollout's review: its events and blocks, then its cards with what people said.

use serde::{Deserialize, Serialize};
use tidegate_engine::event::Actor;
use tidegate_engine::review::{
    Answer, Card, CardHash, Direction, FleetBlock, Opinion, QueueSnapshot, ReviewSnapshot,
};
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState};
use crate::codes::Coded;
use crate::record::Unreadable;

/// Cards in a part: so few that it always fits, each with all opinions it may have.
const CARDS_IN_PART: usize = 16;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptReview {
    is_closed: bool,
    lost: u64,
    gained: u64,
    left_out_from: Option<u64>,
    opinions: u64,
    /// Number, change and alerts of each block of two hours.
    blocks: Vec<(u32, i64, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptCard {
    event: String,
    camera: String,
    at_ms: i64,
    direction: u8,
    label: Option<u8>,
    opinions: Vec<KeptOpinion>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOpinion {
    number: u64,
    reviewer: String,
    at_ms: i64,
    answer: Option<u8>,
}

/// None of a rollout without a review.
pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let review = state.rollout.review.as_ref();
    let head = review.map(|ReviewSnapshot { queue, blocks }| {
        Part::Review(KeptReview {
            is_closed: queue.is_closed,
            lost: queue.lost,
            gained: queue.gained,
            left_out_from: queue.left_out_from.map(|hash| hash.0),
            opinions: queue.opinions,
            blocks: blocks.iter().map(|(at, block)| (*at, block.change, block.alerts)).collect(),
        })
    });
    let cards = review.map_or(&[][..], |review| &review.queue.cards).chunks(CARDS_IN_PART);
    let cards = cards.map(|some| Part::Cards(some.iter().map(KeptCard::from).collect()));
    head.into_iter().chain(cards)
}

impl KeptReview {
    pub(super) fn add_to(self, state: &mut RolloutState) {
        let Self { is_closed, lost, gained, left_out_from, opinions, blocks } = self;
        let left_out_from = left_out_from.map(CardHash);
        let cards = Vec::new();
        let queue = QueueSnapshot { is_closed, lost, gained, left_out_from, opinions, cards };
        let block = |(at, change, alerts)| (at, FleetBlock { change, alerts });
        let blocks = blocks.into_iter().map(block).collect();
        state.rollout.review = Some(ReviewSnapshot { queue, blocks });
    }
}

impl From<&Card> for KeptCard {
    fn from(card: &Card) -> Self {
        let opinion = |opinion: &Opinion| KeptOpinion {
            number: opinion.number,
            reviewer: opinion.reviewer.as_str().to_owned(),
            at_ms: opinion.at.ms(),
            answer: opinion.answer.map(Coded::code),
        };
        Self {
            event: card.event.as_str().to_owned(),
            camera: card.camera.as_str().to_owned(),
            at_ms: card.at.ms(),
            direction: card.direction.code(),
            label: card.label.map(Coded::code),
            opinions: card.opinions().iter().map(opinion).collect(),
        }
    }
}

impl KeptCard {
    /// None where no review comes before it.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let Some(review) = &mut state.rollout.review else { return Ok(None) };
        let opinion = |kept: KeptOpinion| {
            Ok::<_, Unreadable>(Opinion {
                number: kept.number,
                reviewer: Actor::new(&kept.reviewer)?,
                at: Timestamp::from_ms(kept.at_ms)?,
                answer: kept.answer.map(Answer::of_code).transpose()?,
            })
        };
        review.queue.cards.push(Card {
            event: self.event.parse()?,
            camera: self.camera.parse()?,
            at: Timestamp::from_ms(self.at_ms)?,
            direction: Direction::of_code(self.direction)?,
            label: self.label.map(Answer::of_code).transpose()?,
            opinions: self.opinions.into_iter().map(opinion).collect::<Result<_, _>>()?,
        });
        Ok(Some(()))
    }
}
