//! One simulated rollout, driven as a daemon drives it.

mod analysis_id;
mod arriving;
mod observer;
mod pending;
mod restarts;
mod sitting;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_engine::assignment::Serving;
use tidegate_engine::decision::{Cause, Decision};
use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::experiment::PromotionMode;
use tidegate_engine::id::AnalysisId;
use tidegate_engine::phase::{Condition, Phase, State, Transition};
use tidegate_engine::rollout::Looked;
use tidegate_engine::time::{Block, Timestamp};
use tidegate_engine::{Rollout, Variant};

use self::analysis_id::analysis_id;
pub use self::observer::{Observer, Unobserved};
use self::pending::Underway;
use self::restarts::Restarts;
use self::sitting::Sittings;
use crate::outcome::{Ending, RunOutcome, Stopper};
use crate::traffic::{Arrivals, MINUTE_MS};
use crate::unrest::Restless;
use crate::world::{Camera, CurrentChange, World};

const HOUR_MS: f64 = 60.0 * MINUTE_MS;
/// Late reports are late by up to this.
const LATE_MS: f64 = 10.0 * MINUTE_MS;
/// A release that is paused by itself is watched for so much longer.
const SLACK_HOURS: f64 = 12.0;
/// A shadow whose gate is still shut after this many times its duration ends the run: a person would look.
const SHADOW_TIMES: f64 = 2.0;

/// Simulates one run of a world. The same world and number give the same outcome, on any machine.
pub fn run(world: &World, number: u32, observer: &mut impl Observer) -> RunOutcome {
    let mut run = Run::new(world, number, observer);
    run.act(Command::Start);
    run.live();
    run.outcome()
}

struct Run<'a, O> {
    world: &'a World,
    observer: &'a mut O,
    number: u32,
    rollout: Rollout,
    /// Draws the world; another stream draws faults, so that those change nothing else.
    random: ChaCha8Rng,
    fault_random: ChaCha8Rng,
    cameras: Vec<Camera>,
    arrivals: Arrivals,
    restless: Option<Restless>,
    sittings: Option<Sittings>,
    pending: BinaryHeap<Reverse<Underway>>,
    sequence: u64,
    serving: Serving,
    /// The variant each camera is served, until a decision or a new block of a switchback.
    assigned: Vec<Variant>,
    assigned_block: Option<Block>,
    change: CurrentChange,
    /// Until when the change stays as it is, in milliseconds.
    change_until: f64,
    days: f64,
    ab_began: Option<f64>,
    phase_began: f64,
    /// World time in milliseconds.
    now: f64,
    /// What the daemon's clock showed when the last report came.
    clock: Timestamp,
    ending: Option<Ending>,
    restarts: Restarts,
    counts: RunCounts,
}

#[derive(Debug, Default, Clone, Copy)]
struct RunCounts {
    analyses: u64,
    treatment: u64,
    harmed: u64,
    refused: u64,
}

