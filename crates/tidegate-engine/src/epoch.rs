//! The stretches a split test is kept in: its ramp steps, and windows that begin within it.
//!
//! Sums of each stretch let a ramp be compared with its own time, and harm that begins late be seen apart
//! from the time before. A stretch begins strictly after its moment, so that which one an analysis counts in
//! follows from its time alone, however the step and the analysis followed each other within a millisecond.

use alloc::vec::Vec;

use crate::time::{Duration, Timestamp};

/// Windows that begin within a test.
pub(crate) const WINDOWS: usize = 3;

/// A stretch of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// It begins after this.
    pub after: Timestamp,
    /// What begins with it.
    pub opens: Opens,
}

/// What begins with an [`Epoch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// A step of the ramp.
    Step,
    /// A window over which harm is looked for apart from the time before.
    Window,
}

/// How much of the test a judgement looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestPart {
    /// All of it.
    Whole,
    /// What came after its first quarter.
    LastThreeQuarters,
    /// Its second half.
    LastHalf,
    /// Its last quarter.
    LastQuarter,
}

impl TestPart {
    /// The parts that begin within a test, in order.
    pub(crate) const WINDOWS: [Self; WINDOWS] =
        [Self::LastThreeQuarters, Self::LastHalf, Self::LastQuarter];

    /// Behind a change, where it is not of the whole test.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::LastThreeQuarters => " in the last three quarters of the test",
            Self::LastHalf => " in the second half of the test",
            Self::LastQuarter => " in the last quarter of the test",
        }
    }
}

/// The stretches of one test, in order of time. A test that began under an earlier version has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Epochs(Vec<Epoch>);

impl Epochs {
    /// Takes the stretches of a test up again; `None` where they are not in order.
    pub fn new(epochs: Vec<Epoch>) -> Option<Self> {
        epochs.is_sorted_by_key(|epoch| epoch.after).then_some(Self(epochs))
    }

    /// The stretches, in order.
    pub fn as_slice(&self) -> &[Epoch] {
        &self.0
    }

    /// The stretches of a test that begins now.
    pub(crate) fn begin(now: Timestamp, duration: Duration) -> Self {
        let window = |quarter: u64| Epoch {
            after: now.plus(Duration::from_ms(duration.ms() / 4 * quarter)),
            opens: Opens::Window,
        };
        let first = Epoch { after: now, opens: Opens::Step };
        Self(alloc::vec![first, window(1), window(2), window(3)])
    }

    /// A step of the ramp begins now. Stretches still to come have nothing in them yet, so they may move on.
    pub(crate) fn begin_step(&mut self, now: Timestamp) {
        if !self.0.is_empty() {
            let at = self.0.partition_point(|epoch| epoch.after <= now);
            self.0.insert(at, Epoch { after: now, opens: Opens::Step });
        }
    }

    /// The stretch that began with the last step of the ramp.
    pub(crate) fn last_step(&self) -> Option<usize> {
        self.0.iter().rposition(|epoch| epoch.opens == Opens::Step)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The stretch a time lies in.
    pub(crate) fn at(&self, at: Timestamp) -> Option<usize> {
        let begun = self.0.iter().rposition(|epoch| epoch.after < at);
        begun.or((!self.0.is_empty()).then_some(0))
    }

    /// The windows that have begun, each with the first of its stretches and its beginning.
    pub(crate) fn windows(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (TestPart, usize, Timestamp)> {
        let opening = self.0.iter().enumerate().filter(|(_, epoch)| epoch.opens == Opens::Window);
        TestPart::WINDOWS
            .into_iter()
            .zip(opening)
            .map(|(part, (first, epoch))| (part, first, epoch.after))
            .filter(move |(_, _, after)| *after < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    #[test]
    fn a_time_keeps_its_stretch_whatever_begins_later() {
        let mut epochs = Epochs::begin(at(1_000), Duration::from_ms(400));
        assert_eq!(
            [1_000, 1_100, 1_101, 1_400].map(|ms| epochs.at(at(ms))),
            [0, 0, 1, 3].map(Some)
        );
        let before = epochs.at(at(1_150));
        epochs.begin_step(at(1_150));
        // In the millisecond of the step itself it is still the stretch before.
        assert_eq!(epochs.at(at(1_150)), before);
        assert_eq!([1_151, 1_201, 1_400].map(|ms| epochs.at(at(ms))), [2, 3, 4].map(Some));
        let windows: Vec<_> =
            epochs.windows(at(1_301)).map(|(part, first, _)| (part, first)).collect();
        let expected = TestPart::WINDOWS.into_iter().zip([1, 3, 4]).collect::<Vec<_>>();
        assert_eq!(windows, expected);
        assert_eq!(epochs.windows(at(1_200)).count(), 1);
    }

    #[test]
    fn a_test_of_an_earlier_version_has_no_stretches() {
        let mut epochs = Epochs::default();
        epochs.begin_step(at(5));
        assert_eq!((epochs.at(at(7)), epochs.len(), epochs.windows(at(9)).count()), (None, 0, 0));
    }
}
