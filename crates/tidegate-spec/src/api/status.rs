//! What a person wants to know of a rollout at a glance.

use serde::{Deserialize, Serialize};
use tidegate_engine::observation::Label;
use tidegate_engine::presence;
use tidegate_engine::tally::{self, Tally};

use super::judgement::{Judgement, SplitCheck};
use super::prompt::VersionsInPlay;

#[cfg(feature = "openapi")]
use super::schema;

/// `GET /v1/experiments/{key}/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// The digest of the definition.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Digest))]
    pub digest: String,
    /// The prompt version in use.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub control: String,
    /// The prompt version being tried.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub treatment: String,
    /// Both versions' digests, where the experiment names a prompt that is kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<VersionsInPlay>,
    /// `sequential` or `threshold`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Rule))]
    pub rule: String,
    /// Where it stands: `draft`, `shadow`, `ab`, `full`, `completed`, `rolled_back` or `stopped`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Phase))]
    pub phase: String,
    /// `clear`, `held`, `paused`, `grace` or `expired`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Condition))]
    pub condition: String,
    /// The time of this answer.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub now: String,
    /// When it left its draft.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Time>))]
    pub started_at: Option<String>,
    /// What is left of the phase.
    pub remaining_hours: f64,
    /// The share of cameras with the treatment at this ramp step.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub treatment_share: f64,
    /// The ramp step.
    pub step: Step,
    /// Why a camera gets what it gets: `split`, `shadow`, `full`, `rolled_back`, `store_unavailable`, …
    pub serving: String,
    /// Which sums `variants` are: `shadow` or `ab`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Window))]
    pub window: String,
    /// Each variant's sums in the present comparison.
    pub variants: ByVariantMetrics,
    /// The comparisons of the shadow.
    pub pairs: Pairs,
    /// Each guardrail; none under the threshold rule.
    pub guardrails: Vec<Judgement>,
    /// The split of the cameras, where it was looked at.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub split: Option<SplitCheck>,
    /// What the rule says, in one sentence.
    pub finding: String,
    /// What the treatment reported since the phase or the ramp step began, and what is asked of it before anything
    /// follows by itself.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub presence: Option<Presence>,
    /// What happens next if nobody acts.
    pub next: Next,
    /// Cameras seen.
    pub cameras: u64,
    /// Observations taken in.
    pub observations: u64,
    /// Analyses whose feedback may still come.
    pub open_analyses: u64,
    /// Analyses forgotten early because too many were open.
    pub evicted_analyses: u64,
    /// What its owner should know.
    pub warnings: Vec<Warning>,
}

/// A ramp step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// What the treatment reported since the phase or the ramp step began: silence lets nothing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presence {
    /// Analyses of the treatment; in shadow, comparisons.
    pub analyses: u64,
    /// Analyses without which nothing follows.
    pub analyses_needed: u64,
    /// Cameras that they came from.
    pub cameras: u64,
    /// Cameras without which nothing follows.
    pub cameras_needed: u64,
}

impl From<presence::Presence> for Presence {
    fn from(presence: presence::Presence) -> Self {
        let presence::Presence { analyses, analyses_needed, cameras, cameras_needed } = presence;
        Self { analyses, analyses_needed, cameras, cameras_needed }
    }
}

/// What happens next if nobody acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Next {
    /// When time does something by itself; none where it waits for a person.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Time>))]
    pub at: Option<String>,
    /// The deadline's name, such as `ab_ends`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub deadline: Option<String>,
    /// In words, with the reason.
    pub sentence: String,
}

/// Something the owner should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// A stable name, such as `few_cameras`.
    pub code: String,
    /// What it is about, in a sentence.
    pub detail: String,
}

/// Both variants' sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ByVariantMetrics {
    /// The control's.
    pub control: VariantMetrics,
    /// The treatment's.
    pub treatment: VariantMetrics,
}

