//! Who is served what, as one value that never changes.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_engine::assignment::{ServeReason, Serving};
use tidegate_engine::id::{CameraId, InvalidId};
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt::Version;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api::{Assignment, ShadowVersion};

use crate::prompts::InPlay;
use crate::rollouts::{Predecessor, Rollouts, RunningExperiment};

/// The reason for serving control while the journal cannot be relied on.
pub(crate) const STORE_UNAVAILABLE: &str = "store_unavailable";

/// Whether the journal can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Rollouts are served as they stand.
    Full,
    /// Control is served, whatever they stand at.
    ControlOnly,
}

/// What a reader of the engine sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) rollouts: &'a Rollouts,
    pub(crate) now: Timestamp,
    pub(crate) trust: Trust,
    /// How far the machine's clock is behind: time stands still until it has caught up.
    pub(crate) clock_behind: Duration,
}

/// Who is served what.
#[derive(Debug)]
pub(crate) struct AssignmentTable {
    pub(super) trust: Trust,
    pub(super) experiments: HashMap<String, Arc<Served>>,
}

/// What an experiment serves one camera, borrowed from a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluated<'a> {
    pub(crate) key: &'a str,
    pub(crate) variant: Variant,
    pub(crate) prompt_version: &'a str,
    /// The prompt, where it is kept here.
    pub(crate) prompt: Option<&'a str>,
    /// What is served of it.
    pub(crate) kept: Option<&'a ServedVersion>,
    pub(crate) reason: AssignmentReason,
    pub(crate) phase: Phase,
    pub(crate) run: u32,
    /// Share of analyses that should run the treatment too.
    pub(crate) shadow_sample: f64,
    /// What they should run, where there are any.
    pub(crate) shadow: Option<ShadowServed<'a>>,
}

/// The version to run for comparison only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShadowServed<'a> {
    pub(crate) prompt_version: &'a str,
    pub(crate) kept: Option<&'a ServedVersion>,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignmentReason {
    Rollout(ServeReason),
    StoreUnavailable,
    InvalidCameraId,
}

impl AssignmentReason {
    /// Every reason.
    pub(crate) const ALL: [Self; ServeReason::ALL.len() + 2] = {
        let mut all = [Self::StoreUnavailable; ServeReason::ALL.len() + 2];
        all[ServeReason::ALL.len() + 1] = Self::InvalidCameraId;
        let mut at = 0;
        while at < ServeReason::ALL.len() {
            all[at] = Self::Rollout(ServeReason::ALL[at]);
            at += 1;
        }
        all
    };

    /// The place in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Rollout(reason) => reason.index(),
            Self::StoreUnavailable => ServeReason::ALL.len(),
            Self::InvalidCameraId => ServeReason::ALL.len() + 1,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rollout(reason) => reason.as_str(),
            Self::StoreUnavailable => STORE_UNAVAILABLE,
            Self::InvalidCameraId => "invalid_camera_id",
        }
    }
}

/// What one experiment serves.
#[derive(Debug)]
pub(super) struct Served {
    serving: Serving,
    control: String,
    treatment: String,
    prompt: Option<ServedPrompt>,
    phase: Phase,
    run: u32,
    /// Share of analyses that should run the treatment too.
    shadow_sample: f64,
}

/// Both versions of a prompt that is kept here, as answers show them.
#[derive(Debug)]
struct ServedPrompt {
    name: String,
    control: ServedVersion,
    treatment: ServedVersion,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct ServedVersion {
    pub(crate) digest: String,
    pub(crate) text: Arc<str>,
}

impl AssignmentTable {
    pub(crate) fn new(rollouts: &Rollouts, trust: Trust) -> Self {
        let served =
            |run: &RunningExperiment| (run.key.as_str().to_owned(), Arc::new(Served::of(run)));
        Self { trust, experiments: rollouts.iter().map(served).collect() }
    }

