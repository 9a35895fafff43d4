//! `tidegate experiment`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use tidegate_spec::ExperimentFile;

use crate::args::{ExperimentArgs, ExperimentCommand, Format};
use crate::failure::Failure;
use crate::preflight;

/// Largest settings file read, in bytes: room for the longest lists of cameras.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

pub(crate) fn run(args: &ExperimentArgs, out: &mut impl Write) -> Result<(), Failure> {
    let (file, format) = match &args.command {
        ExperimentCommand::Check { file, format } => (read(file)?, *format),
        ExperimentCommand::Preflight(args) => return preflight::run(args, out),
        ExperimentCommand::Init { preset } => (preset.file(), Format::Text),
    };
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
