//! What defining and deleting an experiment answer.

use serde::{Deserialize, Serialize};

use super::ExperimentDetail;

/// `PUT /v1/experiments/{key}`: what was defined, or with `dry_run` would be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Defined {
    /// The experiment with its new definition.
    #[serde(flatten)]
    pub detail: ExperimentDetail,
    /// Whether it was only looked at, and nothing was defined.
    #[serde(default)]
    pub dry_run: bool,
    /// The phase and condition before it; `none` where the experiment is new, `deleted` where one with its key was.
    #[serde(default)]
    pub from: String,
    /// Every setting that the definition before had otherwise.
    #[serde(default)]
    pub changes: Vec<SettingChange>,
    /// What cameras notice of it, and when: sentences.
    #[serde(default)]
    pub effects: Vec<String>,
}

/// `DELETE /v1/experiments/{key}`: what was deleted, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deleted {
    /// The key of the experiment, which another may have from now on.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Id))]
    pub key: String,
    /// Its last run; the next experiment with its key begins with the next.
    pub run: u32,
    /// The phase and condition in which it was deleted.
    pub from: String,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Time))]
    pub at: String,
    /// Who.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Actor))]
    pub actor: String,
    /// Why.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Reason))]
    pub reason: String,
    /// Whether it had been deleted before, and nothing was done.
    #[serde(default)]
    pub already: bool,
    /// What cameras notice of it: sentences.
    #[serde(default)]
    pub effects: Vec<String>,
}

/// A setting that another definition changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingChange {
    /// Its dotted key, such as `ab.duration_hours`.
    pub setting: String,
    /// Its value before, as TOML; none where it was not there.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub from: Option<String>,
    /// Its value since.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub to: Option<String>,
}

/// The ended run that cameras are served until its successor, a draft, is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServingRun {
    /// The run, from 1.
    pub run: u32,
    /// How it ended: `completed`, `rolled_back` or `stopped`.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Phase))]
    pub phase: String,
    /// The key of the prompt version that it serves.
    #[cfg_attr(feature = "openapi", schema(value_type = super::schema::Id))]
    pub prompt_version: String,
}
