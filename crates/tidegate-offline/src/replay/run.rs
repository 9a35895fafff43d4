//! Feeds recorded events to rollouts, one rollout per window.

use tidegate_engine::assignment::{Serving, SplitMethod};
use tidegate_engine::decision::Decision;
use tidegate_engine::event::{Action, Actor, Command, Event, Reason, Rejection};
use tidegate_engine::experiment::{Definition, Gate, OnExpiry, Watch};
use tidegate_engine::look::Check;
use tidegate_engine::phase::{Condition, Phase, Transition};
use tidegate_engine::rollout::{Looked, Rollout};
use tidegate_engine::time::{Duration, Timestamp};

use super::ReplaySettings;
use super::counts::{RejectedReason, RowCounts};
use super::order::Recorded;

/// The replay of a whole recording.
pub(crate) struct Replay {
    definition: Definition,
    /// The same without guardrails and without an end: it decides nothing and so records everything.
    recorder: Definition,
    window: Option<Duration>,
    from: Option<Timestamp>,
    /// Where the first window starts, once there is one.
    origin: Option<Timestamp>,
    /// How much of each run is what the control showed before.
    baseline: Option<Duration>,
    explain: Explain,
    current: Option<RecordedRun>,
}

/// The stretch of a recording that one rollout takes.
#[derive(Debug, Clone, Copy)]
struct RecordedWindow {
    started_at: Timestamp,
    /// The start of the next.
    ends_at: Option<Timestamp>,
    /// When the test begins after what the control showed before.
    tests_from: Option<Timestamp>,
}

/// One rollout over recorded traffic.
#[derive(Debug)]
pub struct RecordedRun {
    /// The start of its window, or its first record.
    pub started_at: Timestamp,
    /// The end of its window, which belongs to the next.
    pub(crate) ends_at: Option<Timestamp>,
    /// When what is decided on begins: the comparisons in shadow, or the test.
    pub decides_from: Timestamp,
    /// The same, while what the control showed before is read.
    tests_from: Option<Timestamp>,
    /// Every decision after the start.
    pub decisions: Vec<Decision>,
    /// Every look that led to no decision, where they are wanted.
    pub looks: Vec<(Timestamp, Check)>,
    /// The rollout that decided.
    pub rollout: Rollout,
    /// All that was recorded, however the rollout went.
    pub recorder: Rollout,
    serving: Serving,
    drawn: Serving,
    explain: Explain,
}

/// Whether looks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Explain {
    Looks,
    Decisions,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordedEnding {
    /// A limit was passed.
    RolledBack,
    /// The comparisons in shadow let it on, and there was no test.
    GateOpened,
    /// The treatment proved itself.
    Promoted,
    /// The test's time was over, and its owner decides.
    Expired,
    /// The recording ended first.
    Undecided,
}

impl RecordedEnding {
    /// Its name in JSON, such as `rolled_back`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            Self::GateOpened => "gate_opened",
            Self::Promoted => "promoted",
            Self::Expired => "expired",
            Self::Undecided => "undecided",
        }
    }
}

impl Replay {
    pub(crate) fn new(definition: Definition, settings: &ReplaySettings) -> Self {
        let recorder = without_end(&definition);
        let explain = if settings.explain { Explain::Looks } else { Explain::Decisions };
        let (window, from, baseline) = (settings.window, settings.from, settings.baseline);
        let (origin, current) = (None, None);
        Self { definition, recorder, window, from, origin, baseline, explain, current }
    }

    /// Takes the next event in time; gives back the run it left behind.
    pub(crate) fn feed(&mut self, event: Recorded, counts: &mut RowCounts) -> Option<RecordedRun> {
        let (at, analysis_at, line) = (event.at(), event.analysis_at(), event.line());
        let is_analysis = event.is_analysis();
        if self.from.is_some_and(|from| analysis_at < from) {
            counts.before_start += u64::from(is_analysis);
            return None;
        }
        let window = self.window_of(analysis_at);
        if window.ends_at.is_some_and(|ends_at| ends_at <= at) {
            // Feedback on an analysis whose window is over.
            counts.labels_unattributed += 1;
            return None;
        }
        let mut ended = None;
        if self.current.as_ref().is_none_or(|run| run.started_at != window.started_at) {
            ended = self.current.take();
            self.current = Some(RecordedRun::start(&self.definition, &self.recorder, window));
            self.current.iter_mut().for_each(|run| run.explain = self.explain);
        }
        if let Some(run) = &mut self.current {
            run.feed(at, event, line, counts);
        }
        ended.map(RecordedRun::conclude)
    }

