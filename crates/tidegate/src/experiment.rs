//! `tidegate experiment`.

pub(crate) mod defined;
pub(crate) mod steps;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use tidegate_engine::event::Command;
use tidegate_spec::ExperimentFile;

use crate::args::{ExperimentArgs, ExperimentCommand, Format};
use crate::failure::Failure;
use crate::preflight;

/// Largest settings file read, in bytes: room for the longest lists of cameras.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

pub(crate) fn run(args: &ExperimentArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        ExperimentCommand::Check { file, format } => print(&read(file)?, *format, out),
        ExperimentCommand::Init { preset } => print(&preset.file(), Format::Text, out),
        ExperimentCommand::Preflight(args) => preflight::run(args, out),
        ExperimentCommand::Create(args) => defined::create(args, out),
        ExperimentCommand::List(args) => defined::list(args, out),
        ExperimentCommand::Show(args) => defined::show(args, out),
        ExperimentCommand::Override(args) => defined::override_camera(args, out),
        ExperimentCommand::History(args) => steps::history(args, out),
        ExperimentCommand::Start(args) => steps::act(Command::Start, args, out),
        ExperimentCommand::Pause(args) => steps::act(Command::Pause, args, out),
        ExperimentCommand::Resume(args) => steps::act(Command::Resume, args, out),
        ExperimentCommand::Hold(args) => steps::act(Command::Hold, args, out),
        ExperimentCommand::Advance(args) => steps::act(Command::Advance, args, out),
        ExperimentCommand::Complete(args) => steps::act(Command::Complete, args, out),
        ExperimentCommand::RollBack(args) => steps::act(Command::RollBack, args, out),
        ExperimentCommand::Stop(args) => steps::act(Command::Stop, args, out),
    }
}

fn print(file: &ExperimentFile, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Text => write!(out, "{}", file.to_toml())?,
        Format::Json => writeln!(out, "{}", file.to_json())?,
    }
    Ok(())
}

/// Reads an experiment file.
pub(crate) fn read(path: &Path) -> Result<ExperimentFile, Failure> {
    ExperimentFile::parse(&read_text(path)?)
        .map_err(|source| Failure::Invalid { path: path.to_owned(), source })
}

/// Reads a settings file of a bounded size.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let too_large = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, too_large)));
    }
    Ok(text)
}
