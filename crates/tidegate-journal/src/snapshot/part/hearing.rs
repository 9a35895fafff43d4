//! When each camera reported last, since when the daemon is there again, and what was told of what is wrong with that.

use serde::{Deserialize, Serialize};
use tidegate_engine::fleet::CameraSums;
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::time::Timestamp;

use super::{Part, RolloutState, ms, time};
use crate::codes::Coded;
use crate::record::Unreadable;

/// Cameras in a part: so few that it always fits.
const CAMERAS_IN_PART: usize = 1_024;

/// Consecutive cameras, from the place of the first; times in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHearing {
    since_ms: Option<i64>,
    symptoms: Vec<u8>,
    first: u32,
    heard_at_ms: Vec<i64>,
}

/// None where there is nothing to keep.
pub(super) fn parts(state: &RolloutState) -> Vec<Part> {
    let since_ms = ms(state.rollout.heard_since);
    let symptoms: Vec<u8> = state.noticed.symptoms.iter().map(|kind| kind.code()).collect();
    let kept = |first: u32, cameras: &[CameraSums]| {
        let heard_at_ms = cameras.iter().map(|camera| camera.heard_at.ms()).collect();
        Part::Hearing(KeptHearing { since_ms, symptoms: symptoms.clone(), first, heard_at_ms })
    };
    let cameras = &state.rollout.cameras;
    if cameras.is_empty() && (since_ms.is_some() || !symptoms.is_empty()) {
        return vec![kept(0, &[])];
    }
    let chunks = cameras.chunks(CAMERAS_IN_PART).enumerate();
    // A fleet has at most 100,000 cameras.
    let first = |at: usize| u32::try_from(at * CAMERAS_IN_PART).unwrap_or(u32::MAX);
    chunks.map(|(at, cameras)| kept(first(at), cameras)).collect()
}

impl KeptHearing {
    /// None for cameras that are not there.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let kinds = self.symptoms.into_iter().map(SymptomKind::of_code);
        state.noticed.symptoms = kinds.collect::<Result<_, _>>()?;
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
