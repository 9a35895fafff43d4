//! What an experiment can see with the fleet at hand, before it starts.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use tidegate_engine::preflight::{ExpectedFleet, Preflight};
use tidegate_spec::api::PreflightDocument;

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
    disagreement: Option<f64>,
    false_alarm_change: Option<f64>,
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
        disagreement: fleet.disagreement.unwrap_or(usual.disagreement),
        false_alarm_change: fleet.false_alarm_change,
        ..usual
    };
    let preflight = Preflight::new(experiment, &expected)
        .map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    let seen = PreflightDocument::from(&preflight);
    serde_json::to_string(&seen).map_err(|fault| PyValueError::new_err(fault.to_string()))
}
