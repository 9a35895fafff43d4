//! The state machine: events in, decisions out.

mod deciding;

use alloc::vec::Vec;

use crate::assignment::{Assignment, ServeReason, Serving, SplitMethod};
use crate::decision::{Cause, Decision, Evidence, Step};
use crate::epoch::Epochs;
use crate::event::{Action, Event, Rejection};
use crate::experiment::{Definition, Rule};
use crate::exposure::{Alerts, Exposure, Exposures, Fingerprint, Window};
use crate::fast_path::{self, FastPath};
use crate::fleet::{CameraSums, Comparable, Fleet, Latencies, Place, Sums};
use crate::id::{AnalysisId, CameraId};
use crate::limits;
use crate::look::{self, Check};
use crate::number::Share;
use crate::observation::{Analysis, Comparison, Feedback, Outcome};
use crate::phase::{Condition, Phase, State, Transition};
use crate::tally::{Cuts, Tally, Warned};
use crate::time::{Block, Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

/// One run of an experiment. See the [crate documentation](crate) for how to drive it.
#[derive(Debug, Clone)]
pub struct Rollout {
    pub(crate) definition: Definition,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) fleet: Fleet,
    pub(crate) exposures: Exposures,
    pub(crate) fast_path: FastPath,
    pub(crate) epochs: Epochs,
    pub(crate) evicted: u64,
    /// About the last event only; no state.
    pub(crate) looked: Looked,
}

/// Whether the last event led to a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// It did.
    Yes,
    /// It did not: the next look is a few observations away.
    No,
}

/// Where a rollout stands in its phases and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// Phase and condition.
    pub state: State,
    /// The time of the last accepted event.
    pub now: Timestamp,
    /// When the rollout left its draft.
    pub started_at: Option<Timestamp>,
    /// The last moment of the shadow, of the A/B test, or of the wait for its feedback.
    pub phase_ends: Option<Timestamp>,
    /// The ramp step, from 0.
    pub step: usize,
    /// When the ramp step may be left.
    pub step_ends: Option<Timestamp>,
    /// Since when time stands still.
    pub paused_at: Option<Timestamp>,
    /// How often the A/B test was extended by itself.
    pub extensions: u32,
    /// Observations taken in so far.
    pub observations: u64,
    /// Treatment analyses the A/B test will have, judged by the shadow's traffic.
    pub planned_analyses: u64,
    /// Decisions taken so far.
    pub decisions: u32,
}

/// Why the shell should hand in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadlineReason {
    /// The shadow has lasted its duration.
    ShadowEnds,
    /// The ramp step has lasted its dwell.
    StepEnds,
    /// The A/B test has lasted its duration.
    AbEnds,
    /// The A/B test's last feedback has been awaited.
    GraceEnds,
    /// The fast path has waited long enough for the control.
    FastPathWaited,
    /// An outage of both variants has been over for an hour.
    OutageOver,
}

impl DeadlineReason {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShadowEnds => "shadow_ends",
            Self::StepEnds => "step_ends",
            Self::AbEnds => "ab_ends",
            Self::GraceEnds => "grace_ends",
            Self::FastPathWaited => "fast_path_waited",
            Self::OutageOver => "outage_over",
        }
    }
}

impl Rollout {
    /// A rollout in draft: it serves control and takes no observation before it is started.
    pub fn new(definition: Definition) -> Self {
        Self {
            definition,
            lifecycle: Lifecycle {
                state: State::DRAFT,
                now: Timestamp::EPOCH,
                started_at: None,
                phase_ends: None,
                step: 0,
                step_ends: None,
                paused_at: None,
                extensions: 0,
                observations: 0,
                planned_analyses: fast_path::PLANNED_DEFAULT,
                decisions: 0,
            },
            fleet: Fleet::default(),
            exposures: Exposures::default(),
            fast_path: FastPath::default(),
            epochs: Epochs::default(),
            evicted: 0,
            looked: Looked::No,
        }
    }

