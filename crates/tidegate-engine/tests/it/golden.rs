//! Stories with their endings, worked out by hand.

use tidegate_engine::experiment::{Gate, OnExpiry, PromotionMode, RampStep, Watch};
use tidegate_engine::number::Share;
use tidegate_engine::phase::{Condition, Phase, State, Transition};
use tidegate_engine::time::Duration;
use tidegate_engine::variant::Variant;

use crate::script::{check, experiment, hours, tell};

const STARTED: &str = "0 draft -> ab: start by owner: because";

#[test]
fn false_positives_beyond_the_limit_roll_back() {
    // 1 of 3 against 2 of 3: 33.3 points more.
    check(
        experiment(),
        "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment 100 50 *3
         2h f c/0 false_positive
         2h f c/1 correct
         2h f c/2 correct
         3h f t/0 false_positive
         3h f t/1 false_positive
         3h f t/2 correct
         4h serve gate",
        &format!(
            "{STARTED}
             3h ab -> rolled_back: FP rate increase 33.3% exceeds threshold 5.0%
             4h gate control: rolled_back"
        ),
    );
}

#[test]
fn an_increase_of_exactly_the_limit_is_within_bounds() {
    // Mean latency 100 -> 150 ms is +50 %, not more.
    let labels = "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment 150 50 *3
         2h f c correct *3
         2h f t correct *3";
    check(experiment(), labels, STARTED);
    // One more of 150.1 ms is.
    check(
        experiment(),
        &format!("{labels}\n3h a u gate treatment 150.1 50"),
        &format!("{STARTED}\n3h ab -> rolled_back: Latency increase 50.0% exceeds threshold 50.0%"),
    );
}

#[test]
fn the_rule_is_silent_before_both_variants_have_their_samples() {
    // 3 control labels, 2 treatment labels: nothing is asked, however bad.
    check(
        experiment(),
        "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment fail *2
         1h f c correct *3
         1h f t false_positive *2",
        STARTED,
    );
}

#[test]
fn the_first_limit_in_order_speaks() {
    // All three limits are passed; the false-positive rate comes first.
    check(
        experiment(),
        "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment 900 50 *3
         1h a u gate treatment fail
         1h f c correct *3
         1h f t false_positive *3",
        &format!(
            "{STARTED}
             1h ab -> rolled_back: FP rate increase 100.0% exceeds threshold 5.0%"
        ),
    );
}

#[test]
fn errors_beyond_the_limit_roll_back() {
    // 0 of 3 against 1 of 4; failures have no latency and slow nothing down.
    check(
        experiment(),
        "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment 100 50 *3
         1h f c correct *3
         1h f t correct *3
         2h a u gate treatment fail",
        &format!(
            "{STARTED}
             2h ab -> rolled_back: Error rate increase 25.0% exceeds threshold 5.0%"
        ),
    );
}

#[test]
fn guardrails_switched_off_stop_nothing() {
    let mut experiment = experiment();
    experiment.guardrails.watch = Watch::Off;
    check(
        experiment,
        "0 start
         1h a c door control 100 50 *3
         1h a t gate treatment fail *3
         1h f c correct *3
         1h f t false_positive *3
         48h1ms tick",
        &format!(
            "{STARTED}
             48h1ms ab -> ab (expired): The A/B test is over: Automatic rollback is disabled"
        ),
    );
}

#[test]
fn a_shadow_that_passes_opens_the_test_when_its_time_is_over() {
    let mut experiment = experiment();
    experiment.shadow.duration = hours(24.0);
    check(
        experiment,
        "0 start
         1h c e door 100/50 120/40 *3
         1h serve door
         24h tick
         25h serve gate",
        "0 draft -> shadow: start by owner: because
         1h door control: shadow
         24h shadow -> ab: The shadow comparisons are within bounds
         25h gate treatment: split",
    );
}

#[test]
fn a_shadow_with_too_few_comparisons_waits_for_them() {
    let mut experiment = experiment();
    experiment.shadow.duration = hours(24.0);
    check(
        experiment,
        "0 start
         1h c e door 100/50 120/40 *2
         24h tick
         30h c f door 100/50 120/40",
        "0 draft -> shadow: start by owner: because
         30h shadow -> ab: The shadow comparisons are within bounds",
    );
}

