//! Definitions, in parts that an entry has room for.

use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::Timestamp;

use super::{Entry, PART_BYTES_MAX, RolloutId};

impl Entry {
    /// The parts of a definition.
    pub fn definition(
        rollout: RolloutId,
        at: Timestamp,
        key: &ExperimentKey,
        run: u32,
        toml: &str,
    ) -> Vec<Self> {
        let texts = pieces(toml);
        let parts = u16::try_from(texts.len()).unwrap_or(u16::MAX);
        (0..parts)
            .zip(texts)
            .map(|(part, text)| Self::Defined {
                rollout,
                at,
                key: key.clone(),
                run,
                part,
                parts,
                text: text.to_owned(),
            })
            .collect()
    }
}

/// A text in pieces that fit an entry, at least one.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            return pieces;
        }
    }
}
