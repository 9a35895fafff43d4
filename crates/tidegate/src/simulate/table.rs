//! Prints what came of scenarios, one line each.

use std::io::{self, Write};

use tidegate_sim::report::{expected, hours, percent, sentence, stoppers};
use tidegate_sim::summary::{Met, ReviewSummary, SpreadOverRuns, Summary};
use tidegate_sim::{Ending, RunOutcome};
use tidegate_spec::scenario::{Bound, Expectation, RunMeasure};

use super::simulated::Simulated;
use crate::table::aligned;

pub(crate) const TITLES: [&str; 11] = [
    "scenario",
    "rule",
    "runs",
    "rolled back",
    "by",
    "hours (5–95 %)",
    "treated",
    "harmed",
    "promoted",
    "undecided",
    "expected",
];

pub(crate) fn print(all: &[Simulated], out: &mut impl Write) -> io::Result<()> {
    let rows = all.iter().map(|simulated| row(&simulated.summary).to_vec());
    writeln!(out, "{}", aligned(&TITLES, &[0, 1, 4], rows))?;
    for Summary { name, rule, review, .. } in all.iter().map(|simulated| &simulated.summary) {
        if let Some(review) = review {
            writeln!(out, "{name} ({rule}): {}", reviewed(review))?;
        }
    }
    for Simulated { summary, .. } in all {
        for judged in summary.expectations.iter().filter(|judged| judged.verdict != Met::Met) {
            let Summary { name, rule, .. } = summary;
            writeln!(out, "{name} ({rule}): {}", sentence(summary, judged))?;
        }
    }
    Ok(())
}

/// What came of reviews, in a sentence.
fn reviewed(review: &ReviewSummary) -> String {
    let spread = |of: Option<SpreadOverRuns>| {
        of.map_or_else(|| "–".to_owned(), |s| format!("{:.0} ({:.0}–{:.0})", s.p50, s.p5, s.p95))
    };
    format!(
        "review: rejected {}, proved {}, harmless {}; answers to reject or prove {}, hours to a decision {}",
        percent(review.rejected_share),
        percent(review.proved_share),
        percent(review.harmless_share),
        spread(review.answers),
        spread(review.hours_to_decision),
    )
}

/// One scenario in the order of [`TITLES`].
pub(crate) fn row(summary: &Summary) -> [String; 11] {
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
        percent(summary.inconclusive_share),
        expected(summary),
    ]
}

/// The run that shows best why an expectation failed.
pub(crate) fn telling_run(simulated: &Simulated) -> u32 {
    let Simulated { summary, outcomes, .. } = simulated;
    let failed = summary.expectations.iter().find(|judged| judged.verdict == Met::Failed);
    let Some(Expectation { measure, bound, .. }) = failed.map(|judged| judged.wanted) else {
        return 0;
    };
    // Too small a share is shown by a run without, too large a one by a run with it.
    let first = |is: &dyn Fn(&RunOutcome) -> bool| {
        outcomes.iter().find(|outcome| is(outcome) == (bound == Bound::Max))
    };
    let most =
        |of: &dyn Fn(&RunOutcome) -> f64| outcomes.iter().max_by(|a, b| of(a).total_cmp(&of(b)));
    let found = match measure {
        RunMeasure::RolledBackShare => first(&RunOutcome::is_rolled_back),
        RunMeasure::PromotedShare => first(&|outcome| outcome.ending == Ending::Promoted),
        RunMeasure::InconclusiveShare => {
            first(&|outcome| matches!(outcome.ending, Ending::Inconclusive | Ending::GateShut))
        }
        RunMeasure::ExposedShare => first(&|outcome| outcome.treatment_analyses > 0),
        RunMeasure::ReviewedShare => first(&RunOutcome::is_reviewed),
        RunMeasure::ProvedShare => first(&RunOutcome::is_proved),
        RunMeasure::Answers(_) => most(&|outcome| outcome.answers().unwrap_or(-1.0)),
        RunMeasure::HoursToDecision(_) => {
            most(&|outcome| outcome.hours_to_decision().unwrap_or(-1.0))
        }
        RunMeasure::HoursToRollback(_) => {
            most(&|outcome| outcome.hours_to_rollback().unwrap_or(-1.0))
        }
        RunMeasure::TreatmentAnalyses(_) => most(&|outcome| outcome.treatment_analyses as f64),
        RunMeasure::HarmedAnalyses(_) => most(&|outcome| outcome.harmed_analyses as f64),
    };
    found.map_or(0, |outcome| outcome.run)
}
