//! One run of an experiment, driven event by event.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use serde::{Deserialize, Serialize};
use tidegate_engine::decision::Decision;
use tidegate_engine::event::{Action, Actor, Command, Event, Reason, Rejection};
use tidegate_engine::exposure::Window;
use tidegate_engine::look::Check;
use tidegate_engine::rollout::DeadlineReason;
use tidegate_engine::snapshot;
use tidegate_engine::threshold::Finding;
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;
use tidegate_spec::api::{
    self, ByVariantMetrics, CheckReport, HistoryItem, Judgement, Observation, Pairs, SplitCheck,
};

use crate::experiment::Experiment;
use crate::serving::{Assignment, Serving, at, shown};
use crate::split::{camera, invalid};
use crate::{Duplicate, Rejected};

/// One run of an experiment: what the daemon decides with, without the daemon.
#[pyclass(module = "tidegate._engine")]
#[derive(Debug)]
pub(crate) struct Rollout {
    experiment: Experiment,
    run: tidegate_engine::Rollout,
    /// Taken at deadlines before an event that was then refused.
    untold: Vec<Decision>,
}

/// All that a rollout remembers, kept in this process. What must outlive it is the daemon's business.
#[pyclass(frozen, module = "tidegate._engine")]
#[derive(Debug)]
pub(crate) struct Snapshot {
    snapshot: snapshot::Snapshot,
}

#[pymethods]
impl Snapshot {
    /// The fingerprint of the settings that it was taken under.
    #[getter]
    fn digest(&self) -> String {
        self.snapshot.definition.to_string()
    }
}

/// A person's action, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionEvent {
    action: String,
    actor: String,
    reason: String,
}

/// Where a rollout stands, as `GET …/status` has it; what only the daemon knows is left out.
#[derive(Serialize)]
struct Status {
    phase: &'static str,
    condition: &'static str,
    now: String,
    started_at: Option<String>,
    remaining_hours: f64,
    treatment_share: f64,
    step: api::Step,
    window: &'static str,
    variants: ByVariantMetrics,
    pairs: Pairs,
    guardrails: Vec<Judgement>,
    split: Option<SplitCheck>,
    finding: String,
    next_at: Option<String>,
    next_deadline: Option<&'static str>,
    cameras: usize,
    observations: u64,
    open_analyses: usize,
}

#[pymethods]
impl Rollout {
    #[new]
    fn new(experiment: &Experiment) -> Self {
        let run = tidegate_engine::Rollout::new(experiment.definition().clone());
        Self { experiment: experiment.clone(), run, untold: Vec::new() }
    }

    /// Meets every deadline up to `at_ms`, then takes in an event: an observation as `POST /v1/observations` has it, or
    /// an action with `action`, `actor` and `reason`; without one, time passes. Gives the decisions, as JSON.
    #[pyo3(signature = (at_ms, event=None))]
    fn apply(&mut self, py: Python<'_>, at_ms: i64, event: Option<&str>) -> PyResult<String> {
        let at = at(at_ms)?;
        let event = event.map(|event| self.read(event)).transpose()?;
        let applied = py.detach(|| self.apply_event(at, event.as_ref()));
        let items: Vec<HistoryItem> =
            applied?.iter().map(|decision| HistoryItem::new(1, decision)).collect();
        json(&items)
    }

    /// When time will do something, in milliseconds since 1970, and what.
    fn next_deadline(&self) -> Option<(i64, &'static str)> {
        self.run.next_deadline().map(|(at, reason)| (at.ms(), reason.as_str()))
    }

    /// What a camera is served.
    fn assign(&self, py: Python<'_>, camera_id: &str, at_ms: i64) -> PyResult<Py<Assignment>> {
        shown(py, self.run.serve(&camera(camera_id)?, at(at_ms)?))
    }

    /// What it serves now, as a value that never changes.
    fn serving(&self) -> Serving {
        Serving::new(self.run.serving(), self.run.definition())
    }

    /// Where it stands, as JSON.
    fn status(&self, at_ms: i64) -> PyResult<String> {
        let status = self.run.status(at(at_ms)?);
        let lifecycle = self.run.lifecycle();
        let (next_at, next_deadline) = status.next.unzip();
        let step = |step: usize| u32::try_from(step).unwrap_or(u32::MAX);
        json(&Status {
            phase: status.state.phase.as_str(),
            condition: status.state.condition.as_str(),
            now: api::shown(at(at_ms)?),
            started_at: lifecycle.started_at.map(api::shown),
            remaining_hours: status.remaining.hours(),
            treatment_share: status.share.value(),
            step: api::Step { number: step(status.step.0), of: step(status.step.1) },
            window: window_name(status.window),
            variants: ByVariantMetrics {
                control: (&status.sides.control).into(),
                treatment: (&status.sides.treatment).into(),
            },
            pairs: Pairs::labelled(&status.pairs, &self.run.sums().shadow),
            guardrails: Judgement::all(&status.check),
            split: SplitCheck::of(&status.check),
            finding: api::finding(&status.check),
            next_at: next_at.map(api::shown),
            next_deadline: next_deadline.map(DeadlineReason::as_str),
            cameras: status.cameras,
            observations: lifecycle.observations,
            open_analyses: status.open_analyses,
        })
    }