impl<'a, O: Observer> Run<'a, O> {
    fn new(world: &'a World, number: u32, observer: &'a mut O) -> Self {
        let scenario = world.scenario();
        let stream = |offset| {
            let mut random = ChaCha8Rng::seed_from_u64(scenario.seed);
            random.set_stream(u64::from(number) * 2 + offset);
            random
        };
        let (mut random, mut fault_random) = (stream(0), stream(1));
        let mut cameras = world.cameras(number, &mut random);
        world.begin_day(&mut cameras, &mut random);
        let dead = scenario.faults.dead_camera_share;
        let live: Vec<bool> =
            cameras.iter().map(|_| fault_random.random::<f64>() >= dead).collect();
        let experiment = world.definition().experiment();
        // An extension doubles the test, and a clock that goes back makes everything last longer.
        let jumps = scenario.faults.clock_jumps.iter().map(|jump| jump.minutes.abs() / 60.0);
        let until = experiment.shadow.duration.hours() * SHADOW_TIMES
            + experiment.ab.duration.hours() * 2.0
            + jumps.sum::<f64>()
            + scenario.release_hour.map_or(0.0, |_| experiment.full.watch.hours() + SLACK_HOURS);
        let mut arrivals = Arrivals::draw(&scenario.fleet, &live, until * HOUR_MS, &mut random);
        let drawn = Restless::draw(scenario, number, &cameras, until * HOUR_MS);
        let restless = drawn.map(|(restless, more)| {
            arrivals.add(more);
            restless
        });
        let rollout = Rollout::new(world.definition().clone());
        let kills = scenario.faults.daemon_restart_hours.iter().map(|hour| hour * HOUR_MS);
        Self {
            world,
            observer,
            number,
            serving: rollout.serving(),
            assigned: vec![Variant::Control; cameras.len()],
            restarts: Restarts::new(kills.collect(), &rollout),
            rollout,
            random,
            fault_random,
            cameras,
            arrivals,
            restless,
            sittings: Sittings::new(scenario, number),
            pending: BinaryHeap::new(),
            sequence: 0,
            assigned_block: None,
            change: CurrentChange::default(),
            change_until: 0.0,
            days: 1.0,
            ab_began: None,
            phase_began: 0.0,
            now: 0.0,
            clock: Timestamp::EPOCH,
            ending: None,
            counts: RunCounts::default(),
        }
    }

    fn outcome(self) -> RunOutcome {
        let RunCounts { analyses, treatment, harmed, refused } = self.counts;
        // The phase that ended, not the end.
        let phase = if self.ab_began.is_some() { Phase::Ab } else { Phase::Shadow };
        RunOutcome {
            run: self.number,
            ending: self.ending.unwrap_or(Ending::Inconclusive),
            phase,
            hours: (self.now - self.phase_began) / HOUR_MS,
            treatment_analyses: treatment,
            harmed_analyses: harmed,
            analyses,
            refused,
            review: self.review_outcome(),
        }
    }

    /// Lets time pass until the rollout has ended.
    fn live(&mut self) {
        while self.ending.is_none() {
            let arrival = self.arrivals.peek().filter(|_| self.is_collecting());
            let report = self.pending.peek().map(|Reverse(pending)| pending.at);
            let report = report.into_iter().chain(self.next_sitting()).reduce(f64::min);
            let next = match (arrival, report) {
                (Some(arrival), Some(report)) => arrival.at_ms.min(report),
                (Some(arrival), None) => arrival.at_ms,
                (None, Some(report)) => report,
                (None, None) => {
                    if !self.meet_next_deadline() {
                        return;
                    }
                    continue;
                }
            };
            let clock = self.shell_time(next);
            if self.meet_deadlines(next, clock) {
                continue;
            }
            (self.now, self.clock) = (next, clock);
            self.restart_if_due();
            self.release_if_due();
            match (arrival, report) {
                (Some(arrival), report) if report.is_none_or(|report| arrival.at_ms <= report) => {
                    self.arrivals.pass(&mut self.random);
                    self.arrive(arrival);
                }
                _ if self.next_sitting() == report => self.sit(),
                _ => {
                    if let Some(Reverse(pending)) = self.pending.pop() {
                        self.deliver(&pending.event);
                    }
                }
            }
        }
    }

    /// When people next sit down to answer cards, if anybody still asks them.
    fn next_sitting(&self) -> Option<f64> {
        let sittings = self.sittings.as_ref()?;
        let asked = matches!(self.rollout.lifecycle().state.phase, Phase::Shadow | Phase::Ab);
        asked.then_some(sittings.next)
    }

    /// Whether new analyses still tell anything.
    fn is_collecting(&self) -> bool {
        let State { phase, condition } = self.rollout.lifecycle().state;
        // In a release that was paused by itself the control answers.
        phase == Phase::Full
            || matches!(phase, Phase::Shadow | Phase::Ab)
                && matches!(condition, Condition::Clear | Condition::Held)
    }