    /// The text of a version that an experiment of this table is about, where it is kept here.
    pub(crate) fn text<'a>(&'a self, experiment: &str, digest: &str) -> Option<&'a str> {
        let prompt = self.experiments.get(experiment)?.prompt.as_ref()?;
        let mut versions = [&prompt.control, &prompt.treatment].into_iter();
        versions.find(|version| version.digest == digest).map(|version| &*version.text)
    }

    /// What `camera` is served at `at`, and for what reason. Whatever is not known is served control.
    pub(crate) fn assign<'a>(
        &'a self,
        key: &'a str,
        camera: &'a CameraId,
        at: Timestamp,
    ) -> (AssignmentReason, Assignment<'a>) {
        let Some(evaluated) = self.evaluate(key, camera, at) else {
            let reason = match self.trust {
                Trust::Full => AssignmentReason::Rollout(ServeReason::UnknownExperiment),
                Trust::ControlOnly => AssignmentReason::StoreUnavailable,
            };
            return (reason, unknown(camera.as_str(), key, reason));
        };
        (evaluated.reason, assignment(camera.as_str(), &evaluated))
    }

    /// What is served where a camera's id is none: control, with what is wrong.
    pub(crate) fn assign_invalid<'a>(
        &'a self,
        key: &'a str,
        camera_id: &'a str,
        invalid: &InvalidId,
    ) -> (AssignmentReason, Assignment<'a>) {
        let reason = AssignmentReason::InvalidCameraId;
        let assignment = match self.experiments.get_key_value(key) {
            Some((key, served)) => {
                assignment(camera_id, &served.evaluated(key, Variant::Control, reason, 0.0))
            }
            None => unknown(camera_id, key, reason),
        };
        (reason, Assignment { detail: Some(invalid.of_field().into()), ..assignment })
    }

    /// The experiments whose rollouts are under way, in order of their keys.
    pub(crate) fn under_way(&self) -> Vec<String> {
        let under_way = self.experiments.iter().filter(|(_, served)| served.phase.is_under_way());
        let mut keys: Vec<String> = under_way.map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// Whether every experiment that there is can be in it.
    pub(crate) fn is_whole(&self) -> bool {
        // One that was drawn before the journal was read has none.
        self.trust == Trust::Full || !self.experiments.is_empty()
    }

    /// What `camera` is served by the experiment `key` at `at`, if the table has it.
    pub(crate) fn evaluate(
        &self,
        key: &str,
        camera: &CameraId,
        at: Timestamp,
    ) -> Option<Evaluated<'_>> {
        let (key, served) = self.experiments.get_key_value(key)?;
        Some(served.evaluate(key, self.trust, camera, at))
    }

    /// What `camera` is served by every experiment at `at`, in no order.
    pub(crate) fn evaluate_all<'a>(
        &'a self,
        camera: &'a CameraId,
        at: Timestamp,
    ) -> impl Iterator<Item = Evaluated<'a>> {
        self.experiments
            .iter()
            .map(move |(key, served)| served.evaluate(key, self.trust, camera, at))
    }
}

