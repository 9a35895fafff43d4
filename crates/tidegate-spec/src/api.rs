//! The bodies of the HTTP interface, as both the daemon and its clients write and read them.
//!
//! What the daemon takes in is strict: unknown fields are errors. What it answers may gain fields, so a
//! client ignores what it does not know. Times are ISO 8601 in UTC, shares and rates 0 to 1.

mod cameras;
mod definition;
mod diagnosis;
mod event;
mod event_type;
mod history;
mod judgement;
mod moment;
mod object;
mod observation;
pub mod ofrep;
mod preflight;
mod problem;
mod prompt;
mod review;
#[cfg(feature = "openapi")]
pub mod schema;
mod scores;
mod series;
mod status;
mod sums;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use cameras::{CameraDifference, CameraReport, CameraSort, Cameras, CamerasQuery, SortOrder};
pub use definition::{Defined, Deleted, ServingRun, SettingChange};
pub use diagnosis::{Diagnosis, HeardCameras};
pub use event::{
    CardsWaiting, Event, ExperimentDefined, ExperimentDeleted, LatencyWarning, PhaseChanged,
    PromptLabelMoved, Reset, ReviewChanged, VerdictChanged, WarningChanged, What, WhatIsNoted,
};
pub use event_type::EventType;
pub use history::{DEFINED, DELETED, Definer, Evidence, History, HistoryItem};
pub use judgement::{Counts, Judgement, SplitCheck, finding};
pub use moment::{parse_time, shown};
pub use object::Object;
pub use observation::{
    AnswerStatus, InvalidField, OBSERVATIONS_MAX, Observation, ObservationAnswer,
    ObservationAnswers, Reported, Side, quoted,
};
pub use preflight::{GuardrailSight, PreflightDocument, ReviewOutlook, SplitOutlook};
pub use problem::{FieldFault, Problem};
pub use prompt::{
    LabelHistory, LabelInfo, LabelMove, LabelRequest, PromptConflict, PromptDetail, PromptDiff,
    PromptDocument, PromptDocumentLabel, PromptDocumentVersion, PromptImport, PromptImported,
    PromptList, PromptRequest, PromptSummary, VersionDetail, VersionRequest, VersionSummary,
    Versions, VersionsInPlay,
};
pub use review::{
    NextCard, REVIEW_ANSWERS, Review, ReviewAnswer, ReviewAnswered, ReviewCard, ReviewSpan,
};
pub use scores::{Alerted, DiscordantEvent, Scores};
pub use series::{GuardrailPoint, GuardrailSeries, Series};
pub use status::{LastStep, Next, Outside, Status, Step, Warning};
pub use sums::{ByVariantMetrics, Labels, Pairs, VariantMetrics};

/// `POST /v1/experiments/{key}/actions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// `start`, `pause`, `resume`, `hold`, `advance`, `complete`, `roll_back` or `stop`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Action))]
    pub action: String,
    /// Why: 1 to 1,000 bytes without control characters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Reason))]
    pub reason: String,
    /// Who: 1 to 128 bytes without control characters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// The revision that the rollout must be at, as its status shows it. An action that it took right after this
    /// revision is done already, and is answered so while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
    /// Where `advance` is to lead: `ab`, `step` (the next ramp step) or `full`; to `full` it does not lead without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Destination>))]
    pub expected_phase: Option<String>,
    /// What `advance` may go on with where the evidence does not pass: `inconclusive`, or `failing` and all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Accepted>))]
    pub accept: Option<String>,
}

/// Where `advance` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// From shadow to the A/B test.
    Ab,
    /// To the next ramp step.
    Step,
    /// To every camera.
    Full,
}

impl Destination {
    /// Every destination.
    pub const ALL: [Self; 3] = [Self::Ab, Self::Step, Self::Full];

    /// The name in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ab => "ab",
            Self::Step => "step",
            Self::Full => "full",
        }
    }
}

/// The evidence that an operator goes on with, though it does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Accepted {
    /// Neither harm nor its absence is shown.
    Inconclusive,
    /// Harm, or signs of it.
    Failing,
}

impl Accepted {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Inconclusive, Self::Failing];

    /// The name in requests and histories.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inconclusive => "inconclusive",
            Self::Failing => "failing",
        }
    }
}

/// `PUT …/overrides/{camera_id}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// `control` or `treatment`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Variant))]
    pub variant: String,
}

