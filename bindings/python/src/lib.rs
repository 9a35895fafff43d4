//! The engine in a Python process.
//!
//! What goes in and comes out is text, numbers and JSON in the shapes of the HTTP interface, so that one description
//! serves both; `tidegate.engine` makes dataclasses of it.

mod experiment;
mod foresight;
mod offline;
mod rollout;
mod serving;
mod simulation;
mod split;
mod student;

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;

create_exception!(
    tidegate._engine,
    InvalidExperiment,
    PyValueError,
    "An experiment file that is not valid; the text names every fault."
);
create_exception!(
    tidegate._engine,
    Rejected,
    PyValueError,
    "The rollout refused an event, and is as it was before."
);
create_exception!(
    tidegate._engine,
    Duplicate,
    Rejected,
    "The event was reported before; nothing is counted twice."
);

/// The module.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use super::experiment::Experiment;
    #[pymodule_export]
    use super::foresight::preflight;
    #[pymodule_export]
    use super::offline::{evaluate, replay, tune};
    #[pymodule_export]
    use super::rollout::{Rollout, Snapshot};
    #[pymodule_export]
    use super::serving::{Assignment, Serving};
    #[pymodule_export]
    use super::simulation::simulate;
    #[pymodule_export]
    use super::split::{assign, assign_name, camera_hash};
    #[pymodule_export]
    use super::student::t_two_sided;
    #[pymodule_export]
    use super::{Duplicate, InvalidExperiment, Rejected};
}