    /// The time the daemon's clock shows, held where it jumps back.
    fn shell_time(&self, at_ms: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "within the years a scenario may last")]
        let shown = Timestamp::from_ms((at_ms + self.clock_offset(at_ms)).max(0.0) as i64);
        shown.unwrap_or(Timestamp::EPOCH).max(self.rollout.lifecycle().now)
    }

    /// By how much the clock is off, in milliseconds.
    fn clock_offset(&self, at_ms: f64) -> f64 {
        let jumps = &self.world.scenario().faults.clock_jumps;
        let past = jumps.iter().filter(|jump| jump.hour * HOUR_MS <= at_ms);
        past.map(|jump| jump.minutes * MINUTE_MS).sum()
    }

    /// The world's time at which the clock shows a deadline.
    fn world_time(&self, deadline: Timestamp) -> f64 {
        (deadline.ms() as f64 - self.clock_offset(self.now)).max(self.now)
    }

    /// Hands in the ticks that are due until `at_ms`, when the clock shows `clock`; tells whether there
    /// were any.
    fn meet_deadlines(&mut self, at_ms: f64, clock: Timestamp) -> bool {
        let due = self.rollout.next_deadline().filter(|(deadline, _)| *deadline <= clock);
        let Some((deadline, _)) = due else {
            self.close_shut_gate(clock);
            return self.ending.is_some();
        };
        self.now = self.world_time(deadline).min(at_ms);
        self.restart_if_due();
        self.apply(deadline, &Event::Tick);
        true
    }

    /// Nothing comes in any more: time passes to the next deadline, if there is one.
    fn meet_next_deadline(&mut self) -> bool {
        let Some((deadline, _)) = self.rollout.next_deadline() else {
            let shut = self.rollout.lifecycle().state.phase == Phase::Shadow;
            self.ending = Some(if shut { Ending::GateShut } else { Ending::Inconclusive });
            return false;
        };
        self.now = self.world_time(deadline);
        self.apply(deadline, &Event::Tick);
        true
    }

    fn close_shut_gate(&mut self, clock: Timestamp) {
        let shadow = self.world.definition().experiment().shadow.duration.hours();
        let waits = self.rollout.lifecycle().state.phase == Phase::Shadow;
        if waits && clock.ms() as f64 > shadow * SHADOW_TIMES * HOUR_MS {
            self.ending = Some(Ending::GateShut);
        }
    }

    /// Brings up to date what changes with time: the treatment's change and a switchback's turns.
    fn refresh(&mut self) {
        if self.now >= self.change_until {
            let hour = self.ab_began.map(|began| (self.now - began) / HOUR_MS);
            self.change = self.world.change(hour);
            let days = self.restless.as_ref().map_or(1.0, |restless| restless.day_factor(self.now));
            self.change.false_alarm_factor = days;
            self.change_until = self.now + MINUTE_MS;
            if let Some(restless) = &mut self.restless {
                restless.step(self.world.scenario(), &mut self.cameras, self.now, hour);
            }
        }
        let block = self.world.definition().split().block(self.clock);
        if block != self.assigned_block {
            self.assigned_block = block;
            self.assign(self.clock);
        }
    }

    fn assign(&mut self, at: Timestamp) {
        let Self { serving, cameras, assigned, .. } = self;
        for (assigned, camera) in assigned.iter_mut().zip(cameras) {
            *assigned = serving.assign(&camera.id, at).variant;
        }
    }

    fn next_id(&mut self) -> AnalysisId {
        self.sequence += 1;
        analysis_id(self.sequence)
    }

    fn send_later(&mut self, at: f64, event: Event) {
        self.sequence += 1;
        self.pending.push(Reverse(Underway { at, sequence: self.sequence, event }));
    }

    /// Sends a report, as well as the network lets it through.
    fn report(&mut self, event: &Event) {
        let faults = &self.world.scenario().faults;
        let (lost, late, twice) = (faults.lost_share, faults.late_share, faults.duplicate_share);
        if lost > 0.0 && self.fault_random.random::<f64>() < lost {
            return;
        }
        if late > 0.0 && self.fault_random.random::<f64>() < late {
            let at = self.now + LATE_MS * self.fault_random.random::<f64>();
            return self.send_later(at, event.clone());
        }
        if twice > 0.0 && self.fault_random.random::<f64>() < twice {
            self.deliver(event);
        }
        self.deliver(event);
    }

    /// Hands in a report that has come through.
    fn deliver(&mut self, event: &Event) {
        if self.ending.is_none() {
            self.apply(self.clock, event);
        }
    }

    fn act(&mut self, command: Command) {
        let action = Action {
            command,
            actor: Actor::new("simulator").expect("a short name is valid"),
            reason: Reason::new("as the scenario says").expect("a short reason is valid"),
        };
        let at = self.rollout.lifecycle().now;
        self.apply(at, &Event::Action(action));
    }

    fn apply(&mut self, at: Timestamp, event: &Event) {
        let Ok(decisions) = self.rollout.apply(at, event) else {
            self.counts.refused += 1;
            return;
        };
        self.restarts.write(at, event, &decisions);
        if O::LOOKS && decisions.is_empty() && self.rollout.looked() == Looked::Yes {
            self.observer.looked(self.now / HOUR_MS, &self.rollout);
        }
        for decision in &decisions {
            self.observer.decided(self.now / HOUR_MS, decision);
            self.follow(decision);
        }
    }

    /// Carries out what was decided.
    fn follow(&mut self, decision: &Decision) {
        self.serving = self.rollout.serving();
        self.assign(decision.at);
        match decision.transition {
            Transition::StartAb | Transition::OpenAb => {
                self.ab_began = Some(self.now);
                self.phase_began = self.now;
                self.change_until = self.now;
            }
            Transition::RollBack => {
                self.ending = Some(Ending::RolledBack(Stopper::of(&decision.cause)));
            }
            Transition::OpenFull if self.world.scenario().release_hour.is_some() => {}
            Transition::OpenFull => self.ending = Some(Ending::Promoted),
            Transition::Expire => {
                let proved = matches!(&decision.cause, Cause::TestOver(proof) if proof.promotes());
                // What is to be released by itself and is not is no promotion.
                let mode = self.world.definition().experiment().promotion.mode;
                let recommended = proved && mode == PromotionMode::Manual;
                self.ending =
                    Some(if recommended { Ending::Promoted } else { Ending::Inconclusive });
            }
            // The owner of a manual gate opens it as soon as it is theirs to open.
            Transition::Hold if matches!(decision.cause, Cause::GateManual) => {
                self.act(Command::Advance);
            }
            Transition::StartShadow
            | Transition::NextStep
            | Transition::Complete
            | Transition::Hold
            | Transition::Pause
            | Transition::Resume
            | Transition::Close
            | Transition::Extend
            | Transition::Stop => {}
        }
    }

    /// Lets the owner release the treatment at their hour, and ends the run with the watch over it.
    fn release_if_due(&mut self) {
        let Some(hour) = self.world.scenario().release_hour else { return };
        let watch_ends = self.rollout.lifecycle().phase_ends;
        if self.rollout.lifecycle().state.phase == Phase::Full {
            let is_over = !self.rollout.watches_release()
                || watch_ends.is_some_and(|ends| ends <= self.clock);
            if is_over && self.ending.is_none() {
                self.ending = Some(Ending::Promoted);
            }
        }
        while self.now >= hour * HOUR_MS
            && self.ending.is_none()
            && self.rollout.lifecycle().state.phase == Phase::Ab
        {
            self.act(Command::Advance);
        }
    }

    /// Kills the daemon where it is time, and goes on with what it wrote down.
    fn restart_if_due(&mut self) {
        while let Some(restored) = self.restarts.take_due(self.now, self.world.definition()) {
            self.rollout = restored;
            self.serving = self.rollout.serving();
        }
    }
}

#[cfg(test)]
mod tests;
