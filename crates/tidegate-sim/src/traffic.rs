//! When detection events come, and from which camera.

use libm::{exp, sin};
use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};
use tidegate_spec::scenario::{Bursts, FleetSettings};

pub(crate) const MINUTE_MS: f64 = 60_000.0;
pub(crate) const DAY_MS: f64 = 1_440.0 * MINUTE_MS;
const MINUTES: usize = 1_440;

/// A detection event at a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) at_ms: f64,
    pub(crate) camera: u32,
    /// The burst of alike events it belongs to.
    pub(crate) burst: Option<u32>,
}

impl Arrival {
    const fn alone(at_ms: f64, camera: u32) -> Self {
        Self { at_ms, camera, burst: None }
    }
}

/// The arrivals of a whole fleet: a Poisson process whose rate follows the hour, each arrival at a camera
/// drawn by its traffic, with bursts of single cameras laid over it.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    /// Expected arrivals in a millisecond, by minute of the day.
    rates: Vec<f64>,
    cameras: Option<WeightedAliasIndex<f64>>,
    at_ms: f64,
    /// After this nothing arrives: the run has long ended.
    until_ms: f64,
    minute: usize,
    /// What bursts add, the earliest last.
    extra: Vec<Arrival>,
    /// The next of the steady stream, drawn ahead.
    steady: Option<Arrival>,
}

impl Arrivals {
    /// Draws each camera's traffic; `live` are the cameras that report at all.
    pub(crate) fn draw(
        fleet: &FleetSettings,
        live: &[bool],
        until_ms: f64,
        random: &mut impl Rng,
    ) -> Self {
        let sd = fleet.traffic_log_sd;
        let mut weights: Vec<f64> = live
            .iter()
            .map(|live| {
                let z: f64 = StandardNormal.sample(random);
                // The mean of a log-normal is above its median.
                if *live { exp(sd * z - sd * sd / 2.0) } else { 0.0 }
            })
            .collect();
        let total: f64 = weights.iter().sum();
        if let Some(share) = fleet.busiest_share {
            make_busiest(&mut weights, share, total);
        }
        let mean = fleet.analyses_per_camera_day * total / DAY_MS;
        let rate = |minute: usize| {
            let hour = fleet.start_hour + (minute as f64 + 0.5) / 60.0;
            let turn = (hour - 6.0) / 24.0;
            mean * (1.0 + fleet.diurnal_amplitude * sin(turn * core::f64::consts::TAU))
        };
        let rates = (0..MINUTES).map(rate).collect();
        let mut extra = Vec::new();
        if let Some(bursts) = fleet.bursts {
            for (camera, weight) in (0_u32..).zip(&weights) {
                let usual = weight * fleet.analyses_per_camera_day / DAY_MS;
                add_bursts(bursts, camera, usual, until_ms, &mut extra, random);
            }
            sort(&mut extra);
        }
        let cameras = (total > 0.0).then(|| WeightedAliasIndex::new(weights).ok()).flatten();
        let mut arrivals =
            Self { rates, cameras, at_ms: 0.0, until_ms, minute: 0, extra, steady: None };
        arrivals.advance(random);
        arrivals
    }

    /// Lays more arrivals over these.
    pub(crate) fn add(&mut self, more: Vec<Arrival>) {
        self.extra.extend(more);
        sort(&mut self.extra);
    }

    /// The next arrival; `None` where no camera reports.
    pub(crate) fn peek(&self) -> Option<Arrival> {
        match (self.steady, self.extra.last()) {
            (Some(steady), Some(extra)) if extra.at_ms < steady.at_ms => Some(*extra),
            (None, extra) => extra.copied(),
            (steady, _) => steady,
        }
    }

    /// Lets the next arrival pass.
    pub(crate) fn pass(&mut self, random: &mut impl Rng) {
        match (self.steady, self.extra.last()) {
            (Some(steady), Some(extra)) if extra.at_ms < steady.at_ms => {
                self.extra.pop();
            }
            (None, _) => {
                self.extra.pop();
            }
            (Some(_), _) => self.advance(random),
        }
    }

    fn advance(&mut self, random: &mut impl Rng) {
        let Some(cameras) = &self.cameras else { return };
        let mut needed: f64 = Exp1.sample(random);
        self.steady = None;
        while self.at_ms <= self.until_ms {
            let rate = self.rates[self.minute % MINUTES];
            let ends = (self.minute as f64 + 1.0) * MINUTE_MS;
            let room = (ends - self.at_ms) * rate;
            if needed <= room {
                self.at_ms += needed / rate;
                let camera = u32::try_from(cameras.sample(random)).unwrap_or(0);
                self.steady = Some(Arrival::alone(self.at_ms, camera));
                return;
            }
            needed -= room;
            self.at_ms = ends;
            self.minute += 1;
        }
    }
}

/// The earliest last.
fn sort(arrivals: &mut [Arrival]) {
    arrivals.sort_by(|a, b| b.at_ms.total_cmp(&a.at_ms).then(b.camera.cmp(&a.camera)));
}

