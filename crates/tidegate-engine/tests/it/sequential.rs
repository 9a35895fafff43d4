//! What the sequential rule decides, on seeded fleets whose truth is known.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::event::Command;
use tidegate_engine::experiment::{Experiment, OnExpiry, PromotionMode, RampStep, Rule, Watch};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::CameraId;
use tidegate_engine::look::{Check, Look};
use tidegate_engine::number::{Latency, PercentDrop, Points, Share};
use tidegate_engine::observation::{Analysis, Label, Origin, Outcome};
use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::time::Duration;
use tidegate_engine::verdict::Verdict;
use tidegate_engine::{ByVariant, Event, Variant};

use crate::script::{at, experiment, hours};
use crate::world::{Truth, World, both};

/// The production settings under the sequential rule.
pub(crate) fn sequential() -> Experiment {
    let mut settings = experiment();
    settings.guardrails.rule = Rule::Sequential;
    settings.guardrails.min_samples = 100;
    settings
}

pub(crate) fn with_shadow(shadow: f64) -> Experiment {
    let mut settings = sequential();
    settings.shadow.duration = hours(shadow);
    settings
}

/// Fewer false alarms than the control's 60 %, and many labels to show it.
fn better(fp_rate: f64, camera_spread: f64) -> Truth {
    Truth {
        fp_rate: ByVariant { control: 0.6, treatment: fp_rate },
        camera_spread,
        label_share: 0.5,
        ..Truth::HARMLESS
    }
}

pub(crate) fn look(world: &World) -> Look {
    match world.rollout.check() {
        Check::Sequential(look) => look,
        Check::Threshold(_) => panic!("the rule is sequential"),
    }
}

pub(crate) fn verdict(world: &World, guardrail: Guardrail) -> Option<Verdict> {
    look(world).of(guardrail).map(|judgement| judgement.verdict)
}

#[test]
fn more_false_alarms_roll_back_with_a_sentence_that_says_why() {
    let truth = Truth { fp_rate: ByVariant { control: 0.4, treatment: 0.75 }, ..Truth::HARMLESS };
    let mut world = World::new(sequential(), 40, 1);
    world.live(&truth, 48.0, 10.0);
    let (hour, why) = world.ended().unwrap();
    assert!(hour < 48.0);
    assert!(why.starts_with("rolled_back: False alarms rose by "), "{why}");
    assert!(why.contains("limit 5.0; evidence ") && why.ends_with(" ≥ 50: rolled back"), "{why}");
}

