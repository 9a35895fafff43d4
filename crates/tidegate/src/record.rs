//! `tidegate record`: reports observations to the daemon.

mod batch;
mod delivery;
mod patience;
mod progress;
mod rejection;
mod source;

use std::fs::File;
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate_engine::time::Duration;

use crate::client::{Client, ServerArgs};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use batch::{Batches, Flow, RequestBatch};
use delivery::BatchSender;
use patience::Patience;
use progress::Progress;
use rejection::RejectedLine;
use source::{Source, source};
use tidegate_offline::replay::time::parse_length;

/// Rejected lines told one by one; the others are counted.
const TOLD_MAX: u64 = 20;
/// Report observations, one JSON object a line, to the daemon
///
/// What the daemon does not take is told with its line and does not hold up the rest. Sending the same again is
/// harmless: it is answered `duplicate`. Exit code 0: all was taken in; 1: some was rejected.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The observations, JSON lines; left out, or `-`: standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Keep in this file how far FILE was taken in, and go on from there
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    /// How long to try again while the daemon is away or busy
    #[arg(long, value_name = "LENGTH", default_value = "5m", value_parser = parse_patience)]
    retry_for: Duration,
    #[command(flatten)]
    server: ServerArgs,
    /// How to sum up: on standard error, or as JSON on standard output
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What became of all lines.
#[derive(Debug, Default, Serialize)]
struct RecordSummary {
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    requests: u64,
}

pub(crate) fn run(args: &RecordArgs, out: &mut impl Write) -> Result<(), Failure> {
    let file = args.file.as_deref().filter(|file| *file != Path::new("-"));
    let progress = match (file, &args.progress) {
        (_, None) => None,
        (Some(_), Some(path)) => Some(Progress::read(path)?),
        (None, Some(_)) => {
            let hint = "--progress needs FILE: standard input has no place to go back to";
            return Err(Failure::BadInput(hint.to_owned()));
        }
    };
    let (name, mut reader, flow) = match file {
        Some(path) => {
            let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
            let mut file = File::open(path).map_err(unreadable)?;
            if let Some(progress) = &progress {
                progress.check(&mut file, path)?;
                file.seek(SeekFrom::Start(progress.offset())).map_err(unreadable)?;
            }
            let flow = if progress.is_some() { Flow::Growing } else { Flow::Whole };
            (path.to_owned(), source(file), flow)
        }
        None if io::stdin().is_terminal() => {
            let hint = "no observations given: name a file, or pipe JSON lines to standard input";
            return Err(Failure::BadInput(hint.to_owned()));
        }
        None => (PathBuf::from("standard input"), source(io::stdin()), Flow::Live),
    };
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let mut patience = Patience::new(std::time::Duration::from_millis(args.retry_for.ms()));
    let mut summary = RecordSummary::default();
    let sent = send_all(&client, &mut patience, &name, &mut reader, flow, progress, &mut summary);
    // What was done is said whether or not it came to its end.
    sum_up(&summary, args.format, out)?;
    sent?;
    if summary.rejected > 0 {
        return Err(Failure::Rejected(format!("{} lines were rejected", summary.rejected)));
    }
    Ok(())
}

fn send_all(
    client: &Client,
    patience: &mut Patience,
    name: &Path,
    reader: &mut Source,
    flow: Flow,
    mut progress: Option<Progress>,
    summary: &mut RecordSummary,
) -> Result<(), Failure> {
    let start = progress.as_ref().map(Progress::mark).unwrap_or_default();
    let mut batches = Batches::after(start);
    loop {
        let read = batches.next_batch(reader, flow);
        let batch = read.map_err(|source| Failure::Unreadable { path: name.to_owned(), source })?;
        let Some(RequestBatch { lines, rejected, end }) = batch else {
            if let Some(line) = batches.unfinished() {
                note(&format!("tidegate: line {line} is not complete: left for another time"));
            }
            return Ok(());
        };
        for rejection in rejected {
            summary.reject(&rejection);
        }
        let mut delivery = BatchSender::new(client, patience);
        let delivered = delivery.deliver(&lines);
        summary.requests += delivery.requests();
        let delivered = delivered?;
        summary.accepted += delivered.accepted;
        summary.duplicate += delivered.duplicate;
        for rejection in &delivered.rejected {
            summary.reject(rejection);
        }
        if let Some(progress) = &mut progress {
            progress.advance(end, name)?;
        }
    }
}

impl RecordSummary {
    fn reject(&mut self, rejection: &RejectedLine) {
        self.rejected += 1;
        if self.rejected <= TOLD_MAX {
            let RejectedLine { line, why } = rejection;
            note(&format!("tidegate: line {line}: {}", printable(why)));
        } else if self.rejected == TOLD_MAX + 1 {
            note("tidegate: more rejected lines are only counted");
        }
    }
}

/// Tells it beside the answer. Where nobody reads that any more, the observations still go.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn sum_up(summary: &RecordSummary, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Json => {
            json_line(summary, out)?;
        }
        Format::Text => {
            let RecordSummary { accepted, duplicate, rejected, requests } = summary;
            let sum = accepted + duplicate + rejected;
            note(&format!(
                "{sum} observations: {accepted} accepted, {duplicate} duplicate, {rejected} rejected, in {requests} \
                 requests"
            ));
        }
    }
    Ok(())
}

fn parse_patience(text: &str) -> Result<Duration, String> {
    parse_length(text).map_err(|_| format!("`{text}`: allowed: a length of time, such as 5m or 0s"))
}
