//! When a rollout looks at its data, and what it does about them.

use alloc::vec::Vec;

use crate::assignment::SplitMethod;
use crate::course::Stage;
use crate::decision::{Cause, Decision};
use crate::epoch::Epochs;
use crate::event::Command;
use crate::experiment::{Gate, OnExpiry, PromotionMode, Rule, Watch};
use crate::exposure::Window;
use crate::fast_path::{FastPath, OutageHold, PLANNED_DEFAULT, Plan, TOLERATED};
use crate::guardrail::FAST_PATH_ALPHA_SHARE;
use crate::look::{self, Check};
use crate::phase::{Condition, Phase, State, Transition};
use crate::promotion::{self, Proof};
use crate::review::ReviewGate;
use crate::rollout::{DeadlineReason, Lifecycle, Looked, Rollout};
use crate::sequential;
use crate::threshold::Finding;
use crate::time::Timestamp;
use crate::variant::ByVariant;
use crate::verdict::Verdict;

impl Rollout {
    pub(super) fn is_sequential(&self) -> bool {
        self.definition.experiment().guardrails.rule == Rule::Sequential
    }

    pub(super) fn is_watched(&self) -> bool {
        self.definition.experiment().guardrails.watch == Watch::On
    }

    /// Whether a look comes with the observation taken in last; the time was `before` it.
    pub(super) fn look_due(&self, before: Timestamp) -> Looked {
        let Lifecycle { observations, now, .. } = self.lifecycle;
        let cameras = self.fleet.len() as u64;
        if look::is_due(observations, cameras, before, now) { Looked::Yes } else { Looked::No }
    }

    pub(super) fn fast_path_plan(&self) -> Plan {
        if self.lifecycle.state.phase == Phase::Full {
            return self.release_plan();
        }
        let alpha = self.definition.experiment().guardrails.alpha.value() * FAST_PATH_ALPHA_SHARE;
        let treated = self.fleet.total().ab.treatment.analyses;
        let treated_cameras = self.fleet.treated_cameras();
        let control_cameras = match self.definition.experiment().assignment.method {
            // Each camera runs both in turns.
            SplitMethod::Switchback => treated_cameras,
            SplitMethod::Hash | SplitMethod::Balanced => {
                (self.fleet.len() as u64).saturating_sub(treated_cameras)
            }
        };
        Plan {
            // Traffic may grow beyond what the shadow showed.
            analyses: self.lifecycle.planned_analyses.max(treated),
            tolerated: TOLERATED,
            alpha,
            treated_cameras,
            control_cameras,
        }
    }

    pub(super) fn meet_deadlines(&mut self, before: Timestamp, decisions: &mut Vec<Decision>) {
        let lifecycle = self.lifecycle;
        let shadow_ended = lifecycle.state
            == State { phase: Phase::Shadow, condition: Condition::Clear }
            && lifecycle.phase_ends.is_some_and(|ends| before < ends && ends <= lifecycle.now);
        if shadow_ended && self.definition.experiment().shadow.gate == Gate::Manual {
            decisions.push(self.decide(Transition::Hold, Cause::GateManual));
        }
        while let Some((deadline, reason)) = self.next_deadline() {
            if deadline > self.lifecycle.now {
                break;
            }
            let (transition, cause) = match reason {
                // Only a time before these has such a deadline; the look that follows sees to them.
                DeadlineReason::ShadowEnds
                | DeadlineReason::StepEnds
                | DeadlineReason::FastPathWaited => break,
                DeadlineReason::OutageOver => (Transition::Resume, Cause::OutageOver),
                DeadlineReason::AbEnds => self.conclude(LateLabels::MayCome),
                DeadlineReason::GraceEnds => self.conclude(LateLabels::IsIn),
            };
            decisions.push(self.decide(transition, cause));
        }
    }

