//! The ended run that serves until a draft is started, its definition in pieces that fit a part.

use serde::{Deserialize, Serialize};

use super::{Part, RolloutState, pieces};
use crate::codes::{state_codes, state_of_codes};
use crate::record::Unreadable;
use crate::snapshot::PredecessorState;

/// Which run it is, how it ended, and its experiment file or a piece of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptPredecessor {
    run: u32,
    state: (u8, u8),
    text: String,
}

/// None where it serves nothing any more.
pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    state.predecessor.iter().flat_map(|PredecessorState { run, state, definition }| {
        let (run, state) = (*run, state_codes(*state));
        pieces(definition).map(move |text| {
            Part::Predecessor(KeptPredecessor { run, state, text: text.to_owned() })
        })
    })
}

impl KeptPredecessor {
    pub(super) fn add_to(self, rollout: &mut RolloutState) -> Result<(), Unreadable> {
        let Self { run, state, text } = self;
        if let Some(begun) = &mut rollout.predecessor {
            begun.definition.push_str(&text);
        } else {
            let state = state_of_codes(state)?;
            rollout.predecessor = Some(PredecessorState { run, state, definition: text });
        }
        Ok(())
    }
}
