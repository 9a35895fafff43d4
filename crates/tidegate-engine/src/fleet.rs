//! The cameras of one rollout, their sums and the sums of all.

use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::assignment::{CameraHash, Split};
use crate::exposure::Window;
use crate::id::CameraId;
use crate::number::RiskScore;
use crate::observation::{Label, Outcome};
use crate::tally::{Pairs, Tally, Warned};
use crate::variant::{ByVariant, Variant};

/// What is kept of one camera, or of all cameras together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// The control's outcomes in shadow; frozen when the A/B test starts.
    pub shadow: Tally,
    /// The comparisons in shadow; frozen when the A/B test starts.
    pub pairs: Pairs,
    /// The A/B test.
    pub ab: ByVariant<Tally>,
}

impl Sums {
    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        self.shadow.merge(&other.shadow);
        self.pairs.merge(&other.pairs);
        self.ab.control.merge(&other.ab.control);
        self.ab.treatment.merge(&other.ab.treatment);
    }

    /// Whether these are small enough for the sums over a whole fleet never to overflow.
    pub(crate) fn can_be(&self) -> bool {
        let tallies = [
            &self.shadow,
            &self.pairs.sides.control,
            &self.pairs.sides.treatment,
            &self.ab.control,
            &self.ab.treatment,
        ];
        tallies.into_iter().all(Tally::can_be) && self.pairs.can_be()
    }

    fn tally_mut(&mut self, window: Window, variant: Variant) -> Option<&mut Tally> {
        match window {
            Window::Shadow => Some(&mut self.shadow),
            Window::Ab => Some(&mut self.ab[variant]),
            Window::Outside => None,
        }
    }
}

/// A camera in order of first appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraSums {
    /// Which.
    pub camera: CameraId,
    /// What it showed.
    pub sums: Sums,
}

#[derive(Debug, Clone)]
struct Entry {
    seen: CameraSums,
    hash: CameraHash,
    comparable: Comparable,
}

/// Whether a camera takes part in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparable {
    /// Its variant was drawn.
    Yes,
    /// Its owner chose its variant.
    Overridden,
}

impl Comparable {
    pub(crate) fn of(split: &Split, camera: &CameraId) -> Self {
        split.override_of(camera).map_or(Self::Yes, |_| Self::Overridden)
    }
}

/// All cameras seen, found by id in constant time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    entries: Vec<Entry>,
    index: HashTable<u32>,
    total: Sums,
    outside: ByVariant<Tally>,
}

impl Fleet {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn cameras(&self) -> impl Iterator<Item = &CameraSums> {
        self.entries.iter().map(|entry| &entry.seen)
    }

    pub(crate) const fn total(&self) -> &Sums {
        &self.total
    }

    pub(crate) const fn outside(&self) -> &ByVariant<Tally> {
        &self.outside
    }

    pub(crate) fn restore_outside(&mut self, outside: ByVariant<Tally>) {
        self.outside = outside;
    }

    pub(crate) fn find(&self, camera: &CameraId, hash: CameraHash) -> Option<u32> {
        self.index
            .find(hash.value(), |at| self.entries[*at as usize].seen.camera == *camera)
            .copied()
    }

    pub(crate) fn comparable(&self, at: u32) -> Comparable {
        self.entries[at as usize].comparable
    }

    /// Adds a camera that is not there yet, with what it showed so far.
    pub(crate) fn insert(&mut self, seen: CameraSums, split: &Split) -> u32 {
        let at = u32::try_from(self.entries.len()).expect("a fleet has at most 100,000 cameras");
        let hash = split.hash(&seen.camera);
        let comparable = Comparable::of(split, &seen.camera);
        self.total.merge(&seen.sums);
        self.entries.push(Entry { seen, hash, comparable });
        let entries = &self.entries;
        self.index.insert_unique(hash.value(), at, |at| entries[*at as usize].hash.value());
        at
    }

    pub(crate) fn add_analysis(
        &mut self,
        at: u32,
        (window, variant): (Window, Variant),
        outcome: Outcome,
        alert_threshold: RiskScore,
    ) {
        for tally in self.tallies(at, window, variant) {
            tally.add(outcome, alert_threshold);
        }
    }

    pub(crate) fn add_comparison(
        &mut self,
        at: u32,
        outcomes: &ByVariant<Outcome>,
        alert_threshold: RiskScore,
        warned: Warned,
    ) {
        for sums in [&mut self.total, &mut self.entries[at as usize].seen.sums] {
            sums.pairs.add(outcomes, alert_threshold, warned);
        }
    }

    pub(crate) fn relabel(
        &mut self,
        at: u32,
        (window, variant): (Window, Variant),
        former: Option<Label>,
        label: Label,
    ) {
        for tally in self.tallies(at, window, variant) {
            tally.relabel(former, label);
        }
    }

    /// The sums an observation goes into: the camera's and the fleet's, or the fleet's outside ones.
    fn tallies(
        &mut self,
        at: u32,
        window: Window,
        variant: Variant,
    ) -> impl Iterator<Item = &mut Tally> {
        let outside = match window {
            Window::Outside => Some(&mut self.outside[variant]),
            Window::Shadow | Window::Ab => None,
        };
        let camera = self.entries[at as usize].seen.sums.tally_mut(window, variant);
        let total = self.total.tally_mut(window, variant);
        [total, camera, outside].into_iter().flatten()
    }
}
