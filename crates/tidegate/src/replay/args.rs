//! What `tidegate replay` is told.

use std::path::PathBuf;

use clap::Args;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_offline::replay::ReplaySettings;
use tidegate_offline::replay::time::parse_length;

use crate::argument::{parse_percent, parse_time};
use crate::format::Format;

/// Decide a rollout on recorded traffic: when would this experiment have acted, and why?
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording, CSV or JSON lines; `-` is standard input
    #[arg(value_name = "RECORDS")]
    pub(crate) records: PathBuf,
    /// The experiment file
    #[arg(long, value_name = "FILE")]
    pub(crate) experiment: PathBuf,
    /// The file that says which column is what
    #[arg(long, value_name = "FILE")]
    pub(crate) map: PathBuf,
    /// Replay each window of this length as a run of its own, such as 48h
    #[arg(long, value_name = "LENGTH", value_parser = parse_window)]
    pub(crate) window: Option<Duration>,
    /// Leave out what was recorded before this time; the first window starts here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: Option<Timestamp>,
    /// Take so much of the recording, from where a run starts, as what the control showed before its test, such as 24h
    #[arg(long, value_name = "LENGTH", value_parser = parse_window)]
    pub(crate) baseline: Option<Duration>,
    /// Give no verdict where more than this part of the rows, of one variant's rows or of the labels was rejected, in
    /// percent
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = parse_percent)]
    pub(crate) rejected_max: f64,
    /// Show every look: what each guardrail said then, and on what
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show what was recorded of each camera too
    #[arg(long)]
    pub(crate) by_camera: bool,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

impl ReplayArgs {
    pub(crate) fn settings(&self) -> ReplaySettings {
        ReplaySettings {
            window: self.window,
            from: self.from,
            baseline: self.baseline,
            rejected_max: self.rejected_max,
            explain: self.explain,
            by_camera: self.by_camera,
        }
    }
}

fn parse_window(text: &str) -> Result<Duration, String> {
    let hint = "allowed: a length above zero, such as 48h or 30m";
    let length = parse_length(text).map_err(|_| format!("`{text}`: {hint}"))?;
    if length.is_zero() { Err(format!("`{text}`: {hint}")) } else { Ok(length) }
}
