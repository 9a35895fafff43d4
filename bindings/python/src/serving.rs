//! What an experiment serves at one moment, by handle.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tidegate_engine::assignment::{self, ServeReason, SplitMethod};
use tidegate_engine::experiment::Definition;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

use crate::split::{camera, invalid};

/// What a camera is served, and why.
#[pyclass(frozen, eq, hash, skip_from_py_object, module = "tidegate._engine")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Assignment {
    variant: Variant,
    reason: ServeReason,
}

#[pymethods]
impl Assignment {
    /// `"control"` or `"treatment"`.
    #[getter]
    fn variant(&self) -> &'static str {
        self.variant.as_str()
    }

    /// What decided, such as `"split"`.
    #[getter]
    fn reason(&self) -> &'static str {
        self.reason.as_str()
    }

    fn __repr__(&self) -> String {
        format!(
            "Assignment(variant='{}', reason='{}')",
            self.variant.as_str(),
            self.reason.as_str()
        )
    }
}

/// Every assignment there can be, made once: a caller gets one of these and nothing is allocated.
static ASSIGNMENTS: PyOnceLock<Vec<Py<Assignment>>> = PyOnceLock::new();

pub(crate) fn shown(py: Python<'_>, assigned: assignment::Assignment) -> PyResult<Py<Assignment>> {
    let all = ASSIGNMENTS.get_or_try_init(py, || {
        let pairs = Variant::ALL
            .into_iter()
            .flat_map(|variant| ServeReason::ALL.map(|reason| Assignment { variant, reason }));
        pairs.map(|assignment| Py::new(py, assignment)).collect::<PyResult<Vec<_>>>()
    })?;
    let side = match assigned.variant {
        Variant::Control => 0,
        Variant::Treatment => ServeReason::ALL.len(),
    };
    Ok(all[side + assigned.reason.index()].clone_ref(py))
}

/// What one experiment serves at one moment: a value that never changes, for any number of threads.
#[pyclass(frozen, module = "tidegate._engine")]
#[derive(Debug)]
pub(crate) struct Serving {
    serving: assignment::Serving,
    method: SplitMethod,
}

impl Serving {
    pub(crate) fn new(serving: assignment::Serving, definition: &Definition) -> Self {
        Self { serving, method: definition.experiment().assignment.method }
    }
}

#[pymethods]
impl Serving {
    /// What `camera_id` is served. The time, in milliseconds since 1970, matters in a switchback alone; left out it is
    /// the machine's.
    #[pyo3(signature = (camera_id, at_ms=None))]
    fn assign(
        &self,
        py: Python<'_>,
        camera_id: &str,
        at_ms: Option<i64>,
    ) -> PyResult<Py<Assignment>> {
        let at = match (at_ms, self.method) {
            (Some(at_ms), _) => at(at_ms)?,
            (None, SplitMethod::Switchback) => now()?,
            // Reading a clock takes longer than all else that is done here.
            (None, SplitMethod::Hash | SplitMethod::Balanced) => Timestamp::EPOCH,
        };
        shown(py, self.serving.assign(&camera(camera_id)?, at))
    }
}

pub(crate) fn at(at_ms: i64) -> PyResult<Timestamp> {
    Timestamp::from_ms(at_ms).map_err(|fault| invalid("at_ms", &fault))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the shell: who asks without a time wants the present one"
)]
fn now() -> PyResult<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    at(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
