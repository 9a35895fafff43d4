//! Answers to cards of a review.

use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::review::{CardReply, QueueRejection};
use tidegate_spec::api::ReviewAnswered;

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::Reply;
use crate::describe;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, RunningExperiment};

impl Driver {
    pub(super) fn answer(
        &mut self,
        key: &ExperimentKey,
        answer: CardReply,
        reply: Reply<ReviewAnswered>,
    ) {
        if let Err(refusal) = self.writable().and_then(|journal| self.check_disk(&journal)) {
            return refuse(reply, refusal);
        }
        let mut changed = Changed::default();
        match self.answered(key, answer, &mut changed) {
            // One that was given before waits too: it may not be on disk yet.
            Ok(answered) => self.commit(&changed, Pending::answer(reply, answered)),
            Err(refusal) => {
                // Deadlines that were met on the way still happened.
                self.commit(&changed, Pending::nobody());
                refuse(reply, refusal);
            }
        }
    }

    fn answered(
        &mut self,
        key: &ExperimentKey,
        answer: CardReply,
        changed: &mut Changed,
    ) -> Result<ReviewAnswered, Refusal> {
        let now = self.now();
        let nearest = self.rollouts.nearest(key);
        let unknown = || Refusal::UnknownExperiment { key: key.clone(), nearest: nearest.clone() };
        self.rollouts.meet_deadlines(key, now, changed);
        let run = self.rollouts.get(key).ok_or_else(unknown)?;
        let already = was_given(run, &answer);
        if !already {
            let applied = self.rollouts.apply(key, now, Event::CardReply(answer), changed);
            applied.ok_or_else(unknown)?.map_err(|rejection| match rejection {
                Rejection::NoReview => Refusal::NoReview(key.clone()),
                Rejection::ReviewOver => Refusal::ReviewOver,
                Rejection::Review(rejection @ QueueRejection::NoCard { .. }) => {
                    Refusal::UnknownCard(rejection)
                }
                Rejection::Review(rejection) => Refusal::CardAnswered(rejection),
                other @ (Rejection::TimeRanBackwards { .. }
                | Rejection::TickDue { .. }
                | Rejection::NotStarted
                | Rejection::ObservedAhead { .. }
                | Rejection::ObservedTooLongAgo { .. }
                | Rejection::Duplicate { .. }
                | Rejection::SameLabel { .. }
                | Rejection::UnknownAnalysis { .. }
                | Rejection::TooManyCameras { .. }
                | Rejection::TooManyObservations { .. }
                | Rejection::TooManyBlocks { .. }
                | Rejection::NotAllowed { .. }) => Refusal::Invalid(other.to_string()),
            })?;
        }
        let run = self.rollouts.get(key).ok_or_else(unknown)?;
        let review = describe::review(run).ok_or_else(|| Refusal::NoReview(key.clone()))?;
        Ok(ReviewAnswered { already, review })
    }
}

/// Whether the card has had this very answer in this turn: a client that heard nothing sends it again.
fn was_given(run: &RunningExperiment, answer: &CardReply) -> bool {
    let Some((_, window)) = run.rollout.review() else { return false };
    let card = window.queue().cards().find(|card| card.event == answer.event);
    let given = card.and_then(|card| card.opinions().get(usize::from(answer.turn)));
    given.is_some_and(|given| given.reviewer == answer.reviewer && given.answer == answer.answer)
}
