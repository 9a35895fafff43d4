//! Two prompts compared on a data set, as JSON.

mod counts;
mod dataset;

use std::path::Path;

use serde::Serialize;
use tidegate_engine::variant::ByVariant;
use tidegate_evaluate::{Evaluation, Settings};

pub use self::counts::{CaseCounts, CaseFault, RejectedCase};
use crate::OfflineError;
pub use crate::rejected::ByVariantCount;

/// What came of a data set; as JSON what `tidegate evaluate --format json` prints.
#[derive(Debug, Serialize)]
pub struct DataSetEvaluation {
    /// The file or folder, as it was named.
    pub dataset: String,
    /// What became of every case.
    pub counts: CaseCounts,
    /// The comparison, or why there is none.
    #[serde(flatten)]
    pub conclusion: Conclusion,
}

/// A comparison, or why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Conclusion {
    /// Both prompts were compared.
    Compared(Box<Evaluation>),
    /// Too much was rejected.
    NoVerdict {
        /// How much, of what, and how much is allowed.
        no_verdict: String,
    },
}

/// Compares two prompts on the cases of a file, with one a line, or of a folder, with one a file; `-` is standard input.
/// Where more than `rejected_max` percent of the cases, or of one prompt's answers, are not valid there is no verdict.
///
/// # Errors
/// Where the data set cannot be read, is empty or too large, or the settings do not fit it.
pub fn evaluate(
    path: &Path,
    settings: &Settings,
    rejected_max: f64,
) -> Result<DataSetEvaluation, OfflineError> {
    let keys = ByVariant { control: &settings.control, treatment: &settings.treatment };
    let (cases, counts) = dataset::read(path, keys)?;
    let conclusion = if let Some(no_verdict) = counts.refusal(rejected_max) {
        Conclusion::NoVerdict { no_verdict }
    } else {
        let evaluation = Evaluation::new(&cases, settings)
            .map_err(|error| OfflineError::BadInput(format!("{}: {error}", path.display())))?;
        Conclusion::Compared(Box::new(evaluation))
    };
    Ok(DataSetEvaluation { dataset: path.to_string_lossy().into_owned(), counts, conclusion })
}
