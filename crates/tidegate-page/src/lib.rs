//! The pages of a daemon in a browser, as HTML.
//!
//! Views in, text out: no clock, no I/O. Sentences come from [`tidegate_spec::api`], so that a page, the command and the
//! HTTP interface never differ. Everything is readable without JavaScript; the module in `assets/page.js` only replaces
//! what changed. No page has a script or a style of its own, so that a strict content security policy holds.

pub mod acting;
pub mod asset;
mod filters;
mod frame;
mod overview;
mod prompt;
mod rollout;
mod wording;

pub use frame::{DaemonHealth, MayAct, PageFrame, Visitor, fault, sign_in};
pub use overview::{Overview, RolloutCard, WaitsFor, overview};
pub use prompt::{PromptView, ServedNow, difference, prompt, prompts, version};
pub use rollout::{CameraPage, PhaseEntry, PhaseTime, RolloutView, SplitUnit, rollout};

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NotRendered {
    /// A template cannot be written.
    #[error("the page cannot be written: {0}")]
    Template(#[from] askama::Error),
    /// A chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] tidegate_chart::NotDrawn),
}
