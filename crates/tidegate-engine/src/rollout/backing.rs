//! What the evidence says of a step that a person wants.

use super::Rollout;
use crate::assignment::Serving;
use crate::event::Command;
use crate::look::Check;
use crate::phase::{Condition, State, Transition};
use crate::review::ReviewVerdict;
use crate::split_check::SplitCheck;
use crate::threshold::Finding;
use crate::verdict::Verdict;

/// What the evidence says of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backing {
    /// It speaks for the step, which the rollout would take by itself or could defend.
    Passes,
    /// It says neither that there is harm nor that there is none.
    Inconclusive,
    /// It says that there is harm, or signs of it.
    Fails,
}

impl Rollout {
    /// The step that `advance` takes now, if the phase allows one.
    pub fn advance(&self) -> Option<(Transition, State)> {
        let transition = self.transition_of(Command::Advance);
        Some((transition, transition.target(self.lifecycle.state)?))
    }

    /// Where a command leads from here and what would be served then; none where it is not allowed.
    pub fn ahead(&self, command: Command) -> Option<(State, Serving)> {
        let transition = self.transition_of(command);
        let to = transition.target(self.lifecycle.state)?;
        let step = if matches!(transition, Transition::StartAb | Transition::OpenAb) {
            0
        } else {
            self.lifecycle.step + usize::from(transition == Transition::NextStep)
        };
        Some((to, self.serving_in(to, step)))
    }

    /// What an operator may do from here.
    pub fn allowed(&self) -> impl Iterator<Item = Command> {
        let leads_on =
            |command: &Command| self.transition_of(*command).target(self.lifecycle.state).is_some();
        Command::ALL.into_iter().filter(leads_on)
    }

    /// What the evidence says of a step: of the test, what opens the gate of a shadow; of a ramp step, its dwell;
    /// of a release, that every guardrail passes.
    pub fn backing(&self, transition: Transition) -> Backing {
        let is_tested =
            matches!(self.lifecycle.state.condition, Condition::Grace | Condition::Expired);
        if transition == Transition::OpenFull && is_tested && self.proof().promotes() {
            return Backing::Passes;
        }
        // What people saw may let alerts fall.
        if transition == Transition::OpenAb && self.gate_passes() {
            return Backing::Passes;
        }
        let check = self.check();
        let harm = match &check {
            Check::Threshold(check) => matches!(check.finding, Finding::Breach(_)),
            Check::Sequential(look) => look.any(Verdict::Alarm) || look.any(Verdict::Fail),
        };
        let reviewed = self.reading().map(|reading| reading.verdict);
        let is_bad = |verdict| {
            !matches!(verdict, ReviewVerdict::Open | ReviewVerdict::Pass | ReviewVerdict::Promote)
        };
        if harm || transition == Transition::OpenAb && reviewed.is_some_and(is_bad) {
            return Backing::Fails;
        }
        let backed = match (transition, &check) {
            (Transition::OpenAb, _) => false,
            (Transition::NextStep, _) => {
                self.lifecycle.step_ends.is_some_and(|ends| ends <= self.lifecycle.now)
            }
            (_, Check::Threshold(check)) => check.finding == Finding::WithinBounds,
            (_, Check::Sequential(look)) => {
                let passes = |verdict| verdict == Verdict::Pass;
                self.is_watched()
                    && !look.judgements.is_empty()
                    && look.judgements.iter().all(|judgement| passes(judgement.verdict))
            }
        };
        let as_planned = match &check {
            Check::Sequential(look) => look.split.as_ref().is_none_or(SplitCheck::is_clean),
            Check::Threshold(_) => true,
        };
        if backed && as_planned { Backing::Passes } else { Backing::Inconclusive }
    }
}