    /// The run that was under way when the recording ended.
    pub(crate) fn finish(self) -> Option<RecordedRun> {
        self.current
    }

    /// The window a time lies in, from its start to the start of the next.
    fn window_of(&mut self, at: Timestamp) -> RecordedWindow {
        // One run begins with its first record, however early `--from` is: nothing happens before.
        let first = if self.window.is_some() { self.from.unwrap_or(at) } else { at };
        let origin = *self.origin.get_or_insert(first);
        let tests_from =
            |started_at: Timestamp| self.baseline.map(|baseline| started_at.plus(baseline));
        match self.window {
            None => {
                RecordedWindow { started_at: origin, ends_at: None, tests_from: tests_from(origin) }
            }
            Some(length) => {
                let passed = at.since(origin).ms() / length.ms();
                let started_at = origin.plus(Duration::from_ms(passed * length.ms()));
                let ends_at = Some(started_at.plus(length));
                RecordedWindow { started_at, ends_at, tests_from: tests_from(started_at) }
            }
        }
    }
}

/// The definition of a test that decides nothing and lasts; a switchback's length is bounded by its blocks,
/// so that test goes on each time it ends.
fn without_end(definition: &Definition) -> Definition {
    let mut everything = definition.experiment().clone();
    everything.guardrails.watch = Watch::Off;
    everything.ab.steps.clear();
    everything.ab.on_expiry = OnExpiry::Hold;
    // It follows the rollout that decides out of the shadow.
    everything.shadow.gate = Gate::Manual;
    if everything.assignment.method != SplitMethod::Switchback {
        everything.ab.duration = Duration::from_ms(u64::MAX);
    }
    Definition::new(everything).expect("a test of valid length without a ramp is valid too")
}

/// Ends a rollout's shadow.
fn open_test(rollout: &mut Rollout, at: Timestamp) {
    while let Some((deadline, _)) = rollout.next_deadline().filter(|due| due.0 <= at) {
        if rollout.apply(deadline, &Event::Tick).is_err() {
            return;
        }
    }
    let advance = action(Command::Advance, "the test begins");
    // One that is not in shadow stays where it is.
    if rollout.lifecycle().state.phase == Phase::Shadow {
        let _ = rollout.apply(at.max(rollout.lifecycle().now), &advance);
    }
}

fn action(command: Command, reason: &str) -> Event {
    Event::Action(Action {
        command,
        actor: Actor::new("replay").expect("a short name is valid"),
        reason: Reason::new(reason).expect("a short reason is valid"),
    })
}

impl RecordedRun {
    fn start(
        definition: &Definition,
        recorder: &Definition,
        RecordedWindow { started_at, ends_at, tests_from }: RecordedWindow,
    ) -> Self {
        let start = |definition: &Definition| {
            let mut rollout = Rollout::new(definition.clone());
            let start = action(Command::Start, "the recording starts");
            rollout.apply(started_at, &start).expect("a draft can always be started");
            rollout
        };
        let rollout = start(definition);
        let drawn = Serving::split(definition.split().clone(), definition.experiment().ab.share);
        Self {
            started_at,
            ends_at,
            decides_from: tests_from.unwrap_or(started_at),
            tests_from,
            decisions: Vec::new(),
            looks: Vec::new(),
            explain: Explain::Decisions,
            serving: rollout.serving(),
            rollout,
            recorder: start(recorder),
            drawn,
        }
    }

