//! Numbers for the engine's closed lists. A number never changes its meaning: lists only grow at the end.

use tidegate_engine::event::Command;
use tidegate_engine::exposure::{Alerts, Window};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::notice::WarningState;
use tidegate_engine::observation::{Label, RunNamed};
use tidegate_engine::phase::{Condition, Phase, State, Transition};
use tidegate_engine::review::{Answer, Direction, ReviewVerdict};
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::variant::Variant;
use tidegate_engine::verdict::Verdict;

const COMMANDS: [Command; 8] = [
    Command::Start,
    Command::Pause,
    Command::Resume,
    Command::Hold,
    Command::Advance,
    Command::Complete,
    Command::RollBack,
    Command::Stop,
];
const PHASES: [Phase; 7] = [
    Phase::Draft,
    Phase::Shadow,
    Phase::Ab,
    Phase::Full,
    Phase::Completed,
    Phase::RolledBack,
    Phase::Stopped,
];
const CONDITIONS: [Condition; 5] =
    [Condition::Clear, Condition::Held, Condition::Paused, Condition::Grace, Condition::Expired];
const TRANSITIONS: [Transition; 14] = [
    Transition::StartShadow,
    Transition::StartAb,
    Transition::OpenAb,
    Transition::NextStep,
    Transition::OpenFull,
    Transition::Complete,
    Transition::Hold,
    Transition::Pause,
    Transition::Resume,
    Transition::Close,
    Transition::Expire,
    Transition::Extend,
    Transition::RollBack,
    Transition::Stop,
];
const VARIANTS: [Variant; 2] = [Variant::Control, Variant::Treatment];
const LABELS: [Label; 4] =
    [Label::FalsePositive, Label::Correct, Label::MissedThreat, Label::SeverityWrong];
const WINDOWS: [Window; 4] = [Window::Shadow, Window::Ab, Window::Outside, Window::Full];
const ALERTS: [Alerts; 3] = [Alerts::NotControl, Alerts::ControlOnly, Alerts::Both];
const RUNS: [RunNamed; 3] = [RunNamed::Yes, RunNamed::No, RunNamed::NotAsked];
const GUARDRAILS: [Guardrail; 9] = [
    Guardrail::FpRate,
    Guardrail::ErrorRate,
    Guardrail::Latency,
    Guardrail::SlowRate,
    Guardrail::MissedThreatRate,
    Guardrail::AlertDrop,
    Guardrail::ThreatRetention,
    Guardrail::AlertRise,
    Guardrail::LabelShare,
];
const VERDICTS: [Verdict; 4] =
    [Verdict::Pass, Verdict::Inconclusive, Verdict::Alarm, Verdict::Fail];

const ANSWERS: [Answer; 3] = [Answer::No, Answer::CannotTell, Answer::Yes];
const DIRECTIONS: [Direction; 2] = [Direction::Lost, Direction::Gained];
const SYMPTOMS: [SymptomKind; 7] = [
    SymptomKind::ReportsStopped,
    SymptomKind::NothingCompared,
    SymptomKind::ControlSilent,
    SymptomKind::TreatmentSilent,
    SymptomKind::TreatmentNowhere,
    SymptomKind::VariantsDisagree,
    SymptomKind::Away,
];
const REVIEW_VERDICTS: [ReviewVerdict; 6] = [
    ReviewVerdict::RejectFalseAlarms,
    ReviewVerdict::RejectMissed,
    ReviewVerdict::Promote,
    ReviewVerdict::Pass,
    ReviewVerdict::Alarm,
    ReviewVerdict::Open,
];
const WARNING_STATES: [WarningState; 2] = [WarningState::Raised, WarningState::Cleared];

/// A number that names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code} is the number of no {of}")]
pub struct UnknownCode {
    of: &'static str,
    code: u8,
}

/// A closed list with a number for each of its values.
pub(crate) trait Coded: Copy + PartialEq + 'static {
    /// What it is a list of.
    const NAME: &'static str;
    /// The values, in order of their numbers.
    const LIST: &'static [Self];

    /// The number of a value.
    fn code(self) -> u8 {
        let position = Self::LIST.iter().position(|value| *value == self);
        // The test below proves that every list is complete and shorter than 256.
        position.and_then(|position| u8::try_from(position).ok()).unwrap_or(u8::MAX)
    }

    /// The value of a number.
    fn of_code(code: u8) -> Result<Self, UnknownCode> {
        let of = Self::NAME;
        Self::LIST.get(usize::from(code)).copied().ok_or(UnknownCode { of, code })
    }
}

