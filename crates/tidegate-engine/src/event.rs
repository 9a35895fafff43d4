//! Everything the engine can be told, and why it may refuse.

use alloc::boxed::Box;
use core::fmt;

use crate::id::AnalysisId;
use crate::limits;
use crate::observation::{Analysis, Comparison, Feedback};
use crate::phase::State;
use crate::review::{CardReply, QueueRejection};
use crate::time::{Duration, Timestamp};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time passed.
    Tick,
    /// A person acted.
    Action(Action),
    /// A prompt ran.
    Analysis(Analysis),
    /// Both prompts ran on the same event.
    Comparison(Comparison),
    /// A person judged an event.
    Feedback(Feedback),
    /// A person answered a card of the review.
    CardReply(CardReply),
    /// From now on the shell was away for so long: it did not run, its machine slept, or its clock was set ahead. As in a pause,
    /// no time passes for the rollout.
    Absent(Duration),
}

/// What a person wants done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub command: Command,
    /// Who wants it.
    pub actor: Actor,
    /// The reason; it is kept with the step.
    pub reason: Reason,
}

/// What a person may ask of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Begin.
    Start,
    /// Serve control until resumed.
    Pause,
    /// Go on after a pause, a hold or an expiry.
    Resume,
    /// Stay at the present phase and ramp step.
    Hold,
    /// Go one thing further: from shadow to A/B, to the next ramp step, to full.
    Advance,
    /// End well: from full, the treatment stays.
    Complete,
    /// End because of harm.
    RollBack,
    /// End without a verdict.
    Stop,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::Hold,
        Self::Advance,
        Self::Complete,
        Self::RollBack,
        Self::Stop,
    ];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Hold => "hold",
            Self::Advance => "advance",
            Self::Complete => "complete",
            Self::RollBack => "roll_back",
            Self::Stop => "stop",
        }
    }
}

/// A text that is blank, too long or has control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} of {bytes} bytes{of} is not allowed: 1 to {bytes_max} bytes without control characters"
)]
pub struct InvalidText {
    what: &'static str,
    bytes: usize,
    /// Tells a blank text from one that is empty.
    of: &'static str,
    bytes_max: usize,
}

fn check_text(what: &'static str, text: &str, bytes_max: usize) -> Result<Box<str>, InvalidText> {
    let is_blank = text.trim().is_empty();
    if is_blank || text.len() > bytes_max || text.chars().any(char::is_control) {
        let of = if is_blank && !text.is_empty() { " of white space" } else { "" };
        Err(InvalidText { what, bytes: text.len(), of, bytes_max })
    } else {
        Ok(text.into())
    }
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(Box<str>);

impl Actor {
    /// Takes a name of 1 to 128 bytes without control characters.
    ///
    /// # Errors
    /// [`InvalidText`] for anything else.
    pub fn new(name: &str) -> Result<Self, InvalidText> {
        check_text("actor", name, limits::ACTOR_LEN_MAX).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why somebody acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Box<str>);

impl Reason {
    /// Takes a reason of 1 to 1,000 bytes without control characters.
    ///
    /// # Errors
    /// [`InvalidText`] for anything else.
    pub fn new(reason: &str) -> Result<Self, InvalidText> {
        check_text("reason", reason, limits::REASON_LEN_MAX).map(Self)
    }

    /// The reason as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why an event was refused. The rollout is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The shell must hold time non-decreasing.
    #[error("time {} ms is before the last event at {} ms", at.ms(), last.ms())]
    TimeRanBackwards {
        /// The time of the refused event.
        at: Timestamp,
        /// The time of the last accepted one.
        last: Timestamp,
    },
    /// The shell must hand in [`Event::Tick`] first.
    #[error("a deadline at {} ms is due, a tick must come first", deadline.ms())]
    TickDue {
        /// The deadline.
        deadline: Timestamp,
    },
    /// Observations are taken once the rollout has started.
    #[error("the rollout has not started")]
    NotStarted,
    /// This event was reported before; nothing is counted twice.
    #[error("analysis `{id}` was reported before")]
    Duplicate {
        /// The event.
        id: AnalysisId,
    },
    /// The analysis carries this label already.
    #[error("analysis `{id}` carries this label already")]
    SameLabel {
        /// The event.
        id: AnalysisId,
    },
    /// Never reported, or longer ago than the attribution window.
    #[error("analysis `{id}` is unknown or its attribution window is over")]
    UnknownAnalysis {
        /// The event.
        id: AnalysisId,
    },
    /// It says that it happened later than now.
    #[error("observed at {} ms, later than now at {} ms, allowed: up to {} ms later", observed_at.ms(), at.ms(), limits::OBSERVED_AHEAD_MAX.ms())]
    ObservedAhead {
        /// When it says that it happened.
        observed_at: Timestamp,
        /// Now.
        at: Timestamp,
    },
    /// It says that it happened longer ago than the attribution window.
    #[error("observed at {} ms, longer ago than the attribution window, allowed: {} h", observed_at.ms(), window.hours())]
    ObservedTooLongAgo {
        /// When it says that it happened.
        observed_at: Timestamp,
        /// The attribution window.
        window: Duration,
    },
    /// One more camera than the definition allows.
    #[error("more than {cameras_max} cameras, allowed: limits.cameras_max")]
    TooManyCameras {
        /// The definition's bound.
        cameras_max: usize,
    },
    /// One more than any sum has room for.
    #[error("more than {observations_max} observations, allowed: a new run")]
    TooManyObservations {
        /// Most observations of one run.
        observations_max: u64,
    },
    /// One more block of a switchback than there is room for.
    #[error("more than {blocks_max} blocks of all cameras together, allowed: longer blocks")]
    TooManyBlocks {
        /// Most blocks of all cameras together.
        blocks_max: u64,
    },
    /// Nobody is asked about this rollout.
    #[error("the experiment has no review")]
    NoReview,
    /// The rollout is not in the shadow that is reviewed, nor in the test after it.
    #[error("the rollout is in neither its shadow nor its test, so its review takes no answers")]
    ReviewOver,
    /// The review does not take the answer.
    #[error(transparent)]
    Review(#[from] QueueRejection),
    /// The transition table does not lead there.
    #[error("`{}` is not allowed in {state}", command.as_str())]
    NotAllowed {
        /// What was asked.
        command: Command,
        /// Where the rollout stands.
        state: State,
    },
}
