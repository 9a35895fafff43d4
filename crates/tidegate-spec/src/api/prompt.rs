//! Prompts, their versions and labels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use super::schema;

/// `POST /v1/prompts`: a prompt with its first version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PromptRequest {
    /// Its name: 1 to 128 of `A-Z a-z 0-9 . _ : / -`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub name: String,
    /// The text of the first version, 1 to 262,144 bytes.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 262_144))]
    pub text: String,
    /// Its key; `v1` where there is none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub key: Option<String>,
    /// What is to be known of it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Reason>))]
    pub note: Option<String>,
    /// Who adds it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// A label that is to point to it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub label: Option<String>,
}

/// `POST /v1/prompts/{name}/versions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VersionRequest {
    /// The text, 1 to 262,144 bytes.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 262_144))]
    pub text: String,
    /// Its key, once within the prompt; `v` and its number where there is none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub key: Option<String>,
    /// What is new in it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Reason>))]
    pub note: Option<String>,
    /// Who adds it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// The version it was made of: a key, a digest or a label.
    #[serde(default)]
    pub parent: Option<String>,
    /// A label that is to point to it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub label: Option<String>,
}

/// `PUT /v1/prompts/{name}/labels/{label}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LabelRequest {
    /// Where it is to point: a key, a digest, the beginning of one, or another label.
    pub version: String,
    /// Who moves it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// Why: 1 to 1,000 bytes without control characters; the history keeps it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Reason))]
    pub reason: String,
    /// The revision it must have, 0 for a label that never was; the header `If-Match` says the same.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(maximum = 4_294_967_295_i64))]
    pub revision: Option<u32>,
}

/// All of a version but its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionSummary {
    /// 1, 2, 3 … within the prompt.
    pub number: u32,
    /// Its name within the prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub key: String,
    /// `sha256:` and 64 hexadecimal digits: the SHA-256 of its text.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::TextDigest))]
    pub digest: String,
    /// The length of its text.
    pub bytes: u64,
    /// The version it was made of, if its author said.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::TextDigest>))]
    pub parent: Option<String>,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub created_at: String,
    /// Who made it.
    pub actor: String,
    /// What is new in it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub note: Option<String>,
    /// The labels that point to it.
    pub labels: Vec<String>,
}

/// A version with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionDetail {
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub prompt: String,
    /// All but the text.
    #[serde(flatten)]
    pub summary: VersionSummary,
    /// The text.
    pub text: String,
}

/// `GET /v1/prompts/{name}/versions`: oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Versions {
    /// One page.
    pub versions: Vec<VersionSummary>,
    /// Give it as `?after=` for the next page; none at the end.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
}

/// One prompt in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptSummary {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub name: String,
    /// How many versions it has.
    pub versions: u32,
    /// The key of the newest.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub newest: String,
    /// Each label with the key of the version it points to.
    pub labels: BTreeMap<String, String>,
}

/// `GET /v1/prompts`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Prompts))]
pub struct PromptList {
    /// In the order of their names.
    pub prompts: Vec<PromptSummary>,
}

/// `GET /v1/prompts/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptDetail {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub name: String,
    /// How many versions it has.
    pub versions: u32,
    /// The newest.
    pub newest: VersionSummary,
    /// Every label, those included that were removed.
    pub labels: Vec<LabelInfo>,
}

/// Where a label points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelInfo {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub label: String,
    /// How often it was moved; `If-Match` and `revision` of a move are held against it.
    pub revision: u32,
    /// The key of the version it points to; none where it was removed.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub version: Option<String>,
    /// The digest of that version.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::TextDigest>))]
    pub digest: Option<String>,
    /// When it was moved last.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub moved_at: String,
    /// Who moved it.
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
}

/// `GET /v1/prompts/{name}/labels/{label}/history`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelHistory {
    /// The label.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub label: String,
    /// How often it was moved.
    pub revision: u32,
    /// The newest moves, at most 100, oldest first.
    pub moves: Vec<LabelMove>,
}

/// One move of a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelMove {
    /// 1, 2, 3 …
    pub revision: u32,
    /// When the label moved.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub at: String,
    /// Who moved it.
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
    /// The key of the version it pointed to before, if any.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub from: Option<String>,
    /// The key of the version it points to since; none where it was removed.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub to: Option<String>,
}

/// `GET /v1/prompts/{name}/diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptDiff {
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub prompt: String,
    /// The version it is compared from.
    pub from: VersionSummary,
    /// The version it is compared to.
    pub to: VersionSummary,
    /// Lines that only `to` has.
    pub added: u64,
    /// Lines that only `from` has.
    pub removed: u64,
    /// Places that differ.
    pub hunks: u64,
    /// The lines that differ, with three around each place: a unified diff.
    pub unified: String,
}

/// `GET /v1/prompts/{name}/export`, and what an import takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PromptDocument {
    /// The version of this format: 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1))]
    pub tidegate_prompt: u32,
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub name: String,
    /// Versions, oldest first.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub versions: Vec<PromptDocumentVersion>,
    /// Where the labels point.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 17))]
    pub labels: Vec<PromptDocumentLabel>,
    /// In an export, what to give as `?after=` for the rest; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A version in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PromptDocumentVersion {
    /// Its key; left out in an import, it is given one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub key: Option<String>,
    /// The digest of the text; where it is there, it is checked.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::TextDigest>))]
    pub digest: Option<String>,
    /// The text, 1 to 262,144 bytes.
    pub text: String,
    /// The digest of the version it was made of.
    #[serde(default)]
    pub parent: Option<String>,
    /// When it was made; left out, at the time of the import.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::TimeToTell>))]
    pub created_at: Option<String>,
    /// Who made it; left out, who imports it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Actor>))]
    pub actor: Option<String>,
    /// What is new in it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Reason>))]
    pub note: Option<String>,
}

/// A label in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PromptDocumentLabel {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub label: String,
    /// The key or digest of the version it points to.
    pub version: String,
}

/// `POST /v1/prompts/{name}/import`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PromptImport {
    /// What is to be taken in; its name is the prompt's, as in the path.
    pub document: PromptDocument,
    /// Who imports it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// Why; the labels' histories have it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Reason))]
    pub reason: String,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptImported {
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub prompt: String,
    /// Whether this is what would be done, and nothing was.
    pub preview: bool,
    /// Versions that are new.
    pub added: Vec<VersionSummary>,
    /// The keys, as they are here, of the versions that are there already.
    pub present: Vec<String>,
    /// Labels that move.
    pub moved: Vec<LabelInfo>,
    /// What stands against it; with any of these nothing is taken in.
    pub conflicts: Vec<PromptConflict>,
}

/// One thing that stands against an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptConflict {
    /// What, as a JSON pointer into the request.
    pub pointer: String,
    /// The code that it would be refused with.
    pub code: String,
    /// The whole sentence that it would be refused with.
    pub detail: String,
}

/// The versions of a prompt that an experiment is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionsInPlay {
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub name: String,
    /// The digest of the control's text.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::TextDigest))]
    pub control: String,
    /// The digest of the treatment's text.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::TextDigest))]
    pub treatment: String,
    /// In a step, what became of the label `production`, in a sentence; else where it points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<String>,
}