#[test]
fn a_shadow_in_which_the_treatment_fails_ends_the_rollout_before_anyone_was_exposed() {
    let mut experiment = experiment();
    experiment.shadow.duration = hours(24.0);
    check(
        experiment,
        "0 start
         1h c e door 100/50 120/40 *2
         2h c f door 100/50 fail",
        "0 draft -> shadow: start by owner: because
         2h shadow -> rolled_back: Error rate increase 33.3% exceeds threshold 5.0%",
    );
}

#[test]
fn a_manual_gate_asks_the_owner() {
    let mut experiment = experiment();
    experiment.shadow.duration = hours(24.0);
    experiment.shadow.gate = Gate::Manual;
    check(
        experiment,
        "0 start
         1h c e door 100/50 120/40 *3
         24h tick
         30h advance",
        "0 draft -> shadow: start by owner: because
         24h shadow -> shadow (held): The shadow is over; its owner opens the gate
         30h shadow (held) -> ab: advance by owner: because",
    );
}

#[test]
fn the_ramp_climbs_by_its_dwells_and_stops_while_held() {
    let mut experiment = experiment();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    experiment.ab.steps = vec![step(0.05, 2.0), step(0.2, 4.0), step(0.5, 0.0)];
    let (rollout, answers) = tell(
        experiment,
        "0 start
         1h a e gate treatment 100 50 *3
         2h tick
         3h a f gate treatment 100 50 *3
         3h hold
         6h tick
         7h resume",
    );
    assert_eq!(
        answers,
        [
            STARTED,
            "2h ab -> ab: The ramp step was held for its time",
            "3h ab -> ab (held): hold by owner: because",
            "7h ab (held) -> ab: resume by owner: because",
            "7h ab -> ab: The ramp step was held for its time",
        ]
    );
    assert_eq!(rollout.share(), Share::new(0.5).unwrap());
}

#[test]
fn a_deadline_that_is_due_must_be_ticked_first() {
    check(
        experiment(),
        "0 start
         48h a e door control 100 50
         49h a f door control 100 50
         49h tick
         49h a f door control 100 50
         49h serve door",
        &format!(
            "{STARTED}
             49h refused: a deadline at 172800001 ms is due, a tick must come first
             49h ab -> ab (expired): The A/B test is over: Insufficient samples: control=0, treatment=0, required=3
             49h door control: expired"
        ),
    );
}

/// Three false positives of five under control, one of five under treatment: 67 % fewer.
const PROVED: &str = "0 start
     1h a c door control 100 70 *5
     1h a t gate treatment 100 70 *5
     2h f c/0 false_positive
     2h f c/1 false_positive
     2h f c/2 false_positive
     2h f c/3 correct
     2h f c/4 correct
     2h f t/0 correct
     2h f t/1 correct
     2h f t/2 correct
     2h f t/3 correct
     2h f t/4 false_positive
     48h1ms tick
     50h serve gate";

#[test]
fn a_treatment_that_proved_itself_is_released_to_all() {
    let mut experiment = experiment();
    experiment.promotion.mode = PromotionMode::Automatic;
    check(
        experiment,
        &format!("{PROVED}\n60h complete\n61h serve door\n61h roll_back"),
        &format!(
            "{STARTED}
             48h1ms ab -> full: The A/B test is over: FP rate fell by 66.7% of the control's
             50h gate treatment: full
             60h full -> completed: complete by owner: because
             61h door treatment: completed
             61h refused: `roll_back` is not allowed in completed"
        ),
    );
}

#[test]
fn nothing_is_proved_without_labels() {
    let mut experiment = experiment();
    experiment.promotion.mode = PromotionMode::Automatic;
    experiment.guardrails.min_samples = 0;
    // False positives fell from 1 of 1 to 0 of 0.
    check(
        experiment,
        "0 start
         1h a c door control 100 70
         1h f c false_positive
         48h1ms tick",
        &format!(
            "{STARTED}
             48h1ms ab -> ab (expired): The A/B test is over: All metrics within acceptable bounds, but nothing is proved without labels: control=1, treatment=0"
        ),
    );
}