/// `POST …/assignments`: many cameras at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AssignmentsRequest {
    /// 1 to 1,000 camera ids; one that is none is answered for itself.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::CameraId>, min_items = 1, max_items = 1000))]
    pub camera_ids: Vec<String>,
    /// Whether the answer has the texts of the versions too.
    #[serde(default)]
    pub text: bool,
}

/// Which prompt version a camera gets, and why. The daemon writes it without copying a text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assignment<'a> {
    /// The camera's id, in percent-encoding where its name has other characters than `A-Z a-z 0-9 . _ ~ : / -`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub camera_id: Cow<'a, str>,
    /// The experiment that was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: Cow<'a, str>,
    /// `control` or `treatment`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Variant))]
    pub variant: Cow<'static, str>,
    /// The key of the prompt version; nothing where the experiment is unknown.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub prompt_version: Option<Cow<'a, str>>,
    /// The prompt, where the experiment names one that is kept here.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub prompt: Option<Cow<'a, str>>,
    /// The digest of the version's text, where it is kept here.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::TextDigest>))]
    pub digest: Option<Cow<'a, str>>,
    /// Why, such as `split`, `shadow` or `rolled_back`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub reason: Cow<'static, str>,
    /// What is wrong with the camera's id, where the reason is `invalid_camera_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'a, str>>,
    /// The phase of the rollout; nothing where the experiment is unknown.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Phase>))]
    pub phase: Option<Cow<'static, str>>,
    /// The run of the experiment, from 1; 0 where it is unknown.
    pub run: u32,
    /// Share of analyses that should run the treatment too, for comparison only.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub shadow_sample: f64,
    /// The version's text, where it was asked for and is kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_text: Option<Cow<'a, str>>,
    /// The version to run beside it for comparison, in shadow, where it is kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowVersion<'a>>,
}

/// The version that runs in shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShadowVersion<'a> {
    /// Its key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub prompt_version: Cow<'a, str>,
    /// The digest of its text.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::TextDigest))]
    pub digest: Cow<'a, str>,
    /// Its text, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub prompt_text: Option<Cow<'a, str>>,
}

/// Many assignments, in the order they were asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assignments<'a> {
    /// One a camera.
    pub assignments: Vec<Assignment<'a>>,
    /// The text of each version in them by its digest, where they were asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub texts: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// One experiment in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentSummary {
    /// Its key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub key: String,
    /// The present run, from 1.
    pub run: u32,
    /// The prompt version in use.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub control: String,
    /// The prompt version being tried.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub treatment: String,
    /// Where it stands.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Phase))]
    pub phase: String,
    /// And in which condition: `clear`, `held`, `paused`, `grace`, `expired`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Condition))]
    pub condition: String,
    /// When it left its draft.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Time>))]
    pub started_at: Option<String>,
    /// The versions it is about, where it names a prompt that is kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<VersionsInPlay>,
}

/// `GET /v1/experiments`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Experiments {
    /// In order of their keys.
    pub experiments: Vec<ExperimentSummary>,
}

/// `GET /v1/experiments/{key}`: an experiment with its definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentDetail {
    /// What the list shows of it.
    #[serde(flatten)]
    pub summary: ExperimentSummary,
    /// The digest of the definition.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Digest))]
    pub digest: String,
    /// Every setting, as an experiment file in TOML.
    pub definition_toml: String,
    /// What should be known before it starts.
    pub warnings: Vec<Warning>,
}

/// The answer to an action or an override.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// What the rollout did, one entry a step.
    pub decisions: Vec<HistoryItem>,
    /// Whether the action was done before, by the same request or another, and nothing was done now.
    #[serde(default)]
    pub already: bool,
    /// Where it stands now.
    pub status: Status,
}

/// `POST …/check`: what the guardrails say now, with no effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckReport {
    /// Whether a rollback would follow now.
    pub should_roll_back: bool,
    /// What the rule says in one sentence.
    pub reason: String,
    /// Each guardrail; none under the threshold rule.
    pub guardrails: Vec<Judgement>,
    /// The split of the cameras, where it was looked at.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub split: Option<SplitCheck>,
}

/// `GET /healthz` and `GET /readyz`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`, or what is wrong in one word: `recovering`, `draining`, `store_unavailable`, `damaged`.
    pub status: String,
    /// What is wrong and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
