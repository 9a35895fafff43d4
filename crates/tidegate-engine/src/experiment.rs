//! The definition of an experiment: what its owner decided before it started.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use xxhash_rust::xxh3::Xxh3;

use crate::assignment::{Split, SplitMethod};
use crate::id::{CameraId, ExperimentKey, PromptKey, PromptName, Salt};
use crate::limits;
use crate::number::{Alpha, Percent, PercentDrop, Points, RiskScore, Share};
use crate::time::Duration;
use crate::variant::Variant;

/// An experiment as its owner wrote it. Each value is valid by itself; [`Definition::new`] checks
/// that they agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// What is asked for.
    pub key: ExperimentKey,
    /// The prompt version in use.
    pub control: PromptKey,
    /// The prompt version being tried.
    pub treatment: PromptKey,
    /// The prompt that both are versions of, where it is kept here. Without one the keys are names that
    /// only the backend knows.
    pub prompt: Option<PromptName>,
    /// The least score that alerts a person.
    pub alert_threshold: RiskScore,
    /// What makes this run's split independent of all others.
    pub salt: Salt,
    /// The shadow phase.
    pub shadow: Shadow,
    /// The A/B test.
    pub ab: Ab,
    /// What harm is.
    pub guardrails: Guardrails,
    /// What worth is.
    pub promotion: Promotion,
    /// Who gets what.
    pub assignment: AssignmentRules,
    /// How much is kept.
    pub bounds: Bounds,
}

impl Experiment {
    /// An experiment with the default settings: 24 h shadow, 48 h A/B test at 50 %, limits of 5 points
    /// for rates and 50 % for latency.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are constants within their ranges")]
    pub fn new(key: ExperimentKey, control: PromptKey, treatment: PromptKey) -> Self {
        let valid = "a default is within its range";
        let hours = |hours| Duration::from_hours(hours).expect(valid);
        let points = |points| Points::new(points).expect(valid);
        let percent = |percent| Percent::new(percent).expect(valid);
        let drop = |percent| PercentDrop::new(percent).expect(valid);
        Self {
            salt: Salt::from(&key),
            key,
            control,
            treatment,
            prompt: None,
            alert_threshold: RiskScore::new(60.0).expect(valid),
            shadow: Shadow {
                duration: hours(24.0),
                sample: Share::ALL,
                latency_warning_threshold: percent(50.0),
                gate: Gate::Automatic,
            },
            ab: Ab {
                share: Share::new(0.5).expect(valid),
                duration: hours(48.0),
                steps: Vec::new(),
                on_expiry: OnExpiry::Hold,
            },
            guardrails: Guardrails {
                max_fp_rate_increase: points(0.05),
                max_latency_increase: percent(50.0),
                max_error_rate_increase: points(0.05),
                max_slow_rate_increase: points(0.05),
                max_missed_threat_rate_increase: points(0.05),
                max_alert_rate_drop: drop(50.0),
                min_samples: 100,
                rule: Rule::Sequential,
                alpha: Alpha::new(0.05).expect(valid),
                watch: Watch::On,
            },
            promotion: Promotion {
                min_fp_reduction: drop(10.0),
                mode: PromotionMode::Manual,
                feedback_grace: hours(6.0),
            },
            assignment: AssignmentRules {
                method: SplitMethod::Hash,
                block: hours(1.0),
                cameras: Vec::new(),
                overrides: Vec::new(),
            },
            bounds: Bounds {
                cameras_max: limits::CAMERAS_DEFAULT,
                open_analyses_max: limits::OPEN_ANALYSES_DEFAULT,
                attribution_window: hours(limits::ATTRIBUTION_HOURS_DEFAULT),
            },
        }
    }
}

/// The shadow phase: both prompts run, control is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shadow {
    /// How long it lasts at least. Zero: the rollout starts with the A/B test.
    pub duration: Duration,
    /// The share of analyses that run the treatment too; for the backend to follow.
    pub sample: Share,
    /// Slower than the control by more than this raises a latency warning.
    pub latency_warning_threshold: Percent,
    /// What ends the phase.
    pub gate: Gate,
}

