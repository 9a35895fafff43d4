//! The rollout as plainly as it can be said: every record is kept, and everything is counted anew.
//!
//! Written from the description of the replaced system and of the phases, not from the engine's code:
//! no running sums, no index, no transition table.

use std::collections::BTreeSet;

use tidegate_engine::Event;
use tidegate_engine::assignment::ServeReason;
use tidegate_engine::event::Command;
use tidegate_engine::experiment::{Definition, Experiment, Gate, OnExpiry, PromotionMode, Watch};
use tidegate_engine::number::Share;
use tidegate_engine::observation::{Label, Outcome};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Draft,
    Shadow,
    Ab,
    Full,
    Completed,
    RolledBack,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Held,
    Paused,
    Expired,
}

/// One analysis or comparison as it was reported.
#[derive(Debug, Clone)]
struct Entry {
    at: i64,
    id: Option<String>,
    camera: String,
    variant: Variant,
    outcome: Outcome,
    /// The treatment's outcome of a comparison in shadow.
    shadowed: Option<Outcome>,
    /// Where it counts: in shadow, in the test, or nowhere.
    stage: Option<Stage>,
    label: Option<Label>,
    /// The label counts too.
    label_counts: Option<Label>,
    forgotten: bool,
}

/// The sums the model can be asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counted {
    pub(crate) analyses: u64,
    pub(crate) errors: u64,
    pub(crate) latencies_us: Vec<u64>,
    pub(crate) scores: Vec<u64>,
    pub(crate) labels: Vec<Label>,
}

#[derive(Debug)]
pub(crate) struct Naive {
    experiment: Experiment,
    pub(crate) stage: Stage,
    pub(crate) mark: Mark,
    pub(crate) step: usize,
    now: i64,
    /// Time spent in this stage without pauses, up to `since`.
    spent: i64,
    since: i64,
    length: i64,
    step_from: i64,
    /// When the step began, of any step but the first.
    stepped_at: Option<i64>,
    extended: bool,
    entries: Vec<Entry>,
}

/// Whether the event was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    No,
}