#[test]
fn errors_and_latency_roll_back_without_any_feedback() {
    let no_feedback = Truth { label_share: 0.0, ..Truth::HARMLESS };
    let errors = Truth { error_rate: ByVariant { control: 0.02, treatment: 0.2 }, ..no_feedback };
    let slow = Truth { latency_ms: ByVariant { control: 500.0, treatment: 900.0 }, ..no_feedback };
    for (truth, words) in [(errors, "Errors rose by "), (slow, "Mean latency rose by ")] {
        let mut world = World::new(sequential(), 40, 2);
        world.live(&truth, 48.0, 10.0);
        let (hour, why) = world.ended().unwrap();
        assert!(hour < 6.0, "{hour}");
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn total_failure_is_stopped_within_a_dozen_analyses() {
    let truth =
        Truth { error_rate: ByVariant { control: 0.02, treatment: 1.0 }, ..Truth::HARMLESS };
    let mut world = World::new(sequential(), 40, 3);
    world.live(&truth, 48.0, 10.0);
    let (_, why) = world.ended().unwrap();
    assert!(why.starts_with("rolled_back: Nearly every treatment analysis fails"), "{why}");
    // ln(10,000 / 0.005) = 14.5, and each failure adds ln 3.6 = 1.28.
    assert_eq!(world.rollout.sums().ab.treatment.errors, 12);
}

#[test]
fn an_outage_of_both_variants_holds_and_never_rolls_back() {
    for seed in 0..10 {
        let outage = Truth { error_rate: both(1.0), label_share: 0.0, ..Truth::HARMLESS };
        let mut world = World::new(sequential(), 20, seed);
        world.live(&Truth::HARMLESS, 6.0, 10.0);
        world.live(&outage, 8.0, 10.0);
        let state = world.rollout.lifecycle().state;
        assert_eq!((state.phase, state.condition), (Phase::Ab, Condition::Held));
        let (hour, why) = &world.decisions[1];
        assert!((6.0..6.2).contains(hour), "{hour}");
        assert!(why.contains("Treatment and control failed together"), "{why}");
        // What failed in it counts for neither, but for what told of it.
        let errors = world.rollout.sums().ab.map(|tally| tally.errors);
        assert!(errors.control < 60 && errors.treatment < 60, "{errors:?}");
        // An hour after it was last noticed the hold lifts by itself.
        world.live(&Truth::HARMLESS, 24.0, 10.0);
        assert_eq!(world.ended(), None);
        let state = world.rollout.lifecycle().state;
        assert_eq!((state.phase, state.condition), (Phase::Ab, Condition::Clear));
        let (hour, why) = &world.decisions[2];
        assert!((8.5..9.1).contains(hour), "{hour}");
        assert_eq!(why, "ab: The outage of treatment and control has been over for an hour");
    }
}

#[test]
fn a_persons_hold_lasts_through_an_outage() {
    let outage = Truth { error_rate: both(1.0), label_share: 0.0, ..Truth::HARMLESS };
    let mut world = World::new(sequential(), 20, 1);
    world.live(&Truth::HARMLESS, 6.0, 10.0);
    world.act(world.rollout.lifecycle().now, Command::Hold);
    world.live(&outage, 8.0, 10.0);
    world.live(&Truth::HARMLESS, 24.0, 10.0);
    let state = world.rollout.lifecycle().state;
    assert_eq!((state.phase, state.condition), (Phase::Ab, Condition::Held));
}

#[test]
fn what_fails_in_an_outage_counts_where_nothing_is_held() {
    let mut settings = sequential();
    settings.guardrails.watch = Watch::Off;
    let outage = Truth { error_rate: both(1.0), label_share: 0.0, ..Truth::HARMLESS };
    let mut world = World::new(settings, 20, 1);
    world.live(&outage, 2.0, 10.0);
    let ab = world.rollout.sums().ab;
    assert!(ab.control.errors > 100 && ab.treatment.errors > 100, "{ab:?}");
}

#[test]
fn three_cameras_that_try_again_and_again_are_not_the_fleet() {
    let mut world = World::new(sequential(), 30, 5);
    for number in 0..3 {
        reported(&mut world, 100 + number, Variant::Control, ANSWERED, "10s");
    }
    // Two cameras fail twenty times each, and a third once: the old sum stood at forty-one failures.
    for number in 0..40 {
        reported(&mut world, number % 2, Variant::Treatment, Outcome::Failed, "20s");
    }
    reported(&mut world, 2, Variant::Treatment, Outcome::Failed, "21s");
    world.wait(1.0);
    assert_eq!(world.ended(), None);
    // Four failures of a third camera are a third of the height.
    for number in 0..3 {
        reported(&mut world, 100 + number, Variant::Control, ANSWERED, "61m");
    }
    for _ in 0..3 {
        reported(&mut world, 2, Variant::Treatment, Outcome::Failed, "62m");
    }
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::RolledBack);
}

/// Half an hour in which so many of ten cameras fail under each variant, all of them reporting every minute.
fn half_an_hour_of_failing(cameras: ByVariant<u32>) -> World {
    let mut world = World::new(sequential(), 30, 5);
    for minute in 1..=30 {
        for camera in 0..10 {
            for (variant, first) in [(Variant::Control, 100), (Variant::Treatment, 0)] {
                let failing = camera < cameras[variant];
                let outcome = if failing { Outcome::Failed } else { ANSWERED };
                if world.rollout.lifecycle().state.phase == Phase::Ab {
                    let id = first + camera;
                    reported(&mut world, id, variant, outcome, &format!("{minute}m"));
                }
            }
        }
    }
    world
}

#[test]
fn an_outage_of_cameras_that_happen_to_be_treated_is_no_total_failure() {
    // One draw in eleven puts seven of ten failing cameras, or more, on the treatment's side.
    let world = half_an_hour_of_failing(ByVariant { control: 3, treatment: 7 });
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Ab);
    // One in six hundred puts ten of thirteen there.
    let world = half_an_hour_of_failing(ByVariant { control: 3, treatment: 10 });
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::RolledBack);
}

