//! Why the daemon does not do what it was asked.

use tidegate_engine::event::Command;
use tidegate_engine::id::{CameraId, ExperimentKey, PromptName};
use tidegate_engine::phase::State;
use tidegate_engine::prompt::OrderRejection;
use tidegate_spec::api::FieldFault;

use crate::rollouts::{EXPERIMENTS_MAX, NotDefined};

/// One reason a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the daemon is reading its journal; control is served meanwhile")]
    Recovering,
    #[error(
        "{0}; see to the disk: control is served, and the daemon opens its journal anew by itself once it can"
    )]
    StoreUnavailable(String),
    #[error("{0}; control is served")]
    Damaged(String),
    #[error("the daemon is shutting down")]
    Draining,
    #[error("the journal has no room for now; nothing was taken in")]
    QueueFull,
    #[error(
        "{free_mb} MB of disk are free, {reserve_mb} MB are kept in reserve; nothing was taken in: free some disk"
    )]
    DiskFull { free_mb: u64, reserve_mb: u64 },
    #[error("the daemon works at its limit")]
    Busy,
    #[error("no experiment has the key `{0}`")]
    UnknownExperiment(ExperimentKey),
    #[error("camera `{0}` has no override")]
    UnknownOverride(CameraId),
    #[error(
        "experiment `{0}` is no draft: only a draft can be changed, and only an ended run be followed by another"
    )]
    Running(ExperimentKey),
    #[error("{0} experiments are kept, allowed: {EXPERIMENTS_MAX}")]
    TooManyExperiments(usize),
    #[error("`{}` is not allowed in {state}", command.as_str())]
    ActionNotAllowed { command: Command, state: State },
    #[error("no prompt has the name `{0}`")]
    UnknownPrompt(PromptName),
    #[error("{0}")]
    Prompt(OrderRejection),
    #[error("{} fields are not valid", .0.len())]
    InvalidFields(Vec<FieldFault>),
    #[error("{0}")]
    Invalid(String),
}

impl From<NotDefined> for Refusal {
    fn from(why: NotDefined) -> Self {
        match why {
            NotDefined::Running { key } => Self::Running(key),
            NotDefined::TooMany { count } => Self::TooManyExperiments(count),
            NotDefined::Versions(faults) => Self::InvalidFields(faults),
        }
    }
}
