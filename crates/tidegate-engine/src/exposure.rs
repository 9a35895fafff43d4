//! The bounded index of exposures: which variant an analysis really had, until its feedback is due.

use alloc::collections::{BTreeMap, VecDeque};

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use crate::id::AnalysisId;
pub use crate::observation::Alerts;
use crate::observation::Label;
use crate::time::{Duration, Timestamp};
use crate::variant::Variant;

/// An analysis id in 16 bytes.
///
/// Ids are up to 128 bytes and millions are open at once. Two different ids share a fingerprint with
/// a chance of 2^-128, so a million open ids meet one false duplicate in 10^26 rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Takes the XXH3-128 of the id.
    pub fn of(id: &AnalysisId) -> Self {
        Self(xxh3_128(id.as_str().as_bytes()))
    }

    const fn hash(self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low half is a good hash by itself"
        )]
        let low = self.0 as u64;
        low
    }
}

/// Which sums an analysis went into; its feedback goes the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The shadow phase, control only.
    Shadow,
    /// The A/B test.
    Ab,
    /// No comparison: paused, expired, ended, a release that is not watched, or a camera with an override.
    Outside,
    /// The full release, while it is watched.
    Full,
}

/// One analysis whose feedback may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// The analysis.
    pub fingerprint: Fingerprint,
    /// When it was reported.
    pub at: Timestamp,
    /// Its camera's place in the order of first appearance.
    pub camera: u32,
    /// The variant that really ran.
    pub variant: Variant,
    /// Which sums it went into.
    pub window: Window,
    /// Who alerted, where both prompts ran.
    pub alerts: Alerts,
    /// What a person said about it so far.
    pub label: Option<Label>,
}

/// All open exposures, oldest first, found by id in constant time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exposures {
    /// In order of arrival, and so of time.
    queue: VecDeque<Exposure>,
    /// Number of exposures ever dropped from the front: the queue's index 0 is this sequence number.
    dropped: u64,
    /// The low halves of sequence numbers by fingerprint. Fewer than 2^32 are open at once, so the low
    /// half tells them apart, and the index is half as large for the cache.
    index: HashTable<u32>,
    /// How many have a label.
    labelled: usize,
    /// When those happened that were reported much later. Beside the queue, whose entries would all grow.
    backlog: BTreeMap<Fingerprint, Timestamp>,
}

impl Exposures {
    /// Rebuilds the index from exposures in order of time; `None` where a fingerprint stands twice at one time. That it comes again
    /// later an earlier version let be.
    pub(crate) fn from_queue(queue: VecDeque<Exposure>) -> Option<Self> {
        let mut exposures = Self::default();
        for exposure in queue {
            if exposures.find(exposure.fingerprint).is_some_and(|before| before.at == exposure.at) {
                return None;
            }
            exposures.forget(exposure.fingerprint);
            exposures.push(exposure);
        }
        Some(exposures)
    }

    /// Lets an exposure be found no more, whose id comes again: it happened longer ago than feedback is taken for, but was reported
    /// later, and stays in the queue until that is as long ago.
    pub(crate) fn forget_late(&mut self, fingerprint: Fingerprint) {
        // Nearly always there is nothing to look up.
        if self.backlog.contains_key(&fingerprint) {
            self.forget(fingerprint);
        }
    }

    fn forget(&mut self, fingerprint: Fingerprint) {
        let Some(position) = self.position(fingerprint) else { return };
        let sequence = low_half(self.dropped + position as u64);
        if let Ok(entry) = self.index.find_entry(fingerprint.hash(), |found| *found == sequence) {
            entry.remove();
        }
        let exposure = &mut self.queue[position];
        // No id has this one, and the next that is forgotten under the same id was reported at another time.
        exposure.fingerprint =
            Fingerprint(!fingerprint.0 ^ u128::from(exposure.at.ms().unsigned_abs()));
        let nameless = exposure.fingerprint;
        if let Some(happened_at) = self.backlog.remove(&fingerprint) {
            self.backlog.insert(nameless, happened_at);
        }
    }

    /// When those happened that were reported much later.
    pub(crate) const fn backlog(&self) -> &BTreeMap<Fingerprint, Timestamp> {
        &self.backlog
    }

    /// When the analysis of an exposure happened, as far as is known.
    pub(crate) fn happened_at(&self, exposure: &Exposure) -> Timestamp {
        // Nearly always there is nothing to look up.
        if self.backlog.is_empty() {
            return exposure.at;
        }
        self.backlog.get(&exposure.fingerprint).copied().unwrap_or(exposure.at)
    }

    /// Notes when an exposure that is there happened; `None` for one that is not.
    pub(crate) fn date(&mut self, fingerprint: Fingerprint, happened_at: Timestamp) -> Option<()> {
        self.position(fingerprint)?;
        self.backlog.insert(fingerprint, happened_at);
        Some(())
    }

    pub(crate) const fn queue(&self) -> &VecDeque<Exposure> {
        &self.queue
    }

    pub(crate) fn find(&self, fingerprint: Fingerprint) -> Option<&Exposure> {
        self.queue.get(self.position(fingerprint)?)
    }

