//! A rollout's full release: what is kept by hour of the day, and what cameras show in its present day.

use serde::{Deserialize, Serialize};
use tidegate_engine::release::Release;
use tidegate_engine::tally::Tally;
use tidegate_engine::variant::ByVariant;

use super::sums::{Kept, KeptTally};
use super::{Part, RolloutState, ms, time};
use crate::record::Unreadable;

/// Cameras in a part.
const CAMERAS_IN_PART: usize = 128;

/// The day, and the sums of its hours and of those before the release.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptRelease {
    day: u64,
    since_ms: Option<i64>,
    past: Vec<KeptTally>,
    present: Vec<KeptTally>,
}

/// What cameras show in the present day, by their place in the order of first appearance.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptReleased(Vec<(u32, (KeptTally, KeptTally))>);

/// None where there is nothing to keep.
pub(super) fn parts(state: &RolloutState) -> Vec<Part> {
    let release = &state.rollout.release;
    if *release == Release::default() {
        return Vec::new();
    }
    let keep = |hours: &[Tally]| hours.iter().map(KeptTally::from).collect();
    let head = Part::Release(Box::new(KeptRelease {
        day: release.day,
        since_ms: ms(release.since),
        past: keep(&release.past),
        present: keep(&release.present),
    }));
    let cameras: Vec<(u32, ByVariant<Tally>)> = (0_u32..)
        .zip(&state.rollout.cameras)
        .map(|(at, camera)| (at, camera.full))
        .filter(|(_, full)| *full != ByVariant::default())
        .collect();
    let some = cameras.chunks(CAMERAS_IN_PART).map(|some| {
        let kept = some.iter().map(|(at, full)| (*at, Kept::keep(full)));
        Part::Released(KeptReleased(kept.collect()))
    });
    std::iter::once(head).chain(some).collect()
}

impl KeptRelease {
    /// None for another number of hours than a day has.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let hours = |kept: Vec<KeptTally>| {
            let sums: Vec<Tally> =
                kept.into_iter().map(KeptTally::sums).collect::<Result<_, _>>()?;
            Ok::<_, Unreadable>(sums.try_into().ok())
        };
        let (past, present) = (hours(self.past)?, hours(self.present)?);
        let (Some(past), Some(present)) = (past, present) else { return Ok(None) };
        let since = time(self.since_ms)?;
        state.rollout.release = Release { day: self.day, since, past, present };
        Ok(Some(()))
    }
}

impl KeptReleased {
    /// None for a camera that is not there.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        for (at, full) in self.0 {
            let Some(camera) = state.rollout.cameras.get_mut(at as usize) else { return Ok(None) };
            camera.full = full.restore()?;
        }
        Ok(Some(()))
    }
}
