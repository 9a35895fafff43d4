//! What a person wants to know of a rollout at a glance.

use alloc::vec::Vec;

use crate::exposure::Window;
use crate::look::Check;
use crate::number::Share;
use crate::outside::OutsideCounts;
use crate::phase::{Condition, Phase, State};
use crate::presence::Presence;
use crate::review::ReviewProgress;
use crate::rollout::{DeadlineReason, Rollout};
use crate::symptom::Symptom;
use crate::tally::{Pairs, Tally};
use crate::time::{Duration, Timestamp};
use crate::variant::ByVariant;

/// A rollout at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Phase and condition.
    pub state: State,
    /// The ramp step, from 1, and the number of steps.
    pub step: (usize, usize),
    /// The share of cameras that get the treatment now.
    pub share: Share,
    /// What is left of the phase; the whole duration before the start, nothing where no time is set.
    pub remaining: Duration,
    /// Which sums `sides` are.
    pub window: Window,
    /// Each side's sums in the present comparison.
    pub sides: ByVariant<Tally>,
    /// What was recorded while nothing was compared.
    pub outside: ByVariant<Tally>,
    /// Why that was.
    pub outside_causes: OutsideCounts,
    /// The shadow's comparisons.
    pub pairs: Pairs,
    /// What the rule says now.
    pub check: Check,
    /// Cameras seen.
    pub cameras: usize,
    /// Analyses whose feedback may still come.
    pub open_analyses: usize,
    /// Analyses forgotten early because too many were open.
    pub evicted_analyses: u64,
    /// What the treatment reported since the phase or the ramp step began, while something may follow by itself.
    pub presence: Option<Presence>,
    /// What is wrong with what is heard.
    pub symptoms: Vec<Symptom>,
    /// How far the review is, where there is one.
    pub review: Option<ReviewProgress>,
    /// What time will do next.
    pub next: Option<(Timestamp, DeadlineReason)>,
}

impl Rollout {
    /// Where the rollout stands at `at`.
    pub fn status(&self, at: Timestamp) -> Status {
        let evidence = self.evidence();
        Status {
            state: self.lifecycle.state,
            step: (self.lifecycle.step + 1, self.definition.ramp().len()),
            share: self.served_share(),
            remaining: self.remaining(at),
            window: evidence.window,
            sides: evidence.sides,
            outside: *self.fleet.outside(),
            outside_causes: self.outside,
            pairs: self.fleet.total().pairs,
            check: evidence.check,
            cameras: self.fleet.len(),
            open_analyses: self.exposures.unlabelled(),
            evicted_analyses: self.evicted,
            presence: self.presence(),
            symptoms: self.symptoms(at),
            review: self.review_progress(),
            next: self.next_deadline(),
        }
    }

    /// The share of cameras that get the treatment now, those with an override aside.
    fn served_share(&self) -> Share {
        let State { phase, condition } = self.lifecycle.state;
        match (phase, condition) {
            (Phase::Completed, _) => Share::ALL,
            (_, Condition::Paused | Condition::Grace | Condition::Expired)
            | (Phase::Draft | Phase::Shadow | Phase::RolledBack | Phase::Stopped, _) => Share::NONE,
            (Phase::Ab, _) => self.share(),
            (Phase::Full, _) => {
                let holdback = self.definition.experiment().full.holdback;
                Share::new(1.0 - holdback.value()).unwrap_or(Share::ALL)
            }
        }
    }

    fn remaining(&self, at: Timestamp) -> Duration {
        let lifecycle = &self.lifecycle;
        if lifecycle.state.phase == Phase::Draft {
            return self.definition.experiment().ab.duration;
        }
        if lifecycle.state.condition == Condition::Expired {
            return Duration::ZERO;
        }
        let at = lifecycle.paused_at.unwrap_or(at);
        lifecycle.phase_ends.map_or(Duration::ZERO, |ends| ends.since(at))
    }
}
