//! What the driver can be told, and how it answers.

use std::sync::Arc;

use tidegate_engine::event::Action;
use tidegate_engine::id::{CameraId, ExperimentKey, PromptName};
use tidegate_engine::prompt::{self, Order, Prompt};
use tidegate_engine::variant::Variant;
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{Done, ExperimentDetail, ObservationAnswer, ObservationAnswers, Reported};
use tokio::sync::oneshot;

use crate::published::View;
use crate::recovery::{NotRecovered, Recovered};
use crate::refusal::Refusal;
use crate::rollouts::{DefinitionChange, SaltChoice};

/// Answers a command; dropping it says that the daemon could not do it.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the driver can be told.
pub(crate) enum DriverCommand {
    Observe {
        items: Vec<ReadObservation>,
        reply: Reply<ObservationAnswers>,
    },
    Define {
        file: Box<ExperimentFile>,
        salt: SaltChoice,
        reply: Reply<(DefinitionChange, ExperimentDetail)>,
    },
    Override {
        key: ExperimentKey,
        to: Override,
        reply: Reply<ExperimentDetail>,
    },
    Act {
        key: ExperimentKey,
        action: Action,
        reply: Reply<Done>,
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
    /// Lets time pass now.
    Wake,
    /// Writes all that is known and ends.
    Shutdown(oneshot::Sender<()>),
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
