//! Where a rollout stood, by time: what a report that comes late is judged by.

use alloc::vec::Vec;

use crate::phase::State;
use crate::time::{Duration, Timestamp};

/// Where a rollout stood from some time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Since when.
    pub from: Timestamp,
    /// Phase and condition.
    pub state: State,
    /// The ramp step, from 0.
    pub step: usize,
}

/// The stages of a rollout, in order of time, as far back as a report may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course(Vec<Stage>);

impl Course {
    /// Takes the stages of a rollout up again; `None` where they are not in order.
    pub fn new(stages: Vec<Stage>) -> Option<Self> {
        stages.is_sorted_by_key(|stage| stage.from).then_some(Self(stages))
    }

    /// The stages, in order.
    pub fn as_slice(&self) -> &[Stage] {
        &self.0
    }

    /// The stage that a time lies in; `None` before the start.
    pub(crate) fn at(&self, at: Timestamp) -> Option<Stage> {
        // Nearly always it is the last.
        self.0.iter().rfind(|stage| stage.from <= at).copied()
    }

    /// Another stage begins. What ended before `reach` is forgotten.
    pub(crate) fn begin(&mut self, stage: Stage, reach: Duration) {
        let ended = |next: &Stage| stage.from.since(next.from) > reach;
        let forgotten = self.0.iter().skip(1).take_while(|next| ended(next)).count();
        self.0.drain(..forgotten);
        self.0.push(stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::{Condition, Phase};

    fn stage(from_ms: i64, step: usize) -> Stage {
        let state = State { phase: Phase::Ab, condition: Condition::Clear };
        Stage { from: Timestamp::from_ms(from_ms).unwrap(), state, step }
    }

    #[test]
    fn a_time_lies_in_the_stage_that_began_last_and_old_ones_are_forgotten() {
        let mut course = Course::default();
        for (step, from_ms) in [10, 20, 20, 30].into_iter().enumerate() {
            course.begin(stage(from_ms, step), Duration::from_ms(100));
        }
        let step_at = |course: &Course, ms| {
            course.at(Timestamp::from_ms(ms).unwrap()).map(|stage| stage.step)
        };
        assert_eq!(
            [9, 10, 19, 20, 29, 30, 99].map(|ms| step_at(&course, ms)),
            [None, Some(0), Some(0), Some(2), Some(2), Some(3), Some(3)]
        );
        course.begin(stage(121, 4), Duration::from_ms(100));
        // The stage that lasted until 20 is out of reach; the one from then on is not.
        assert_eq!([19, 20, 121].map(|ms| step_at(&course, ms)), [None, Some(2), Some(4)]);
    }
}
