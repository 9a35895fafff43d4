//! The discordant events of a shadow, and which of them is looked at next.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use tidegate_stats::review::{Direction, Discordant, DrawnCard};

use crate::event::Actor;
use crate::id::AnalysisId;
use crate::limits;
use crate::number::{OutOfRange, within};
use crate::review::card::{Answer, Card, Opinion, SecondLook, Standing};
use crate::review::order::{CardHash, CardOrder};
use crate::time::Timestamp;

/// A reviewer who is alone gets a card for the second time only after this many others, so as not to repeat themselves
/// from memory.
const CARDS_BETWEEN_OPINIONS: usize = 10;

/// How much a queue holds, and how much of it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Most events that are kept, at least the budget. Beyond it those with the lowest hashes stay: a random part.
    pub events_max: usize,
    /// Most cards that are drawn, at least 1.
    pub budget: usize,
    /// Cards below this hash may be looked at before the window closes.
    pub early: CardHash,
    /// Whether a yes settles a card.
    pub second_look: SecondLook,
}

/// What a reviewer says of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardReply {
    /// The card's event.
    pub event: AnalysisId,
    /// How many opinions the card had when it was shown, so that a reply that is sent twice counts once.
    pub turn: u16,
    /// Who says it.
    pub reviewer: Actor,
    /// The answer; `None` to skip the card.
    pub answer: Option<Answer>,
}

/// Why an event or a reply is not taken; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueRejection {
    /// The events of the window are counted.
    #[error("the window of the review is closed")]
    Closed,
    /// The event is there already.
    #[error("event `{event}` is in the review already")]
    Duplicate {
        /// Its id.
        event: AnalysisId,
    },
    /// The event is not discordant, not drawn, or not to be seen before the window closes.
    #[error("event `{event}` is no card of the review")]
    NoCard {
        /// The id as it came.
        event: AnalysisId,
    },
    /// The card got an opinion since it was shown, or this is the same reply again.
    #[error(
        "the card of event `{event}` has had {opinions} opinions, the reply was to one with {turn}"
    )]
    OutOfTurn {
        /// The card's event.
        event: AnalysisId,
        /// Opinions that the card has had.
        opinions: u16,
        /// The turn as it came.
        turn: u16,
    },
    /// The card was skipped by more reviewers than are kept.
    #[error(
        "the card of event `{event}` has {} opinions, allowed: no more",
        limits::CARD_OPINIONS_MAX
    )]
    TooManyOpinions {
        /// The card's event.
        event: AnalysisId,
    },
    /// The card needs no further opinion.
    #[error("the card of event `{event}` has its answer")]
    Settled {
        /// The card's event.
        event: AnalysisId,
    },
}

/// The discordant events of a shadow in the order of cards, with the opinions of reviewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    order: CardOrder,
    sizes: Sizes,
    is_closed: bool,
    lost: u64,
    gained: u64,
    /// The lowest hash of the events that were left out: from it on none is kept.
    left_out_from: Option<CardHash>,
    cards: BTreeMap<(CardHash, AnalysisId), Card>,
    /// Opinions so far.
    opinions: u64,
}

impl Queue {
    /// An empty queue.
    ///
    /// # Errors
    /// [`OutOfRange`] for a budget of 0, and for fewer events than the budget.
    pub fn new(order: CardOrder, sizes: Sizes) -> Result<Self, OutOfRange> {
        let Sizes { events_max, budget, .. } = sizes;
        within("budget of a review", budget as f64, &(1.0..=f64::MAX))?;
        within("events kept for a review", events_max as f64, &(budget as f64..=f64::MAX))?;
        Ok(Self {
            order,
            sizes,
            is_closed: false,
            lost: 0,
            gained: 0,
            left_out_from: None,
            cards: BTreeMap::new(),
            opinions: 0,
        })
    }