/// What lets a rollout leave shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The comparisons, once they pass.
    Automatic,
    /// A person.
    Manual,
}

/// The A/B test.
#[derive(Debug, Clone, PartialEq)]
pub struct Ab {
    /// The share of cameras with the treatment, at the last ramp step.
    pub share: Share,
    /// How long the test lasts, all ramp steps included.
    pub duration: Duration,
    /// The ramp; empty means one step with `share`.
    pub steps: Vec<RampStep>,
    /// What an inconclusive end leads to.
    pub on_expiry: OnExpiry,
}

/// One share, held for a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampStep {
    /// The share of cameras with the treatment.
    pub share: Share,
    /// The least time to hold it.
    pub dwell: Duration,
}

/// What an inconclusive A/B test leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExpiry {
    /// Serve control, keep everything, ask the owner.
    Hold,
    /// Roll back.
    RollBack,
    /// Go on for the same duration once more, then hold.
    Extend,
}

/// The owner's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guardrails {
    /// Most points the false-positive rate may rise.
    pub max_fp_rate_increase: Points,
    /// Most percent the mean latency may rise.
    pub max_latency_increase: Percent,
    /// Most points the error rate may rise.
    pub max_error_rate_increase: Points,
    /// Most points the share of slow answers may rise.
    pub max_slow_rate_increase: Points,
    /// Most points the missed-threat rate may rise for a promotion.
    pub max_missed_threat_rate_increase: Points,
    /// Most percent the alert rate may fall for a promotion.
    pub max_alert_rate_drop: PercentDrop,
    /// Under the sequential rule, each metric's own trials in each variant before it rolls back, and
    /// comparisons before the shadow's gate opens. Under the threshold rule, labels (in shadow:
    /// comparisons) before it speaks at all.
    pub min_samples: u64,
    /// How harm is told from chance.
    pub rule: Rule,
    /// The allowed chance that a harmless rollout is ever rolled back, all guardrails and looks
    /// together. [`Rule::Threshold`] cannot keep it: a bare comparison has no error rate to set.
    pub alpha: Alpha,
    /// Whether the limits are watched at all.
    pub watch: Watch,
}

/// How harm is told from chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The camera-aware rule that is valid at every look: see [`crate::verdict`].
    Sequential,
    /// The bare comparison of averages: see [`crate::threshold`].
    Threshold,
}

/// Whether the guardrails may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// They act.
    On,
    /// They stop nothing, and nothing is promoted by itself either.
    Off,
}

/// What makes the treatment worth it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promotion {
    /// Least relative reduction of the false-positive rate.
    pub min_fp_reduction: PercentDrop,
    /// Who promotes.
    pub mode: PromotionMode,
    /// How long the last feedback is awaited after the A/B test, under the sequential rule.
    pub feedback_grace: Duration,
}

/// Who promotes a treatment that proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotionMode {
    /// A person.
    Manual,
    /// The engine.
    Automatic,
}

/// How cameras find their variant.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentRules {
    /// By hash, balanced over a list, or by turns.
    pub method: SplitMethod,
    /// How long a camera keeps its variant in a switchback.
    pub block: Duration,
    /// The fleet of a balanced split; empty for a split by hash.
    pub cameras: Vec<CameraId>,
    /// Cameras the owner assigns; they are left out of every comparison.
    pub overrides: Vec<(CameraId, Variant)>,
}

/// How much the engine keeps of one experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Cameras it may see.
    pub cameras_max: usize,
    /// Analyses whose feedback may be awaited at once; the oldest is forgotten first.
    pub open_analyses_max: usize,
    /// How long feedback finds its analysis, and a repeated id is recognised.
    pub attribution_window: Duration,
}