#[test]
fn a_rate_that_rises_over_the_whole_site_is_no_harm_on_a_ramp() {
    let mut settings = sequential();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    settings.ab.steps = vec![step(0.1, 24.0), step(0.5, 24.0)];
    let before = Truth { camera_spread: 0.0, error_rate: both(0.02), ..Truth::HARMLESS };
    let after = Truth { error_rate: both(0.15), ..before };
    for seed in 0..10 {
        let mut world = World::new(settings.clone(), 60, seed);
        world.live(&before, 24.0, 10.0);
        world.live(&after, 47.0, 10.0);
        assert_eq!(world.ended(), None, "{seed}");
        let change = look(&world).of(Guardrail::ErrorRate).unwrap().change.unwrap();
        assert!(change.estimate.abs() < 0.04, "{change:?}");
    }
}

#[test]
fn harm_that_begins_late_is_found_in_the_part_it_is_in() {
    let before = Truth { camera_spread: 0.0, label_share: 0.0, ..Truth::HARMLESS };
    let after = Truth { error_rate: ByVariant { control: 0.02, treatment: 0.12 }, ..before };
    let mut world = World::new(sequential(), 40, 3);
    world.live(&before, 26.0, 10.0);
    world.live(&after, 47.0, 10.0);
    let (_, why) = world.ended().unwrap();
    assert!(
        why.contains("Errors rose by ") && why.contains(" in the second half of the test (95 %"),
        "{why}"
    );
}

#[test]
fn a_camera_that_is_dead_on_its_own_is_not_harm() {
    // Below three failing cameras nothing is total, however many failures there are.
    let mut world = World::new(sequential(), 20, 5);
    let dead = Truth { label_share: 0.0, ..Truth::HARMLESS };
    world.live(&dead, 1.0, 10.0);
    let treated = (0..20).map(|i| format!("camera-{i}").parse().unwrap()).find(|camera| {
        let now = world.rollout.lifecycle().now;
        world.rollout.serve(camera, now).variant == Variant::Treatment
    });
    let camera: CameraId = treated.unwrap();
    for _ in 0..500 {
        let analysis = Analysis {
            id: None,
            camera: camera.clone(),
            variant: Variant::Treatment,
            outcome: Outcome::Failed,
            origin: Origin::default(),
        };
        let now = world.rollout.lifecycle().now;
        let event = Event::Analysis(analysis);
        assert_eq!(world.rollout.apply(now, &event).unwrap(), []);
    }
}

#[test]
fn without_control_analyses_the_fast_path_waits_half_an_hour_and_then_acts() {
    let mut world = World::new(sequential(), 8, 6);
    let fail = |camera: u32| {
        Event::Analysis(Analysis {
            id: None,
            camera: format!("camera-{camera}").parse().unwrap(),
            variant: Variant::Treatment,
            outcome: Outcome::Failed,
            origin: Origin::default(),
        })
    };
    for number in 0..40 {
        assert_eq!(world.rollout.apply(at("1h"), &fail(number % 4)).unwrap(), []);
    }
    let (deadline, reason) = world.rollout.next_deadline().unwrap();
    assert_eq!((deadline, reason.as_str()), (at("1h30m"), "fast_path_waited"));
    world.wait(1.5);
    assert!(world.ended().unwrap().1.contains("Nearly every treatment analysis fails"));
}

#[test]
fn a_harmful_treatment_never_leaves_its_shadow() {
    let errors =
        Truth { error_rate: ByVariant { control: 0.02, treatment: 0.3 }, ..Truth::HARMLESS };
    let mut world = World::new(with_shadow(24.0), 20, 7);
    world.live(&errors, 30.0, 10.0);
    let (hour, why) = world.ended().unwrap();
    assert!(hour < 6.0 && why.contains("Errors rose by "), "{hour} {why}");
    assert_eq!(world.rollout.sums().ab.treatment.analyses, 0);
}

