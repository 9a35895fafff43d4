//! Why a step of a rollout was taken.

use serde::{Deserialize, Serialize};

use super::{Part, RolloutState};

/// The account of one step, as JSON for people.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptAccount {
    text: String,
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    state.accounts.iter().map(|text| Part::Account(KeptAccount { text: text.clone() }))
}

impl KeptAccount {
    pub(super) fn add_to(self, state: &mut RolloutState) {
        state.accounts.push(self.text);
    }
}
