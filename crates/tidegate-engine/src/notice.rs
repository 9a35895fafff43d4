//! What is worth telling beside the steps: a guardrail that says something else than before, comparisons in
//! which the treatment was too slow, and what is wrong with what is heard.
//!
//! A look has no effect, and a journal that is read back looks at nothing. So the shell writes down what
//! [`Noticed::look`] and [`Noticed::warnings`] find, with the event that led there, and tells
//! [`Noticed::note`] and [`Noticed::step`] the same whether it happens or is read back.

use alloc::vec::Vec;

use crate::guardrail::Guardrail;
use crate::look::Check;
use crate::phase::{Phase, Transition};
use crate::review::ReviewVerdict;
use crate::symptom::{Symptom, SymptomKind};
use crate::time::{Duration, Timestamp};
use crate::verdict::Verdict;

/// The least time between two words of latency warnings, while the shadow lasts.
pub const WARNINGS_EVERY: Duration = Duration::from_ms(3_600_000);

/// One thing worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A guardrail says something else than at the look before.
    Verdict {
        /// The guardrail whose verdict changed.
        guardrail: Guardrail,
        /// What it said.
        from: Verdict,
        /// What it says.
        to: Verdict,
    },
    /// Comparisons in which the treatment took longer than the owner's warning threshold allows.
    LatencyWarnings {
        /// How many since the last word of them.
        count: u64,
        /// How many in all of this shadow.
        total: u64,
    },
    /// Something is wrong with what is heard, or is so no longer.
    Symptom {
        /// What.
        kind: SymptomKind,
        /// Which of the two.
        state: WarningState,
    },
    /// Cards of a review wait for people.
    CardsWait {
        /// How many.
        waiting: u64,
    },
    /// The answers of a review say something else than before.
    Reviewed {
        /// What they said.
        from: ReviewVerdict,
        /// What they say.
        to: ReviewVerdict,
    },
}

/// Whether something begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningState {
    /// It begins.
    Raised,
    /// It is over.
    Cleared,
}

impl WarningState {
    /// The name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        }
    }
}

/// What was told of a rollout already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noticed {
    /// What each guardrail said at the last look; whoever is not here has decided nothing yet.
    pub verdicts: Vec<(Guardrail, Verdict)>,
    /// Latency warnings that were told.
    pub warnings: u64,
    /// When they were told last.
    pub warned_at: Option<Timestamp>,
    /// What was wrong with what is heard, in order.
    pub symptoms: Vec<SymptomKind>,
}

impl Noticed {
    /// What changed at a look, in the order of the guardrails. Nothing does under the threshold rule, which
    /// has no verdicts.
    pub fn look(&self, check: &Check) -> Vec<Notice> {
        let Check::Sequential(look) = check else { return Vec::new() };
        let changed = look.judgements.iter().filter_map(|judgement| {
            let (guardrail, to) = (judgement.guardrail, judgement.verdict);
            let from = self.verdict(guardrail);
            (from != to).then_some(Notice::Verdict { guardrail, from, to })
        });
        changed.collect()
    }

    /// Word of the latency warnings that were not told yet, of `total` so far: at most once in
    /// [`WARNINGS_EVERY`], and of the rest when the shadow is over.
    pub fn warnings(&self, at: Timestamp, phase: Phase, total: u64) -> Option<Notice> {
        let count = total.saturating_sub(self.warnings);
        let waited = self.warned_at.is_none_or(|last| at.since(last) >= WARNINGS_EVERY);
        let due = waited || phase != Phase::Shadow;
        (count > 0 && due).then_some(Notice::LatencyWarnings { count, total })
    }

    /// Word of what is wrong with what is heard and was not told yet, and of what was told and is over.
    pub fn symptoms(&self, found: &[Symptom]) -> Vec<Notice> {
        let found: Vec<SymptomKind> = found.iter().map(Symptom::kind).collect();
        let differs = |kind: &SymptomKind| found.contains(kind) != self.symptoms.contains(kind);
        let changed = SymptomKind::ALL.into_iter().filter(differs);
        let state = |kind: &SymptomKind| {
            if found.contains(kind) { WarningState::Raised } else { WarningState::Cleared }
        };
        changed.map(|kind| Notice::Symptom { kind, state: state(&kind) }).collect()
    }

    /// Remembers what was told.
    pub fn note(&mut self, at: Timestamp, notice: &Notice) {
        match *notice {
            Notice::Verdict { guardrail, to, .. } => {
                self.verdicts.retain(|(known, _)| *known != guardrail);
                if to != Verdict::Inconclusive {
                    self.verdicts.push((guardrail, to));
                    self.verdicts.sort_unstable();
                }
            }
            // What is told of a review follows from its own state before and after an event.
            Notice::CardsWait { .. } | Notice::Reviewed { .. } => {}
            Notice::LatencyWarnings { total, .. } => {
                self.warnings = total;
                self.warned_at = Some(at);
            }
            Notice::Symptom { kind, state } => {
                self.symptoms.retain(|known| *known != kind);
                if state == WarningState::Raised {
                    self.symptoms.push(kind);
                    self.symptoms.sort_unstable();
                }
            }
        }
    }

    /// Takes notice of a step: with the test another comparison begins, of which nothing is known yet.
    pub fn step(&mut self, transition: Transition) {
        if matches!(transition, Transition::StartShadow | Transition::StartAb | Transition::OpenAb)
        {
            self.verdicts.clear();
        }
    }