#[test]
fn a_held_rollout_promotes_nothing_by_itself() {
    let mut experiment = experiment();
    experiment.promotion.mode = PromotionMode::Automatic;
    check(
        experiment,
        &PROVED.replace("48h1ms tick", "10h hold\n48h1ms tick"),
        &format!(
            "{STARTED}
             10h ab -> ab (held): hold by owner: because
             48h1ms ab (held) -> ab (expired): The A/B test is over: FP rate fell by 66.7% of the control's
             50h gate control: expired"
        ),
    );
}

#[test]
fn no_gate_opens_without_comparisons_whatever_the_rule() {
    for watch in [Watch::On, Watch::Off] {
        let mut experiment = experiment();
        experiment.shadow.duration = hours(24.0);
        experiment.guardrails.min_samples = 0;
        experiment.guardrails.watch = watch;
        check(
            experiment,
            "0 start
             1h a c door control 100 50
             24h tick
             25h c e door 100/50 100/50",
            "0 draft -> shadow: start by owner: because
             25h shadow -> ab: The shadow comparisons are within bounds",
        );
    }
}

#[test]
fn a_deadline_that_passed_during_a_hold_is_due_when_the_rollout_goes_on() {
    let mut experiment = experiment();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    experiment.ab.steps = vec![step(0.05, 2.0), step(0.5, 0.0)];
    let story = "0 start\n 30m a e gate treatment 100 50 *3\n1h hold\n7h resume";
    let (_, answers) = tell(experiment, story);
    assert_eq!(answers[3..], ["7h ab -> ab: The ramp step was held for its time"]);
}

#[test]
fn resume_lifts_a_hold_under_a_pause_too() {
    check(
        experiment(),
        "0 start\n1h hold\n2h pause\n3h resume",
        &format!(
            "{STARTED}
             1h ab -> ab (held): hold by owner: because
             2h ab (held) -> ab (paused): pause by owner: because
             3h ab (paused) -> ab: resume by owner: because"
        ),
    );
}

#[test]
fn nothing_leads_away_from_an_end() {
    for phase in [Phase::Completed, Phase::RolledBack, Phase::Stopped] {
        let end = State { phase, condition: Condition::Clear };
        assert!(Transition::ALL.iter().all(|transition| transition.target(end).is_none()));
    }
}

#[test]
fn a_manual_promotion_serves_control_until_the_owner_advances() {
    check(
        experiment(),
        &format!("{PROVED}\n60h advance\n61h serve gate"),
        &format!(
            "{STARTED}
             48h1ms ab -> ab (expired): The A/B test is over: FP rate fell by 66.7% of the control's
             50h gate control: expired
             60h ab (expired) -> full: advance by owner: because
             61h gate treatment: full"
        ),
    );
}

#[test]
fn labels_that_come_after_the_test_can_still_roll_back() {
    let mut experiment = experiment();
    experiment.promotion.mode = PromotionMode::Automatic;
    // Two late labels turn 1 of 5 into 3 of 5, and then 4 of 5 against the control's 3 of 5.
    check(
        experiment,
        &format!(
            "{PROVED}\n51h f t/0 false_positive\n51h f t/1 false_positive\n51h f t/2 false_positive"
        ),
        &format!(
            "{STARTED}
             48h1ms ab -> full: The A/B test is over: FP rate fell by 66.7% of the control's
             50h gate treatment: full
             51h full -> rolled_back: FP rate increase 20.0% exceeds threshold 5.0%"
        ),
    );
}

#[test]
fn an_inconclusive_end_does_what_its_owner_chose() {
    let story = "0 start
                 48h1ms tick
                 96h1ms tick";
    let insufficient =
        "The A/B test is over: Insufficient samples: control=0, treatment=0, required=3";
    let mut roll_back = experiment();
    roll_back.ab.on_expiry = OnExpiry::RollBack;
    check(roll_back, story, &format!("{STARTED}\n48h1ms ab -> rolled_back: {insufficient}"));
    let mut extend = experiment();
    extend.ab.on_expiry = OnExpiry::Extend;
    check(
        extend,
        story,
        &format!(
            "{STARTED}
             48h1ms ab -> ab: {insufficient}
             96h1ms ab -> ab (expired): {insufficient}"
        ),
    );
}

