//! Whole rollouts, simulated by the thousand.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tidegate_sim::{Summary, World, monte_carlo};
use tidegate_spec::ScenarioFile;
use tidegate_spec::scenario::{RUNS_MAX, Setting};

use crate::InvalidExperiment;
use crate::split::invalid;

/// Simulates each scenario of a file in TOML or JSON, and gives for each what `tidegate simulate --format json` prints.
///
/// `runs`, `seed` and `rule` stand in place of the scenario's; `threads` change no result, and without them there is one for
/// each processor.
#[pyfunction]
#[pyo3(signature = (text, *, runs=None, seed=None, rule=None, threads=None))]
pub(crate) fn simulate(
    py: Python<'_>,
    text: &str,
    runs: Option<u32>,
    seed: Option<u64>,
    rule: Option<&str>,
    threads: Option<u16>,
) -> PyResult<Vec<String>> {
    let refused = |fault: tidegate_spec::ParseError| InvalidExperiment::new_err(fault.to_string());
    if let Some(runs) = runs.filter(|runs| !(1..=RUNS_MAX).contains(&u64::from(*runs))) {
        return Err(invalid("runs", &format!("{runs} is out of range, allowed: 1 to {RUNS_MAX}")));
    }
    // As a scenario's own.
    if let Some(seed) = seed.filter(|seed| i64::try_from(*seed).is_err()) {
        let allowed = format!("{seed} is out of range, allowed: 0 to {}", i64::MAX);
        return Err(invalid("seed", &allowed));
    }
    let file = ScenarioFile::parse(text).map_err(refused)?;
    let file = match rule {
        None => Cow::Borrowed(&file),
        Some(rule) => {
            let setting = Setting::new("guardrails.rule", rule);
            Cow::Owned(file.with(&[setting]).map_err(refused)?)
        }
    };
    let mut worlds = Vec::new();
    for scenario in file.scenarios() {
        let mut scenario = scenario.clone();
        scenario.runs = runs.unwrap_or(scenario.runs);
        scenario.seed = seed.unwrap_or(scenario.seed);
        let name = scenario.name.clone();
        worlds.push(World::new(scenario).map_err(|fault| invalid(&name, &fault))?);
    }
    // None, which is 0, is as many as there are processors.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into());
    let pool = pool.build().map_err(|fault| invalid("threads", &fault))?;
    let mut summaries = Vec::new();
    for world in &worlds {
        let runs = world.scenario().runs;
        let summary = py.detach(|| {
            let outcomes = pool.install(|| monte_carlo::simulate(world, runs, || ()));
            serde_json::to_string(&Summary::new(world, &outcomes))
        });
        summaries.push(summary.map_err(|fault| PyValueError::new_err(fault.to_string()))?);
        // Between two scenarios an interrupt is heard.
        py.check_signals()?;
    }
    Ok(summaries)
}
