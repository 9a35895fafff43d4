//! `tidegate experiment`.

pub(crate) mod defined;
pub(crate) mod shown;
pub(crate) mod steps;

use std::io::Write;

use tidegate_engine::event::Command;
use tidegate_spec::ExperimentFile;

use crate::args::{ExperimentArgs, ExperimentCommand};
use crate::failure::Failure;
use crate::format::Format;
use crate::preflight;
use crate::settings_file::read_experiment;

pub(crate) fn run(args: &ExperimentArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        ExperimentCommand::Check { file, format } => print(&read_experiment(file)?, *format, out),
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
