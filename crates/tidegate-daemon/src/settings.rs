//! What the rooms of the daemon are told once, when it starts.

use std::path::PathBuf;
use std::time::Duration;

use tidegate_engine::time;

/// Where the journal is, and how it is checked first.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    pub(crate) folder: PathBuf,
    pub(crate) verifier: Verifier,
}

/// Who checks the journal before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verifier {
    /// A child process of this program, run with `journal verify`: a damaged store can make sled panic.
    Child {
        /// The program.
        program: PathBuf,
    },
    /// This process, where no program of ours is at hand.
    InProcess,
}

/// A backup of the journal that the daemon writes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The file; it is replaced whole or not at all.
    pub file: PathBuf,
    /// How often, by the time that the rollouts go by.
    pub every: time::Duration,
}

/// Which names the metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// `tidegate_…`.
    Own,
    /// And those of the system that Tidegate replaces, `hsi_…`, so that its dashboards go on.
    OwnAndReplaced,
}

/// What the driver needs to know.
#[derive(Debug, Clone)]
pub(crate) struct DriverSettings {
    pub(crate) recovery: Recovery,
    /// Free disk below which no observation is taken in.
    pub(crate) reserve_bytes: u64,
    /// Entries from one snapshot to the next.
    pub(crate) snapshot_every: u64,
    pub(crate) retention: Duration,
    pub(crate) export: Option<Export>,
}
