//! Numbers as people read them.

use tidegate_spec::EvaluationMetric;

use crate::metric::{EffectSize, MetricInterval};

/// A share in percent, or a latency.
pub fn value(metric: EvaluationMetric, value: f64) -> String {
    match metric {
        EvaluationMetric::ResponseLatencyMs => format!("{value:.0} ms"),
        EvaluationMetric::JsonParseSuccessRate
        | EvaluationMetric::ScoreInRangeAccuracy
        | EvaluationMetric::LevelMatchAccuracy => format!("{:.1} %", value * 100.0),
    }
}

/// A difference with its sign: points of percent, or for latencies percent of the control's.
pub fn difference(metric: EvaluationMetric, difference: f64) -> String {
    let unit = match metric {
        EvaluationMetric::ResponseLatencyMs => "%",
        EvaluationMetric::JsonParseSuccessRate
        | EvaluationMetric::ScoreInRangeAccuracy
        | EvaluationMetric::LevelMatchAccuracy => "points",
    };
    format!("{} {unit}", signed(difference))
}

/// Both ends of an interval of differences.
pub fn interval(MetricInterval { low, high }: MetricInterval) -> String {
    format!("{} to {}", signed(low), signed(high))
}

/// A hundred times a number, with its sign; a zero has none.
fn signed(number: f64) -> String {
    let text = format!("{:+.1}", number * 100.0);
    if text == "-0.0" || text == "+0.0" { "0.0".to_owned() } else { text }
}

/// A p value.
pub fn chance(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// An effect size by its name.
pub fn effect(effect: EffectSize) -> String {
    let name = if effect.name == "cohens_g" { "g" } else { "dz" };
    effect.value.map_or_else(|| "–".to_owned(), |value| format!("{name} {value:+.2}"))
}

/// A count with its noun.
pub fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A risk score or a place on an axis, with no more digits than it has.
pub fn score(score: f64) -> String {
    let text = format!("{score:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_units() {
        let (share, time) =
            (EvaluationMetric::LevelMatchAccuracy, EvaluationMetric::ResponseLatencyMs);
        assert_eq!(value(share, 0.8125), "81.2 %");
        assert_eq!(value(time, 812.4), "812 ms");
        assert_eq!(difference(share, 0.031), "+3.1 points");
        assert_eq!(difference(time, -0.25), "-25.0 %");
        assert_eq!(difference(share, -0.0001), "0.0 points");
        assert_eq!((chance(0.00009), chance(0.0312)), ("< 0.0001".to_owned(), "0.0312".to_owned()));
        assert_eq!(score(-0.001), "0");
        assert_eq!(
            (score(71.0), score(71.5), score(100.0)),
            ("71".to_owned(), "71.5".to_owned(), "100".to_owned())
        );
        assert_eq!(
            (counted(1, "case"), counted(0, "case")),
            ("1 case".to_owned(), "0 cases".to_owned())
        );
    }
}
