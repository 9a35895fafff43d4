//! The `tidegate` command as a library: arguments in, printing out.
//!
//! Answers go to standard output, all else to standard error. Exit codes: see [`failure`].

mod actor;
mod args;
mod argument;
mod assign;
mod cameras;
mod client;
mod clock;
mod completing;
mod demo;
mod digest;
mod environment;
mod evaluate;
mod events;
mod experiment;
pub mod failure;
mod format;
mod hang_up;
mod journal;
mod judgements;
mod manual;
#[cfg(feature = "cluster")]
mod node;
mod preflight;
mod prompt;
mod record;
mod replace_file;
mod replay;
mod review;
mod serve;
mod settings_file;
mod simulate;
mod status;
mod table;
mod terminal;
mod token;
mod tune;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tidegate_offline::{encoding, lines, printable};

use crate::args::{Cli, CliCommand};
use crate::failure::{EXIT_BAD_INPUT, Failure};
use crate::hang_up::UntilHangUp;

/// Runs the command with its arguments, the program's name first.
///
/// A list and not any iterator: a generic function, and the code that is put in line there, would be compiled
/// once more for every program.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match completing::answer(&arguments) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => return shown(&error),
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return shown(&error),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match cli.command {
        CliCommand::Assign(args) => assign::run(&args, &mut out),
        CliCommand::Cameras(args) => cameras::run(&args, &mut out),
        CliCommand::Completions(args) => manual::completions(&args, &mut out),
        CliCommand::Demo(args) => demo::run(&args, &mut out),
        CliCommand::Evaluate(args) => evaluate::run(&args, &mut UntilHangUp::new(&mut out)),
        CliCommand::Events(args) => events::run(&args, &mut out),
        CliCommand::Experiment(args) => experiment::run(&args, &mut out),
        CliCommand::Journal(args) => journal::run(&args, &mut out),
        CliCommand::Man(args) => manual::pages(&args, Cli::command()),
        CliCommand::Prompt(args) => prompt::run(&args, &mut out),
        CliCommand::Record(args) => record::run(&args, &mut UntilHangUp::new(&mut out)),
        CliCommand::Replay(args) => replay::run(&args, &mut UntilHangUp::new(&mut out)),
        CliCommand::Review(args) => review::run(&args, &mut out),
        CliCommand::Serve(args) => serve::run(args),
        CliCommand::Simulate(args) => simulate::run(&args, &mut out),
        CliCommand::Status(args) => status::run(&args, &mut out),
        CliCommand::Token(args) => token::run(&args, &mut out),
        CliCommand::Tune(args) => tune::run(&args, &mut out),
    };
    let flushed = out.flush().map_err(Failure::Output);
    match result.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// What clap has to say: help and version are answers, and it knows which stream is theirs.
fn shown(error: &clap::Error) -> ExitCode {
    let mut text = error.to_string();
    // Numbers are read by the library, in its words.
    for (said, words) in [
        ("invalid digit found in string", "is no whole number, allowed: digits alone"),
        ("invalid float literal", "is no number, allowed: digits, with a point before decimals"),
        ("number too large to fit in target type", "is too large"),
        ("cannot parse integer from empty string", "is empty"),
        ("cannot parse float from empty string", "is empty"),
    ] {
        text = text.replace(said, words);
    }
    let (code, written) = if error.use_stderr() {
        (EXIT_BAD_INPUT, write!(io::stderr(), "{text}"))
    } else {
        (0, write!(io::stdout(), "{text}"))
    };
    ExitCode::from(if written.is_ok() { code } else { EXIT_BAD_INPUT })
}