macro_rules! coded {
    ($($type:ty, $name:literal, $list:ident;)*) => {$(
        impl Coded for $type {
            const NAME: &'static str = $name;
            const LIST: &'static [Self] = &$list;
        }
    )*};
}

coded! {
    Command, "command", COMMANDS;
    Phase, "phase", PHASES;
    Condition, "condition", CONDITIONS;
    Transition, "transition", TRANSITIONS;
    Variant, "variant", VARIANTS;
    Label, "label", LABELS;
    Window, "window", WINDOWS;
    Alerts, "kind of alerts", ALERTS;
    RunNamed, "naming of a run", RUNS;
    Guardrail, "guardrail", GUARDRAILS;
    Verdict, "verdict", VERDICTS;
    Answer, "answer", ANSWERS;
    Direction, "direction", DIRECTIONS;
    SymptomKind, "symptom", SYMPTOMS;
    ReviewVerdict, "verdict of a review", REVIEW_VERDICTS;
    WarningState, "state of a warning", WARNING_STATES;
}

/// Phase and condition as two numbers.
pub(crate) fn state_codes(state: State) -> (u8, u8) {
    (state.phase.code(), state.condition.code())
}

/// Phase and condition of two numbers.
pub(crate) fn state_of_codes((phase, condition): (u8, u8)) -> Result<State, UnknownCode> {
    Ok(State { phase: Phase::of_code(phase)?, condition: Condition::of_code(condition)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trips<T: Coded + std::fmt::Debug>(all: &[T]) {
        assert_eq!(all.len(), T::LIST.len(), "{} has a value without a number", T::NAME);
        for value in all {
            assert_eq!(T::of_code(value.code()), Ok(*value));
        }
        let code = u8::try_from(all.len()).unwrap();
        assert_eq!(T::of_code(code), Err(UnknownCode { of: T::NAME, code }));
    }

    fn round_trips_at<T: Coded + std::fmt::Debug>(code: fn(T) -> u8) {
        for value in T::LIST {
            assert_eq!(value.code(), code(*value), "{} {value:?}", T::NAME);
        }
        round_trips(T::LIST);
    }

    #[test]
    fn every_value_has_its_number() {
        round_trips(&Command::ALL);
        round_trips(&Transition::ALL);
        round_trips(&Variant::ALL);
        round_trips(&Label::ALL);
        round_trips(&Guardrail::ALL);
        round_trips(&Verdict::ALL);
        round_trips(&Direction::ALL);
        round_trips(&SymptomKind::ALL);
        // These have no list of their own. A new value does not compile here until it has its place.
        round_trips_at(|verdict| match verdict {
            ReviewVerdict::RejectFalseAlarms => 0,
            ReviewVerdict::RejectMissed => 1,
            ReviewVerdict::Promote => 2,
            ReviewVerdict::Pass => 3,
            ReviewVerdict::Alarm => 4,
            ReviewVerdict::Open => 5,
        });
        round_trips_at(|phase| match phase {
            Phase::Draft => 0,
            Phase::Shadow => 1,
            Phase::Ab => 2,
            Phase::Full => 3,
            Phase::Completed => 4,
            Phase::RolledBack => 5,
            Phase::Stopped => 6,
        });
        round_trips_at(|condition| match condition {
            Condition::Clear => 0,
            Condition::Held => 1,
            Condition::Paused => 2,
            Condition::Grace => 3,
            Condition::Expired => 4,
        });
        round_trips_at(|window| match window {
            Window::Shadow => 0,
            Window::Ab => 1,
            Window::Outside => 2,
            Window::Full => 3,
        });
        round_trips_at(|run| match run {
            RunNamed::Yes => 0,
            RunNamed::No => 1,
            RunNamed::NotAsked => 2,
        });
        round_trips_at(|state| match state {
            WarningState::Raised => 0,
            WarningState::Cleared => 1,
        });
        round_trips_at(|answer| match answer {
            Answer::No => 0,
            Answer::CannotTell => 1,
            Answer::Yes => 2,
        });
        round_trips_at(|alerts| match alerts {
            Alerts::NotControl => 0,
            Alerts::ControlOnly => 1,
            Alerts::Both => 2,
        });
    }
}
