//! What operators do.

use tidegate_engine::event::{Action, Event, Rejection};
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::Done;

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::Reply;
use crate::describe;
use crate::refusal::Refusal;
use crate::rollouts::Changed;

impl Driver {
    pub(super) fn act(&mut self, key: &ExperimentKey, action: Action, reply: Reply<Done>) {
        if let Err(refusal) = self.writable() {
            return refuse(reply, refusal);
        }
        let mut changed = Changed::default();
        match self.acted(key, action, &mut changed) {
            Ok(done) => self.commit(&changed, Pending::answer(reply, done)),
            Err(refusal) => {
                // Deadlines that were met on the way still happened.
                self.commit(&changed, Pending::nobody());
                refuse(reply, refusal);
            }
        }
    }

    pub(super) fn acted(
        &mut self,
        key: &ExperimentKey,
        action: Action,
        changed: &mut Changed,
    ) -> Result<Done, Refusal> {
        let now = self.now();
        let command = action.command;
        let unknown = || Refusal::UnknownExperiment(key.clone());
        let applied = self.rollouts.apply(key, now, Event::Action(action), changed);
        applied.ok_or_else(unknown)?.map_err(|rejection| match rejection {
            Rejection::NotAllowed { command, state } => {
                Refusal::ActionNotAllowed { command, state }
            }
            other @ (Rejection::TimeRanBackwards { .. }
            | Rejection::TickDue { .. }
            | Rejection::NotStarted
            | Rejection::Duplicate { .. }
            | Rejection::SameLabel { .. }
            | Rejection::UnknownAnalysis { .. }
            | Rejection::TooManyCameras { .. }
            | Rejection::TooManyObservations { .. }
            | Rejection::TooManyBlocks { .. }) => Refusal::Invalid(other.to_string()),
        })?;
        let run = self.rollouts.get(key).ok_or_else(unknown)?;
        let status = describe::status(run, self.rollouts.prompts(), now, self.trust());
        tracing::info!(experiment = %key, action = command.as_str(), "acted");
        Ok(Done { decisions: changed.items.clone(), status })
    }
}
