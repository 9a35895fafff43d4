//! What the guardrails of a run said over time: from looks that are made anyway.

use tidegate_engine::decision::Evidence;
use tidegate_engine::experiment::Rule;
use tidegate_engine::phase::Phase;
use tidegate_engine::rollout::Looked;
use tidegate_engine::series::{self, Occasion};
use tidegate_engine::time::Timestamp;
use tidegate_journal::Entry;

use super::changed::Unit;
use super::run::RunningExperiment;

impl RunningExperiment {
    fn rule(&self) -> Rule {
        self.rollout.definition().experiment().guardrails.rule
    }

    /// Whether the last event led to a look that has verdicts.
    pub(super) fn has_verdicts(&self) -> bool {
        self.rule() == Rule::Sequential && self.rollout.looked() == Looked::Yes
    }

    /// Whether averages are compared for a point alone: they cost nothing, and their rule looks at every event.
    pub(super) fn is_average_due(&self, at: Timestamp, phase: Phase) -> bool {
        self.rule() == Rule::Threshold
            && phase != Phase::Full
            && series::window_of(phase).is_some_and(|window| self.series.is_time(window, at))
    }

    /// Keeps a point of what was looked at in a phase, where one is due.
    pub(super) fn chart(
        &mut self,
        at: Timestamp,
        phase: Phase,
        occasion: Occasion,
        evidence: &Evidence,
        unit: &mut Unit,
    ) {
        // A release that is not watched looks at what its test showed.
        let window = series::window_of(phase).filter(|window| *window == evidence.window);
        let guardrails = &self.rollout.definition().experiment().guardrails;
        let point = self.series.due(at, occasion, evidence, guardrails);
        if let (Some(window), Some(point)) = (window, point) {
            self.series.keep(window, point.clone());
            unit.entries.push(Entry::Point { rollout: self.id, window, point });
        }
    }
}
