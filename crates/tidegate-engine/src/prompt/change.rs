//! What becomes of prompts.

use super::version::{Move, Version};
use crate::id::{LabelName, PromptName};

/// What came of an order; recalling it does the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptChange {
    /// A version, and with the first the prompt.
    Added {
        /// Of which prompt.
        prompt: PromptName,
        /// The version.
        version: Version,
    },
    /// A label points elsewhere, or nowhere.
    Moved {
        /// Of which prompt.
        prompt: PromptName,
        /// The label that moved.
        label: LabelName,
        /// The move.
        step: Move,
    },
}
