//! A full release is watched: against each camera's own past, or against the cameras that keep the control.

use tidegate_engine::assignment::ServeReason;
use tidegate_engine::event::Command;
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::number::Share;
use tidegate_engine::observation::{Analysis, Origin, Outcome};
use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::time::Duration;
use tidegate_engine::{ByVariant, Event, Rollout, Variant};

use crate::script::at;
use crate::sequential::{sequential, with_shadow};
use crate::world::{Truth, World, both};

fn errors(control: f64, treatment: f64) -> Truth {
    Truth { error_rate: ByVariant { control, treatment }, ..Truth::HARMLESS }
}

/// A day of shadow and a day of a harmless test, then released to all by a person.
fn released(settings: Experiment, cameras: u64) -> World {
    let mut world = World::new(settings, cameras, 31);
    world.live(&Truth::HARMLESS, 48.0, 8.0);
    world.act(at("48h"), Command::Advance);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Full, "{:?}", world.decisions);
    world
}

fn with_holdback(holdback: f64) -> Experiment {
    let mut settings = with_shadow(24.0);
    settings.full.holdback = Share::new(holdback).unwrap();
    settings
}

fn state(world: &World) -> (Phase, Condition) {
    let state = world.rollout.lifecycle().state;
    (state.phase, state.condition)
}

fn analysis(camera: u64, variant: Variant, outcome: Outcome) -> Event {
    let camera = format!("camera-{camera}").parse().unwrap();
    Event::Analysis(Analysis { id: None, camera, variant, outcome, origin: Origin::default() })
}

#[test]
fn total_failure_serves_control_within_twelve_analyses_of_three_cameras_and_rolls_back_if_that_works()
 {
    let mut world = released(with_shadow(24.0), 20);
    let mut report = |number: u64, variant, outcome| {
        world.rollout.apply(at("49h"), &analysis(number % 3, variant, outcome)).unwrap()
    };
    let failed = (1..=12).find(|n| !report(*n, Variant::Treatment, Outcome::Failed).is_empty());
    assert!(failed.is_some());
    let answered = Outcome::Answered { latency: None, score: None };
    assert!(report(0, Variant::Control, answered).is_empty());
    assert!(report(1, Variant::Control, answered).is_empty());
    let decided = report(2, Variant::Control, answered);
    assert_eq!(decided[0].to.phase, Phase::RolledBack);
    assert_eq!(decided[0].cause.code(), "total_failure");
    let served = world.rollout.serve(&"camera-9".parse().unwrap(), at("49h"));
    assert_eq!((served.variant, served.reason), (Variant::Control, ServeReason::RolledBack));
}

#[test]
fn a_release_that_fails_where_nobody_reports_the_control_is_rolled_back_after_half_an_hour() {
    let mut world = released(with_shadow(24.0), 20);
    for number in 0..12 {
        let event = analysis(number % 4, Variant::Treatment, Outcome::Failed);
        world.rollout.apply(at("49h"), &event).unwrap();
    }
    assert_eq!(state(&world), (Phase::Full, Condition::Paused));
    world.wait(49.6);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::RolledBack);
}

#[test]
fn an_outage_of_everything_serves_control_and_the_release_goes_on_after_it() {
    let mut world = released(with_shadow(24.0), 20);
    world.live(&Truth::HARMLESS, 72.0, 8.0);
    world.live(&errors(1.0, 1.0), 74.0, 8.0);
    world.live(&Truth::HARMLESS, 220.0, 8.0);
    assert_eq!(world.ended(), None, "{:?}", world.decisions);
    assert_eq!(state(&world), (Phase::Full, Condition::Clear));
    let told: Vec<&str> = world.decisions.iter().map(|(_, text)| text.as_str()).collect();
    let tried = |text: &&&str| text.starts_with("full (paused): Nearly every analysis");
    assert!(told.iter().any(|text| tried(&text)), "{told:?}");
}

