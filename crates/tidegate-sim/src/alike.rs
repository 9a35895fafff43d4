//! Events that are alike.

use rand::RngExt;

/// What the events of one burst have in common, as chances to hold against the camera's rates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike {
    pub(crate) failure: f64,
    pub(crate) label: f64,
    pub(crate) share: f64,
}

impl Alike {
    /// The chance an event draws for whether it fails.
    pub(crate) fn failure(self, random: &mut impl RngExt) -> f64 {
        if random.random::<f64>() < self.share { self.failure } else { random.random() }
    }

    /// The chance an event draws for what it is labelled.
    pub(crate) fn label(self, random: &mut impl RngExt) -> f64 {
        if random.random::<f64>() < self.share { self.label } else { random.random() }
    }
}
