//! Prints what came of scenarios, one line each.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use tidegate_sim::Outcome;
use tidegate_sim::report::{expected, hours, percent, sentence, stoppers};
use tidegate_sim::summary::{Met, Summary};

use super::Simulated;

pub(crate) const TITLES: [&str; 10] = [
    "scenario",
    "rule",
    "runs",
    "rolled back",
    "by",
    "hours (5–95 %)",
    "treated",
    "harmed",
    "promoted",
    "expected",
];

pub(crate) fn print(all: &[Simulated], out: &mut impl Write) -> io::Result<()> {
    let rows = all.iter().map(|simulated| row(&simulated.summary).to_vec());
    writeln!(out, "{}", aligned(&TITLES, &[0, 1, 4], rows))?;
    for Simulated { summary, .. } in all {
        for judged in summary.expectations.iter().filter(|judged| judged.verdict != Met::Met) {
            let Summary { name, rule, .. } = summary;
            writeln!(out, "{name} ({rule}): {}", sentence(summary, judged))?;
        }
    }
    Ok(())
}

/// A table without lines, numbers to the right; `left` are the columns of words.
pub(crate) fn aligned(
    titles: &[&str],
    left: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles);
    for row in rows {
        table.add_row(row);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        if !left.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// One scenario in the order of [`TITLES`].
pub(crate) fn row(summary: &Summary) -> [String; 10] {
    let treated = summary.treatment_analyses_before_rollback;
    [
        summary.name.clone(),
        summary.rule.to_owned(),
        summary.runs.to_string(),
        percent(summary.rolled_back_share),
        stoppers(summary),
        hours(summary),
        treated.map_or_else(|| "–".to_owned(), |treated| format!("{:.0}", treated.p50)),
        format!("{:.0}", summary.harmed_analyses.p50),
        percent(summary.promoted_share),
        expected(summary),
    ]
}

/// The run that shows best what happened: the first that was rolled back, or else the first.
pub(crate) fn telling_run(outcomes: &[Outcome]) -> u32 {
    outcomes.iter().find(|outcome| outcome.is_rolled_back()).map_or(0, |outcome| outcome.run)
}
