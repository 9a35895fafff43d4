//! What a definition would do, and doing it.

use tidegate_engine::Rollout;
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::notice::Noticed;
use tidegate_engine::number::Share;
use tidegate_engine::phase::Phase;
use tidegate_engine::prompt::TextDigest;
use tidegate_engine::series::Series;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_journal::{Entry, RolloutId};
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{DELETED, Definer, HistoryItem, SettingChange, What};

use super::changed::{Changed, Unit};
use super::predecessor::Predecessor;
use super::{EXPERIMENTS_MAX, NotDefined, Rollouts, RunningExperiment};

/// Changed settings that a history keeps of a definition: with its last part they fit one frame.
const CHANGES_KEPT: usize = 40;

/// Overrides that an error names.
const OVERRIDES_TOLD: usize = 10;

/// A definition as somebody asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) file: Box<ExperimentFile>,
    pub(crate) salt: SaltChoice,
    pub(crate) actor: Actor,
    pub(crate) reason: Reason,
    pub(crate) control: ControlChange,
    pub(crate) overrides: DraftOverrides,
}

/// What a definition does to the overrides of a draft that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DraftOverrides {
    /// It is refused: somebody chose them, and a file does not know of them.
    AreKept,
    /// It takes them away.
    MayGo,
}

/// Whether an experiment's owner chose its salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaltChoice {
    /// The file names one.
    Own,
    /// It does not: each run after the first gets its own.
    Default,
}

/// Whether the control may be another version than the one that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlChange {
    /// The owner knows that cameras get another one from the start on.
    Accepted,
    /// Nobody said so.
    Refused,
}

/// What a definition did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefinitionChange {
    /// A new experiment, or a new run of one.
    Created,
    /// A draft that was there.
    Replaced,
}

/// A draft that is not in its place yet.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) run: RunningExperiment,
    pub(crate) plan: DefinitionPlan,
}

/// What a definition does.
#[derive(Debug)]
pub(crate) struct DefinitionPlan {
    pub(crate) change: DefinitionChange,
    /// Every setting that the definition before had otherwise.
    pub(crate) changes: Vec<SettingChange>,
    /// What cameras notice of it.
    pub(crate) effects: Vec<String>,
    /// How the control differs from what is served, if it does.
    pub(crate) control_changes: Option<String>,
    /// Which overrides of the draft it does not name, if any.
    pub(crate) overrides_lost: Option<String>,
    /// The phase before it.
    pub(crate) from: String,
}

impl Rollouts {
    /// What a definition would do: define a draft anew, or the next run of an experiment that has ended.
    pub(crate) fn draft(
        &self,
        file: &ExperimentFile,
        salt: SaltChoice,
    ) -> Result<Draft, NotDefined> {
        let key = file.definition.experiment().key.clone();
        let former = self.runs.get(&key);
        let (change, number) = match former {
            None if self.runs.len() >= EXPERIMENTS_MAX => {
                return Err(NotDefined::TooMany { count: self.runs.len() });
            }
            None => (DefinitionChange::Created, self.next_run(&key)),
            Some(run) => match run.rollout.lifecycle().state.phase {
                Phase::Draft => (DefinitionChange::Replaced, run.number),
                Phase::Shadow | Phase::Ab | Phase::Full => return Err(NotDefined::Running { key }),
                // A retry starts afresh, with a split of its own.
                Phase::Completed | Phase::RolledBack | Phase::Stopped => {
                    (DefinitionChange::Created, run.number.saturating_add(1))
                }
            },
        };
        let id = match (change, former) {
            (DefinitionChange::Replaced, Some(run)) => run.id,
            _ => RolloutId(self.last_id + 1),
        };
        let in_play =
            self.prompts.in_play(file.definition.experiment()).map_err(NotDefined::Versions)?;
        let file = match salt {
            SaltChoice::Own => file.clone(),
            SaltChoice::Default => file.clone().salted_for_run(number),
        };
        // What the journal has is a file, or it would not have been read.
        let before = former.and_then(|run| ExperimentFile::parse(&run.text).ok());
        let changes = before.map_or(Vec::new(), |before| before.changes(&file));
        let text = file.to_toml();
        let run = RunningExperiment {
            id,
            key,
            number,
            text,
            rollout: Rollout::new(file.definition),
            in_play,
            predecessor: former.and_then(Predecessor::of_successor),
            noticed: Noticed::default(),
            series: Series::default(),
            history: Vec::new(),
        };
        let nothing = if self.deleted.contains_key(&run.key) { DELETED } else { "none" };
        let from = former.map_or_else(
            || nothing.to_owned(),
            |former| former.rollout.lifecycle().state.to_string(),
        );
        let control_changes = self.control_changes(&run, former);
        let overrides_lost = match change {
            DefinitionChange::Replaced => former.and_then(|draft| overrides_lost(draft, &run)),
            DefinitionChange::Created => None,
        };
        let effects = effects(&run, former);
        let plan =
            DefinitionPlan { change, changes, effects, control_changes, overrides_lost, from };
        Ok(Draft { run, plan })
    }

