//! What a rollout's guardrails said over time.

use serde::{Deserialize, Serialize};
use tidegate_engine::exposure::Window;
use tidegate_engine::series::SeriesPoint;

use super::{Part, RolloutState};
use crate::codes::Coded;
use crate::record::{KeptPoint, Unreadable};

/// Points in a part: so few that they always fit.
const POINTS_IN_PART: usize = 64;

/// Points of one phase.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptSeries {
    window: u8,
    points: Vec<KeptPoint>,
}

/// None where nothing was looked at.
pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    [Window::Shadow, Window::Ab, Window::Full].into_iter().flat_map(|window| {
        state.series.points(window).chunks(POINTS_IN_PART).map(move |points| {
            let points = points.iter().map(Into::into).collect();
            Part::Series(KeptSeries { window: window.code(), points })
        })
    })
}

impl KeptSeries {
    /// None where points do not follow one another, or are too many.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let window = Window::of_code(self.window)?;
        let added = self.points.into_iter().map(KeptPoint::point);
        let added = added.collect::<Result<Vec<SeriesPoint>, _>>()?;
        let points = [state.series.points(window), &added].concat();
        Ok(state.series.restore(window, points))
    }
}
