//! Deletions of experiments.

use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{Definer, Deleted, HistoryItem};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::Reply;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, DeletedExperiment, ServedTreatment};

impl Driver {
    pub(super) fn delete(
        &mut self,
        key: &ExperimentKey,
        actor: Actor,
        reason: Reason,
        treatment: ServedTreatment,
        reply: Reply<Deleted>,
    ) {
        match self.deleted(key, actor, reason, treatment) {
            Err(refusal) => refuse(reply, refusal),
            Ok((answer, changed)) => self.commit(&changed, Pending::answer(reply, answer)),
        }
    }

    fn deleted(
        &mut self,
        key: &ExperimentKey,
        actor: Actor,
        reason: Reason,
        treatment: ServedTreatment,
    ) -> Result<(Deleted, Changed), Refusal> {
        self.writable()?;
        let at = self.now();
        let before = self.rollouts.deleted(key).and_then(DeletedExperiment::item);
        if let Some(item) = before {
            // Whoever asks twice has what they want.
            return Ok((answer(key, item, Already::Yes, Vec::new()), Changed::default()));
        }
        let by = Definer { at, actor, reason, changes: Vec::new() };
        let (item, effects, changed) = self.rollouts.delete(key, by, treatment)?;
        let (actor, reason) = (item.actor.as_deref().unwrap_or_default(), &item.reason);
        tracing::info!(experiment = %key, run = item.run, actor, reason, "deleted");
        Ok((answer(key, item, Already::No, effects), changed))
    }
}

/// Whether there was nothing left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Already {
    Yes,
    No,
}

fn answer(
    key: &ExperimentKey,
    item: HistoryItem,
    already: Already,
    effects: Vec<String>,
) -> Deleted {
    let HistoryItem { run, at, from, actor, reason, .. } = item;
    Deleted {
        key: key.to_string(),
        run,
        from,
        at,
        actor: actor.unwrap_or_default(),
        reason,
        already: already == Already::Yes,
        effects,
    }
}
