//! Which sums and verdicts a status shows: those of now, or of a rollout that ended, those that it ended on.

use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::status;
use tidegate_engine::tally::Tally;
use tidegate_spec::api::{self, ByVariantMetrics, Evidence, HistoryItem, Judgement, SplitCheck};

/// The window whose labels are kept apart from its comparisons.
const SHADOW: &str = "shadow";

/// Sums and verdicts of one comparison.
pub(super) struct Shown {
    pub(super) window: String,
    pub(super) variants: ByVariantMetrics,
    pub(super) guardrails: Vec<Judgement>,
    pub(super) split: Option<SplitCheck>,
    /// What is to be said of them, in one sentence.
    pub(super) finding: String,
}

impl Shown {
    pub(super) fn of(status: &status::Status, shadow: &Tally, last: Option<&HistoryItem>) -> Self {
        let shown = Self::without_shadow(status, last);
        if shown.window != SHADOW {
            return shown;
        }
        let ByVariantMetrics { control, treatment } = shown.variants;
        let variants = ByVariantMetrics { control: control.with_labels_of(shadow), treatment };
        Self { variants, ..shown }
    }

    fn without_shadow(status: &status::Status, last: Option<&HistoryItem>) -> Self {
        let phase = status.state.phase;
        let has_ended = matches!(phase, Phase::Completed | Phase::RolledBack | Phase::Stopped);
        match last {
            Some(last) if has_ended => Self::at_end(last),
            Some(last) if is_proved(status, last) => {
                Self { finding: last.reason.clone(), ..Self::now(status) }
            }
            Some(_) | None => Self::now(status),
        }
    }

    fn now(status: &status::Status) -> Self {
        let window = match status.state.phase {
            Phase::Draft | Phase::Shadow => SHADOW,
            Phase::Ab | Phase::Full | Phase::Completed | Phase::RolledBack | Phase::Stopped => "ab",
        };
        Self {
            window: window.to_owned(),
            variants: ByVariantMetrics {
                control: (&status.sides.control).into(),
                treatment: (&status.sides.treatment).into(),
            },
            guardrails: Judgement::all(&status.check),
            split: SplitCheck::of(&status.check),
            finding: api::finding(&status.check),
        }
    }

    fn at_end(last: &HistoryItem) -> Self {
        let Evidence { window, variants, guardrails, split, .. } = last.evidence.clone();
        // A person's reason is beside it; what the rule said is what they had to go by.
        let finding = match (last.action.is_some(), worst(&guardrails)) {
            (true, Some(worst)) => worst.sentence.clone(),
            (true, None) | (false, _) => last.reason.clone(),
        };
        Self { window, variants, guardrails, split, finding }
    }
}

/// The worst of judgements; the first of equals.
fn worst(judgements: &[Judgement]) -> Option<&Judgement> {
    let badness = |judgement: &&Judgement| match judgement.verdict.as_str() {
        "fail" => 3,
        "alarm" => 2,
        "inconclusive" => 1,
        _ => 0,
    };
    judgements.iter().rev().max_by_key(badness)
}

/// Whether the test showed what a promotion asks for, and its owner is to say it.
pub(super) fn is_proved(status: &status::Status, last: &HistoryItem) -> bool {
    status.state.condition == Condition::Expired
        && matches!(last.cause.as_str(), "proved" | "reviewed")
}
