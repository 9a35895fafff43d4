//! In which order events become cards.

use core::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::id::{AnalysisId, Salt};
use crate::limits;

/// What sets the order of cards apart from the split of cameras under the same salt.
const SUFFIX: &[u8] = b"/review";

/// An event's place among all events under one salt; shown as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardHash(pub u64);

impl fmt::Display for CardHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The order of cards: by `xxh3_64(id, seed = xxh3_64(salt + "/review"))`, ties by id.
///
/// So anybody can work it out anew, and nobody can choose which events are reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardOrder {
    seed: u64,
}

impl CardOrder {
    /// The order under `salt`.
    pub fn new(salt: &Salt) -> Self {
        let salt = salt.as_str().as_bytes();
        let mut text = [0; limits::ID_LEN_MAX + SUFFIX.len()];
        text[..salt.len()].copy_from_slice(salt);
        text[salt.len()..salt.len() + SUFFIX.len()].copy_from_slice(SUFFIX);
        Self { seed: xxh3_64_with_seed(&text[..salt.len() + SUFFIX.len()], 0) }
    }

    /// Hashes an event.
    pub fn of(self, event: &AnalysisId) -> CardHash {
        CardHash(xxh3_64_with_seed(event.as_str().as_bytes(), self.seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_longest_salt_has_an_order_too() {
        let salt: Salt = "s".repeat(limits::ID_LEN_MAX).parse().unwrap();
        let other: Salt = "s".parse().unwrap();
        let event = "evt-1".parse().unwrap();
        assert_ne!(CardOrder::new(&salt).of(&event), CardOrder::new(&other).of(&event));
    }

    #[test]
    fn a_hash_is_shown_in_full() {
        assert_eq!(CardHash(0xab).to_string(), "00000000000000ab");
    }
}
