//! What cameras showed in the blocks of a switchback.

use serde::{Deserialize, Serialize};
use tidegate_engine::fleet::BlockSums;
use tidegate_engine::time::Block;
use tidegate_engine::variant::Variant;

use super::sums::KeptTally;
use super::{Part, RolloutState};
use crate::codes::Coded;
use crate::record::Unreadable;

/// Blocks in a part: so few that it always fits.
const BLOCKS_IN_PART: usize = 256;

/// A block of the camera of that place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBlock {
    camera: u32,
    block: u64,
    variant: u8,
    tally: KeptTally,
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let blocks: Vec<(u32, &BlockSums)> = (0_u32..)
        .zip(&state.rollout.cameras)
        .flat_map(|(camera, sums)| sums.blocks.iter().map(move |block| (camera, block)))
        .collect();
    let parts: Vec<Part> = blocks
        .chunks(BLOCKS_IN_PART)
        .map(|some| Part::Blocks(some.iter().map(|(camera, sums)| keep(*camera, sums)).collect()))
        .collect();
    parts.into_iter()
}

fn keep(camera: u32, sums: &BlockSums) -> KeptBlock {
    let BlockSums { block, variant, tally } = sums;
    KeptBlock { camera, block: block.0, variant: variant.code(), tally: tally.into() }
}

impl KeptBlock {
    /// None for a camera that has not come.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let Some(camera) = state.rollout.cameras.get_mut(self.camera as usize) else {
            return Ok(None);
        };
        camera.blocks.push(BlockSums {
            block: Block(self.block),
            variant: Variant::of_code(self.variant)?,
            tally: self.tally.sums()?,
        });
        Ok(Some(()))
    }
}