    /// What the end of the A/B test leads to.
    fn conclude(&self, feedback: LateLabels) -> (Transition, Cause) {
        let experiment = self.definition.experiment();
        let proof = self.proof();
        let proved = proof.promotes();
        let clear = matches!(self.lifecycle.state.condition, Condition::Clear | Condition::Grace);
        let may_extend =
            experiment.ab.on_expiry == OnExpiry::Extend && self.lifecycle.extensions == 0;
        // Who holds a rollout wants it to go nowhere by itself; an extension needs no grace.
        if self.is_sequential()
            && feedback == LateLabels::MayCome
            && clear
            && (proved || !may_extend)
            && !experiment.promotion.feedback_grace.is_zero()
        {
            return (Transition::Close, Cause::FeedbackAwaited);
        }
        let may_promote = experiment.promotion.mode == PromotionMode::Automatic && clear;
        let transition = match experiment.ab.on_expiry {
            _ if proved && may_promote => Transition::OpenFull,
            _ if proved => Transition::Expire,
            _ if self.lifecycle.state.condition == Condition::Held => Transition::Expire,
            OnExpiry::RollBack => Transition::RollBack,
            OnExpiry::Extend if may_extend => Transition::Extend,
            OnExpiry::Hold | OnExpiry::Extend => Transition::Expire,
        };
        (transition, Cause::TestOver(proof))
    }

    /// What the A/B test shows, with what people saw before it.
    pub(super) fn proof(&self) -> Proof {
        let experiment = self.definition.experiment();
        let ab = &self.fleet.total().ab;
        let sides = ByVariant { control: &ab.control, treatment: &ab.treatment };
        let share = self.share();
        let shown = match look::check(&self.fleet, experiment, self.looked_at(Window::Ab), share) {
            Check::Threshold(check) => promotion::judge_averages(experiment, &check, sides),
            Check::Sequential(look) => {
                let shown = promotion::judge_look(experiment, &look, sides);
                self.reading().map_or(shown, |reading| {
                    promotion::judge_reviewed(experiment, &reading, &look, &ab.treatment, shown)
                })
            }
        };
        let presence = self.presence_in_test();
        if shown.promotes() && !presence.suffices() { Proof::Silent(presence) } else { shown }
    }

    /// The sequential rule: the fast path at every event, the guardrails when a look is due.
    pub(super) fn look(&mut self, decisions: &mut Vec<Decision>) {
        let State { phase, condition } = self.lifecycle.state;
        if !phase.is_under_way() {
            return;
        }
        if self.is_watched()
            && phase == Phase::Ab
            && matches!(condition, Condition::Clear | Condition::Held)
        {
            // At every event and before any look: when everything fails, each further event is a camera left blind.
            if self.fast_path.has_crossed()
                && let Some(failure) =
                    self.fast_path.failure(self.lifecycle.now, self.fast_path_plan())
            {
                decisions.push(self.decide(Transition::RollBack, Cause::TotalFailure(failure)));
                return;
            }
            let outage = self.fast_path.outage_at == Some(self.lifecycle.now);
            if outage && condition == Condition::Clear {
                decisions.push(self.decide(Transition::Hold, Cause::SharedOutage));
            }
        }
        if self.is_watched() && phase == Phase::Full {
            self.look_for_failure_in_release(decisions);
            if !decisions.is_empty() {
                return;
            }
        }
        if self.looked == Looked::No {
            return;
        }
        // Before the gate and the ramp: whoever is due for more exposure must not get it in the moment that harm shows.
        if self.is_watched() {
            // In a release too: the last labels of its test come in after it.
            let window = if phase == Phase::Shadow { Window::Shadow } else { Window::Ab };
            let at = self.looked_at(window);
            let harm = sequential::harm(&self.fleet, self.definition.experiment(), at);
            if let Some(judgement) = harm {
                decisions.push(self.decide(Transition::RollBack, Cause::Harm(judgement)));
                return;
            }
            self.look_at_release(decisions);
            if phase == Phase::Full {
                return;
            }
        }
        if self.shadow_is_over() && self.gate_passes() {
            decisions.push(self.decide(Transition::OpenAb, self.gate_cause()));
        }
        self.leave_step(decisions);
    }

