//! Which prompt failed more often in which stretches of the shadow.

use serde::{Deserialize, Serialize};
use tidegate_engine::failure_signs::{FailureSigns, SignBet};

use super::{Part, RolloutState};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptFailureSigns {
    stretch: u64,
    surplus: i64,
    up: u64,
    down: u64,
}

/// None before the first comparison.
pub(super) fn part(state: &RolloutState) -> Option<Part> {
    let FailureSigns { stretch, surplus, bet: SignBet { up, down } } = state.rollout.failure_signs;
    let is_any = state.rollout.failure_signs != FailureSigns::default();
    is_any.then_some(Part::FailureSigns(KeptFailureSigns { stretch, surplus, up, down }))
}

impl KeptFailureSigns {
    pub(super) const fn add_to(&self, state: &mut RolloutState) {
        let Self { stretch, surplus, up, down } = *self;
        state.rollout.failure_signs = FailureSigns { stretch, surplus, bet: SignBet { up, down } };
    }
}
