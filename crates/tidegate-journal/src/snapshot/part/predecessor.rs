//! The run before a draft, with its definition in pieces that fit a part.

use super::{Part, texts};
use crate::codes::{state_codes, state_of_codes};
use crate::record::Unreadable;
use crate::snapshot::PredecessorState;

/// None where it serves nothing any more.
pub(super) fn keep(predecessor: Option<&PredecessorState>) -> Vec<Part> {
    let Some(PredecessorState { run, state, definition }) = predecessor else { return Vec::new() };
    let (run, state) = (*run, state_codes(*state));
    texts(definition).map(|text| Part::Predecessor { run, state, text: text.to_owned() }).collect()
}

/// Adds a piece to those that have come.
pub(super) fn add(
    predecessor: &mut Option<PredecessorState>,
    (run, state): (u32, (u8, u8)),
    text: String,
) -> Result<(), Unreadable> {
    if let Some(begun) = predecessor {
        begun.definition.push_str(&text);
    } else {
        let state = state_of_codes(state)?;
        *predecessor = Some(PredecessorState { run, state, definition: text });
    }
    Ok(())
}
