//! Discordant events and the answers to them.

use core::fmt;

use crate::range::{OutOfRange, within};

/// More events, or alerts, than this are refused: every formula keeps its digits up to here.
pub const EVENTS_MAX: u64 = 1_000_000_000;

/// Which prompt alone alerted on a discordant event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Only the control alerted: under the treatment the alert is lost.
    Lost,
    /// Only the treatment alerted: under the treatment the alert is gained.
    Gained,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Lost, Self::Gained];

    /// The other direction.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Lost => Self::Gained,
            Self::Gained => Self::Lost,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lost => "lost",
            Self::Gained => "gained",
        })
    }
}

/// How much of an alert an event was worth, 0 to 1: z.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Worth(f64);

impl Worth {
    /// The event was not worth an alert.
    pub const NO: Self = Self(0.0);
    /// The reviewer could not tell.
    pub const CANNOT_TELL: Self = Self(0.5);
    /// The event was worth an alert.
    pub const YES: Self = Self(1.0);

    /// Takes a number from 0 to 1.
    ///
    /// # Errors
    /// [`OutOfRange`] for anything else, NaN included.
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        within("worth of an alert", value, &(0.0..=1.0)).map(Self)
    }

    /// The number.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// `value`, or the nearest of 0 and 1.
    pub(super) const fn clamped(value: f64) -> Self {
        Self(value.clamp(0.0, 1.0))
    }
}

/// A card with its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnsweredCard {
    /// Which prompt alone alerted on its event.
    pub direction: Direction,
    /// What the event was worth.
    pub worth: Worth,
}

/// How many discordant events a window has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discordant {
    lost: u64,
    gained: u64,
}

impl Discordant {
    /// Takes both counts, each at most [`EVENTS_MAX`].
    ///
    /// # Errors
    /// [`OutOfRange`] for more.
    pub fn new(lost: u64, gained: u64) -> Result<Self, OutOfRange> {
        within("lost events", lost as f64, &(0.0..=EVENTS_MAX as f64))?;
        within("gained events", gained as f64, &(0.0..=EVENTS_MAX as f64))?;
        Ok(Self { lost, gained })
    }

    /// L: events on which only the control alerted.
    pub const fn lost(self) -> u64 {
        self.lost
    }

    /// G: events on which only the treatment alerted.
    pub const fn gained(self) -> u64 {
        self.gained
    }

    pub(super) const fn of(self, direction: Direction) -> u64 {
        match direction {
            Direction::Lost => self.lost,
            Direction::Gained => self.gained,
        }
    }

    /// N = L + G.
    pub const fn total(self) -> u64 {
        self.lost + self.gained
    }

    /// ΔA = G - L: how many more alerts the treatment has.
    pub const fn change(self) -> i64 {
        self.gained.cast_signed() - self.lost.cast_signed()
    }
}

/// Why numbers are no review.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReviewRefused {
    /// A number outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// More cards of a direction than the window has events.
    #[error("one card more than the {events} {direction} events of the window")]
    TooManyCards {
        /// The direction of the card that is one too many.
        direction: Direction,
        /// The events of that direction.
        events: u64,
    },
    /// Blocks and events were not counted over the same window.
    #[error(
        "the blocks hold {blocks} more alerts of the treatment, the discordant events {events}"
    )]
    BlocksDisagree {
        /// The change in alerts summed over the blocks.
        blocks: i64,
        /// Gained less lost events.
        events: i64,
    },
}
