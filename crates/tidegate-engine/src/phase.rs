//! Where a rollout stands, and the one table of where it may go.

use core::fmt;

/// The coarse state of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Defined, not started.
    Draft,
    /// Both prompts run, control is served.
    Shadow,
    /// The cameras are split.
    Ab,
    /// The treatment is served to all.
    Full,
    /// The end: the treatment stays.
    Completed,
    /// The end: the treatment did harm and is never served again.
    RolledBack,
    /// The end: the owner gave up.
    Stopped,
}

impl Phase {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Ab => "ab",
            Self::Full => "full",
            Self::Completed => "completed",
            Self::RolledBack => "rolled_back",
            Self::Stopped => "stopped",
        }
    }

    /// Whether a rollout in it was started and has not ended.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Shadow | Self::Ab | Self::Full)
    }
}

/// What holds a phase up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Nothing: the phase goes on by itself.
    Clear,
    /// The phase goes on but does not advance by itself.
    Held,
    /// Control is served and the phase's time stands still.
    Paused,
    /// The A/B test's time is over: control is served until its last feedback is in.
    Grace,
    /// The A/B test is over: control is served until the owner decides.
    Expired,
}

impl Condition {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Grace => "grace",
            Self::Expired => "expired",
        }
    }
}

/// A phase with its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The coarse state.
    pub phase: Phase,
    /// What holds it up; always [`Condition::Clear`] in a draft and at an end.
    pub condition: Condition,
}

impl State {
    /// Where every rollout begins.
    pub const DRAFT: Self = Self { phase: Phase::Draft, condition: Condition::Clear };
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition {
            Condition::Clear => f.write_str(self.phase.as_str()),
            Condition::Held | Condition::Paused | Condition::Grace | Condition::Expired => {
                write!(f, "{} ({})", self.phase.as_str(), self.condition.as_str())
            }
        }
    }
}

/// One step from state to state, whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// Begin with the shadow.
    StartShadow,
    /// Begin with the A/B test, where the experiment has no shadow.
    StartAb,
    /// From shadow to the A/B test.
    OpenAb,
    /// To the next ramp step.
    NextStep,
    /// Release the treatment to all.
    OpenFull,
    /// End well.
    Complete,
    /// Do not advance by itself.
    Hold,
    /// Serve control for now.
    Pause,
    /// Go on.
    Resume,
    /// End the A/B test's exposures and await its feedback.
    Close,
    /// End the A/B test undecided.
    Expire,
    /// Go on with the A/B test for its duration once more.
    Extend,
    /// End because of harm.
    RollBack,
    /// End without a verdict.
    Stop,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 14] = [
        Self::StartShadow,
        Self::StartAb,
        Self::OpenAb,
        Self::NextStep,
        Self::OpenFull,
        Self::Complete,
        Self::Hold,
        Self::Pause,
        Self::Resume,
        Self::Close,
        Self::Expire,
        Self::Extend,
        Self::RollBack,
        Self::Stop,
    ];

    /// The transition table: where this leads from `from`, or `None` where it is not allowed.
    #[rustfmt::skip]
    #[expect(clippy::match_same_arms, reason = "one row a rule reads as a table")]
    pub const fn target(self, from: State) -> Option<State> {
        use Condition::{Clear, Expired, Grace, Held, Paused};
        use Phase::{Ab, Completed, Draft, Full, RolledBack, Shadow, Stopped};
        let (phase, condition) = match (self, from.phase, from.condition) {
            (Self::StartShadow, Draft, Clear)                        => (Shadow, Clear),
            (Self::StartAb, Draft, Clear)                            => (Ab, Clear),
            (Self::OpenAb, Shadow, Clear | Held)                     => (Ab, Clear),
            (Self::NextStep, Ab, Clear | Held)                       => (Ab, from.condition),
            (Self::OpenFull, Ab, Clear | Held | Grace | Expired)     => (Full, Clear),
            (Self::Complete, Full, Clear)                            => (Completed, Clear),
            (Self::Hold, Shadow | Ab, Clear)                         => (from.phase, Held),
            (Self::Pause, Shadow | Ab | Full, Clear | Held)          => (from.phase, Paused),
            (Self::Resume, Shadow | Ab, Held | Paused)               => (from.phase, Clear),
            (Self::Resume, Ab, Grace | Expired)                      => (Ab, Clear),
            (Self::Extend, Ab, Clear | Grace)                        => (Ab, Clear),
            (Self::Resume, Full, Paused)                             => (Full, Clear),
            (Self::Close, Ab, Clear)                                 => (Ab, Grace),
            (Self::Expire, Ab, Clear | Held | Grace)                 => (Ab, Expired),
            (Self::RollBack, Shadow | Ab | Full, _)                  => (RolledBack, Clear),
            (Self::Stop, Draft | Shadow | Ab | Full, _)              => (Stopped, Clear),
            _ => return None,
        };
        Some(State { phase, condition })
    }
}
