//! What the gate of a shadow that is over waits for.

use tidegate_engine::experiment::{Gate, Watch};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::look::Check;
use tidegate_engine::review::{Reading, ReviewVerdict};
use tidegate_engine::verdict::Verdict;

use crate::rollouts::RunningExperiment;

/// What lets a rollout leave a shadow that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateWaits {
    /// More reports.
    Reports,
    /// Answers of a review.
    Answers,
    /// A person: more of the same opens nothing.
    Person,
}

/// What the gate of a shadow that is over waits for.
pub(crate) fn gate_waits(run: &RunningExperiment) -> GateWaits {
    let experiment = run.rollout.definition().experiment();
    if experiment.shadow.gate == Gate::Manual {
        return GateWaits::Person;
    }
    let heard = run.rollout.presence();
    if experiment.guardrails.watch == Watch::Off || heard.is_some_and(|heard| !heard.suffices()) {
        return GateWaits::Reports;
    }
    let review = run.rollout.review_progress();
    let reading = review.as_ref().and_then(|review| review.reading.as_ref());
    let answers_may_come = review.as_ref().is_some_and(|review| review.missing.is_some());
    let is_seen = answers_may_come || reading.is_some_and(Reading::passes);
    let is_alarmed = match run.rollout.check() {
        Check::Threshold(_) => false,
        Check::Sequential(look) => look.judgements.iter().any(|judgement| {
            // What people see of the events may let alerts fall.
            let may_fall = is_seen && judgement.guardrail == Guardrail::AlertDrop;
            judgement.verdict >= Verdict::Alarm && !may_fall
        }),
    };
    let is_bad = reading.is_some_and(|reading| reading.verdict == ReviewVerdict::Alarm);
    match (is_alarmed, answers_may_come) {
        (true, _) => GateWaits::Person,
        (false, true) => GateWaits::Answers,
        (false, false) if is_bad => GateWaits::Person,
        (false, false) => GateWaits::Reports,
    }
}