fn add_bursts(
    bursts: Bursts,
    camera: u32,
    usual: f64,
    until_ms: f64,
    extra: &mut Vec<Arrival>,
    random: &mut impl Rng,
) {
    let length = bursts.minutes * MINUTE_MS;
    let gap = DAY_MS / bursts.per_camera_day;
    let expected = usual * (bursts.factor - 1.0) * length;
    if !gap.is_finite() || expected <= 0.0 {
        return;
    }
    let mut begins = 0.0;
    loop {
        let wait: f64 = Exp1.sample(random);
        begins += wait * gap;
        if begins >= until_ms {
            return;
        }
        let count = Poisson::new(expected).map_or(0.0, |counts| counts.sample(random));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        for _ in 0..count as u64 {
            extra.push(Arrival::alone(begins + random.random::<f64>() * length, camera));
        }
    }
}

/// Gives the first camera that reports its share of the traffic, and the others the rest as before; alone it keeps all.
fn make_busiest(weights: &mut [f64], share: f64, total: f64) {
    let Some(first) = weights.iter().position(|weight| *weight > 0.0) else { return };
    let others = total - weights[first];
    if others <= 0.0 {
        return;
    }
    for (camera, weight) in weights.iter_mut().enumerate() {
        *weight =
            if camera == first { share * total } else { *weight * (1.0 - share) * total / others };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn fleet() -> FleetSettings {
        FleetSettings {
            cameras: 20,
            analyses_per_camera_day: 200.0,
            traffic_log_sd: 0.5,
            busiest_share: None,
            icc: 0.1,
            error_icc: 0.1,
            drift_share: 0.2,
            latency_log_sd: 0.2,
            diurnal_amplitude: 0.6,
            start_hour: 0.0,
            bursts: None,
        }
    }

    fn counted(fleet: &FleetSettings, live: &[bool], seed: u64) -> (Vec<u32>, Vec<u32>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut arrivals = Arrivals::draw(fleet, live, DAY_MS, &mut random);
        let (mut hours, mut cameras) = (vec![0; 24], vec![0; live.len()]);
        let mut before = 0.0;
        while let Some(Arrival { at_ms: at, camera, .. }) =
            arrivals.peek().filter(|arrival| arrival.at_ms < DAY_MS)
        {
            assert!(at >= before);
            before = at;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 24")]
            let hour = (at / 3_600_000.0) as usize;
            hours[hour] += 1;
            cameras[camera as usize] += 1;
            arrivals.pass(&mut random);
        }
        (hours, cameras)
    }

    #[test]
    fn traffic_has_the_mean_asked_for_and_follows_the_hour() {
        let (mut hours, mut all) = (vec![0_u32; 24], 0);
        for seed in 0..200 {
            let (found, _) = counted(&fleet(), &[true; 20], seed);
            all += found.iter().sum::<u32>();
            hours.iter_mut().zip(found).for_each(|(sum, count)| *sum += count);
        }
        // 200 days of 20 cameras with 200 analyses; the traffic of 20 cameras varies by 12 %.
        assert!((f64::from(all) / 800_000.0 - 1.0).abs() < 0.03, "{all}");
        let ratio = f64::from(hours[11] + hours[12]) / f64::from(hours[0] + hours[23]);
        assert!((ratio / (1.6 / 0.4) - 1.0).abs() < 0.1, "{hours:?}");
    }

    #[test]
    fn dead_cameras_never_report_and_bursts_add_what_they_say() {
        let mut live = [true; 20];
        live[3] = false;
        let (_, cameras) = counted(&fleet(), &live, 1);
        assert_eq!(cameras[3], 0);
        assert_eq!(counted(&fleet(), &[false; 20], 1).0.iter().sum::<u32>(), 0);
        let bursts = Bursts { per_camera_day: 24.0, minutes: 6.0, factor: 11.0 };
        let bursting = FleetSettings { bursts: Some(bursts), ..fleet() };
        // A tenth of the time at eleven times the traffic doubles it.
        let sum = |fleet: &FleetSettings| -> u32 {
            (0..40).map(|seed| counted(fleet, &[true; 20], seed).0.iter().sum::<u32>()).sum()
        };
        let ratio = f64::from(sum(&bursting)) / f64::from(sum(&fleet()));
        assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn one_camera_has_its_share_of_an_unchanged_traffic() {
        let one = FleetSettings { busiest_share: Some(0.5), ..fleet() };
        let mut live = [true; 20];
        live[0] = false;
        let (mut of_one, mut all, mut before) = (0, 0, 0);
        for seed in 0..40 {
            let (_, cameras) = counted(&one, &live, seed);
            assert_eq!(cameras[0], 0);
            of_one += cameras[1];
            all += cameras.iter().sum::<u32>();
            before += counted(&fleet(), &live, seed).1.iter().sum::<u32>();
        }
        assert!((f64::from(of_one) / f64::from(all) - 0.5).abs() < 0.01, "{of_one} of {all}");
        assert!((f64::from(all) / f64::from(before) - 1.0).abs() < 0.02, "{all}, {before}");
        let (_, alone) = counted(&one, &[true], 1);
        assert!(alone[0] > 100, "{alone:?}");
    }
}