#[test]
fn a_treatment_that_is_silent_never_leaves_its_shadow() {
    // It scores everything 0: no error, no latency, and no alarm for the threats people confirm.
    let silent = Truth { score: ByVariant { control: 80.0, treatment: 0.0 }, ..Truth::HARMLESS };
    let mut world = World::new(with_shadow(24.0), 20, 8);
    world.live(&silent, 36.0, 10.0);
    let state = world.rollout.lifecycle().state;
    assert_eq!((state.phase, state.condition), (Phase::Shadow, Condition::Clear));
    assert_eq!(verdict(&world, Guardrail::AlertDrop), Some(Verdict::Alarm));
    assert_eq!(verdict(&world, Guardrail::ThreatRetention), Some(Verdict::Alarm));
    assert_eq!(verdict(&world, Guardrail::ErrorRate), Some(Verdict::Pass));
    let text = look(&world).of(Guardrail::ThreatRetention).unwrap().to_string();
    assert!(text.starts_with("Alerts on confirmed threats fell by 100.0 points"), "{text}");
}

#[test]
fn a_harmless_treatment_goes_from_shadow_to_the_test_as_soon_as_it_may() {
    let mut world = World::new(with_shadow(24.0), 20, 9);
    world.live(&Truth::HARMLESS, 30.0, 10.0);
    let (hour, why) = &world.decisions[1];
    assert!((24.0..24.5).contains(hour), "{hour}");
    assert_eq!(why, "ab: The shadow comparisons are within bounds");
    // 20 cameras for 24 h at 10 an hour; half of as many again are planned for each variant.
    let planned = world.rollout.lifecycle().planned_analyses;
    assert!((4_600..5_000).contains(&planned), "{planned}");
    // Slow is 1.5 times the control's 95 % point: 1.5 * 500 * 1.36 ms, read from a sketch.
    let cut = world.rollout.snapshot().slow_above.unwrap().ms();
    assert!((cut / (1.5 * 500.0 * 1.36) - 1.0).abs() < 0.05, "{cut}");
}

#[test]
fn an_alarm_holds_the_ramp_while_it_lasts() {
    let mut settings = sequential();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    settings.ab.steps = vec![step(0.3, 4.0), step(0.5, 44.0)];
    let mut harmless = World::new(settings.clone(), 60, 10);
    harmless.live(&Truth::HARMLESS, 5.0, 10.0);
    assert_eq!(harmless.decisions[1].1, "ab: The ramp step was held for its time");
    // Too many missed threats only alarm; the step is not left.
    let missing = Truth {
        fp_rate: both(0.3),
        camera_spread: 0.0,
        otherwise: ByVariant { control: Label::Correct, treatment: Label::MissedThreat },
        ..Truth::HARMLESS
    };
    let mut world = World::new(settings, 60, 10);
    world.live(&missing, 40.0, 10.0);
    assert_eq!(verdict(&world, Guardrail::MissedThreatRate), Some(Verdict::Alarm));
    assert_eq!(world.decisions.len(), 1, "{:?}", world.decisions);
    assert_eq!(world.rollout.lifecycle().step, 0);
}

#[test]
fn an_improvement_is_promoted_after_the_wait_for_feedback() {
    let better = better(0.3, 0.1);
    let mut settings = with_shadow(24.0);
    settings.promotion.mode = PromotionMode::Automatic;
    let mut world = World::new(settings.clone(), 60, 11);
    world.live(&better, 73.0, 10.0);
    let lifecycle = *world.rollout.lifecycle();
    assert_eq!(lifecycle.state.condition, Condition::Grace, "{:?}", world.decisions);
    let serving = world.rollout.serve(&"camera-1".parse().unwrap(), lifecycle.now);
    assert_eq!(serving.reason.as_str(), "expired");
    world.wait(80.0);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Full);
    let (hour, why) = world.decisions.last().unwrap();
    assert!((78.0..78.5).contains(hour), "{hour}");
    assert!(why.contains("FP rate fell by "), "{why}");

    // Who held it wants it to go nowhere by itself.
    let mut held = World::new(settings.clone(), 60, 11);
    held.live(&better, 50.0, 10.0);
    held.act(held.rollout.lifecycle().now, Command::Hold);
    held.live(&better, 80.0, 10.0);
    assert_eq!(held.rollout.lifecycle().state.condition, Condition::Expired);

    // An improvement below the wanted one is not enough.
    settings.promotion.min_fp_reduction = PercentDrop::new(80.0).unwrap();
    let mut small = World::new(settings, 60, 11);
    small.live(&better, 73.0, 10.0);
    small.wait(80.0);
    assert_eq!(small.rollout.lifecycle().state.condition, Condition::Expired);
    let why = &small.decisions.last().unwrap().1;
    assert!(why.contains("95 % bound") && why.ends_with("wanted 80.0%"), "{why}");
}

