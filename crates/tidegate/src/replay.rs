//! `tidegate replay`: the same engine, driven by recorded traffic and recorded time.

mod args;
mod counts;
mod map;
mod order;
mod record;
mod report;
mod rows;
mod run;
pub(crate) mod time;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use tidegate_engine::experiment::Definition;
use tidegate_engine::time::{Duration, Timestamp};

pub(crate) use self::args::ReplayArgs;
use self::counts::Counts;
use self::map::{Layout, Map};
use self::order::{Recorded, Sorter};
use self::record::{Reading, RecordReader};
use self::report::Report;
use self::rows::{Row, Rows, RowsError};
use self::run::Replay;
use crate::failure::Failure;
use crate::settings_file::{read_experiment, read_text};

pub(crate) fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<(), Failure> {
    let definition = without_shadow(&read_experiment(&args.experiment)?.definition)?;
    let map = Map::parse(&read_text(&args.map)?)
        .map_err(|source| Failure::Invalid { path: args.map.clone(), source })?;

    let mut counts = Counts::default();
    let mut sorter = Sorter::new();
    read_records(&args.records, &map, &mut counts, &mut sorter)?;

    let mut report = Report::new(args, &definition, out);
    let mut replay = Replay::new(definition, args);
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for event in sorter.sorted()? {
        let event = event?;
        let at = event.analysis_at();
        span = Some(span.map_or((at, at), |(first, last)| (first, last.max(at))));
        if let Some(ended) = replay.feed(event, &mut counts) {
            report.run(&ended)?;
        }
    }
    counts.first_at = span.map(|(first, _)| tidegate_spec::api::shown(first));
    counts.last_at = span.map(|(_, last)| tidegate_spec::api::shown(last));
    let last = replay.finish();
    report.end(last.as_ref(), &counts)?;
    if counts.used == 0 {
        return Err(Failure::BadInput(format!(
            "no record of {} could be used: {}",
            args.records.display(),
            counts.summary()
        )));
    }
    Ok(())
}

/// A recording holds one answer for each event, so there is nothing to compare in shadow: the rollout
/// starts with its A/B test.
fn without_shadow(definition: &Definition) -> Result<Definition, Failure> {
    let mut experiment = definition.experiment().clone();
    experiment.shadow.duration = Duration::ZERO;
    Definition::new(experiment).map_err(|disagreements| {
        let texts: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
        Failure::BadInput(texts.join("; "))
    })
}

fn read_records(
    path: &Path,
    map: &Map,
    counts: &mut Counts,
    sorter: &mut Sorter,
) -> Result<(), Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(128 * 1024, File::open(path).map_err(unreadable)?))
    };
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
        counts.read += 1;
        match row {
            Row::Refused { line, why } => counts.reject(line, why),
            Row::Read { line, values } => match records.read(values) {
                Reading::Record(record) => {
                    for event in Recorded::of(record, line) {
                        sorter.push(event)?;
                    }
                }
                Reading::Filtered => counts.filtered += 1,
                Reading::OtherVariant => counts.other_variant += 1,
                Reading::Rejected(why) => counts.reject(line, why),
            },
        }
    }
    counts.unseen_columns = rows.unseen().collect();
    Ok(())
}

fn layout_of(path: &Path) -> Layout {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Layout::JsonLines,
        Some(_) | None => Layout::Csv,
    }
}
