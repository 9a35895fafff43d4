//! Answers to cards of a review.

use tidegate_engine::event::Event;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::review::CardReply;
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
        self.rollouts.meet_deadlines(key, now, changed);
        let already = was_given(self.run_of(key)?, &answer);
        if !already {
            self.tell(key, now, Event::CardReply(answer), changed)?;
        }
        let review = describe::review(self.run_of(key)?);
        let review = review.ok_or_else(|| Refusal::NoReview(key.clone()))?;
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
