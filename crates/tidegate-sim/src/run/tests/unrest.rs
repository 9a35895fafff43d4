//! Whether a restless world is as restless as its scenario says.

use super::*;

/// Without a shadow, so that all of it is the A/B test.
const PLAIN: &str = "[shadow]\nhours = 0\n[fleet]\ncameras = 30\nicc = 0\ndrift_share = 0\n";

fn unrest(text: &str, until: f64) -> (Sums, Sums) {
    lived(&format!("{PLAIN}{text}"), until)
}

#[test]
fn a_shift_moves_both_variants_at_its_hour_and_for_its_cameras() {
    let step = "[[unrest.shifts]]\nof = \"error_rate\"\nchange = 0.2\ncamera_share = 0.5\n\
        from_hour = 24\n[[unrest.shifts]]\nof = \"latency\"\nchange = 100\n";
    let (before, all) = unrest(step, 24.0);
    for (before, all) in
        [(before.ab.control, all.ab.control), (before.ab.treatment, all.ab.treatment)]
    {
        near(before.error_rate(), 0.02, 0.003);
        let errors = (all.errors - before.errors) as f64;
        // Half of the cameras have 20 points more.
        near(errors / (all.analyses - before.analyses) as f64, 0.12, 0.02);
        let usual = 900.0 * (f64::midpoint(0.5 * 0.5, 0.2 * 0.2)).exp();
        near(all.latency_ms_mean().unwrap() / usual, 2.0, 0.1);
    }
    // A swing rises in its first half and is as far below in its second.
    let swing = "[[unrest.shifts]]\nof = \"fp_rate\"\nchange = 0.3\nperiod_hours = 48\n[feedback]\n\
        delay_minutes = { median = 0.01, log_sd = 0 }\n";
    let (before, all) = unrest(swing, 24.0);
    near(labels(&before.ab.control, Label::FalsePositive), 0.6 + 0.3 * 0.64, 0.02);
    near(labels(&all.ab.control, Label::FalsePositive), 0.6, 0.02);
}

#[test]
fn walks_leave_cameras_apart_and_the_middle_where_it_was() {
    let of = |text: &str| unrest(text, 0.0).1.ab.control;
    let walk = "[control]\nfp_rate = 0.5\n[unrest]\nwalk = { log_odds_sd = 2.0 }\n";
    near(labels(&of(walk), Label::FalsePositive), 0.5, 0.03);
    // Odds of 2 in 98 that wander by a factor lead to more errors on average.
    assert!(of(walk).error_rate() > 0.04, "{}", of(walk).error_rate());
}

#[test]
fn bursts_add_their_events_and_their_failures() {
    let calm = unrest("", 0.0).1.ab.control;
    let text = "[unrest]\nbursts = { per_camera_day = 2, events = 50, failed_share = 0.5 }\n";
    let burst = unrest(text, 0.0).1.ab.control;
    let ratio = burst.analyses as f64 / calm.analyses as f64;
    // Two times fifty events beside two hundred, and half of them fail.
    near(ratio, 1.5, 0.04);
    near(burst.error_rate(), (0.02 * 2.0 + 0.51) / 3.0, 0.02);
}

#[test]
fn retries_and_outages_fall_on_their_cameras() {
    let text = "[unrest]\nretries = { cameras = 15, times = 10 }\n";
    let side = unrest(text, 0.0).1.ab.treatment;
    // On half of the fleet each failure becomes eleven.
    near(side.error_rate(), 0.02 * 6.0 / (1.0 + 0.02 * 5.0), 0.015);
    let text = "[unrest]\ngroup_outages = { per_day = 24, minutes = 30, cameras = 3, of = \"treatment\" }\n";
    let sums = unrest(text, 0.0).1;
    near(sums.ab.control.error_rate(), 0.02, 0.003);
    // Three of thirty cameras, half of the time.
    near(sums.ab.treatment.error_rate(), 0.02 + 0.05 * 0.98, 0.01);
}

#[test]
fn a_treatment_whose_false_alarms_are_reported_twice_as_often_looks_worse() {
    let text = "[feedback]\ntreatment_false_positive_factor = 2\n";
    let sums = unrest(text, 0.0).1;
    near(labels(&sums.ab.control, Label::FalsePositive), 0.6, 0.02);
    near(labels(&sums.ab.treatment, Label::FalsePositive), 1.2 / 1.6, 0.02);
}
