//! A treatment that alerts far more often than the control does harm, whether or not anybody labels its alerts.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{Experiment, RampStep};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::number::Share;
use tidegate_engine::phase::Phase;
use tidegate_engine::verdict::Verdict;
use tidegate_engine::{ByVariant, Variant};

use crate::script::hours;
use crate::sequential::{sequential, verdict, with_shadow};
use crate::world::{Truth, World, both};

/// Nobody labels anything. The control alerts on a quarter of its answers, the treatment on all.
const FLOOD: Truth = Truth {
    score: ByVariant { control: 50.0, treatment: 80.0 },
    score_spread: 20.0,
    label_share: 0.0,
    ..Truth::HARMLESS
};

fn ended(settings: Experiment, cameras: u64) -> (World, f64, String) {
    let mut world = World::new(settings, cameras, 21);
    world.live(&FLOOD, 30.0, 12.0);
    let Some((hour, why)) = world.ended() else { panic!("{:?}", world.decisions) };
    let why = why.to_owned();
    (world, hour, why)
}

#[test]
fn a_flood_is_rolled_back_in_shadow_before_any_camera_got_it() {
    let (world, hour, why) = ended(with_shadow(24.0), 8);
    assert!(hour < 2.0 && why.contains("Alerts rose by "), "{hour} {why}");
    assert_eq!(world.rollout.sums().ab.treatment.analyses, 0);
}

#[test]
fn a_flood_is_rolled_back_within_an_hour_of_its_test() {
    let (_, hour, why) = ended(sequential(), 20);
    assert!(hour < 1.0 && why.contains("Alerts rose by "), "{hour} {why}");
}

#[test]
fn a_flood_is_rolled_back_on_a_ramp_and_in_a_switchback() {
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    let mut ramp = sequential();
    ramp.ab.steps = vec![step(0.2, 2.0), step(0.5, 46.0)];
    let mut switchback = sequential();
    switchback.assignment.method = SplitMethod::Switchback;
    for (settings, cameras) in [(ramp, 40), (switchback, 6)] {
        let (_, hour, why) = ended(settings, cameras);
        assert!(hour < 12.0 && why.contains("Alerts rose by "), "{hour} {why}");
    }
}

#[test]
fn a_flood_over_too_few_cameras_to_roll_back_stays_in_its_shadow() {
    let mut world = World::new(with_shadow(4.0), 2, 22);
    world.live(&FLOOD, 30.0, 12.0);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Shadow, "{:?}", world.decisions);
    assert_ne!(verdict(&world, Guardrail::AlertRise), Some(Verdict::Pass));
}

#[test]
fn a_control_that_never_alerts_leaves_room_for_one_alert_in_a_hundred() {
    let quiet = Truth { score: both(30.0), ..FLOOD };
    let mut world = World::new(sequential(), 20, 23);
    world.live(&quiet, 30.0, 12.0);
    assert_eq!(world.ended(), None);
    assert_eq!(verdict(&world, Guardrail::AlertRise), Some(Verdict::Pass));
    let mut wakes = World::new(sequential(), 20, 23);
    // Of scores up to 64 one in eight alerts.
    let score = ByVariant { control: 30.0, treatment: 44.0 };
    wakes.live(&Truth { score, ..FLOOD }, 30.0, 12.0);
    let (_, why) = wakes.ended().unwrap();
    assert!(why.contains("Alerts rose by ") && why.contains("limit 1.0"), "{why}");
    let treated = wakes.rollout.sums().ab[Variant::Treatment].alert_rate();
    assert!((0.02..0.2).contains(&treated), "{treated}");
}
