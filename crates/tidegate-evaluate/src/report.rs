//! A report as one self-contained HTML page.

mod chart;

use askama::Template;
use tidegate_chart::{Chart, NotDrawn};

use crate::differing::{Differing, UsableAnswer};
use crate::evaluation::{AnswerCounts, Evaluation};
use crate::metric::Metric;
use crate::scenarios::{InScenario, Right};
use crate::verdict::EvaluationVerdict;
use crate::words;

/// Most cases and most scenarios that a page shows.
const SHOWN_MAX: usize = 1_000;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] NotDrawn),
    /// The page cannot be written.
    #[error("the page cannot be written: {0}")]
    Page(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "report.html")]
struct EvaluationPage<'a> {
    evaluation: &'a Evaluation,
    dataset: &'a str,
    remarks: &'a [String],
    class: &'static str,
    answers: [(&'static str, &'a str, AnswerCounts); 2],
    rows: Vec<MetricView>,
    notes: Vec<String>,
    charts: Vec<Chart>,
    scenarios: Vec<[String; 5]>,
    scenarios_left: usize,
    groups: Vec<CaseGroupView>,
    cases_left: usize,
}

struct MetricView {
    cells: [String; 10],
    class: &'static str,
    verdict: String,
    reason: String,
}

struct CaseGroupView {
    title: String,
    cases: Vec<CaseView>,
}

struct CaseView {
    id: String,
    scenario: String,
    note: String,
    expected: String,
    sides: [AnswerView; 2],
    change: String,
}

struct AnswerView {
    said: String,
    is_fault: bool,
    latency: String,
    text: Option<String>,
}

/// The page; `dataset` is where the cases came from, `remarks` what is to be said of them.
///
/// # Errors
/// [`ReportError`] where a chart or the page cannot be written.
pub fn html(
    evaluation: &Evaluation,
    dataset: &str,
    remarks: &[String],
) -> Result<String, ReportError> {
    let scenarios = &evaluation.by_scenario;
    let page = EvaluationPage {
        evaluation,
        dataset,
        remarks,
        class: class(evaluation.verdict),
        answers: [
            ("control", &evaluation.control, evaluation.answers.control),
            ("treatment", &evaluation.treatment, evaluation.answers.treatment),
        ],
        rows: evaluation.metrics.iter().map(row).collect(),
        notes: evaluation.metrics.iter().filter_map(left_out).collect(),
        charts: chart::all(evaluation)?,
        scenarios: scenarios.iter().take(SHOWN_MAX).map(in_scenario).collect(),
        scenarios_left: scenarios.len().saturating_sub(SHOWN_MAX),
        groups: groups(&evaluation.differing),
        cases_left: evaluation.differing.len().saturating_sub(SHOWN_MAX),
    };
    Ok(page.render()?)
}

/// The columns of a metric, as the command and the page show them.
pub const TITLES: [&str; 10] = [
    "metric",
    "pairs",
    "control",
    "treatment",
    "difference",
    "95 % interval",
    "over scenarios",
    "p",
    "p (Holm)",
    "effect",
];

/// A metric in the order of [`TITLES`].
pub fn cells(metric: &Metric) -> [String; 10] {
    let none = || "–".to_owned();
    let mut cells: [String; 10] = std::array::from_fn(|_| none());
    metric.metric.as_str().clone_into(&mut cells[0]);
    cells[1] = metric.pairs.both.to_string();
    if let Some(change) = &metric.change {
        let interval = |interval: Option<_>| interval.map_or_else(none, words::interval);
        cells[2] = words::value(metric.metric, change.control);
        cells[3] = words::value(metric.metric, change.treatment);
        cells[4] = words::difference(metric.metric, change.difference);
        cells[5] = interval(change.interval);
        cells[6] = interval(change.scenario_interval);
        cells[7] = change.p.map_or_else(none, words::chance);
        cells[8] = change.p_holm.map_or_else(none, words::chance);
        cells[9] = words::effect(change.effect);
    }
    cells
}

