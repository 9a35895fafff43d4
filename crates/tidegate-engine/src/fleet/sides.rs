//! What each camera showed under either variant, to be looked at one by one.

use crate::exposure::Window;
use crate::fleet::Fleet;
use crate::id::CameraId;
use crate::phase::Phase;
use crate::rollout::Rollout;
use crate::tally::{Pairs, Tally};
use crate::time::Timestamp;
use crate::variant::{ByVariant, Variant};

/// A camera with what it showed in one window.
#[derive(Debug, Clone, Copy)]
pub struct CameraSides<'a> {
    /// The camera.
    pub camera: &'a CameraId,
    /// When it reported last, whatever it reported.
    pub heard_at: Timestamp,
    /// Its sums; in a release without held-back cameras, the control's are its past. People label an event of the
    /// shadow once, for its control.
    pub sides: ByVariant<Tally>,
    /// Its comparisons, in shadow.
    pub pairs: Option<&'a Pairs>,
}

impl Fleet {
    fn sides(&self, at: usize, window: Window) -> ByVariant<Tally> {
        match window {
            Window::Shadow => {
                let shadow = &self.shadow[at];
                labelled(&shadow.pairs.sides, &shadow.control)
            }
            Window::Ab | Window::Outside => self.ab[at],
            Window::Full => {
                let full = self.full.get(at).copied().unwrap_or_default();
                if self.full_total.control.analyses > 0 {
                    return full;
                }
                let mut past = self.shadow[at].control;
                past.merge(&self.ab[at].control);
                ByVariant { control: past, ..full }
            }
        }
    }
}

/// Both sides of comparisons with the labels of their events.
fn labelled(sides: &ByVariant<Tally>, shadow: &Tally) -> ByVariant<Tally> {
    let control = Tally { labels: shadow.labels, ..sides.control };
    ByVariant { control, ..*sides }
}

impl Rollout {
    /// The window that is compared now, or of an ended rollout the last that anything was seen in.
    pub fn shown_window(&self) -> Window {
        match self.lifecycle.state.phase {
            Phase::Draft | Phase::Shadow => Window::Shadow,
            Phase::Full if self.watches_release() => Window::Full,
            Phase::Ab | Phase::Full => Window::Ab,
            Phase::Completed | Phase::RolledBack | Phase::Stopped => {
                let ab = &self.fleet.total().ab;
                let was_tested = ab.control.analyses + ab.treatment.analyses > 0;
                if was_tested { Window::Ab } else { Window::Shadow }
            }
        }
    }

    /// What each camera showed in a window, in order of first appearance.
    pub fn camera_sides(&self, window: Window) -> impl Iterator<Item = CameraSides<'_>> {
        let fleet = &self.fleet;
        fleet.entries.iter().enumerate().map(move |(at, entry)| CameraSides {
            camera: &entry.camera,
            heard_at: fleet.heard_at[at],
            sides: fleet.sides(at, window),
            pairs: (window == Window::Shadow).then(|| &fleet.shadow[at].pairs),
        })
    }

    /// What the whole fleet showed in a window.
    pub fn fleet_sides(&self, window: Window) -> ByVariant<Tally> {
        let total = self.fleet.total();
        match window {
            Window::Shadow => labelled(&total.pairs.sides, &total.shadow),
            Window::Ab | Window::Outside => total.ab,
            Window::Full => self.release_sides(),
        }
    }

    /// The ramp step, from 0, from which the split gives a camera the treatment; `None` where its owner chose its variant, where
    /// it has turns, and where no step does.
    pub fn treated_from_step(&self, camera: &CameraId) -> Option<usize> {
        let (split, now) = (self.definition.split(), self.lifecycle.now);
        if split.block(now).is_some() || split.override_of(camera).is_some() {
            return None;
        }
        let mut steps = self.definition.ramp().iter();
        steps.position(|step| split.assign(camera, step.share, now).variant == Variant::Treatment)
    }
}