    /// Defines a draft.
    pub(crate) fn define(
        &mut self,
        at: Timestamp,
        wanted: &Wanted,
    ) -> Result<(DefinitionPlan, Changed), NotDefined> {
        let Draft { run, plan } = self.draft(&wanted.file, wanted.salt)?;
        if wanted.overrides == DraftOverrides::AreKept
            && let Some(sentence) = plan.overrides_lost
        {
            return Err(NotDefined::OverridesLost(sentence));
        }
        if wanted.control == ControlChange::Refused
            && let Some(sentence) = plan.control_changes
        {
            return Err(NotDefined::ControlChanges(sentence));
        }
        let (id, key, number) = (run.id, run.key.clone(), run.number);
        let by = Definer {
            at,
            actor: wanted.actor.clone(),
            reason: wanted.reason.clone(),
            changes: plan.changes.iter().take(CHANGES_KEPT).cloned().collect(),
        };
        let definition = run.rollout.definition();
        let item = HistoryItem::defined(number, plan.from.clone(), definition, by);
        // As an account of a step: always JSON.
        let account = serde_json::to_string(&item).unwrap_or_default();
        let mut entries = Entry::definition(id, at, &key, number, &run.text);
        let last = entries.pop();
        let mut units = Unit::each_of(entries);
        // In one unit: a crash leaves the draft with who defined it, or neither.
        let mut unit = Unit { entries: last.into_iter().collect(), telling: Vec::new() };
        let entry = Entry::DefinedBy { rollout: id, at, account: account.clone() };
        run.tell(at, entry, What::ExperimentDefined(item.into()), &mut unit);
        units.push(unit);
        let run = self.place(run);
        run.history.push(account);
        Ok((plan, Changed { units, defined: Some(key), ..Changed::default() }))
    }

    /// How the control of a run differs from what is served now, if it does.
    fn control_changes(
        &self,
        run: &RunningExperiment,
        former: Option<&RunningExperiment>,
    ) -> Option<String> {
        let control = KnownVersion::control_of(run);
        let mut others = Vec::new();
        match (&run.predecessor, former) {
            (Some(serving), _) => others.push((
                KnownVersion::served_by(serving),
                format!("run {} serves `{}`", serving.number, serving.version()),
            )),
            (None, Some(draft)) => {
                let version = KnownVersion::control_of(draft);
                let sentence = format!("the draft so far serves `{}`", version.key);
                others.push((version, sentence));
            }
            (None, None) => {}
        }
        let prompt = run.in_play.as_ref().map(|in_play| &in_play.prompt);
        others.extend(prompt.and_then(|prompt| self.prompts.production(prompt)).map(|head| {
            let version = KnownVersion { key: head.key.as_str(), digest: Some(head.digest) };
            (version, format!("`production` points to `{}`", head.key))
        }));
        let differing: Vec<String> = others
            .into_iter()
            .filter_map(|(other, sentence)| control.differs_from(&other).then_some(sentence))
            .collect();
        let others = differing.join(" and ");
        (!differing.is_empty()).then(|| {
            format!(
                "the control is `{}`, but {others}: cameras would get another version",
                control.key
            )
        })
    }
}

