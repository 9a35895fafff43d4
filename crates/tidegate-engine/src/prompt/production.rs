//! Where the label `production` goes when a rollout takes a step.

use crate::decision::Step;
use crate::phase::Phase;

use super::digest::TextDigest;
use crate::variant::{ByVariant, Variant};

/// What is to become of `production` at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Production {
    /// The step says nothing of it.
    Untouched,
    /// It points there already.
    There(Variant),
    /// It is to point to this variant's version.
    Move(Variant),
    /// It would go to this variant's version, but somebody pointed it to a third one: it is theirs.
    LeftAlone(Variant),
}

/// What is to become of `production`, which points to `now`, at a step of a rollout of these versions, whose treatment
/// all cameras get from `reaches_all` on.
///
/// Where all cameras get the treatment, it goes to the treatment; where a rollout ends with the control, it comes
/// back from the treatment, and from nowhere else.
pub fn at_step(
    step: Step,
    reaches_all: Phase,
    now: Option<TextDigest>,
    versions: ByVariant<TextDigest>,
) -> Production {
    let ends = matches!(step.to.phase, Phase::RolledBack | Phase::Stopped);
    if step.to.phase == reaches_all && step.from.phase != reaches_all {
        match now {
            Some(now) if now == versions.treatment => Production::There(Variant::Treatment),
            Some(now) if now == versions.control => Production::Move(Variant::Treatment),
            Some(_) => Production::LeftAlone(Variant::Treatment),
            None => Production::Move(Variant::Treatment),
        }
    } else if ends && step.from.phase != Phase::Draft {
        match now {
            Some(now) if now == versions.treatment => Production::Move(Variant::Control),
            Some(now) if now == versions.control => Production::There(Variant::Control),
            Some(_) => Production::LeftAlone(Variant::Control),
            // Nobody said what is in production, and the rollout changed nothing about it.
            None => Production::Untouched,
        }
    } else {
        Production::Untouched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::{State, Transition};
    use crate::time::Timestamp;

    const OLD: TextDigest = TextDigest([1; 32]);
    const NEW: TextDigest = TextDigest([2; 32]);
    const OTHER: TextDigest = TextDigest([3; 32]);

    fn step(transition: Transition, from: Phase) -> Step {
        let from = State { phase: from, ..State::DRAFT };
        let to = transition.target(from).unwrap();
        Step { number: 1, at: Timestamp::EPOCH, transition, from, to }
    }

    #[test]
    fn it_follows_what_all_cameras_get_and_nothing_that_somebody_chose() {
        let versions = ByVariant { control: OLD, treatment: NEW };
        let full = step(Transition::OpenFull, Phase::Ab);
        let back = step(Transition::RollBack, Phase::Full);
        let stop = step(Transition::Stop, Phase::Full);
        for (step, now, expected) in [
            (full, None, Production::Move(Variant::Treatment)),
            (full, Some(OLD), Production::Move(Variant::Treatment)),
            (full, Some(NEW), Production::There(Variant::Treatment)),
            (full, Some(OTHER), Production::LeftAlone(Variant::Treatment)),
            (back, None, Production::Untouched),
            (back, Some(OLD), Production::There(Variant::Control)),
            (back, Some(NEW), Production::Move(Variant::Control)),
            (back, Some(OTHER), Production::LeftAlone(Variant::Control)),
            (stop, Some(NEW), Production::Move(Variant::Control)),
        ] {
            assert_eq!(at_step(step, Phase::Full, now, versions), expected, "{step:?} {now:?}");
        }
        for (transition, from) in [
            (Transition::StartShadow, Phase::Draft),
            (Transition::OpenAb, Phase::Shadow),
            (Transition::Pause, Phase::Full),
            (Transition::Complete, Phase::Full),
            (Transition::Stop, Phase::Draft),
        ] {
            let untouched = at_step(step(transition, from), Phase::Full, Some(NEW), versions);
            assert_eq!(untouched, Production::Untouched, "{transition:?}");
        }
        // In a part of a group all cameras get it when the rollout is completed.
        let complete = step(Transition::Complete, Phase::Full);
        for (step, expected) in [
            (full, Production::Untouched),
            (complete, Production::Move(Variant::Treatment)),
            (back, Production::There(Variant::Control)),
        ] {
            assert_eq!(at_step(step, Phase::Completed, Some(OLD), versions), expected, "{step:?}");
        }
    }
}
