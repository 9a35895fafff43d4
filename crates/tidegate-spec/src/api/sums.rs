//! What was counted of each variant, and of both on the same events.

use serde::{Deserialize, Serialize};
use tidegate_engine::observation::Label;
use tidegate_engine::tally::{self, Tally};

#[cfg(feature = "openapi")]
use super::schema;

/// Both variants' sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ByVariantMetrics {
    /// The control's.
    pub control: VariantMetrics,
    /// The treatment's.
    pub treatment: VariantMetrics,
}

/// What one variant showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VariantMetrics {
    /// All analyses, failed ones included.
    pub analyses: u64,
    /// Failed analyses.
    pub errors: u64,
    /// Failed analyses among all; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub error_rate: f64,
    /// Answers whose latency is known.
    pub timed: u64,
    /// Their mean latency in milliseconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub latency_ms_mean: Option<f64>,
    /// Slow answers among those judged; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub slow_rate: f64,
    /// Answers that gave a score.
    pub scored: u64,
    /// Their mean score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_mean: Option<f64>,
    /// Lowest score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_min: Option<u8>,
    /// Highest score.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_max: Option<u8>,
    /// Scores that reached the alert threshold.
    pub alerts: u64,
    /// Alerts among the scored; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub alert_rate: f64,
    /// Labels by kind.
    pub labels: Labels,
    /// False positives among the labels; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub fp_rate: f64,
    /// Missed threats among the labels; 0 where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub missed_threat_rate: f64,
}

/// Feedback labels by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Labels {
    /// All of them.
    pub total: u64,
    /// There was nothing.
    pub false_positive: u64,
    /// The answer was right.
    pub correct: u64,
    /// A threat was not seen.
    pub missed_threat: u64,
    /// Right, but too high or too low.
    pub severity_wrong: u64,
}

impl From<&Tally> for VariantMetrics {
    fn from(tally: &Tally) -> Self {
        Self {
            analyses: tally.analyses,
            errors: tally.errors,
            error_rate: tally.error_rate(),
            timed: tally.timed,
            latency_ms_mean: tally.latency_ms_mean(),
            slow_rate: tally.slow_rate(),
            scored: tally.scored,
            score_mean: tally.score_mean(),
            score_min: tally.score_min.map(tidegate_engine::number::RiskScore::value),
            score_max: tally.score_max.map(tidegate_engine::number::RiskScore::value),
            alerts: tally.alerts,
            alert_rate: tally.alert_rate(),
            labels: Labels {
                total: tally.feedback(),
                false_positive: tally.labelled(Label::FalsePositive),
                correct: tally.labelled(Label::Correct),
                missed_threat: tally.labelled(Label::MissedThreat),
                severity_wrong: tally.labelled(Label::SeverityWrong),
            },
            fp_rate: tally.fp_rate(),
            missed_threat_rate: tally.missed_threat_rate(),
        }
    }
}

/// What both prompts said of the same events in shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pairs {
    /// Comparisons.
    pub comparisons: u64,
    /// Labels of the shadow's events.
    #[serde(default)]
    pub labels: u64,
    /// In which only the control failed.
    pub control_failed: u64,
    /// In which only the treatment failed.
    pub treatment_failed: u64,
    /// In which both failed.
    pub both_failed: u64,
    /// With both scores.
    pub scored: u64,
    /// In which the treatment scored lower, the same, higher.
    pub lower: u64,
    /// See `lower`.
    pub same: u64,
    /// See `lower`.
    pub higher: u64,
    /// Mean absolute difference of the scores.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_diff_abs_mean: Option<f64>,
    /// Mean difference of the latencies in milliseconds, treatment less control.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub latency_ms_diff_mean: Option<f64>,
    /// In which the treatment was slower than the warning threshold allows.
    pub latency_warnings: u64,
    /// Threats that people confirmed and the control alerted on.
    pub confirmed: u64,
    /// Those that the treatment alerted on too.
    pub retained: u64,
}

impl Pairs {
    /// The comparisons of a shadow, with what people said of its events.
    pub fn labelled(pairs: &tally::Pairs, shadow: &Tally) -> Self {
        Self { labels: shadow.feedback(), ..pairs.into() }
    }
}

impl VariantMetrics {
    /// The same with the labels of another sum: people label an event of the shadow once, for its control.
    #[must_use]
    pub fn with_labels_of(self, tally: &Tally) -> Self {
        let Self { labels, fp_rate, missed_threat_rate, .. } = tally.into();
        Self { labels, fp_rate, missed_threat_rate, ..self }
    }
}

impl From<&tally::Pairs> for Pairs {
    fn from(pairs: &tally::Pairs) -> Self {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        Self {
            comparisons: pairs.comparisons(),
            labels: 0,
            control_failed: pairs.control_failed,
            treatment_failed: pairs.treatment_failed,
            both_failed: pairs.both_failed,
            scored: pairs.scored,
            lower: pairs.lower,
            same: pairs.same,
            higher: pairs.higher,
            score_diff_abs_mean: mean(pairs.score_diff_abs_sum as f64, pairs.scored),
            latency_ms_diff_mean: mean(pairs.latency_us_diff_sum as f64 / 1_000.0, pairs.timed),
            latency_warnings: pairs.latency_warnings,
            confirmed: pairs.confirmed,
            retained: pairs.retained,
        }
    }
}
