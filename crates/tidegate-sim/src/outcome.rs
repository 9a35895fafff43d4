//! How one simulated rollout ended.

use tidegate_engine::decision::Cause;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::phase::Phase;
use tidegate_engine::review::ReviewVerdict;

/// How one simulated rollout ended, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunOutcome {
    /// The number of the run.
    pub run: u32,
    /// How it ended.
    pub ending: Ending,
    /// The phase it ended in.
    pub phase: Phase,
    /// Hours from the start of that phase to the end.
    pub hours: f64,
    /// Analyses by the treatment that were served.
    pub treatment_analyses: u64,
    /// Those of them made while the treatment did harm.
    pub harmed_analyses: u64,
    /// Prompt calls that were simulated, the shadow's included.
    pub analyses: u64,
    /// Reports the engine refused, repeated ones included.
    pub refused: u64,
    /// What came of its review, where people were asked.
    pub review: Option<ReviewOutcome>,
}

/// What came of the review of one simulated rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReviewOutcome {
    /// What it said last.
    pub verdict: ReviewVerdict,
    /// Answers, skipped cards included.
    pub answers: u64,
    /// The hour of the rollout at which it first rejected the treatment or let it go on.
    pub decided_hours: Option<f64>,
}

impl ReviewOutcome {
    /// Whether it rejected the treatment.
    pub const fn is_rejected(&self) -> bool {
        self.verdict.rejects()
    }

    /// Whether it proved the treatment.
    pub fn is_proved(&self) -> bool {
        self.verdict == ReviewVerdict::Promote
    }
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Rolled back, and by what.
    RolledBack(Stopper),
    /// The treatment proved itself: released, or recommended to its owner.
    Promoted,
    /// The test ended without a decision: control is served and the owner is asked.
    Inconclusive,
    /// The shadow's gate never opened.
    GateShut,
}

/// What rolled a rollout back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopper {
    /// A guardrail.
    Guardrail(Guardrail),
    /// The fast path: nearly everything failed.
    TotalFailure,
    /// People who reviewed the shadow's disagreements.
    Review,
    /// `on_expiry = "roll_back"`.
    Expiry,
}

impl Stopper {
    /// The name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guardrail(guardrail) => guardrail.as_str(),
            Self::TotalFailure => "total_failure",
            Self::Review => "review",
            Self::Expiry => "expiry",
        }
    }

    /// What a decision to roll back names; an operator never does in a simulation.
    pub(crate) const fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Breach(breach) => Self::Guardrail(breach.guardrail),
            Cause::Harm(judgement) => Self::Guardrail(judgement.guardrail),
            Cause::TotalFailure(_) => Self::TotalFailure,
            Cause::Reviewed(_) => Self::Review,
            Cause::Operator { .. }
            | Cause::ControlTried(_)
            | Cause::SharedOutage
            | Cause::OutageOver
            | Cause::GatePassed
            | Cause::GateManual
            | Cause::Dwelled
            | Cause::FeedbackAwaited
            | Cause::TestOver(_) => Self::Expiry,
        }
    }
}