    /// Goes to the next ramp step once this one has lasted, the treatment has reported in it, and nothing alarms. One
    /// step at a time: the next has nothing to show yet.
    fn leave_step(&mut self, decisions: &mut Vec<Decision>) {
        if self.step_is_over() && self.presence_in_test().suffices() && !self.is_alarmed() {
            decisions.push(self.decide(Transition::NextStep, Cause::Dwelled));
        }
    }

    /// Whether a shadow with an automatic gate has lasted its time and may go on.
    fn shadow_is_over(&self) -> bool {
        let State { phase, condition } = self.lifecycle.state;
        phase == Phase::Shadow
            && condition == Condition::Clear
            && self.lifecycle.phase_ends.is_some_and(|ends| ends <= self.lifecycle.now)
            && self.definition.experiment().shadow.gate == Gate::Automatic
    }

    /// Whether the shadow's comparisons let the rollout on: enough of them, errors and latency pass, nothing
    /// alarms, and the review passes where it has to.
    pub(super) fn gate_passes(&self) -> bool {
        let guardrails = &self.definition.experiment().guardrails;
        let enough = self.presence_in_shadow().suffices();
        let review = self.review_gate();
        match self.check() {
            _ if !enough => false,
            _ if guardrails.watch == Watch::Off => true,
            _ if review == ReviewGate::Blocks => false,
            Check::Threshold(check) => check.finding == Finding::WithinBounds,
            Check::Sequential(look) => look.opens_gate(review),
        }
    }

    /// Whether a ramp step whose deadline was met still waits.
    pub fn step_is_over(&self) -> bool {
        let Lifecycle { state, step_ends, now, .. } = self.lifecycle;
        state == State { phase: Phase::Ab, condition: Condition::Clear }
            && self.has_next_step()
            && step_ends.is_some_and(|ends| ends <= now)
    }

    fn is_alarmed(&self) -> bool {
        match self.check() {
            Check::Sequential(look) => self.is_watched() && look.any(Verdict::Alarm),
            Check::Threshold(_) => false,
        }
    }

    /// The threshold rule: rolls back on a breach; opens the gate of a shadow that is over and passed.
    pub(super) fn look_at_averages(&mut self, decisions: &mut Vec<Decision>) {
        if !self.lifecycle.state.phase.is_under_way() {
            return;
        }
        if let Check::Threshold(check) = self.check()
            && let Finding::Breach(breach) = check.finding
        {
            decisions.push(self.decide(Transition::RollBack, Cause::Breach(breach)));
            return;
        }
        if self.shadow_is_over() && self.gate_passes() {
            decisions.push(self.decide(Transition::OpenAb, self.gate_cause()));
        }
        self.leave_step(decisions);
    }

