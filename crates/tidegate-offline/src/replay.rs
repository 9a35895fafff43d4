//! A rollout decided on recorded traffic: the same engine, driven by recorded time.

mod apart;
mod counts;
#[cfg(test)]
mod fuzzing;
mod header;
mod json;
mod map;
mod order;
mod quote;
mod record;
pub mod recorded;
mod rows;
mod run;
pub mod time;

use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write};
use std::path::Path;

use tidegate_engine::experiment::{Definition, Gate};
use tidegate_engine::time::{Duration, Timestamp};

use self::apart::Days;
use self::counts::RejectedReason;
pub use self::counts::{Rejected, RowCounts};
pub use self::json::JsonReport;
use self::map::Layout;
pub use self::map::Map;
use self::order::{Recorded, Sorter};
use self::record::{RecordReader, RowReading, RowRejection};
use self::rows::{EndOfRecording, Row, Rows, RowsError};
use self::run::Replay;
pub use self::run::{RecordedEnding, RecordedRun};
use crate::OfflineError;
use crate::encoding::{self, NotText};

/// How much of a report is held in memory until it may be told.
const TOLD_BYTES_MAX: usize = 1024 * 1024;

/// How a recording is replayed.
#[derive(Debug, Clone)]
pub struct ReplaySettings {
    /// Each stretch of this length is a run of its own; above zero.
    pub window: Option<Duration>,
    /// What was recorded before is left out; the first window starts here.
    pub from: Option<Timestamp>,
    /// So much of each run is what the control showed before its test; above zero.
    pub baseline: Option<Duration>,
    /// The most that may be rejected of the rows, of one variant's rows or of the labels, in percent, 0 to 100.
    pub rejected_max: f64,
    /// Whether every look is kept.
    pub explain: bool,
    /// Whether a report has each camera.
    pub by_camera: bool,
}

/// Tells what a replay finds, in the order in which it finds it.
pub trait ReplayReport {
    /// Tells of a window that is over.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn run(&mut self, run: &RecordedRun, out: &mut dyn Write) -> io::Result<()>;

    /// Tells what remains: the last window and the sum of all, or the one run.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn end(
        &mut self,
        last: Option<&RecordedRun>,
        counts: &RowCounts,
        out: &mut dyn Write,
    ) -> io::Result<()>;

    /// Tells what was read, and why there is no verdict on it.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn refused(&self, why: &str, counts: &RowCounts, out: &mut dyn Write) -> io::Result<()>;
}

/// An experiment, a map and settings that agree.
#[derive(Debug)]
pub struct PreparedReplay {
    definition: Definition,
    map: Map,
    settings: ReplaySettings,
}

impl PreparedReplay {
    /// Makes the experiment one that a recording can be held against. Without both answers there is nothing to compare in
    /// shadow: the rollout starts with its test, after what is taken for the control's past.
    ///
    /// # Errors
    /// Where the three do not agree.
    pub fn new(
        definition: Definition,
        map: Map,
        settings: ReplaySettings,
    ) -> Result<Self, OfflineError> {
        let definition = replayed(definition, &map, &settings)?;
        Ok(Self { definition, map, settings })
    }

    /// The experiment as it is replayed.
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The settings.
    pub const fn settings(&self) -> &ReplaySettings {
        &self.settings
    }

    /// Replays a file, CSV or JSON lines; `-` is standard input. Nothing is told to `out` before it is sure that there is a
    /// verdict.
    ///
    /// # Errors
    /// Where the recording cannot be read, has nothing that can be used, or too much of it was rejected for a verdict: that
    /// is told to `out` before.
    pub fn run(
        &self,
        records: &Path,
        report: &mut impl ReplayReport,
        out: &mut dyn Write,
    ) -> Result<(), OfflineError> {
        let mut counts = RowCounts::default();
        let mut sorter = Sorter::new();
        let days = read_records(records, &self.map, &mut counts, &mut sorter)?;
        self.check(report, &counts, out)?;

        // Limits are found out on the way, and no verdict may be told before.
        let mut told = tempfile::spooled_tempfile(TOLD_BYTES_MAX);
        let mut replay = Replay::new(self.definition.clone(), &self.settings);
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
                report.run(&ended, &mut told)?;
            }
        }
        counts.first_at = span.map(|(first, _)| tidegate_spec::api::shown(first));
        counts.last_at = span.map(|(_, last)| tidegate_spec::api::shown(last));
        self.check(report, &counts, out)?;
        let last = replay.finish();
        report.end(last.as_ref(), &counts, &mut told)?;
        told.rewind().map_err(OfflineError::Temporary)?;
        io::copy(&mut told, out)?;
        if counts.used == 0 {
            return Err(OfflineError::BadInput(format!(
                "no record of {} could be used: {}",
                records.display(),
                counts.summary()
            )));
        }
        Ok(())
    }

    /// Refuses a verdict on records of which too much was rejected.
    fn check(
        &self,
        report: &impl ReplayReport,
        counts: &RowCounts,
        out: &mut dyn Write,
    ) -> Result<(), OfflineError> {
        let Some(why) = counts.refusal(self.settings.rejected_max) else { return Ok(()) };
        report.refused(&why, counts, out)?;
        Err(OfflineError::NoVerdict(why))
    }
}

fn replayed(
    definition: Definition,
    map: &Map,
    settings: &ReplaySettings,
) -> Result<Definition, OfflineError> {
    let mut experiment = definition.experiment().clone();
    match settings.baseline {
        Some(_) if map.has_both_answers() => {
            return Err(OfflineError::BadInput(
                "--baseline is set beside columns.treatment_… in the map, allowed: one of them"
                    .into(),
            ));
        }
        Some(baseline) if settings.window.is_some_and(|window| window <= baseline) => {
            return Err(OfflineError::BadInput(
                "--baseline is as long as --window, allowed: shorter, as a test must follow".into(),
            ));
        }
        None if map.has_both_answers() && experiment.shadow.duration.is_zero() => {
            return Err(OfflineError::BadInput(
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
        OfflineError::BadInput(texts.join("; "))
    })
}

fn read_records(
    path: &Path,
    map: &Map,
    counts: &mut RowCounts,
    sorter: &mut Sorter,
) -> Result<Days, OfflineError> {
    let unreadable = |source| OfflineError::Unreadable { path: path.to_owned(), source };
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
            return Err(OfflineError::BadInput(format!("{} {what}", path.display())));
        }
    };
    let mut days = Days::default();
    let records = RecordReader::new(map);
    let layout = map.layout.unwrap_or_else(|| layout_of(path));
    let mut rows = match Rows::new(reader, layout, map.delimiter, records.columns()) {
        Ok(rows) => rows,
        Err(RowsError::Io(source)) => return Err(unreadable(source)),
        Err(RowsError::Header(why)) => {
            return Err(OfflineError::BadInput(format!("{}: {why}", path.display())));
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
