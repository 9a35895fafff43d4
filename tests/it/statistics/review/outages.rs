//! Errors in a shadow whose endpoints are out now and then, under a treatment that is no worse.
//!
//! Either prompt fails in 2 % of the analyses, and in all of them while its endpoint is out: once a day, on average for half
//! an hour. Cameras have 200 analyses a day for two days; both rules are looked at every ten minutes.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};
use tidegate_stats::evidence::EValue;
use tidegate_stats::paired::{CameraPairs, Paired};
use tidegate_stats::proportion::Proportion;
use tidegate_stats::review::SignBet;

use super::world::poisson;

const BLOCKS: usize = 2 * 144;
const ANALYSES: f64 = 200.0 / 144.0;
const FAILURES: f64 = 0.02;
const OUTAGES: f64 = 2.0;
/// In blocks of ten minutes.
const OUTAGE_LENGTH: f64 = 3.0;
const MARGIN: f64 = 0.05;
const DECIDES: f64 = 200.0;

/// Which part of each block an endpoint is out.
fn outages(draw: &mut ChaCha8Rng) -> Vec<f64> {
    let mut out = vec![0.0_f64; BLOCKS];
    for _ in 0..poisson(OUTAGES, draw) {
        let start = draw.random_range(0.0..BLOCKS as f64);
        let length: f64 = Exp::new(1.0 / OUTAGE_LENGTH).unwrap().sample(draw);
        for (block, out) in out.iter_mut().enumerate() {
            let (from, to) = (block as f64, block as f64 + 1.0);
            let here = (start + length).min(to) - start.max(from);
            *out = (*out + here.max(0.0)).min(1.0);
        }
    }
    out
}

/// Whether the paired jackknife, and the bet on signs, stop the treatment.
struct Stopped {
    jackknife: bool,
    signs: bool,
}

fn run(cameras: usize, draw: &mut ChaCha8Rng) -> Stopped {
    let none =
        CameraPairs { count: 0, difference_sum: 0.0, difference_square_sum: 0.0, control_sum: 0.0 };
    let mut pairs = vec![none; cameras];
    let (control_out, treatment_out) = (outages(draw), outages(draw));
    let mut bet = SignBet::default();
    let mut stopped = Stopped { jackknife: false, signs: false };
    for block in 0..BLOCKS {
        let mut net = 0.0;
        for camera in &mut pairs {
            for _ in 0..poisson(ANALYSES, draw) {
                let mut fails = |out: f64| {
                    f64::from(u8::from(draw.random_bool(FAILURES) || draw.random_bool(out)))
                };
                let (control, treatment) = (fails(control_out[block]), fails(treatment_out[block]));
                let difference = treatment - control;
                net += difference;
                camera.count += 1;
                camera.difference_sum += difference;
                camera.difference_square_sum += difference * difference;
                camera.control_sum += control;
            }
        }
        bet.add(net.total_cmp(&0.0));
        let mut paired = Paired::default();
        for camera in &pairs {
            paired.add(camera).unwrap();
        }
        let Some(found) = paired.difference().unwrap() else { continue };
        if paired.count() < 30 || found.value < MARGIN {
            continue;
        }
        let decides = |evidence: EValue| evidence.ln() >= DECIDES.ln();
        stopped.jackknife |= decides(EValue::against_no_worse(&found, MARGIN).unwrap());
        stopped.signs |= decides(bet.evidence());
    }
    stopped
}

#[expect(clippy::print_stdout, reason = "what was measured belongs to the result")]
fn signs_stay_rare(cameras: usize, runs: u64) {
    let (mut jackknife, mut signs) = (0_u64, 0_u64);
    for number in 0..runs {
        let mut draw = ChaCha8Rng::seed_from_u64(4);
        draw.set_stream(number);
        let stopped = run(cameras, &mut draw);
        jackknife += u64::from(stopped.jackknife);
        signs += u64::from(stopped.signs);
    }
    println!("outages, {cameras} cameras: of {runs} jackknife stopped {jackknife}, signs {signs}");
    let interval = |count| Proportion::new(count, runs).unwrap().clopper_pearson(0.001).unwrap();
    assert!(interval(signs).low <= 0.01, "{signs} of {runs}");
    assert!(interval(signs).high < interval(jackknife).low, "nothing is gained");
}

#[test]
fn outages_stop_fewer_harmless_treatments_by_signs() {
    signs_stay_rare(20, 100);
}

#[test]
#[ignore = "ten seconds: the same with more runs, and with 8 cameras"]
fn outages_stop_fewer_harmless_treatments_by_signs_in_all_fleets() {
    signs_stay_rare(8, 1_000);
    signs_stay_rare(20, 1_000);
}
