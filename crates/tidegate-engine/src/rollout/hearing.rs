//! What a rollout has heard of its treatment, and what it must hear before it goes on.

use super::Rollout;
use crate::assignment::SplitMethod;
use crate::phase::{Condition, Phase};
use crate::presence::{Presence, Recency, Reported};
use crate::variant::Variant;

/// Treatment analyses without which a ramp step is not left: as many as total failure is seen in, or
/// `min_samples` where that is less.
const ANALYSES_MIN: u64 = 12;
/// Cameras they must have come from, where so many are there.
const CAMERAS_MIN: u64 = 3;

impl Rollout {
    /// What the treatment reported since the phase or the ramp step began; `None` where nothing goes on by itself.
    pub fn presence(&self) -> Option<Presence> {
        let state = self.lifecycle.state;
        match (state.phase, state.condition) {
            (Phase::Shadow, _) => Some(self.presence_in_shadow()),
            (Phase::Ab, Condition::Expired) => None,
            (Phase::Ab, _) => Some(self.presence_in_test()),
            _ => None,
        }
    }

    pub(crate) fn presence_in_shadow(&self) -> Presence {
        let guardrails = &self.definition.experiment().guardrails;
        let comparisons = |pairs: &crate::tally::Pairs| pairs.comparisons();
        let compared = self.fleet.shadow().filter(|shadow| comparisons(&shadow.pairs) > 0).count();
        Presence {
            analyses: comparisons(&self.fleet.total().pairs),
            // Even a rule that is switched off opens the gate on nothing but comparisons.
            analyses_needed: guardrails.min_samples.max(1),
            cameras: compared as u64,
            cameras_needed: cameras_needed(self.fleet.len() as u64),
            recency: self.treatment_recency(),
        }
    }

    /// What the treatment reported since the last step of the ramp.
    pub(crate) fn presence_in_test(&self) -> Presence {
        let Reported { analyses, cameras } = match self.epochs.last_step() {
            Some(first) if !self.is_switchback() => self.fleet.treated_since(first),
            // The blocks of a switchback are no stretches, and it has no ramp.
            _ => {
                let analyses = self.fleet.total().ab.treatment.analyses;
                Reported { analyses, cameras: self.fleet.treated_cameras() }
            }
        };
        let (serving, now) = (self.serving_in_test(), self.lifecycle.now);
        let chosen = self.fleet.comparable_cameras();
        let treated =
            chosen.filter(|camera| serving.assign(camera, now).variant == Variant::Treatment);
        let treated = if self.is_switchback() { self.fleet.len() } else { treated.count() };
        // The shadow showed the fleet: where none of its cameras has the treatment yet, nobody can report it.
        let nobody = treated == 0 && self.fleet.total().shadow.analyses > 0;
        if nobody {
            let recency = Recency::Heard;
            return Presence { analyses, analyses_needed: 0, cameras, cameras_needed: 0, recency };
        }
        let min_samples = self.definition.experiment().guardrails.min_samples;
        let analyses_needed = min_samples.clamp(1, ANALYSES_MIN);
        let cameras_needed = cameras_needed(treated as u64);
        let recency = self.treatment_recency();
        Presence { analyses, analyses_needed, cameras, cameras_needed, recency }
    }

    fn is_switchback(&self) -> bool {
        self.definition.experiment().assignment.method == SplitMethod::Switchback
    }
}

/// Half of the cameras that are there, as some may be dead, and no more than a few.
const fn cameras_needed(there: u64) -> u64 {
    let half = there.div_ceil(2);
    if half == 0 {
        1
    } else if half < CAMERAS_MIN {
        half
    } else {
        CAMERAS_MIN
    }
}
