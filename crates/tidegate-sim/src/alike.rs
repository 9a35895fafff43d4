//! Events that are alike.

use rand::{Rng, RngExt};
use tidegate_engine::ByVariant;

use crate::world::Scene;

/// What the events of one burst have in common, as chances to hold against the camera's rates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike {
    pub(crate) failure: f64,
    pub(crate) label: f64,
    pub(crate) share: f64,
    /// What both prompts judge; only where scores are drawn.
    pub(crate) scenes: Option<ByVariant<Scene>>,
}

impl Alike {
    /// The chance an event draws for whether it fails.
    pub(crate) fn failure(self, random: &mut impl RngExt) -> f64 {
        if random.random::<f64>() < self.share { self.failure } else { random.random() }
    }

    /// What the prompts judge, where the event is the same as the others.
    pub(crate) fn scenes(self, random: &mut impl Rng) -> Option<ByVariant<Scene>> {
        let scenes = self.scenes?;
        (random.random::<f64>() < self.share).then_some(scenes)
    }

    /// The chance an event draws for what it is labelled.
    pub(crate) fn label(self, random: &mut impl RngExt) -> f64 {
        if random.random::<f64>() < self.share { self.label } else { random.random() }
    }
}