    /// What the guardrails say now, with no effect; JSON as `POST …/check` has it.
    fn check(&self) -> PyResult<String> {
        let check = self.run.check();
        let should_roll_back = match &check {
            Check::Sequential(look) => look.any(Verdict::Fail),
            Check::Threshold(check) => matches!(check.finding, Finding::Breach(_)),
        };
        json(&CheckReport {
            should_roll_back,
            reason: api::finding(&check),
            guardrails: Judgement::all(&check),
            split: SplitCheck::of(&check),
        })
    }

    /// All that it remembers.
    fn snapshot(&self) -> Snapshot {
        Snapshot { snapshot: self.run.snapshot() }
    }

    /// Takes a rollout up again, to decide from now on as if it had never stopped.
    #[classmethod]
    fn restore(
        _class: &Bound<'_, PyType>,
        experiment: &Experiment,
        snapshot: &Snapshot,
    ) -> PyResult<Self> {
        let (definition, snapshot) = (experiment.definition().clone(), snapshot.snapshot.clone());
        let run = tidegate_engine::Rollout::restore(definition, snapshot)
            .map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        Ok(Self { experiment: experiment.clone(), run, untold: Vec::new() })
    }

    /// The experiment it runs by.
    #[getter]
    fn experiment(&self) -> Experiment {
        self.experiment.clone()
    }
}

impl Rollout {
    /// An event that is refused leaves the deadlines met: that time passed is no part of it. What was decided at them is
    /// told by the next call.
    fn apply_event(&mut self, at: Timestamp, event: Option<&Event>) -> PyResult<Vec<Decision>> {
        while let Some((due, _)) = self.run.next_deadline().filter(|(due, _)| *due <= at) {
            let decided = self.run.apply(due, &Event::Tick).map_err(|why| rejected(&why))?;
            self.untold.extend(decided);
        }
        let event = event.unwrap_or(&Event::Tick);
        let decided = self.run.apply(at, event).map_err(|why| rejected(&why))?;
        self.untold.extend(decided);
        Ok(std::mem::take(&mut self.untold))
    }

    fn read(&self, event: &str) -> PyResult<Event> {
        let not_json = |fault: serde_json::Error| PyValueError::new_err(format!("event: {fault}"));
        let value: serde_json::Value = serde_json::from_str(event).map_err(not_json)?;
        if value.get("action").is_some() {
            let ActionEvent { action, actor, reason } =
                serde_json::from_value(value).map_err(not_json)?;
            let command = Command::ALL.into_iter().find(|command| command.as_str() == action);
            let command = command.ok_or_else(|| {
                let allowed = Command::ALL.map(Command::as_str).join(" | ");
                invalid(
                    "action",
                    &format!("{} is not allowed, allowed: {allowed}", api::quoted(&action)),
                )
            })?;
            return Ok(Event::Action(Action {
                command,
                actor: Actor::new(&actor).map_err(|fault| invalid("actor", &fault))?,
                reason: Reason::new(&reason).map_err(|fault| invalid("reason", &fault))?,
            }));
        }
        let observation: Observation = serde_json::from_value(value).map_err(not_json)?;
        let reported =
            observation.check().map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        let key = &self.experiment.definition().experiment().key;
        if reported.experiment != *key {
            let fault = format!("`{}` is another than this one, `{key}`", reported.experiment);
            return Err(invalid("experiment", &fault));
        }
        Ok(reported.event)
    }
}

const fn window_name(window: Window) -> &'static str {
    match window {
        Window::Shadow => "shadow",
        Window::Ab => "ab",
        Window::Full => "full",
        Window::Outside => "outside",
    }
}

fn rejected(rejection: &Rejection) -> PyErr {
    if matches!(rejection, Rejection::Duplicate { .. } | Rejection::SameLabel { .. }) {
        Duplicate::new_err(rejection.to_string())
    } else {
        Rejected::new_err(rejection.to_string())
    }
}

fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|fault| PyValueError::new_err(fault.to_string()))
}
