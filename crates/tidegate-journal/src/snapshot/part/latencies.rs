//! How a rollout's latencies are spread.

use serde::{Deserialize, Serialize};
use tidegate_engine::fleet::Latencies;
use tidegate_engine::variant::ByVariant;
use tidegate_stats::quantile::QuantileSketch;

use super::{Part, RolloutState};

/// Buckets in a part.
const BUCKETS_IN_PART: usize = 2_048;

/// Buckets of one sketch as index and count.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptLatencies {
    /// 0 the shadow's control, 1 the test's control, 2 the test's treatment.
    of: u8,
    buckets: Vec<(u32, u64)>,
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let Latencies { shadow, ab } = &state.rollout.latencies;
    (0_u8..).zip([shadow, &ab.control, &ab.treatment]).flat_map(|(of, sketch)| {
        let buckets: Vec<(u32, u64)> = sketch.buckets().collect();
        let parts: Vec<Part> = buckets
            .chunks(BUCKETS_IN_PART)
            .map(|buckets| Part::Latencies(KeptLatencies { of, buckets: buckets.to_vec() }))
            .collect();
        parts
    })
}

/// The buckets of a rollout that have come: a sketch is made once all of them are there.
#[derive(Debug, Default)]
pub(super) struct Buckets([Vec<(u32, u64)>; 3]);

impl KeptLatencies {
    /// None for a sketch that there is not.
    pub(super) fn add_to(self, buckets: &mut Buckets) -> Option<()> {
        buckets.0.get_mut(usize::from(self.of))?.extend(self.buckets);
        Some(())
    }
}

impl Buckets {
    /// None for buckets that no sketch has.
    pub(super) fn latencies(self) -> Option<Latencies> {
        let [shadow, control, treatment] = self.0.map(QuantileSketch::from_buckets);
        let ab = ByVariant { control: control.ok()?, treatment: treatment.ok()? };
        Some(Latencies { shadow: shadow.ok()?, ab })
    }
}
