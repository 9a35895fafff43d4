//! A scenario made ready, and what its prompts answer.

use libm::{erfc, exp, exp2f, log, sqrt};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use tidegate_engine::Variant;
use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::Definition;
use tidegate_engine::id::CameraId;
use tidegate_engine::limits::LATENCY_MS_MAX;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Label, Outcome};
use tidegate_engine::review::Answer;
use tidegate_spec::scenario::Scenario;
use tidegate_stats::range::OutOfRange;

use crate::alike::Alike;
use crate::rates::Rates;

/// A scenario made ready to run.
#[derive(Debug, Clone)]
pub struct World {
    scenario: Scenario,
    rates: PerRate<Rates>,
    /// The points the whole change adds to every camera.
    shifts: PerRate<f64>,
    /// The chance that a person says anything about an answer there is something to say about.
    label_chance: f64,
}

/// Something for each rate that cameras differ in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PerRate<T> {
    pub(crate) fp: T,
    pub(crate) missed_threat: T,
    pub(crate) error: T,
}

/// One camera of one run.
#[derive(Debug, Clone)]
pub(crate) struct Camera {
    pub(crate) id: CameraId,
    /// Where it lies in the fleet for good, as standard normal deviates.
    place: PerRate<f64>,
    /// Its true rates under the control today, before what moves within a day.
    pub(crate) day: PerRate<f64>,
    /// Its true rates under the control now.
    pub(crate) today: PerRate<f64>,
    /// The logarithm of its usual median latency in milliseconds.
    pub(crate) usual_latency_ln: f64,
    /// The logarithm of its median latency now.
    pub(crate) latency_ln: f64,
}

/// What the treatment does otherwise at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CurrentChange {
    points: PerRate<f64>,
    latency_factor: f64,
    alert_factor: f64,
    slow_share: f64,
    /// What its false alarms are multiplied by today.
    pub(crate) false_alarm_factor: f64,
    /// Whether any of it is harm.
    pub(crate) harmful: bool,
}

/// The prompt that answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnsweringPrompt<'a> {
    pub(crate) variant: Variant,
    /// What the treatment does otherwise just now.
    pub(crate) change: &'a CurrentChange,
    /// What the event has in common with the others of its burst.
    pub(crate) alike: Option<Alike>,
}

/// What one detection event is, whichever prompt looks at it; drawn only where scores are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scene {
    threat: f64,
    alert: f64,
    score: f64,
}

/// What a prompt answered, and what a person would say about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedAnswer {
    pub(crate) outcome: Outcome,
    sight: Correctness,
}

/// Whether an answer with a score was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Correctness {
    /// No scores are drawn: the label follows from the rates alone.
    Unscored,
    /// Nothing is there and nothing was said.
    Nothing,
    Seen(Label),
}

impl Scene {
    /// Draws a whole scene.
    pub(crate) fn draw(random: &mut impl Rng) -> Self {
        Self { threat: random.random(), alert: random.random(), score: random.random() }
    }

    /// The same event with a chance of being judged anew.
    pub(crate) fn or_apart(self, share: f64, random: &mut impl Rng) -> Self {
        let is_apart = random.random::<f64>() < share;
        if is_apart { Self { alert: random.random(), ..self } } else { self }
    }
}

impl World {
    /// Makes a scenario ready.
    ///
    /// # Errors
    /// [`OutOfRange`] where a rate and a correlation lead beyond what can be computed.
    pub fn new(scenario: Scenario) -> Result<Self, OutOfRange> {
        let Scenario { control, treatment, fleet, feedback, .. } = &scenario;
        let rates = PerRate {
            fp: Rates::new(control.fp_rate, fleet.icc)?,
            missed_threat: Rates::new(control.missed_threat_rate, fleet.icc)?,
            error: Rates::new(control.error_rate, fleet.error_icc)?,
        };
        let shift =
            |rates: &Rates, change: f64| if change == 0.0 { 0.0 } else { rates.shift(change) };
        let shifts = PerRate {
            fp: shift(&rates.fp, treatment.fp_rate.change),
            missed_threat: shift(&rates.missed_threat, treatment.missed_threat_rate.change),
            error: shift(&rates.error, treatment.error_rate.change),
        };
        // A share of all analyses is labelled; with scores only alerts and missed threats can be.
        let speakable = match control.alert_rate {
            Some(alerts) => alerts / (1.0 - control.missed_threat_rate),
            None => 1.0,
        };
        let false_alarms = 1.0 + control.fp_rate * (feedback.false_positive_factor - 1.0);
        let label_chance = feedback.share / speakable / false_alarms;
        Ok(Self { scenario, rates, shifts, label_chance })
    }

    /// The scenario.
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub(crate) const fn definition(&self) -> &Definition {
        &self.scenario.experiment.definition
    }

