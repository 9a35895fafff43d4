//! When reports came, and after how many others each camera reported last.

use serde::{Deserialize, Serialize};
use tidegate_engine::arrivals::{Arrivals, Compared};
use tidegate_engine::fleet::CameraSums;
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState};
use crate::record::Unreadable;

/// Cameras in a part: so few that it always fits.
const CAMERAS_IN_PART: usize = 1_024;

/// Consecutive cameras, from the place of the first; times in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptArrivals {
    by_hour: [u64; 24],
    compared_at_ms: Option<i64>,
    compared_after: u64,
    first: u32,
    heard_after: Vec<u64>,
}

/// None where nothing came.
pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let Arrivals { by_hour, compared } = state.rollout.arrivals;
    let chunks = state.rollout.cameras.chunks(CAMERAS_IN_PART).enumerate();
    chunks.map(move |(at, cameras)| {
        Part::Arrivals(KeptArrivals {
            by_hour,
            compared_at_ms: compared.map(|compared| compared.at.ms()),
            compared_after: compared.map_or(0, |compared| compared.after),
            // A fleet has at most 100,000 cameras.
            first: u32::try_from(at * CAMERAS_IN_PART).unwrap_or(u32::MAX),
            heard_after: cameras.iter().map(|camera: &CameraSums| camera.heard_after).collect(),
        })
    })
}

impl KeptArrivals {
    /// None for cameras that are not there.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let rollout = &mut state.rollout;
        let at = self.compared_at_ms.map(Timestamp::from_ms).transpose()?;
        let compared = at.map(|at| Compared { at, after: self.compared_after });
        rollout.arrivals = Arrivals { by_hour: self.by_hour, compared };
        let Some(cameras) = rollout.cameras.get_mut(self.first as usize..) else { return Ok(None) };
        if cameras.len() < self.heard_after.len() {
            return Ok(None);
        }
        for (camera, after) in cameras.iter_mut().zip(self.heard_after) {
            camera.heard_after = after;
        }
        Ok(Some(()))
    }
}
