//! Where a rollout stood before, when late reports happened, and why what is compared with nothing is not.

use serde::{Deserialize, Serialize};
use tidegate_engine::course::{Course, Stage};
use tidegate_engine::exposure::Fingerprint;
use tidegate_engine::outside::{OutsideCause, OutsideCounts};
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState};
use crate::codes::{state_codes, state_of_codes};
use crate::record::Unreadable;

/// Stages in a part, and late reports: so few that they always fit.
const STAGES_IN_PART: usize = 1_024;
const LATE_IN_PART: usize = 1_024;

/// Each stage: since when in milliseconds, phase and condition, and the ramp step.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptCourse(Vec<(i64, (u8, u8), u32)>);

/// Each exposure that was reported late, and when it happened in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptBacklog(Vec<(u128, i64)>);

/// How many analyses were compared with nothing, by cause.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptOutside(Vec<u64>);

/// None where there is nothing to keep.
pub(super) fn parts(state: &RolloutState) -> Vec<Part> {
    let rollout = &state.rollout;
    let stages = rollout.course.as_slice().chunks(STAGES_IN_PART).map(|some| {
        let kept = some.iter().map(|stage| {
            // A ramp has at most twenty steps.
            let step = u32::try_from(stage.step).unwrap_or(u32::MAX);
            (stage.from.ms(), state_codes(stage.state), step)
        });
        Part::Course(KeptCourse(kept.collect()))
    });
    let late = rollout.backlog.chunks(LATE_IN_PART).map(|some| {
        let kept = some.iter().map(|(fingerprint, at)| (fingerprint.0, at.ms()));
        Part::Backlog(KeptBacklog(kept.collect()))
    });
    let outside = (rollout.outside_causes != OutsideCounts::default()).then(|| {
        let counts = rollout.outside_causes.iter().map(|(_, count)| count);
        Part::Outside(KeptOutside(counts.collect()))
    });
    stages.chain(late).chain(outside).collect()
}

impl KeptCourse {
    /// None where stages do not follow one another.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let mut stages = state.rollout.course.as_slice().to_vec();
        for (from_ms, codes, step) in self.0 {
            let (from, state) = (Timestamp::from_ms(from_ms)?, state_of_codes(codes)?);
            stages.push(Stage { from, state, step: step as usize });
        }
        Ok(Course::new(stages).map(|course| state.rollout.course = course))
    }
}

impl KeptBacklog {
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<(), Unreadable> {
        for (fingerprint, at_ms) in self.0 {
            let at = Timestamp::from_ms(at_ms)?;
            state.rollout.backlog.push((Fingerprint(fingerprint), at));
        }
        Ok(())
    }
}

impl KeptOutside {
    /// None for more causes than there are; those that came later begin at 0.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Option<()> {
        let mut counts = [0; OutsideCause::ALL.len()];
        counts.get_mut(..self.0.len())?.copy_from_slice(&self.0);
        state.rollout.outside_causes = OutsideCounts::new(counts);
        Some(())
    }
}