    /// Takes in an event, looks at the data and decides.
    ///
    /// The decisions have been carried out here already; the shell journals them after the event and
    /// publishes what they change.
    ///
    /// # Errors
    /// A [`Rejection`] leaves the rollout exactly as it was.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<Vec<Decision>, Rejection> {
        let before = self.lifecycle.now;
        let mut decisions = Vec::new();
        let mut looked = Looked::Yes;
        match event {
            Event::Tick => {
                self.absorb(at, event)?;
                self.meet_deadlines(before, &mut decisions);
            }
            Event::Action(action) => {
                let transition = self.transition_of(action.command);
                self.check_time(at)?;
                self.check_no_deadline(at)?;
                if transition.target(self.lifecycle.state).is_none() {
                    let (command, state) = (action.command, self.lifecycle.state);
                    return Err(Rejection::NotAllowed { command, state });
                }
                self.advance_time(at);
                let Action { command, actor, note } = action.clone();
                decisions.push(self.decide(transition, Cause::Operator { command, actor, note }));
            }
            Event::Analysis(_) | Event::Comparison(_) | Event::Feedback(_) => {
                looked = self.absorb(at, event)?;
            }
        }
        self.looked = looked;
        match self.definition.experiment().guardrails.rule {
            Rule::Threshold => self.look_at_averages(&mut decisions),
            Rule::Sequential => self.look(&mut decisions),
        }
        Ok(decisions)
    }

    /// Takes in a journalled event without looking or deciding; its decisions come from the journal.
    ///
    /// So a journal gives the same state under any later version of the rules. An action changes
    /// nothing by itself: the decision it led to stands behind it.
    ///
    /// # Errors
    /// As [`Self::apply`]; of a journal that this engine wrote, none.
    pub fn recall_event(&mut self, at: Timestamp, event: &Event) -> Result<(), Rejection> {
        self.absorb(at, event).map(|_| ())
    }

    /// Carries out the step of a journalled decision.
    ///
    /// # Errors
    /// The step itself where it does not follow from where the rollout stands.
    pub fn recall_decision(&mut self, step: Step) -> Result<(), Step> {
        let follows = Some(step.number) == self.lifecycle.decisions.checked_add(1)
            && step.from == self.lifecycle.state
            && step.transition.target(step.from) == Some(step.to)
            && step.at == self.lifecycle.now
            && (step.transition != Transition::NextStep || self.has_next_step());
        if follows {
            self.enact(step.transition, step.to);
            Ok(())
        } else {
            Err(step)
        }
    }

    /// When the shell should hand in the next tick, and why; never before the last event.
    pub fn next_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        // A deadline can pass while the rollout is held, and is met when it goes on.
        self.deadline().map(|(at, reason)| (at.max(self.lifecycle.now), reason))
    }

    fn deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let lifecycle = &self.lifecycle;
        let phase_ends = lifecycle.phase_ends?;
        // The test's last moment still belongs to it.
        let after = phase_ends.plus(Duration::ONE_MS);
        match (lifecycle.state.phase, lifecycle.state.condition) {
            (Phase::Shadow, Condition::Clear) => {
                (lifecycle.now < phase_ends).then_some((phase_ends, DeadlineReason::ShadowEnds))
            }
            (Phase::Ab, Condition::Clear | Condition::Held) => {
                let ends = (after, DeadlineReason::AbEnds);
                let or_ends = |deadline: Option<_>| deadline.map_or(ends, |other| ends.min(other));
                let outage = self.outage_deadline();
                let first = or_ends(self.step_deadline()).min(or_ends(self.fast_path_deadline()));
                Some(outage.map_or(first, |outage| outage.min(first)))
            }
            (Phase::Ab, Condition::Grace) => Some((after, DeadlineReason::GraceEnds)),
            _ => None,
        }
    }

    fn step_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let step_ends = self.lifecycle.step_ends.filter(|_| {
            self.has_next_step() && self.lifecycle.state.condition == Condition::Clear
        })?;
        // Under the sequential rule an alarm may hold the step up; every look asks again then.
        let met = self.is_sequential() && step_ends <= self.lifecycle.now;
        (!met).then_some((step_ends, DeadlineReason::StepEnds))
    }

    fn fast_path_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        if !self.is_sequential() || !self.is_watched() {
            return None;
        }
        let wait_ends = self.fast_path.wait_ends().filter(|ends| self.lifecycle.now < *ends);
        wait_ends.map(|ends| (ends, DeadlineReason::FastPathWaited))
    }

    fn outage_deadline(&self) -> Option<(Timestamp, DeadlineReason)> {
        let is_held = self.lifecycle.state.condition == Condition::Held;
        let lifts_at = self.fast_path.lifts_at().filter(|_| is_held)?;
        Some((lifts_at, DeadlineReason::OutageOver))
    }

    /// What the experiment serves right now, as a value for any number of readers.
    pub fn serving(&self) -> Serving {
        let split = self.definition.split().clone();
        let State { phase, condition } = self.lifecycle.state;
        match (phase, condition) {
            (Phase::Draft, _) => Serving::control(split, ServeReason::NotStarted),
            (Phase::RolledBack, _) => Serving::control(split, ServeReason::RolledBack),
            (Phase::Stopped, _) => Serving::control(split, ServeReason::Stopped),
            (Phase::Completed, _) => Serving::treatment(split, ServeReason::Completed),
            (_, Condition::Paused) => Serving::control(split, ServeReason::Paused),
            (_, Condition::Grace | Condition::Expired) => {
                Serving::control(split, ServeReason::Expired)
            }
            (Phase::Shadow, _) => Serving::control(split, ServeReason::Shadow),
            (Phase::Ab, _) => Serving::split(split, self.share()),
            (Phase::Full, _) => Serving::treatment(split, ServeReason::Full),
        }
    }

    /// What `camera` is served at `at` if nothing happens before, and why.
    pub fn serve(&self, camera: &CameraId, at: Timestamp) -> Assignment {
        self.serving().assign(camera, at)
    }

    /// The definition it runs by.
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Where it stands.
    pub const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The sums over all cameras.
    pub const fn sums(&self) -> &Sums {
        self.fleet.total()
    }

    /// The sums of each camera, in order of first appearance.
    pub fn cameras(&self) -> impl Iterator<Item = CameraSums> {
        self.fleet.cameras()
    }

    /// How latencies are spread over the fleet.
    pub const fn latencies(&self) -> &Latencies {
        self.fleet.latencies()
    }

    /// Whether the last event led to a look at all guardrails.
    pub const fn looked(&self) -> Looked {
        self.looked
    }

    /// The share of cameras with the treatment at the present ramp step.
    pub fn share(&self) -> Share {
        self.definition.ramp()[self.lifecycle.step].share
    }

    /// Evaluates the rule on the data so far, without acting and without effect on any later look.
    pub fn check(&self) -> Check {
        let (window, _) = self.compared();
        let now = self.lifecycle.now;
        let window = (window, &self.epochs, now);
        look::check(&self.fleet, self.definition.experiment(), window, self.share())
    }

    /// The sums of the present comparison and what the rule says of them.
    pub fn evidence(&self) -> Evidence {
        let (window, sides) = self.compared();
        let definition = self.definition.digest();
        Evidence { definition, window, sides: *sides, check: self.check() }
    }

    /// What is compared now: the shadow's comparisons, and from then on the test.
    fn compared(&self) -> (Window, &ByVariant<Tally>) {
        let total = self.fleet.total();
        if self.lifecycle.state.phase == Phase::Shadow {
            (Window::Shadow, &total.pairs.sides)
        } else {
            (Window::Ab, &total.ab)
        }
    }

    /// Takes in an event and tells whether a look is due with it.
    fn absorb(&mut self, at: Timestamp, event: &Event) -> Result<Looked, Rejection> {
        self.check_time(at)?;
        match event {
            // Taken in and not decided, so that a journal that is read back gives the same state.
            Event::Tick => self.fast_path.settle(at),
            Event::Action(_) => {}
            Event::Analysis(analysis) => return self.absorb_analysis(at, analysis),
            Event::Comparison(comparison) => return self.absorb_comparison(at, comparison),
            Event::Feedback(feedback) => return self.absorb_feedback(at, feedback),
        }
        self.advance_time(at);
        Ok(Looked::Yes)
    }

    fn absorb_analysis(&mut self, at: Timestamp, analysis: &Analysis) -> Result<Looked, Rejection> {
        self.check_observable(at)?;
        let fingerprint = analysis.id.as_ref().map(|id| self.check_new(at, id)).transpose()?;
        self.check_blocks()?;
        let camera = self.camera(&analysis.camera)?;
        let before = self.advance_time(at);

        let place = self.place(camera, analysis.variant);
        let cuts = self.cuts();
        let watched = place.window == Window::Ab;
        let place = self.outside_in_outage(place, analysis.outcome);
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
        let fingerprint = self.check_new(at, &comparison.id)?;
        self.check_blocks()?;
        let camera = self.camera(&comparison.camera)?;
        let before = self.advance_time(at);

        // The control's answer was served, so the event counts as an analysis of the control.
        let place = self.place(camera, Variant::Control);
        let cuts = self.cuts();
        let control = comparison.outcomes.control;
        let experiment = self.definition.experiment();
        let warned = if comparison.latency_warning(experiment.shadow.latency_warning_threshold) {
            Warned::Yes
        } else {
            Warned::No
        };
        let window = place.window;
        let place = self.outside_in_outage(place, control);
        self.fleet.add_analysis(camera, place, control, cuts);
        match window {
            Window::Shadow => {
                self.fleet.add_comparison(camera, &comparison.outcomes, cuts, warned);
            }
            Window::Ab => self.watch_for_failure(camera, Variant::Control, control),
            Window::Outside => {}
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
        let frozen =
            exposure.window == Window::Shadow && self.lifecycle.state.phase != Phase::Shadow;
        if !frozen {
            let Exposure { camera, window, variant, alerts, .. } = exposure;
            let (block, epoch) = self.stretch(exposure.at);
            let place = Place { window, variant, block, epoch };
            self.fleet.relabel(camera, place, alerts, (exposure.label, *label));
        }
        if let Some(exposure) = self.exposures.find_mut(fingerprint) {
            exposure.label = Some(*label);
        }
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

    fn watch_for_failure(&mut self, camera: u32, variant: Variant, outcome: Outcome) {
        // What a camera failed before the excursion tells of it; what it fails in one is the excursion.
        let is_listened_to = !self.fleet.is_quarantined(camera)
            && (!self.fleet.fails_often(camera) || self.fast_path.has_added(camera));
        if is_listened_to {
            let (now, plan) = (self.lifecycle.now, self.fast_path_plan());
            self.fast_path.add(now, camera, (variant, outcome), plan);
        }
    }

    fn cuts(&self) -> Cuts {
        let alert_threshold = self.definition.experiment().alert_threshold;
        Cuts { alert_threshold, slow_above: self.fleet.slow_above() }
    }

    fn check_time(&self, at: Timestamp) -> Result<(), Rejection> {
        let last = self.lifecycle.now;
        if at < last { Err(Rejection::TimeRanBackwards { at, last }) } else { Ok(()) }
    }

    fn check_no_deadline(&self, at: Timestamp) -> Result<(), Rejection> {
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
        self.exposures.find(fingerprint).filter(|exposure| at.since(exposure.at) <= window)
    }

    /// The camera's place; a new camera is taken in if the definition allows one more.
    fn camera(&mut self, camera: &CameraId) -> Result<u32, Rejection> {
        let split = self.definition.split();
        if let Some(at) = self.fleet.find(camera, split.hash(camera)) {
            return Ok(at);
        }
        let cameras_max = self.definition.experiment().bounds.cameras_max;
        if self.fleet.len() >= cameras_max {
            return Err(Rejection::TooManyCameras { cameras_max });
        }
        let (sums, blocks) = (Sums::default(), Vec::new());
        let seen = CameraSums { camera: camera.clone(), sums, blocks };
        Ok(self.fleet.insert(seen, split))
    }

    /// Where an analysis reported now is counted.
    fn place(&self, camera: u32, variant: Variant) -> Place {
        let State { phase, condition } = self.lifecycle.state;
        let window = match (phase, condition, variant, self.fleet.comparable(camera)) {
            (_, Condition::Paused | Condition::Grace | Condition::Expired, _, _)
            | (_, _, _, Comparable::Overridden) => Window::Outside,
            (Phase::Shadow, _, Variant::Control, _) => Window::Shadow,
            (Phase::Ab, _, _, _) => Window::Ab,
            _ => Window::Outside,
        };
        let (block, epoch) = self.stretch(self.lifecycle.now);
        Place { window, variant, block, epoch }
    }

    /// The block of a switchback or the stretch of the test, and the latter's number, that a time lies in.
    fn stretch(&self, at: Timestamp) -> (Option<Block>, Option<usize>) {
        match self.definition.split().block(at) {
            Some(block) => (Some(block), None),
            None => (self.epochs.block(at), self.epochs.at(at)),
        }
    }

    /// A failure during an outage of both variants counts for neither.
    fn outside_in_outage(&self, place: Place, outcome: Outcome) -> Place {
        // Nothing is held, and so nothing forgiven, where no fast path acts.
        let counts = place.window != Window::Ab
            || !outcome.failed()
            || !self.fast_path.in_outage(self.lifecycle.now)
            || !self.is_sequential()
            || !self.is_watched();
        let window = if counts { place.window } else { Window::Outside };
        Place { window, ..place }
    }

    fn expose(&mut self, fingerprint: Fingerprint, camera: u32, place: Place, alerts: Alerts) {
        let at = self.lifecycle.now;
        let Place { window, variant, .. } = place;
        // Room is made first, so that the index never grows beyond its bound.
        let open_max = self.definition.experiment().bounds.open_analyses_max;
        self.evicted += self.exposures.evict(open_max.saturating_sub(1));
        let label = None;
        self.exposures.push(Exposure { fingerprint, at, camera, variant, window, alerts, label });
    }

    /// Moves time on and tells where it stood.
    fn advance_time(&mut self, at: Timestamp) -> Timestamp {
        let before = core::mem::replace(&mut self.lifecycle.now, at);
        self.exposures.age(at, self.definition.experiment().bounds.attribution_window);
        before
    }
}