/// What one variant showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VariantMetrics {
    /// All analyses, failed ones included.
    pub analyses: u64,
    /// Failed analyses.
    pub errors: u64,
    /// Failed analyses among all; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub error_rate: f64,
    /// Answers whose latency is known.
    pub timed: u64,
    /// Their mean latency in milliseconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub latency_ms_mean: Option<f64>,
    /// Slow answers among those judged; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub slow_rate: f64,
    /// Answers that gave a score.
    pub scored: u64,
    /// Their mean score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_mean: Option<f64>,
    /// Lowest score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_min: Option<u8>,
    /// Highest score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_max: Option<u8>,
    /// Scores that reached the alert threshold.
    pub alerts: u64,
    /// Alerts among the scored; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub alert_rate: f64,
    /// Labels by kind.
    pub labels: Labels,
    /// False positives among the labels; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub fp_rate: f64,
    /// Missed threats among the labels; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub missed_threat_rate: f64,
}

/// Feedback labels by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Labels {
    /// All of them.
    pub total: u64,
    /// There was nothing.
    pub false_positive: u64,
    /// The answer was right.
    pub correct: u64,
    /// A threat was not seen.
    pub missed_threat: u64,
    /// Right, but too high or too low.
    pub severity_wrong: u64,
}

impl From<&Tally> for VariantMetrics {
    fn from(tally: &Tally) -> Self {
        Self {
            analyses: tally.analyses,
            errors: tally.errors,
            error_rate: tally.error_rate(),
            timed: tally.timed,
            latency_ms_mean: tally.latency_ms_mean(),
            slow_rate: tally.slow_rate(),
            scored: tally.scored,
            score_mean: tally.score_mean(),
            score_min: tally.score_min.map(tidegate_engine::number::RiskScore::value),
            score_max: tally.score_max.map(tidegate_engine::number::RiskScore::value),
            alerts: tally.alerts,
            alert_rate: tally.alert_rate(),
            labels: Labels {
                total: tally.feedback(),
                false_positive: tally.labelled(Label::FalsePositive),
                correct: tally.labelled(Label::Correct),
                missed_threat: tally.labelled(Label::MissedThreat),
                severity_wrong: tally.labelled(Label::SeverityWrong),
            },
            fp_rate: tally.fp_rate(),
            missed_threat_rate: tally.missed_threat_rate(),
        }
    }
}

/// What both prompts said of the same events in shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pairs {
    /// Comparisons.
    pub comparisons: u64,
    /// In which only the control failed.
    pub control_failed: u64,
    /// In which only the treatment failed.
    pub treatment_failed: u64,
    /// In which both failed.
    pub both_failed: u64,
    /// With both scores.
    pub scored: u64,
    /// In which the treatment scored lower, the same, higher.
    pub lower: u64,
    /// See `lower`.
    pub same: u64,
    /// See `lower`.
    pub higher: u64,
    /// Mean absolute difference of the scores.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_diff_abs_mean: Option<f64>,
    /// Mean difference of the latencies in milliseconds, treatment less control.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub latency_ms_diff_mean: Option<f64>,
    /// In which the treatment was slower than the warning threshold allows.
    pub latency_warnings: u64,
    /// Threats that people confirmed and the control alerted on.
    pub confirmed: u64,
    /// Those that the treatment alerted on too.
    pub retained: u64,
}

impl From<&tally::Pairs> for Pairs {
    fn from(pairs: &tally::Pairs) -> Self {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        Self {
            comparisons: pairs.comparisons(),
            control_failed: pairs.control_failed,
            treatment_failed: pairs.treatment_failed,
            both_failed: pairs.both_failed,
            scored: pairs.scored,
            lower: pairs.lower,
            same: pairs.same,
            higher: pairs.higher,
            score_diff_abs_mean: mean(pairs.score_diff_abs_sum as f64, pairs.scored),
            latency_ms_diff_mean: mean(pairs.latency_us_diff_sum as f64 / 1_000.0, pairs.timed),
            latency_warnings: pairs.latency_warnings,
            confirmed: pairs.confirmed,
            retained: pairs.retained,
        }
    }
}
