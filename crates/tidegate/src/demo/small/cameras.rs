//! What four cameras see, what the prompts say of it, and what is true.

use std::collections::{BTreeMap, HashMap};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{Observation, Side};

use super::super::fleet::{ServedAnswer, Shadowed};

/// Events of one camera in an hour.
const EVENTS: u32 = 8;
/// The share of events that are threats, and the share of these on which either prompt alerts.
const THREATS: f64 = 0.1;
const SEEN: f64 = 0.97;
/// The share of all others on which the control alerts.
const FALSE_ALARMS: f64 = 1.0 / 6.0;
/// How often the person who looks takes one for the other, and how often they cannot tell.
const ERRS: f64 = 0.02;
const CANNOT_TELL: f64 = 0.04;

/// A prompt that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TriedPrompt {
    /// It alerts on more that is nothing.
    Eager,
    /// It alerts on less of it.
    Calm,
}

impl TriedPrompt {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Eager => "yard_eager",
            Self::Calm => "yard_calm",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Eager => "v2_eager",
            Self::Calm => "v2_calm",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Eager => "in truth ten false alarms more for each hundred alerts",
            Self::Calm => "in truth twenty false alarms fewer for each hundred alerts",
        }
    }

    /// How its rollout has to end.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Eager => "rolled_back",
            Self::Calm => "full",
        }
    }

    /// How often it alerts on what is nothing: where the control does, and where it does not.
    const fn false_alarms(self) -> [f64; 2] {
        match self {
            Self::Eager => [0.92, 0.05],
            Self::Calm => [0.62, 0.01],
        }
    }

    pub(super) fn definition(self, cameras: &[String]) -> String {
        let (key, name) = (self.key(), self.name());
        format!(
            "key = \"{key}\"\ncontrol = \"v1_original\"\ntreatment = \"{name}\"\n\
             [shadow]\nduration_hours = 144\n\
             [assignment]\nsplit = \"balanced\"\ncameras = {cameras:?}\n\
             [promotion]\nmode = \"automatic\"\n\
             [review]\n"
        )
    }
}

/// Four cameras and their chance.
#[derive(Debug)]
pub(super) struct FewCameras {
    cameras: Vec<String>,
    random: ChaCha8Rng,
    events: u64,
    /// Whether an event is a threat.
    threats: HashMap<String, bool>,
}

impl FewCameras {
    pub(super) fn new(seed: u64) -> Self {
        let cameras = ["door", "garage", "garden", "yard"].map(str::to_owned).into();
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { cameras, random, events: 0, threats: HashMap::new() }
    }

    pub(super) fn cameras(&self) -> &[String] {
        &self.cameras
    }

    /// What all cameras report in an hour.
    pub(super) fn hour(
        &mut self,
        tried: TriedPrompt,
        served: &BTreeMap<String, ServedAnswer>,
    ) -> Vec<Observation> {
        let mut reports = Vec::new();
        for (camera, served) in served {
            for _ in 0..EVENTS {
                reports.push(self.event(tried, camera, *served));
            }
        }
        reports
    }

    fn event(&mut self, tried: TriedPrompt, camera: &str, served: ServedAnswer) -> Observation {
        self.events += 1;
        let id = format!("clip-{:05}", self.events);
        let random = &mut self.random;
        let threat = random.random_bool(THREATS);
        let control = random.random_bool(if threat { SEEN } else { FALSE_ALARMS });
        let [kept, gained] = tried.false_alarms();
        let of_nothing = if control { kept } else { gained };
        let treatment = random.random_bool(if threat { SEEN } else { of_nothing });
        self.threats.insert(id.clone(), threat);
        let side = |alerts: bool| Side {
            latency_ms: Some(900.0),
            score: Some(if alerts { 80.0 } else { 20.0 }),
            error: None,
        };
        let report = Observation {
            experiment: tried.key().to_owned(),
            id,
            camera_id: Some(camera.to_owned()),
            ..Observation::default()
        };
        match served.shadowed {
            Shadowed::Yes => Observation {
                kind: "comparison".to_owned(),
                control: Some(side(control)),
                treatment: Some(side(treatment)),
                ..report
            },
            Shadowed::No => {
                let Side { latency_ms, score, error } = side(match served.variant {
                    Variant::Control => control,
                    Variant::Treatment => treatment,
                });
                Observation {
                    kind: "analysis".to_owned(),
                    variant: Some(served.variant.as_str().to_owned()),
                    latency_ms,
                    score,
                    error,
                    ..report
                }
            }
        }
    }

    /// What a person says who looks at an event: whether it was worth an alert.
    pub(super) fn look(&mut self, event: &str) -> &'static str {
        let threat = self.threats.get(event).copied().unwrap_or_default();
        if self.random.random_bool(CANNOT_TELL) {
            "cannot_tell"
        } else if threat == self.random.random_bool(ERRS) {
            "no"
        } else {
            "yes"
        }
    }
}