    /// Takes in a discordant event. Beyond `events_max` the event with the highest hash is left out, and only counted;
    /// an id that comes again beyond that hash is not recognised.
    ///
    /// # Errors
    /// [`QueueRejection::Closed`] and [`QueueRejection::Duplicate`].
    pub fn add(&mut self, card: Card) -> Result<(), QueueRejection> {
        if self.is_closed {
            return Err(QueueRejection::Closed);
        }
        let hash = self.order.of(&card.event);
        let direction = card.direction;
        if self.left_out_from.is_none_or(|from| hash < from) {
            match self.cards.entry((hash, card.event.clone())) {
                Entry::Occupied(_) => {
                    return Err(QueueRejection::Duplicate { event: card.event });
                }
                Entry::Vacant(place) => place.insert(card),
            };
            if self.cards.len() > self.sizes.events_max {
                self.leave_out_last();
            }
        }
        match direction {
            Direction::Lost => self.lost += 1,
            Direction::Gained => self.gained += 1,
        }
        Ok(())
    }

    /// Leaves out all events with the highest hash, so that a hash alone says whether an event is kept.
    fn leave_out_last(&mut self) {
        let Some(((from, _), _)) = self.cards.pop_last() else { return };
        while self.cards.last_key_value().is_some_and(|((hash, _), _)| *hash == from) {
            self.cards.pop_last();
        }
        self.left_out_from = Some(from);
    }

    /// Closes the window: its events are counted, and all cards of the budget may be looked at.
    pub const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether the window is closed.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The lowest hash of events that were left out; `None` while all are kept.
    pub const fn left_out_from(&self) -> Option<CardHash> {
        self.left_out_from
    }

    /// The discordant events of the window so far, with those that were left out.
    ///
    /// # Errors
    /// [`OutOfRange`] for more than the statistics take.
    pub fn events(&self) -> Result<Discordant, OutOfRange> {
        Discordant::new(self.lost, self.gained)
    }

    /// The events of a direction so far, with those that were left out.
    pub const fn count(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Lost => self.lost,
            Direction::Gained => self.gained,
        }
    }

    /// The cards that may be looked at now, in order.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        let (is_closed, early) = (self.is_closed, self.sizes.early);
        let may_be_seen = move |hash: CardHash| is_closed || hash < early;
        let drawn = self.cards.iter().take(self.sizes.budget);
        drawn.take_while(move |((hash, _), _)| may_be_seen(*hash)).map(|(_, card)| card)
    }

    /// The card that `reviewer` should look at next; `None` where there is nothing for them.
    ///
    /// The first that waits, except that a card they know comes again only after ten other opinions of theirs or when nothing
    /// else waits; then those that others skipped. Nobody gets a card again that they skipped.
    pub fn next(&self, reviewer: &Actor) -> Option<&Card> {
        let mut again = None;
        let mut skipped = None;
        for card in self.cards() {
            let last = card.last_opinion_of(reviewer);
            if last.is_some_and(|opinion| opinion.answer.is_none()) {
                continue;
            }
            match card.standing(self.sizes.second_look) {
                Standing::Waiting => match last {
                    Some(opinion) if self.opinions_since(opinion) < CARDS_BETWEEN_OPINIONS => {
                        again = again.or(Some(card));
                    }
                    _ => return Some(card),
                },
                Standing::Unanswered => skipped = skipped.or(Some(card)),
                Standing::Settled(_) => {}
            }
        }
        again.or(skipped)
    }

    /// How many opinions the reviewer of `opinion` has given since.
    fn opinions_since(&self, opinion: &Opinion) -> usize {
        let all = self.cards().flat_map(Card::opinions);
        all.filter(|other| other.reviewer == opinion.reviewer && other.number > opinion.number)
            .count()
    }

    /// Takes a reply, and says where its card now stands.
    ///
    /// # Errors
    /// [`QueueRejection::NoCard`], [`QueueRejection::OutOfTurn`], [`QueueRejection::Settled`] and
    /// [`QueueRejection::TooManyOpinions`].
    pub fn answer(&mut self, at: Timestamp, reply: &CardReply) -> Result<Standing, QueueRejection> {
        let CardReply { event, turn, reviewer, answer } = reply.clone();
        let Some(opinions) = self.cards().find(|card| card.event == event).map(Card::turn) else {
            return Err(QueueRejection::NoCard { event });
        };
        if opinions != turn {
            return Err(QueueRejection::OutOfTurn { event, opinions, turn });
        }
        let key = (self.order.of(&event), event);
        let Some(card) = self.cards.get_mut(&key) else {
            return Err(QueueRejection::NoCard { event: key.1 });
        };
        let second_look = self.sizes.second_look;
        if matches!(card.standing(second_look), Standing::Settled(_)) {
            return Err(QueueRejection::Settled { event: key.1 });
        }
        if card.opinions.len() >= limits::CARD_OPINIONS_MAX {
            return Err(QueueRejection::TooManyOpinions { event: key.1 });
        }
        card.opinions.push(Opinion { number: self.opinions, reviewer, at, answer });
        self.opinions += 1;
        Ok(card.standing(second_look))
    }

    /// Takes what a label of an event says of it, where it is kept and still needs an opinion.
    pub fn label(&mut self, event: &AnalysisId, answer: Answer) {
        let second_look = self.sizes.second_look;
        if let Some(card) = self.cards.get_mut(&(self.order.of(event), event.clone()))
            && !matches!(card.standing(second_look), Standing::Settled(_))
        {
            card.label = Some(answer);
        }
    }

    /// What the statistics may read: the cards up to the first that waits, as evidence counts cards in their order.
    ///
    /// Before the window closes, events may still come between them, so a verdict waits until then.
    pub fn drawn(&self) -> Vec<DrawnCard> {
        let of = |card: &Card| match card.standing(self.sizes.second_look) {
            Standing::Waiting => None,
            Standing::Unanswered => Some(DrawnCard { direction: card.direction, answer: None }),
            Standing::Settled(answer) => {
                Some(DrawnCard { direction: card.direction, answer: Some(answer.worth()) })
            }
        };
        self.cards().map_while(of).collect()
    }
}

