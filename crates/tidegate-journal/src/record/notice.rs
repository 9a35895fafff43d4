//! Notices as they are kept.

use serde::{Deserialize, Serialize};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::notice::{Notice, WarningState};
use tidegate_engine::review::ReviewVerdict;
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::verdict::Verdict;

use crate::codes::{Coded, UnknownCode};

/// A notice as it is kept. The order of the tags is the format.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeptNotice {
    Verdict { guardrail: u8, from: u8, to: u8 },
    LatencyWarnings { count: u64, total: u64 },
    Symptom { kind: u8, state: u8 },
    CardsWait { waiting: u64 },
    Reviewed { from: u8, to: u8 },
}

impl From<Notice> for KeptNotice {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Verdict { guardrail, from, to } => {
                Self::Verdict { guardrail: guardrail.code(), from: from.code(), to: to.code() }
            }
            Notice::LatencyWarnings { count, total } => Self::LatencyWarnings { count, total },
            Notice::Symptom { kind, state } => {
                Self::Symptom { kind: kind.code(), state: state.code() }
            }
            Notice::CardsWait { waiting } => Self::CardsWait { waiting },
            Notice::Reviewed { from, to } => Self::Reviewed { from: from.code(), to: to.code() },
        }
    }
}

impl TryFrom<KeptNotice> for Notice {
    type Error = UnknownCode;

    fn try_from(kept: KeptNotice) -> Result<Self, UnknownCode> {
        Ok(match kept {
            KeptNotice::Verdict { guardrail, from, to } => Self::Verdict {
                guardrail: Guardrail::of_code(guardrail)?,
                from: Verdict::of_code(from)?,
                to: Verdict::of_code(to)?,
            },
            KeptNotice::LatencyWarnings { count, total } => Self::LatencyWarnings { count, total },
            KeptNotice::Symptom { kind, state } => Self::Symptom {
                kind: SymptomKind::of_code(kind)?,
                state: WarningState::of_code(state)?,
            },
            KeptNotice::CardsWait { waiting } => Self::CardsWait { waiting },
            KeptNotice::Reviewed { from, to } => Self::Reviewed {
                from: ReviewVerdict::of_code(from)?,
                to: ReviewVerdict::of_code(to)?,
            },
        })
    }
}