impl Served {
    fn evaluate<'a>(
        &'a self,
        key: &'a str,
        trust: Trust,
        camera: &CameraId,
        at: Timestamp,
    ) -> Evaluated<'a> {
        let (variant, reason, shadow_sample) = match trust {
            Trust::Full => {
                let assigned = self.serving.assign(camera, at);
                let is_other = assigned.reason == ServeReason::OutsideGroup;
                let shadow_sample = if is_other { 0.0 } else { self.shadow_sample };
                (assigned.variant, AssignmentReason::Rollout(assigned.reason), shadow_sample)
            }
            Trust::ControlOnly => (Variant::Control, AssignmentReason::StoreUnavailable, 0.0),
        };
        self.evaluated(key, variant, reason, shadow_sample)
    }

    fn evaluated<'a>(
        &'a self,
        key: &'a str,
        variant: Variant,
        reason: AssignmentReason,
        shadow_sample: f64,
    ) -> Evaluated<'a> {
        let prompt = self.prompt.as_ref();
        let treatment = prompt.map(|prompt| &prompt.treatment);
        let (prompt_version, kept) = match variant {
            Variant::Control => (&self.control, prompt.map(|prompt| &prompt.control)),
            Variant::Treatment => (&self.treatment, treatment),
        };
        let shadow = ShadowServed { prompt_version: &self.treatment, kept: treatment };
        Evaluated {
            key,
            variant,
            prompt_version,
            prompt: prompt.map(|prompt| &*prompt.name),
            kept,
            reason,
            phase: self.phase,
            run: self.run,
            shadow_sample,
            shadow: (shadow_sample > 0.0).then_some(shadow),
        }
    }

    pub(super) fn of(run: &RunningExperiment) -> Self {
        run.serving_predecessor().map_or_else(|| Self::by(run), Self::until_started)
    }

    /// What an ended run goes on serving until its successor is started.
    fn until_started(predecessor: &Predecessor) -> Self {
        let experiment = predecessor.definition.experiment();
        Self {
            serving: predecessor.serving(),
            control: experiment.control.as_str().to_owned(),
            treatment: experiment.treatment.as_str().to_owned(),
            prompt: predecessor.in_play.as_ref().map(ServedPrompt::of),
            phase: predecessor.phase(),
            run: predecessor.number,
            shadow_sample: 0.0,
        }
    }

    fn by(run: &RunningExperiment) -> Self {
        let experiment = run.rollout.definition().experiment();
        let state = run.rollout.lifecycle().state;
        let shadowing = state.phase == Phase::Shadow
            && state.condition != tidegate_engine::phase::Condition::Paused;
        Self {
            serving: run.rollout.serving(),
            control: experiment.control.as_str().to_owned(),
            treatment: experiment.treatment.as_str().to_owned(),
            prompt: run.in_play.as_ref().map(ServedPrompt::of),
            phase: state.phase,
            run: run.number,
            shadow_sample: if shadowing { experiment.shadow.sample.value() } else { 0.0 },
        }
    }
}

fn assignment<'a>(camera_id: &'a str, evaluated: &Evaluated<'a>) -> Assignment<'a> {
    let shadow = evaluated.shadow.and_then(|shadow| {
        Some(ShadowVersion {
            prompt_version: shadow.prompt_version.into(),
            digest: (&shadow.kept?.digest).into(),
            prompt_text: None,
        })
    });
    Assignment {
        camera_id: camera_id.into(),
        experiment: evaluated.key.into(),
        variant: evaluated.variant.as_str().into(),
        prompt_version: Some(evaluated.prompt_version.into()),
        prompt: evaluated.prompt.map(Into::into),
        digest: evaluated.kept.map(|version| (&version.digest).into()),
        reason: evaluated.reason.as_str().into(),
        detail: None,
        phase: Some(evaluated.phase.as_str().into()),
        run: evaluated.run,
        shadow_sample: evaluated.shadow_sample,
        prompt_text: None,
        shadow,
    }
}

/// What is served of an experiment that there is not.
fn unknown<'a>(camera_id: &'a str, key: &'a str, reason: AssignmentReason) -> Assignment<'a> {
    Assignment {
        camera_id: camera_id.into(),
        experiment: key.into(),
        variant: Variant::Control.as_str().into(),
        prompt_version: None,
        prompt: None,
        digest: None,
        reason: reason.as_str().into(),
        detail: None,
        phase: None,
        run: 0,
        shadow_sample: 0.0,
        prompt_text: None,
        shadow: None,
    }
}

impl ServedPrompt {
    fn of(in_play: &InPlay) -> Self {
        let ByVariant { control, treatment } = &in_play.versions;
        let served = |version: &Version| ServedVersion {
            digest: version.head.digest.to_string(),
            text: version.text.clone(),
        };
        let (control, treatment) = (served(control), served(treatment));
        Self { name: in_play.prompt.to_string(), control, treatment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_at_its_place() {
        for (place, reason) in AssignmentReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), place, "{reason:?}");
        }
        let names = AssignmentReason::ALL.map(AssignmentReason::as_str);
        assert!(names.ends_with(&[STORE_UNAVAILABLE, "invalid_camera_id"]), "{names:?}");
    }
}
