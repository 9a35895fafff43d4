//! Orders on prompts.

use tidegate_engine::id::PromptName;
use tidegate_engine::prompt::{self, Order};
use tidegate_journal::Entry;

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{Ordered, Reply};
use crate::refusal::Refusal;
use crate::rollouts::Unit;

impl Driver {
    pub(super) fn order(&mut self, name: &PromptName, orders: &[Order], reply: Reply<Ordered>) {
        match self.ordered(name, orders) {
            Err(refusal) => refuse(reply, refusal),
            Ok(ordered) => {
                // What belongs together may be longer than a frame; it stands with its last part.
                let units = Unit::each_of(Entry::changes(&ordered.changes));
                // Where nothing is to be done, what is repeated may still not be on disk yet.
                self.write(&units, Vec::new(), Pending::answer(reply, ordered));
            }
        }
    }

    fn ordered(&mut self, name: &PromptName, orders: &[Order]) -> Result<Ordered, Refusal> {
        self.writable().and_then(|journal| self.check_disk(&journal))?;
        let now = self.now();
        let prompts = self.rollouts.prompts_mut();
        let before = prompts.catalog().get(name).cloned();
        let changes = prompts
            .apply(now, name, orders)
            .map_err(|(_, rejection)| Refusal::Prompt(rejection))?;
        let after = prompts.catalog().get(name).cloned();
        let after = after.ok_or_else(|| Refusal::UnknownPrompt(name.clone()))?;
        for change in &changes {
            match change {
                prompt::PromptChange::Added { version, .. } => {
                    let (number, digest) = (version.head.number, version.head.digest);
                    tracing::info!(prompt = %name, number, %digest, "version added");
                }
                prompt::PromptChange::Moved { label, step, .. } => {
                    let (revision, from, to) = (step.revision, step.from, step.to);
                    tracing::info!(prompt = %name, %label, revision, from, to, "label moved");
                }
            }
        }
        Ok(Ordered { changes, before, after })
    }
}
