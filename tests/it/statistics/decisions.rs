//! What decides in restless worlds: ramps, switchbacks, the fast path.

use system_tests::repository;
use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::limits::MIN_SAMPLES_MAX;
use tidegate_engine::observation::{Analysis, Origin, Outcome};
use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::{Rollout, Variant};
use tidegate_stats::proportion::Proportion;
use tidegate_stats::strata::{ShownVariant, Strata, StratumSide};
use tidegate_stats::switchback::{CameraBlock, Switchback};

use super::{Case, for_each_case};

#[test]
fn the_reference_script_is_beside_its_numbers() {
    let script = std::fs::read_to_string(repository("tests/vectors/decisions.py")).unwrap();
    assert!(script.contains("sharing no code with the product"));
}

#[test]
fn ramp_strata() {
    for_each_case("ramp_strata", |case| {
        let is_ratio = case.input("ratio").as_bool().unwrap();
        let strata = usize::try_from(case.integer("strata")).unwrap();
        let (cameras, trials) = (case.integers("camera"), case.integers("trials"));
        let (stratum, arm) = (case.integers("stratum"), case.integers("arm"));
        let offsets = case.numbers("offset");
        let sums = if is_ratio { case.numbers("sum") } else { case.numbers("events") };
        let squares = if is_ratio { case.numbers("square_sum") } else { sums.clone() };
        let mut found = Strata::new(strata);
        for row in 0..cameras.len() {
            if row > 0 && cameras[row] != cameras[row - 1] {
                found.next_camera();
            }
            let variant =
                if arm[row] == 1 { ShownVariant::Treatment } else { ShownVariant::Control };
            let at = StratumSide { stratum: usize::try_from(stratum[row]).unwrap(), variant };
            if is_ratio {
                found.add_mean(at, trials[row], sums[row], squares[row], offsets[row]).unwrap();
            } else {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "counts"
                )]
                let events = sums[row] as u64;
                found.add_rate(at, trials[row], events, offsets[row]).unwrap();
            }
        }
        let found = if is_ratio { found.log_ratio() } else { found.difference() };
        let found = found.unwrap().unwrap();
        case.expect("D", found.difference);
        case.expect("var_between", found.variance_between);
        case.expect("var_iid", found.variance_floor);
        case.expect("dof", found.degrees);
        case.expect_integer("n_cameras", found.cameras);
    });
}

#[test]
fn switchback_jackknife() {
    for_each_case("switchback_jackknife", |case| {
        let (cameras, arm) = (case.integers("camera"), case.integers("arm"));
        let (trials, successes) = (case.integers("trials"), case.integers("successes"));
        let rows: Vec<usize> = (0..cameras.len()).collect();
        let mut switchback = Switchback::default();
        for camera in rows.chunk_by(|a, b| cameras[*a] == cameras[*b]) {
            let blocks = camera.iter().map(|row| match arm[*row] {
                0 => CameraBlock::control(trials[*row], successes[*row] as f64).unwrap(),
                _ => CameraBlock::treatment(trials[*row], successes[*row] as f64).unwrap(),
            });
            let events = camera.iter().map(|row| successes[*row] as f64).sum();
            switchback.add_camera(blocks, events).unwrap();
        }
        let within = switchback.compare().unwrap().unwrap();
        case.expect("D", within.difference);
        case.expect("var_jackknife", within.variance_jackknife);
        case.expect("blocks_worth", within.blocks_worth);
        case.expect("dof", within.rate().unwrap().degrees.value());
    });
}

#[test]
fn cameras_failing() {
    for_each_case("cameras_failing", |case| {
        let share = |variant| {
            let counts = case.integers(variant);
            Proportion::new(counts[0], counts[1]).unwrap()
        };
        case.expect("chance", share("treatment").exceeds_by_chance(&share("control")));
    });
}

/// A test without a shadow in which nothing but the fast path may act.
fn fast_path_alone() -> Rollout {
    let key = |name: &str| name.parse().unwrap();
    let mut experiment = Experiment::new("fast-path".parse().unwrap(), key("v1"), key("v2"));
    experiment.shadow.duration = Duration::ZERO;
    experiment.guardrails.min_samples = MIN_SAMPLES_MAX;
    let mut rollout = Rollout::new(Definition::new(experiment).unwrap());
    let start = Action {
        command: Command::Start,
        actor: Actor::new("test").unwrap(),
        reason: Reason::new("the test starts").unwrap(),
    };
    rollout.apply(Timestamp::EPOCH, &Event::Action(start)).unwrap();
    rollout
}

#[test]
fn fast_path_cameras() {
    for_each_case("fast_path_cameras", |case: &Case| {
        let mut rollout = fast_path_alone();
        let (cameras, treated) = (case.integers("camera"), case.integers("treated"));
        let failed = case.integers("failed");
        let (mut path, mut ends) = (Vec::new(), None);
        for row in 0..cameras.len() {
            let outcome = if failed[row] == 1 {
                Outcome::Failed
            } else {
                Outcome::Answered { latency: None, score: None }
            };
            let variant = if treated[row] == 1 { Variant::Treatment } else { Variant::Control };
            let camera = format!("camera-{}", cameras[row]).parse().unwrap();
            let analysis =
                Analysis { id: None, camera, variant, outcome, origin: Origin::default() };
            // A second apart: nothing is waited for.
            let at = Timestamp::EPOCH.plus(Duration::from_ms((row as u64 + 1) * 1_000));
            let decisions = rollout.apply(at, &Event::Analysis(analysis)).unwrap();
            path.push(rollout.snapshot().fast_path.sum.value());
            if !decisions.is_empty() && ends.is_none() {
                ends = Some(row as f64 + 1.0);
            }
        }
        case.expect_numbers("sum", &path);
        case.expect_option("ends_1based", ends);
        let state = rollout.lifecycle().state;
        assert_eq!(state.phase == Phase::RolledBack, case.expected_flag("rolled_back"));
        assert_eq!(state.condition == Condition::Held, case.expected_flag("outage"));
    });
}