    fn feed(&mut self, at: Timestamp, event: Recorded, line: u64, counts: &mut RowCounts) {
        if self.tests_from.is_some_and(|from| from <= at) {
            self.begin_test();
        }
        self.meet_deadlines(at);
        let is_analysis = event.is_analysis();
        let is_drawn = event.is_drawn();
        let variant = event.variant();
        let recorded = event.event(|camera| self.drawn.assign(camera, at).variant);
        let mut served = recorded.clone();
        if let Event::Analysis(analysis) = &mut served
            && is_drawn
        {
            analysis.variant = self.serving.assign(&analysis.camera, at).variant;
        }
        self.go_on_recording(at);
        match self.recorder.apply(at, &recorded) {
            Ok(_) if is_analysis => counts.used += 1,
            Ok(_) => counts.labels_used += 1,
            Err(Rejection::Duplicate { .. }) => counts.duplicates += 1,
            // The record it repeats has been counted.
            Err(Rejection::SameLabel { .. }) => {}
            Err(Rejection::UnknownAnalysis { .. }) => counts.labels_unattributed += 1,
            Err(
                why @ (Rejection::TooManyCameras { .. }
                | Rejection::TooManyBlocks { .. }
                | Rejection::TooManyObservations { .. }
                | Rejection::TimeRanBackwards { .. }
                | Rejection::TickDue { .. }
                | Rejection::NotStarted
                | Rejection::ObservedAhead { .. }
                | Rejection::ObservedTooLongAgo { .. }
                | Rejection::NotAllowed { .. }
                | Rejection::NoReview
                | Rejection::ReviewOver
                | Rejection::Review(_)),
            ) => counts.reject(line, RejectedReason::Limit, variant, why.to_string()),
        }
        // What the recorder refused, the rollout refuses for the same reason; it was counted there.
        if let Ok(decisions) = self.rollout.apply(at, &served) {
            if self.explain == Explain::Looks
                && decisions.is_empty()
                && self.rollout.looked() == Looked::Yes
                && self.is_under_way()
            {
                self.looks.push((at, self.rollout.check()));
            }
            self.take(decisions);
        }
    }

    /// Leaves what the control showed before behind; until then nothing can be decided.
    fn begin_test(&mut self) {
        let Some(at) = self.tests_from.take() else { return };
        open_test(&mut self.rollout, at);
        open_test(&mut self.recorder, at);
        self.serving = self.rollout.serving();
    }

    fn meet_deadlines(&mut self, until: Timestamp) {
        while let Some((deadline, _)) = self.rollout.next_deadline() {
            if deadline > until {
                return;
            }
            let ticked = self.rollout.apply(deadline, &Event::Tick);
            self.take(ticked.expect("deadlines come in order"));
        }
    }

    /// Takes the recorder's test up again where it is over; what cannot be taken up refuses the next record.
    fn go_on_recording(&mut self, at: Timestamp) {
        let recorder = &mut self.recorder;
        while let Some((deadline, _)) = recorder.next_deadline().filter(|due| due.0 <= at) {
            if recorder.apply(deadline, &Event::Tick).is_err() {
                return;
            }
        }
        if recorder.lifecycle().state.condition != Condition::Clear {
            let resume = action(Command::Resume, "the recording goes on");
            let _ = recorder.apply(at, &resume);
        }
    }

    fn take(&mut self, decisions: Vec<Decision>) {
        if !decisions.is_empty() {
            for decision in &decisions {
                if decision.transition == Transition::OpenAb {
                    open_test(&mut self.recorder, decision.at);
                }
            }
            self.serving = self.rollout.serving();
            self.decisions.extend(decisions);
        }
    }

    /// Lets the time of a whole window pass: a test as long as its window is over then.
    fn conclude(mut self) -> Self {
        if let Some(ends_at) = self.ends_at {
            if self.tests_from.is_some_and(|from| from < ends_at) {
                self.begin_test();
            }
            // The recording's window is over; the wait for feedback after the test passes too.
            let grace = self.rollout.definition().experiment().promotion.feedback_grace;
            self.meet_deadlines(ends_at.plus(grace).plus(Duration::from_ms(2)));
        }
        self
    }

    fn is_under_way(&self) -> bool {
        self.rollout.lifecycle().state.phase.is_under_way()
    }

    /// How it ended.
    pub fn ending(&self) -> RecordedEnding {
        let state = self.rollout.lifecycle().state;
        match (state.phase, state.condition) {
            (Phase::RolledBack, _) => RecordedEnding::RolledBack,
            (Phase::Full, _) => RecordedEnding::Promoted,
            (Phase::Ab, _) if self.has_no_test() => RecordedEnding::GateOpened,
            (_, Condition::Expired) => RecordedEnding::Expired,
            _ => RecordedEnding::Undecided,
        }
    }

    /// Whether the test that the comparisons led to has not a report of the treatment.
    fn has_no_test(&self) -> bool {
        let opened = |decision: &Decision| decision.transition == Transition::OpenAb;
        self.decisions.iter().any(opened) && self.recorder.sums().ab.treatment.analyses == 0
    }

    /// The decision that led to the ending.
    pub fn deciding(&self) -> Option<&Decision> {
        self.decisions.iter().rev().find(|decision| {
            matches!(
                decision.transition,
                Transition::RollBack | Transition::OpenFull | Transition::Expire
            ) || decision.transition == Transition::OpenAb && self.has_no_test()
        })
    }
}

#[cfg(test)]
mod tests;
