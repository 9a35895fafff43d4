//! What comes from outside: experiment and scenario files in TOML or JSON, turned into the engine's types, and the
//! cases of a data set.
//!
//! [`api`] has the bodies of the HTTP interface.
//!
//! A file is read to its end and every fault is reported at once, each with its path, its value and
//! what is allowed there. Unknown keys are faults.

pub mod api;
pub mod case;
pub mod document;
pub mod experiment;
pub mod fields;
#[cfg(test)]
mod fuzzing;
pub mod host;
pub mod json;
pub mod preset;
pub mod scenario;
pub mod wording;

pub use case::Case;
pub use document::{ParseError, Syntax};
pub use experiment::{EvaluationMetric, EvaluationSettings, ExperimentFile};
pub use fields::{Fault, Faults};
pub use preset::Preset;
pub use scenario::ScenarioFile;
