//! What `tidegate simulate` is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::sampling::SamplingArgs;
use crate::format::Format;

/// Simulate whole rollouts of a fleet: how often is one rolled back, how soon, after how much harm?
///
/// Exit code 0: every expectation may be true; 1: one failed; 2: a scenario is not valid.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Scenario files, or folders whose *.toml are scenarios
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The rule to decide by, in place of the scenario's; both: side by side on the same seeds
    #[arg(long, value_enum)]
    pub(crate) rule: Option<RuleChoice>,
    /// Simulate only the scenario of this name, such as one cell of a grid
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Simulate only this run, and say what happened in it
    #[arg(long, value_name = "RUN")]
    pub(crate) only: Option<u32>,
    /// With --only: show every look too
    #[arg(long, requires = "only")]
    pub(crate) trace: bool,
    /// Write report.html, results.json and results.csv into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    pub(crate) report: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// A rule by its name, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleChoice {
    /// Counts cameras and is valid at every look
    Sequential,
    /// The bare comparison of averages
    Threshold,
    /// Both, side by side
    Both,
}
