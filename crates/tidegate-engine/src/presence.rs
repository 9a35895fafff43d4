//! Whether the treatment really runs.
//!
//! Whoever reports nothing shows no harm, so silence must never let a treatment on. Before it reaches more cameras it
//! must have reported since it got the ones that it has: a few analyses, from a few cameras.

use core::fmt;

/// What the treatment reported since the phase or the ramp step began, and what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Analyses of the treatment; in shadow, comparisons.
    pub analyses: u64,
    /// Analyses without which nothing goes on.
    pub analyses_needed: u64,
    /// Cameras that they came from.
    pub cameras: u64,
    /// Cameras without which nothing goes on.
    pub cameras_needed: u64,
    /// Whether it is heard of now, too.
    pub recency: Recency,
}

/// Whether the treatment is still heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recency {
    /// Nothing says that it fell silent.
    Heard,
    /// It was heard of, and is silent now.
    Silent,
}

impl Presence {
    /// Whether the rollout may go on.
    pub const fn suffices(&self) -> bool {
        self.analyses >= self.analyses_needed
            && self.cameras >= self.cameras_needed
            && matches!(self.recency, Recency::Heard)
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { analyses, analyses_needed, cameras, cameras_needed, recency } = self;
        write!(
            f,
            "{analyses} of {analyses_needed} treatment analyses from {cameras} of {cameras_needed} cameras"
        )?;
        match recency {
            Recency::Heard => Ok(()),
            Recency::Silent => f.write_str(", and it is silent now"),
        }
    }
}

/// Treatment analyses from some time on, and the cameras that they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reported {
    pub(crate) analyses: u64,
    pub(crate) cameras: u64,
}
