//! `tidegate experiment`.

pub(crate) mod create;
pub(crate) mod defined;
mod delete;
mod doctor;
mod init;
pub(crate) mod shown;
pub(crate) mod steps;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use tidegate_engine::event::Command;
use tidegate_spec::ExperimentFile;
use tidegate_spec::experiment::questions;

use crate::failure::Failure;
use crate::format::Format;
use crate::preflight::{self, PreflightArgs};
use crate::settings_file::read_experiment;

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
    Init(init::InitArgs),
    /// Define an experiment in the daemon, replace its draft, or begin the next run of one that has ended
    Create(create::CreateArgs),
    /// Say which settings a file would change in the daemon, and what cameras would notice
    Diff(create::DiffArgs),
    /// Say what is wrong with a rollout and what to do about it; exit code 1 where something is
    Doctor(defined::AskedArgs),
    /// List the daemon's experiments
    List(defined::ListArgs),
    /// Print an experiment of the daemon as a file, with every setting
    Show(defined::AskedArgs),
    /// Begin the rollout of a draft
    Start(steps::ActionArgs),
    /// Serve control for now; the phase's time stands still
    Pause(steps::ActionArgs),
    /// Go on after a pause, a hold or an end without a verdict
    Resume(steps::ActionArgs),
    /// Go on, but do not advance without a person
    Hold(steps::ActionArgs),
    /// Go to the next ramp step or phase
    Advance(steps::AdvanceArgs),
    /// End well: the treatment stays
    Complete(steps::ActionArgs),
    /// End because of harm: the treatment is never served again in this run
    #[command(aliases = ["rollback", "roll_back"])]
    RollBack(steps::ActionArgs),
    /// End without a verdict
    Stop(steps::ActionArgs),
    /// Delete a draft or an experiment that has ended; its history is kept
    Delete(delete::DeleteArgs),
    /// Print every step of an experiment, with who took it and why
    History(steps::HistoryArgs),
    /// Give a camera of a draft one variant whatever its hash, or let the hash decide again
    Override(defined::OverrideArgs),
}

pub(crate) fn run(args: &ExperimentArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        ExperimentCommand::Check { file, format } => check(&read_experiment(file)?, *format, out),
        ExperimentCommand::Init(args) => init::run(args, out),
        ExperimentCommand::Preflight(args) => preflight::run(args, out),
        ExperimentCommand::Create(args) => create::create(args, out),
        ExperimentCommand::Delete(args) => delete::delete(args, out),
        ExperimentCommand::Doctor(args) => doctor::doctor(args, out),
        ExperimentCommand::Diff(args) => create::diff(args, out),
        ExperimentCommand::List(args) => defined::list(args, out),
        ExperimentCommand::Show(args) => defined::show(args, out),
        ExperimentCommand::Override(args) => defined::override_camera(args, out),
        ExperimentCommand::History(args) => steps::history(args, out),
        ExperimentCommand::Start(args) => steps::act(Command::Start, args, out),
        ExperimentCommand::Pause(args) => steps::act(Command::Pause, args, out),
        ExperimentCommand::Resume(args) => steps::act(Command::Resume, args, out),
        ExperimentCommand::Hold(args) => steps::act(Command::Hold, args, out),
        ExperimentCommand::Advance(args) => steps::advance(args, out),
        ExperimentCommand::Complete(args) => steps::act(Command::Complete, args, out),
        ExperimentCommand::RollBack(args) => steps::act(Command::RollBack, args, out),
        ExperimentCommand::Stop(args) => steps::act(Command::Stop, args, out),
    }
}

fn check(file: &ExperimentFile, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Text => write!(out, "{}", file.to_toml())?,
        Format::Json => writeln!(out, "{}", file.to_json())?,
    }
    out.flush()?;
    for question in questions(file.definition.experiment()) {
        writeln!(io::stderr(), "? {question}")?;
    }
    Ok(())
}
