//! What can be used of an answer.

use tidegate_spec::EvaluationMetric;
use tidegate_spec::case::{CaseAnswer, Expected, Level, SCORES, Said};
use tidegate_spec::json::{self, FieldValue};

/// An answer as the alerting that depends on it would take it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// This prompt was not asked.
    Absent,
    /// It was asked, and nothing came back.
    Failed(String),
    /// What came back cannot be used, for this reason.
    Unparsed(String),
    /// A score and a level.
    Parsed {
        /// 0 to 100.
        score: f64,
        level: Level,
    },
}

/// What one metric says of one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MeasuredAnswer {
    /// Nothing: there is no answer to measure.
    None,
    /// Right or not.
    Right(bool),
    /// A time in milliseconds.
    Milliseconds(f64),
}

/// A prompt's answer to one case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadAnswer<'a> {
    pub(crate) reading: Reading,
    pub(crate) answer: Option<&'a CaseAnswer>,
}

impl<'a> ReadAnswer<'a> {
    pub(crate) fn new(answer: Option<&'a CaseAnswer>) -> Self {
        let reading = match answer.map(|answer| &answer.said) {
            None => Reading::Absent,
            Some(Said::Failed(why)) => Reading::Failed(why.clone()),
            Some(Said::Judged { score, level }) => Reading::Parsed { score: *score, level: *level },
            Some(Said::Text(text)) => match parse(text) {
                Ok((score, level)) => Reading::Parsed { score, level },
                Err(why) => Reading::Unparsed(why),
            },
        };
        Self { reading, answer }
    }

    /// What a metric says of the answer.
    ///
    /// A failure is no answer: it counts against the parse rate alone, so that one fault is not counted three times.
    pub(crate) fn measure(&self, metric: EvaluationMetric, expected: &Expected) -> MeasuredAnswer {
        match (metric, &self.reading) {
            (EvaluationMetric::JsonParseSuccessRate, Reading::Parsed { .. }) => {
                MeasuredAnswer::Right(true)
            }
            (EvaluationMetric::JsonParseSuccessRate, Reading::Failed(_) | Reading::Unparsed(_)) => {
                MeasuredAnswer::Right(false)
            }
            (EvaluationMetric::ScoreInRangeAccuracy, Reading::Parsed { score, .. }) => {
                MeasuredAnswer::Right(expected.score.contains(score))
            }
            (EvaluationMetric::LevelMatchAccuracy, Reading::Parsed { level, .. }) => {
                MeasuredAnswer::Right(expected.level == *level)
            }
            (
                EvaluationMetric::ResponseLatencyMs,
                Reading::Unparsed(_) | Reading::Parsed { .. },
            ) => {
                let latency = self.answer.and_then(|answer| answer.latency_ms);
                latency.map_or(MeasuredAnswer::None, MeasuredAnswer::Milliseconds)
            }
            (_, Reading::Absent | Reading::Failed(_) | Reading::Unparsed(_)) => {
                MeasuredAnswer::None
            }
        }
    }
}

/// The score and the level of an answer: a JSON object, whole and alone, with both fields in their ranges.
fn parse(text: &str) -> Result<(f64, Level), String> {
    let text = json::JsonText::new(text);
    let object = text.object().map_err(|why| format!("is no JSON object: {why}"))?;
    for name in ["risk_score", "risk_level"] {
        if !object.has(name) {
            return Err(format!("has no {name}"));
        }
    }
    let (score, level) = (object.get("risk_score"), object.get("risk_level"));
    let score = number(&score).filter(|score| SCORES.contains(score)).ok_or_else(|| {
        let (min, max) = (SCORES.start(), SCORES.end());
        format!("has the risk_score {}, allowed: a number from {min} to {max}", shown(&score))
    })?;
    let named = if let FieldValue::Text(level) = &level { Level::named(level) } else { None };
    let level = named.ok_or_else(|| {
        let allowed = "low | medium | high | critical";
        format!("has the risk_level {}, allowed: {allowed}", shown(&level))
    })?;
    Ok((score, level))
}

fn number(held: &FieldValue<'_>) -> Option<f64> {
    if let FieldValue::Number(text) = held { text.parse().ok() } else { None }
}

fn shown(held: &FieldValue<'_>) -> String {
    let text = match held {
        FieldValue::Nothing => "null or NaN".to_owned(),
        FieldValue::Text(text) => format!("{text:?}"),
        FieldValue::Number(text) | FieldValue::Switch(text) => (*text).to_owned(),
        FieldValue::Nested => "of a list or an object".to_owned(),
        FieldValue::Broken(why) => format!("that {why}"),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_both_fields_is_parsed_whatever_else_it_holds() {
        let text = " {\"risk_level\": \"high\", \"summary\": \"x\", \"risk_score\": 71.5}\n";
        assert_eq!(parse(text), Ok((71.5, Level::High)));
        for score in ["0", "100", "1e2", "-0.0"] {
            let text = format!("{{\"risk_score\": {score}, \"risk_level\": \"low\"}}");
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    /// What the JSON of Python and of JavaScript read, each with the writer that writes it so.
    #[test]
    fn other_fields_do_not_matter_whatever_they_hold() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (writer, other) in [
            ("a model's 1e999, read as infinity", "1e999"),
            ("Python json.dumps(float('nan'))", "NaN"),
            ("Python json.dumps(float('-inf'))", "-Infinity"),
            ("JavaScript JSON.stringify of a cut emoji", r#""\ud83d""#),
            ("lists as deep as a model repeats them", &deep),
            ("Python json.dumps(2 ** 70)", "1180591620717411303424"),
        ] {
            let text = format!("{{\"risk_score\": 20, \"risk_level\": \"low\", \"n\": {other}}}");
            assert_eq!(parse(&text), Ok((20.0, Level::Low)), "{writer}");
        }
    }

    #[test]
    fn anything_else_is_a_parse_failure_with_its_reason() {
        for (text, why) in [
            ("", "is no JSON"),
            ("```json\n{\"risk_score\": 1, \"risk_level\": \"low\"}\n```", "is no JSON"),
            ("{\"risk_score\": 1, \"risk_level\": \"low\"} I hope this helps", "is no JSON"),
            ("{\"risk_score\": 1, \"risk_level\": \"low\"", "is no JSON"),
            ("[1, \"low\"]", "is no JSON object: is a list"),
            ("{\"risk_level\": \"low\"}", "has no risk_score"),
            ("{\"risk_score\": 5}", "has no risk_level"),
            ("{\"risk_score\": 101, \"risk_level\": \"low\"}", "has the risk_score 101"),
            ("{\"risk_score\": \"5\", \"risk_level\": \"low\"}", "has the risk_score \"5\""),
            (
                "{\"risk_score\": 1e999, \"risk_level\": \"low\"}",
                "has the risk_score 1e999, allowed",
            ),
            ("{\"risk_score\": NaN, \"risk_level\": \"low\"}", "has the risk_score null or NaN"),
            ("{\"risk_score\": null, \"risk_level\": \"low\"}", "has the risk_score null or NaN"),
            ("{\"risk_score\": 5, \"risk_level\": \"Low\"}", "has the risk_level \"Low\""),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.starts_with(why), "{text}: {found}");
        }
        let deep = "[".repeat(60_000);
        assert!(parse(&deep).is_err());
        let long = format!("{{\"risk_score\": 5, \"risk_level\": \"{}\"}}", "é".repeat(9_000));
        assert!(parse(&long).unwrap_err().len() < 300);
    }
}
