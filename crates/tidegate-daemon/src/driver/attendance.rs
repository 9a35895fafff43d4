//! Whether the driver was there all the time.

use tidegate_engine::time::{Duration, Timestamp};

/// The driver looks at the clock every half second. A shorter gap is a busy machine, and time that passed.
const GAP_MIN: Duration = Duration::from_ms(60_000);

/// After so long without an entry that time passed is written down, so that the next start knows until when the daemon was there.
const MARK_EVERY: Duration = Duration::from_ms(300_000);

/// A time in which the driver was away: it did not run, its machine slept, or the clock was set ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) since: Timestamp,
    pub(super) lasted: Duration,
}

/// When the driver looked at the clock last.
#[derive(Debug)]
pub(super) struct Attendance {
    seen: Option<Timestamp>,
    /// When to ask next whether something was written.
    mark_due: Timestamp,
}

impl Default for Attendance {
    fn default() -> Self {
        Self { seen: None, mark_due: Timestamp::EPOCH }
    }
}

impl Attendance {
    /// It was there at this time, however long ago that is.
    pub(super) const fn begin(&mut self, at: Timestamp) {
        self.seen = Some(at);
    }

    /// It is there, and gives how long it was not.
    pub(super) fn look(&mut self, now: Timestamp) -> Option<Absence> {
        let since = self.seen.replace(now)?;
        let lasted = now.since(since);
        (lasted >= GAP_MIN).then_some(Absence { since, lasted })
    }

    /// Whether it is to be written down that it is there, as nothing was since `latest`, which is asked for only where it
    /// may be so long ago: the driver comes here with every command.
    pub(super) fn is_mark_due(
        &mut self,
        now: Timestamp,
        latest: impl FnOnce() -> Timestamp,
    ) -> bool {
        if now < self.mark_due {
            return false;
        }
        let latest = latest();
        let is_due = now.since(latest) >= MARK_EVERY;
        self.mark_due = if is_due { now } else { latest }.plus(MARK_EVERY);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_of_a_minute_is_an_absence_and_time_that_stands_still_is_none() {
        let at = |ms| Timestamp::from_ms(ms).unwrap();
        let mut attendance = Attendance::default();
        assert_eq!(attendance.look(at(9_000_000)), None, "before the first look nothing is known");
        attendance.begin(at(1_000_000));
        assert_eq!(attendance.look(at(1_059_999)), None);
        let absence = Absence { since: at(1_059_999), lasted: Duration::from_ms(60_000) };
        assert_eq!(attendance.look(at(1_119_999)), Some(absence));
        assert_eq!(attendance.look(at(1_119_999)), None);
        assert_eq!(attendance.look(at(1_000_000)), None);
    }

    #[test]
    fn a_mark_is_due_five_minutes_after_the_last_entry_and_the_last_mark() {
        let at = |ms| Timestamp::from_ms(ms).unwrap();
        let mut attendance = Attendance::default();
        assert!(!attendance.is_mark_due(at(400_000), || at(200_000)));
        let not_asked = || panic!("it cannot be due");
        assert!(!attendance.is_mark_due(at(499_999), not_asked));
        // Something was written meanwhile.
        assert!(!attendance.is_mark_due(at(500_000), || at(450_000)));
        assert!(attendance.is_mark_due(at(750_000), || at(450_000)));
        assert!(!attendance.is_mark_due(at(1_049_999), not_asked));
        assert!(attendance.is_mark_due(at(1_050_000), || at(450_000)));
    }
}
