//! Where an analysis is counted.

use super::Rollout;
use crate::course::Stage;
use crate::exposure::Window;
use crate::fleet::{Comparable, Place, Stretch};
use crate::limits;
use crate::observation::{Origin, Outcome, RunNamed};
use crate::outside::OutsideCause;
use crate::phase::{Condition, Phase, State};
use crate::time::{Block, Timestamp};
use crate::variant::Variant;

impl Rollout {
    /// Where an analysis is counted, by when it happened.
    pub(super) fn place(&self, camera: u32, variant: Variant, origin: Origin) -> Place {
        let now = self.lifecycle.now;
        let at = origin.observed_at.map_or(now, |observed_at| observed_at.min(now));
        let placed = self.window(camera, variant, origin.run, at);
        let (window, outside) = match placed {
            Ok(window) => (window, None),
            Err(cause) => (Window::Outside, Some(cause)),
        };
        Place { window, outside, variant, at, stretch: self.stretch(at), hour: at.hour_of_day() }
    }

    /// The sums that an analysis goes into, or why it goes into none.
    fn window(
        &self,
        camera: u32,
        variant: Variant,
        run: RunNamed,
        at: Timestamp,
    ) -> Result<Window, OutsideCause> {
        let stage = self.course.at(at).ok_or(OutsideCause::BeforeStart)?;
        let State { phase, condition } = stage.state;
        if matches!(condition, Condition::Paused | Condition::Grace | Condition::Expired) {
            return Err(OutsideCause::Paused);
        }
        match self.fleet.comparable(camera) {
            Comparable::Overridden => return Err(OutsideCause::Overridden),
            Comparable::OutsideGroup => return Err(OutsideCause::OutsideGroup),
            Comparable::Yes => {}
        }
        match phase {
            Phase::Completed | Phase::RolledBack | Phase::Stopped => {
                return Err(OutsideCause::Ended);
            }
            Phase::Draft => return Err(OutsideCause::BeforeStart),
            // Its sums are what comes later is measured from.
            _ if phase != self.lifecycle.state.phase => return Err(OutsideCause::Late),
            Phase::Shadow | Phase::Ab | Phase::Full => {}
        }
        match (phase, variant) {
            (Phase::Shadow, Variant::Control) => Ok(Window::Shadow),
            (Phase::Shadow, Variant::Treatment) => Err(OutsideCause::ImpossibleVariant),
            (Phase::Ab, Variant::Treatment)
                if run == RunNamed::No && !self.may_report_treatment(camera, stage, at) =>
            {
                Err(OutsideCause::ImpossibleVariant)
            }
            (Phase::Ab, _) => Ok(Window::Ab),
            _ if !self.watches_release() || !self.belongs_in_release(camera, variant) => {
                Err(OutsideCause::Unwatched)
            }
            _ if self.release_day(at) != self.release_day(self.lifecycle.now) => {
                Err(OutsideCause::Late)
            }
            _ => Ok(Window::Full),
        }
    }

    fn may_report_treatment(&self, camera: u32, stage: Stage, at: Timestamp) -> bool {
        let share = self.definition.ramp()[stage.step].share;
        self.definition.split().may_report_treatment(self.fleet.id(camera), share, at)
    }

    /// The stretch of time that a moment lies in.
    pub(super) fn stretch(&self, at: Timestamp) -> Stretch {
        if let Some(block) = self.definition.split().block(at) {
            return Stretch { block: Some(block), epoch: None };
        }
        let epoch = self.epochs.at(at);
        // Its sums are kept as those of a block are.
        Stretch { block: epoch.map(|epoch| Block(epoch as u64)), epoch }
    }

    pub(super) fn begin_day(&mut self, place: Place) {
        if place.window == Window::Full {
            self.fleet.begin_day(self.release_day(self.lifecycle.now), self.lifecycle.now);
        }
    }

    pub(super) fn note_outside(&mut self, place: Place) {
        if let Some(cause) = place.outside {
            self.outside.add(cause);
        }
    }

    /// Whether what happened says something about now.
    pub(super) fn is_fresh(&self, place: Place) -> bool {
        self.lifecycle.now.since(place.at) <= limits::FRESH_MAX
    }

    /// A failure during an outage of both variants counts for neither.
    pub(super) fn outside_in_outage(&self, place: Place, outcome: Outcome) -> Place {
        // Nothing is held, and so nothing forgiven, where no fast path acts.
        let counts = !matches!(place.window, Window::Ab | Window::Full)
            || !outcome.failed()
            || !self.fast_path.in_outage(self.lifecycle.now)
            || !self.is_sequential()
            || !self.is_watched();
        if counts {
            return place;
        }
        Place { window: Window::Outside, outside: Some(OutsideCause::Outage), ..place }
    }
}
