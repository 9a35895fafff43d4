//! What readers see: an immutable table of who is served what, replaced as a whole.
//!
//! Assignments are answered from it and never wait for anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tidegate_engine::assignment::{ServeReason, Serving};
use tidegate_engine::id::CameraId;
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt::Version;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api::{Assignment, ShadowVersion};
use tokio::sync::watch;

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
}

/// Who is served what.
#[derive(Debug)]
pub(crate) struct AssignmentTable {
    trust: Trust,
    experiments: HashMap<String, Arc<Served>>,
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
    pub(crate) ground: AssignmentReason,
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
}

impl AssignmentReason {
    /// Every ground.
    pub(crate) const ALL: [Self; ServeReason::ALL.len() + 1] = {
        let mut all = [Self::StoreUnavailable; ServeReason::ALL.len() + 1];
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
            Self::StoreUnavailable => Self::ALL.len() - 1,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rollout(reason) => reason.as_str(),
            Self::StoreUnavailable => STORE_UNAVAILABLE,
        }
    }
}

/// What one experiment serves.
#[derive(Debug)]
struct Served {
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

    /// What `camera` is served at `at`, and on what ground. Whatever is not known is served control.
    pub(crate) fn assign<'a>(
        &'a self,
        key: &'a str,
        camera: &'a CameraId,
        at: Timestamp,
    ) -> (AssignmentReason, Assignment<'a>) {
        let (camera_id, experiment) = (camera.as_str().into(), key.into());
        let Some(evaluated) = self.evaluate(key, camera, at) else {
            let ground = match self.trust {
                Trust::Full => AssignmentReason::Rollout(ServeReason::UnknownExperiment),
                Trust::ControlOnly => AssignmentReason::StoreUnavailable,
            };
            let assignment = Assignment {
                camera_id,
                experiment,
                variant: Variant::Control.as_str().into(),
                prompt_version: None,
                prompt: None,
                digest: None,
                reason: ground.as_str().into(),
                phase: None,
                run: 0,
                shadow_sample: 0.0,
                prompt_text: None,
                shadow: None,
            };
            return (ground, assignment);
        };
        let shadow = evaluated.shadow.and_then(|shadow| {
            Some(ShadowVersion {
                prompt_version: shadow.prompt_version.into(),
                digest: (&shadow.kept?.digest).into(),
                prompt_text: None,
            })
        });
        let assignment = Assignment {
            camera_id,
            experiment,
            variant: evaluated.variant.as_str().into(),
            prompt_version: Some(evaluated.prompt_version.into()),
            prompt: evaluated.prompt.map(Into::into),
            digest: evaluated.kept.map(|version| (&version.digest).into()),
            reason: evaluated.ground.as_str().into(),
            phase: Some(evaluated.phase.as_str().into()),
            run: evaluated.run,
            shadow_sample: evaluated.shadow_sample,
            prompt_text: None,
            shadow,
        };
        (evaluated.ground, assignment)
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
        let (variant, ground, shadow_sample) = match trust {
            Trust::Full => {
                let assigned = self.serving.assign(camera, at);
                (assigned.variant, AssignmentReason::Rollout(assigned.reason), self.shadow_sample)
            }
            Trust::ControlOnly => (Variant::Control, AssignmentReason::StoreUnavailable, 0.0),
        };
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
            ground,
            phase: self.phase,
            run: self.run,
            shadow_sample,
            shadow: (shadow_sample > 0.0).then_some(shadow),
        }
    }

    fn of(run: &RunningExperiment) -> Self {
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

/// The newest table.
#[derive(Debug)]
pub(crate) struct Published {
    table: ArcSwap<AssignmentTable>,
    drawn: AtomicU64,
    newest: Mutex<Newest>,
    shown: watch::Sender<TableVersion>,
}

/// Which drawings are shown: what was drawn before them comes too late.
#[derive(Debug, Default)]
struct Newest {
    /// Of all experiments.
    all: u64,
    /// Of those that were drawn alone.
    experiments: HashMap<String, u64>,
}

/// How often the table was changed, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableVersion {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
}

/// A drawing that may not be shown before what it shows is on disk.
#[derive(Debug)]
pub(crate) struct Drawn {
    number: u64,
    at: Timestamp,
    subject: DrawnTable,
}

#[derive(Debug)]
enum DrawnTable {
    All(AssignmentTable),
    One { key: String, served: Arc<Served> },
}

impl Published {
    /// Control for everyone, until something is known.
    pub(crate) fn new() -> Self {
        let table = AssignmentTable::new(&Rollouts::default(), Trust::ControlOnly);
        Self {
            table: ArcSwap::from_pointee(table),
            drawn: AtomicU64::new(0),
            newest: Mutex::default(),
            shown: watch::Sender::new(TableVersion { number: 0, at: Timestamp::EPOCH }),
        }
    }

    /// Tells of every table that is shown from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<TableVersion> {
        self.shown.subscribe()
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<AssignmentTable>> {
        self.table.load()
    }

    /// Draws every experiment, and whether the journal can be relied on, to be shown later.
    pub(crate) fn draw_all(&self, rollouts: &Rollouts, trust: Trust, at: Timestamp) -> Drawn {
        self.drawn(at, DrawnTable::All(AssignmentTable::new(rollouts, trust)))
    }

