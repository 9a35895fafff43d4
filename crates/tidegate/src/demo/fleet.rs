//! A synthetic fleet: what its cameras see, what the prompts say, and what people say of it.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal};
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{Observation, Side};

use super::story::Harm;

/// Detections of one camera in one step of time.
const DETECTIONS: f64 = 1.6;
/// Shares of the control.
const ERRORS: f64 = 0.02;
const FALSE_ALARMS: f64 = 0.45;
/// Share of detections that people judge.
const JUDGED: f64 = 0.15;
/// From which hour of the test on latency and errors are worse.
pub(super) const HARM_HOUR: f64 = 12.0;

/// The fleet and its chance.
#[derive(Debug)]
pub(super) struct DemoFleet {
    pub(super) cameras: Vec<String>,
    /// How much more or less than others each camera sees nothing and calls it something.
    tendencies: Vec<f64>,
    random: ChaCha8Rng,
    latency: LogNormal<f64>,
    harm: Harm,
    detections: u64,
}

/// What is served to a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServedAnswer {
    pub(super) variant: Variant,
    /// Whether the treatment runs too, for comparison only.
    pub(super) shadowed: Shadowed,
}

/// Whether both prompts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shadowed {
    Yes,
    No,
}

impl DemoFleet {
    pub(super) fn new(cameras: u32, seed: u64, harm: Harm) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let cameras: Vec<String> = (1..=cameras).map(|n| format!("camera-{n:03}")).collect();
        let tendencies = cameras.iter().map(|_| random.random_range(-0.1..0.1)).collect();
        // A median of 900 ms; the spread is that of the design's fleet.
        #[expect(clippy::expect_used, reason = "constants within the distribution's range")]
        let latency = LogNormal::new(900_f64.ln(), 0.5).expect("a valid distribution");
        Self { cameras, tendencies, random, latency, harm, detections: 0 }
    }

    /// What happens at one camera in one step of time; feedback comes with a later step.
    pub(super) fn step(
        &mut self,
        experiment: &str,
        camera: usize,
        told: ServedAnswer,
        test_hours: Option<f64>,
    ) -> Vec<(Observation, Option<Observation>)> {
        let whole = DETECTIONS.floor();
        let more = self.random.random_bool(DETECTIONS - whole);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and positive"
        )]
        let count = whole as u32 + u32::from(more);
        (0..count).map(|_| self.detect(experiment, camera, told, test_hours)).collect()
    }

    fn detect(
        &mut self,
        experiment: &str,
        camera: usize,
        told: ServedAnswer,
        test_hours: Option<f64>,
    ) -> (Observation, Option<Observation>) {
        self.detections += 1;
        let id = format!("event-{:06}", self.detections);
        let severity: i16 = self.random.random_range(35..=95);
        let control = self.answer(Variant::Control, severity, test_hours);
        let treatment = self.answer(Variant::Treatment, severity, test_hours);
        let mut report = Observation {
            experiment: experiment.to_owned(),
            id: id.clone(),
            camera_id: Some(self.cameras[camera].clone()),
            ..Observation::default()
        };
        match told.shadowed {
            Shadowed::Yes => {
                "comparison".clone_into(&mut report.kind);
                (report.control, report.treatment) = (Some(control), Some(treatment));
            }
            Shadowed::No => {
                let side = match told.variant {
                    Variant::Control => control,
                    Variant::Treatment => treatment,
                };
                "analysis".clone_into(&mut report.kind);
                report.variant = Some(told.variant.as_str().to_owned());
                (report.latency_ms, report.score, report.error) =
                    (side.latency_ms, side.score, side.error);
            }
        }
        let feedback = self.random.random_bool(JUDGED).then(|| Observation {
            kind: "feedback".to_owned(),
            experiment: experiment.to_owned(),
            id,
            label: Some(self.label(camera, told.variant).to_owned()),
            ..Observation::default()
        });
        (report, feedback)
    }

    fn answer(&mut self, variant: Variant, severity: i16, test_hours: Option<f64>) -> Side {
        let late =
            variant == Variant::Treatment && test_hours.is_some_and(|hour| hour >= HARM_HOUR);
        let errors = if late && self.harm == Harm::Errors { ERRORS + 0.15 } else { ERRORS };
        let slower = if late && self.harm == Harm::Latency { 2.5 } else { 1.0 };
        if self.random.random_bool(errors) {
            return Side { error: Some(true), ..Side::default() };
        }
        let latency = (self.latency.sample(&mut self.random) * slower).min(600_000.0);
        // Both prompts see the same event and differ by little.
        let score = f64::from(severity + self.random.random_range(-2..=2));
        Side { latency_ms: Some(latency.round()), score: Some(score), error: None }
    }

    fn label(&mut self, camera: usize, variant: Variant) -> &'static str {
        let harm = match (variant, self.harm) {
            (Variant::Treatment, Harm::Fp) => 0.20,
            (Variant::Treatment | Variant::Control, _) => 0.0,
        };
        let false_alarm = FALSE_ALARMS + self.tendencies[camera] + harm;
        if self.random.random_bool(false_alarm) { "false_positive" } else { "correct" }
    }
}