/// Two settings that do not agree, or a number out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Disagreement {
    /// Nothing would be tried.
    #[error("treatment `{0}` is the same as control, allowed: another prompt version")]
    SameVariants(PromptKey),
    /// The gate would wait for ever.
    #[error("shadow.sample is 0 while the gate is automatic, allowed: above 0 to 1")]
    GateWithoutComparisons,
    /// A test of no length proves nothing.
    #[error("ab.duration_hours is 0, allowed: above 0 to 8784")]
    NoTest,
    /// Too many steps.
    #[error("ab.steps has {0} entries, allowed: 0 to 20")]
    TooManySteps(usize),
    /// A step that takes cameras back.
    #[error(
        "ab.steps[{index}].treatment_percentage {share} is not above the step before, {before}"
    )]
    StepNotAbove {
        /// Which step, from 0.
        index: usize,
        /// Its share.
        share: f64,
        /// The share before it.
        before: f64,
    },
    /// The ramp ends elsewhere than the test.
    #[error(
        "ab.steps ends with treatment_percentage {last}, allowed: ab.treatment_percentage {share}"
    )]
    LastStepDiffers {
        /// The last step's share.
        last: f64,
        /// The test's share.
        share: f64,
    },
    /// The ramp is longer than the test.
    #[error("ab.steps dwell {hours} hours in all, allowed: at most ab.duration_hours {allowed}")]
    DwellsTooLong {
        /// The sum of all dwells.
        hours: f64,
        /// The duration of the test.
        allowed: f64,
    },
    /// A count out of range.
    #[error("{path} {value} is out of range, allowed: {min} to {max}")]
    Count {
        /// Where.
        path: &'static str,
        /// What was set.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A balanced split needs its fleet.
    #[error("assignment.cameras is empty, allowed: at least 2 cameras for split = \"balanced\"")]
    BalancedWithoutCameras,
    /// A list that would not be used.
    #[error("assignment.cameras is set, allowed: only with split = \"balanced\"")]
    CamerasWithoutBalance,
    /// Blocks under different shares cannot be held against one plan.
    #[error("ab.steps is set, allowed: not with assignment.split = \"switchback\"")]
    SwitchbackWithRamp,
    /// More blocks of all cameras than there is room for.
    #[error(
        "assignment.block_minutes {minutes} makes {blocks} blocks with limits.cameras_max {cameras_max}, \
         allowed: up to {blocks_max}, by longer blocks or fewer cameras"
    )]
    TooManyBlocks {
        /// The length that was set.
        minutes: f64,
        /// Blocks of all cameras in the whole test.
        blocks: u64,
        /// Cameras it may see.
        cameras_max: usize,
        /// The bound.
        blocks_max: u64,
    },
    /// Blocks too short to learn anything from, or of no end.
    #[error("assignment.block_minutes {minutes} is out of range, allowed: 1 to 10080")]
    BlockLength {
        /// The length that was set.
        minutes: f64,
    },
    /// One camera twice.
    #[error("{path} names camera `{camera}` twice, allowed: once")]
    CameraTwice {
        /// Where.
        path: &'static str,
        /// Which.
        camera: CameraId,
    },
}

