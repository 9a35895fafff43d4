//! What the engine decided, why, and on what evidence.

use alloc::boxed::Box;
use core::fmt;

use crate::event::{Actor, Command, Reason};
use crate::experiment::Digest;
use crate::exposure::Window;
use crate::fast_path::TotalFailure;
use crate::look::Check;
use crate::phase::{State, Transition};
use crate::promotion::Proof;
use crate::review::Reading;
use crate::tally::Tally;
use crate::threshold::Breach;
use crate::time::Timestamp;
use crate::variant::ByVariant;
use crate::verdict::Judgement;

/// One step a rollout took. The shell journals it and carries it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// 1, 2, 3 … within a run: acting twice on a number is harmless.
    pub number: u32,
    /// The time of the event that it came of.
    pub at: Timestamp,
    /// Which kind of step it is.
    pub transition: Transition,
    /// The phase and condition before it.
    pub from: State,
    /// The phase and condition after it.
    pub to: State,
    /// What led to it.
    pub cause: Cause,
    /// The sums and verdicts that it rests on.
    pub evidence: Evidence,
}

impl Decision {
    /// The step alone, without why.
    pub const fn step(&self) -> Step {
        let Self { number, at, transition, from, to, .. } = *self;
        Step { number, at, transition, from, to }
    }
}

/// What a decision changes: enough to carry it out again when a journal is read back. Why it was taken
/// is for people, and never decides anything a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// 1, 2, 3 … within a run.
    pub number: u32,
    /// The time of the event that it came of.
    pub at: Timestamp,
    /// Which kind of step it is.
    pub transition: Transition,
    /// The phase and condition before it.
    pub from: State,
    /// The phase and condition after it.
    pub to: State,
}

/// Why a step was taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// A person wanted it.
    Operator {
        /// What was asked.
        command: Command,
        /// Who asked for it.
        actor: Actor,
        /// The reason that they gave.
        reason: Reason,
    },
    /// The treatment passed a limit of the threshold rule.
    Breach(Breach),
    /// A guardrail of the sequential rule failed.
    Harm(Judgement),
    /// Nearly every treatment analysis failed, and the control's did not.
    TotalFailure(TotalFailure),
    /// Nearly every analysis of a release fails, and the control runs on too few cameras to tell whether it would.
    ControlTried(TotalFailure),
    /// Treatment and control failed together.
    SharedOutage,
    /// Treatment and control failed together, and have not for an hour.
    OutageOver,
    /// The shadow's comparisons passed.
    GatePassed,
    /// People reviewed the events on which the prompts disagree.
    Reviewed(Box<Reading>),
    /// The shadow is over and its gate is a person.
    GateManual,
    /// The ramp step was held for its time.
    Dwelled,
    /// The A/B test's time is over; its last feedback is awaited.
    FeedbackAwaited,
    /// The A/B test is over.
    TestOver(Proof),
}

impl Cause {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Operator { .. } => "operator",
            Self::Breach(_) | Self::Harm(_) => "guardrail",
            Self::TotalFailure(_) => "total_failure",
            Self::ControlTried(_) => "control_tried",
            Self::SharedOutage => "shared_outage",
            Self::OutageOver => "outage_over",
            Self::FeedbackAwaited => "feedback_awaited",
            Self::GatePassed => "gate_passed",
            Self::Reviewed(_) | Self::TestOver(Proof::Reviewed(_)) => "reviewed",
            Self::GateManual => "gate_manual",
            Self::Dwelled => "dwelled",
            Self::TestOver(Proof::Proved { .. }) => "proved",
            Self::TestOver(_) => "inconclusive",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { command, actor, reason } => {
                write!(f, "{} by {actor}: {reason}", command.as_str())
            }
            Self::Breach(breach) => breach.fmt(f),
            Self::Harm(judgement) => judgement.fmt(f),
            Self::TotalFailure(failure) => failure.fmt(f),
            Self::ControlTried(failure) => write!(
                f,
                "Nearly every analysis of the release fails: {} failures; control is served, and unless it fails too the \
                 treatment is rolled back",
                failure.failures
            ),
            Self::SharedOutage => f.write_str(
                "Treatment and control failed together: an outage, no verdict on the treatment",
            ),
            Self::OutageOver => {
                f.write_str("The outage of treatment and control has been over for an hour")
            }
            Self::FeedbackAwaited => f.write_str(
                "The A/B test's time is over; control is served until its feedback is in",
            ),
            Self::GatePassed => f.write_str("The shadow comparisons are within bounds"),
            Self::Reviewed(reading) => reading.fmt(f),
            Self::GateManual => f.write_str("The shadow is over; its owner opens the gate"),
            Self::Dwelled => f.write_str("The ramp step was held for its time"),
            Self::TestOver(proof) => write!(f, "The A/B test is over: {proof}"),
        }
    }
}

/// The numbers a decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The limits and everything else that was set.
    pub definition: Digest,
    /// Which sums these are.
    pub window: Window,
    /// Each side's sums at the time.
    pub sides: ByVariant<Tally>,
    /// What the rule said of them.
    pub check: Check,
}
