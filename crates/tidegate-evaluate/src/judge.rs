//! What follows from the numbers, and why.

use tidegate_spec::EvaluationMetric;

use crate::ALPHA;
use crate::metric::{Metric, MetricChange, MetricInterval};
use crate::verdict::{EvaluationVerdict, PAIRS_MIN, SCENARIOS_MIN};
use crate::words;

/// Gives a metric its verdict and its sentence.
///
/// Better or worse takes both: Holm's p at most alpha, and a bootstrap interval without 0. The first is
/// exact where cases are independent, the second holds where the cases of a scenario are alike.
pub(crate) fn judge(metric: &mut Metric) {
    let (verdict, reason) = judged(metric);
    metric.verdict = verdict;
    metric.reason = reason;
}

fn judged(metric: &Metric) -> (EvaluationVerdict, String) {
    let name = metric.metric.as_str();
    let pairs = &metric.pairs;
    let enough = pairs.both >= PAIRS_MIN && pairs.scenarios >= SCENARIOS_MIN;
    let tested = metric.change.as_ref().and_then(|change| {
        Some((change, change.interval?, change.scenario_interval?, change.p_holm?))
    });
    let Some((change, interval, over_scenarios, p)) = tested.filter(|_| enough) else {
        let reason = format!(
            "{name} was measured on both sides in {} of {} scenarios, needed: {PAIRS_MIN} cases in {SCENARIOS_MIN} \
             scenarios",
            words::counted(pairs.both, "case"),
            pairs.scenarios
        );
        return (EvaluationVerdict::TooFewCases, reason);
    };
    let shown = |interval: MetricInterval| words::interval(interval);
    let told = format!(
        "{} (95 % interval {}, over scenarios {}; p {} after Holm)",
        words::difference(metric.metric, change.difference),
        shown(interval),
        shown(over_scenarios),
        words::chance(p)
    );
    let apart = over_scenarios.low > 0.0 || over_scenarios.high < 0.0;
    if p > ALPHA {
        return (EvaluationVerdict::NoDifferenceShown, format!("{name} may be the same: {told}"));
    }
    if !apart {
        let why = "few scenarios carry the difference, as the interval over scenarios includes 0";
        return (
            EvaluationVerdict::NoDifferenceShown,
            format!("{name} may be the same: {told}; {why}"),
        );
    }
    let (verdict, way) = direction(metric.metric, change);
    (verdict, format!("{name} {way}: {told}"))
}

fn direction(metric: EvaluationMetric, change: &MetricChange) -> (EvaluationVerdict, &'static str) {
    let rose = change.difference > 0.0;
    let good = match metric {
        EvaluationMetric::JsonParseSuccessRate
        | EvaluationMetric::ScoreInRangeAccuracy
        | EvaluationMetric::LevelMatchAccuracy => rose,
        EvaluationMetric::ResponseLatencyMs => !rose,
    };
    let verdict = if good { EvaluationVerdict::Better } else { EvaluationVerdict::Worse };
    (verdict, if rose { "rose" } else { "fell" })
}

/// The verdict of all metrics with its sentence.
pub(crate) fn overall(metrics: &[Metric]) -> (EvaluationVerdict, String) {
    let of = |verdict| metrics.iter().filter(move |metric| metric.verdict == verdict);
    let is = |verdict| of(verdict).next().is_some();
    let verdict = match (is(EvaluationVerdict::Better), is(EvaluationVerdict::Worse)) {
        (true, true) => EvaluationVerdict::Mixed,
        (true, false) => EvaluationVerdict::Better,
        (false, true) => EvaluationVerdict::Worse,
        (false, false) if is(EvaluationVerdict::NoDifferenceShown) => {
            EvaluationVerdict::NoDifferenceShown
        }
        (false, false) => EvaluationVerdict::TooFewCases,
    };
    let with_size = |metric: &Metric| {
        let size = metric.change.as_ref().map(|c| words::difference(metric.metric, c.difference));
        format!("{} ({})", metric.metric.as_str(), size.unwrap_or_default())
    };
    let bare = |metric: &Metric| metric.metric.as_str().to_owned();
    let list = |verdict, write: &dyn Fn(&Metric) -> String| {
        of(verdict).map(write).collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("loses in", list(EvaluationVerdict::Worse, &with_size)),
        ("gains in", list(EvaluationVerdict::Better, &with_size)),
        ("no difference shown in", list(EvaluationVerdict::NoDifferenceShown, &bare)),
        ("too few cases for", list(EvaluationVerdict::TooFewCases, &bare)),
    ];
    let said = parts.iter().filter(|(_, names)| !names.is_empty());
    let reason = said.map(|(what, names)| format!("{what} {names}")).collect::<Vec<_>>().join("; ");
    // Where all metrics came to the same, the verdict has said it.
    let said = format!("{verdict} ");
    match reason.strip_prefix(&said) {
        Some(rest) => (verdict, rest.to_owned()),
        None => (verdict, reason),
    }
}