#[test]
fn an_undecided_test_ends_as_its_owner_said() {
    for (on_expiry, ends, extensions) in [
        (OnExpiry::Hold, "ab (expired): The A/B test is over: ", 0),
        (OnExpiry::RollBack, "rolled_back: The A/B test is over: ", 0),
        (OnExpiry::Extend, "ab (expired): The A/B test is over: ", 1),
    ] {
        let mut settings = sequential();
        settings.ab.on_expiry = on_expiry;
        let mut world = World::new(settings, 20, 12);
        world.live(&Truth::HARMLESS, 110.0, 5.0);
        let (_, why) = world.decisions.last().unwrap();
        assert!(why.starts_with(ends), "{:?}", world.decisions);
        assert_eq!(world.rollout.lifecycle().extensions, extensions);
    }
}

#[test]
fn two_cameras_a_variant_are_never_rolled_back_by_a_guardrail() {
    let worse = Truth {
        fp_rate: ByVariant { control: 0.1, treatment: 0.9 },
        error_rate: ByVariant { control: 0.0, treatment: 0.4 },
        camera_spread: 0.0,
        ..Truth::HARMLESS
    };
    let mut settings = sequential();
    settings.assignment.method = SplitMethod::Balanced;
    settings.assignment.cameras = (0..4).map(|i| format!("camera-{i}").parse().unwrap()).collect();
    let mut world = World::new(settings.clone(), 4, 13);
    world.live(&worse, 48.0, 30.0);
    assert_eq!(world.ended(), None);
    assert!(look(&world).any(Verdict::Alarm));
    // By turns each camera is compared with itself, and the same harm is found.
    settings.assignment.method = SplitMethod::Switchback;
    settings.assignment.cameras.clear();
    let mut world = World::new(settings, 4, 13);
    world.live(&worse, 48.0, 30.0);
    let (hour, why) = world.ended().unwrap();
    assert!(hour < 48.0 && why.ends_with("rolled back"), "{hour} {why}");
}

#[test]
fn harmless_switchbacks_are_rolled_back_no_more_often_than_alpha() {
    let mut settings = sequential();
    settings.assignment.method = SplitMethod::Switchback;
    let runs = 100;
    let rolled_back = (0..runs).filter(|seed| {
        let mut world = World::new(settings.clone(), 6, *seed);
        world.live(&Truth::HARMLESS, 54.0, 20.0);
        world.ended().is_some()
    });
    // Alpha is 5 %.
    assert!(rolled_back.count() <= 5);
}

#[test]
fn a_backend_that_draws_a_variant_for_each_request_is_never_promoted() {
    let better = better(0.2, 0.0);
    let mut settings = sequential();
    settings.promotion.mode = PromotionMode::Automatic;
    settings.assignment.block = hours(1.0);
    // The hash of each block stands for a draw at each request, which the rollout knows nothing of.
    let mut drawn = settings.clone();
    drawn.assignment.method = SplitMethod::Switchback;
    let drawing =
        tidegate_engine::Rollout::new(tidegate_engine::experiment::Definition::new(drawn).unwrap());
    let split = drawing.definition().split().clone();
    let mut world = World::new(settings, 40, 18);
    world.assign_by(move |camera, at| split.assign(camera, Share::new(0.5).unwrap(), at).variant);
    world.live(&better, 49.0, 10.0);
    world.wait(60.0);
    let (_, why) = world.decisions.last().unwrap();
    assert!(why.starts_with("ab (expired)") && why.contains("with both: not as planned"), "{why}");
}

