//! Definitions of drafts, and their overrides.

use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::Phase;
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{Defined, ExperimentDetail};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{Override, Reply};
use crate::describe::{self, Enacted};
use crate::refusal::Refusal;
use crate::rollouts::{
    Changed, ControlChange, DefinitionChange, DraftOverrides, SaltChoice, Wanted,
};

impl Driver {
    pub(super) fn define(&mut self, wanted: &Wanted, reply: Reply<(DefinitionChange, Defined)>) {
        match self.defined(wanted) {
            Err(refusal) => refuse(reply, refusal),
            Ok((answer, changed)) => self.commit(&changed, Pending::answer(reply, answer)),
        }
    }

    fn defined(
        &mut self,
        wanted: &Wanted,
    ) -> Result<((DefinitionChange, Defined), Changed), Refusal> {
        self.writable()?;
        let now = self.now();
        let (plan, changed) = self.rollouts.define(now, wanted)?;
        let key = &wanted.file.definition.experiment().key;
        let run = self.rollouts.get(key);
        let run =
            run.ok_or_else(|| Refusal::UnknownExperiment { key: key.clone(), nearest: None })?;
        let (actor, reason) = (wanted.actor.as_str(), wanted.reason.as_str());
        tracing::info!(experiment = %key, run = run.number, actor, reason, "defined");
        Ok(((plan.change, describe::defined(run, plan, Enacted::Yes)), changed))
    }

    pub(super) fn set_override(
        &mut self,
        key: &ExperimentKey,
        to: Override,
        actor: Actor,
        reason: Reason,
        reply: Reply<ExperimentDetail>,
    ) {
        let defined = self.overridden(key, to).and_then(|file| {
            // The text of a draft names its salt, so it stays, and so does its control.
            let (salt, control) = (SaltChoice::Own, ControlChange::Accepted);
            let overrides = DraftOverrides::MayGo;
            let file = Box::new(file);
            self.defined(&Wanted { file, salt, actor, reason, control, overrides })
        });
        match defined {
            Err(refusal) => refuse(reply, refusal),
            Ok(((_, defined), changed)) => {
                self.commit(&changed, Pending::answer(reply, defined.detail));
            }
        }
    }

    /// The definition of a draft with one override more or less.
    fn overridden(&self, key: &ExperimentKey, to: Override) -> Result<ExperimentFile, Refusal> {
        let run = self.run_of(key)?;
        if run.rollout.lifecycle().state.phase != Phase::Draft {
            return Err(Refusal::Running(key.clone()));
        }
        let mut file = ExperimentFile::parse(&run.text)
            .map_err(|error| Refusal::Invalid(error.to_string()))?;
        let mut experiment = file.definition.experiment().clone();
        let overrides = &mut experiment.assignment.overrides;
        let before = overrides.len();
        overrides.retain(|(camera, _)| *camera != to.camera);
        match to.variant {
            Some(variant) => overrides.push((to.camera, variant)),
            None if overrides.len() == before => return Err(Refusal::UnknownOverride(to.camera)),
            None => {}
        }
        file.definition = Definition::new(experiment).map_err(|disagreements| {
            let all: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
            Refusal::Invalid(all.join("; "))
        })?;
        Ok(file)
    }
}
