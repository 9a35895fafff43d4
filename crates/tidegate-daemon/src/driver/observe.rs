//! Observations: what of a request was taken in, and once it is on disk, the answer.

use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::Timestamp;
use tidegate_spec::api::{AnswerStatus, ObservationAnswer, ObservationAnswers, Reported};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{ReadObservation, Reply};
use crate::rollouts::Changed;

impl Driver {
    pub(super) fn observe(
        &mut self,
        items: Vec<ReadObservation>,
        reply: Reply<ObservationAnswers>,
    ) {
        if let Err(refusal) = self.writable().and_then(|journal| self.check_disk(&journal)) {
            return refuse(reply, refusal);
        }
        let now = self.now();
        let mut changed = Changed::default();
        let is_unread = items.iter().all(|item| matches!(item, ReadObservation::Refused(_)));
        let answers: ObservationAnswers = items
            .into_iter()
            .map(|item| match item {
                ReadObservation::Refused(answer) => answer,
                ReadObservation::Reported(Reported { experiment, event }) => {
                    self.observe_one(&experiment, now, event, &mut changed)
                }
            })
            .collect();
        self.shared.metrics.observed(&answers);
        let pending = Pending::answer(reply, answers);
        if is_unread {
            return pending.settle(Ok(()));
        }
        // Duplicates wait too: what they repeat may not be on disk yet.
        self.commit(&changed, pending);
    }

    fn observe_one(
        &mut self,
        key: &ExperimentKey,
        now: Timestamp,
        event: Event,
        changed: &mut Changed,
    ) -> ObservationAnswer {
        let told = self.shared.metrics.to_count(&event);
        match self.rollouts.apply(key, now, event, changed) {
            None => rejected("unknown_experiment", format!("no experiment has the key `{key}`")),
            Some(Ok(())) => {
                if let Some(run) = self.rollouts.get(key) {
                    self.shared.metrics.accepted(&told, run.rollout.definition().experiment());
                }
                ObservationAnswer {
                    status: AnswerStatus::Accepted,
                    code: None,
                    pointer: None,
                    detail: None,
                }
            }
            Some(Err(rejection)) => answer_of(&rejection),
        }
    }
}

fn rejected(code: &str, detail: String) -> ObservationAnswer {
    ObservationAnswer {
        status: AnswerStatus::Rejected,
        code: Some(code.to_owned()),
        pointer: None,
        detail: Some(detail),
    }
}

fn answer_of(rejection: &Rejection) -> ObservationAnswer {
    let detail = rejection.to_string();
    let code = match rejection {
        Rejection::Duplicate { .. } | Rejection::SameLabel { .. } => {
            let (status, code, pointer) = (AnswerStatus::Duplicate, None, None);
            return ObservationAnswer { status, code, pointer, detail: None };
        }
        Rejection::NotStarted => "not_started",
        Rejection::UnknownAnalysis { .. } => "unknown_analysis",
        Rejection::TooManyCameras { .. } => "too_many_cameras",
        Rejection::TooManyObservations { .. } => "too_many_observations",
        Rejection::TooManyBlocks { .. } => "too_many_blocks",
        // The driver holds time, meets deadlines first, and actions and answers do not come this way.
        Rejection::TimeRanBackwards { .. }
        | Rejection::TickDue { .. }
        | Rejection::NotAllowed { .. }
        | Rejection::NoReview
        | Rejection::ReviewOver
        | Rejection::Review(_) => "internal",
    };
    rejected(code, detail)
}
