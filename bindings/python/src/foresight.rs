//! What an experiment can see with the fleet at hand, before it starts.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use tidegate_engine::preflight::{ExpectedFleet, Preflight, Sight, SplitSight};

use crate::experiment::Experiment;
use crate::split::invalid;

/// The fleet as its owner expects it, under the names that the command has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fleet {
    cameras: Option<u64>,
    analyses_per_day: f64,
    feedback_share: f64,
    fp_rate: Option<f64>,
    error_rate: Option<f64>,
    missed_threat_rate: Option<f64>,
    alert_rate: Option<f64>,
    latency_cv: Option<f64>,
    icc: Option<f64>,
    drift_share: Option<f64>,
}

/// What `tidegate experiment preflight --format json` prints; a test holds the two together.
#[derive(Serialize)]
struct Seen<'a> {
    control_cameras: u64,
    treatment_cameras: u64,
    labels: u64,
    guardrails: Vec<SeenBy>,
    splits: Vec<SeenUnder>,
    sees_most: Option<&'static str>,
    advice: &'a [String],
}

#[derive(Serialize)]
struct SeenBy {
    guardrail: &'static str,
    trials: u64,
    smallest_detectable: f64,
    limit: f64,
    unit: &'static str,
}

#[derive(Serialize)]
struct SeenUnder {
    split: &'static str,
    guardrails: Vec<SeenBy>,
    hours_needed: Option<u64>,
    too_few_cameras_chance: f64,
}

impl From<&Sight> for SeenBy {
    fn from(sight: &Sight) -> Self {
        Self {
            guardrail: sight.guardrail.as_str(),
            trials: sight.trials,
            smallest_detectable: sight.detectable,
            limit: sight.limit,
            unit: sight.unit,
        }
    }
}

impl From<&SplitSight> for SeenUnder {
    fn from(split: &SplitSight) -> Self {
        Self {
            split: split.method.as_str(),
            guardrails: split.sights.iter().map(Into::into).collect(),
            hours_needed: split.hours_needed,
            too_few_cameras_chance: split.too_few_chance,
        }
    }
}

/// What `experiment` can see of `fleet`, a JSON object with the names of `tidegate experiment preflight`; as JSON.
#[pyfunction]
pub(crate) fn preflight(experiment: &Experiment, fleet: &str) -> PyResult<String> {
    let fleet: Fleet = serde_json::from_str(fleet).map_err(|fault| invalid("fleet", &fault))?;
    let experiment = experiment.definition().experiment();
    let listed = experiment.assignment.cameras.len() as u64;
    let cameras = fleet.cameras.or((listed > 0).then_some(listed)).ok_or_else(|| {
        PyValueError::new_err("cameras: is missing, and the experiment does not list its fleet")
    })?;
    let usual = ExpectedFleet::new(cameras, fleet.analyses_per_day, fleet.feedback_share);
    let expected = ExpectedFleet {
        fp_rate: fleet.fp_rate.unwrap_or(usual.fp_rate),
        error_rate: fleet.error_rate.unwrap_or(usual.error_rate),
        missed_threat_rate: fleet.missed_threat_rate.unwrap_or(usual.missed_threat_rate),
        alert_rate: fleet.alert_rate.unwrap_or(usual.alert_rate),
        latency_cv: fleet.latency_cv.unwrap_or(usual.latency_cv),
        correlation: fleet.icc.unwrap_or(usual.correlation),
        drift: fleet.drift_share.unwrap_or(usual.drift),
        ..usual
    };
    let preflight = Preflight::new(experiment, &expected)
        .map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    let [control_cameras, treatment_cameras] = preflight.cameras;
    let seen = Seen {
        control_cameras,
        treatment_cameras,
        labels: preflight.labels,
        guardrails: preflight.sights.iter().map(Into::into).collect(),
        splits: preflight.splits.iter().map(Into::into).collect(),
        sees_most: preflight.best_split().map(|split| split.method.as_str()),
        advice: &preflight.advice,
    };
    serde_json::to_string(&seen).map_err(|fault| PyValueError::new_err(fault.to_string()))
}
