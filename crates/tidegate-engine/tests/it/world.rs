//! A small seeded fleet that lives through a rollout: true rates by camera, traffic, labels.

use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{ByVariant, Event, Rollout, Variant};

/// What the treatment does, beside what the control does.
#[derive(Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) fp_rate: ByVariant<f64>,
    pub(crate) error_rate: ByVariant<f64>,
    /// Added to each camera's own false-positive rate, at random within plus or minus this.
    pub(crate) camera_spread: f64,
    pub(crate) latency_ms: ByVariant<f64>,
    pub(crate) score: ByVariant<f64>,
    /// How far a score may lie from these.
    pub(crate) score_spread: f64,
    /// The label of an event that is no false alarm.
    pub(crate) otherwise: ByVariant<Label>,
    pub(crate) label_share: f64,
    /// How much more readily the treatment's analyses are labelled.
    pub(crate) treatment_labels: f64,
    /// How much more readily again its false alarms are.
    pub(crate) treatment_false_alarms: f64,
}

pub(crate) const fn both<T: Copy>(value: T) -> ByVariant<T> {
    ByVariant { control: value, treatment: value }
}

impl Truth {
    /// No difference: 50 % false alarms, 2 % errors, half a second, every score alerts.
    pub(crate) const HARMLESS: Self = Self {
        fp_rate: both(0.5),
        error_rate: both(0.02),
        camera_spread: 0.2,
        latency_ms: both(500.0),
        score: both(80.0),
        score_spread: 0.0,
        otherwise: both(Label::Correct),
        label_share: 0.25,
        treatment_labels: 1.0,
        treatment_false_alarms: 1.0,
    };
}

/// How a backend assigns.
type Assigned = Box<dyn Fn(&CameraId, Timestamp) -> Variant>;

/// A rollout with its traffic.
pub(crate) struct World {
    pub(crate) rollout: Rollout,
    cameras: Vec<(CameraId, f64)>,
    /// Who gets what, where it is not the rollout that says so.
    assigned: Option<Assigned>,
    /// The treatment's labelled analyses.
    labelled: Vec<AnalysisId>,
    random: u64,
    events: u64,
    /// Every decision, as `phase (condition): cause`, with its hour.
    pub(crate) decisions: Vec<(f64, String)>,
}

impl World {
    pub(crate) fn new(experiment: Experiment, cameras: u64, seed: u64) -> Self {
        let rollout = Rollout::new(Definition::new(experiment).unwrap());
        let mut world = Self {
            rollout,
            cameras: Vec::new(),
            assigned: None,
            labelled: Vec::new(),
            random: seed,
            events: 0,
            decisions: Vec::new(),
        };
        for number in 0..cameras {
            let place = world.draw() * 2.0 - 1.0;
            world.cameras.push((format!("camera-{number}").parse().unwrap(), place));
        }
        world.act(Timestamp::EPOCH, Command::Start);
        world
    }

    pub(crate) fn act(&mut self, at: Timestamp, command: Command) {
        let (actor, reason) = (Actor::new("owner").unwrap(), Reason::new("because").unwrap());
        self.apply(at, &Event::Action(Action { command, actor, reason }));
    }

    /// Lets a backend assign as it likes.
    pub(crate) fn assign_by(
        &mut self,
        assigned: impl Fn(&CameraId, Timestamp) -> Variant + 'static,
    ) {
        self.assigned = Some(Box::new(assigned));
    }

    /// Changes the labels of a share of the treatment's labelled analyses, now.
    pub(crate) fn relabel(&mut self, label: Label, share: f64) {
        let now = self.rollout.lifecycle().now;
        for analysis in std::mem::take(&mut self.labelled) {
            if self.draw() < share {
                let _ = self.rollout.apply(now, &Event::Feedback(Feedback { analysis, label }));
            }
        }
    }

    /// Lets traffic come in until `hour`: `per_hour` analyses of each camera.
    pub(crate) fn live(&mut self, truth: &Truth, hour: f64, per_hour: f64) {
        let gap_ms = 3_600_000.0 / per_hour / self.cameras.len() as f64;
        let end = Timestamp::EPOCH.plus(Duration::from_hours(hour).unwrap());
        let mut at = self.rollout.lifecycle().now;
        loop {
            let gap = (gap_ms * 2.0 * self.draw()).max(1.0);
            at = at.plus(Duration::from_hours(gap / 3_600_000.0).unwrap());
            if at >= end || self.is_over() {
                break;
            }
            let camera = self.next() % self.cameras.len() as u64;
            self.event(at, truth, usize::try_from(camera).unwrap());
        }
        if !self.is_over() {
            self.tick(end);
        }
    }

