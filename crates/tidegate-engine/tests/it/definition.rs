//! The definition refuses what does not agree, and its digest sees every setting.

use std::collections::BTreeSet;

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{
    Definition, Experiment, Gate, LabelTrust, OnExpiry, PromotionMode, RampStep, Rule, Watch,
};
use tidegate_engine::number::{Alpha, Percent, PercentDrop, Points, RiskScore, Share};
use tidegate_engine::variant::Variant;

use crate::script::{experiment, hours};

/// Changes one setting.
type Change = fn(&mut Experiment);

#[test]
fn settings_that_do_not_agree_are_all_named() {
    let mut broken = experiment();
    broken.treatment = broken.control.clone();
    broken.ab.steps = vec![
        RampStep { share: Share::new(0.2).unwrap(), dwell: hours(40.0) },
        RampStep { share: Share::new(0.1).unwrap(), dwell: hours(9.0) },
    ];
    broken.assignment.method = SplitMethod::Balanced;
    broken.guardrails.min_samples = 1_000_001;
    let faults = Definition::new(broken).unwrap_err();
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "treatment `v1` is the same as control, allowed: another prompt version",
            "ab.steps[1].treatment_percentage 0.1 is not above the step before, 0.2",
            "ab.steps ends with treatment_percentage 0.1, allowed: ab.treatment_percentage 0.5",
            "ab.steps dwell 49 hours in all, allowed: at most ab.duration_hours 48",
            "guardrails.min_samples 1000001 is out of range, allowed: 0 to 1000000",
            "assignment.cameras is empty, allowed: at least 2 cameras for split = \"balanced\"",
        ]
    );
}

#[test]
fn every_setting_changes_the_digest() {
    let changes: [Change; 36] = [
        |_| {},
        |e| e.key = "other".parse().unwrap(),
        |e| e.control = "v0".parse().unwrap(),
        |e| e.treatment = "v3".parse().unwrap(),
        |e| e.alert_threshold = RiskScore::new(61.0).unwrap(),
        |e| e.salt = "other".parse().unwrap(),
        |e| e.shadow.duration = hours(1.0),
        |e| e.shadow.sample = Share::new(0.9).unwrap(),
        |e| e.shadow.latency_warning_threshold = Percent::new(51.0).unwrap(),
        |e| e.shadow.gate = Gate::Manual,
        |e| e.ab.share = Share::new(0.4).unwrap(),
        |e| e.ab.duration = hours(47.0),
        |e| e.ab.steps = vec![RampStep { share: e.ab.share, dwell: hours(1.0) }],
        |e| e.ab.on_expiry = OnExpiry::Extend,
        |e| e.guardrails.max_fp_rate_increase = Points::new(0.06).unwrap(),
        |e| e.guardrails.max_latency_increase = Percent::new(60.0).unwrap(),
        |e| e.guardrails.max_error_rate_increase = Points::new(0.06).unwrap(),
        |e| e.guardrails.max_slow_rate_increase = Points::new(0.06).unwrap(),
        |e| e.guardrails.rule = Rule::Sequential,
        |e| e.guardrails.max_missed_threat_rate_increase = Points::new(0.06).unwrap(),
        |e| e.guardrails.max_alert_rate_drop = PercentDrop::new(60.0).unwrap(),
        |e| e.guardrails.max_alert_rate_rise = Percent::new(60.0).unwrap(),
        |e| e.guardrails.min_samples = 4,
        |e| e.guardrails.alpha = Alpha::new(0.06).unwrap(),
        |e| e.guardrails.watch = Watch::Off,
        |e| e.promotion.min_fp_reduction = PercentDrop::new(11.0).unwrap(),
        |e| e.full.holdback = Share::new(0.1).unwrap(),
        |e| e.full.watch = hours(24.0),
        |e| e.trust = LabelTrust::Owner,
        |e| e.promotion.mode = PromotionMode::Automatic,
        |e| e.promotion.feedback_grace = hours(5.0),
        |e| e.assignment.method = SplitMethod::Switchback,
        |e| e.assignment.block = hours(2.0),
        |e| e.assignment.overrides = vec![("door".parse().unwrap(), Variant::Control)],
        |e| e.bounds.open_analyses_max = 7,
        |e| e.bounds.attribution_window = hours(7.0),
    ];
    let digests: BTreeSet<u128> = changes
        .iter()
        .map(|change| {
            let mut experiment = experiment();
            change(&mut experiment);
            Definition::new(experiment).unwrap().digest().0
        })
        .collect();
    assert_eq!(digests.len(), changes.len());
}