/// Which overrides of a draft another definition of it does not name.
fn overrides_lost(draft: &RunningExperiment, run: &RunningExperiment) -> Option<String> {
    let overrides = |run: &RunningExperiment| {
        run.rollout.definition().experiment().assignment.overrides.clone()
    };
    let named = overrides(run);
    let lost = overrides(draft)
        .into_iter()
        .filter(|(camera, _)| !named.iter().any(|(named, _)| named == camera));
    let lost: Vec<String> = lost
        .take(OVERRIDES_TOLD)
        .map(|(camera, variant)| format!("camera `{camera}` the {}", variant.as_str()))
        .collect();
    (!lost.is_empty()).then(|| {
        format!(
            "the draft gives {}, and this definition does not say so: name it in \
             `assignment.overrides`, or clear it first",
            lost.join(", ")
        )
    })
}

/// A version of a prompt, known by its text where that is kept here.
#[derive(Debug, Clone, Copy)]
struct KnownVersion<'a> {
    key: &'a str,
    digest: Option<TextDigest>,
}

impl<'a> KnownVersion<'a> {
    fn control_of(run: &'a RunningExperiment) -> Self {
        let digest = run.in_play.as_ref().map(|in_play| in_play.versions.control.head.digest);
        Self { key: run.rollout.definition().experiment().control.as_str(), digest }
    }

    fn served_by(predecessor: &'a Predecessor) -> Self {
        let versions = predecessor.in_play.as_ref().map(|in_play| &in_play.versions);
        let digest = versions.map(|versions| match predecessor.variant() {
            Variant::Control => versions.control.head.digest,
            Variant::Treatment => versions.treatment.head.digest,
        });
        Self { key: predecessor.version(), digest }
    }

    fn differs_from(&self, other: &Self) -> bool {
        match (self.digest, other.digest) {
            (Some(own), Some(other)) => own != other,
            _ => self.key != other.key,
        }
    }
}

/// What cameras notice of a draft, and when.
fn effects(run: &RunningExperiment, former: Option<&RunningExperiment>) -> Vec<String> {
    let experiment = run.rollout.definition().experiment();
    let (control, treatment) = (&experiment.control, &experiment.treatment);
    let first = match &run.predecessor {
        Some(serving) => format!(
            "Until it is started, run {} goes on serving `{}` ({})",
            serving.number,
            serving.version(),
            serving.phase().as_str(),
        ),
        None => format!("Until it is started, every camera is served `{control}`"),
    };
    // In percent, as people read it: 0.07 is 7.
    let share = |share: Share| (share.value() * 1e6).round() / 1e4;
    let then = if experiment.shadow.duration.is_zero() {
        let share = share(run.rollout.definition().ramp()[0].share);
        format!(
            "From the start on, {share} % of the cameras are served `{treatment}`, the others `{control}`"
        )
    } else {
        let (hours, share) = (experiment.shadow.duration.hours(), share(experiment.shadow.sample));
        format!(
            "From the start on, every camera is served `{control}`, and for {hours} h {share} % of \
             the analyses run `{treatment}` beside it"
        )
    };
    let mut effects = vec![first, then];
    let salt = experiment.salt.as_str();
    let before = former.map(|former| former.rollout.definition().experiment().salt.as_str());
    if before.is_some_and(|before| before != salt) || salt != experiment.key.as_str() {
        effects.push(format!("The salt `{salt}` divides the cameras"));
    }
    effects
}
