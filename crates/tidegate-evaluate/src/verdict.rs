//! What an evaluation may come to.

use std::fmt;

use serde::Serialize;

/// Fewer cases measured on both sides are too few for a verdict.
///
/// With eight the exact test could speak if all eight fell to one side; twenty leave it room for a few that do not.
pub const PAIRS_MIN: u64 = 20;
/// Fewer scenarios are too few for a verdict: a bootstrap over a handful of them finds too little spread.
pub const SCENARIOS_MIN: u64 = 5;

/// What an evaluation, or one metric of it, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationVerdict {
    /// The treatment is better.
    Better,
    /// The treatment is worse.
    Worse,
    /// Better by one metric and worse by another; never the verdict of one metric.
    Mixed,
    /// Neither was shown. That is no proof that there is no difference: the interval says how large one may be.
    NoDifferenceShown,
    /// Fewer than [`PAIRS_MIN`] cases, or than [`SCENARIOS_MIN`] scenarios, were measured on both sides.
    TooFewCases,
}

impl fmt::Display for EvaluationVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Mixed => "mixed",
            Self::NoDifferenceShown => "no difference shown",
            Self::TooFewCases => "too few cases",
        })
    }
}