    /// Lets time pass until `hour`, without traffic.
    pub(crate) fn wait(&mut self, hour: f64) {
        self.tick(Timestamp::EPOCH.plus(Duration::from_hours(hour).unwrap()));
    }

    pub(crate) fn ended(&self) -> Option<(f64, &str)> {
        let last = self.decisions.last().filter(|_| self.is_over());
        last.map(|(hour, text)| (*hour, text.as_str()))
    }

    fn is_over(&self) -> bool {
        let phase = self.rollout.lifecycle().state.phase;
        matches!(phase, tidegate_engine::phase::Phase::RolledBack)
    }

    fn event(&mut self, at: Timestamp, truth: &Truth, camera: usize) {
        self.tick(at);
        let (id, place) = self.cameras[camera].clone();
        let analysis: AnalysisId = format!("event-{}", self.events).parse().unwrap();
        self.events += 1;
        let variant = match &self.assigned {
            Some(assigned) => assigned(&id, at),
            None => self.rollout.serve(&id, at).variant,
        };
        let shadow = self.rollout.lifecycle().state.phase == tidegate_engine::phase::Phase::Shadow;
        let outcomes = ByVariant {
            control: self.outcome(truth, Variant::Control),
            treatment: self.outcome(truth, Variant::Treatment),
        };
        let event = if shadow {
            Event::Comparison(Comparison {
                id: analysis.clone(),
                camera: id,
                outcomes,
                origin: Origin::default(),
            })
        } else {
            let outcome = outcomes[variant];
            Event::Analysis(Analysis {
                id: Some(analysis.clone()),
                camera: id,
                variant,
                outcome,
                origin: Origin::default(),
            })
        };
        self.apply(at, &event);
        let luck = self.draw();
        let false_alarm = self.draw() < truth.fp_rate[variant] + place * truth.camera_spread;
        let readily = match variant {
            Variant::Control => 1.0,
            Variant::Treatment if false_alarm => {
                truth.treatment_labels * truth.treatment_false_alarms
            }
            Variant::Treatment => truth.treatment_labels,
        };
        let labelled = luck < truth.label_share * readily;
        if labelled && !outcomes[variant].failed() && !self.is_over() {
            let label = if false_alarm { Label::FalsePositive } else { truth.otherwise[variant] };
            if variant == Variant::Treatment {
                self.labelled.push(analysis.clone());
            }
            self.apply(at, &Event::Feedback(Feedback { analysis, label }));
        }
    }

    fn outcome(&mut self, truth: &Truth, variant: Variant) -> Outcome {
        let (failing, slow) = (self.draw(), self.draw());
        if failing < truth.error_rate[variant] {
            return Outcome::Failed;
        }
        let latency = Latency::from_ms(truth.latency_ms[variant] * (0.6 + 0.8 * slow)).unwrap();
        // Drawn only where it is asked for, so that the other stories stay as they were.
        let spread = if truth.score_spread > 0.0 {
            truth.score_spread * (2.0 * self.draw() - 1.0)
        } else {
            0.0
        };
        let score = RiskScore::new((truth.score[variant] + spread).round()).unwrap();
        Outcome::Answered { latency: Some(latency), score: Some(score) }
    }

    fn tick(&mut self, at: Timestamp) {
        while let Some((deadline, _)) = self.rollout.next_deadline() {
            if deadline > at {
                break;
            }
            self.apply(deadline, &Event::Tick);
        }
    }

    fn apply(&mut self, at: Timestamp, event: &Event) {
        for decision in self.rollout.apply(at, event).unwrap() {
            let hour = decision.at.since(Timestamp::EPOCH).hours();
            self.decisions.push((hour, format!("{}: {}", decision.to, decision.cause)));
        }
    }

    /// A number from 0 to below 1.
    fn draw(&mut self) -> f64 {
        self.next() as f64 / 18_446_744_073_709_551_616.0
    }

    /// Sebastiano Vigna's splitmix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
