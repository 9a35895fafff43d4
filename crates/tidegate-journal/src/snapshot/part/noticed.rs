//! What was told of a rollout already.

use serde::{Deserialize, Serialize};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::notice::Noticed;
use tidegate_engine::verdict::Verdict;

use super::{Part, RolloutState, ms, time};
use crate::codes::Coded;
use crate::record::Unreadable;

/// What each guardrail said last, and the latency warnings that were told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptNoticed {
    verdicts: Vec<(u8, u8)>,
    warnings: u64,
    warned_at_ms: Option<i64>,
}

/// None where nothing was told.
pub(super) fn part(state: &RolloutState) -> Option<Part> {
    let Noticed { verdicts, warnings, warned_at } = &state.noticed;
    let verdicts = verdicts.iter().map(|(guardrail, verdict)| (guardrail.code(), verdict.code()));
    (state.noticed != Noticed::default()).then(|| {
        Part::Noticed(KeptNoticed {
            verdicts: verdicts.collect(),
            warnings: *warnings,
            warned_at_ms: ms(*warned_at),
        })
    })
}

impl KeptNoticed {
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<(), Unreadable> {
        let verdicts = self.verdicts.into_iter().map(|(guardrail, verdict)| {
            Ok((Guardrail::of_code(guardrail)?, Verdict::of_code(verdict)?))
        });
        let verdicts = verdicts.collect::<Result<_, Unreadable>>()?;
        let warned_at = time(self.warned_at_ms)?;
        state.noticed = Noticed { verdicts, warnings: self.warnings, warned_at };
        Ok(())
    }
}
