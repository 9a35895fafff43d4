//! What the guardrails said over time, and each camera by itself.

use tidegate_engine::exposure::Window;
use tidegate_engine::id::CameraId;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{Cameras, CamerasQuery, Scores, Series};

use crate::published::{STORE_UNAVAILABLE, Trust, View};
use crate::rollouts::{Predecessor, RunningExperiment};

/// What the guardrails of a run said in a phase; left out, in the one that is compared now.
pub(crate) fn series(run: &RunningExperiment, phase: Option<Window>) -> Series {
    let phase = phase.unwrap_or_else(|| run.rollout.shown_window());
    Series::new(&run.key, run.number, phase, &run.series)
}

/// Both scores of the shadow of a run.
pub(crate) fn scores(run: &RunningExperiment) -> Scores {
    Scores::new(&run.key, run.number, &run.rollout)
}

/// One page of the cameras of a run.
pub(crate) fn cameras(run: &RunningExperiment, view: View<'_>, query: &CamerasQuery) -> Cameras {
    let serving =
        run.serving_predecessor().map_or_else(|| run.rollout.serving(), Predecessor::serving);
    let serve = |camera: &CameraId| match view.trust {
        Trust::ControlOnly => (Variant::Control, STORE_UNAVAILABLE),
        Trust::Full => {
            let assigned = serving.assign(camera, view.now);
            (assigned.variant, assigned.reason.as_str())
        }
    };
    Cameras::new(&run.key, run.number, &run.rollout, serve, query)
}
