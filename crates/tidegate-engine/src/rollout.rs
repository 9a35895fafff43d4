//! The state machine: events in, decisions out.

mod backing;
mod deadlines;
mod deciding;
mod hearing;
mod lifecycle;
mod placing;
mod releasing;
mod reviewing;
mod symptoms;
mod taking_in;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub use self::backing::Backing;
pub use self::lifecycle::{DeadlineReason, Lifecycle, Looked};
use crate::arrivals::Arrivals;
use crate::assignment::{Assignment, ServeReason, Serving};
use crate::course::Course;
use crate::decision::{Cause, Decision, Evidence, Step};
use crate::epoch::Epochs;
use crate::event::{Action, Event, Rejection};
use crate::experiment::{Definition, Rule};
use crate::exposure::{Exposures, Window};
use crate::failure_signs::FailureSigns;
use crate::fast_path::{self, FastPath};
use crate::fleet::{CameraSums, Fleet, Latencies, Sums};
use crate::id::CameraId;
use crate::joint_scores::JointScores;
use crate::look::{self, Check};
use crate::number::Share;
use crate::outside::OutsideCounts;
use crate::phase::{Condition, Phase, State, Transition};
use crate::review::ReviewWindow;
use crate::sequential::LookedAt;
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::variant::ByVariant;

/// One run of an experiment. See the [crate documentation](crate) for how to drive it.
#[derive(Debug, Clone)]
pub struct Rollout {
    pub(crate) definition: Definition,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) fleet: Fleet,
    pub(crate) exposures: Exposures,
    pub(crate) fast_path: FastPath,
    pub(crate) epochs: Epochs,
    pub(crate) course: Course,
    pub(crate) outside: OutsideCounts,
    pub(crate) evicted: u64,
    pub(crate) review: Option<Box<ReviewWindow>>,
    pub(crate) joint_scores: Box<JointScores>,
    /// Since when the shell is there again, if it was away.
    pub(crate) heard_since: Option<Timestamp>,
    pub(crate) arrivals: Arrivals,
    pub(crate) failure_signs: FailureSigns,
    /// About the last event only; no state.
    pub(crate) looked: Looked,
}

impl Rollout {
    /// A rollout in draft: it serves control and takes no observation before it is started.
    pub fn new(definition: Definition) -> Self {
        Self {
            review: begun_review(&definition),
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
            course: Course::default(),
            outside: OutsideCounts::default(),
            evicted: 0,
            joint_scores: Box::default(),
            heard_since: None,
            arrivals: Arrivals::default(),
            failure_signs: FailureSigns::default(),
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
                let Action { command, actor, reason } = action.clone();
                decisions.push(self.decide(transition, Cause::Operator { command, actor, reason }));
            }
            Event::Analysis(_)
            | Event::Comparison(_)
            | Event::Feedback(_)
            | Event::CardReply(_)
            | Event::Absent(_) => {
                looked = self.absorb(at, event)?;
            }
        }
        self.looked = looked;
        // Comparisons and analyses leave a review as it was.
        if !matches!(event, Event::Analysis(_) | Event::Comparison(_)) {
            self.look_at_review(&mut decisions);
        }
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
    pub fn apply_logged(&mut self, at: Timestamp, event: &Event) -> Result<(), Rejection> {
        self.absorb(at, event).map(|_| ())
    }

    /// Carries out the step of a journalled decision.
    ///
    /// # Errors
    /// The step itself where it does not follow from where the rollout stands.
    pub fn apply_logged_step(&mut self, step: Step) -> Result<(), Step> {
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

    /// What the experiment serves right now, as a value for any number of readers.
    pub fn serving(&self) -> Serving {
        self.serving_in(self.lifecycle.state, self.lifecycle.step)
    }

    /// What it serves in a state, at a ramp step from 0.
    pub(crate) fn serving_in(&self, state: State, step: usize) -> Serving {
        let split = self.definition.split().clone();
        let State { phase, condition } = state;
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
            (Phase::Ab, _) => Serving::split(split, self.definition.ramp()[step].share),
            (Phase::Full, _) => {
                Serving::released(split, self.definition.experiment().full.holdback)
            }
        }
    }

    /// What the test serves at its present step, whether or not it does so now.
    pub(crate) fn serving_in_test(&self) -> Serving {
        Serving::split(self.definition.split().clone(), self.share())
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

    /// Both scores of the shadow's events.
    pub const fn joint_scores(&self) -> &JointScores {
        &self.joint_scores
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
        look::check(&self.fleet, self.definition.experiment(), self.looked_at(window), self.share())
    }

    const fn looked_at(&self, window: Window) -> LookedAt<'_> {
        let (now, failure_signs) = (self.lifecycle.now, self.failure_signs);
        LookedAt { window, epochs: &self.epochs, now, failure_signs }
    }

    /// The sums of the present comparison and what the rule says of them.
    pub fn evidence(&self) -> Evidence {
        let (window, sides) = self.compared();
        let definition = self.definition.digest();
        Evidence { definition, window, sides, check: self.check() }
    }

    /// What is compared now: the shadow's comparisons, then the test, then the release while it is watched.
    pub(crate) fn compared(&self) -> (Window, ByVariant<Tally>) {
        let total = self.fleet.total();
        match self.lifecycle.state.phase {
            Phase::Shadow => (Window::Shadow, total.pairs.sides),
            Phase::Full if self.watches_release() => (Window::Full, self.release_sides()),
            Phase::Draft
            | Phase::Ab
            | Phase::Full
            | Phase::Completed
            | Phase::RolledBack
            | Phase::Stopped => (Window::Ab, total.ab),
        }
    }
}

/// An empty window where the definition has a review.
pub(crate) fn begun_review(definition: &Definition) -> Option<Box<ReviewWindow>> {
    let experiment = definition.experiment();
    let rules = experiment.review.as_ref()?;
    let window = ReviewWindow::new(&experiment.salt, rules, experiment.bounds.discordant_max);
    window.ok().map(Box::new)
}
