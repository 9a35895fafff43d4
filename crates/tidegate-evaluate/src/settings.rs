//! What is compared, and how.

use tidegate_engine::id::PromptKey;
use tidegate_spec::EvaluationMetric;

/// What is compared, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The prompt version in use.
    pub control: PromptKey,
    /// The prompt version being tried.
    pub treatment: PromptKey,
    /// By what; a metric that is named twice counts once.
    pub metrics: Vec<EvaluationMetric>,
    /// Resamples of the bootstrap, one of [`RESAMPLES`](crate::RESAMPLES).
    pub resamples: u32,
    /// Fixes every draw.
    pub seed: u64,
}
