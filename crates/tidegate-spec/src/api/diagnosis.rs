//! What is wrong with a rollout, and what to do about it.

use serde::{Deserialize, Serialize};

use super::status::{Outside, Warning};

#[cfg(feature = "openapi")]
use super::schema;

/// `GET /v1/experiments/{key}/doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// When this was found.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub now: String,
    /// The phase, and the condition where there is one, such as `ab (held)`.
    pub state: String,
    /// What comes next, and what it waits for.
    pub next: String,
    /// When a camera reported last; none where none ever did.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Time>))]
    pub heard_at: Option<String>,
    /// Observations that were taken in.
    pub observations: u64,
    /// The cameras that are served the control now.
    pub control: HeardCameras,
    /// And those that are served the treatment.
    pub treatment: HeardCameras,
    /// Analyses that were recorded and compared with nothing.
    pub outside: Outside,
    /// What is wrong, and what to do about it; empty where nothing is.
    pub findings: Vec<Warning>,
}

/// Cameras that reported to this run and are served one variant now, those with an override aside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeardCameras {
    /// How many.
    pub cameras: u64,
    /// Those of them that have not reported for so long that it is silence.
    pub silent: u64,
    /// Their names, the first twenty.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Id>))]
    pub silent_cameras: Vec<String>,
}
