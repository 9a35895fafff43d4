//! A rollout without what there may be many of.

use serde::{Deserialize, Serialize};
use tidegate_engine::arrivals::Arrivals;
use tidegate_engine::course::Course;
use tidegate_engine::epoch::Epochs;
use tidegate_engine::experiment::Digest;
use tidegate_engine::failure_signs::FailureSigns;
use tidegate_engine::fleet::Latencies;
use tidegate_engine::notice::Noticed;
use tidegate_engine::number::Latency;
use tidegate_engine::outside::OutsideCounts;
use tidegate_engine::release::Release;
use tidegate_engine::rollout::Lifecycle;
use tidegate_engine::series::Series;
use tidegate_engine::snapshot::Snapshot;
use tidegate_engine::time::Timestamp;

use super::fast_path::KeptFastPath;
use super::sums::{Kept, KeptTally};
use super::{Part, RolloutState, ms, time};
use crate::codes::{state_codes, state_of_codes};
use crate::record::{RolloutId, Unreadable, latency_of_us};

/// The first part of a rollout; those that follow add to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptRollout {
    id: u32,
    key: String,
    run: u32,
    digest: u128,
    state: (u8, u8),
    now_ms: i64,
    started_at_ms: Option<i64>,
    phase_ends_ms: Option<i64>,
    step: u32,
    step_ends_ms: Option<i64>,
    paused_at_ms: Option<i64>,
    extensions: u32,
    observations: u64,
    planned_analyses: u64,
    decisions: u32,
    slow_above_us: Option<u32>,
    fast_path: KeptFastPath,
    outside: (KeptTally, KeptTally),
    evicted: u64,
}

/// The first part of a rollout.
pub(super) fn part(state: &RolloutState) -> Part {
    let Snapshot { definition, lifecycle, slow_above, fast_path, outside, evicted, .. } =
        &state.rollout;
    Part::Rollout(Box::new(KeptRollout {
        id: state.id.0,
        key: state.key.as_str().to_owned(),
        run: state.run,
        digest: definition.0,
        state: state_codes(lifecycle.state),
        now_ms: lifecycle.now.ms(),
        started_at_ms: ms(lifecycle.started_at),
        phase_ends_ms: ms(lifecycle.phase_ends),
        step: u32::try_from(lifecycle.step).unwrap_or(u32::MAX),
        step_ends_ms: ms(lifecycle.step_ends),
        paused_at_ms: ms(lifecycle.paused_at),
        extensions: lifecycle.extensions,
        observations: lifecycle.observations,
        planned_analyses: lifecycle.planned_analyses,
        decisions: lifecycle.decisions,
        slow_above_us: slow_above.map(Latency::us),
        fast_path: fast_path.into(),
        outside: Kept::keep(outside),
        evicted: *evicted,
    }))
}

impl KeptRollout {
    /// The rollout, to which the parts that follow are added.
    pub(super) fn begin(self) -> Result<RolloutState, Unreadable> {
        let lifecycle = Lifecycle {
            state: state_of_codes(self.state)?,
            now: Timestamp::from_ms(self.now_ms)?,
            started_at: time(self.started_at_ms)?,
            phase_ends: time(self.phase_ends_ms)?,
            step: self.step as usize,
            step_ends: time(self.step_ends_ms)?,
            paused_at: time(self.paused_at_ms)?,
            extensions: self.extensions,
            observations: self.observations,
            planned_analyses: self.planned_analyses,
            decisions: self.decisions,
        };
        let rollout = Snapshot {
            definition: Digest(self.digest),
            lifecycle,
            cameras: Vec::new(),
            exposures: Vec::new(),
            backlog: Vec::new(),
            latencies: Latencies::default(),
            slow_above: self.slow_above_us.map(latency_of_us).transpose()?,
            fast_path: self.fast_path.restore()?,
            epochs: Epochs::default(),
            course: Course::default(),
            release: Release::default(),
            outside: self.outside.restore()?,
            outside_causes: OutsideCounts::default(),
            evicted: self.evicted,
            review: None,
            joint_scores: Box::default(),
            heard_since: None,
            arrivals: Arrivals::default(),
            failure_signs: FailureSigns::default(),
        };
        Ok(RolloutState {
            id: RolloutId(self.id),
            key: self.key.parse()?,
            run: self.run,
            definition: String::new(),
            accounts: Vec::new(),
            predecessor: None,
            noticed: Noticed::default(),
            series: Series::default(),
            rollout,
        })
    }
}
