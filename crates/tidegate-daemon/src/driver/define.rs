//! Definitions of drafts, and their overrides.

use tidegate_engine::experiment::Definition;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::Phase;
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::ExperimentDetail;

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{Override, Reply};
use crate::describe;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, DefinitionChange, SaltChoice};

impl Driver {
    pub(super) fn define(
        &mut self,
        file: &ExperimentFile,
        salt: SaltChoice,
        reply: Reply<(DefinitionChange, ExperimentDetail)>,
    ) {
        match self.defined(file, salt) {
            Err(refusal) => refuse(reply, refusal),
            Ok((change, detail, changed)) => {
                self.commit(&changed, Pending::answer(reply, (change, detail)));
            }
        }
    }

    fn defined(
        &mut self,
        file: &ExperimentFile,
        salt: SaltChoice,
    ) -> Result<(DefinitionChange, ExperimentDetail, Changed), Refusal> {
        self.writable()?;
        let now = self.now();
        let (change, changed) = self.rollouts.define(now, file, salt)?;
        let key = &file.definition.experiment().key;
        let run = self.rollouts.get(key);
        let run = run.ok_or_else(|| Refusal::UnknownExperiment(key.clone()))?;
        Ok((change, describe::detail(run), changed))
    }

    pub(super) fn set_override(
        &mut self,
        key: &ExperimentKey,
        to: Override,
        reply: Reply<ExperimentDetail>,
    ) {
        // The text of a draft names its salt, so it stays.
        let defined =
            self.overridden(key, to).and_then(|file| self.defined(&file, SaltChoice::Own));
        match defined {
            Err(refusal) => refuse(reply, refusal),
            Ok((_, detail, changed)) => self.commit(&changed, Pending::answer(reply, detail)),
        }
    }

    /// The definition of a draft with one override more or less.
    fn overridden(&self, key: &ExperimentKey, to: Override) -> Result<ExperimentFile, Refusal> {
        let unknown = || Refusal::UnknownExperiment(key.clone());
        let run = self.rollouts.get(key).ok_or_else(unknown)?;
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
