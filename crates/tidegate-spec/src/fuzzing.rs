//! Files and bodies from outside, changed in every way: no panic, no long time, no memory that grows; and what is
//! read is printed as the same again.

use crate::api::{OBSERVATIONS_MAX, Object, Observation};
use crate::{Case, ExperimentFile, ScenarioFile};
use fuzz::Target;

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[test]
fn experiment_files() {
    let words = &[
        "key",
        "control",
        "treatment",
        "[ab]",
        "[shadow]",
        "[guardrails]",
        "[assignment]",
        "[full]",
        "[promotion]",
        "steps",
        "duration_hours",
        "dwell_hours",
        "treatment_percentage",
        "overrides",
        "cameras",
        "split",
        "\"switchback\"",
        "\"balanced\"",
        "preset",
        "\"production\"",
        "prompt",
        "alert_threshold",
        "[feedback]",
        "[limits]",
        "[evaluation]",
        "nan",
        "inf",
        "holdback",
    ];
    Target { name: "experiment", words }.fuzz(|bytes| {
        let Ok(file) = ExperimentFile::parse(&text(bytes)) else { return };
        for printed in [file.to_toml(), file.to_json()] {
            let again = ExperimentFile::parse(&printed).expect("what is printed is read");
            assert_eq!(again.definition.digest(), file.definition.digest(), "{printed}");
        }
    });
}

#[test]
fn scenario_files() {
    let words = &[
        "[experiment]",
        "[fleet]",
        "[[effects]]",
        "[expect]",
        "[unrest]",
        "cameras",
        "runs",
        "seed",
        "hours",
        "from_hour",
        "per_camera_day",
        "nan",
        "inf",
        "[grid]",
    ];
    Target { name: "scenario", words }.fuzz(|bytes| {
        // What is wrong with it is told, however much that is.
        if let Err(error) = ScenarioFile::parse(&text(bytes)) {
            let _ = error.to_string();
        }
    });
}

#[test]
fn cases_of_a_data_set() {
    let words = &[
        "\"id\":",
        "\"expected\":",
        "\"score\":",
        "\"min\":",
        "\"level\":",
        "\"answers\":",
        "\"text\":",
        "\"risk_score\":",
        "\"error\":",
        "\"critical\"",
    ];
    Target { name: "case", words }.fuzz(|bytes| {
        // A data set is given up after as many faults.
        for line in text(bytes).lines().filter(|line| !line.is_empty()).take(20) {
            if let Err(error) = Case::parse(line) {
                let _ = error.to_string();
            }
        }
    });
}

#[test]
fn observations() {
    let words = &[
        "\"type\":",
        "\"analysis\"",
        "\"comparison\"",
        "\"feedback\"",
        "\"experiment\":",
        "\"camera_id\":",
        "\"variant\":",
        "\"latency_ms\":",
        "\"score\":",
        "\"control\":",
        "\"label\":",
        "\"correct\"",
    ];
    Target { name: "observation", words }.fuzz(|bytes| {
        // More in one body are refused as too many.
        for line in text(bytes).lines().filter(|line| !line.is_empty()).take(OBSERVATIONS_MAX) {
            match serde_json::from_str::<Object<Observation>>(line) {
                Ok(Object(observation)) => drop(observation.check()),
                Err(error) => drop(crate::wording::of_json(&error)),
            }
        }
    });
}