#[test]
fn a_pause_serves_control_and_stops_the_clock() {
    let (rollout, answers) = tell(
        experiment(),
        "0 start
         10h pause
         11h serve gate
         30h resume
         68h tick
         68h1ms tick",
    );
    assert_eq!(
        answers,
        [
            STARTED,
            "10h ab -> ab (paused): pause by owner: because",
            "11h gate control: paused",
            "30h ab (paused) -> ab: resume by owner: because",
            "68h1ms ab -> ab (expired): The A/B test is over: Insufficient samples: control=0, treatment=0, required=3",
        ]
    );
    assert_eq!(rollout.status(rollout.lifecycle().now).remaining, Duration::ZERO);
}

#[test]
fn what_is_reported_during_a_pause_is_kept_out_of_the_comparison() {
    let (rollout, _) = tell(
        experiment(),
        "0 start
         1h a e door control 100 50
         2h pause
         2h a f door control 100 50
         3h resume
         4h a g door control 100 50",
    );
    assert_eq!(rollout.sums().ab.control.analyses, 2);
    assert_eq!(rollout.status(rollout.lifecycle().now).outside.control.analyses, 1);
}

#[test]
fn an_overridden_camera_is_served_its_owners_choice_and_not_compared() {
    let mut experiment = experiment();
    experiment.assignment.overrides = vec![("door".parse().unwrap(), Variant::Treatment)];
    let (rollout, answers) = tell(
        experiment,
        "0 serve door
         0 start
         0 serve door
         1h a e door treatment fail
         2h roll_back
         2h serve door",
    );
    assert_eq!(
        answers,
        [
            "0 door control: not_started",
            STARTED,
            "0 door treatment: override",
            "2h ab -> rolled_back: roll_back by owner: because",
            "2h door control: rolled_back",
        ]
    );
    assert_eq!(rollout.sums().ab.treatment.analyses, 0);
}

#[test]
fn the_shadow_keeps_all_its_rolling_statistics() {
    let mut experiment = experiment();
    experiment.shadow.duration = hours(24.0);
    experiment.guardrails.min_samples = 100;
    // Scores 50/40, 50/50, 40/60, and one failure on each side, both at once never.
    let (rollout, _) = tell(
        experiment,
        "0 start
         1h c e1 door 100/50 151/40
         1h c e2 door 100/50 150/50
         1h c e3 gate 100/40 50/60
         1h c e4 gate fail 100/60
         1h c e5 gate 100/45 fail
         1h c e6 gate fail fail",
    );
    let pairs = rollout.status(rollout.lifecycle().now).pairs;
    assert_eq!(pairs.comparisons(), 6);
    // (50 + 50 + 40 + 45) / 4 and (40 + 50 + 60 + 60) / 4, each over its own answers.
    assert_eq!(pairs.sides.control.score_mean(), Some(46.25));
    assert_eq!(pairs.sides.treatment.score_mean(), Some(52.5));
    // |-10|, 0, 20 over the three pairs; signed: 10 in all.
    assert_eq!(pairs.score_diff_abs_mean(), Some(10.0));
    assert_eq!(pairs.score_diff_mean(), Some(10.0 / 3.0));
    assert_eq!((pairs.lower, pairs.same, pairs.higher), (1, 1, 1));
    // 1 of 6, to one decimal.
    assert_eq!(pairs.lower_pct().to_bits(), 16.7_f64.to_bits());
    // 51 + 50 - 50 over the three pairs with both latencies.
    assert_eq!(pairs.latency_ms_diff_mean(), Some(17.0));
    assert_eq!(pairs.latency_warnings, 1);
    assert_eq!((pairs.control_failed, pairs.treatment_failed, pairs.both_failed), (1, 1, 1));
    let of_gate = rollout.cameras().find(|seen| seen.camera.as_str() == "gate").unwrap();
    assert_eq!(of_gate.sums.pairs.comparisons(), 4);
}
