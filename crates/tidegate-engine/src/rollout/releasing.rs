//! The watch over a full release.

use alloc::vec::Vec;

use super::Rollout;
use crate::decision::{Cause, Decision};
use crate::exposure::Window;
use crate::fast_path::{OutageHold, PLANNED_DEFAULT, Plan, TOLERATED_IN_RELEASE};
use crate::guardrail::RELEASE_FAST_PATH_ALPHA_SHARE;
use crate::phase::{Condition, Phase, State, Transition};
use crate::release::DAY;
use crate::sequential;
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::variant::{ByVariant, Variant};

impl Rollout {
    /// Whether the rollout is in a full release that is watched. One that began under an earlier version has no end of its watch,
    /// and none.
    pub fn watches_release(&self) -> bool {
        let lifecycle = &self.lifecycle;
        lifecycle.state.phase == Phase::Full
            && self.is_sequential()
            && lifecycle.phase_ends.is_some_and(|ends| lifecycle.now <= ends)
    }

    /// Whether control is served in a release to see whether it fails as the treatment does.
    pub(super) fn tries_control(&self) -> bool {
        let tried = State { phase: Phase::Full, condition: Condition::Paused };
        self.lifecycle.state == tried && self.fast_path.hold == OutageHold::Yes
    }

    /// The day of the release that a time lies in, from 0, without the time in which it was paused.
    pub(super) fn release_day(&self, at: Timestamp) -> u64 {
        let watch = self.definition.experiment().full.watch;
        let left = self.lifecycle.phase_ends.map_or(0, |ends| ends.since(at).ms());
        watch.ms().saturating_sub(left) / DAY.ms()
    }

    /// Whether a camera is served this variant in the release.
    pub(super) fn belongs_in_release(&self, camera: u32, variant: Variant) -> bool {
        let holdback = self.definition.experiment().full.holdback;
        let held_back = self.definition.split().is_held_back(self.fleet.id(camera), holdback);
        held_back == (variant == Variant::Control)
    }

    /// The sums that a release is judged by: the cameras that keep the control where there are any, and else the past.
    pub(crate) fn release_sides(&self) -> ByVariant<Tally> {
        let full = self.fleet.full_total();
        let control =
            if full.control.analyses > 0 { full.control } else { self.fleet.past_total() };
        ByVariant { control, treatment: full.treatment }
    }

    /// What the fast path of a release goes by.
    pub(super) fn release_plan(&self) -> Plan {
        let experiment = self.definition.experiment();
        let test = experiment.ab.duration.hours() * experiment.ab.share.value();
        let planned = self.lifecycle.planned_analyses as f64 / test * experiment.full.watch.hours();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let planned = if planned.is_finite() { planned as u64 } else { PLANNED_DEFAULT };
        Plan {
            analyses: planned.max(self.fleet.full_total().treatment.analyses).max(1),
            tolerated: TOLERATED_IN_RELEASE,
            alpha: experiment.guardrails.alpha.value() * RELEASE_FAST_PATH_ALPHA_SHARE,
            treated_cameras: self.fleet.len() as u64,
            // Where none keeps the control, it is asked afterwards, of those that the treatment failed on.
            control_cameras: 0,
        }
    }

    /// Acts on total failure in a release. Where the control runs on too few cameras to say whether it would fail too, it is
    /// served to all and asked: an outage of the whole site looks like a total failure until then.
    pub(super) fn look_for_failure_in_release(&mut self, decisions: &mut Vec<Decision>) {
        if !self.fast_path.has_crossed() {
            return;
        }
        let (now, plan) = (self.lifecycle.now, self.release_plan());
        let is_watched = self.watches_release()
            && self.lifecycle.state.condition == Condition::Clear
            || self.tries_control();
        if !is_watched {
            return;
        }
        if let Some(failure) = self.fast_path.failure(now, plan) {
            decisions.push(self.decide(Transition::RollBack, Cause::TotalFailure(failure)));
        } else if !self.tries_control()
            && let Some(failure) = self.fast_path.untold(plan)
        {
            decisions.push(self.decide(Transition::Pause, Cause::ControlTried(failure)));
        }
    }

    /// Acts on a guardrail that fails in a release.
    pub(super) fn look_at_release(&mut self, decisions: &mut Vec<Decision>) {
        if !self.watches_release() || self.lifecycle.state.condition != Condition::Clear {
            return;
        }
        let at = self.looked_at(Window::Full);
        let harm = sequential::harm(&self.fleet, self.definition.experiment(), at);
        if let Some(judgement) = harm {
            decisions.push(self.decide(Transition::RollBack, Cause::Harm(judgement)));
        }
    }
}
