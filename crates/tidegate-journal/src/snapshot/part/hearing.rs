//! When each camera reported last, and since when the daemon listens again.

use serde::{Deserialize, Serialize};
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState, ms, time};
use crate::record::Unreadable;

/// Cameras in a part: so few that it always fits.
const CAMERAS_IN_PART: usize = 1_024;

/// Consecutive cameras, from the place of the first; times in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHearing {
    since_ms: Option<i64>,
    first: u32,
    heard_at_ms: Vec<i64>,
}

/// None where there is nothing to keep.
pub(super) fn parts(state: &RolloutState) -> Vec<Part> {
    let rollout = &state.rollout;
    let since_ms = ms(rollout.heard_since);
    let chunks = rollout.cameras.chunks(CAMERAS_IN_PART).enumerate();
    let mut parts: Vec<Part> = chunks
        .map(|(at, cameras)| {
            let heard_at_ms = cameras.iter().map(|camera| camera.heard_at.ms()).collect();
            // A fleet has at most 100,000 cameras.
            let first = u32::try_from(at * CAMERAS_IN_PART).unwrap_or(u32::MAX);
            Part::Hearing(KeptHearing { since_ms, first, heard_at_ms })
        })
        .collect();
    if parts.is_empty() && since_ms.is_some() {
        parts.push(Part::Hearing(KeptHearing { since_ms, first: 0, heard_at_ms: Vec::new() }));
    }
    parts
}

impl KeptHearing {
    /// None for cameras that are not there.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let rollout = &mut state.rollout;
        rollout.heard_since = time(self.since_ms)?;
        let Some(cameras) = rollout.cameras.get_mut(self.first as usize..) else { return Ok(None) };
        if cameras.len() < self.heard_at_ms.len() {
            return Ok(None);
        }
        for (camera, ms) in cameras.iter_mut().zip(self.heard_at_ms) {
            camera.heard_at = Timestamp::from_ms(ms)?;
        }
        Ok(Some(()))
    }
}
