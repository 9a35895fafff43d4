//! Recordings replayed, data sets compared and limits tuned, as the command does it; what comes out is its JSON.

use std::path::{Path, PathBuf};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use serde::Deserialize;
use tidegate_engine::id::PromptKey;
use tidegate_engine::number::Share;
use tidegate_engine::time::Duration;
use tidegate_evaluate::{RESAMPLES, RESAMPLES_DEFAULT, SEED_DEFAULT, Settings};
use tidegate_offline::OfflineError;
use tidegate_offline::replay::{JsonReport, Map, PreparedReplay, ReplaySettings};
use tidegate_offline::tune::{Grid, Sampling, TuneSettings};
use tidegate_sim::monte_carlo;
use tidegate_sim::sweep::Objective;
use tidegate_spec::scenario::Variation;
use tidegate_spec::{EvaluationMetric, ScenarioFile};

use crate::InvalidExperiment;
use crate::experiment::Experiment;
use crate::serving::at;
use crate::simulation::{Pool, runs_of, seed_of};
use crate::split::invalid;

/// What is compared, with the names that the command has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvaluateOptions {
    control: String,
    treatment: String,
    metrics: Option<Vec<String>>,
    resamples: Option<u32>,
    seed: Option<u64>,
    rejected_max: f64,
}

/// How a recording is replayed; lengths and times in milliseconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayOptions {
    window_ms: Option<u64>,
    from_ms: Option<i64>,
    baseline_ms: Option<u64>,
    rejected_max: f64,
    explain: bool,
    by_camera: bool,
}

/// What is varied, and what is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TuneOptions {
    vary: Vec<String>,
    objective: String,
    horizon_hours: Option<f64>,
    false_rollback_max: f64,
    runs: Option<u32>,
    seed: Option<u64>,
    threads: Option<u16>,
}

fn options<'a, T: Deserialize<'a>>(text: &'a str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|fault| invalid("options", &fault))
}

fn refused(error: &OfflineError) -> PyErr {
    match error {
        OfflineError::Unreadable { .. } | OfflineError::Output(_) | OfflineError::Temporary(_) => {
            PyOSError::new_err(error.to_string())
        }
        OfflineError::Invalid { .. } => InvalidExperiment::new_err(error.to_string()),
        OfflineError::BadInput(_) | OfflineError::NoVerdict(_) => {
            PyValueError::new_err(error.to_string())
        }
    }
}

fn percent(name: &str, value: f64) -> PyResult<f64> {
    if (0.0..=100.0).contains(&value) {
        return Ok(value);
    }
    Err(invalid(name, &format!("{value} is out of range, allowed: 0 to 100 percent")))
}

/// Compares two prompts on a data set, and gives what `tidegate evaluate --format json` prints.
#[pyfunction]
#[pyo3(signature = (dataset, options))]
pub(crate) fn evaluate(py: Python<'_>, dataset: &str, options: &str) -> PyResult<String> {
    let asked: EvaluateOptions = self::options(options)?;
    let key = |name: &str, text: &str| -> PyResult<PromptKey> {
        text.parse().map_err(|fault| invalid(name, &fault))
    };
    let resamples = asked.resamples.unwrap_or(RESAMPLES_DEFAULT);
    if !RESAMPLES.contains(&resamples) {
        let (least, most) = (RESAMPLES.start(), RESAMPLES.end());
        let text = format!("{resamples} is out of range, allowed: {least} to {most}");
        return Err(invalid("resamples", &text));
    }
    let settings = Settings {
        control: key("control", &asked.control)?,
        treatment: key("treatment", &asked.treatment)?,
        metrics: metrics(asked.metrics.as_deref())?,
        resamples,
        seed: seed_of(asked.seed)?.unwrap_or(SEED_DEFAULT),
    };
    let rejected_max = percent("rejected_max", asked.rejected_max)?;
    let evaluated = py.detach(|| {
        tidegate_offline::evaluate::evaluate(Path::new(dataset), &settings, rejected_max)
    });
    let evaluated = evaluated.map_err(|error| refused(&error))?;
    serde_json::to_string(&evaluated).map_err(|fault| PyValueError::new_err(fault.to_string()))
}

