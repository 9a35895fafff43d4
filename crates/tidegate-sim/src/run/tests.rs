//! Whether what the engine is told is what the scenario says.

use tidegate_engine::fleet::Sums;
use tidegate_engine::observation::Label;
use tidegate_engine::tally::Tally;
use tidegate_engine::variant::ByVariant;
use tidegate_spec::ScenarioFile;

use super::*;

mod reviewers;
mod unrest;

/// Keeps the sums of the last look before an hour, and of the last of all.
struct Keeper {
    until: f64,
    before: Sums,
    last: Sums,
}

impl Observer for Keeper {
    const LOOKS: bool = true;

    fn decided(&mut self, _: f64, _: &Decision) {}

    fn looked(&mut self, hour: f64, rollout: &Rollout) {
        self.last = *rollout.sums();
        if hour < self.until {
            self.before = self.last;
        }
    }
}

/// The sums over several runs that nothing stops, until an hour and in all.
fn lived(text: &str, until: f64) -> (Sums, Sums) {
    let head = "[experiment]\npreset = \"production\"\nguardrails.enabled = false\n";
    let file = ScenarioFile::parse(&format!("{head}{text}")).unwrap();
    let world = World::new(file.scenarios()[0].clone()).unwrap();
    let (mut before, mut all) = (Sums::default(), Sums::default());
    for number in 0..40 {
        let mut keeper = Keeper { until, before: Sums::default(), last: Sums::default() };
        let outcome = run(&world, number, &mut keeper);
        assert_eq!(outcome.ending, Ending::Inconclusive);
        before.merge(&keeper.before);
        all.merge(&keeper.last);
    }
    (before, all)
}

fn near(found: f64, expected: f64, slack: f64) {
    assert!((found - expected).abs() <= slack, "{found} for {expected}");
}

fn labels(tally: &Tally, label: Label) -> f64 {
    tally.labelled(label) as f64 / tally.feedback() as f64
}

#[test]
fn rates_and_latencies_are_those_of_the_scenario() {
    let (_, sums) = lived("[fleet]\ncameras = 30\nicc = 0.05\n", 0.0);
    // 1,200 cameras; the standard error of a rate is below sqrt(p (1-p) rho / 600).
    for side in [&sums.ab.control, &sums.ab.treatment] {
        near(side.error_rate(), 0.02, 0.004);
        near(side.fp_rate(), 0.6, 0.02);
        near(side.feedback() as f64 / (side.analyses - side.errors) as f64, 0.075, 0.002);
        // The mean of a log-normal lies exp(sd²/2) above its median, within cameras and between them.
        let mean = 900.0 * (f64::midpoint(0.5 * 0.5, 0.2 * 0.2)).exp();
        near(side.latency_ms_mean().unwrap() / mean, 1.0, 0.03);
        assert_eq!((side.scored, side.labelled(Label::MissedThreat)), (0, 0));
    }
    // Half of the fleet for 48 h and all of it for 24 h, at 200 a day.
    near(sums.shadow.analyses as f64 / (40.0 * 30.0 * 200.0), 1.0, 0.05);
    let treated = sums.ab.treatment.analyses as f64 / (40.0 * 30.0 * 200.0);
    near(treated, 1.0, 0.15);
    assert_eq!(sums.pairs.comparisons(), sums.shadow.analyses);
}

#[test]
fn an_effect_begins_at_its_hour_and_not_before() {
    let text = "[fleet]\ncameras = 30\nicc = 0.05\n[treatment]\n\
        error_rate_change = { change = 0.2, from_hour = 24 }\n\
        latency_change_pct = { change = 100, from_hour = 0 }\n";
    let (before, all) = lived(text, 48.0);
    near(before.ab.treatment.error_rate(), 0.02, 0.004);
    let later = |all: u64, before: u64| (all - before) as f64;
    let (all_side, before_side) = (all.ab.treatment, before.ab.treatment);
    let rate =
        later(all_side.errors, before_side.errors) / later(all_side.analyses, before_side.analyses);
    near(rate, 0.22, 0.01);
    near(all.ab.control.error_rate(), 0.02, 0.004);
    let shadow = all.pairs.sides;
    let ratio = |sides: &ByVariant<Tally>| {
        sides.treatment.latency_ms_mean().unwrap() / sides.control.latency_ms_mean().unwrap()
    };
    near(ratio(&shadow), 1.0, 0.02);
    near(ratio(&all.ab), 2.0, 0.06);
}

#[test]
fn scores_agree_with_labels() {
    let text = "[fleet]\ncameras = 30\nicc = 0.02\n[control]\nfp_rate = 0.4\nalert_rate = 0.5\n\
        missed_threat_rate = 0.05\n[treatment]\nfp_rate_change = -0.2\n\
        missed_threat_rate_change = 0.1\n";
    let (_, sums) = lived(text, 0.0);
    let (control, treatment) = (&sums.ab.control, &sums.ab.treatment);
    near(control.alert_rate(), 0.5, 0.01);
    near(labels(control, Label::FalsePositive), 0.4, 0.02);
    near(labels(control, Label::MissedThreat), 0.05, 0.01);
    near(control.feedback() as f64 / control.scored as f64, 0.075, 0.002);
    near(labels(treatment, Label::FalsePositive), 0.2, 0.02);
    near(labels(treatment, Label::MissedThreat), 0.15, 0.015);
    // Threats are 0.5 * 0.6 / 0.95 of all events; the treatment alerts on 0.65 / 0.8 of them, and one in
    // 0.8 * 0.2 / 0.65 of its alerts and misses is false.
    let threats = 0.5 * 0.6 / 0.95;
    let alerts = threats * 0.65 / 0.8 + threats * 0.2 / 0.8;
    near(treatment.alert_rate(), alerts, 0.01);
    // Below the threshold nothing alerts, above it everything does.
    assert!(control.score_min.unwrap().value() == 0 && control.score_max.unwrap().value() == 100);
    // A confirmed threat is one the control alerted on; the treatment keeps most of them.
    let kept = sums.pairs.retained as f64 / sums.pairs.confirmed as f64;
    near(kept, (0.65 / 0.8) / (0.55 / 0.6), 0.02);
}

#[test]
fn a_prompt_that_never_alerts_is_never_labelled_a_false_alarm() {
    let text = "[fleet]\ncameras = 20\n[control]\nalert_rate = 0.5\n[treatment]\n\
        alert_rate_change_pct = -100\n";
    let (_, sums) = lived(text, 0.0);
    let treatment = &sums.ab.treatment;
    assert_eq!((treatment.alerts, treatment.labelled(Label::FalsePositive)), (0, 0));
    near(labels(treatment, Label::MissedThreat), 1.0, 0.0);
}

#[test]
fn reports_are_lost_repeated_and_late_as_often_as_said() {
    let calm = lived("[fleet]\ncameras = 20\n", 0.0).1;
    let faults = "[fleet]\ncameras = 20\n[faults]\nlost_share = 0.1\nlate_share = 0.1\n\
        duplicate_share = 0.2\n";
    let shaken = lived(faults, 0.0).1;
    let ratio = shaken.shadow.analyses as f64 / calm.shadow.analyses as f64;
    near(ratio, 0.9, 0.01);
    let outage = "[fleet]\ncameras = 20\n[faults]\noutages = [{ from_hour = 24, hours = 48 }]\n";
    let dark = lived(outage, 0.0).1;
    near(dark.ab.control.error_rate(), 1.0, 0.01);
    near(dark.ab.treatment.error_rate(), 1.0, 0.01);
    near(dark.shadow.error_rate(), 0.02, 0.01);
}
