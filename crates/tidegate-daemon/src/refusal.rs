//! Why the daemon does not do what it was asked.

use tidegate_engine::event::{Command, Rejection};
use tidegate_engine::id::{CameraId, ExperimentKey, PromptName};
use tidegate_engine::phase::State;
use tidegate_engine::prompt::OrderRejection;
use tidegate_engine::review::QueueRejection;
use tidegate_spec::api::{Accepted, Destination, FieldFault};

use crate::rollouts::{
    DELETED_MAX, DeletedExperiment, EXPERIMENTS_MAX, NotDefined, NotDeleted, Rollouts,
    RunningExperiment,
};

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
    #[error("this node follows{}", leader.as_ref().map_or(", and does not know who leads; try again soon".to_owned(), |leader| format!("; send it to the leader, {leader}")))]
    NotLeader { leader: Option<String> },
    #[error("the journal has no room for now; nothing was taken in")]
    QueueFull,
    #[error(
        "{free_mb} MB of disk are free, {reserve_mb} MB are kept in reserve; nothing was taken in: free some disk"
    )]
    DiskFull { free_mb: u64, reserve_mb: u64 },
    #[error("the daemon works at its limit")]
    Busy,
    #[error("no experiment has the key `{key}`{}", offered(nearest.as_ref()))]
    UnknownExperiment { key: ExperimentKey, nearest: Option<ExperimentKey> },
    #[error(
        "experiment `{key}` was deleted at {at}; its history is in an export of the journal, and goes on where another is defined"
    )]
    DeletedExperiment { key: ExperimentKey, at: String },
    #[error("camera `{0}` has no override")]
    UnknownOverride(CameraId),
    #[error(
        "experiment `{0}` is no draft: only a draft can be changed, and only an ended run be followed by another"
    )]
    Running(ExperimentKey),
    #[error("experiment `{0}` has no `[review]`, so nobody is asked about it")]
    NoReview(ExperimentKey),
    #[error("the rollout is in neither its shadow nor its test, so its review takes no answers")]
    ReviewOver,
    #[error("{0}")]
    UnknownCard(QueueRejection),
    #[error("{0}; ask for the next card")]
    CardAnswered(QueueRejection),
    #[error("{0}")]
    NotDeletable(String),
    #[error("{0}")]
    ServesTreatment(String),
    #[error("{0}")]
    ControlChanges(String),
    #[error("{0}")]
    OverridesLost(String),
    #[error(
        "prompt `{prompt}` is tried by experiment `{experiment}`, which is in {state}: what one does to its cameras would be \
         taken for what the other does. Start this one once that has ended, or give each its own part of one `assignment.group`"
    )]
    PromptInUse { prompt: PromptName, experiment: ExperimentKey, state: State },
    #[error("{0} experiments are kept, allowed: {EXPERIMENTS_MAX}")]
    TooManyExperiments(usize),
    #[error("{0} deleted experiments are kept, allowed: {DELETED_MAX}")]
    TooManyDeleted(usize),
    #[error("`{}` is not allowed in {state}{}", command.as_str(), instead(allowed))]
    ActionNotAllowed { command: Command, state: State, allowed: Vec<Command> },
    #[error(
        "the rollout is at revision {revision}, not at {expected}: look at its status, then say which is meant"
    )]
    OtherRevision { expected: u64, revision: u64 },
    #[error("`advance` leads to {} in {state}, not to {}", leads_to.as_str(), wanted.as_str())]
    LeadsElsewhere { wanted: Destination, leads_to: Destination, state: State },
    #[error(
        "`advance` leads to full in {state} and releases the treatment to every camera: name it in `expected_phase`"
    )]
    ReleaseUnnamed { state: State },
    #[error("the evidence for going to {} is {}: {}; accept it with `{}`", to.as_str(), needed.as_str(), evidence.join("; "), needed.as_str())]
    NotBacked { to: Destination, needed: Accepted, evidence: Vec<String> },
    #[error("no prompt has the name `{0}`")]
    UnknownPrompt(PromptName),
    #[error("{0}")]
    Prompt(OrderRejection),
    #[error("{} fields are not valid", .0.len())]
    InvalidFields(Vec<FieldFault>),
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// No experiment has the key.
    pub(crate) fn unknown(rollouts: &Rollouts, key: &ExperimentKey) -> Self {
        if let Some(item) = rollouts.deleted(key).and_then(DeletedExperiment::item) {
            return Self::DeletedExperiment { key: key.clone(), at: item.at };
        }
        Self::UnknownExperiment { key: key.clone(), nearest: rollouts.nearest(key) }
    }

    /// The run refused what a person did, and is as it was.
    pub(crate) fn of(rejection: Rejection, run: &RunningExperiment) -> Self {
        match rejection {
            Rejection::NotAllowed { command, state } => {
                let allowed = run.rollout.allowed().collect();
                Self::ActionNotAllowed { command, state, allowed }
            }
            Rejection::NoReview => Self::NoReview(run.key.clone()),
            Rejection::ReviewOver => Self::ReviewOver,
            Rejection::Review(why @ QueueRejection::NoCard { .. }) => Self::UnknownCard(why),
            Rejection::Review(why) => Self::CardAnswered(why),
            // The driver holds time and meets deadlines first; the others are of observations.
            other @ (Rejection::TimeRanBackwards { .. }
            | Rejection::TickDue { .. }
            | Rejection::NotStarted
            | Rejection::Duplicate { .. }
            | Rejection::SameLabel { .. }
            | Rejection::UnknownAnalysis { .. }
            | Rejection::ObservedAhead { .. }
            | Rejection::ObservedTooLongAgo { .. }
            | Rejection::TooManyCameras { .. }
            | Rejection::TooManyObservations { .. }
            | Rejection::TooManyBlocks { .. }) => Self::Invalid(other.to_string()),
        }
    }
}

fn offered(nearest: Option<&ExperimentKey>) -> String {
    nearest.map_or(String::new(), |key| format!("; did you mean `{key}`?"))
}

/// What is allowed in place of an action that is not.
fn instead(allowed: &[Command]) -> String {
    let names: Vec<&str> = allowed.iter().map(|command| command.as_str()).collect();
    match &names[..] {
        [] => ": the run has ended, and another begins with a definition".to_owned(),
        names => format!(", allowed: {}", names.join(" | ")),
    }
}

impl From<NotDeleted> for Refusal {
    fn from(why: NotDeleted) -> Self {
        match why {
            NotDeleted::Unknown(key) => Self::UnknownExperiment { key, nearest: None },
            NotDeleted::Running { .. } => Self::NotDeletable(why.to_string()),
            NotDeleted::ServesTreatment(_) => Self::ServesTreatment(why.to_string()),
            NotDeleted::TooMany { count } => Self::TooManyDeleted(count),
        }
    }
}

impl From<NotDefined> for Refusal {
    fn from(why: NotDefined) -> Self {
        match why {
            NotDefined::Running { key } => Self::Running(key),
            NotDefined::TooMany { count } => Self::TooManyExperiments(count),
            NotDefined::ControlChanges(_) => Self::ControlChanges(why.to_string()),
            NotDefined::OverridesLost(sentence) => Self::OverridesLost(sentence),
            NotDefined::Versions(faults) => Self::InvalidFields(faults),
        }
    }
}
