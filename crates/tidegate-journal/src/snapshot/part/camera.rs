//! The cameras of a rollout with their sums.

use serde::{Deserialize, Serialize};
use tidegate_engine::fleet::{CameraSums, Sums};
use tidegate_engine::variant::ByVariant;

use super::sums::{Kept, KeptPairs, KeptTally};
use super::{Part, RolloutState};
use crate::record::Unreadable;

/// Cameras in a part: so few that it always fits.
const CAMERAS_IN_PART: usize = 48;

/// A camera; its place is that in the order in which they come.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptCamera {
    id: String,
    shadow: KeptTally,
    pairs: KeptPairs,
    ab: (KeptTally, KeptTally),
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let cameras = state.rollout.cameras.chunks(CAMERAS_IN_PART);
    cameras.map(|cameras| Part::Cameras(cameras.iter().map(KeptCamera::from).collect()))
}

impl From<&CameraSums> for KeptCamera {
    fn from(camera: &CameraSums) -> Self {
        let Sums { shadow, pairs, ab } = &camera.sums;
        Self {
            id: camera.camera.as_str().to_owned(),
            shadow: shadow.into(),
            pairs: pairs.into(),
            ab: Kept::keep(ab),
        }
    }
}

impl KeptCamera {
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<(), Unreadable> {
        let sums =
            Sums { shadow: self.shadow.sums()?, pairs: self.pairs.sums()?, ab: self.ab.restore()? };
        let camera = CameraSums {
            camera: self.id.parse()?,
            sums,
            blocks: Vec::new(),
            full: ByVariant::default(),
            // An earlier version did not keep it.
            heard_at: state.rollout.lifecycle.now,
            heard_after: state.rollout.lifecycle.observations,
        };
        state.rollout.cameras.push(camera);
        Ok(())
    }
}
