//! `tidegate replay`: the same engine, driven by recorded traffic and recorded time.

mod apart;
mod args;
mod counts;
#[cfg(test)]
mod fuzzing;
mod header;
mod map;
mod order;
mod quote;
mod record;
mod report;
mod rows;
mod run;
pub(crate) mod time;

use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write};
use std::path::Path;

use tidegate_engine::experiment::{Definition, Gate};
use tidegate_engine::time::{Duration, Timestamp};

use self::apart::Days;
pub(crate) use self::args::ReplayArgs;
use self::counts::{RejectedReason, RowCounts};
use self::map::{Layout, Map};
use self::order::{Recorded, Sorter};
use self::record::{RecordReader, RowReading, RowRejection};
use self::report::Report;
use self::rows::{EndOfRecording, Row, Rows, RowsError};
use self::run::Replay;
use crate::encoding::{self, NotText};
use crate::failure::Failure;
use crate::settings_file::{read_experiment, read_text};

/// How much of a report is held in memory until it may be told.
const TOLD_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<(), Failure> {
    let definition = read_experiment(&args.experiment)?.definition;
    let map = Map::parse(&read_text(&args.map)?)
        .map_err(|source| Failure::Invalid { path: args.map.clone(), source })?;
    let definition = replayed(definition, &map, args)?;

    let mut counts = RowCounts::default();
    let mut sorter = Sorter::new();
    let days = read_records(&args.records, &map, &mut counts, &mut sorter)?;
    check(args, &definition, &counts, out)?;

    // Limits are found out on the way, and no verdict may be told before.
    let mut told = tempfile::spooled_tempfile(TOLD_BYTES_MAX);
    let mut report = Report::new(args, &definition, &mut told);
    let mut replay = Replay::new(definition.clone(), args);
    let usual = days.usual();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for event in sorter.sorted()? {
        let event = event?;
        let at = event.analysis_at();
        if !usual.contains(&at.ms()) {
            if event.is_analysis() {
                counts.set_apart.add(event.variant(), 1);
            }
            continue;
        }
        span = Some(span.map_or((at, at), |(first, last)| (first, last.max(at))));
        if let Some(ended) = replay.feed(event, &mut counts) {
            report.run(&ended)?;
        }
    }
    counts.first_at = span.map(|(first, _)| tidegate_spec::api::shown(first));
    counts.last_at = span.map(|(_, last)| tidegate_spec::api::shown(last));
    check(args, &definition, &counts, out)?;
    let last = replay.finish();
    report.end(last.as_ref(), &counts)?;
    told.rewind().map_err(Failure::Temporary)?;
    io::copy(&mut told, out)?;
    if counts.used == 0 {
        return Err(Failure::BadInput(format!(
            "no record of {} could be used: {}",
            args.records.display(),
            counts.summary()
        )));
    }
    Ok(())
}

/// Refuses a verdict on records of which too much was rejected.
fn check(
    args: &ReplayArgs,
    definition: &Definition,
    counts: &RowCounts,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let Some(why) = counts.refusal(args.rejected_max) else { return Ok(()) };
    Report::new(args, definition, out).refused(&why, counts)?;
    Err(Failure::Unmet(why))
}

/// The experiment as a recording can be held against it. Without both answers there is nothing to compare in shadow: the
/// rollout starts with its test, after what is taken for the control's past.
fn replayed(definition: Definition, map: &Map, args: &ReplayArgs) -> Result<Definition, Failure> {
    let mut experiment = definition.experiment().clone();
    match args.baseline {
        Some(_) if map.has_both_answers() => {
            return Err(Failure::BadInput(
                "--baseline is set beside columns.treatment_… in the map, allowed: one of them"
                    .into(),
            ));
        }
        Some(baseline) if args.window.is_some_and(|window| window <= baseline) => {
            return Err(Failure::BadInput(
                "--baseline is as long as --window, allowed: shorter, as a test must follow".into(),
            ));
        }
        None if map.has_both_answers() && experiment.shadow.duration.is_zero() => {
            return Err(Failure::BadInput(
                "shadow.duration_hours is 0, allowed: above 0, as the map has columns.treatment_…"
                    .into(),
            ));
        }
        None if map.has_both_answers() => return Ok(definition),
        Some(baseline) => {
            experiment.shadow.duration = baseline;
            // Nothing is compared in it, so that no gate could open.
            experiment.shadow.gate = Gate::Manual;
        }
        None => experiment.shadow.duration = Duration::ZERO,
    }
    Definition::new(experiment).map_err(|disagreements| {
        let texts: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
        Failure::BadInput(texts.join("; "))
    })
}

fn read_records(
    path: &Path,
    map: &Map,
    counts: &mut RowCounts,
    sorter: &mut Sorter,
) -> Result<Days, Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let reader = if path.as_os_str() == "-" {
        encoding::text(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(unreadable)?;
        encoding::text(BufReader::with_capacity(128 * 1024, file))
    };
    let reader = match reader {
        Ok(reader) => reader,
        Err(NotText::Io(source)) => return Err(unreadable(source)),
        Err(NotText::NoText(what)) => {
            return Err(Failure::BadInput(format!("{} {what}", path.display())));
        }
    };
    let mut days = Days::default();
    let records = RecordReader::new(map);
    let layout = map.layout.unwrap_or_else(|| layout_of(path));
    let mut rows = match Rows::new(reader, layout, map.delimiter, records.columns()) {
        Ok(rows) => rows,
        Err(RowsError::Io(source)) => return Err(unreadable(source)),
        Err(RowsError::Header(why)) => {
            return Err(Failure::BadInput(format!("{}: {why}", path.display())));
        }
    };
    while let Some(row) = rows.next_row().map_err(unreadable)? {
        match row {
            Row::Refused { line, rows, why } => {
                counts.read += rows;
                counts.rows.add(None, rows);
                counts.reject_rows(rows, line, RejectedReason::Row, None, why);
            }
            Row::Read { line, values, absent } => {
                counts.read += 1;
                match records.read(values, absent, counts) {
                    RowReading::Record(record) => {
                        days.note(record.at);
                        for event in Recorded::of(record, line) {
                            sorter.push(event)?;
                        }
                    }
                    RowReading::LeftOut => {}
                    RowReading::Rejected(RowRejection { reason, variant, why }) => {
                        counts.reject(line, reason, variant, why);
                    }
                }
            }
        }
    }
    let EndOfRecording { unseen, not_numbers } = rows.ended();
    counts.columns_missing = map.columns_missing(&unseen);
    counts.unseen_columns = unseen;
    counts.no_value += not_numbers;
    counts.score_scale = map.score_scale;
    Ok(days)
}

fn layout_of(path: &Path) -> Layout {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Layout::JsonLines,
        Some(_) | None => Layout::Csv,
    }
}