#[test]
fn errors_that_begin_after_the_release_are_found_in_hours_with_and_without_a_holdback() {
    for holdback in [0.0, 0.2] {
        let mut world = released(with_holdback(holdback), 40);
        world.live(&Truth::HARMLESS, 120.0, 8.0);
        world.live(&errors(0.02, 0.15), 168.0, 8.0);
        let (hour, why) = world.ended().expect("a rollback");
        assert!(hour < 144.0 && why.contains("Errors rose by"), "{holdback} {hour} {why}");
    }
}

#[test]
fn a_flood_needs_cameras_that_keep_the_control_to_roll_back_and_alarms_without() {
    let flood = Truth {
        score: ByVariant { control: 50.0, treatment: 80.0 },
        score_spread: 20.0,
        label_share: 0.0,
        ..Truth::HARMLESS
    };
    let quiet = Truth { score: both(50.0), ..flood };
    for holdback in [0.0, 0.2] {
        let mut world = World::new(with_holdback(holdback), 40, 32);
        world.live(&quiet, 48.0, 8.0);
        world.act(at("48h"), Command::Advance);
        world.live(&flood, 60.0, 8.0);
        let rolled_back = world.ended().is_some_and(|(_, why)| why.contains("Alerts rose by"));
        assert_eq!(rolled_back, holdback > 0.0, "{:?}", world.decisions);
        let look =
            crate::sequential::verdict(&world, tidegate_engine::guardrail::Guardrail::AlertRise);
        assert!(rolled_back || look == Some(tidegate_engine::verdict::Verdict::Alarm), "{look:?}");
    }
}

#[test]
fn a_harmless_release_stays_through_its_watch_though_errors_swing_over_the_day() {
    for holdback in [0.0, 0.2] {
        let mut settings = with_holdback(holdback);
        settings.shadow.duration = Duration::ZERO;
        let mut world = World::new(settings, 40, 33);
        let mut hour = 0.0;
        let mut released = false;
        while hour < 240.0 {
            let swing = if hour % 24.0 < 12.0 { 0.02 } else { 0.14 };
            hour += 6.0;
            world.live(&errors(swing, swing), hour, 6.0);
            if hour >= 42.0 && !released {
                released = true;
                let now = world.rollout.lifecycle().now;
                world.act(now, Command::Advance);
            }
        }
        assert_eq!(world.ended(), None, "{:?}", world.decisions);
        assert_eq!(state(&world), (Phase::Full, Condition::Clear), "{:?}", world.decisions);
    }
}

#[test]
fn those_that_keep_the_control_never_had_the_treatment_and_get_it_with_the_completion() {
    let mut world = released(with_holdback(0.1), 200);
    let cameras: Vec<_> = world.rollout.cameras().collect();
    let now = world.rollout.lifecycle().now;
    let kept: Vec<_> = cameras
        .iter()
        .filter(|seen| world.rollout.serve(&seen.camera, now).reason == ServeReason::Holdback)
        .collect();
    assert!((8..34).contains(&kept.len()), "{}", kept.len());
    assert!(kept.iter().all(|seen| seen.sums.ab.treatment.analyses == 0));
    world.act(now, Command::Complete);
    let served = cameras.iter().map(|seen| world.rollout.serve(&seen.camera, now).variant);
    assert_eq!(served.filter(|variant| *variant == Variant::Control).count(), 0);
}

#[test]
fn what_a_watch_remembers_is_taken_up_again_to_the_last_bit() {
    let mut world = released(with_holdback(0.2), 40);
    world.live(&Truth::HARMLESS, 80.0, 8.0);
    let snapshot = world.rollout.snapshot();
    assert!(snapshot.release.present.iter().any(|hour| hour.analyses > 0));
    let definition = Definition::new(with_holdback(0.2)).unwrap();
    let restored = Rollout::restore(definition, snapshot.clone()).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.check(), world.rollout.check());
}

#[test]
fn a_watch_of_no_time_judges_nothing() {
    let mut settings = sequential();
    settings.full.watch = Duration::ZERO;
    let mut world = World::new(settings, 20, 34);
    world.live(&Truth::HARMLESS, 24.0, 8.0);
    world.act(at("24h"), Command::Advance);
    world.live(&errors(0.02, 1.0), 48.0, 8.0);
    assert_eq!(world.ended(), None);
}