/// A fingerprint of a whole definition; shown as 32 hex digits.
///
/// XXH3-128 over every setting in a fixed order. It stands in every decision, so that evidence can be
/// told from evidence under other limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

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
        let split = Arc::new(Split::new(&experiment.salt, &rules.overrides, &rules.cameras, block));
        let digest = digest(&experiment);
        Ok(Self { experiment, ramp, split, digest })
    }

    /// The settings.
    pub const fn experiment(&self) -> &Experiment {
        &self.experiment
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

fn disagreements(experiment: &Experiment) -> Vec<Disagreement> {
    let mut found = Vec::new();
    if experiment.control == experiment.treatment {
        found.push(Disagreement::SameVariants(experiment.treatment.clone()));
    }
    let shadow = &experiment.shadow;
    if !shadow.duration.is_zero() && shadow.gate == Gate::Automatic && shadow.sample == Share::NONE
    {
        found.push(Disagreement::GateWithoutComparisons);
    }
    ramp_disagreements(&experiment.ab, &mut found);
    let bounds = &experiment.bounds;
    let counts = [
        ("guardrails.min_samples", experiment.guardrails.min_samples, 0, limits::MIN_SAMPLES_MAX),
        ("limits.cameras_max", bounds.cameras_max as u64, 1, limits::CAMERAS_MAX as u64),
        (
            "limits.open_analyses_max",
            bounds.open_analyses_max as u64,
            1,
            limits::OPEN_ANALYSES_MAX as u64,
        ),
    ];
    for (path, value, min, max) in counts {
        if !(min..=max).contains(&value) {
            found.push(Disagreement::Count { path, value, min, max });
        }
    }
    assignment_disagreements(&experiment.assignment, &mut found);
    if experiment.assignment.method == SplitMethod::Switchback {
        switchback_disagreements(experiment, &mut found);
    }
    found
}

fn ramp_disagreements(ab: &Ab, found: &mut Vec<Disagreement>) {
    if ab.duration.is_zero() {
        found.push(Disagreement::NoTest);
    }
    if ab.steps.len() > limits::RAMP_STEPS_MAX {
        found.push(Disagreement::TooManySteps(ab.steps.len()));
    }
    for (index, pair) in ab.steps.windows(2).enumerate() {
        let (before, share) = (pair[0].share.value(), pair[1].share.value());
        if share <= before {
            found.push(Disagreement::StepNotAbove { index: index + 1, share, before });
        }
    }
    if let Some(last) = ab.steps.last()
        && last.share != ab.share
    {
        let (last, share) = (last.share.value(), ab.share.value());
        found.push(Disagreement::LastStepDiffers { last, share });
    }
    let dwell = ab.steps.iter().fold(Duration::ZERO, |sum, step| sum.plus(step.dwell));
    if dwell > ab.duration {
        let (hours, allowed) = (dwell.hours(), ab.duration.hours());
        found.push(Disagreement::DwellsTooLong { hours, allowed });
    }
}

fn assignment_disagreements(rules: &AssignmentRules, found: &mut Vec<Disagreement>) {
    match rules.method {
        SplitMethod::Balanced if rules.cameras.len() < 2 => {
            found.push(Disagreement::BalancedWithoutCameras);
        }
        SplitMethod::Hash | SplitMethod::Switchback if !rules.cameras.is_empty() => {
            found.push(Disagreement::CamerasWithoutBalance);
        }
        SplitMethod::Balanced | SplitMethod::Hash | SplitMethod::Switchback => {}
    }
    let minutes = rules.block.hours() * 60.0;
    if !limits::BLOCK_MINUTES.contains(&minutes) {
        found.push(Disagreement::BlockLength { minutes });
    }
    let overridden = rules.overrides.iter().map(|(camera, _)| camera);
    for (path, count, twice) in [
        ("assignment.cameras", rules.cameras.len(), first_twice(rules.cameras.iter())),
        ("assignment.overrides", rules.overrides.len(), first_twice(overridden)),
    ] {
        if count > limits::CAMERAS_MAX {
            let (value, max) = (count as u64, limits::CAMERAS_MAX as u64);
            found.push(Disagreement::Count { path, value, min: 0, max });
        }
        if let Some(camera) = twice {
            found.push(Disagreement::CameraTwice { path, camera: camera.clone() });
        }
    }
}

fn switchback_disagreements(experiment: &Experiment, found: &mut Vec<Disagreement>) {
    if !experiment.ab.steps.is_empty() {
        found.push(Disagreement::SwitchbackWithRamp);
    }
    let (duration, block) = (experiment.ab.duration.ms(), experiment.assignment.block.ms());
    let (cameras_max, blocks_max) = (experiment.bounds.cameras_max, limits::BLOCKS_MAX);
    // The test seldom begins with a block.
    let each = duration.checked_div(block).map_or(0, |blocks| blocks.saturating_add(2));
    let blocks = each.saturating_mul(cameras_max as u64);
    if blocks > blocks_max {
        let minutes = experiment.assignment.block.hours() * 60.0;
        found.push(Disagreement::TooManyBlocks { minutes, blocks, cameras_max, blocks_max });
    }
}

fn first_twice<'a>(mut cameras: impl Iterator<Item = &'a CameraId>) -> Option<&'a CameraId> {
    let mut seen = BTreeSet::new();
    cameras.find(|camera| !seen.insert(*camera))
}

