//! Prompts: texts that instruct the model, kept in versions that never change, with labels that move.
//!
//! A [`Catalog`] takes [`Order`]s and gives the [`PromptChange`]s that came of them, to be written down; what was
//! written down is read back with [`Catalog::apply_logged`]. Like a rollout it holds no clock and does no I/O.
//! The digest of a text is handed in: whoever brings a text computes it, and whoever reads one back checks it.

mod catalog;
mod change;
mod digest;
mod order;
mod production;
mod snapshot;
mod version;

pub use catalog::{Catalog, NotFollowing};
pub use change::PromptChange;
pub use digest::{DIGEST_SCHEME, InvalidDigest, TextDigest};
pub use order::{LabelOrder, LabelTarget, Order, OrderRejection, Precondition, VersionOrder};
pub use production::{Production, at_step};
pub use snapshot::{PromptRestoreError, PromptSnapshot};
pub use version::{Move, NotFound, PRODUCTION, Prompt, PromptLabel, Version, VersionHead};

#[cfg(test)]
pub(crate) mod tests;
