//! What shells are offered where a word is completed: options and commands, presets, and what the daemon has.

use std::ffi::{OsStr, OsString};
use std::io;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use tidegate_spec::Preset;
use tidegate_spec::api::{Experiments, PromptList};

use crate::args::Cli;
use crate::client::{Client, ServerArgs};
use crate::environment::ProcessEnvironment;

/// The variable by which a shell asks.
const VARIABLE: &str = "TIDEGATE_COMPLETE";
/// Whoever waits for a completion looks at the cursor.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Answers a shell that asks how a word may go on; tells whether one did.
pub(crate) fn answer(arguments: &[OsString]) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(command).var(VARIABLE).try_complete(arguments, None)
}

/// What a shell reads to ask.
pub(crate) fn registration(shell: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let shells = Shells::builtins();
    let shell = shells.completer(shell).ok_or(io::ErrorKind::Unsupported)?;
    shell.write_registration(VARIABLE, "tidegate", "tidegate", "tidegate", &mut text)?;
    Ok(text)
}

fn command() -> Command {
    Cli::command().mut_subcommands(|command| {
        let values = if command.get_name() == "prompt" { prompt_values } else { values };
        with_values(command, values)
    })
}

fn with_values(command: Command, values: fn(Arg) -> Arg) -> Command {
    command.mut_args(values).mut_subcommands(|command| with_values(command, values))
}

fn values(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "key" => arg.add(ArgValueCompleter::new(|word: &OsStr| offered(word, experiments()))),
        "preset" => arg.add(ArgValueCompleter::new(|word: &OsStr| offered(word, presets()))),
        "experiment" if is_key(&arg) => {
            arg.add(ArgValueCompleter::new(|word: &OsStr| offered(word, experiments())))
        }
        _ => arg,
    }
}

fn prompt_values(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "name" => arg.add(ArgValueCompleter::new(|word: &OsStr| offered(word, prompts()))),
        "label" | "version" | "parent" | "from" | "to" => {
            arg.add(ArgValueCompleter::new(|word: &OsStr| offered(word, labels())))
        }
        _ => arg,
    }
}

/// Whether an option takes a key, and not a file.
fn is_key(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "KEY"))
}

fn offered(word: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    names
        .into_iter()
        .filter(|name| name.starts_with(&*word))
        .map(CompletionCandidate::new)
        .collect()
}

fn presets() -> Vec<String> {
    Preset::ALL.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Nothing is offered where no daemon answers.
fn experiments() -> Vec<String> {
    let found = client().and_then(|client| client.get(&["v1", "experiments"]).ok());
    let all = found.map_or(Vec::new(), |found: Experiments| found.experiments);
    all.into_iter().map(|experiment| experiment.key).collect()
}

fn prompts() -> Vec<String> {
    of_prompts().prompts.into_iter().map(|prompt| prompt.name).collect()
}

/// The labels of all prompts, and the versions that they point to and that are newest.
fn labels() -> Vec<String> {
    let each = of_prompts().prompts.into_iter().flat_map(|prompt| {
        let pointed = prompt.labels.into_iter().flat_map(|(label, version)| [label, version]);
        pointed.chain([prompt.newest]).collect::<Vec<_>>()
    });
    let mut all: Vec<String> = each.collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn of_prompts() -> PromptList {
    let found = client().and_then(|client| client.get(&["v1", "prompts"]).ok());
    found.unwrap_or(PromptList { prompts: Vec::new() })
}

/// A client as the environment wants it.
fn client() -> Option<Client> {
    Client::waiting(&ServerArgs::default(), &ProcessEnvironment, ANSWER_TIMEOUT).ok()
}
