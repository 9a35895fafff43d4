//! Where the daemon stands with its journal.

use crate::refusal::Refusal;

/// Where the daemon stands with its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    Recovering,
    Ready,
    Unavailable(String),
    Damaged(String),
    /// The daemon cannot start at all: another one has the journal, or the folder is not allowed.
    Impossible(String),
    Draining,
}

impl Readiness {
    /// Why nothing can be written, if so.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Recovering => Some(Refusal::Recovering),
            Self::Ready => None,
            Self::Unavailable(why) | Self::Impossible(why) => {
                Some(Refusal::StoreUnavailable(why.clone()))
            }
            Self::Damaged(why) => Some(Refusal::Damaged(why.clone())),
            Self::Draining => Some(Refusal::Draining),
        }
    }
}
