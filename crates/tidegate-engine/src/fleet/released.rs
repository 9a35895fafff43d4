//! What the fleet shows in a full release.

use alloc::vec::Vec;

use super::Fleet;
use crate::release::{HOURS, Release};
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::variant::ByVariant;

impl Fleet {
    pub(crate) const fn release(&self) -> &Release {
        &self.release
    }

    /// Puts back what is kept of the release beside the cameras.
    pub(crate) fn restore_release(&mut self, release: &Release) {
        self.release.clone_from(release);
    }

    /// Begins the day of the release if it is another than before.
    pub(crate) fn begin_day(&mut self, day: u64, now: Timestamp) {
        if self.release.since.is_none() || self.release.day != day {
            self.full.clear();
            self.full_total = ByVariant::default();
            self.release.present = [Tally::default(); HOURS];
            (self.release.day, self.release.since) = (day, Some(now));
        }
    }

    /// The whole fleet in the present day of the release.
    pub(crate) const fn full_total(&self) -> &ByVariant<Tally> {
        &self.full_total
    }

    /// The control of the whole fleet in shadow and A/B test.
    pub(crate) fn past_total(&self) -> Tally {
        let total = self.total();
        let mut past = total.shadow;
        past.merge(&total.ab.control);
        past
    }

    pub(crate) fn full_of(&mut self, at: u32) -> &mut ByVariant<Tally> {
        let at = at as usize;
        if self.full.len() <= at {
            self.full.resize(at + 1, ByVariant::default());
        }
        &mut self.full[at]
    }

    /// Each camera's present day of the release, in order of first appearance.
    pub(crate) fn full(&self) -> &[ByVariant<Tally>] {
        &self.full
    }

    /// What each camera showed under the control before the release, and what it shows in the present day of it.
    pub(crate) fn before_and_after(&self) -> Vec<(Tally, Tally)> {
        let past = self.shadow.iter().zip(&self.ab).map(|(shadow, ab)| {
            let mut past = shadow.control;
            past.merge(&ab.control);
            past
        });
        past.zip(&self.full).map(|(past, full)| (past, full.treatment)).collect()
    }
}
