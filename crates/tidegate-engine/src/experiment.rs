//! The definition of an experiment: what its owner decided before it started.

mod defaults;
mod digest;
mod disagreement;
mod settings;

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use self::digest::Digest;
use self::digest::digest;
pub use self::disagreement::Disagreement;
use self::disagreement::disagreements;
pub use self::settings::{
    Ab, AssignmentRules, Bounds, Experiment, Full, Gate, Guardrails, LabelTrust, OnExpiry,
    Promotion, PromotionMode, RampStep, Rule, Shadow, Watch,
};
use crate::assignment::{Split, SplitMethod};
use crate::phase::Phase;

/// A valid experiment: what a rollout runs by.
#[derive(Debug, Clone)]
pub struct Definition {
    experiment: Experiment,
    ramp: Vec<RampStep>,
    split: Arc<Split>,
    digest: Digest,
}

impl Definition {
    /// Checks that the settings agree.
    ///
    /// # Errors
    /// Every [`Disagreement`] found.
    pub fn new(experiment: Experiment) -> Result<Self, Vec<Disagreement>> {
        let disagreements = disagreements(&experiment);
        if !disagreements.is_empty() {
            return Err(disagreements);
        }
        let ramp = if experiment.ab.steps.is_empty() {
            alloc::vec![RampStep { share: experiment.ab.share, dwell: experiment.ab.duration }]
        } else {
            experiment.ab.steps.clone()
        };
        let rules = &experiment.assignment;
        let block = (rules.method == SplitMethod::Switchback).then_some(rules.block);
        let split = Arc::new(Split::new(
            &experiment.salt,
            &rules.overrides,
            &rules.cameras,
            block,
            rules.group.as_ref(),
        ));
        let digest = digest(&experiment);
        Ok(Self { experiment, ramp, split, digest })
    }

    /// The settings.
    pub const fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// The first phase in which all cameras get the treatment, but for those that its owner keeps on the control.
    pub const fn reaches_all(&self) -> Phase {
        match self.experiment.assignment.group {
            Some(_) => Phase::Completed,
            None => Phase::Full,
        }
    }

    /// The ramp, at least one step; the last has the test's share.
    pub fn ramp(&self) -> &[RampStep] {
        &self.ramp
    }

    /// How cameras find their variant.
    pub const fn split(&self) -> &Arc<Split> {
        &self.split
    }

    /// The fingerprint of all settings.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}
