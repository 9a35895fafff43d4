//! The experiment file of a rollout, in pieces that fit a part.

use serde::{Deserialize, Serialize};

use super::{Part, RolloutState, pieces};

/// The text, or a piece of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptDefinition {
    text: String,
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    pieces(&state.definition).map(|text| Part::Definition(KeptDefinition { text: text.to_owned() }))
}

impl KeptDefinition {
    pub(super) fn add_to(self, state: &mut RolloutState) {
        state.definition.push_str(&self.text);
    }
}