impl Naive {
    pub(crate) fn new(experiment: Experiment) -> Self {
        Self {
            experiment,
            stage: Stage::Draft,
            mark: Mark::None,
            step: 0,
            now: 0,
            spent: 0,
            since: 0,
            length: 0,
            step_from: 0,
            stepped_at: None,
            extended: false,
            entries: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, at: i64, event: &Event) -> Taken {
        let due = self.due(at);
        match event {
            Event::Tick => self.tick(at),
            _ if due => return Taken::No,
            // No story of the model has a review.
            Event::CardReply(_) | Event::Absent(_) => return Taken::No,
            Event::Action(action) => {
                if !self.act(at, action.command) {
                    return Taken::No;
                }
            }
            Event::Analysis(a) => {
                let id = a.id.as_ref().map(|id| id.as_str().to_owned());
                if !self.report(at, id, a.camera.as_str(), a.variant, (a.outcome, None)) {
                    return Taken::No;
                }
            }
            Event::Comparison(c) => {
                let id = Some(c.id.as_str().to_owned());
                let outcomes = (c.outcomes.control, Some(c.outcomes.treatment));
                if !self.report(at, id, c.camera.as_str(), Variant::Control, outcomes) {
                    return Taken::No;
                }
            }
            Event::Feedback(f) => {
                if !self.label(at, f.analysis.as_str(), f.label) {
                    return Taken::No;
                }
            }
        }
        self.now = at;
        self.look();
        Taken::Yes
    }

    /// Time spent in the stage, pauses left out.
    fn elapsed(&self, at: i64) -> i64 {
        if self.mark == Mark::Paused { self.spent } else { self.spent + (at - self.since) }
    }

    fn steps(&self) -> Vec<(f64, i64)> {
        let ab = &self.experiment.ab;
        if ab.steps.is_empty() {
            return vec![(ab.share.value(), ms(ab.duration.ms()))];
        }
        ab.steps.iter().map(|s| (s.share.value(), ms(s.dwell.ms()))).collect()
    }

    fn step_due(&self, at: i64) -> bool {
        self.stage == Stage::Ab
            && self.mark == Mark::None
            && self.step + 1 < self.steps().len()
            && self.elapsed(at) >= self.step_from + self.steps()[self.step].1
    }

    fn test_due(&self, at: i64) -> bool {
        self.stage == Stage::Ab
            && matches!(self.mark, Mark::None | Mark::Held)
            && self.elapsed(at) > self.length
    }

    /// Whether a deadline lies between the last event and `at`, that moment included.
    fn due(&self, at: i64) -> bool {
        let shadow = self.stage == Stage::Shadow
            && self.mark == Mark::None
            && self.elapsed(self.now) < self.length
            && self.elapsed(at) >= self.length;
        let step = self.step_due(at) && !self.step_due(self.now);
        shadow || step || self.test_due(at)
    }

    fn tick(&mut self, at: i64) {
        let shadow_ends = self.stage == Stage::Shadow && self.due(at);
        if shadow_ends && self.experiment.shadow.gate == Gate::Manual {
            self.mark = Mark::Held;
        }
        self.now = at;
        if shadow_ends {
            self.look();
        }
        while self.test_due(at) {
            self.end_test(at);
        }
    }

    fn go_up(&mut self, at: i64) {
        self.step += 1;
        self.step_from = self.elapsed(at);
        self.stepped_at = Some(at);
    }

    /// Whether the treatment reported since the step began: a few analyses, from half of the cameras that have it, or
    /// from three.
    fn heard(&self) -> bool {
        let of_step = |entry: &&Entry| {
            entry.stage == Some(Stage::Ab)
                && entry.variant == Variant::Treatment
                && self.stepped_at.is_none_or(|step| entry.at > step)
        };
        let analyses = self.entries.iter().filter(of_step).count() as u64;
        let heard: BTreeSet<_> =
            self.entries.iter().filter(of_step).map(|entry| &entry.camera).collect();
        let split = Definition::new(self.experiment.clone()).expect("valid").split().clone();
        let share = Share::new(self.steps()[self.step].0).expect("a share");
        let mut treated: BTreeSet<_> = self.entries.iter().map(|entry| &entry.camera).collect();
        treated.retain(|camera| {
            let assigned = split.assign(&camera.parse().expect("an id"), share, Timestamp::EPOCH);
            (assigned.variant, assigned.reason) == (Variant::Treatment, ServeReason::Split)
        });
        let shadowed = self.entries.iter().any(|entry| entry.stage == Some(Stage::Shadow));
        if treated.is_empty() && shadowed {
            return true;
        }
        let cameras = treated.len().div_ceil(2).clamp(1, 3);
        analyses >= self.experiment.guardrails.min_samples.clamp(1, 12) && heard.len() >= cameras
    }

    fn end_test(&mut self, at: i64) {
        if self.proved() {
            // A person asked for it to stay where it is, or is to be asked.
            let by_itself = self.experiment.promotion.mode == PromotionMode::Automatic;
            if by_itself && self.mark == Mark::None {
                self.enter(Stage::Full, at);
            } else {
                self.mark = Mark::Expired;
            }
            return;
        }
        match self.experiment.ab.on_expiry {
            _ if self.mark == Mark::Held => self.mark = Mark::Expired,
            OnExpiry::RollBack => self.enter(Stage::RolledBack, at),
            OnExpiry::Extend if !self.extended => {
                self.extended = true;
                self.length += ms(self.experiment.ab.duration.ms());
            }
            OnExpiry::Extend | OnExpiry::Hold => self.mark = Mark::Expired,
        }
    }

    fn enter(&mut self, stage: Stage, at: i64) {
        self.stage = stage;
        self.mark = Mark::None;
        self.spent = 0;
        self.since = at;
        match stage {
            Stage::Shadow => self.length = ms(self.experiment.shadow.duration.ms()),
            Stage::Ab => {
                self.length = ms(self.experiment.ab.duration.ms());
                self.step = 0;
                self.step_from = 0;
                self.stepped_at = None;
            }
            Stage::Draft | Stage::Full | Stage::Completed | Stage::RolledBack | Stage::Stopped => {}
        }
    }

    fn act(&mut self, at: i64, command: Command) -> bool {
        let running = matches!(self.stage, Stage::Shadow | Stage::Ab | Stage::Full);
        let timed = matches!(self.stage, Stage::Shadow | Stage::Ab);
        match command {
            Command::Start if self.stage == Stage::Draft => {
                let skip = self.experiment.shadow.duration.is_zero();
                self.enter(if skip { Stage::Ab } else { Stage::Shadow }, at);
            }
            Command::Pause if running && matches!(self.mark, Mark::None | Mark::Held) => {
                self.spent = self.elapsed(at);
                self.mark = Mark::Paused;
            }
            Command::Resume if running && self.mark == Mark::Paused => {
                self.since = at;
                self.mark = Mark::None;
            }
            Command::Resume if timed && self.mark == Mark::Held => self.mark = Mark::None,
            Command::Resume if self.mark == Mark::Expired => {
                // The whole test and the whole step once more, from now.
                self.mark = Mark::None;
                self.length = self.elapsed(at) + ms(self.experiment.ab.duration.ms());
                self.step_from = self.elapsed(at);
            }
            Command::Hold if timed && self.mark == Mark::None => self.mark = Mark::Held,
            Command::Advance
                if self.stage == Stage::Shadow && matches!(self.mark, Mark::None | Mark::Held) =>
            {
                self.enter(Stage::Ab, at);
            }
            Command::Advance if self.stage == Stage::Ab && self.mark != Mark::Paused => {
                if self.mark == Mark::Expired || self.step + 1 == self.steps().len() {
                    self.enter(Stage::Full, at);
                } else {
                    self.go_up(at);
                }
            }
            Command::Complete if self.stage == Stage::Full && self.mark == Mark::None => {
                self.enter(Stage::Completed, at);
            }
            Command::RollBack if running => self.enter(Stage::RolledBack, at),
            Command::Stop if running || self.stage == Stage::Draft => {
                self.enter(Stage::Stopped, at);
            }
            Command::Start
            | Command::Pause
            | Command::Resume
            | Command::Hold
            | Command::Advance
            | Command::Complete
            | Command::RollBack
            | Command::Stop => return false,
        }
        true
    }

    fn started(&self) -> bool {
        match self.stage {
            Stage::Draft => false,
            // A draft that was stopped never started.
            Stage::Stopped => self.length > 0,
            Stage::Shadow | Stage::Ab | Stage::Full | Stage::Completed | Stage::RolledBack => true,
        }
    }

    fn open(&self, at: i64, id: &str) -> Option<usize> {
        let window = ms(self.experiment.bounds.attribution_window.ms());
        self.entries.iter().rposition(|entry| {
            entry.id.as_deref() == Some(id) && at - entry.at <= window && !entry.forgotten
        })
    }

    fn report(
        &mut self,
        at: i64,
        id: Option<String>,
        camera: &str,
        variant: Variant,
        (outcome, shadowed): (Outcome, Option<Outcome>),
    ) -> bool {
        let known = self.entries.iter().any(|entry| entry.camera == camera);
        let mut cameras: Vec<&str> = self.entries.iter().map(|e| e.camera.as_str()).collect();
        cameras.sort_unstable();
        cameras.dedup();
        let full = !known && cameras.len() >= self.experiment.bounds.cameras_max;
        let repeated = id.as_deref().is_some_and(|id| self.open(at, id).is_some());
        if !self.started() || full || repeated {
            return false;
        }
        let chosen = self.experiment.assignment.overrides.iter().any(|(c, _)| c.as_str() == camera);
        let going_on = !chosen && matches!(self.mark, Mark::None | Mark::Held);
        let stage = match (self.stage, variant) {
            (Stage::Shadow, Variant::Control) | (Stage::Ab, _) if going_on => Some(self.stage),
            _ => None,
        };
        let shadowed = shadowed.filter(|_| stage == Some(Stage::Shadow));
        self.entries.push(Entry {
            at,
            id,
            camera: camera.to_owned(),
            variant,
            outcome,
            shadowed,
            stage,
            label: None,
            label_counts: None,
            forgotten: false,
        });
        let window = ms(self.experiment.bounds.attribution_window.ms());
        let mut open: Vec<&mut Entry> = self
            .entries
            .iter_mut()
            .filter(|entry| entry.id.is_some() && !entry.forgotten && at - entry.at <= window)
            .collect();
        let over = open.len().saturating_sub(self.experiment.bounds.open_analyses_max);
        for entry in &mut open[..over] {
            entry.forgotten = true;
        }
        true
    }

    fn label(&mut self, at: i64, id: &str, label: Label) -> bool {
        if !self.started() {
            return false;
        }
        let Some(found) = self.open(at, id) else { return false };
        let shadow_is_over = self.stage != Stage::Shadow;
        let entry = &mut self.entries[found];
        if entry.label == Some(label) {
            return false;
        }
        entry.label = Some(label);
        if !(entry.stage == Some(Stage::Shadow) && shadow_is_over) {
            entry.label_counts = Some(label);
        }
        true
    }

    /// Counts the test's records of one variant.
    pub(crate) fn test(&self, variant: Variant) -> Counted {
        let of = |entry: &&Entry| entry.stage == Some(Stage::Ab) && entry.variant == variant;
        count(self.entries.iter().filter(of).map(|e| (e.outcome, e.label_counts)))
    }

    /// Counts what the control did in shadow, compared or not.
    pub(crate) fn shadow(&self) -> Counted {
        let of = |entry: &&Entry| entry.stage == Some(Stage::Shadow);
        count(self.entries.iter().filter(of).map(|e| (e.outcome, e.label_counts)))
    }

    /// Counts one side of the shadow's comparisons.
    pub(crate) fn compared(&self, variant: Variant) -> Counted {
        count(self.entries.iter().filter_map(|entry| {
            let treatment = entry.shadowed?;
            let outcome = match variant {
                Variant::Control => entry.outcome,
                Variant::Treatment => treatment,
            };
            Some((outcome, None))
        }))
    }

    fn cameras(&self) -> usize {
        self.entries.iter().map(|entry| &entry.camera).collect::<BTreeSet<_>>().len()
    }

    fn compared_cameras(&self) -> usize {
        let compared = self.entries.iter().filter(|entry| entry.shadowed.is_some());
        compared.map(|entry| &entry.camera).collect::<BTreeSet<_>>().len()
    }

    /// The old rule, in the words of its description: the first that holds, every comparison strict.
    pub(crate) fn finding(&self) -> &'static str {
        let guardrails = &self.experiment.guardrails;
        let shadow = self.stage == Stage::Shadow;
        let side = |variant| if shadow { self.compared(variant) } else { self.test(variant) };
        let (control, treatment) = (side(Variant::Control), side(Variant::Treatment));
        let samples = |counted: &Counted| {
            if shadow { counted.analyses } else { counted.labels.len() as u64 }
        };
        if guardrails.watch == Watch::Off {
            return "disabled";
        }
        if samples(&control) < guardrails.min_samples
            || samples(&treatment) < guardrails.min_samples
        {
            return "insufficient";
        }
        let fp = |counted: &Counted| {
            let fp = counted.labels.iter().filter(|l| **l == Label::FalsePositive).count();
            share(fp as u64, counted.labels.len() as u64)
        };
        let errors = |counted: &Counted| share(counted.errors, counted.analyses);
        let latency = |counted: &Counted| {
            let sum: u64 = counted.latencies_us.iter().sum();
            let count = counted.latencies_us.len();
            (count > 0).then(|| sum as f64 / 1_000.0 / count as f64)
        };
        if fp(&treatment) - fp(&control) > guardrails.max_fp_rate_increase.value() {
            return "fp_rate";
        }
        if let (Some(control), Some(treatment)) = (latency(&control), latency(&treatment)) {
            let increase = (treatment - control) / control * 100.0;
            if control > 0.0 && increase > guardrails.max_latency_increase.value() {
                return "latency";
            }
        }
        if errors(&treatment) - errors(&control) > guardrails.max_error_rate_increase.value() {
            return "error_rate";
        }
        "within"
    }

