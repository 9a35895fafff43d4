//! The state machine: events in, decisions out.

use alloc::vec::Vec;

use crate::assignment::{Assignment, ServeReason, Serving};
use crate::decision::{Cause, Decision, Evidence};
use crate::event::{Action, Command, Event, Rejection};
use crate::experiment::{Definition, Gate, OnExpiry, PromotionMode};
use crate::exposure::{Exposure, Exposures, Fingerprint, Window};
use crate::fleet::{CameraSums, Comparable, Fleet, Sums};
use crate::id::{AnalysisId, CameraId};
use crate::number::Share;
use crate::observation::{Analysis, Comparison, Feedback};
use crate::phase::{Condition, Phase, State, Transition};
use crate::promotion::{self, Proof};
use crate::tally::{Tally, Warned};
use crate::threshold::{self, Check, Finding};
use crate::time::{Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

/// One run of an experiment. See the [crate documentation](crate) for how to drive it.
#[derive(Debug, Clone)]
pub struct Rollout {
    pub(crate) definition: Definition,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) fleet: Fleet,
    pub(crate) exposures: Exposures,
    pub(crate) evicted: u64,
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
    /// The last moment of the shadow or the A/B test.
    pub phase_ends: Option<Timestamp>,
    /// The ramp step, from 0.
    pub step: usize,
    /// When the ramp step may be left.
    pub step_ends: Option<Timestamp>,
    /// Since when time stands still.
    pub paused_at: Option<Timestamp>,
    /// How often the A/B test was extended by itself.
    pub extensions: u32,
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
}

