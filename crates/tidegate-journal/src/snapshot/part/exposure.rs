//! The exposures of a rollout whose feedback may still come.

use serde::{Deserialize, Serialize};
use tidegate_engine::exposure::{Alerts, Exposure, Fingerprint, Window};
use tidegate_engine::observation::Label;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

use super::{Part, RolloutState};
use crate::codes::Coded;
use crate::record::Unreadable;

/// Exposures in a part: so few that it always fits.
const EXPOSURES_IN_PART: usize = 1_024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptExposure {
    fingerprint: u128,
    at_ms: i64,
    camera: u32,
    variant: u8,
    window: u8,
    alerts: u8,
    label: Option<u8>,
}

pub(super) fn parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let exposures = state.rollout.exposures.chunks(EXPOSURES_IN_PART);
    exposures.map(|some| Part::Exposures(some.iter().map(KeptExposure::from).collect()))
}

impl From<&Exposure> for KeptExposure {
    fn from(exposure: &Exposure) -> Self {
        Self {
            fingerprint: exposure.fingerprint.0,
            at_ms: exposure.at.ms(),
            camera: exposure.camera,
            variant: exposure.variant.code(),
            window: exposure.window.code(),
            alerts: exposure.alerts.code(),
            label: exposure.label.map(Coded::code),
        }
    }
}

impl KeptExposure {
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<(), Unreadable> {
        state.rollout.exposures.push(Exposure {
            fingerprint: Fingerprint(self.fingerprint),
            at: Timestamp::from_ms(self.at_ms)?,
            camera: self.camera,
            variant: Variant::of_code(self.variant)?,
            window: Window::of_code(self.window)?,
            alerts: Alerts::of_code(self.alerts)?,
            label: self.label.map(Label::of_code).transpose()?,
        });
        Ok(())
    }
}
