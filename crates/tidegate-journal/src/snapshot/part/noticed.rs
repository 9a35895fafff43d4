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
    // What is wrong with what is heard is kept beside when it was heard.
    let Noticed { verdicts, warnings, warned_at, symptoms: _ } = &state.noticed;
    let told = !verdicts.is_empty() || *warnings > 0 || warned_at.is_some();
    let verdicts = verdicts.iter().map(|(guardrail, verdict)| (guardrail.code(), verdict.code()));
    told.then(|| {
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
        let symptoms = Vec::new();
        state.noticed = Noticed { verdicts, warnings: self.warnings, warned_at, symptoms };
        Ok(())
    }
}
