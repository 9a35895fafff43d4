//! How a command answers.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::client::json;
use crate::failure::Failure;

/// What `--format` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON object per line
    Json,
}

/// A value on a line of its own.
pub(crate) fn json_line(value: &impl Serialize, out: &mut impl Write) -> Result<(), Failure> {
    out.write_all(&json(value)?)?;
    writeln!(out)?;
    Ok(())
}