    fn proved(&self) -> bool {
        let (control, treatment) = (self.test(Variant::Control), self.test(Variant::Treatment));
        let labelled = |counted: &Counted, label| {
            let count = counted.labels.iter().filter(|l| **l == label).count();
            share(count as u64, counted.labels.len() as u64)
        };
        let alerts = |counted: &Counted| {
            let threshold = u64::from(self.experiment.alert_threshold.value());
            let alerts = counted.scores.iter().filter(|score| **score >= threshold).count();
            share(alerts as u64, counted.scores.len() as u64)
        };
        let fell = |from: f64, to: f64| if from > 0.0 { (from - to) / from * 100.0 } else { 0.0 };
        let guardrails = &self.experiment.guardrails;
        let missed =
            labelled(&treatment, Label::MissedThreat) - labelled(&control, Label::MissedThreat);
        let fp = [&control, &treatment].map(|side| labelled(side, Label::FalsePositive));
        self.finding() == "within"
            && self.heard()
            && !control.labels.is_empty()
            && !treatment.labels.is_empty()
            && missed <= guardrails.max_missed_threat_rate_increase.value()
            && fell(alerts(&control), alerts(&treatment)) <= guardrails.max_alert_rate_drop.value()
            && fell(fp[0], fp[1]) >= self.experiment.promotion.min_fp_reduction.value()
    }

