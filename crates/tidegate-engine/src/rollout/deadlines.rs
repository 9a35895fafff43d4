//! When time alone changes what a rollout does.

use core::cmp::min;

use super::Rollout;
use super::lifecycle::DeadlineReason;
use crate::phase::{Condition, Phase};
use crate::time::{Duration, Timestamp};

impl Rollout {
    /// When the shell should hand in the next tick, and why; never before the last event.
    pub fn next_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        // A deadline can pass while the rollout is held, and is met when it goes on.
        self.deadline().map(|(at, reason)| (at.max(self.lifecycle.now), reason))
    }

    fn deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let lifecycle = &self.lifecycle;
        let phase_ends = lifecycle.phase_ends?;
        // The test's last moment still belongs to it.
        let after = phase_ends.plus(Duration::ONE_MS);
        match (lifecycle.state.phase, lifecycle.state.condition) {
            (Phase::Shadow, Condition::Clear) => {
                (lifecycle.now < phase_ends).then_some((phase_ends, DeadlineReason::ShadowEnds))
            }
            (Phase::Ab, Condition::Clear | Condition::Held) => {
                let sooner =
                    |first, other: Option<_>| other.map_or(first, |other| min(first, other));
                let first = sooner((after, DeadlineReason::AbEnds), self.step_deadline());
                let first = sooner(first, self.fast_path_deadline());
                Some(sooner(first, self.outage_deadline()))
            }
            (Phase::Full, Condition::Paused) if self.tries_control() => {
                let waited = self.fast_path_deadline();
                let lifts = self.fast_path.lifts_at();
                waited.or_else(|| lifts.map(|at| (at, DeadlineReason::OutageOver)))
            }
            (Phase::Ab, Condition::Grace) => Some((after, DeadlineReason::GraceEnds)),
            _ => None,
        }
    }

    fn step_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let step_ends = self.lifecycle.step_ends.filter(|_| {
            self.has_next_step() && self.lifecycle.state.condition == Condition::Clear
        })?;
        // The treatment's silence or an alarm may hold the step up; every look asks again then.
        let met = step_ends <= self.lifecycle.now;
        (!met).then_some((step_ends, DeadlineReason::StepEnds))
    }

    fn fast_path_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        if !self.is_sequential() || !self.is_watched() {
            return None;
        }
        let wait_ends = self.fast_path.wait_ends().filter(|ends| self.lifecycle.now < *ends);
        wait_ends.map(|ends| (ends, DeadlineReason::FastPathWaited))
    }

    fn outage_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let is_held = self.lifecycle.state.condition == Condition::Held;
        let lifts_at = self.fast_path.lifts_at().filter(|_| is_held)?;
        Some((lifts_at, DeadlineReason::OutageOver))
    }
}
