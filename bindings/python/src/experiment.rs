//! The definition of an experiment.

use pyo3::prelude::*;
use pyo3::types::PyType;
use tidegate_engine::assignment::{self, ServeReason};
use tidegate_engine::experiment::Definition;
use tidegate_engine::number::Share;
use tidegate_spec::ExperimentFile;
use tidegate_spec::experiment::rule_name;

use crate::InvalidExperiment;
use crate::serving::Serving;
use crate::split::invalid;

/// A valid experiment.
#[pyclass(frozen, skip_from_py_object, module = "tidegate._engine")]
#[derive(Debug, Clone)]
pub(crate) struct Experiment {
    file: ExperimentFile,
}

impl Experiment {
    pub(crate) const fn definition(&self) -> &Definition {
        &self.file.definition
    }
}

#[pymethods]
impl Experiment {
    /// Reads an experiment in TOML, or in JSON where the text begins with a brace; what it leaves out has its default.
    #[classmethod]
    fn from_toml(_class: &Bound<'_, PyType>, text: &str) -> PyResult<Self> {
        let file = ExperimentFile::parse(text);
        let file = file.map_err(|fault| InvalidExperiment::new_err(fault.to_string()))?;
        Ok(Self { file })
    }

    /// The same experiment split under another salt, as each run after the first is.
    fn with_salt(&self, salt: &str) -> PyResult<Self> {
        let mut experiment = self.definition().experiment().clone();
        experiment.salt = salt.parse().map_err(|fault| invalid("salt", &fault))?;
        let definition = Definition::new(experiment);
        let definition =
            definition.map_err(|faults| InvalidExperiment::new_err(format!("{faults:?}")))?;
        Ok(Self { file: ExperimentFile { definition, ..self.file.clone() } })
    }

    /// The file with every default filled in, as commented TOML.
    fn to_toml(&self) -> String {
        self.file.to_toml()
    }

    /// The file with every default filled in, as JSON.
    fn to_json(&self) -> String {
        self.file.to_json()
    }

    /// What is served where the daemon says `serving` of it, such as `"split"`, and this share: control to all where it
    /// is none of `"split"`, `"full"` and `"completed"`.
    fn serving(&self, serving: &str, share: f64) -> PyResult<Serving> {
        let share = Share::new(share).map_err(|fault| invalid("share", &fault))?;
        let split = self.definition().split().clone();
        let reason = ServeReason::ALL.into_iter().find(|reason| reason.as_str() == serving);
        let reason =
            reason.ok_or_else(|| invalid("serving", &format!("`{serving}` is no reason")))?;
        let serving = if reason == ServeReason::Split {
            assignment::Serving::split(split, share)
        } else if reason == ServeReason::Full {
            assignment::Serving::released(split, self.definition().experiment().full.holdback)
        } else if reason == ServeReason::Completed {
            assignment::Serving::treatment(split, reason)
        } else {
            assignment::Serving::control(split, reason)
        };
        Ok(Serving::new(serving, self.definition()))
    }

    /// Its key.
    #[getter]
    fn key(&self) -> String {
        self.definition().experiment().key.to_string()
    }

    /// The key of the prompt version in use.
    #[getter]
    fn control(&self) -> String {
        self.definition().experiment().control.to_string()
    }

    /// The key of the prompt version that is tried.
    #[getter]
    fn treatment(&self) -> String {
        self.definition().experiment().treatment.to_string()
    }

    /// What divides the cameras.
    #[getter]
    fn salt(&self) -> String {
        self.definition().experiment().salt.to_string()
    }

    /// The fingerprint of all settings.
    #[getter]
    fn digest(&self) -> String {
        self.definition().digest().to_string()
    }

    /// `"sequential"` or `"threshold"`.
    #[getter]
    fn rule(&self) -> &'static str {
        rule_name(self.definition().experiment().guardrails.rule)
    }

    /// The share of analyses in shadow that run the treatment too, 0 to 1.
    #[getter]
    fn shadow_sample(&self) -> f64 {
        self.definition().experiment().shadow.sample.value()
    }

    fn __repr__(&self) -> String {
        format!("Experiment(key='{}', digest='{}')", self.key(), self.digest())
    }
}
