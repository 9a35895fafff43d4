//! What makes a world restless: rates that move, bursts of alike events, retries, outages of some cameras.
//!
//! All of it is drawn from a stream of its own, so that it changes no other draw.

use libm::{exp, log};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use tidegate_engine::{ByVariant, Variant};
use tidegate_spec::scenario::Scenario;
use tidegate_spec::scenario::unrest::{AlikeBursts, GroupOutages, Hit, Retries, Shifted, Shocks};

use crate::alike::Alike;
use crate::traffic::{Arrival, DAY_MS, MINUTE_MS};
use crate::world::{Camera, PerRate, Scene};

/// How often what moves is brought up to date.
const STEP_MS: f64 = 10.0 * MINUTE_MS;
const HOUR_MS: f64 = 60.0 * MINUTE_MS;

/// The unrest of one run.
#[derive(Debug)]
pub(crate) struct Restless {
    random: ChaCha8Rng,
    /// Each shift's part of its change, camera by camera.
    shifted: Vec<Vec<f64>>,
    /// How far each camera's rates and latency have wandered.
    walked: Vec<(PerRate<f64>, f64)>,
    next_step: f64,
    bursts: Vec<Alike>,
    outages: Vec<CameraOutage>,
    /// Beginnings and ends of stretches in which the prompts disagree more often, and how much more.
    shocks: Vec<(f64, f64)>,
    shock_factor: f64,
    /// What the treatment's false alarms are multiplied by on each day.
    days: Vec<f64>,
}

/// An outage of some cameras.
#[derive(Debug)]
struct CameraOutage {
    from: f64,
    until: f64,
    cameras: Vec<u32>,
    of: Hit,
}