#[test]
fn an_uneven_split_blocks_a_promotion() {
    let better = better(0.2, 0.0);
    let mut settings = sequential();
    settings.promotion.mode = PromotionMode::Automatic;
    let mut world = World::new(settings, 60, 14);
    // Whatever was planned, a quarter of the cameras gets the treatment.
    world.assign_by(|camera, _| {
        let number: u32 = camera.as_str().rsplit('-').next().unwrap().parse().unwrap();
        if number.is_multiple_of(4) { Variant::Treatment } else { Variant::Control }
    });
    world.live(&better, 49.0, 10.0);
    world.wait(60.0);
    let (_, why) = world.decisions.last().unwrap();
    assert!(why.starts_with("ab (expired)") && why.ends_with("not as planned"), "{why}");
}

fn reported(world: &mut World, camera: u32, variant: Variant, outcome: Outcome, at: &str) -> usize {
    let camera = format!("camera-{camera}").parse().unwrap();
    let event =
        Event::Analysis(Analysis { id: None, camera, variant, outcome, origin: Origin::default() });
    world.rollout.apply(crate::script::at(at), &event).unwrap().len()
}

const ANSWERED: Outcome = Outcome::Answered { latency: None, score: None };

#[test]
fn one_failing_camera_is_not_the_whole_fleet_before_the_others_reported() {
    let mut world = World::new(sequential(), 12, 19);
    for _ in 0..3 {
        reported(&mut world, 100, Variant::Control, ANSWERED, "10s");
    }
    for _ in 0..20 {
        assert_eq!(reported(&mut world, 0, Variant::Treatment, Outcome::Failed, "20s"), 0);
    }
    for camera in 1..11 {
        assert_eq!(reported(&mut world, camera, Variant::Treatment, ANSWERED, "50s"), 0);
    }
    // Alone for half an hour it is all there is.
    let mut alone = World::new(sequential(), 2, 19);
    for _ in 0..3 {
        reported(&mut alone, 100, Variant::Control, ANSWERED, "10s");
    }
    for _ in 0..20 {
        assert_eq!(reported(&mut alone, 0, Variant::Treatment, Outcome::Failed, "20s"), 0);
    }
    alone.wait(1.0);
    assert!(alone.ended().unwrap().1.contains("20 failures on 1 cameras"), "{:?}", alone.ended());
}

#[test]
fn a_few_control_analyses_tell_an_outage_once_they_were_waited_for() {
    let mut world = World::new(sequential(), 8, 20);
    for number in 0..20 {
        reported(&mut world, number % 4, Variant::Treatment, Outcome::Failed, "1m");
    }
    for _ in 0..2 {
        reported(&mut world, 100, Variant::Control, Outcome::Failed, "2m");
    }
    let before = world.rollout.clone();
    let (deadline, _) = before.next_deadline().unwrap();
    let decisions = world.rollout.apply(deadline, &Event::Tick).unwrap();
    let state = world.rollout.lifecycle().state;
    assert_eq!((state.phase, state.condition), (Phase::Ab, Condition::Held));
    // A journal that is read back knows of the outage too.
    let mut recalled = before;
    recalled.apply_logged(deadline, &Event::Tick).unwrap();
    for decision in &decisions {
        recalled.apply_logged_step(decision.step()).unwrap();
    }
    assert_eq!(recalled.snapshot(), world.rollout.snapshot());
}

#[test]
fn a_pause_is_no_wait_for_the_control() {
    let mut world = World::new(sequential(), 8, 21);
    for number in 0..20 {
        reported(&mut world, number % 4, Variant::Treatment, Outcome::Failed, "1m");
    }
    world.act(at("2m"), Command::Pause);
    world.act(at("1h"), Command::Resume);
    world.wait(2.0);
    assert_eq!(world.ended(), None);
}

#[test]
fn cameras_that_failed_in_shadow_are_quarantined_from_the_fast_path() {
    let mut world = World::new(with_shadow(24.0), 30, 22);
    // Three cameras of whose analyses every other fails in shadow.
    for number in 0..90_u32 {
        let outcome = if number.is_multiple_of(2) { Outcome::Failed } else { ANSWERED };
        reported(&mut world, 1_000 + number % 3, Variant::Control, outcome, "1m");
    }
    world.live(&Truth::HARMLESS, 25.0, 10.0);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Ab, "{:?}", world.decisions);
    for number in 0..200 {
        let decisions =
            reported(&mut world, 1_000 + number % 3, Variant::Treatment, Outcome::Failed, "25h");
        assert_eq!(decisions, 0);
    }
    // The same failures of cameras that were sound are no accident.
    for number in 0..30 {
        reported(&mut world, 2_000 + number % 3, Variant::Treatment, Outcome::Failed, "25h");
    }
    world.wait(25.6);
    assert!(world.ended().unwrap().1.contains("Nearly every treatment analysis fails"));
}