impl DeadlineReason {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShadowEnds => "shadow_ends",
            Self::StepEnds => "step_ends",
            Self::AbEnds => "ab_ends",
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
                decisions: 0,
            },
            fleet: Fleet::default(),
            exposures: Exposures::default(),
            evicted: 0,
        }
    }

    /// Takes in an event, looks at the data and decides.
    ///
    /// The decisions have been carried out here already; the shell journals them after the event and
    /// publishes what they change.
    ///
    /// # Errors
    /// A [`Rejection`] leaves the rollout exactly as it was.
    pub fn apply(&mut self, at: Timestamp, event: Event) -> Result<Vec<Decision>, Rejection> {
        let before = self.lifecycle.now;
        let mut decisions = Vec::new();
        match event {
            Event::Tick => {
                self.absorb(at, &Event::Tick)?;
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
                let Action { command, actor, note } = action;
                decisions.push(self.decide(transition, Cause::Operator { command, actor, note }));
            }
            Event::Analysis(_) | Event::Comparison(_) | Event::Feedback(_) => {
                self.absorb(at, &event)?;
            }
        }
        self.look(&mut decisions);
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
        self.absorb(at, event)
    }

    /// Carries out a journalled decision.
    ///
    /// # Errors
    /// The decision itself where it does not follow from where the rollout stands.
    pub fn recall_decision<'a>(&mut self, decision: &'a Decision) -> Result<(), &'a Decision> {
        let follows = Some(decision.number) == self.lifecycle.decisions.checked_add(1)
            && decision.from == self.lifecycle.state
            && decision.transition.target(decision.from) == Some(decision.to)
            && decision.at == self.lifecycle.now
            && (decision.transition != Transition::NextStep || self.has_next_step());
        if follows {
            self.enact(decision.transition, decision.to);
            Ok(())
        } else {
            Err(decision)
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
        let ab_ends = (phase_ends.plus(Duration::ONE_MS), DeadlineReason::AbEnds);
        match (lifecycle.state.phase, lifecycle.state.condition) {
            (Phase::Shadow, Condition::Clear) => {
                (lifecycle.now < phase_ends).then_some((phase_ends, DeadlineReason::ShadowEnds))
            }
            (Phase::Ab, Condition::Clear) if self.has_next_step() => lifecycle
                .step_ends
                .map(|step_ends| (step_ends, DeadlineReason::StepEnds))
                .into_iter()
                .chain([ab_ends])
                .min(),
            (Phase::Ab, Condition::Clear | Condition::Held) => Some(ab_ends),
            _ => None,
        }
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
            (_, Condition::Expired) => Serving::control(split, ServeReason::Expired),
            (Phase::Shadow, _) => Serving::control(split, ServeReason::Shadow),
            (Phase::Ab, _) => Serving::split(split, self.share()),
            (Phase::Full, _) => Serving::treatment(split, ServeReason::Full),
        }
    }

    /// What `camera` is served right now, and why.
    pub fn serve(&self, camera: &CameraId) -> Assignment {
        self.serving().assign(camera)
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
    pub fn cameras(&self) -> impl Iterator<Item = &CameraSums> {
        self.fleet.cameras()
    }

    /// The share of cameras with the treatment at the present ramp step.
    pub fn share(&self) -> Share {
        self.definition.ramp()[self.lifecycle.step].share
    }

    /// Evaluates the rule on the data so far, without acting.
    pub fn check(&self) -> Check {
        let (window, sides) = self.compared();
        let samples = match window {
            Window::Shadow => sides.map(|side| side.analyses),
            Window::Ab | Window::Outside => sides.map(Tally::feedback),
        };
        let sides = ByVariant { control: &sides.control, treatment: &sides.treatment };
        threshold::check(&self.definition.experiment().guardrails, sides, samples)
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

    fn absorb(&mut self, at: Timestamp, event: &Event) -> Result<(), Rejection> {
        self.check_time(at)?;
        match event {
            Event::Tick | Event::Action(_) => {}
            Event::Analysis(analysis) => return self.absorb_analysis(at, analysis),
            Event::Comparison(comparison) => return self.absorb_comparison(at, comparison),
            Event::Feedback(feedback) => return self.absorb_feedback(at, feedback),
        }
        self.advance_time(at);
        Ok(())
    }

    fn absorb_analysis(&mut self, at: Timestamp, analysis: &Analysis) -> Result<(), Rejection> {
        self.check_observable(at)?;
        let fingerprint = analysis.id.as_ref().map(|id| self.check_new(at, id)).transpose()?;
        let camera = self.camera(&analysis.camera)?;
        self.advance_time(at);

        let window = self.window(analysis.variant, self.fleet.comparable(camera));
        let place = (window, analysis.variant);
        let alert_threshold = self.definition.experiment().alert_threshold;
        self.fleet.add_analysis(camera, place, analysis.outcome, alert_threshold);
        if let Some(fingerprint) = fingerprint {
            self.expose(fingerprint, camera, place);
        }
        Ok(())
    }

    fn absorb_comparison(
        &mut self,
        at: Timestamp,
        comparison: &Comparison,
    ) -> Result<(), Rejection> {
        self.check_observable(at)?;
        let fingerprint = self.check_new(at, &comparison.id)?;
        let camera = self.camera(&comparison.camera)?;
        self.advance_time(at);

        // The control's answer was served, so the event counts as an analysis of the control.
        let window = self.window(Variant::Control, self.fleet.comparable(camera));
        let place = (window, Variant::Control);
        let experiment = self.definition.experiment();
        let alert_threshold = experiment.alert_threshold;
        let warned = if comparison.latency_warning(experiment.shadow.latency_warning_threshold) {
            Warned::Yes
        } else {
            Warned::No
        };
        self.fleet.add_analysis(camera, place, comparison.outcomes.control, alert_threshold);
        if window == Window::Shadow {
            self.fleet.add_comparison(camera, &comparison.outcomes, alert_threshold, warned);
        }
        self.expose(fingerprint, camera, place);
        Ok(())
    }

    fn absorb_feedback(&mut self, at: Timestamp, feedback: &Feedback) -> Result<(), Rejection> {
        self.check_observable(at)?;
        let Feedback { analysis: id, label } = feedback;
        let fingerprint = Fingerprint::of(id);
        let Some(exposure) = self.open_exposure(at, fingerprint).copied() else {
            return Err(Rejection::UnknownAnalysis { id: id.clone() });
        };
        if exposure.label == Some(*label) {
            return Err(Rejection::SameLabel { id: id.clone() });
        }
        self.advance_time(at);

        // The shadow's sums are frozen once it is over: they are what the A/B test is measured from.
        let frozen =
            exposure.window == Window::Shadow && self.lifecycle.state.phase != Phase::Shadow;
        if !frozen {
            let place = (exposure.window, exposure.variant);
            self.fleet.relabel(exposure.camera, place, exposure.label, *label);
        }
        if let Some(exposure) = self.exposures.find_mut(fingerprint) {
            exposure.label = Some(*label);
        }
        Ok(())
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
        self.check_no_deadline(at)
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
        let seen = CameraSums { camera: camera.clone(), sums: Sums::default() };
        Ok(self.fleet.insert(seen, split))
    }

    /// Which sums an analysis reported now goes into.
    fn window(&self, variant: Variant, comparable: Comparable) -> Window {
        let State { phase, condition } = self.lifecycle.state;
        match (phase, condition, variant, comparable) {
            (_, Condition::Paused | Condition::Expired, _, _)
            | (_, _, _, Comparable::Overridden) => Window::Outside,
            (Phase::Shadow, _, Variant::Control, _) => Window::Shadow,
            (Phase::Ab, _, _, _) => Window::Ab,
            _ => Window::Outside,
        }
    }

    fn expose(
        &mut self,
        fingerprint: Fingerprint,
        camera: u32,
        (window, variant): (Window, Variant),
    ) {
        let at = self.lifecycle.now;
        // Room is made first, so that the index never grows beyond its bound.
        let open_max = self.definition.experiment().bounds.open_analyses_max;
        self.evicted += self.exposures.evict(open_max.saturating_sub(1));
        self.exposures.push(Exposure { fingerprint, at, camera, variant, window, label: None });
    }

    fn advance_time(&mut self, at: Timestamp) {
        self.lifecycle.now = at;
        self.exposures.age(at, self.definition.experiment().bounds.attribution_window);
    }

    fn meet_deadlines(&mut self, before: Timestamp, decisions: &mut Vec<Decision>) {
        let lifecycle = self.lifecycle;
        let shadow_ended = lifecycle.state
            == State { phase: Phase::Shadow, condition: Condition::Clear }
            && lifecycle.phase_ends.is_some_and(|ends| before < ends && ends <= lifecycle.now);
        if shadow_ended {
            match self.definition.experiment().shadow.gate {
                Gate::Manual => decisions.push(self.decide(Transition::Hold, Cause::GateManual)),
                Gate::Automatic => self.look(decisions),
            }
        }
        while let Some((deadline, reason)) = self.next_deadline() {
            if deadline > self.lifecycle.now {
                break;
            }
            let (transition, cause) = match reason {
                // Only a time before the shadow's end has this deadline, and that was seen to above.
                DeadlineReason::ShadowEnds => break,
                DeadlineReason::StepEnds => (Transition::NextStep, Cause::Dwelled),
                DeadlineReason::AbEnds => self.conclude(),
            };
            decisions.push(self.decide(transition, cause));
        }
    }

    /// What the end of the A/B test leads to.
    fn conclude(&self) -> (Transition, Cause) {
        let experiment = self.definition.experiment();
        let ab = &self.fleet.total().ab;
        let sides = ByVariant { control: &ab.control, treatment: &ab.treatment };
        let proof = promotion::judge(experiment, &self.check(), sides);
        let proved = matches!(proof, Proof::Proved { .. });
        // Who holds a rollout wants it to go nowhere by itself.
        let may_promote = experiment.promotion.mode == PromotionMode::Automatic
            && self.lifecycle.state.condition == Condition::Clear;
        let transition = match experiment.ab.on_expiry {
            _ if proved && may_promote => Transition::OpenFull,
            _ if proved => Transition::Expire,
            OnExpiry::RollBack => Transition::RollBack,
            OnExpiry::Extend if self.lifecycle.extensions == 0 => Transition::Extend,
            OnExpiry::Hold | OnExpiry::Extend => Transition::Expire,
        };
        (transition, Cause::TestOver(proof))
    }

    /// Rolls back on a breach; opens the gate of a shadow that is over and passed.
    fn look(&mut self, decisions: &mut Vec<Decision>) {
        let State { phase, condition } = self.lifecycle.state;
        // A full release is watched too: the last labels of its test come in after it.
        if !matches!(phase, Phase::Shadow | Phase::Ab | Phase::Full) {
            return;
        }
        let finding = self.check().finding;
        if let Finding::Breach(breach) = finding {
            decisions.push(self.decide(Transition::RollBack, Cause::Breach(breach)));
            return;
        }
        // Even a rule without a floor, or none at all, opens the gate on nothing but comparisons.
        let enough = self.definition.experiment().guardrails.min_samples.max(1);
        let passed = matches!(finding, Finding::WithinBounds | Finding::Disabled)
            && self.fleet.total().pairs.comparisons() >= enough;
        let shadow_over = phase == Phase::Shadow
            && condition == Condition::Clear
            && self.lifecycle.phase_ends.is_some_and(|ends| ends <= self.lifecycle.now);
        if passed && shadow_over && self.definition.experiment().shadow.gate == Gate::Automatic {
            decisions.push(self.decide(Transition::OpenAb, Cause::GatePassed));
        }
    }

    fn transition_of(&self, command: Command) -> Transition {
        let State { phase, condition } = self.lifecycle.state;
        match command {
            Command::Start if self.definition.experiment().shadow.duration.is_zero() => {
                Transition::StartAb
            }
            Command::Start => Transition::StartShadow,
            Command::Pause => Transition::Pause,
            Command::Resume => Transition::Resume,
            Command::Hold => Transition::Hold,
            Command::Advance if phase != Phase::Ab => Transition::OpenAb,
            Command::Advance if condition != Condition::Expired && self.has_next_step() => {
                Transition::NextStep
            }
            Command::Advance => Transition::OpenFull,
            Command::Complete => Transition::Complete,
            Command::RollBack => Transition::RollBack,
            Command::Stop => Transition::Stop,
        }
    }

    fn has_next_step(&self) -> bool {
        self.lifecycle.step + 1 < self.definition.ramp().len()
    }

    /// Takes a step the transition table allows.
    fn decide(&mut self, transition: Transition, cause: Cause) -> Decision {
        let from = self.lifecycle.state;
        let to = transition.target(from).expect("the caller took the step from the table's states");
        let evidence = self.evidence();
        self.enact(transition, to);
        let Lifecycle { now: at, decisions: number, .. } = self.lifecycle;
        Decision { number, at, transition, from, to, cause, evidence }
    }

    fn enact(&mut self, transition: Transition, to: State) {
        let from = self.lifecycle.state;
        let Self { definition, lifecycle, .. } = self;
        let (experiment, ramp) = (definition.experiment(), definition.ramp());
        let now = lifecycle.now;
        lifecycle.state = to;
        lifecycle.decisions = lifecycle.decisions.saturating_add(1);
        match transition {
            Transition::StartShadow => {
                lifecycle.started_at = Some(now);
                lifecycle.phase_ends = Some(now.plus(experiment.shadow.duration));
            }
            Transition::StartAb | Transition::OpenAb => {
                lifecycle.started_at = lifecycle.started_at.or(Some(now));
                lifecycle.phase_ends = Some(now.plus(experiment.ab.duration));
                lifecycle.step = 0;
                lifecycle.step_ends = Some(now.plus(ramp[0].dwell));
            }
            Transition::NextStep => {
                lifecycle.step += 1;
                lifecycle.step_ends = Some(now.plus(ramp[lifecycle.step].dwell));
            }
            Transition::Pause => lifecycle.paused_at = Some(now),
            Transition::Resume if from.condition == Condition::Expired => {
                lifecycle.phase_ends = Some(now.plus(experiment.ab.duration));
                lifecycle.step_ends = Some(now.plus(ramp[lifecycle.step].dwell));
            }
            Transition::Resume => {
                if let Some(paused_at) = lifecycle.paused_at.take() {
                    let pause = now.since(paused_at);
                    lifecycle.phase_ends = lifecycle.phase_ends.map(|ends| ends.plus(pause));
                    lifecycle.step_ends = lifecycle.step_ends.map(|ends| ends.plus(pause));
                }
            }
            Transition::Extend => {
                lifecycle.extensions += 1;
                let ends = lifecycle.phase_ends.map(|ends| ends.plus(experiment.ab.duration));
                lifecycle.phase_ends = ends;
            }
            Transition::Hold | Transition::Expire => {}
            Transition::OpenFull
            | Transition::Complete
            | Transition::RollBack
            | Transition::Stop => {
                lifecycle.phase_ends = None;
                lifecycle.step_ends = None;
                lifecycle.paused_at = None;
            }
        }
    }
}
