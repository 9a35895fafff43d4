//! Prints an evaluation for people.

use std::io::{self, Write};

use tidegate_evaluate::report::{TITLES, cells, left_out};
use tidegate_evaluate::{AnswerCounts, Differing, Evaluation, words};
use tidegate_offline::evaluate::{CaseCounts, RejectedCase};

use crate::printable::printable;
use crate::table::aligned;

/// Differing cases that are named.
const NAMED_MAX: usize = 8;

pub(crate) fn print(
    evaluation: &Evaluation,
    counts: &CaseCounts,
    out: &mut impl Write,
) -> io::Result<()> {
    let Evaluation { control, treatment, cases, scenarios, .. } = evaluation;
    let (cases, scenarios) =
        (words::counted(*cases, "case"), words::counted(*scenarios, "scenario"));
    writeln!(out, "{treatment} (treatment) against {control} (control): {cases} in {scenarios}")?;
    print_counts(counts, out)?;
    let answers = |answers: AnswerCounts| {
        let AnswerCounts { parsed, unparsed, failed, absent } = answers;
        format!("{parsed} parsed, {unparsed} not parsed, {failed} failed, {absent} not asked")
    };
    writeln!(out, "  control:   {}", answers(evaluation.answers.control))?;
    writeln!(out, "  treatment: {}\n", answers(evaluation.answers.treatment))?;

    let mut titles = TITLES.to_vec();
    titles.push("verdict");
    let rows = evaluation.metrics.iter().map(|metric| {
        let mut row = cells(metric).to_vec();
        row.push(metric.verdict.to_string());
        row
    });
    writeln!(out, "{}", aligned(&titles, &[0, titles.len() - 1], rows))?;
    writeln!(
        out,
        "over scenarios: {} resamples of whole scenarios ({}, seed {})",
        evaluation.bootstrap.resamples, evaluation.bootstrap.generator, evaluation.bootstrap.seed
    )?;
    for note in evaluation.metrics.iter().filter_map(left_out) {
        writeln!(out, "{note}")?;
    }

    writeln!(out)?;
    for metric in &evaluation.metrics {
        writeln!(out, "{}", metric.reason)?;
    }
    print_differing(&evaluation.differing, out)?;
    writeln!(out, "\n{}: {}", evaluation.verdict, evaluation.reason)
}

/// What was rejected or left out, where anything was.
pub(crate) fn print_counts(counts: &CaseCounts, out: &mut impl Write) -> io::Result<()> {
    for remark in counts.remarks() {
        writeln!(out, "  {remark}")?;
    }
    for RejectedCase { place, why } in &counts.rejected_cases {
        let shown: Vec<String> = format!("{place}: {why}").lines().map(printable).collect();
        writeln!(out, "  {}", shown.join("\n  "))?;
    }
    match counts.rejected - counts.rejected_cases.len() as u64 {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn print_differing(differing: &[Differing], out: &mut impl Write) -> io::Result<()> {
    let lost = |case: &&Differing| !case.lost.is_empty();
    let gained = |case: &&Differing| !case.gained.is_empty();
    let parts: [(&str, Vec<&Differing>); 2] = [
        ("right under the control alone", differing.iter().filter(lost).collect()),
        ("right under the treatment alone", differing.iter().filter(gained).collect()),
    ];
    for (what, cases) in parts {
        if cases.is_empty() {
            continue;
        }
        let names: Vec<&str> = cases.iter().take(NAMED_MAX).map(|case| case.id.as_str()).collect();
        let more = cases.len().saturating_sub(NAMED_MAX);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let count = words::counted(cases.len() as u64, "case");
        writeln!(out, "{count} {what}: {}{rest}", names.join(", "))?;
    }
    Ok(())
}
