//! What decides a rollout: camera means, their errors, the evidence, and the fast path.

use tidegate_stats::arm::{Arm, Cameras};
use tidegate_stats::baseline::Spread;
use tidegate_stats::cusum::{Cusum, Increments};
use tidegate_stats::evidence::EValue;
use tidegate_stats::student::{DegreesOfFreedom, Estimate};
use tidegate_stats::switchback::{CameraBlock, Switchback};

use super::{Case, for_each_case};

/// The mixture is fixed in the product; a file with another one is no reference for it.
fn has_our_mixture(case: &Case) {
    assert_eq!(case.numbers("multipliers"), [1.0, 2.0, 4.0, 8.0, 16.0]);
    assert_eq!(case.numbers("weights"), [0.30, 0.25, 0.20, 0.15, 0.10]);
}

fn rates(case: &Case, [trials, successes, offset]: [&str; 3]) -> Cameras {
    let rho = case.number("rho_w");
    let mut cameras = Cameras::default();
    let offsets = case.numbers(offset);
    for ((trials, events), offset) in
        case.integers(trials).into_iter().zip(case.integers(successes)).zip(offsets)
    {
        cameras.add_rate(trials, events, offset, rho).unwrap();
    }
    cameras
}

#[test]
fn t_mixture_eprocess() {
    for_each_case("t_mixture_eprocess", |case| {
        has_our_mixture(case);
        let degrees = case
            .option("nu")
            .map_or(DegreesOfFreedom::INFINITE, |nu| DegreesOfFreedom::new(nu).unwrap());
        let estimate = Estimate::new(case.number("D"), case.number("V"), degrees).unwrap();
        let evidence = EValue::against_no_worse(&estimate, case.number("margin")).unwrap();
        case.expect_option("log_e", Some(evidence.ln()).filter(|ln| ln.is_finite()));
    });
}

#[test]
fn arm_cr3() {
    for_each_case("arm_cr3", |case| {
        let arm = rates(case, ["trials", "successes", "offset"]).rate().unwrap();
        case.expect("mean", arm.mean);
        case.expect("var_cr3", arm.variance_between);
        case.expect_integer("n_clusters", arm.cameras);
        case.expect("kish_eff", arm.kish_cameras);
    });
}

#[test]
fn latency_log_ratio() {
    for_each_case("latency_log_ratio", |case| {
        let arm = |[count, sum, baseline]: [&str; 3]| {
            let mut cameras = Cameras::default();
            for ((count, sum), baseline) in
                case.integers(count).into_iter().zip(case.numbers(sum)).zip(case.numbers(baseline))
            {
                // The reference leaves the floor out: no spread within cameras, no floor.
                let square_sum = sum * sum / count as f64;
                cameras.add_mean(count, sum, square_sum, baseline).unwrap();
            }
            let mut arm = cameras.mean().unwrap();
            arm.variance_floor = 0.0;
            arm
        };
        let control = arm(["n_c", "sum_c", "baseline_c"]);
        let treatment = arm(["n_t", "sum_t", "baseline_t"]);
        case.expect("mean_c", control.mean);
        case.expect("mean_t", treatment.mean);
        let ratio = Arm::log_ratio(&treatment, &control).unwrap();
        case.expect("log_ratio", ratio.value);
        case.expect("var_log_ratio", ratio.variance);
        case.expect("dof", ratio.degrees.value());
        case.expect("t", ratio.value / ratio.variance.sqrt());
        case.expect("upper95", ratio.upper_bound(0.95).unwrap());
    });
}

#[test]
fn icc_eb() {
    for_each_case("icc_eb", |case| {
        let cameras: Vec<(u64, f64)> =
            case.integers("trials").into_iter().zip(case.numbers("successes")).collect();
        let mut spread = Spread::default();
        for (trials, successes) in &cameras {
            spread.add(*trials, *successes, *successes).unwrap();
        }
        case.expect("icc_anova", spread.intraclass_correlation().unwrap());
        let baseline = spread.baseline().unwrap();
        case.expect("icc_clipped", 1.0 / (baseline.prior_count + 1.0));
        case.expect("kappa", baseline.prior_count);
        case.expect("pooled", baseline.mean);
        let offsets: Vec<f64> =
            cameras.iter().map(|(trials, sum)| baseline.of_camera(*trials, *sum)).collect();
        case.expect_numbers("eb_offset", &offsets);
    });
}

