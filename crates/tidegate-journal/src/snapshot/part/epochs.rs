//! The stretches of a rollout's A/B test.

use serde::{Deserialize, Serialize};
use tidegate_engine::epoch::{Epoch, Epochs, Opens};
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState};
use crate::record::Unreadable;

/// Every stretch: after when it begins in milliseconds, and whether a window opens with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptEpochs(Vec<(i64, bool)>);

/// None where there are no stretches.
pub(super) fn part(state: &RolloutState) -> Option<Part> {
    let epochs = state.rollout.epochs.as_slice();
    let kept = epochs.iter().map(|epoch| (epoch.after.ms(), epoch.opens == Opens::Window));
    (!epochs.is_empty()).then(|| Part::Epochs(KeptEpochs(kept.collect())))
}

impl KeptEpochs {
    /// None where stretches do not follow one another.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let epochs = self.0.into_iter().map(|(after_ms, window)| {
            let opens = if window { Opens::Window } else { Opens::Step };
            Ok(Epoch { after: Timestamp::from_ms(after_ms)?, opens })
        });
        let epochs = Epochs::new(epochs.collect::<Result<_, Unreadable>>()?);
        Ok(epochs.map(|epochs| state.rollout.epochs = epochs))
    }
}