impl Restless {
    /// Draws the unrest of a run, with the arrivals its bursts add; `None` in a world without.
    pub(crate) fn draw(
        scenario: &Scenario,
        run: u32,
        cameras: &[Camera],
        until_ms: f64,
    ) -> Option<(Self, Vec<Arrival>)> {
        let unrest = &scenario.unrest;
        if *unrest == tidegate_spec::scenario::unrest::Unrest::default() {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(scenario.seed);
        random.set_stream(u64::MAX - u64::from(run));
        let mut shifted = Vec::with_capacity(unrest.shifts.len());
        for shift in &unrest.shifts {
            let mut part = |_: &Camera| {
                let concerned = random.random::<f64>() < shift.camera_share;
                let noise: f64 = StandardNormal.sample(&mut random);
                if concerned { shift.change + shift.camera_sd * noise } else { 0.0 }
            };
            shifted.push(cameras.iter().map(&mut part).collect());
        }
        let mut restless = Self {
            random,
            shifted,
            walked: vec![(PerRate::default(), 0.0); cameras.len()],
            next_step: 0.0,
            bursts: Vec::new(),
            outages: Vec::new(),
            shocks: Vec::new(),
            shock_factor: unrest.shocks.map_or(1.0, |shocks| shocks.factor),
            days: Vec::new(),
        };
        let mut extra = Vec::new();
        // How often the prompts disagree on a burst, where there are scores to disagree by.
        let scored = scenario.control.alert_rate.map(|_| scenario.treatment.disagreement);
        if let Some(bursts) = unrest.bursts {
            for camera in (0_u32..).zip(cameras).map(|(camera, _)| camera) {
                restless.add_bursts(bursts, scored, camera, until_ms, &mut extra);
            }
        }
        if let Some(outages) = unrest.group_outages {
            restless.add_outages(outages, cameras.len(), until_ms);
        }
        if let Some(shocks) = unrest.shocks {
            restless.add_shocks(shocks, until_ms);
        }
        if unrest.day_log_sd > 0.0 {
            restless.add_days(unrest.day_log_sd, until_ms);
        }
        Some((restless, extra))
    }

    fn add_shocks(&mut self, shocks: Shocks, until_ms: f64) {
        let mut from = 0.0;
        loop {
            let wait: f64 = Exp1.sample(&mut self.random);
            from += wait * DAY_MS / shocks.per_day;
            if from >= until_ms || !from.is_finite() {
                return;
            }
            self.shocks.push((from, from + shocks.hours * HOUR_MS));
        }
    }

    fn add_days(&mut self, log_sd: f64, until_ms: f64) {
        for day in 0_u32.. {
            if f64::from(day) * DAY_MS > until_ms {
                return;
            }
            let noise: f64 = StandardNormal.sample(&mut self.random);
            // The mean of a log-normal is above its median.
            self.days.push(exp(log_sd * noise - log_sd * log_sd / 2.0));
        }
    }

    /// How many times as often the prompts disagree at a time.
    pub(crate) fn shock_factor(&self, at_ms: f64) -> f64 {
        let is_shock = self.shocks.iter().any(|(from, until)| (*from..*until).contains(&at_ms));
        if is_shock { self.shock_factor } else { 1.0 }
    }

    /// What the treatment's false alarms are multiplied by on the day of a time.
    pub(crate) fn day_factor(&self, at_ms: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a day")]
        let day = (at_ms / DAY_MS) as usize;
        self.days.get(day).copied().unwrap_or(1.0)
    }

    fn add_bursts(
        &mut self,
        bursts: AlikeBursts,
        disagreement: Option<f64>,
        camera: u32,
        until_ms: f64,
        extra: &mut Vec<Arrival>,
    ) {
        let AlikeBursts { per_camera_day, events, minutes, alike: share, failed_share } = bursts;
        let random = &mut self.random;
        let mut begins = 0.0;
        loop {
            let wait: f64 = Exp1.sample(random);
            begins += wait * DAY_MS / per_camera_day;
            // Without bursts the wait is endless.
            if begins >= until_ms || !begins.is_finite() {
                return;
            }
            let fails = random.random::<f64>() < failed_share;
            let failure: f64 = random.random();
            let failure = if fails { f64::NEG_INFINITY } else { failure };
            let burst = u32::try_from(self.bursts.len()).ok();
            let label = random.random();
            let scenes = disagreement.map(|share| {
                let control = Scene::draw(random);
                ByVariant { control, treatment: control.or_apart(share, random) }
            });
            self.bursts.push(Alike { failure, label, share, scenes });
            for _ in 0..events {
                let at_ms = begins + random.random::<f64>() * minutes * MINUTE_MS;
                extra.push(Arrival { at_ms, camera, burst });
            }
        }
    }

    fn add_outages(&mut self, outages: GroupOutages, cameras: usize, until_ms: f64) {
        let GroupOutages { per_day, minutes, cameras: hit, of } = outages;
        let mut from = 0.0;
        loop {
            let wait: f64 = Exp1.sample(&mut self.random);
            from += wait * DAY_MS / per_day;
            if from >= until_ms || !from.is_finite() {
                return;
            }
            let drawn = index::sample(&mut self.random, cameras, cameras.min(hit as usize));
            let cameras = drawn.iter().filter_map(|camera| u32::try_from(camera).ok()).collect();
            self.outages.push(CameraOutage {
                from,
                until: from + minutes * MINUTE_MS,
                cameras,
                of,
            });
        }
    }

    /// What an arrival has in common with others.
    pub(crate) fn alike(&self, arrival: Arrival) -> Option<Alike> {
        arrival.burst.and_then(|burst| self.bursts.get(burst as usize)).copied()
    }

    /// Whether an outage of some cameras lets this analysis fail.
    pub(crate) fn cuts(&self, camera: usize, variant: Variant, at_ms: f64) -> bool {
        self.outages.iter().any(|cut| {
            (cut.from..cut.until).contains(&at_ms)
                && (cut.of == Hit::Both || variant == Variant::Treatment)
                && cut.cameras.iter().any(|hit| *hit as usize == camera)
        })
    }

    /// When a camera's retries of a failed analysis come, each a failure or the answer that ends them.
    pub(crate) fn retries(&mut self, retries: Retries, at_ms: f64) -> Vec<(f64, bool)> {
        let mut tries = Vec::new();
        for number in 1..=retries.times {
            let fails = self.random.random::<f64>() < retries.failed_share;
            tries.push((at_ms + f64::from(number) * retries.seconds * 1_000.0, fails));
            if !fails {
                break;
            }
        }
        tries
    }

    /// Asks for the next step at once: a new day has begun.
    pub(crate) const fn hurry(&mut self) {
        self.next_step = f64::NEG_INFINITY;
    }

    /// Moves the cameras' rates and latencies to where they are at a time, every ten minutes of it.
    pub(crate) fn step(
        &mut self,
        scenario: &Scenario,
        cameras: &mut [Camera],
        at_ms: f64,
        ab_hour: Option<f64>,
    ) {
        if at_ms < self.next_step {
            return;
        }
        self.next_step = at_ms + STEP_MS;
        if let Some(walk) = scenario.unrest.walk {
            let part = libm::sqrt(STEP_MS / DAY_MS);
            let Self { random, walked, .. } = self;
            for (rates, latency) in walked {
                let mut step = |sd: f64| -> f64 {
                    let noise: f64 = StandardNormal.sample(random);
                    sd * part * noise
                };
                rates.fp += step(walk.log_odds_sd);
                rates.missed_threat += step(walk.log_odds_sd);
                rates.error += step(walk.log_odds_sd);
                *latency += step(walk.latency_log_sd);
            }
        }
        for (number, camera) in cameras.iter_mut().enumerate() {
            let (rates, latency) = self.walked[number];
            let PerRate { fp, missed_threat, error } = camera.day;
            let mut today = PerRate {
                fp: wandered(fp, rates.fp),
                missed_threat: wandered(missed_threat, rates.missed_threat),
                error: wandered(error, rates.error),
            };
            let mut latency_ln = camera.usual_latency_ln + latency;
            for (shift, parts) in scenario.unrest.shifts.iter().zip(&self.shifted) {
                let moved = parts[number] * shift.course.strength(at_ms / HOUR_MS, ab_hour);
                match shift.of {
                    Shifted::FpRate => today.fp += moved,
                    Shifted::MissedThreatRate => today.missed_threat += moved,
                    Shifted::ErrorRate => today.error += moved,
                    Shifted::Latency => latency_ln += log((1.0 + moved / 100.0).max(0.01)),
                }
            }
            for rate in [&mut today.fp, &mut today.missed_threat, &mut today.error] {
                *rate = rate.clamp(0.0, 1.0);
            }
            (camera.today, camera.latency_ln) = (today, latency_ln);
        }
    }
}

/// A rate whose odds wandered by a factor, given as its logarithm.
fn wandered(rate: f64, log_odds: f64) -> f64 {
    if log_odds == 0.0 || rate <= 0.0 || rate >= 1.0 {
        return rate;
    }
    let odds = rate / (1.0 - rate) * exp(log_odds);
    odds / (1.0 + odds)
}