#[test]
fn guardrail_end_to_end() {
    for_each_case("guardrail_end_to_end", |case| {
        has_our_mixture(case);
        let control = rates(case, ["trials_c", "successes_c", "offset_c"]).rate().unwrap();
        let treatment = rates(case, ["trials_t", "successes_t", "offset_t"]).rate().unwrap();
        case.expect("V_c_cr3", control.variance_between);
        case.expect("V_c_iid", control.variance_floor);
        case.expect("V_t_cr3", treatment.variance_between);
        case.expect("V_t_iid", treatment.variance_floor);
        let difference = Arm::difference(&treatment, &control).unwrap();
        case.expect("D", difference.value);
        case.expect("V", difference.variance);
        case.expect("nu", difference.degrees.value());
        case.expect("T", difference.value / difference.variance.sqrt());
        case.expect("upper95", difference.upper_bound(0.95).unwrap());
        case.expect("lower95", difference.lower_bound(0.95).unwrap());
        let margin = case.number("margin");
        let evidence = EValue::against_no_worse(&difference, margin).unwrap();
        case.expect_option("log_e", Some(evidence.ln()).filter(|ln| ln.is_finite()));
        let needed = (1.0 / case.number("alpha")).ln();
        case.expect("threshold", needed);
        let eligible = control.trials.min(treatment.trials) >= case.integer("min_trials")
            && control.cameras.min(treatment.cameras) >= case.integer("min_cameras");
        assert_eq!(eligible, case.expected_flag("eligible"));
        let rollback = eligible && evidence.ln() >= needed && difference.value >= margin;
        assert_eq!(rollback, case.expected_flag("rollback"));
    });
}

#[test]
fn switchback() {
    for_each_case("switchback", |case| {
        let rows: Vec<[u64; 4]> = (case.integers("camera").into_iter())
            .zip(case.integers("arm"))
            .zip(case.integers("trials").into_iter().zip(case.integers("successes")))
            .map(|((camera, arm), (trials, successes))| [camera, arm, trials, successes])
            .collect();
        let mut switchback = Switchback::default();
        for camera in rows.chunk_by(|a, b| a[0] == b[0]) {
            let blocks = camera.iter().map(|[_, arm, trials, successes]| match arm {
                0 => CameraBlock::control(*trials, *successes as f64).unwrap(),
                _ => CameraBlock::treatment(*trials, *successes as f64).unwrap(),
            });
            let events = camera.iter().map(|row| row[3] as f64).sum();
            switchback.add_camera(blocks, events).unwrap();
        }
        let within = switchback.compare().unwrap().unwrap();
        case.expect("D", within.difference);
        case.expect("var_block_cr0", within.variance_plain);
        // The sandwich is no longer what decides; its parts still are.
        let (blocks, cameras) = (within.blocks as f64, within.cameras as f64);
        case.expect("var_block", within.variance_plain * blocks / (blocks - cameras));
        case.expect("var_iid", within.rate_floor());
        case.expect_integer("n_blocks", within.blocks);
        case.expect_integer("n_cameras", within.cameras);
        case.expect("dof", blocks - cameras);
    });
}

#[test]
fn fast_path_cusum() {
    for_each_case("fast_path_cusum", |case| {
        let increments = Increments::new(case.number("p0"), case.number("q")).unwrap();
        let (height, mut cusum) = (case.number("h"), Cusum::default());
        let (mut path, mut ratios, mut alarm, mut ln_sr) = (Vec::new(), Vec::new(), None, f64::NAN);
        for (index, error) in case.integers("errors").into_iter().enumerate() {
            if error == 1 {
                cusum.add_failure(&increments);
            } else {
                cusum.add_success(&increments);
            }
            // Shiryaev and Roberts' sum belongs to the reference, not to the product.
            let (p0, q) = (case.number("p0"), case.number("q"));
            let ln_ratio = if error == 1 { (q / p0).ln() } else { ((1.0 - q) / (1.0 - p0)).ln() };
            ln_sr = if index == 0 { ln_ratio } else { ln_sr.exp().ln_1p() + ln_ratio };
            ratios.push(ln_sr);
            path.push(cusum.value());
            if alarm.is_none() && cusum.value() >= height {
                alarm = Some(index as f64 + 1.0);
            }
        }
        case.expect_numbers("cusum", &path);
        case.expect_numbers("log_sr", &ratios);
        case.expect_option("first_alarm_1based", alarm);
    });
}
