//! Where a rollout stands.

use crate::phase::State;
use crate::time::{Duration, Timestamp};

/// Whether the last event led to a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It did.
    Yes,
    /// It did not: the next look is a few observations away.
    No,
}

/// Where a rollout stands in its phases and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// Phase and condition.
    pub state: State,
    /// The time of the last accepted event.
    pub now: Timestamp,
    /// When the rollout left its draft.
    pub started_at: Option<Timestamp>,
    /// The last moment of the shadow, of the A/B test, or of the wait for its feedback.
    pub phase_ends: Option<Timestamp>,
    /// The ramp step, from 0.
    pub step: usize,
    /// When the ramp step may be left.
    pub step_ends: Option<Timestamp>,
    /// Since when time stands still.
    pub paused_at: Option<Timestamp>,
    /// How often the A/B test was extended by itself.
    pub extensions: u32,
    /// Observations taken in so far.
    pub observations: u64,
    /// Treatment analyses the A/B test will have, judged by the shadow's traffic.
    pub planned_analyses: u64,
    /// Decisions taken so far.
    pub decisions: u32,
}

/// Why the shell should hand in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadlineReason {
    /// The shadow has lasted its duration.
    ShadowEnds,
    /// The ramp step has lasted its dwell.
    StepEnds,
    /// The A/B test has lasted its duration.
    AbEnds,
    /// The A/B test's last feedback has been awaited.
    GraceEnds,
    /// The fast path has waited long enough for the control.
    FastPathWaited,
    /// An outage of both variants has been over for an hour.
    OutageOver,
}

impl DeadlineReason {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShadowEnds => "shadow_ends",
            Self::StepEnds => "step_ends",
            Self::AbEnds => "ab_ends",
            Self::GraceEnds => "grace_ends",
            Self::FastPathWaited => "fast_path_waited",
            Self::OutageOver => "outage_over",
        }
    }
}

impl Lifecycle {
    /// Moves what is still to come on by a time that did not pass for the rollout. A pause moves it when it ends.
    pub(super) fn stand_still(&mut self, lasted: Duration) {
        if self.paused_at.is_some() {
            return;
        }
        let now = self.now;
        let moved = |ends: Timestamp| if ends > now { ends.plus(lasted) } else { ends };
        self.phase_ends = self.phase_ends.map(moved);
        self.step_ends = self.step_ends.map(moved);
    }

    /// Nothing that was due in the phase is due any more.
    pub(super) const fn end_phase(&mut self) {
        self.phase_ends = None;
        self.step_ends = None;
        self.paused_at = None;
    }
}
