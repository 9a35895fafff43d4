//! The arguments of every command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidegate_engine::id::{CameraId, Salt};
use tidegate_engine::number::Share;
use tidegate_engine::time::Timestamp;
use tidegate_spec::Preset;

/// Releases a new prompt version to a camera fleet by degrees and shuts by itself when it does harm
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show which variant cameras get
    Assign(AssignArgs),
    /// Check or write experiment files
    Experiment(ExperimentArgs),
    /// Decide a rollout on recorded traffic
    Replay(ReplayArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON object per line
    Json,
}

/// Show which variant cameras get while the A/B test runs with its whole share
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("by").required(true).args(["experiment", "salt"])))]
pub(crate) struct AssignArgs {
    /// The experiment file to take salt, share, overrides and split from
    #[arg(long, value_name = "FILE", conflicts_with = "share")]
    pub(crate) experiment: Option<PathBuf>,
    /// The salt to hash with
    #[arg(long, value_name = "SALT", requires = "share")]
    pub(crate) salt: Option<Salt>,
    /// The share of the treatment, 0 to 1
    #[arg(long, value_name = "SHARE", requires = "salt", value_parser = parse_share)]
    pub(crate) share: Option<Share>,
    /// The time to answer for; a switchback changes with it
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<Timestamp>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// The camera ids; none, or `-`: one per line from standard input
    #[arg(value_name = "CAMERA")]
    pub(crate) cameras: Vec<CameraId>,
}

#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    #[command(subcommand)]
    pub(crate) command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentCommand {
    /// Check an experiment file and print it with every default filled in
    Check {
        /// The experiment file, TOML or JSON
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Say what an experiment can see with the fleet at hand, before it starts
    Preflight(PreflightArgs),
    /// Print a ready experiment to start from
    Init {
        /// Which one
        #[arg(long, default_value = "production", value_parser = parse_preset)]
        preset: Preset,
    },
}

/// Say what an experiment can see with the fleet at hand, before it starts
#[derive(Debug, Args)]
pub(crate) struct PreflightArgs {
    /// The experiment file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Cameras in the fleet; left out: those the experiment lists
    #[arg(long, value_name = "N")]
    pub(crate) cameras: Option<u64>,
    /// Analyses of one camera on one day
    #[arg(long, value_name = "A")]
    pub(crate) analyses_per_day: f64,
    /// The share of analyses that people label, 0 to 1
    #[arg(long, value_name = "F")]
    pub(crate) feedback_share: f64,
    /// False positives among labels, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.6)]
    pub(crate) fp_rate: f64,
    /// Failed analyses among all, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    pub(crate) error_rate: f64,
    /// Missed threats among labels, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    pub(crate) missed_threat_rate: f64,
    /// Alerts among answers, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.5)]
    pub(crate) alert_rate: f64,
    /// Spread of one camera's latencies over their mean
    #[arg(long, value_name = "CV", default_value_t = 0.5)]
    pub(crate) latency_cv: f64,
    /// How alike the events of one camera are: the intraclass correlation, 0 to 0.99
    #[arg(long, value_name = "RHO", default_value_t = 0.1)]
    pub(crate) icc: f64,
    /// The part of the difference between cameras that is new every day, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub(crate) drift_share: f64,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Decide a rollout on recorded traffic: when would this experiment have acted, and why?
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording, CSV or JSON lines; `-` is standard input
    #[arg(value_name = "RECORDS")]
    pub(crate) records: PathBuf,
    /// The experiment file
    #[arg(long, value_name = "FILE")]
    pub(crate) experiment: PathBuf,
    /// The file that says which column is what
    #[arg(long, value_name = "FILE")]
    pub(crate) map: PathBuf,
    /// Replay each window of this length as a run of its own, such as 48h
    #[arg(long, value_name = "LENGTH", value_parser = parse_window)]
    pub(crate) window: Option<tidegate_engine::time::Duration>,
    /// Leave out what was recorded before this time; the first window starts here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: Option<Timestamp>,
    /// Show every look: what each guardrail said then, and on what
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show what was recorded of each camera too
    #[arg(long)]
    pub(crate) by_camera: bool,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

fn parse_share(text: &str) -> Result<Share, String> {
    let number: f64 =
        text.parse().map_err(|_| format!("`{text}` is no number, allowed: 0 to 1"))?;
    Share::new(number).map_err(|error| error.to_string())
}

fn parse_preset(text: &str) -> Result<Preset, String> {
    let found = Preset::ALL.iter().find(|(name, _)| *name == text);
    found.map(|(_, preset)| *preset).ok_or_else(|| {
        let names: Vec<&str> = Preset::ALL.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is no preset, allowed: {}", names.join(" | "))
    })
}

fn parse_window(text: &str) -> Result<tidegate_engine::time::Duration, String> {
    let hint = "allowed: a length above zero, such as 48h or 30m";
    let length =
        crate::replay::time::parse_length(text).map_err(|_| format!("`{text}`: {hint}"))?;
    if length.is_zero() { Err(format!("`{text}`: {hint}")) } else { Ok(length) }
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    crate::replay::time::parse_moment(text)
        .map_err(|_| format!("`{text}`: allowed: a date or time such as 2023-05-29T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_agree_with_each_other() {
        Cli::command().debug_assert();
    }
}
