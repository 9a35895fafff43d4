//! The review: in which order people are asked about discordant events.

mod order;

pub use order::{CardHash, CardOrder};
