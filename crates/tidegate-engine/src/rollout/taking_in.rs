//! How a rollout takes events in: each is checked whole, then counted where it belongs.

use alloc::vec::Vec;

use super::Rollout;
use super::lifecycle::Looked;
use crate::arrivals::Compared;
use crate::assignment::SplitMethod;
use crate::event::{Event, Rejection};
use crate::exposure::{Exposure, Fingerprint, Window};
use crate::fleet::{CameraSums, Comparable, Place, Sums};
use crate::id::{AnalysisId, CameraId};
use crate::limits;
use crate::observation::{Alerts, Analysis, Comparison, Feedback, Origin, Outcome};
use crate::phase::Phase;
use crate::tally::{Cuts, Warned};
use crate::time::{Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

impl Rollout {
    /// Takes in an event and tells whether a look is due with it.
    pub(super) fn absorb(&mut self, at: Timestamp, event: &Event) -> Result<Looked, Rejection> {
        self.check_time(at)?;
        match event {
            // Taken in and not decided, so that a journal that is read back gives the same state.
            Event::Tick => self.fast_path.settle(at),
            Event::Action(_) => {}
            Event::CardReply(reply) => self.absorb_reply(at, reply)?,
            Event::Absent(lasted) => return self.absorb_absence(at, *lasted),
            Event::Analysis(analysis) => return self.absorb_analysis(at, analysis),
            Event::Comparison(comparison) => return self.absorb_comparison(at, comparison),
            Event::Feedback(feedback) => return self.absorb_feedback(at, feedback),
        }
        self.advance_time(at);
        Ok(Looked::Yes)
    }

    fn absorb_absence(&mut self, at: Timestamp, lasted: Duration) -> Result<Looked, Rejection> {
        self.check_no_deadline(at)?;
        self.advance_time(at);
        self.lifecycle.stand_still(lasted);
        if lasted >= limits::ABSENCE_TOLD_MIN {
            self.heard_since = Some(at.plus(lasted));
        }
        Ok(Looked::No)
    }

    fn absorb_analysis(&mut self, at: Timestamp, analysis: &Analysis) -> Result<Looked, Rejection> {
        self.check_observable(at)?;
        self.check_observed(at, analysis.origin)?;
        let fingerprint = analysis.id.as_ref().map(|id| self.check_new(at, id)).transpose()?;
        self.check_blocks()?;
        // The last that may be refused: from here on nothing fails, so that a rejected event leaves no trace.
        let camera = self.camera(&analysis.camera, at)?;
        let before = self.advance_time(at);

        let place = self.place(camera, analysis.variant, analysis.origin);
        let cuts = self.cuts();
        let watched = self.is_listened_to(place);
        let place = self.outside_in_outage(place, analysis.outcome);
        self.note_outside(place);
        self.begin_day(place);
        self.fleet.add_analysis(camera, place, analysis.outcome, cuts);
        if watched {
            self.watch_for_failure(camera, analysis.variant, analysis.outcome);
        }
        if let Some(fingerprint) = fingerprint {
            self.expose(fingerprint, camera, place, Alerts::NotControl);
        }
        Ok(self.observed(before))
    }

    fn absorb_comparison(
        &mut self,
        at: Timestamp,
        comparison: &Comparison,
    ) -> Result<Looked, Rejection> {
        self.check_observable(at)?;
        self.check_observed(at, comparison.origin)?;
        let fingerprint = self.check_new(at, &comparison.id)?;
        self.check_blocks()?;
        let camera = self.camera(&comparison.camera, at)?;
        let before = self.advance_time(at);

        // The control's answer was served, so the event counts as an analysis of the control.
        let place = self.place(camera, Variant::Control, comparison.origin);
        let cuts = self.cuts();
        let control = comparison.outcomes.control;
        let experiment = self.definition.experiment();
        let warned = if comparison.latency_warning(experiment.shadow.latency_warning_threshold) {
            Warned::Yes
        } else {
            Warned::No
        };
        let (window, watched) = (place.window, self.is_fresh(place));
        let place = self.outside_in_outage(place, control);
        self.note_outside(place);
        self.begin_day(place);
        self.fleet.add_analysis(camera, place, control, cuts);
        match window {
            Window::Shadow => {
                let after = self.lifecycle.observations;
                self.arrivals.compared = Some(Compared { at, after });
                self.fleet.add_comparison(camera, &comparison.outcomes, cuts, warned);
                self.add_to_review(place.at, comparison);
                self.failure_signs.add(at, comparison.outcomes.map(|outcome| outcome.failed()));
                self.joint_scores.add(at, comparison, cuts.alert_threshold);
            }
            Window::Ab | Window::Full if watched => {
                self.watch_for_failure(camera, Variant::Control, control);
            }
            Window::Ab | Window::Full | Window::Outside => {}
        }
        let alerts = comparison.alerts(cuts.alert_threshold);
        self.expose(fingerprint, camera, place, alerts);
        Ok(self.observed(before))
    }

    fn absorb_feedback(&mut self, at: Timestamp, feedback: &Feedback) -> Result<Looked, Rejection> {
        self.check_observable(at)?;
        let Feedback { analysis: id, label } = feedback;
        let fingerprint = Fingerprint::of(id);
        let Some(exposure) = self.open_exposure(at, fingerprint).copied() else {
            return Err(Rejection::UnknownAnalysis { id: id.clone() });
        };
        if exposure.label == Some(*label) {
            return Err(Rejection::SameLabel { id: id.clone() });
        }
        let before = self.advance_time(at);

        // The shadow's sums are frozen once it is over: they are what the A/B test is measured from.
        // Of a release its present day alone is kept.
        let frozen = match exposure.window {
            Window::Shadow => self.lifecycle.state.phase != Phase::Shadow,
            Window::Full => self.fleet.release().since.is_none_or(|since| exposure.at < since),
            Window::Ab | Window::Outside => false,
        };
        if !frozen {
            let stretch = self.stretch(self.exposures.happened_at(&exposure));
            self.fleet.relabel(&exposure, stretch, *label);
        }
        self.exposures.label(fingerprint, *label);
        self.fill_card(&exposure, id, *label);
        Ok(self.observed(before))
    }

    /// Counts an observation that was taken in and tells whether a look is due with it; `before` it the time
    /// was another.
    fn observed(&mut self, before: Timestamp) -> Looked {
        self.lifecycle.observations += 1;
        let looked = self.look_due(before);
        // What is slow is fixed at a look, so that it does not depend on the order between two looks.
        if self.lifecycle.state.phase == Phase::Shadow && looked == Looked::Yes {
            self.fleet.learn_slow();
        }
        looked
    }

    /// Whether the fast path hears of an analysis.
    fn is_listened_to(&self, place: Place) -> bool {
        if !self.is_fresh(place) {
            return false;
        }
        match place.window {
            Window::Ab | Window::Full => true,
            Window::Outside => self.tries_control() && place.variant == Variant::Control,
            Window::Shadow => false,
        }
    }

    fn watch_for_failure(&mut self, camera: u32, variant: Variant, outcome: Outcome) {
        if !self.fast_path.is_concerned(variant, outcome) {
            return;
        }
        // What a camera failed before the excursion tells of it; what it fails in one is the excursion.
        let is_listened_to = !self.fleet.is_quarantined(camera)
            && (!self.fleet.fails_often(camera) || self.fast_path.has_added(camera));
        if is_listened_to {
            let (now, plan) = (self.lifecycle.now, self.fast_path_plan());
            self.fast_path.add(now, camera, variant, outcome, plan);
        }
    }

    fn cuts(&self) -> Cuts {
        let alert_threshold = self.definition.experiment().alert_threshold;
        Cuts { alert_threshold, slow_above: self.fleet.slow_above() }
    }

    pub(super) fn check_time(&self, at: Timestamp) -> Result<(), Rejection> {
        let last = self.lifecycle.now;
        if at < last { Err(Rejection::TimeRanBackwards { at, last }) } else { Ok(()) }
    }

    pub(super) fn check_no_deadline(&self, at: Timestamp) -> Result<(), Rejection> {
        match self.next_deadline() {
            Some((deadline, _)) if deadline <= at => Err(Rejection::TickDue { deadline }),
            Some(_) | None => Ok(()),
        }
    }

    fn check_observable(&self, at: Timestamp) -> Result<(), Rejection> {
        if self.lifecycle.started_at.is_none() {
            return Err(Rejection::NotStarted);
        }
        if self.lifecycle.observations >= limits::OBSERVATIONS_MAX {
            let observations_max = limits::OBSERVATIONS_MAX;
            return Err(Rejection::TooManyObservations { observations_max });
        }
        self.check_no_deadline(at)
    }

    /// Whether what is said of when it happened can be.
    fn check_observed(&self, at: Timestamp, origin: Origin) -> Result<(), Rejection> {
        let Some(observed_at) = origin.observed_at else { return Ok(()) };
        if observed_at.since(at) > limits::OBSERVED_AHEAD_MAX {
            return Err(Rejection::ObservedAhead { observed_at, at });
        }
        let window = self.definition.experiment().bounds.attribution_window;
        if at.since(observed_at) > window {
            return Err(Rejection::ObservedTooLongAgo { observed_at, window });
        }
        Ok(())
    }

    fn check_blocks(&self) -> Result<(), Rejection> {
        let blocks_max = limits::BLOCKS_KEPT_MAX;
        let is_switchback =
            self.definition.experiment().assignment.method == SplitMethod::Switchback;
        let room = !is_switchback || self.fleet.blocks() < blocks_max;
        if room { Ok(()) } else { Err(Rejection::TooManyBlocks { blocks_max }) }
    }

    fn check_new(&self, at: Timestamp, id: &AnalysisId) -> Result<Fingerprint, Rejection> {
        let fingerprint = Fingerprint::of(id);
        match self.open_exposure(at, fingerprint) {
            Some(_) => Err(Rejection::Duplicate { id: id.clone() }),
            None => Ok(fingerprint),
        }
    }

    fn open_exposure(&self, at: Timestamp, fingerprint: Fingerprint) -> Option<&Exposure> {
        let window = self.definition.experiment().bounds.attribution_window;
        let exposure = self.exposures.find(fingerprint)?;
        (at.since(self.exposures.happened_at(exposure)) <= window).then_some(exposure)
    }

    /// The place of a camera that reports now; a new camera is taken in if the definition allows one more.
    fn camera(&mut self, camera: &CameraId, heard_at: Timestamp) -> Result<u32, Rejection> {
        let hash = self.definition.split().hash(camera);
        let at = if let Some(at) = self.fleet.find(camera, hash) {
            self.fleet.hear(at, heard_at, self.lifecycle.observations);
            at
        } else {
            self.new_camera(camera, heard_at)?
        };
        if self.fleet.comparable(at) == Comparable::Yes {
            self.arrivals.add(heard_at);
        }
        Ok(at)
    }

    #[cold]
    fn new_camera(&mut self, camera: &CameraId, heard_at: Timestamp) -> Result<u32, Rejection> {
        let cameras_max = self.definition.experiment().bounds.cameras_max;
        if self.fleet.len() >= cameras_max {
            return Err(Rejection::TooManyCameras { cameras_max });
        }
        let (sums, blocks) = (Sums::default(), Vec::new());
        let (camera, full) = (camera.clone(), ByVariant::default());
        let heard_after = self.lifecycle.observations;
        let seen = CameraSums { camera, sums, blocks, full, heard_at, heard_after };
        Ok(self.fleet.insert(seen, self.definition.split()))
    }

    fn expose(&mut self, fingerprint: Fingerprint, camera: u32, place: Place, alerts: Alerts) {
        let at = self.lifecycle.now;
        let Place { window, variant, .. } = place;
        // Room is made first, so that the index never grows beyond its bound.
        let open_max = self.definition.experiment().bounds.open_analyses_max;
        self.evicted += self.exposures.evict(open_max.saturating_sub(1));
        let label = None;
        self.exposures.forget_late(fingerprint);
        self.exposures.push(Exposure { fingerprint, at, camera, variant, window, alerts, label });
        let is_late = place.at != at
            && (self.stretch(place.at) != self.stretch(at) || !is_recent(place.at, at));
        if is_late && self.exposures.date(fingerprint, place.at).is_none() {
            debug_assert!(false, "it was pushed just now");
        }
    }

    /// Moves time on and tells where it stood.
    pub(super) fn advance_time(&mut self, at: Timestamp) -> Timestamp {
        let before = core::mem::replace(&mut self.lifecycle.now, at);
        self.exposures.age(at, self.definition.experiment().bounds.attribution_window);
        self.close_review();
        before
    }
}

/// Whether a report comes so soon that its own time need not be kept.
fn is_recent(happened_at: Timestamp, at: Timestamp) -> bool {
    at.since(happened_at) <= limits::OBSERVED_AHEAD_MAX
}