/// A queue as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueSnapshot {
    /// Whether the window is closed.
    pub is_closed: bool,
    /// Lost events of the window.
    pub lost: u64,
    /// Gained events of the window.
    pub gained: u64,
    /// The lowest hash that was left out.
    pub left_out_from: Option<CardHash>,
    /// Opinions so far.
    pub opinions: u64,
    /// The cards that are kept, in order.
    pub cards: Vec<Card>,
}

impl Queue {
    /// All that this queue remembers.
    pub fn snapshot(&self) -> QueueSnapshot {
        let Self { is_closed, lost, gained, left_out_from, opinions, .. } = *self;
        let cards = self.cards.values().cloned().collect();
        QueueSnapshot { is_closed, lost, gained, left_out_from, opinions, cards }
    }

    /// Takes an empty queue's place; `None` for cards that no such queue can hold.
    #[must_use]
    pub fn restore(mut self, snapshot: QueueSnapshot) -> Option<Self> {
        let QueueSnapshot { is_closed, lost, gained, left_out_from, opinions, cards } = snapshot;
        let count = cards.len();
        for card in cards {
            let hash = self.order.of(&card.event);
            let can_be = left_out_from.is_none_or(|from| hash < from)
                && card.opinions.len() <= limits::CARD_OPINIONS_MAX
                && card.opinions.iter().all(|opinion| opinion.number < opinions);
            if !can_be {
                return None;
            }
            self.cards.insert((hash, card.event.clone()), card);
        }
        let kept = |direction| {
            self.cards.values().filter(|card| card.direction == direction).count() as u64
        };
        let can_be = self.cards.len() == count
            && count <= self.sizes.events_max
            && kept(Direction::Lost) <= lost
            && kept(Direction::Gained) <= gained;
        can_be.then_some(Self { is_closed, lost, gained, left_out_from, opinions, ..self })
    }
}

#[cfg(test)]
mod tests;
