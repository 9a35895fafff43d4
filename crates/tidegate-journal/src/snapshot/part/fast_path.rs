//! A rollout's fast path: its sum in the rollout's first part, and what cameras added and showed in parts of their own.

use serde::{Deserialize, Serialize};
use tidegate_engine::fast_path::{Added, Excursion, FastPath, OutageHold, Shown};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_stats::cusum::Cusum;

use super::{Part, RolloutState, ms, time};
use crate::codes::Coded;
use crate::record::Unreadable;

/// Cameras in a part.
const ADDED_IN_PART: usize = 2_048;

/// The sum, and the excursion it is on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptFastPath {
    sum: f64,
    excursion: Option<KeptExcursion>,
    outage_at_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptExcursion {
    since_ms: i64,
    crossed_at_ms: Option<i64>,
    failures: u64,
    failed_cameras: [Option<u32>; 3],
    control_analyses: u64,
    control_failures: u64,
}

/// What cameras added to the sum, and whether an outage holds the rollout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptAdded {
    added: Vec<(u32, f64)>,
    drained: f64,
    held: bool,
}

/// What a camera showed in the excursion.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptShown {
    camera: u32,
    variant: u8,
    analyses: u32,
    failures: u32,
}

/// None where the sum is on no excursion and nothing is held.
pub(super) fn parts(state: &RolloutState) -> Vec<Part> {
    let FastPath { added, hold, drained, .. } = &state.rollout.fast_path;
    let held = *hold == OutageHold::Yes;
    let part = |some: &[Added]| {
        Part::FastPath(KeptAdded {
            added: some.iter().map(|added| (added.camera, added.sum)).collect(),
            drained: *drained,
            held,
        })
    };
    if added.is_empty() && held {
        return vec![part(&[])];
    }
    added.chunks(ADDED_IN_PART).map(part).collect()
}

/// None where the sum is on no excursion.
pub(super) fn shown(state: &RolloutState) -> Option<Part> {
    let shown = &state.rollout.fast_path.shown;
    let kept = shown.iter().map(|&Shown { camera, variant, analyses, failures }| KeptShown {
        camera,
        variant: variant.code(),
        analyses,
        failures,
    });
    (!shown.is_empty()).then(|| Part::Shown(kept.collect()))
}

impl From<&FastPath> for KeptFastPath {
    fn from(fast_path: &FastPath) -> Self {
        let FastPath { sum, excursion, outage_at, .. } = fast_path;
        let excursion = excursion.map(|excursion| KeptExcursion {
            since_ms: excursion.since.ms(),
            crossed_at_ms: ms(excursion.crossed_at),
            failures: excursion.failures,
            failed_cameras: excursion.failed_cameras,
            control_analyses: excursion.control_analyses,
            control_failures: excursion.control_failures,
        });
        Self { sum: sum.value(), excursion, outage_at_ms: ms(*outage_at) }
    }
}

impl KeptFastPath {
    pub(super) fn restore(self) -> Result<FastPath, Unreadable> {
        let excursion = match self.excursion {
            None => None,
            Some(kept) => Some(Excursion {
                since: Timestamp::from_ms(kept.since_ms)?,
                crossed_at: time(kept.crossed_at_ms)?,
                failures: kept.failures,
                failed_cameras: kept.failed_cameras,
                control_analyses: kept.control_analyses,
                control_failures: kept.control_failures,
            }),
        };
        let (sum, outage_at) = (Cusum::new(self.sum)?, time(self.outage_at_ms)?);
        // An earlier version kept the sum alone: what no camera added stands as it is.
        let drained = -sum.value();
        Ok(FastPath { sum, excursion, outage_at, drained, ..FastPath::default() })
    }
}

impl KeptAdded {
    /// None for what is no number.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let fast_path = &mut state.rollout.fast_path;
        for (camera, sum) in self.added {
            fast_path.added.push(Added { camera, sum: Cusum::new(sum)?.value() });
        }
        if !self.drained.is_finite() {
            return Ok(None);
        }
        fast_path.drained = self.drained;
        fast_path.hold = if self.held { OutageHold::Yes } else { OutageHold::No };
        Ok(Some(()))
    }
}

impl KeptShown {
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<(), Unreadable> {
        let Self { camera, variant, analyses, failures } = self;
        let variant = Variant::of_code(variant)?;
        state.rollout.fast_path.shown.push(Shown { camera, variant, analyses, failures });
        Ok(())
    }
}
