//! Prints what a replay found: a table for people, JSON lines for programs.

mod lines;
mod recorded;
mod text;

use std::collections::BTreeMap;
use std::io::Write;

use tidegate_engine::experiment::Definition;

use self::lines::{NoVerdict, ReplaySummary, RunLine};
use super::args::ReplayArgs;
use super::counts::RowCounts;
use super::run::RecordedRun;
use crate::failure::Failure;
use crate::format::{Format, json_line};

/// Prints runs as they end, and the whole at the end.
pub(crate) struct Report<'a, W> {
    args: &'a ReplayArgs,
    about: String,
    runs: u64,
    outcomes: BTreeMap<&'static str, u64>,
    out: &'a mut W,
}

impl<'a, W: Write> Report<'a, W> {
    pub(crate) fn new(args: &'a ReplayArgs, definition: &Definition, out: &'a mut W) -> Self {
        let experiment = definition.experiment();
        let shadow = experiment.shadow.duration;
        let before = match args.baseline {
            Some(baseline) => {
                format!("the first {} h are the control's past", baseline.hours())
            }
            None if shadow.is_zero() => {
                "shadow skipped, as a recording has one answer for each event".to_owned()
            }
            None => format!("after {} h of shadow", shadow.hours()),
        };
        let about = format!(
            "{}: {} (control) against {} (treatment), {} % of the cameras for {} h; {before}",
            experiment.key,
            experiment.control,
            experiment.treatment,
            // Four decimals, without the noise of the binary number behind them.
            (experiment.ab.share.value() * 1e6).round() / 1e4,
            experiment.ab.duration.hours(),
        );
        Self { args, about, runs: 0, outcomes: BTreeMap::new(), out }
    }

    /// Prints a window that is over.
    pub(crate) fn run(&mut self, run: &RecordedRun) -> Result<(), Failure> {
        self.runs += 1;
        *self.outcomes.entry(run.ending().as_str()).or_default() += 1;
        match self.args.format {
            Format::Json => {
                json_line(&RunLine::new(run, None, self.args), self.out)?;
            }
            Format::Text => self.window_row(run)?,
        }
        Ok(())
    }

    /// Prints what remains: the last window and the sum of all, or the one run.
    pub(crate) fn end(
        &mut self,
        last: Option<&RecordedRun>,
        counts: &RowCounts,
    ) -> Result<(), Failure> {
        if self.args.window.is_some() {
            if let Some(run) = last {
                self.run(run)?;
            }
            return self.summary(counts);
        }
        match (last, self.args.format) {
            (Some(run), Format::Json) => {
                json_line(&RunLine::new(run, Some(counts), self.args), self.out)?;
            }
            (Some(run), Format::Text) => self.story(run, counts)?,
            (None, _) => self.summary(counts)?,
        }
        Ok(())
    }

    /// Prints what was read, without a verdict.
    pub(crate) fn refused(&mut self, why: &str, counts: &RowCounts) -> Result<(), Failure> {
        match self.args.format {
            Format::Json => json_line(&NoVerdict { counts, no_verdict: why }, self.out),
            Format::Text => self.records(counts),
        }
    }

    fn summary(&mut self, counts: &RowCounts) -> Result<(), Failure> {
        if self.args.format == Format::Json {
            let summary = ReplaySummary { counts, windows: self.runs, outcomes: &self.outcomes };
            return json_line(&summary, self.out);
        }
        if self.runs > 0 {
            let outcomes: Vec<String> =
                self.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            writeln!(self.out, "\nwindows: {} ({})", self.runs, outcomes.join(", "))?;
        }
        self.records(counts)
    }
}