    /// Draws one experiment, to be shown later, whatever becomes of others meanwhile.
    pub(crate) fn draw(&self, run: &RunningExperiment, at: Timestamp) -> Drawn {
        let key = run.key.as_str().to_owned();
        self.drawn(at, DrawnTable::One { key, served: Arc::new(Served::of(run)) })
    }

    fn drawn(&self, at: Timestamp, subject: DrawnTable) -> Drawn {
        Drawn { number: self.drawn.fetch_add(1, Ordering::Relaxed) + 1, at, subject }
    }

    /// Shows a drawing, but for what a newer one showed already.
    pub(crate) fn show(&self, drawn: &Drawn) {
        let Drawn { number, at, subject } = drawn;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.table.load();
        let table = match subject {
            DrawnTable::All(_) if *number <= newest.all => return,
            DrawnTable::All(table) => {
                newest.all = *number;
                newest.experiments.retain(|_, drawn_alone| *drawn_alone > *number);
                let mut experiments = table.experiments.clone();
                for key in newest.experiments.keys() {
                    if let Some(served) = before.experiments.get(key) {
                        experiments.insert(key.clone(), served.clone());
                    }
                }
                AssignmentTable { trust: table.trust, experiments }
            }
            DrawnTable::One { key, served } => {
                let shown = newest.experiments.get(key).copied().unwrap_or(0).max(newest.all);
                if *number <= shown {
                    return;
                }
                newest.experiments.insert(key.clone(), *number);
                let mut experiments = before.experiments.clone();
                experiments.insert(key.clone(), served.clone());
                AssignmentTable { trust: before.trust, experiments }
            }
        };
        self.table.store(Arc::new(table));
        // Whoever is told of it finds it.
        self.shown.send_modify(|shown| *shown = TableVersion { number: shown.number + 1, at: *at });
    }
}

#[cfg(test)]
mod tests {
    use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
    use tidegate_spec::ExperimentFile;

    use super::*;
    use crate::rollouts::{Changed, ControlChange, SaltChoice, Wanted};

    #[test]
    fn every_ground_is_at_its_place() {
        for (place, ground) in AssignmentReason::ALL.into_iter().enumerate() {
            assert_eq!(ground.index(), place, "{ground:?}");
        }
        assert_eq!(
            AssignmentReason::ALL.map(AssignmentReason::as_str).last(),
            Some(&STORE_UNAVAILABLE)
        );
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_772_323_200_000 + ms).unwrap()
    }

    fn act(rollouts: &mut Rollouts, key: &str, command: Command, ms: i64) {
        let actor = Actor::new("ann").unwrap();
        let note = Reason::new("a test").unwrap();
        let action = Event::Action(Action { command, actor, note });
        let key = key.parse().unwrap();
        rollouts.apply(&key, at(ms), action, &mut Changed::default()).unwrap().unwrap();
    }

    /// Two experiments in their test.
    fn two() -> Rollouts {
        let mut rollouts = Rollouts::default();
        for key in ["east", "west"] {
            let toml = format!(
                "key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n"
            );
            let file = ExperimentFile::parse(&toml).unwrap();
            let wanted = Wanted {
                file: Box::new(file),
                salt: SaltChoice::Own,
                actor: Actor::new("ann").unwrap(),
                reason: Reason::new("a test").unwrap(),
                control: ControlChange::Refused,
            };
            rollouts.define(at(0), &wanted).unwrap();
            act(&mut rollouts, key, Command::Start, 1);
        }
        rollouts
    }

    fn phases(published: &Published) -> [&'static str; 2] {
        let (table, camera) = (published.load(), "camera-1".parse().unwrap());
        ["east", "west"].map(|key| table.evaluate(key, &camera, at(9)).unwrap().phase.as_str())
    }

    #[test]
    fn a_rollback_shows_nothing_of_another_experiment_that_is_not_on_disk() {
        let (mut rollouts, published) = (two(), Published::new());
        published.show(&published.draw_all(&rollouts, Trust::Full, at(1)));
        act(&mut rollouts, "west", Command::Advance, 2);
        let run = |rollouts: &Rollouts, key: &str| {
            published.draw(rollouts.get(&key.parse().unwrap()).unwrap(), at(2))
        };
        let released = run(&rollouts, "west");
        act(&mut rollouts, "east", Command::RollBack, 3);
        published.show(&run(&rollouts, "east"));
        assert_eq!(phases(&published), ["rolled_back", "ab"]);
        published.show(&released);
        assert_eq!(phases(&published), ["rolled_back", "full"]);
    }

    #[test]
    fn a_drawing_that_comes_too_late_shows_nothing() {
        let (mut rollouts, published) = (two(), Published::new());
        let all = published.draw_all(&rollouts, Trust::Full, at(1));
        act(&mut rollouts, "east", Command::Pause, 2);
        let paused = published.draw(rollouts.get(&"east".parse().unwrap()).unwrap(), at(2));
        act(&mut rollouts, "east", Command::RollBack, 3);
        let rolled_back = published.draw(rollouts.get(&"east".parse().unwrap()).unwrap(), at(3));
        published.show(&rolled_back);
        published.show(&paused);
        published.show(&all);
        assert_eq!(phases(&published), ["rolled_back", "ab"]);
        // What comes with a newer drawing of all counts again.
        published.show(&published.draw_all(&two(), Trust::Full, at(4)));
        assert_eq!(phases(&published), ["ab", "ab"]);
    }
}