#[test]
fn an_undecided_test_is_extended_after_its_feedback_too() {
    let better = better(0.3, 0.1);
    let mut settings = sequential();
    settings.ab.on_expiry = OnExpiry::Extend;
    let mut world = World::new(settings, 60, 11);
    world.live(&better, 48.5, 10.0);
    assert_eq!(
        world.rollout.lifecycle().state.condition,
        Condition::Grace,
        "{:?}",
        world.decisions
    );
    // People think again, and the improvement is gone.
    world.relabel(Label::FalsePositive, 0.4);
    world.wait(55.0);
    let lifecycle = world.rollout.lifecycle();
    assert_eq!(
        (lifecycle.extensions, lifecycle.state.condition),
        (1, Condition::Clear),
        "{:?}",
        world.decisions
    );
}

#[test]
fn a_held_test_goes_nowhere_by_itself() {
    for on_expiry in [OnExpiry::Hold, OnExpiry::RollBack, OnExpiry::Extend] {
        let mut settings = sequential();
        settings.ab.on_expiry = on_expiry;
        let mut world = World::new(settings, 20, 12);
        world.live(&Truth::HARMLESS, 10.0, 5.0);
        world.act(world.rollout.lifecycle().now, Command::Hold);
        world.live(&Truth::HARMLESS, 50.0, 5.0);
        assert_eq!(world.rollout.lifecycle().state.condition, Condition::Expired);
    }
}

#[test]
fn looking_more_often_changes_nothing() {
    let mut calm = World::new(with_shadow(12.0), 12, 15);
    let mut watched = World::new(with_shadow(12.0), 12, 15);
    for hour in 1..60 {
        calm.live(&Truth::HARMLESS, f64::from(hour), 20.0);
        watched.live(&Truth::HARMLESS, f64::from(hour), 20.0);
        let _ = watched.rollout.check();
        let _ = watched.rollout.evidence();
        let _ = watched.rollout.status(watched.rollout.lifecycle().now);
    }
    assert_eq!(calm.rollout.snapshot(), watched.rollout.snapshot());
    assert_eq!(calm.decisions, watched.decisions);
}

#[test]
fn a_limit_of_nothing_still_finds_harm() {
    let mut settings = sequential();
    settings.guardrails.max_error_rate_increase = Points::new(0.0).unwrap();
    let worse =
        Truth { error_rate: ByVariant { control: 0.02, treatment: 0.1 }, ..Truth::HARMLESS };
    let mut world = World::new(settings, 40, 16);
    world.live(&worse, 48.0, 10.0);
    assert!(world.ended().unwrap().1.contains("Errors rose by "));
}

#[test]
fn a_slow_tail_is_found_though_the_mean_is_within_its_limit() {
    // One in eight answers takes four times as long: mean +37 %, limit +50 %.
    let mut world = World::new(with_shadow(24.0), 40, 17);
    world.live(&Truth::HARMLESS, 26.0, 10.0);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Ab);
    let mut number = 0_u32;
    while world.ended().is_none() && number < 20_000 {
        let camera: CameraId = format!("camera-{}", number % 40).parse().unwrap();
        let at = world.rollout.lifecycle().now.plus(Duration::from_ms(4_000));
        let variant = world.rollout.serve(&camera, at).variant;
        let tail = variant == Variant::Treatment && (number / 40).is_multiple_of(8);
        let ms = if tail { 2_000.0 } else { 500.0 };
        let analysis = Analysis {
            id: None,
            camera,
            variant,
            outcome: Outcome::Answered {
                latency: Some(Latency::from_ms(ms).unwrap()),
                score: None,
            },
            origin: Origin::default(),
        };
        number += 1;
        let decisions = world.rollout.apply(at, &Event::Analysis(analysis)).unwrap();
        world.decisions.extend(decisions.iter().map(|d| (0.0, format!("{}: {}", d.to, d.cause))));
    }
    assert!(world.ended().unwrap().1.starts_with("rolled_back: Slow answers rose by "));
}
