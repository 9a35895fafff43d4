//! The ended run that cameras are served until its successor is started.

use tidegate_engine::assignment::{ServeReason, Serving};
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_engine::phase::{Phase, State};
use tidegate_engine::variant::Variant;
use tidegate_journal::PredecessorState;
use tidegate_spec::api::ServingRun;

use super::{NotReplayed, RunningExperiment, read_definition};
use crate::prompts::{InPlay, Prompts};

/// An ended run that a draft followed: a draft changes nothing that is served.
#[derive(Debug, Clone)]
pub(crate) struct Predecessor {
    /// The run, from 1.
    pub(crate) number: u32,
    pub(crate) definition: Definition,
    pub(crate) in_play: Option<InPlay>,
    /// How it ended.
    state: State,
    /// The experiment file in TOML.
    text: String,
    /// The cameras that reported to it; after a restart from a snapshot none is known.
    cameras: Vec<CameraId>,
}

impl Predecessor {
    /// What serves until the successor of `former` is started: itself, or what served before it where it never was.
    pub(super) fn of_successor(former: &RunningExperiment) -> Option<Self> {
        let state = former.rollout.lifecycle().state;
        if let Some(serving) = former.serving_predecessor() {
            return Some(serving.clone());
        }
        // A draft that is replaced served its control as its successor does.
        (state.phase != Phase::Draft).then(|| Self {
            number: former.number,
            definition: former.rollout.definition().clone(),
            in_play: former.in_play.clone(),
            state,
            text: former.text.clone(),
            cameras: former.rollout.cameras().map(|seen| seen.camera).collect(),
        })
    }

    pub(super) fn restore(
        prompts: &Prompts,
        key: &ExperimentKey,
        kept: PredecessorState,
    ) -> Result<Self, NotReplayed> {
        let PredecessorState { run: number, state, definition: text } = kept;
        let (definition, in_play) = read_definition(prompts, key, &text)?;
        Ok(Self { number, definition, in_play, state, text, cameras: Vec::new() })
    }

    pub(super) fn state(&self) -> PredecessorState {
        let Self { number, state, text, .. } = self;
        PredecessorState { run: *number, state: *state, definition: text.clone() }
    }

    /// The cameras that are known to have reported to it.
    pub(crate) fn cameras(&self) -> &[CameraId] {
        &self.cameras
    }

    /// Whether one of its versions is the same as one of another run.
    pub(crate) fn serves(
        &self,
        variant: Variant,
        run: &RunningExperiment,
        variant_of_run: Variant,
    ) -> bool {
        let prompt = |in_play: &Option<InPlay>| in_play.as_ref().map(|it| it.prompt.clone());
        let key = |definition: &Definition, variant: Variant| {
            let experiment = definition.experiment();
            let version = match variant {
                Variant::Control => &experiment.control,
                Variant::Treatment => &experiment.treatment,
            };
            version.as_str().to_owned()
        };
        prompt(&self.in_play) == prompt(&run.in_play)
            && key(&self.definition, variant) == key(run.rollout.definition(), variant_of_run)
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.state.phase
    }

    /// What every camera without an override gets.
    pub(crate) fn variant(&self) -> Variant {
        match self.state.phase {
            Phase::Completed => Variant::Treatment,
            Phase::Draft
            | Phase::Shadow
            | Phase::Ab
            | Phase::Full
            | Phase::RolledBack
            | Phase::Stopped => Variant::Control,
        }
    }

    /// The key of the version that it serves.
    pub(crate) fn version(&self) -> &str {
        let experiment = self.definition.experiment();
        match self.variant() {
            Variant::Control => experiment.control.as_str(),
            Variant::Treatment => experiment.treatment.as_str(),
        }
    }

    pub(crate) fn reason(&self) -> ServeReason {
        match self.state.phase {
            Phase::Completed => ServeReason::Completed,
            Phase::RolledBack => ServeReason::RolledBack,
            Phase::Draft | Phase::Shadow | Phase::Ab | Phase::Full | Phase::Stopped => {
                ServeReason::Stopped
            }
        }
    }

    pub(crate) fn serving(&self) -> Serving {
        let split = self.definition.split().clone();
        match self.variant() {
            Variant::Control => Serving::control(split, self.reason()),
            Variant::Treatment => Serving::treatment(split, self.reason()),
        }
    }

    /// As answers show it.
    pub(crate) fn shown(&self) -> ServingRun {
        let (run, prompt_version) = (self.number, self.version().to_owned());
        ServingRun { run, phase: self.phase().as_str().to_owned(), prompt_version }
    }
}