/// Hashes every setting in a fixed order; texts carry their length, so none runs into the next.
///
/// Every struct is taken apart without `..`, so that a new setting cannot be forgotten here.
fn digest(experiment: &Experiment) -> Digest {
    let Experiment {
        key,
        control,
        treatment,
        prompt,
        alert_threshold,
        salt,
        shadow,
        ab,
        guardrails,
        promotion,
        assignment,
        bounds,
    } = experiment;
    let mut hash = Xxh3::new();
    for text in [key.as_str(), control.as_str(), treatment.as_str(), salt.as_str()] {
        feed_text(&mut hash, text);
    }
    let Shadow { duration, sample, latency_warning_threshold, gate } = shadow;
    feed(&mut hash, u64::from(alert_threshold.value()));
    feed(&mut hash, duration.ms());
    feed(&mut hash, sample.value().to_bits());
    feed(&mut hash, latency_warning_threshold.value().to_bits());
    feed(&mut hash, *gate as u64);

    let Ab { share, duration, steps, on_expiry } = ab;
    feed(&mut hash, share.value().to_bits());
    feed(&mut hash, duration.ms());
    feed(&mut hash, *on_expiry as u64);
    feed(&mut hash, steps.len() as u64);
    for RampStep { share, dwell } in steps {
        feed(&mut hash, share.value().to_bits());
        feed(&mut hash, dwell.ms());
    }

    feed_guardrails(&mut hash, guardrails);
    let Promotion { min_fp_reduction, mode, feedback_grace } = promotion;
    feed(&mut hash, min_fp_reduction.value().to_bits());
    feed(&mut hash, *mode as u64);
    feed(&mut hash, feedback_grace.ms());

    let AssignmentRules { method, block, cameras, overrides } = assignment;
    feed(&mut hash, *method as u64);
    feed(&mut hash, block.ms());
    feed(&mut hash, cameras.len() as u64);
    for camera in cameras {
        feed_text(&mut hash, camera.as_str());
    }
    feed(&mut hash, overrides.len() as u64);
    for (camera, variant) in overrides {
        feed_text(&mut hash, camera.as_str());
        feed(&mut hash, *variant as u64);
    }

    let Bounds { cameras_max, open_analyses_max, attribution_window } = bounds;
    feed(&mut hash, *cameras_max as u64);
    feed(&mut hash, *open_analyses_max as u64);
    feed(&mut hash, attribution_window.ms());
    // Fed last and only where there is one, so that every digest from before there were prompts stands.
    if let Some(prompt) = prompt {
        feed_text(&mut hash, prompt.as_str());
    }
    Digest(hash.digest128())
}

fn feed_guardrails(hash: &mut Xxh3, guardrails: &Guardrails) {
    let Guardrails {
        max_fp_rate_increase,
        max_latency_increase,
        max_error_rate_increase,
        max_slow_rate_increase,
        max_missed_threat_rate_increase,
        max_alert_rate_drop,
        min_samples,
        rule,
        alpha,
        watch,
    } = guardrails;
    for number in [
        max_fp_rate_increase.value(),
        max_latency_increase.value(),
        max_error_rate_increase.value(),
        max_slow_rate_increase.value(),
        max_missed_threat_rate_increase.value(),
        max_alert_rate_drop.value(),
        alpha.value(),
    ] {
        feed(hash, number.to_bits());
    }
    feed(hash, *min_samples);
    feed(hash, *rule as u64);
    feed(hash, *watch as u64);
}

fn feed(hash: &mut Xxh3, number: u64) {
    hash.update(&number.to_le_bytes());
}

fn feed_text(hash: &mut Xxh3, text: &str) {
    feed(hash, text.len() as u64);
    hash.update(text.as_bytes());
}
