//! What an owner decides.

use alloc::vec::Vec;

use crate::assignment::{Group, SplitMethod};
use crate::id::{CameraId, ExperimentKey, PromptKey, PromptName, Salt};
use crate::number::{Alpha, Percent, PercentDrop, Points, RiskScore, Share};
use crate::review::ReviewRules;
use crate::time::Duration;
use crate::variant::Variant;

/// An experiment as its owner wrote it. Each value is valid by itself; [`Definition::new`](super::Definition::new) checks
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
    /// Whether labels are taken for what they say.
    pub trust: LabelTrust,
    /// What becomes of the treatment's release.
    pub full: Full,
    /// Who gets what.
    pub assignment: AssignmentRules,
    /// How much is kept.
    pub bounds: Bounds,
    /// What people are asked of the shadow's disagreements; nothing without it.
    pub review: Option<ReviewRules>,
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
    /// Most percent the alert rate may rise.
    pub max_alert_rate_rise: Percent,
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

/// Whether labels are taken for what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelTrust {
    /// Only while both variants' alerts are labelled alike; else false alarms warn and ask the owner.
    Checked,
    /// Always: the owner answers for how they come.
    Owner,
}

/// The full release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Full {
    /// The share of cameras that keep the control until the rollout is completed: those that would get the treatment last.
    pub holdback: Share,
    /// How long the release is watched. Zero: not at all.
    pub watch: Duration,
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
    /// The part of a group whose cameras take part; without one all do.
    pub group: Option<Group>,
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
    /// Discordant events that a review keeps; beyond it those with the lowest hashes.
    pub discordant_max: usize,
}
