//! One metric: both prompts on the cases where both were measured.

use serde::Serialize;
use tidegate_spec::EvaluationMetric;

use crate::sides::Sides;
use crate::verdict::EvaluationVerdict;

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricInterval {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
}

/// What one metric says of both prompts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    #[serde(serialize_with = "name")]
    pub metric: EvaluationMetric,
    /// The cases it could be measured on.
    pub pairs: PairCounts,
    /// The comparison; none where no case was measured on both sides.
    pub change: Option<MetricChange>,
    /// Both shares with failures counted as wrong answers, over the cases that both were asked: what is left out
    /// above decides nothing here. None for a metric that leaves nothing out, and for a latency.
    pub of_all: Option<Sides<f64>>,
    /// What follows.
    pub verdict: EvaluationVerdict,
    /// Why, in one sentence.
    pub reason: String,
}

/// Cases by the sides on which a metric could be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PairCounts {
    /// On both; these are compared.
    pub both: u64,
    /// Scenarios that these come from.
    pub scenarios: u64,
    /// On the control's side alone.
    pub control_only: u64,
    /// On the treatment's side alone.
    pub treatment_only: u64,
    /// On neither.
    pub neither: u64,
}

impl PairCounts {
    /// Cases that are left out.
    pub const fn left_out(&self) -> u64 {
        self.control_only + self.treatment_only + self.neither
    }
}

/// The treatment compared with the control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricChange {
    /// The control's share, or the geometric mean of its latencies in milliseconds.
    pub control: f64,
    /// The treatment's.
    pub treatment: f64,
    /// Treatment less control for shares; treatment over control, less 1, for latencies.
    pub difference: f64,
    /// The difference with 95 % confidence, every case on its own: Tango's score interval for shares, that of the
    /// paired t for latencies; none for a single latency.
    pub interval: Option<MetricInterval>,
    /// The difference with 95 % confidence, by the bootstrap over scenarios; none for a single scenario.
    pub scenario_interval: Option<MetricInterval>,
    /// `mcnemar_exact` or `paired_t_of_logarithms`.
    pub test: &'static str,
    /// How the answers of both sides fell, for shares.
    pub outcomes: Option<Outcomes>,
    /// Student's t, for latencies; none where it is infinite.
    pub statistic: Option<f64>,
    /// Its degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// The chance of a difference at least as large were there none, two-sided; none for a single latency.
    pub p: Option<f64>,
    /// The same, adjusted by Holm's method for the number of metrics.
    pub p_holm: Option<f64>,
    /// How large the difference is beside what varies.
    pub effect: EffectSize,
}

/// Pairs by what was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Both were right.
    pub both_right: u64,
    /// The control alone was.
    pub control_right: u64,
    /// The treatment alone was.
    pub treatment_right: u64,
    /// Neither was.
    pub neither_right: u64,
}

/// An effect size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EffectSize {
    /// `cohens_g` or `cohens_dz`.
    pub name: &'static str,
    /// Its value; none where nothing varies.
    pub value: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn name<S: serde::Serializer>(metric: &EvaluationMetric, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(metric.as_str())
}
