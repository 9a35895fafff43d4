//! How experiments are shown wherever they are.

use std::io::{self, Write};

use tidegate_spec::api::ExperimentSummary;

use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::table::{aligned, print_trimmed};

/// Prints what there is, one experiment a line.
pub(crate) fn say_list(
    experiments: &[ExperimentSummary],
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match format {
        Format::Json => {
            for summary in experiments {
                json_line(summary, out)?;
            }
        }
        Format::Text if experiments.is_empty() => {
            writeln!(io::stderr(), "no experiments yet: `tidegate experiment create FILE`")?;
        }
        Format::Text => {
            let titles = ["experiment", "run", "phase", "started", "control", "treatment"];
            let rows = experiments.iter().map(|summary| {
                let started = summary.started_at.as_deref().unwrap_or("–");
                vec![
                    printable(&summary.key),
                    summary.run.to_string(),
                    state(&summary.phase, &summary.condition),
                    printable(started),
                    printable(&summary.control),
                    printable(&summary.treatment),
                ]
            });
            print_trimmed(&aligned(&titles, &[0, 2, 3, 4, 5], rows), out)?;
        }
    }
    Ok(())
}

/// A phase with its condition, as decisions write it.
pub(crate) fn state(phase: &str, condition: &str) -> String {
    if condition == "clear" {
        printable(phase)
    } else {
        printable(&format!("{phase} ({condition})"))
    }
}
