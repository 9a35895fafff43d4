//! Right answers by scenario: where a prompt is good, and where it is not.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_spec::EvaluationMetric;

use crate::compared::Compared;
use crate::reading::MeasuredAnswer;
use crate::sides::Sides;

/// What both prompts did in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InScenario {
    /// Its name.
    pub scenario: String,
    /// Its cases.
    pub cases: u64,
    /// Answers that were parsed, among those that both prompts were asked for.
    pub parsed: Right,
    /// Scores within their range, among the answers that both prompts gave.
    pub score_in_range: Right,
    /// Levels as expected, among the answers that both prompts gave.
    pub level_match: Right,
    /// The change of the geometric mean of the latencies, treatment over control, less 1.
    pub latency_change: Option<f64>,
}

/// Right answers of both prompts on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Right {
    /// Cases measured on both sides.
    pub pairs: u64,
    /// Right answers of the control.
    pub control: u64,
    /// Right answers of the treatment.
    pub treatment: u64,
}

impl InScenario {
    fn new(name: &str) -> Self {
        Self {
            scenario: name.to_owned(),
            cases: 0,
            parsed: Right::default(),
            score_in_range: Right::default(),
            level_match: Right::default(),
            latency_change: None,
        }
    }
}

impl Right {
    fn add(&mut self, metric: EvaluationMetric, case: &Compared<'_>) {
        if let Sides {
            control: MeasuredAnswer::Right(control),
            treatment: MeasuredAnswer::Right(treatment),
        } = case.measure(metric)
        {
            self.pairs += 1;
            self.control += u64::from(control);
            self.treatment += u64::from(treatment);
        }
    }
}

pub(crate) fn by_scenario(cases: &[Compared<'_>]) -> Vec<InScenario> {
    // With each scenario the sum of the differences of logarithms, and how many there are.
    let mut scenarios: BTreeMap<&str, (InScenario, f64, f64)> = BTreeMap::new();
    for case in cases {
        let name = case.case.scenario.as_str();
        let (entry, logs, timed) =
            scenarios.entry(name).or_insert_with(|| (InScenario::new(name), 0.0, 0.0));
        entry.cases += 1;
        entry.parsed.add(EvaluationMetric::JsonParseSuccessRate, case);
        entry.score_in_range.add(EvaluationMetric::ScoreInRangeAccuracy, case);
        entry.level_match.add(EvaluationMetric::LevelMatchAccuracy, case);
        if let Sides {
            control: MeasuredAnswer::Milliseconds(control),
            treatment: MeasuredAnswer::Milliseconds(treatment),
        } = case.measure(EvaluationMetric::ResponseLatencyMs)
        {
            *logs += libm::log(treatment) - libm::log(control);
            *timed += 1.0;
        }
    }
    let finished = scenarios.into_values().map(|(mut scenario, logs, timed)| {
        scenario.latency_change = (timed > 0.0).then(|| libm::expm1(logs / timed));
        scenario
    });
    finished.collect()
}
