//! `tidegate completions` and `tidegate man`: what shells and people want to know of the command.

use std::io::Write;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Command, ValueEnum as _};
use clap_complete::Shell;

use crate::completing;
use crate::failure::Failure;

/// Print the completions of a shell
///
/// They ask the command itself, which asks the daemon of `TIDEGATE_SERVER` for keys, prompts and labels.
///
/// For bash: tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Write a manual page for each command into a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder; it is made where there is none
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn completions(args: &CompletionsArgs, out: &mut impl Write) -> Result<(), Failure> {
    let shell = args.shell.to_possible_value();
    let name = shell.as_ref().map_or("", PossibleValue::get_name);
    out.write_all(&completing::registration(name)?)?;
    Ok(())
}

pub(crate) fn pages(args: &ManArgs, command: Command) -> Result<(), Failure> {
    let failed = |source| Failure::Report { path: args.folder.clone(), source };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), &args.folder).map_err(failed)
}
