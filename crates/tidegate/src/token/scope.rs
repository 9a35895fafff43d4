//! What a token may do.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    /// Look
    Read,
    /// Report observations
    Record,
    /// Answer the cards of a review
    Review,
    /// Everything
    Admin,
}

impl Scope {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Review => "review",
            Self::Admin => "admin",
        }
    }
}