    /// Draws the cameras of a run. Unless the experiment lists them, each run has its own names, so that runs
    /// differ in their split as fleets do.
    pub(crate) fn cameras(&self, run: u32, random: &mut impl Rng) -> Vec<Camera> {
        let Scenario { fleet, control, .. } = &self.scenario;
        let rules = &self.definition().experiment().assignment;
        let listed = rules.method == SplitMethod::Balanced;
        let ids: Vec<CameraId> = if listed {
            rules.cameras.iter().take(fleet.cameras as usize).cloned().collect()
        } else {
            let name = |number| format!("run-{run}/{number}").parse();
            (1..=fleet.cameras).map(|n| name(n).expect("a short name is an id")).collect()
        };
        ids.into_iter()
            .map(|id| {
                let mut normal = || -> f64 { StandardNormal.sample(random) };
                let place = PerRate { fp: normal(), missed_threat: normal(), error: normal() };
                let latency_ln = log(control.latency_ms.median) + fleet.latency_log_sd * normal();
                let (day, today) = (PerRate::default(), PerRate::default());
                Camera { id, place, day, today, usual_latency_ln: latency_ln, latency_ln }
            })
            .collect()
    }

    /// Draws what a new day brings: a part of each camera's place in the fleet is new.
    pub(crate) fn begin_day(&self, cameras: &mut [Camera], random: &mut impl Rng) {
        let drift = self.scenario.fleet.drift_share;
        let (stays, moves) = (sqrt(1.0 - drift), sqrt(drift));
        for camera in cameras {
            let mut today = |place: f64, rates: &Rates| {
                let new: f64 = StandardNormal.sample(random);
                let deviate = stays * place + moves * new;
                rates.at(erfc(-deviate / core::f64::consts::SQRT_2) / 2.0)
            };
            camera.day = PerRate {
                fp: today(camera.place.fp, &self.rates.fp),
                missed_threat: today(camera.place.missed_threat, &self.rates.missed_threat),
                error: today(camera.place.error, &self.rates.error),
            };
            camera.today = camera.day;
        }
    }

    /// What the treatment does otherwise at an hour of the A/B test; `None` is before the test.
    pub(crate) fn change(&self, ab_hour: Option<f64>) -> CurrentChange {
        let treatment = &self.scenario.treatment;
        let now = |effect: &tidegate_spec::scenario::Effect| effect.strength(ab_hour);
        let PerRate { fp, missed_threat, error } = self.shifts;
        CurrentChange {
            points: PerRate {
                fp: fp * now(&treatment.fp_rate),
                missed_threat: missed_threat * now(&treatment.missed_threat_rate),
                error: error * now(&treatment.error_rate),
            },
            latency_factor: 1.0
                + treatment.latency_pct.change / 100.0 * now(&treatment.latency_pct),
            alert_factor: 1.0
                + treatment.alert_rate_pct.change / 100.0 * now(&treatment.alert_rate_pct),
            slow_share: treatment.slow_share.change * now(&treatment.slow_share),
            false_alarm_factor: 1.0,
            harmful: treatment.harms().any(|effect| now(effect) > 0.0),
        }
    }

    /// Draws what a detection event is.
    pub(crate) fn scene(&self, random: &mut impl Rng) -> Scene {
        if self.scenario.control.alert_rate.is_none() {
            return Scene::default();
        }
        Scene::draw(random)
    }

    /// Whether an event is worth an alert; none is where no scores are drawn.
    pub(crate) fn truth(&self, camera: &Camera, scene: &Scene) -> Answer {
        let alerts = self.scenario.control.alert_rate;
        let is_threat = alerts.is_some_and(|alerts| scene.threat < threats(camera, alerts));
        if is_threat { Answer::Yes } else { Answer::No }
    }

    /// Draws what a prompt answers.
    pub(crate) fn answer(
        &self,
        camera: &Camera,
        scene: &Scene,
        prompt: AnsweringPrompt<'_>,
        random: &mut impl Rng,
    ) -> SimulatedAnswer {
        let control = &self.scenario.control;
        let AnsweringPrompt { variant, change, alike } = prompt;
        let (points, factor, slower) = match variant {
            Variant::Control => (0.0, 1.0, 0.0),
            Variant::Treatment => (change.points.error, change.latency_factor, change.slow_share),
        };
        let failure = match alike {
            Some(alike) => alike.failure(random),
            None => random.random(),
        };
        if failure < camera.today.error + points {
            return SimulatedAnswer { outcome: Outcome::Failed, sight: Correctness::Nothing };
        }
        let noise: f64 = StandardNormal.sample(random);
        let ln = camera.latency_ln + control.latency_ms.log_sd * noise;
        // Seven digits are more than a latency has, and a table of powers of two has them soonest.
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
        let mut ms = f64::from(exp2f((ln * core::f64::consts::LOG2_E) as f32)) * factor;
        let slow_share = control.slow_share + slower;
        if slow_share > 0.0 && random.random::<f64>() < slow_share {
            ms *= control.slow_factor;
        }
        let latency = Latency::from_ms(ms.min(LATENCY_MS_MAX)).ok();
        let (score, sight) = self.look(camera, scene, prompt);
        SimulatedAnswer { outcome: Outcome::Answered { latency, score }, sight }
    }

