//! The experiment file.

mod changes;
mod evaluation;
mod listed;
mod literal;
pub(crate) mod names;
mod questions;
mod read;
#[cfg(feature = "openapi")]
pub(crate) mod schema;

use tidegate_engine::experiment::Definition;
use toml::Table;

pub use self::evaluation::{EvaluationMetric, EvaluationSettings};
pub use self::names::rule_name;
pub use self::questions::questions;
pub(crate) use self::read::read_experiment;
use crate::document::{self, ParseError};

/// A valid experiment file.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    /// What a rollout runs by.
    pub definition: Definition,
    /// How both prompts are compared offline, if the file says.
    pub evaluation: Option<EvaluationSettings>,
}

impl ExperimentFile {
    /// Reads an experiment in TOML or JSON; what it leaves out has its default.
    ///
    /// # Errors
    /// Every fault at once, with path, value and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        document::read(text, |fields| {
            let (experiment, evaluation) = read_experiment(fields);
            match Definition::new(experiment) {
                Ok(definition) => Some(Self { definition, evaluation }),
                Err(disagreements) => {
                    fields.disagreements(&disagreements);
                    None
                }
            }
        })
    }

    /// Whether the text of a file names a salt; where it does not, each run after the first gets its own.
    ///
    /// # Errors
    /// The first fault of syntax.
    pub fn names_salt(text: &str) -> Result<bool, ParseError> {
        Ok(document::table(text)?.contains_key("salt"))
    }

    /// The file as it is for a run, from 1, where it names no salt: a retry has a split of its own, by the salt
    /// `KEY/RUN`.
    #[must_use]
    pub fn salted_for_run(mut self, run: u32) -> Self {
        let mut experiment = self.definition.experiment().clone();
        if run > 1
            && let Ok(salt) = format!("{}/{run}", experiment.key).parse()
        {
            experiment.salt = salt;
            // Another salt contradicts nothing that agreed before.
            if let Ok(definition) = Definition::new(experiment) {
                self.definition = definition;
            }
        }
        self
    }

    /// The file with every default filled in, as commented TOML.
    pub fn to_toml(&self) -> String {
        listed::toml(&self.listed())
    }

    /// The file with every default filled in, as JSON.
    #[expect(clippy::missing_panics_doc, reason = "finite numbers and texts are JSON")]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.to_table()).expect("finite numbers and texts are JSON")
    }

    /// The file with every default filled in, as the tree that it reads.
    pub(crate) fn to_table(&self) -> Table {
        listed::table(self.listed())
    }

    fn listed(&self) -> Vec<listed::Section> {
        listed::sections(self.definition.experiment(), self.evaluation.as_ref())
    }
}
