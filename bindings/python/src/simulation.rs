//! Whole rollouts, simulated by the thousand.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tidegate_offline::tune::Sampling;
use tidegate_sim::{Summary, World, monte_carlo};
use tidegate_spec::ScenarioFile;
use tidegate_spec::scenario::{RUNS_MAX, Setting};

use crate::InvalidExperiment;
use crate::split::invalid;

/// As the command has it.
const THREADS_MAX: u16 = 1_024;

/// The threads that simulate.
pub(crate) struct Pool(rayon::ThreadPool);

impl Pool {
    /// None, which is 0, is as many as there are processors.
    pub(crate) fn new(threads: Option<u16>) -> PyResult<Self> {
        if let Some(threads) = threads.filter(|threads| !(1..=THREADS_MAX).contains(threads)) {
            let text = format!("{threads} is out of range, allowed: 1 to {THREADS_MAX}");
            return Err(invalid("threads", &text));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into());
        pool.build().map(Self).map_err(|fault| invalid("threads", &fault))
    }

    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }
}

pub(crate) fn runs_of(runs: Option<u32>) -> PyResult<Option<u32>> {
    match runs {
        Some(runs) if !(1..=RUNS_MAX).contains(&u64::from(runs)) => {
            Err(invalid("runs", &format!("{runs} is out of range, allowed: 1 to {RUNS_MAX}")))
        }
        runs => Ok(runs),
    }
}

/// As a scenario's own.
pub(crate) fn seed_of(seed: Option<u64>) -> PyResult<Option<u64>> {
    match seed {
        Some(seed) if i64::try_from(seed).is_err() => {
            let allowed = format!("{seed} is out of range, allowed: 0 to {}", i64::MAX);
            Err(invalid("seed", &allowed))
        }
        seed => Ok(seed),
    }
}

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
    let sampling = Sampling { runs: runs_of(runs)?, seed: seed_of(seed)? };
    let file = ScenarioFile::parse(text).map_err(refused)?;
    let file = match rule {
        None => Cow::Borrowed(&file),
        Some(rule) => {
            let setting = Setting::new("guardrails.rule", rule);
            Cow::Owned(file.with(&[setting]).map_err(refused)?)
        }
    };
    let worlds: Result<Vec<World>, _> =
        file.scenarios().iter().map(|scenario| sampling.world(scenario.clone())).collect();
    let worlds = worlds.map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    let pool = Pool::new(threads)?;
    let mut summaries = Vec::new();
    for world in &worlds {
        let runs = world.scenario().runs;
        let summary = py.detach(|| {
            let outcomes = pool.run(|| monte_carlo::simulate(world, runs, || ()));
            serde_json::to_string(&Summary::new(world, &outcomes))
        });
        summaries.push(summary.map_err(|fault| PyValueError::new_err(fault.to_string()))?);
        // Between two scenarios an interrupt is heard.
        py.check_signals()?;
    }
    Ok(summaries)
}
