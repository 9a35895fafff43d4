//! What the driver can be told, and how it answers.

use std::sync::Arc;

use tidegate_engine::event::{Action, Actor, Reason};
use tidegate_engine::id::{CameraId, ExperimentKey, PromptName};
use tidegate_engine::prompt::{self, Order, Prompt};
use tidegate_engine::review::CardReply;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{
    Accepted, Defined, Deleted, Destination, Done, ExperimentDetail, ObservationAnswer,
    ObservationAnswers, Reported, ReviewAnswered,
};
use tokio::sync::oneshot;

#[cfg(feature = "cluster")]
use super::following::NodeCommand;
use crate::published::View;
use crate::recovery::{NotRecovered, Recovered};
use crate::refusal::Refusal;
use crate::rollouts::{DefinitionChange, ServedTreatment, Wanted};

/// Answers a command; dropping it says that the daemon could not do it.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the driver can be told.
pub(crate) enum DriverCommand {
    Observe {
        items: Vec<ReadObservation>,
        reply: Reply<ObservationAnswers>,
    },
    Define {
        wanted: Wanted,
        reply: Reply<(DefinitionChange, Defined)>,
    },
    Delete {
        key: ExperimentKey,
        actor: Actor,
        reason: Reason,
        treatment: ServedTreatment,
        reply: Reply<Deleted>,
    },
    Override {
        key: ExperimentKey,
        to: Override,
        actor: Actor,
        reason: Reason,
        reply: Reply<ExperimentDetail>,
    },
    Act {
        key: ExperimentKey,
        order: ActionOrder,
        reply: Reply<Done>,
    },
    /// Takes an answer to a card of a review.
    Answer {
        key: ExperimentKey,
        answer: CardReply,
        reply: Reply<ReviewAnswered>,
    },
    /// Carries out orders on one prompt, all of them or none.
    Order {
        prompt: PromptName,
        orders: Vec<Order>,
        reply: Reply<Ordered>,
    },
    /// Looks at the rollouts at a time; nothing is changed.
    Read(Box<dyn FnOnce(View<'_>) + Send>),
    Recovered(Box<Result<Recovered, NotRecovered>>),
    /// Answers once all that happened so far is on disk and shown.
    Settle {
        reply: Reply<()>,
    },
    /// What a node of several is told.
    #[cfg(feature = "cluster")]
    Node(NodeCommand),
    /// Lets time pass now.
    Wake,
    /// Writes all that is known and ends.
    Shutdown(oneshot::Sender<()>),
}

/// An action, and what whoever asks for it takes for granted.
#[derive(Debug)]
pub(crate) struct ActionOrder {
    pub(crate) action: Action,
    /// The revision that the rollout must be at.
    pub(crate) expected_revision: Option<u64>,
    /// Where an `advance` is to lead.
    pub(crate) to: Option<Destination>,
    /// What it goes on with, though it does not pass.
    pub(crate) accepted: Option<Accepted>,
}

impl ActionOrder {
    /// An action wherever the rollout stands.
    pub(crate) const fn bare(action: Action) -> Self {
        Self { action, expected_revision: None, to: None, accepted: None }
    }
}

/// What became of orders.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) changes: Vec<prompt::PromptChange>,
    /// The prompt before, if it was there.
    pub(crate) before: Option<Arc<Prompt>>,
    pub(crate) after: Arc<Prompt>,
}

/// An override to set or to take away.
#[derive(Debug)]
pub(crate) struct Override {
    pub(crate) camera: CameraId,
    pub(crate) variant: Option<Variant>,
}

/// One observation of a request.
#[derive(Debug)]
pub(crate) enum ReadObservation {
    Reported(Reported),
    /// Not even read; its answer is known.
    Refused(ObservationAnswer),
}