/// What a metric was not measured on, in a sentence; none where nothing was left out.
pub fn left_out(metric: &Metric) -> Option<String> {
    let pairs = &metric.pairs;
    if pairs.left_out() == 0 {
        return None;
    }
    let name = metric.metric.as_str();
    let counts = format!(
        "{name}: left out {} (measured on the control alone {}, on the treatment alone {}, on neither {})",
        words::counted(pairs.left_out(), "case"),
        pairs.control_only,
        pairs.treatment_only,
        pairs.neither
    );
    Some(match metric.of_all {
        Some(all) => format!(
            "{counts}; with every failure counted as wrong: control {}, treatment {}",
            words::value(metric.metric, all.control),
            words::value(metric.metric, all.treatment)
        ),
        None => counts,
    })
}

fn row(metric: &Metric) -> MetricView {
    MetricView {
        cells: cells(metric),
        class: class(metric.verdict),
        verdict: metric.verdict.to_string(),
        reason: metric.reason.clone(),
    }
}

const fn class(verdict: EvaluationVerdict) -> &'static str {
    match verdict {
        EvaluationVerdict::Better => "better",
        EvaluationVerdict::Worse => "worse",
        EvaluationVerdict::Mixed => "mixed",
        EvaluationVerdict::NoDifferenceShown | EvaluationVerdict::TooFewCases => "open",
    }
}

fn in_scenario(scenario: &InScenario) -> [String; 5] {
    let right = |right: Right| {
        let Right { pairs, control, treatment } = right;
        if pairs == 0 { "–".to_owned() } else { format!("{control} → {treatment} of {pairs}") }
    };
    [
        scenario.scenario.clone(),
        scenario.cases.to_string(),
        right(scenario.parsed),
        right(scenario.score_in_range),
        right(scenario.level_match),
    ]
}

/// The differing cases: what the treatment lost first, as that is what its author has to mend.
fn groups(differing: &[Differing]) -> Vec<CaseGroupView> {
    let shown = &differing[..differing.len().min(SHOWN_MAX)];
    let group = |title: &str, is: fn(&Differing) -> bool| {
        let cases: Vec<CaseView> = shown.iter().filter(|case| is(case)).map(case).collect();
        CaseGroupView {
            title: format!("{title} ({})", words::counted(cases.len() as u64, "case")),
            cases,
        }
    };
    let groups = [
        group("Lost: the control alone was right", |case| case.gained.is_empty()),
        group("Both: each was right where the other was not", |case| {
            !case.gained.is_empty() && !case.lost.is_empty()
        }),
        group("Gained: the treatment alone was right", |case| case.lost.is_empty()),
    ];
    groups.into_iter().filter(|group| !group.cases.is_empty()).collect()
}

fn case(differing: &Differing) -> CaseView {
    let expected = &differing.expected;
    let (min, max) = (words::score(expected.score_min), words::score(expected.score_max));
    let lost = differing.lost.iter().map(|metric| format!("− {}", short(metric)));
    let gained = differing.gained.iter().map(|metric| format!("+ {}", short(metric)));
    CaseView {
        id: differing.id.clone(),
        scenario: differing.scenario.clone(),
        note: differing.note.clone().unwrap_or_default(),
        expected: format!("{min}–{max}, {}", expected.level),
        sides: [&differing.answers.control, &differing.answers.treatment].map(answer),
        change: lost.chain(gained).collect::<Vec<_>>().join(", "),
    }
}

/// A metric of right answers in a word.
fn short(metric: &str) -> &str {
    match metric {
        "json_parse_success_rate" => "parsed",
        "score_in_range_accuracy" => "score",
        "level_match_accuracy" => "level",
        other => other,
    }
}

fn answer(shown: &UsableAnswer) -> AnswerView {
    let said = match (shown.risk_score, shown.risk_level, &shown.fault) {
        (Some(score), Some(level), _) => format!("{}, {level}", words::score(score)),
        (_, _, Some(fault)) => fault.clone(),
        (_, _, None) => "–".to_owned(),
    };
    AnswerView {
        said,
        is_fault: shown.fault.is_some(),
        latency: shown.latency_ms.map_or_else(String::new, |ms| format!("{ms:.0} ms")),
        text: shown.text.clone(),
    }
}
