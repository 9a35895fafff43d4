//! How both prompts are compared offline.

/// What an offline comparison of both prompts looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationSettings {
    /// The folder or file of cases, each with an expected score range and level.
    pub dataset: String,
    /// What is compared.
    pub metrics: Vec<EvaluationMetric>,
}

/// A metric of an offline comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvaluationMetric {
    /// Answers that are valid JSON.
    JsonParseSuccessRate,
    /// Scores within the expected range.
    ScoreInRangeAccuracy,
    /// Risk levels as expected.
    LevelMatchAccuracy,
    /// Time to the answer.
    ResponseLatencyMs,
}

impl EvaluationMetric {
    /// Every metric, in the order of their reporting.
    pub const ALL: [Self; 4] = [
        Self::JsonParseSuccessRate,
        Self::ScoreInRangeAccuracy,
        Self::LevelMatchAccuracy,
        Self::ResponseLatencyMs,
    ];

    /// Its name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonParseSuccessRate => "json_parse_success_rate",
            Self::ScoreInRangeAccuracy => "score_in_range_accuracy",
            Self::LevelMatchAccuracy => "level_match_accuracy",
            Self::ResponseLatencyMs => "response_latency_ms",
        }
    }
}
