//! Who watches a run.

use tidegate_engine::Rollout;
use tidegate_engine::decision::Decision;

/// Watches a run.
pub trait Observer {
    /// Whether looks are wanted: they cost time.
    const LOOKS: bool;

    /// A decision was taken, at an hour of the rollout.
    fn decided(&mut self, hour: f64, decision: &Decision);

    /// The rollout looked at its data and decided nothing.
    fn looked(&mut self, hour: f64, rollout: &Rollout);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {
    const LOOKS: bool = false;
    fn decided(&mut self, _: f64, _: &Decision) {}
    fn looked(&mut self, _: f64, _: &Rollout) {}
}
