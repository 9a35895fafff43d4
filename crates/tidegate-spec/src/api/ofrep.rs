//! The bodies of the OpenFeature Remote Evaluation Protocol (OFREP) 0.3.0, as the daemon writes them: a
//! flag is an experiment, its value the key of the prompt version to run. `docs/openfeature.md` says what
//! was chosen where the protocol leaves room.

use serde::Serialize;
use tidegate_engine::assignment::ServeReason;

#[cfg(feature = "openapi")]
use super::schema;

/// One flag, evaluated for one camera.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flag<'a> {
    /// The experiment.
    pub key: &'a str,
    /// The key of the prompt version to run.
    pub value: &'a str,
    /// `control` or `treatment`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Variant))]
    pub variant: &'a str,
    /// Why, in the words of OpenFeature.
    pub reason: FlagReason,
    /// What else a caller needs to know.
    pub metadata: FlagMetadata<'a>,
}

/// What a flag is told with: flat, and never null, as clients pass on nothing else.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlagMetadata<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// The run of the experiment, from 1.
    pub run: u32,
    /// The phase of the rollout.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Phase))]
    pub phase: &'a str,
    /// Why, as an assignment has it: `split`, `shadow`, `rolled_back`, ….
    pub reason: &'a str,
    /// Whether some analyses should run the treatment too, for comparison only.
    pub shadow: bool,
    /// Share of analyses that should, 0 to 1.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub shadow_sample: f64,
    /// The prompt version that they should run too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_prompt_version: Option<&'a str>,
    /// The prompt, where the experiment names one that is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<&'a str>,
    /// The digest of the version's text, where it is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::TextDigest>))]
    pub digest: Option<&'a str>,
    /// The version's text, where it was asked for and is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_text: Option<&'a str>,
    /// The digest of the version in shadow, where it is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::TextDigest>))]
    pub shadow_digest: Option<&'a str>,
    /// And its text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_prompt_text: Option<&'a str>,
}

/// Every flag, evaluated for one camera.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Flags<'a> {
    /// In order of their keys.
    pub flags: Vec<Flag<'a>>,
    /// Where to hear of changes.
    pub event_streams: [EventStream<'a>; 1],
}

/// A stream that tells when to ask for every flag again.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventStream<'a> {
    /// `sse`: server-sent events.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Where it is.
    pub endpoint: Endpoint<'a>,
}

/// The address of a stream at the origin that the client asks anyway.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Endpoint<'a> {
    /// Path and query.
    pub request_uri: &'a str,
}

/// Why a flag was not evaluated.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Failure))]
#[serde(rename_all = "camelCase")]
pub struct FlagFailure<'a> {
    /// The flag, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// What kind of failure.
    pub error_code: ErrorCode,
    /// What went wrong this time, and what to do.
    pub error_details: &'a str,
}

/// Why a flag has its value, as far as the protocol has words for it.
///
/// OpenFeature knows more of them (`DEFAULT`, `CACHED`, `STALE`, `ERROR`), but these are all that the
/// protocol's schema allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagReason {
    /// The same for every camera.
    Static,
    /// This camera was named.
    TargetingMatch,
    /// The camera's share of the split.
    Split,
    /// The rollout does not run, so control is served to every camera.
    Disabled,
    /// What the rollout stands at cannot be relied on.
    Unknown,
}

impl FlagReason {
    /// The word for a reason of ours.
    pub const fn of(reason: ServeReason) -> Self {
        match reason {
            ServeReason::Shadow | ServeReason::Full | ServeReason::Completed => Self::Static,
            ServeReason::Override | ServeReason::OutsideGroup => Self::TargetingMatch,
            ServeReason::Split | ServeReason::Holdback => Self::Split,
            ServeReason::NotStarted
            | ServeReason::Paused
            | ServeReason::Expired
            | ServeReason::RolledBack
            | ServeReason::Stopped => Self::Disabled,
            ServeReason::UnknownExperiment => Self::Unknown,
        }
    }
}

/// What kind of failure, in the words of OpenFeature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The body is no JSON.
    ParseError,
    /// The evaluation context names no camera.
    TargetingKeyMissing,
    /// There is no evaluation context, or it is none, or its camera is none.
    InvalidContext,
    /// No experiment has this key.
    FlagNotFound,
    /// Anything else.
    General,
}
