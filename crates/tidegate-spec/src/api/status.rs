//! What a person wants to know of a rollout at a glance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_engine::presence;

use super::definition::ServingRun;
use super::history::HistoryItem;
use super::judgement::{Judgement, SplitCheck};
use super::prompt::VersionsInPlay;
use super::review::Review;
use super::sums::{ByVariantMetrics, Pairs};

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
    /// How often it was defined or took a step, in all runs; an action may name the one that it expects.
    #[serde(default)]
    pub revision: u64,
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
    /// The share of cameras that get the treatment now.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub treatment_share: f64,
    /// The ramp step.
    pub step: Step,
    /// The last step of the rollout: how it came to where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastStep>,
    /// Why a camera gets what it gets: `split`, `shadow`, `full`, `rolled_back`, `store_unavailable`, …
    pub serving: String,
    /// The ended run that cameras are served until this draft is started, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_run: Option<ServingRun>,
    /// What divides the cameras: a run whose file names no salt has one of its own.
    #[serde(default)]
    pub salt: String,
    /// Which sums `variants` are: `shadow` or `ab`; of a rollout that ended, those that it ended on.
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
    /// The review of the shadow, where the experiment has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// What happens next if nobody acts.
    pub next: Next,
    /// Cameras seen.
    pub cameras: u64,
    /// Observations taken in.
    pub observations: u64,
    /// Analyses whose feedback may still come: nobody has labelled them.
    pub open_analyses: u64,
    /// Analyses forgotten early because too many were open.
    pub evicted_analyses: u64,
    /// Analyses that were compared with nothing.
    #[serde(default)]
    pub outside: Outside,
    /// What its owner should know.
    pub warnings: Vec<Warning>,
}

/// Analyses that were recorded and compared with nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outside {
    /// How many.
    pub analyses: u64,
    /// How many by cause: `paused`, `ended`, `unwatched`, `overridden`, `outage`, `impossible_variant`, `before_start`, `late` or `outside_group`.
    /// Earlier versions kept no causes.
    pub causes: BTreeMap<String, u64>,
}

/// A step of a rollout, as its history has it, without the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastStep {
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub at: String,
    /// The phase and condition before it.
    pub from: String,
    /// The phase and condition after it.
    pub to: String,
    /// A stable name of the cause: `proved` where a promotion was, `reviewed` where people's answers decided.
    pub cause: String,
    /// Who acted, where a person did.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Actor>))]
    pub actor: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
}

impl From<HistoryItem> for LastStep {
    fn from(item: HistoryItem) -> Self {
        let HistoryItem { at, from, to, cause, actor, reason, .. } = item;
        Self { at, from, to, cause, actor, reason }
    }
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
    /// Whether the treatment was heard of and is silent now, so that nothing follows until it reports again.
    pub silent: bool,
}

impl From<presence::Presence> for Presence {
    fn from(presence: presence::Presence) -> Self {
        let presence::Presence { analyses, analyses_needed, cameras, cameras_needed, recency } =
            presence;
        let silent = recency == presence::Recency::Silent;
        Self { analyses, analyses_needed, cameras, cameras_needed, silent }
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