    /// What a guardrail said at the last look.
    fn verdict(&self, guardrail: Guardrail) -> Verdict {
        let known = self.verdicts.iter().find(|(known, _)| *known == guardrail);
        known.map_or(Verdict::Inconclusive, |(_, verdict)| *verdict)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use tidegate_stats::evidence::EValue;

    use super::*;
    use crate::look::Look;
    use crate::symptom::Heard;
    use crate::threshold::{self, Finding};
    use crate::variant::ByVariant;
    use crate::verdict::{ChangeUnit, Judgement};

    fn look(verdicts: &[(Guardrail, Verdict)]) -> Check {
        let judgements = verdicts.iter().map(|&(guardrail, verdict)| Judgement {
            part: crate::epoch::TestPart::Whole,
            guardrail,
            verdict,
            change: None,
            limit: 0.05,
            unit: ChangeUnit::Points,
            evidence: EValue::ZERO,
            evidence_needed: None,
            trials: ByVariant::default(),
            cameras: ByVariant::default(),
            trials_needed: 0,
        });
        Check::Sequential(Look { judgements: judgements.collect(), split: None })
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(minutes * 60_000).unwrap()
    }

    fn note_all(noticed: &mut Noticed, told: &[Notice]) {
        for notice in told {
            noticed.note(at(0), notice);
        }
    }

    fn change(guardrail: Guardrail, from: Verdict, to: Verdict) -> Notice {
        Notice::Verdict { guardrail, from, to }
    }

    #[test]
    fn a_verdict_is_told_when_it_changes_and_not_again() {
        use Guardrail::{ErrorRate, FpRate};
        use Verdict::{Alarm, Inconclusive, Pass};
        let mut noticed = Noticed::default();
        assert_eq!(noticed.look(&look(&[(FpRate, Inconclusive)])), vec![]);
        let check = look(&[(FpRate, Alarm), (ErrorRate, Pass)]);
        let told = noticed.look(&check);
        let expected = [change(FpRate, Inconclusive, Alarm), change(ErrorRate, Inconclusive, Pass)];
        assert_eq!(told, expected);
        note_all(&mut noticed, &told);
        assert_eq!(noticed.look(&check), vec![]);
        // A guardrail that is not judged at a look has said nothing else.
        assert_eq!(noticed.look(&look(&[(ErrorRate, Pass)])), vec![]);
        let back = noticed.look(&look(&[(FpRate, Inconclusive)]));
        assert_eq!(back, vec![change(FpRate, Alarm, Inconclusive)]);
    }

    #[test]
    fn the_test_is_another_comparison_than_the_shadow() {
        let mut noticed = Noticed::default();
        let check = look(&[(Guardrail::Latency, Verdict::Pass)]);
        let told = noticed.look(&check);
        note_all(&mut noticed, &told);
        noticed.step(Transition::Hold);
        assert_eq!(noticed.look(&check), vec![]);
        noticed.step(Transition::OpenAb);
        let told = noticed.look(&check);
        assert_eq!(told, vec![change(Guardrail::Latency, Verdict::Inconclusive, Verdict::Pass)]);
    }

    fn nothing(analyses: u64) -> Symptom {
        Symptom::NothingCompared { analyses, quiet: Duration::ZERO, heard: Heard::Never }
    }

    #[test]
    fn a_symptom_is_told_when_it_begins_and_when_it_is_over() {
        let mut noticed = Noticed::default();
        let found = [nothing(40)];
        let told = noticed.symptoms(&found);
        let kind = SymptomKind::NothingCompared;
        assert_eq!(told, [Notice::Symptom { kind, state: WarningState::Raised }]);
        note_all(&mut noticed, &told);
        assert_eq!(noticed.symptoms(&[nothing(80)]), []);
        let over = noticed.symptoms(&[Symptom::Away { until: at(0) }]);
        let away = Notice::Symptom { kind: SymptomKind::Away, state: WarningState::Raised };
        assert_eq!(over, [Notice::Symptom { kind, state: WarningState::Cleared }, away]);
        note_all(&mut noticed, &over);
        assert_eq!(noticed.symptoms, [SymptomKind::Away]);
    }

    #[test]
    fn the_threshold_rule_has_no_verdicts() {
        let check = Check::Threshold(threshold::ThresholdCheck {
            finding: Finding::WithinBounds,
            fp_rate_increase: 0.0,
            latency_increase_pct: None,
            error_rate_increase: 0.0,
        });
        assert_eq!(Noticed::default().look(&check), vec![]);
    }

    #[test]
    fn warnings_are_told_at_once_then_each_hour_and_at_the_end_of_the_shadow() {
        let mut noticed = Noticed::default();
        let warned = |count, total| Some(Notice::LatencyWarnings { count, total });
        assert_eq!(noticed.warnings(at(0), Phase::Shadow, 0), None);
        assert_eq!(noticed.warnings(at(0), Phase::Shadow, 1), warned(1, 1));
        noticed.note(at(0), &warned(1, 1).unwrap());
        assert_eq!(noticed.warnings(at(59), Phase::Shadow, 7), None);
        assert_eq!(noticed.warnings(at(60), Phase::Shadow, 7), warned(6, 7));
        noticed.note(at(60), &warned(6, 7).unwrap());
        assert_eq!(noticed.warnings(at(61), Phase::Shadow, 8), None);
        assert_eq!(noticed.warnings(at(61), Phase::RolledBack, 8), warned(1, 8));
        assert_eq!(noticed.warnings(at(200), Phase::Shadow, 7), None);
    }
}
