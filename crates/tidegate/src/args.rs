//! The command line: every command, each with its arguments beside it.

use clap::{Parser, Subcommand};

use crate::assign::AssignArgs;
use crate::cameras::CamerasArgs;
use crate::demo::DemoArgs;
use crate::evaluate::EvaluateArgs;
use crate::events::EventsArgs;
use crate::experiment::ExperimentArgs;
use crate::journal::JournalArgs;
use crate::manual::{CompletionsArgs, ManArgs};
use crate::prompt::PromptArgs;
use crate::record::RecordArgs;
use crate::replay::ReplayArgs;
use crate::review::ReviewArgs;
use crate::serve::ServeArgs;
use crate::simulate::SimulateArgs;
use crate::status::StatusArgs;
use crate::token::TokenArgs;
use crate::tune::TuneArgs;

/// Releases a new prompt version to a camera fleet by degrees and shuts by itself when it does harm
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Show which variant cameras get
    Assign(AssignArgs),
    /// Show each camera by itself: harm to one that the mean of all hides
    Cameras(CamerasArgs),
    /// Watch a whole rollout in a minute: the real daemon, compressed time, a kill in the middle
    Demo(DemoArgs),
    /// Compare two prompt versions offline, on cases whose right answers are known
    Evaluate(EvaluateArgs),
    /// Print what happened, over all experiments: steps, alarms, warnings
    Events(EventsArgs),
    /// Write experiment files, define experiments in the daemon, and act on them
    Experiment(ExperimentArgs),
    /// Export, import, verify, repair or rewind a journal that no daemon has open
    Journal(JournalArgs),
    /// Keep prompts in versions that never change, and move the labels that point to them
    Prompt(PromptArgs),
    /// Serve rollouts over HTTP until told to end
    Serve(ServeArgs),
    /// Report observations, one JSON object a line, to the daemon
    Record(RecordArgs),
    /// Decide a rollout on recorded traffic
    Replay(ReplayArgs),
    /// Answer the cards of a shadow: was an event worth an alert?
    Review(ReviewArgs),
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_agree_with_each_other() {
        Cli::command().debug_assert();
    }
}
