//! The arguments of every command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidegate_engine::id::{CameraId, ExperimentKey, PromptKey, Salt};
use tidegate_engine::number::Share;
use tidegate_engine::time::Timestamp;
use tidegate_evaluate::{RESAMPLES, RESAMPLES_DEFAULT, SEED_DEFAULT};
use tidegate_spec::{EvaluationMetric, Preset};

use crate::client::ServerArgs;
use crate::demo::DemoArgs;
use crate::experiment::{defined, steps};
use crate::format::Format;
use crate::journal::JournalArgs;
use crate::manual::{CompletionsArgs, ManArgs};
use crate::prompt::PromptArgs;
use crate::record::RecordArgs;
use crate::serve::ServeArgs;
use crate::status::StatusArgs;
use crate::token::TokenArgs;

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
    /// Watch a whole rollout in a minute: the real daemon, compressed time, a kill in the middle
    Demo(DemoArgs),
    /// Compare two prompt versions offline, on cases whose right answers are known
    Evaluate(EvaluateArgs),
    /// Write experiment files, define experiments in the daemon, and act on them
    Experiment(ExperimentArgs),
    /// Export, import, verify or repair a journal that no daemon has open
    Journal(JournalArgs),
    /// Keep prompts in versions that never change, and move the labels that point to them
    Prompt(PromptArgs),
    /// Serve rollouts over HTTP until told to end
    Serve(ServeArgs),
    /// Report observations, one JSON object a line, to the daemon
    Record(RecordArgs),
    /// Decide a rollout on recorded traffic
    Replay(ReplayArgs),
    /// Show where a rollout stands, what its guardrails say and what happens next
    Status(StatusArgs),
    /// Simulate whole rollouts of a fleet
    Simulate(SimulateArgs),
    /// Find the settings that stop harm soonest without stopping the harmless
    Tune(TuneArgs),
    /// Make, list and revoke the tokens that a daemon knows
    Token(TokenArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write a manual page for each command into a folder
    Man(ManArgs),
}

/// Show which variant cameras get: now, as the daemon says, or while the A/B test runs with its whole share
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("by").required(true).args(["key", "experiment", "salt"])))]
pub(crate) struct AssignArgs {
    /// The experiment to ask the daemon about, for what cameras get now
    #[arg(long, value_name = "KEY", conflicts_with_all = ["share", "at"])]
    pub(crate) key: Option<ExperimentKey>,
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
    #[command(flatten)]
    pub(crate) server: ServerArgs,
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
    /// Define an experiment in the daemon, replace its draft, or begin the next run of one that has ended
    Create(defined::CreateArgs),
    /// List the daemon's experiments
    List(defined::ListArgs),
    /// Print an experiment of the daemon as a file, with every setting
    Show(defined::ShowArgs),
    /// Begin the rollout of a draft
    Start(steps::ActionArgs),
    /// Serve control for now; the phase's time stands still
    Pause(steps::ActionArgs),
    /// Go on after a pause, a hold or an end without a verdict
    Resume(steps::ActionArgs),
    /// Go on, but do not advance without a person
    Hold(steps::ActionArgs),
    /// Go to the next ramp step or phase
    Advance(steps::ActionArgs),
    /// End well: the treatment stays
    Complete(steps::ActionArgs),
    /// End because of harm: the treatment is never served again in this run
    RollBack(steps::ActionArgs),
    /// End without a verdict
    Stop(steps::ActionArgs),
    /// Print every step of an experiment, with who took it and why
    History(steps::HistoryArgs),
    /// Give a camera of a draft one variant whatever its hash, or let the hash decide again
    Override(defined::OverrideArgs),
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

/// Compare two prompt versions offline, on cases whose right answers are known
///
/// Each case has an expected range of risk scores, an expected level, and what each prompt answered; docs/evaluate.md has the
/// format. Both prompts are compared on the cases where both were measured, once with every case on its own and once with
/// whole scenarios drawn.
///
/// Exit code 0: evaluated, whatever came of it; 1: with --fail-on, what it names; 2: the data set or an argument is not valid.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A file with one case a line (JSON lines), or a folder of *.json files with one case each; `-` is standard
    /// input; left out: that of the experiment
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: Option<PathBuf>,
    /// The prompt version in use, as the data set names its answers; left out: the experiment's
    #[arg(long, value_name = "KEY")]
    pub(crate) control: Option<PromptKey>,
    /// The prompt version being tried; left out: the experiment's
    #[arg(long, value_name = "KEY")]
    pub(crate) treatment: Option<PromptKey>,
    /// The experiment file to take prompts, data set and metrics from
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) experiment: Option<PathBuf>,
    #[arg(
        long,
        value_name = "NAME",
        value_parser = parse_preset,
        help = "The experiment that ships to take prompts, data set and metrics from: rubric_vs_current, cot_vs_current or production"
    )]
    pub(crate) preset: Option<Preset>,
    /// Compare by this metric only; may come several times
    #[arg(long = "metric", value_name = "METRIC", value_parser = parse_metric)]
    pub(crate) metrics: Vec<EvaluationMetric>,
    /// How many times scenarios are drawn for the intervals over scenarios
    #[arg(long, value_name = "N", default_value_t = RESAMPLES_DEFAULT, value_parser = clap::value_parser!(u32).range(i64::from(*RESAMPLES.start())..=i64::from(*RESAMPLES.end())))]
    pub(crate) resamples: u32,
    /// The seed that fixes every draw
    #[arg(long, value_name = "S", default_value_t = SEED_DEFAULT, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: u64,
    /// End with exit code 1 where the treatment is worse by any metric
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,
    /// Write report.html and results.json into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What an evaluation fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// The treatment is worse by any metric
    Worse,
}

/// How much is simulated, and how fast.
#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Runs of each scenario, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) runs: Option<u32>,
    /// The seed, in place of the scenario's
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Threads to simulate with; they change no result
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) threads: Option<u16>,
    /// Say in JSON how many seconds each scenario took, which no two runs agree on
    #[arg(long)]
    pub(crate) timing: bool,
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

/// Find the settings that stop harm soonest without stopping the harmless
///
/// Each setting is simulated on the scenarios as they are, and on the same scenarios with a treatment that does
/// exactly what the control does. Marked is the Pareto front of harm let through against harmless rollouts rolled
/// back; the recommended settings come as an experiment file.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Scenarios in which the treatment does harm
    #[arg(value_name = "SCENARIO", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// A setting and its values: PATH=FROM..TO:STEP or PATH=A,B,C
    #[arg(long, value_name = "PATH=VALUES", required = true)]
    pub(crate) vary: Vec<tidegate_spec::scenario::Variation>,
    /// What to make small
    #[arg(long, value_enum, default_value = "harm")]
    pub(crate) objective: Objective,
    /// Write the recommended experiment into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// The most harmless rollouts a recommended setting may roll back, as a share
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = parse_share)]
    pub(crate) false_rollback_max: Share,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Write report.html, results.json and results.csv into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What a sweep makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Objective {
    /// Analyses by the treatment while it did harm, on average over all runs
    Harm,
    /// Hours until a rollback; a rollout that is never rolled back counts its whole length
    Hours,
    /// The share of harmful rollouts that are not rolled back
    Missed,
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

fn parse_metric(text: &str) -> Result<EvaluationMetric, String> {
    let found = EvaluationMetric::ALL.into_iter().find(|metric| metric.as_str() == text);
    found.ok_or_else(|| {
        let names = EvaluationMetric::ALL.map(EvaluationMetric::as_str).join(" | ");
        format!("`{text}` is no metric, allowed: {names}")
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
