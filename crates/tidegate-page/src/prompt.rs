//! Prompts: their versions, their labels, where each is served, and what differs between two.

mod side_by_side;

use askama::Template;
use tidegate_spec::api::{
    LabelHistory, PromptDetail, PromptDiff, PromptSummary, VersionDetail, VersionSummary,
};

use self::side_by_side::{DiffLine, SideBySide};
use crate::{NotRendered, PageFrame, asset, filters, wording};

/// Where a version is served now.
#[derive(Debug, Clone, PartialEq)]
pub struct ServedNow {
    /// The key of the version.
    pub version: String,
    /// The experiment that serves it.
    pub experiment: String,
    /// In which phase that is.
    pub phase: String,
    /// The share of its cameras, of 1.
    pub share: f64,
}

/// All that a page shows of a prompt.
#[derive(Debug, Clone)]
pub struct PromptView {
    /// Its newest version and its labels.
    pub detail: PromptDetail,
    /// Versions, newest first, as many as are shown.
    pub versions: Vec<VersionSummary>,
    /// Where versions are served.
    pub served: Vec<ServedNow>,
    /// The newest moves of each label.
    pub moves: Vec<LabelHistory>,
}

impl PromptView {
    pub(crate) fn served(&self, version: &str) -> Vec<&ServedNow> {
        self.served.iter().filter(|served| served.version == version).collect()
    }

    /// What the newest version is compared with unless somebody chooses otherwise: the one before it.
    pub(crate) fn before_newest(&self) -> &str {
        self.versions.get(1).map_or("", |version| &version.key)
    }
}

#[derive(Template)]
#[template(path = "prompts.html")]
struct PromptsPage<'a> {
    frame: &'a PageFrame,
    prompts: &'a [PromptSummary],
}

/// Lists the prompts.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn prompts(frame: &PageFrame, prompts: &[PromptSummary]) -> Result<String, NotRendered> {
    Ok(PromptsPage { frame, prompts }.render()?)
}

#[derive(Template)]
#[template(path = "prompt.html")]
struct PromptPage<'a> {
    frame: &'a PageFrame,
    view: &'a PromptView,
}

/// Shows a prompt.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn prompt(frame: &PageFrame, view: &PromptView) -> Result<String, NotRendered> {
    Ok(PromptPage { frame, view }.render()?)
}

#[derive(Template)]
#[template(path = "version.html")]
struct VersionPage<'a> {
    frame: &'a PageFrame,
    version: &'a VersionDetail,
}

/// Shows a version with its text.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn version(frame: &PageFrame, version: &VersionDetail) -> Result<String, NotRendered> {
    Ok(VersionPage { frame, version }.render()?)
}

#[derive(Template)]
#[template(path = "diff.html")]
struct DiffPage<'a> {
    frame: &'a PageFrame,
    diff: &'a PromptDiff,
    sides: SideBySide<'a>,
}

/// Shows what differs between two versions, side by side.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn difference(frame: &PageFrame, diff: &PromptDiff) -> Result<String, NotRendered> {
    Ok(DiffPage { frame, diff, sides: SideBySide::of(&diff.unified) }.render()?)
}