    /// Notes what a person said, if it is there.
    pub(crate) fn label(&mut self, fingerprint: Fingerprint, label: Label) {
        let position = self.position(fingerprint);
        if let Some(exposure) = position.and_then(|position| self.queue.get_mut(position)) {
            self.labelled += usize::from(exposure.label.is_none());
            exposure.label = Some(label);
        }
    }

    /// How many have no label yet.
    pub(crate) fn unlabelled(&self) -> usize {
        self.queue.len() - self.labelled
    }

    /// Adds an exposure that is not there yet.
    pub(crate) fn push(&mut self, exposure: Exposure) {
        self.labelled += usize::from(exposure.label.is_some());
        let sequence = low_half(self.dropped + self.queue.len() as u64);
        self.queue.push_back(exposure);
        let (queue, dropped) = (&self.queue, self.dropped);
        self.index.insert_unique(exposure.fingerprint.hash(), sequence, |sequence| {
            queue[offset(*sequence, dropped)].fingerprint.hash()
        });
    }

    /// Drops what is older than `window` at `now`.
    pub(crate) fn age(&mut self, now: Timestamp, window: Duration) {
        while self.queue.front().is_some_and(|oldest| now.since(oldest.at) > window) {
            self.drop_oldest();
        }
    }

    /// Drops the oldest beyond `open_max` and tells how many were.
    pub(crate) fn evict(&mut self, open_max: usize) -> u64 {
        let before = self.dropped;
        while self.queue.len() > open_max {
            self.drop_oldest();
        }
        self.dropped - before
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.queue.pop_front() {
            let sequence = low_half(self.dropped);
            self.labelled -= usize::from(oldest.label.is_some());
            self.dropped += 1;
            if !self.backlog.is_empty() {
                self.backlog.remove(&oldest.fingerprint);
            }
            if let Ok(entry) = self.index.find_entry(oldest.fingerprint.hash(), |s| *s == sequence)
            {
                entry.remove();
            }
        }
    }

    fn position(&self, fingerprint: Fingerprint) -> Option<usize> {
        self.index
            .find(fingerprint.hash(), |sequence| {
                self.queue[offset(*sequence, self.dropped)].fingerprint == fingerprint
            })
            .map(|sequence| offset(*sequence, self.dropped))
    }
}

/// The queue's index of a sequence number that has not been dropped.
const fn offset(sequence: u32, dropped: u64) -> usize {
    sequence.wrapping_sub(low_half(dropped)) as usize
}

const fn low_half(sequence: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    let low = sequence as u32;
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(number: u128, at_ms: i64) -> Exposure {
        Exposure {
            fingerprint: Fingerprint(number),
            at: Timestamp::from_ms(at_ms).unwrap(),
            camera: 0,
            variant: Variant::Control,
            window: Window::Ab,
            alerts: Alerts::NotControl,
            label: None,
        }
    }

    #[test]
    fn old_exposures_leave_and_the_rest_are_still_found() {
        let mut exposures = Exposures::default();
        for number in 0..100 {
            exposures.push(exposure(number, i64::try_from(number).unwrap()));
        }
        exposures.age(Timestamp::from_ms(99).unwrap(), Duration::from_ms(49));
        assert!(exposures.find(Fingerprint(49)).is_none());
        assert_eq!(exposures.find(Fingerprint(50)).unwrap().at.ms(), 50);
        assert_eq!(exposures.evict(10), 40);
        assert!(exposures.find(Fingerprint(89)).is_none());
        assert!(exposures.find(Fingerprint(90)).is_some());
        // A label that is given again is one still, and leaves with its exposure.
        for label in [Label::Correct, Label::FalsePositive] {
            exposures.label(Fingerprint(90), label);
            assert_eq!(exposures.unlabelled(), 9);
        }
        exposures.label(Fingerprint(1), Label::Correct);
        assert_eq!(exposures.evict(9), 1);
        assert_eq!(exposures.unlabelled(), 9);
    }

    #[test]
    fn what_is_forgotten_is_found_no_more_and_leaves_in_its_time() {
        let mut exposures = Exposures::default();
        for at_ms in [10, 20, 30] {
            exposures.forget(Fingerprint(1));
            exposures.push(exposure(1, at_ms));
            exposures.date(Fingerprint(1), Timestamp::from_ms(at_ms - 9).unwrap()).unwrap();
        }
        exposures.label(Fingerprint(1), Label::Correct);
        assert_eq!(exposures.find(Fingerprint(1)).unwrap().at.ms(), 30);
        assert_eq!((exposures.unlabelled(), exposures.backlog().len()), (2, 3));
        let restored = Exposures::from_queue(exposures.queue().clone()).unwrap();
        assert_eq!(restored.queue(), exposures.queue());
        // One that an earlier version wrote, and one that cannot be.
        let twice = |at_ms| [exposure(1, 10), exposure(1, at_ms)].into();
        let taken_up = Exposures::from_queue(twice(20)).unwrap();
        assert_eq!(taken_up.find(Fingerprint(1)).unwrap().at.ms(), 20);
        assert!(Exposures::from_queue(twice(10)).is_none());
        assert_eq!(exposures.evict(1), 2);
        assert_eq!((exposures.unlabelled(), exposures.backlog().len()), (0, 1));
        assert!(exposures.find(Fingerprint(1)).is_some());
    }

    #[test]
    fn an_exposure_stays_small() {
        assert_eq!(size_of::<Exposure>(), 32);
    }
}
