//! A replay told to people: a line for each window, or the one run as a story.

use std::collections::BTreeMap;
use std::io::{self, Write};

use tidegate_offline::replay::{PreparedReplay, RecordedRun, ReplayReport, RowCounts};

/// Prints runs as they end, and the whole at the end.
pub(super) struct TextReport {
    pub(super) by_camera: bool,
    windowed: bool,
    pub(super) about: String,
    pub(super) runs: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl TextReport {
    pub(super) fn new(replay: &PreparedReplay) -> Self {
        let (experiment, settings) = (replay.definition().experiment(), replay.settings());
        let shadow = experiment.shadow.duration;
        let before = match settings.baseline {
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
        Self {
            by_camera: settings.by_camera,
            windowed: settings.window.is_some(),
            about,
            runs: 0,
            outcomes: BTreeMap::new(),
        }
    }

    fn summary(&self, counts: &RowCounts, out: &mut dyn Write) -> io::Result<()> {
        if self.runs > 0 {
            let outcomes: Vec<String> =
                self.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            writeln!(out, "\nwindows: {} ({})", self.runs, outcomes.join(", "))?;
        }
        Self::records(counts, out)
    }
}

impl ReplayReport for TextReport {
    fn run(&mut self, run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        self.runs += 1;
        *self.outcomes.entry(run.ending().as_str()).or_default() += 1;
        self.window_row(run, out)
    }

    fn end(
        &mut self,
        last: Option<&RecordedRun>,
        counts: &RowCounts,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match last {
            Some(run) if self.windowed => self.run(run, out)?,
            Some(run) => return self.story(run, counts, out),
            None => {}
        }
        self.summary(counts, out)
    }

    fn refused(&self, _why: &str, counts: &RowCounts, out: &mut dyn Write) -> io::Result<()> {
        Self::records(counts, out)
    }
}
