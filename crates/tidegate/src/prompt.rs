//! `tidegate prompt`: the daemon's prompts, their versions and labels.

mod documents;
mod labels;
mod versions;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct PromptArgs {
    #[command(subcommand)]
    command: PromptCommand,
}

#[derive(Debug, Subcommand)]
enum PromptCommand {
    /// Keep a text as a new version of a prompt; the same text again is the version that is there
    Add(versions::AddArgs),
    /// List the daemon's prompts, or the versions of one
    List(versions::ListPromptsArgs),
    /// Print the text of a version, or where the labels of a prompt point
    Show(versions::ShowPromptArgs),
    /// Print what differs between two versions
    Diff(versions::DiffVersionsArgs),
    /// Point a label to a version, or remove it
    Label(labels::LabelArgs),
    /// Print where a label pointed, since when, by whom and why
    Log(labels::LogArgs),
    /// Take the versions and labels of an export in, or look at what that would do
    Import(documents::ImportArgs),
    /// Print a prompt with all versions and labels as JSON
    Export(documents::ExportArgs),
}

pub(crate) fn run(args: &PromptArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        PromptCommand::Add(args) => versions::add(args, out),
        PromptCommand::List(args) => versions::list(args, out),
        PromptCommand::Show(args) => versions::show(args, out),
        PromptCommand::Diff(args) => versions::diff(args, out),
        PromptCommand::Label(args) => labels::label(args, out),
        PromptCommand::Log(args) => labels::log(args, out),
        PromptCommand::Import(args) => documents::import(args, out),
        PromptCommand::Export(args) => documents::export(args, out),
    }
}
