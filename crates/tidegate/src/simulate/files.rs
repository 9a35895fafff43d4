//! Writes a report into a folder: a page, and the numbers as JSON and CSV.

use std::fs;
use std::io;
use std::path::Path;

use tidegate_sim::report::{self, ReportedScenario};
use tidegate_sim::sweep::Sweep;

use super::simulated::{Simulated, SummaryLine};
use crate::failure::Failure;

/// Makes the folder, before anything is simulated in vain.
pub(crate) fn prepare(folder: &Path) -> Result<(), Failure> {
    let unwritable = |source| Failure::Report { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(unwritable)
}

/// Writes `report.html`, `results.json` and `results.csv` of scenarios into a prepared folder.
pub(crate) fn write(folder: &Path, all: &[Simulated]) -> Result<(), Failure> {
    let scene = |s: &'_ Simulated| -> Result<String, Failure> {
        let line = SummaryLine { summary: &s.summary, seconds: None };
        serde_json::to_string(&line).map_err(|error| Failure::Output(error.into()))
    };
    let lines: Result<Vec<String>, Failure> = all.iter().map(scene).collect();
    let scenes: Vec<ReportedScenario<'_>> = all.iter().map(Simulated::scene).collect();
    let page = report::html(&scenes, None).map_err(|e| Failure::Output(io::Error::other(e)))?;
    write_all(folder, &page, &lines?, &csv(all))
}

/// Writes `report.html`, `results.json` and `results.csv` of a sweep into a prepared folder.
pub(crate) fn write_sweep(
    folder: &Path,
    sweep: &Sweep<'_>,
    lines: &[String],
    csv: &str,
) -> Result<(), Failure> {
    let page =
        report::html(&[], Some(sweep)).map_err(|error| Failure::Output(io::Error::other(error)))?;
    write_all(folder, &page, lines, csv)
}

fn write_all(folder: &Path, page: &str, lines: &[String], csv: &str) -> Result<(), Failure> {
    let unwritable = |source| Failure::Report { path: folder.to_owned(), source };
    let json = format!("[\n{}\n]\n", lines.join(",\n"));
    for (name, text) in [("report.html", page), ("results.json", &json), ("results.csv", csv)] {
        fs::write(folder.join(name), text).map_err(unwritable)?;
    }
    Ok(())
}

/// One line a scenario; nothing in it needs quotes but the name.
fn csv(all: &[Simulated]) -> String {
    let mut text = "name,rule,runs,seed,rolled_back_share,hours_to_rollback_p50,promoted_share,\
        inconclusive_share,harmed_analyses_p50,harmed_analyses_p95,simulated_analyses\n"
        .to_owned();
    for Simulated { summary, .. } in all {
        let hours = summary.hours_to_rollback.map_or_else(String::new, |h| h.p50.to_string());
        let fields = [
            quoted(&summary.name),
            summary.rule.to_owned(),
            summary.runs.to_string(),
            summary.seed.to_string(),
            summary.rolled_back_share.to_string(),
            hours,
            summary.promoted_share.to_string(),
            summary.inconclusive_share.to_string(),
            summary.harmed_analyses.p50.to_string(),
            summary.harmed_analyses.p95.to_string(),
            summary.simulated_analyses.to_string(),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// A field as RFC 4180 quotes it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
