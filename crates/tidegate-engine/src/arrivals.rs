//! When reports came, so that silence is told from a quiet night.

use crate::release::{DAY, HOURS};
use crate::time::Timestamp;

/// When the analyses and comparisons of a rollout came. An earlier version kept none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrivals {
    /// How many in each hour of the day, UTC.
    pub by_hour: [u64; HOURS],
    /// The last comparison.
    pub compared: Option<Compared>,
}

/// When an event was answered by both prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// When it was reported.
    pub at: Timestamp,
    /// How many observations came before it.
    pub after: u64,
}

impl Arrivals {
    /// A report comes.
    pub(crate) fn add(&mut self, at: Timestamp) {
        let hour = &mut self.by_hour[at.hour_of_day()];
        *hour = hour.saturating_add(1);
    }

    pub(crate) fn count(&self) -> u64 {
        self.by_hour.iter().fold(0, |sum, hour| sum.saturating_add(*hour))
    }

    /// How many are usual between two times, for a rollout that began and was heard of last at others. Once there was a
    /// day it goes by the hours of the day: what is quiet every night says nothing.
    pub(crate) fn due(
        &self,
        began: Timestamp,
        last: Timestamp,
        since: Timestamp,
        now: Timestamp,
    ) -> f64 {
        let (count, known) = (self.count() as f64, last.since(began));
        if known < DAY {
            return now.since(since).ms() as f64 / known.ms().max(1) as f64 * count;
        }
        let days = known.ms() as f64 / DAY.ms() as f64;
        // Where reports usually end within an hour, its rest says nothing.
        let (mut due, mut from) = (0.0, since.hour_ends());
        while from < now {
            let until = from.hour_ends().min(now);
            due += self.by_hour[from.hour_of_day()] as f64 / days * until.since(from).hours();
            from = until;
        }
        due
    }

    /// Whether so many observations may have brought it.
    pub(crate) fn can_be(&self, observations: u64) -> bool {
        let before = self.compared.is_none_or(|compared| compared.after < observations);
        self.count() <= observations && before
    }
}