fn metrics(names: Option<&[String]>) -> PyResult<Vec<EvaluationMetric>> {
    let Some(names) = names else { return Ok(EvaluationMetric::ALL.to_vec()) };
    let found = names.iter().map(|name| {
        let metric = EvaluationMetric::ALL.into_iter().find(|metric| metric.as_str() == name);
        metric.ok_or_else(|| {
            let allowed = EvaluationMetric::ALL.map(EvaluationMetric::as_str).join(" | ");
            invalid("metrics", &format!("`{name}` is no metric, allowed: {allowed}"))
        })
    });
    found.collect()
}

/// Replays a recording, and gives the lines that `tidegate replay --format json` prints. Where too much was rejected for a
/// verdict the one line says so.
#[pyfunction]
pub(crate) fn replay(
    py: Python<'_>,
    records: &str,
    experiment: &Experiment,
    map: &str,
    options: &str,
) -> PyResult<Vec<String>> {
    let asked: ReplayOptions = self::options(options)?;
    let length = |name: &str, ms: Option<u64>| match ms {
        Some(0) => Err(invalid(name, &"0 is out of range, allowed: a length above zero")),
        ms => Ok(ms.map(Duration::from_ms)),
    };
    let settings = ReplaySettings {
        window: length("window", asked.window_ms)?,
        from: asked.from_ms.map(at).transpose()?,
        baseline: length("baseline", asked.baseline_ms)?,
        rejected_max: percent("rejected_max", asked.rejected_max)?,
        explain: asked.explain,
        by_camera: asked.by_camera,
    };
    let map = Map::parse(map).map_err(|fault| invalid("map", &fault))?;
    let definition = experiment.definition().clone();
    let replay = PreparedReplay::new(definition, map, settings).map_err(|error| refused(&error))?;
    let mut told = Vec::new();
    let ended = py.detach(|| {
        replay.run(Path::new(records), &mut JsonReport::new(replay.settings()), &mut told)
    });
    match ended {
        // That there is no verdict is what was told.
        Ok(()) | Err(OfflineError::NoVerdict(_)) => {}
        Err(error) => return Err(refused(&error)),
    }
    let told = String::from_utf8(told).map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// Raises where an interrupt came meanwhile.
fn heard(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// Tries settings on scenarios, and gives the lines that `tidegate tune --format json` prints, and what should be known of
/// what is recommended.
#[pyfunction]
pub(crate) fn tune(
    py: Python<'_>,
    scenarios: Vec<String>,
    options: &str,
) -> PyResult<(Vec<String>, Vec<String>)> {
    let asked: TuneOptions = self::options(options)?;
    let vary: Result<Vec<Variation>, _> = asked.vary.iter().map(|text| text.parse()).collect();
    if asked.horizon_hours.is_some_and(|hours| !(1.0..=87_600.0).contains(&hours)) {
        return Err(invalid("horizon_hours", &"is out of range, allowed: 1 to 87600"));
    }
    let share = Share::new(asked.false_rollback_max);
    let settings = TuneSettings {
        vary: vary.map_err(|fault| invalid("vary", &fault))?,
        objective: match asked.objective.as_str() {
            "harm" => Objective::Harm,
            "hours" => Objective::Hours,
            "missed" => Objective::Missed,
            other => {
                let text = format!("`{other}` is not allowed, allowed: harm | hours | missed");
                return Err(invalid("objective", &text));
            }
        },
        horizon_hours: asked.horizon_hours,
        false_rollback_max: share.map_err(|fault| invalid("false_rollback_max", &fault))?,
        sampling: Sampling { runs: runs_of(asked.runs)?, seed: seed_of(asked.seed)? },
    };
    let mut files = Vec::new();
    for (number, text) in scenarios.into_iter().enumerate() {
        let file = ScenarioFile::parse(&text)
            .map_err(|fault| InvalidExperiment::new_err(fault.to_string()))?;
        files.push((PathBuf::from(format!("scenario {}", number + 1)), file));
    }
    let grid = Grid::new(&files, settings).map_err(|error| refused(&error))?;
    let pool = Pool::new(asked.threads)?;
    let tuned = py.detach(|| {
        grid.tune(|_, world| {
            let outcomes = pool.run(|| monte_carlo::simulate(world, world.scenario().runs, || ()));
            // Between two worlds an interrupt is heard.
            Python::attach(heard).map(|()| outcomes)
        })
    })?;
    let lines = tuned.json_lines().map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    Ok((lines, tuned.warnings()))
}
