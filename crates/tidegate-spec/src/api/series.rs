//! What each guardrail said over time.

use serde::{Deserialize, Serialize};
use tidegate_engine::exposure::Window;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::series;
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;

use super::history::window_name;
#[cfg(feature = "openapi")]
use super::schema;
use super::shown;

/// `GET /v1/experiments/{key}/series`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Series {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// The phase.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Window))]
    pub phase: String,
    /// Each guardrail that was watched in it; none before the first look, and of a phase that was over before points were kept.
    pub guardrails: Vec<GuardrailSeries>,
}

/// What one guardrail said over time. Changes, bounds and limits are in `unit`; more is worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuardrailSeries {
    /// The metric, such as `fp_rate`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Guardrail))]
    pub guardrail: String,
    /// `points` or `percent`.
    pub unit: String,
    /// What is harm, by the newest point that has a limit.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub limit: Option<f32>,
    /// `E` from which the rollout rolls back; none where the guardrail only warns.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub evidence_needed: Option<f32>,
    /// At most 600, by time: the first, the last, and of the older ones some.
    pub points: Vec<GuardrailPoint>,
}

/// What one guardrail said at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GuardrailPoint {
    /// When.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub at: String,
    /// `pass`, `inconclusive`, `alarm` or `fail`; the threshold rule has none.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Verdict>))]
    pub verdict: Option<String>,
    /// Treatment less control, once there is anything to compare.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub change: Option<f32>,
    /// Lower one-sided 95 % bound.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub low_95: Option<f32>,
    /// Upper one-sided 95 % bound.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub high_95: Option<f32>,
    /// What was harm then; none where it is a part of a rate that was 0.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub limit: Option<f32>,
    /// `E`, at most 3.4e38; the threshold rule has none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub evidence: Option<f32>,
}

impl Series {
    /// What the guardrails of a run said in a phase.
    pub fn new(
        experiment: &ExperimentKey,
        run: u32,
        phase: Window,
        series: &series::Series,
    ) -> Self {
        let points = series.points(phase);
        let watched = Guardrail::ALL.into_iter();
        Self {
            experiment: experiment.to_string(),
            run,
            phase: window_name(phase).to_owned(),
            guardrails: watched.filter_map(|one| GuardrailSeries::of(one, points)).collect(),
        }
    }
}

impl GuardrailSeries {
    /// One guardrail by itself; none where it was never watched.
    fn of(guardrail: Guardrail, points: &[series::SeriesPoint]) -> Option<Self> {
        let of_one = points.iter().filter_map(|all| {
            let point = all.guardrails.iter().find(|point| point.guardrail == guardrail)?;
            Some((all.at, point))
        });
        let newest = of_one.clone().map(|(_, point)| point).next_back()?;
        let points: Vec<GuardrailPoint> = of_one.map(GuardrailPoint::of).collect();
        Some(Self {
            guardrail: guardrail.as_str().to_owned(),
            unit: newest.unit().to_owned(),
            limit: points.iter().rev().find_map(|point| point.limit),
            evidence_needed: newest.evidence_needed,
            points,
        })
    }
}

impl GuardrailPoint {
    fn of((at, point): (Timestamp, &series::GuardrailPoint)) -> Self {
        Self {
            at: shown(at),
            verdict: point.verdict.map(Verdict::as_str).map(str::to_owned),
            change: point.change.map(|change| change.estimate),
            low_95: point.change.and_then(|change| change.low),
            high_95: point.change.and_then(|change| change.high),
            limit: point.limit,
            evidence: point.evidence,
        }
    }
}