    pub(super) fn transition_of(&self, command: Command) -> Transition {
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
            Command::Advance
                if !matches!(condition, Condition::Grace | Condition::Expired)
                    && self.has_next_step() =>
            {
                Transition::NextStep
            }
            Command::Advance => Transition::OpenFull,
            Command::Complete => Transition::Complete,
            Command::RollBack => Transition::RollBack,
            Command::Stop => Transition::Stop,
        }
    }

    pub(super) fn has_next_step(&self) -> bool {
        self.lifecycle.step + 1 < self.definition.ramp().len()
    }

    /// Takes a step the transition table allows.
    pub(super) fn decide(&mut self, transition: Transition, cause: Cause) -> Decision {
        let from = self.lifecycle.state;
        let to = transition.target(from).expect("the caller took the step from the table's states");
        // Taken before the step, which changes what is compared: after a gate has opened, the shadow's sums are history.
        let evidence = self.evidence();
        self.enact(transition, to);
        let Lifecycle { now: at, decisions: number, .. } = self.lifecycle;
        Decision { number, at, transition, from, to, cause, evidence }
    }

    pub(super) fn enact(&mut self, transition: Transition, to: State) {
        let from = self.lifecycle.state;
        if matches!(transition, Transition::StartAb | Transition::OpenAb) {
            self.learn_from_shadow();
        }
        self.end_review_with_shadow(to);
        let Self { definition, lifecycle, fast_path, epochs, .. } = self;
        let (experiment, ramp) = (definition.experiment(), definition.ramp());
        let now = lifecycle.now;
        lifecycle.state = to;
        if transition == Transition::Resume {
            // Nothing was watched meanwhile, so no wait went on.
            *fast_path = FastPath::default();
        }
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
                *epochs = Epochs::begin(now, experiment.ab.duration);
            }
            Transition::NextStep => {
                lifecycle.step += 1;
                epochs.begin_step(now);
                lifecycle.step_ends = Some(now.plus(ramp[lifecycle.step].dwell));
            }
            Transition::Pause => {
                lifecycle.paused_at = Some(now);
                // A release that is failing is not paused by a person alone: the control is asked.
                if from.phase == Phase::Full && fast_path.has_crossed() {
                    fast_path.hold = OutageHold::Yes;
                }
            }
            Transition::Resume
                if matches!(from.condition, Condition::Grace | Condition::Expired) =>
            {
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
                // After the wait for feedback the clock has moved on; the test has its whole time.
                let ends = lifecycle.phase_ends.map(|ends| ends.plus(experiment.ab.duration));
                lifecycle.phase_ends = ends;
            }
            Transition::Close => {
                lifecycle.phase_ends = Some(now.plus(experiment.promotion.feedback_grace));
            }
            // A person's hold comes from a person; this one lifts by itself.
            Transition::Hold if fast_path.outage_at == Some(now) => {
                fast_path.hold = OutageHold::Yes;
            }
            Transition::Hold | Transition::Expire => {}
            Transition::OpenFull => {
                lifecycle.end_phase();
                let watch = experiment.full.watch;
                lifecycle.phase_ends = (!watch.is_zero()).then(|| now.plus(watch));
                *fast_path = FastPath::default();
            }
            Transition::Complete | Transition::RollBack | Transition::Stop => lifecycle.end_phase(),
        }
        self.begin_stage();
    }

    fn begin_stage(&mut self) {
        let Lifecycle { now: from, state, step, .. } = self.lifecycle;
        let reach = self.definition.experiment().bounds.attribution_window;
        self.course.begin(Stage { from, state, step }, reach);
    }

    /// Fixes what the A/B test is measured from: what is usual for each camera, what is slow, and how
    /// much traffic to expect.
    fn learn_from_shadow(&mut self) {
        self.fleet.learn_usual();
        self.fleet.learn_slow();
        self.fast_path = FastPath::default();
        let Lifecycle { started_at, phase_ends, now, .. } = self.lifecycle;
        let experiment = self.definition.experiment();
        let analyses = self.fleet.total().shadow.analyses as f64;
        let lasted = started_at.zip(phase_ends).map_or(0.0, |(started_at, phase_ends)| {
            // A pause moved the end on by its own length.
            let paused = phase_ends.since(started_at).hours() - experiment.shadow.duration.hours();
            now.since(started_at).hours() - paused
        });
        let treated = experiment.ab.duration.hours() * experiment.ab.share.value();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let planned = (analyses / lasted * treated) as u64;
        let known = analyses > 0.0 && lasted > 0.0 && planned > 0;
        self.lifecycle.planned_analyses = if known { planned } else { PLANNED_DEFAULT };
    }
}

/// Whether labels of the A/B test are still expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LateLabels {
    /// The test has just ended.
    MayCome,
    /// They have been waited for.
    IsIn,
}
