//! Shadows of a simulated fleet, from a seed.
//!
//! Each camera has 50 alerts of the control a day, 60 % of them false. The prompts disagree on 14 events of a camera and
//! day, as often in either direction, and one of these 14 is a threat. An effect multiplies the treatment's false alarms, or
//! loses threats. Traffic follows the hour. Cameras differ in traffic and in how often the prompts disagree (a coefficient of
//! variation of ½ each), and in their share of threats with an intraclass correlation of 0.1. One disagreement in six begins
//! a burst: on average two more of the same camera, direction and answer. In one two-hour block in ten the whole site
//! disagrees 2.5 times as often.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Gamma, Geometric, Poisson};
use tidegate_stats::review::{AnsweredCard, Direction, Discordant, FleetBlock, Worth};

const ALERTS: f64 = 50.0;
const FALSE_ALARMS: f64 = 30.0;
/// Disagreements in either direction.
const APART: f64 = 7.0;
/// The part of the disagreements that are threats.
const THREATS: f64 = 1.0 / 14.0;
const CORRELATION: f64 = 0.1;
/// How traffic is spread over the day, in blocks of two hours; the mean is 1.
const HOURS: [f64; 12] = [0.3, 0.2, 0.3, 0.8, 1.2, 1.3, 1.4, 1.5, 1.6, 1.4, 1.2, 0.8];
const BURST: f64 = 1.0 / 6.0;
const BURST_MORE: f64 = 2.0;
const SHOCK: f64 = 0.1;
const SHOCK_FACTOR: f64 = 2.5;

#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) cameras: usize,
    pub(super) days: usize,
    /// What the treatment's false alarms are multiplied by.
    pub(super) false_alarms: f64,
    /// Threats that only the treatment misses, per alert of the control.
    pub(super) missed: f64,
}

/// A shadow that is over: its discordant events in the order of cards, and its blocks.
pub(super) struct Window {
    pub(super) cards: Vec<AnsweredCard>,
    pub(super) blocks: Vec<FleetBlock>,
}

impl Window {
    pub(super) fn events(&self) -> Discordant {
        let lost = self.cards.iter().filter(|card| card.direction == Direction::Lost).count();
        Discordant::new(lost as u64, (self.cards.len() - lost) as u64).unwrap()
    }
}

/// A camera's traffic, disagreements and threats, in multiples of the mean.
struct Camera {
    traffic: f64,
    apart: f64,
    threats: f64,
}

impl World {
    /// Run `run` of the world under `seed`.
    pub(super) fn window(self, seed: u64, run: u64) -> Window {
        let mut draw = ChaCha8Rng::seed_from_u64(seed);
        draw.set_stream(run);
        let mut window = Window { cards: Vec::new(), blocks: Vec::new() };
        for cameras in self.by_camera(&mut draw) {
            let mut block = FleetBlock { change: 0, alerts: 0 };
            for (of_camera, cards) in cameras {
                block.change += of_camera.change;
                block.alerts += of_camera.alerts;
                window.cards.extend(cards);
            }
            window.blocks.push(block);
        }
        // Hashes put cards in a random order.
        for last in (1..window.cards.len()).rev() {
            window.cards.swap(last, draw.random_range(0..=last));
        }
        window
    }

    /// What each camera sees in each two hours.
    pub(super) fn by_camera(
        self,
        draw: &mut ChaCha8Rng,
    ) -> Vec<Vec<(FleetBlock, Vec<AnsweredCard>)>> {
        let around_one = Gamma::new(4.0, 0.25).unwrap();
        let size = 1.0 / CORRELATION - 1.0;
        let share = Beta::new(size * THREATS, size * (1.0 - THREATS)).unwrap();
        let camera = |_| Camera {
            traffic: around_one.sample(draw),
            apart: around_one.sample(draw),
            threats: share.sample(draw) / THREATS,
        };
        let cameras: Vec<Camera> = (0..self.cameras).map(camera).collect();
        let mut blocks = Vec::new();
        for hour in (0..self.days).flat_map(|_| HOURS) {
            let shock = if draw.random_bool(SHOCK) { SHOCK_FACTOR } else { 1.0 };
            let mut seen = Vec::new();
            for camera in &cameras {
                let (mut block, mut cards) = (FleetBlock { change: 0, alerts: 0 }, Vec::new());
                self.pass(camera, hour / 12.0, shock, &mut block, &mut cards, draw);
                seen.push((block, cards));
            }
            blocks.push(seen);
        }
        blocks
    }

    /// Two hours of one camera, `part` of a day.
    fn pass(
        self,
        camera: &Camera,
        part: f64,
        shock: f64,
        block: &mut FleetBlock,
        cards: &mut Vec<AnsweredCard>,
        draw: &mut ChaCha8Rng,
    ) {
        let part = part * camera.traffic;
        let disagreeing = part * camera.apart * shock;
        let threats = disagreeing * APART * THREATS * camera.threats;
        // What is no threat at this camera, next to what it is on average.
        let falsely = disagreeing * (1.0 - THREATS * camera.threats) / (1.0 - THREATS);
        let (lost, gained) = self.false_alarms_apart();
        let rates = [
            (Direction::Lost, Worth::YES, threats + part * self.missed * ALERTS),
            (Direction::Gained, Worth::YES, threats),
            (Direction::Lost, Worth::NO, falsely * lost),
            (Direction::Gained, Worth::NO, falsely * gained),
        ];
        let before = cards.len();
        for (direction, worth, rate) in rates {
            for _ in 0..poisson(rate / (1.0 + BURST * BURST_MORE), draw) {
                let geometric = Geometric::new(1.0 / (1.0 + BURST_MORE)).unwrap();
                let more = if draw.random_bool(BURST) { geometric.sample(draw) } else { 0 };
                cards.extend((0..=more).map(|_| AnsweredCard { direction, worth }));
            }
        }
        let both = part * ALERTS - rates[0].2 - rates[2].2;
        block.alerts += poisson(both, draw);
        for card in &cards[before..] {
            match card.direction {
                Direction::Lost => {
                    block.change -= 1;
                    block.alerts += 1;
                }
                Direction::Gained => block.change += 1,
            }
        }
    }

    /// False alarms of a camera and day on which only the control, and only the treatment, alerts.
    ///
    /// With more false alarms the treatment repeats as many of the control's as ever; with fewer it repeats and adds
    /// fewer of both.
    fn false_alarms_apart(self) -> (f64, f64) {
        let apart = APART * (1.0 - THREATS);
        let repeated = (FALSE_ALARMS - apart) * self.false_alarms.min(1.0);
        (FALSE_ALARMS - repeated, FALSE_ALARMS * self.false_alarms - repeated)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sample of this distribution is a whole number"
)]
pub(super) fn poisson(mean: f64, draw: &mut ChaCha8Rng) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    let sample: f64 = Poisson::new(mean).unwrap().sample(draw);
    sample as u64
}
