//! A scenario with what came of it.

use std::path::PathBuf;

use serde::Serialize;
use tidegate_sim::report::ReportedScenario;
use tidegate_sim::{RunOutcome, Summary, World};

/// A summary as JSON, with the time it took where that is wanted.
#[derive(Serialize)]
pub(crate) struct SummaryLine<'a> {
    #[serde(flatten)]
    pub(crate) summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
}

/// One scenario with what came of it.
pub(crate) struct Simulated {
    pub(crate) world: World,
    pub(crate) outcomes: Vec<RunOutcome>,
    pub(crate) summary: Summary,
    pub(crate) seconds: f64,
    /// The file it came from, to repeat a run.
    pub(crate) path: PathBuf,
}

impl Simulated {
    pub(crate) fn scene(&self) -> ReportedScenario<'_> {
        ReportedScenario { world: &self.world, outcomes: &self.outcomes, summary: &self.summary }
    }
}