    fn look(&mut self) {
        if !matches!(self.stage, Stage::Shadow | Stage::Ab | Stage::Full) {
            return;
        }
        let finding = self.finding();
        if matches!(finding, "fp_rate" | "latency" | "error_rate") {
            self.enter(Stage::RolledBack, self.now);
        } else if self.stage == Stage::Shadow
            && self.mark == Mark::None
            && matches!(finding, "within" | "disabled")
            && self.experiment.shadow.gate == Gate::Automatic
            && self.compared(Variant::Control).analyses
                >= self.experiment.guardrails.min_samples.max(1)
            && self.compared_cameras() >= self.cameras().div_ceil(2).clamp(1, 3)
            && self.elapsed(self.now) >= self.length
        {
            self.enter(Stage::Ab, self.now);
        }
        if self.step_due(self.now) && self.heard() {
            self.go_up(self.now);
        }
    }
}

fn count(outcomes: impl Iterator<Item = (Outcome, Option<Label>)>) -> Counted {
    let mut counted = Counted::default();
    for (outcome, label) in outcomes {
        counted.analyses += 1;
        match outcome {
            Outcome::Failed => counted.errors += 1,
            Outcome::Answered { latency, score } => {
                counted.latencies_us.extend(latency.map(|latency| u64::from(latency.us())));
                counted.scores.extend(score.map(|score| u64::from(score.value())));
            }
        }
        counted.labels.extend(label);
    }
    counted
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn ms(ms: u64) -> i64 {
    i64::try_from(ms).expect("small")
}
