//! What a shadow shows of a review: its discordant events, and alerts by two hours.

use alloc::vec::Vec;

use tidegate_stats::review::{
    Direction, Findings, FleetBlock, LimitSettings, Review, ReviewLimits, ReviewRefused,
};

use crate::id::Salt;
use crate::number::OutOfRange;
use crate::observation::Comparison;
use crate::review::card::{Card, Standing};
use crate::review::order::{CardHash, CardOrder};
use crate::review::queue::{Queue, QueueSnapshot, Sizes};
use crate::review::rules::ReviewRules;
use crate::time::Timestamp;
use crate::{ByVariant, variant::Variant};

/// A sixteenth of the events may be seen before the window closes.
const EARLY: CardHash = CardHash(u64::MAX / 16);
/// The length of a block of the fleet.
const BLOCK_MS: u64 = 2 * 3_600_000;
/// Blocks in a day.
const BLOCKS_IN_DAY: u32 = 12;
pub(crate) const BLOCKS_A_DAY: f64 = BLOCKS_IN_DAY as f64;

/// The window of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewWindow {
    pub(crate) queue: Queue,
    /// Two hours each, counted from the start, in which anything was compared; in order.
    blocks: Vec<(u32, FleetBlock)>,
}

/// How many cards of a review stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standings {
    /// They have their answer.
    pub settled: u64,
    /// They wait for an opinion.
    pub waiting: u64,
    /// They were skipped.
    pub unanswered: u64,
}

/// A window as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewSnapshot {
    /// The cards and the counts of events.
    pub queue: QueueSnapshot,
    /// Two hours each, by their number from the start.
    pub blocks: Vec<(u32, FleetBlock)>,
}

impl ReviewWindow {
    /// A window of nothing yet.
    ///
    /// # Errors
    /// [`OutOfRange`] for rules that no definition can have.
    pub fn new(salt: &Salt, rules: &ReviewRules, events_max: usize) -> Result<Self, OutOfRange> {
        let sizes = Sizes {
            events_max,
            budget: rules.budget,
            early: EARLY,
            second_look: rules.second_look,
        };
        Ok(Self { queue: Queue::new(CardOrder::new(salt), sizes)?, blocks: Vec::new() })
    }

    /// The cards.
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// How many of its cards stand how.
    pub fn standings(&self, rules: &ReviewRules) -> Standings {
        let mut standings = Standings::default();
        for card in self.queue.cards() {
            match card.standing(rules.second_look) {
                Standing::Settled(_) => standings.settled += 1,
                Standing::Waiting => standings.waiting += 1,
                Standing::Unanswered => standings.unanswered += 1,
            }
        }
        standings
    }

    /// Takes in a comparison that happened `at` in a shadow that began at `start`.
    pub(crate) fn add(
        &mut self,
        start: Timestamp,
        at: Timestamp,
        comparison: &Comparison,
        alerted: ByVariant<bool>,
    ) {
        if self.queue.is_closed() {
            return;
        }
        let number = u32::try_from(at.since(start).ms() / BLOCK_MS).unwrap_or(u32::MAX);
        let found = self.blocks.binary_search_by_key(&number, |(number, _)| *number);
        let index = found.unwrap_or_else(|index| {
            self.blocks.insert(index, (number, FleetBlock { change: 0, alerts: 0 }));
            index
        });
        let (_, block) = &mut self.blocks[index];
        block.alerts += u64::from(alerted[Variant::Control]);
        let direction = match (alerted.control, alerted.treatment) {
            (true, false) => Direction::Lost,
            (false, true) => Direction::Gained,
            (true, true) | (false, false) => return,
        };
        let card = Card::new(comparison.id.clone(), comparison.camera.clone(), at, direction);
        // An id that comes again after it was forgotten elsewhere is no second event here.
        if self.queue.add(card).is_ok() {
            block.change += match direction {
                Direction::Lost => -1,
                Direction::Gained => 1,
            };
        }
    }

    /// How many blocks have anything.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The window as the statistics take it.
    pub(crate) fn review(&self, rules: &ReviewRules) -> Result<Review, ReviewRefused> {
        let limits = ReviewLimits::new(LimitSettings {
            false_alarms: rules.max_false_alarm_increase.value(),
            missed: rules.max_missed_threat_increase.value(),
            benefit: rules.benefit.value(),
        })?;
        let blocks: Vec<FleetBlock> = self.blocks.iter().map(|(_, block)| *block).collect();
        Review::of_days(self.queue.events()?, &blocks, &self.days(), limits)
    }

    /// The blocks of each day since the start together.
    fn days(&self) -> Vec<FleetBlock> {
        let is_same_day = |a: &(u32, FleetBlock), b: &(u32, FleetBlock)| {
            a.0 / BLOCKS_IN_DAY == b.0 / BLOCKS_IN_DAY
        };
        let day = |blocks: &[(u32, FleetBlock)]| {
            blocks.iter().fold(FleetBlock { change: 0, alerts: 0 }, |sum, (_, block)| FleetBlock {
                change: sum.change.saturating_add(block.change),
                alerts: sum.alerts.saturating_add(block.alerts),
            })
        };
        self.blocks.chunk_by(is_same_day).map(day).collect()
    }

    /// What the answers say; nothing before the window is closed.
    pub(crate) fn findings(&self, rules: &ReviewRules) -> Option<Findings> {
        if !self.queue.is_closed() {
            return None;
        }
        self.review(rules).and_then(|review| review.judge(&self.queue.drawn())).ok()
    }

    /// All that this window remembers.
    pub fn snapshot(&self) -> ReviewSnapshot {
        ReviewSnapshot { queue: self.queue.snapshot(), blocks: self.blocks.clone() }
    }

    /// Takes an empty window's place; `None` for what no such window can hold.
    #[must_use]
    pub fn restore(self, snapshot: ReviewSnapshot) -> Option<Self> {
        let ReviewSnapshot { queue, blocks } = snapshot;
        let queue = self.queue.restore(queue)?;
        let in_order = blocks.is_sorted_by(|a, b| a.0 < b.0);
        in_order.then_some(Self { queue, blocks })
    }
}
