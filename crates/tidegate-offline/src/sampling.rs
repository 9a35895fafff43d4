//! How much is simulated.

use tidegate_sim::World;
use tidegate_spec::scenario::Scenario;

use crate::OfflineError;

/// What stands in place of a scenario's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampling {
    /// How many rollouts, from 1.
    pub runs: Option<u32>,
    /// The number that fixes them all.
    pub seed: Option<u64>,
}

impl Sampling {
    /// A scenario made ready.
    ///
    /// # Errors
    /// Where its fleet and its experiment do not fit.
    pub fn world(self, mut scenario: Scenario) -> Result<World, OfflineError> {
        scenario.runs = self.runs.unwrap_or(scenario.runs);
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        let name = scenario.name.clone();
        World::new(scenario).map_err(|fault| OfflineError::BadInput(format!("{name}: {fault}")))
    }
}