    /// The score of a prompt, and whether it is right.
    ///
    /// What the control's rates say fixes how many events are threats: with alert rate a, false positives f
    /// and missed threats m of the labels, `a (1-f) / (1-m)` of the events. A prompt alerts on threats and on
    /// all else with the chances that give its own f and m.
    fn look(
        &self,
        camera: &Camera,
        scene: &Scene,
        prompt: AnsweringPrompt<'_>,
    ) -> (Option<RiskScore>, Correctness) {
        let Some(alerts) = self.scenario.control.alert_rate else {
            return (None, Correctness::Unscored);
        };
        let threats = threats(camera, alerts);
        let threat = scene.threat < threats;
        let (fp, missed) = labels_of(camera, prompt);
        let AnsweringPrompt { variant, change, .. } = prompt;
        let factor = match variant {
            Variant::Control => 1.0,
            Variant::Treatment if threat => change.alert_factor,
            Variant::Treatment => change.alert_factor * change.false_alarm_factor,
        };
        let alerts_with = if threat {
            1.0 - missed / (1.0 - fp).max(1e-9)
        } else {
            fp * threats / (1.0 - fp).max(1e-9) / (1.0 - threats).max(1e-9)
        };
        let alert = scene.alert < alerts_with.clamp(0.0, 1.0) * factor;
        let threshold = f64::from(self.definition().experiment().alert_threshold.value());
        let score = if alert {
            threshold + libm::floor(scene.score * (101.0 - threshold))
        } else {
            libm::floor(scene.score * threshold)
        };
        let sight = match (alert, threat) {
            (true, false) => Correctness::Seen(Label::FalsePositive),
            (true, true) => Correctness::Seen(Label::Correct),
            (false, true) => Correctness::Seen(Label::MissedThreat),
            (false, false) => Correctness::Nothing,
        };
        (RiskScore::new(score).ok(), sight)
    }

    /// Draws what a person says about an answer that was served, if anything.
    pub(crate) fn label(
        &self,
        camera: &Camera,
        answer: &SimulatedAnswer,
        prompt: AnsweringPrompt<'_>,
        random: &mut impl Rng,
    ) -> Option<Label> {
        if answer.outcome.failed() {
            return None;
        }
        let feedback = &self.scenario.feedback;
        let treated = prompt.variant == Variant::Treatment;
        let (factor, fp_factor) = if treated {
            (feedback.treatment_factor, feedback.treatment_false_positive_factor)
        } else {
            (1.0, 1.0)
        };
        let spoken = self.label_chance * factor;
        let fp_factor = feedback.false_positive_factor * fp_factor;
        let said: f64 = random.random();
        // Most answers are never labelled, whatever the label would be.
        if said >= spoken * fp_factor.max(1.0) {
            return None;
        }
        let label = match answer.sight {
            Correctness::Nothing => return None,
            Correctness::Seen(label) => label,
            Correctness::Unscored => {
                let (fp, missed) = labels_of(camera, prompt);
                let kind = match prompt.alike {
                    Some(alike) => alike.label(random),
                    None => random.random(),
                };
                if kind < fp {
                    Label::FalsePositive
                } else if kind < fp + missed {
                    Label::MissedThreat
                } else {
                    Label::Correct
                }
            }
        };
        let of_kind = if label == Label::FalsePositive { fp_factor } else { 1.0 };
        (said < spoken * of_kind).then_some(label)
    }

    /// Draws how long a label takes, in milliseconds.
    pub(crate) fn label_delay_ms(&self, random: &mut impl Rng) -> f64 {
        let delay = self.scenario.feedback.delay_minutes;
        let noise: f64 = StandardNormal.sample(random);
        delay.median * exp(delay.log_sd * noise) * crate::traffic::MINUTE_MS
    }
}

/// The share of a camera's events that are threats.
fn threats(camera: &Camera, alerts: f64) -> f64 {
    let rates = camera.today;
    (alerts * (1.0 - rates.fp) / (1.0 - rates.missed_threat)).clamp(0.0, 1.0)
}

/// The false positives and missed threats among the labels of a camera.
fn labels_of(
    camera: &Camera,
    AnsweringPrompt { variant, change, .. }: AnsweringPrompt<'_>,
) -> (f64, f64) {
    let points = if variant == Variant::Treatment { change.points } else { PerRate::default() };
    let fp = (camera.today.fp + points.fp).clamp(0.0, 1.0);
    let missed = (camera.today.missed_threat + points.missed_threat).clamp(0.0, 1.0 - fp);
    (fp, missed)
}
