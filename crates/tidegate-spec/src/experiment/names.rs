//! The names of choices in experiment files.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{Gate, LabelTrust, OnExpiry, PromotionMode, Rule};
use tidegate_engine::review::PromotedBy;

use super::evaluation::EvaluationMetric;

pub(crate) const GATES: [(&str, Gate); 2] =
    [("automatic", Gate::Automatic), ("manual", Gate::Manual)];
pub(crate) const EXPIRIES: [(&str, OnExpiry); 3] =
    [("hold", OnExpiry::Hold), ("roll_back", OnExpiry::RollBack), ("extend", OnExpiry::Extend)];
pub(crate) const RULES: [(&str, Rule); 2] =
    [("sequential", Rule::Sequential), ("threshold", Rule::Threshold)];
pub(crate) const MODES: [(&str, PromotionMode); 2] =
    [("manual", PromotionMode::Manual), ("automatic", PromotionMode::Automatic)];
pub(crate) const TRUSTS: [(&str, LabelTrust); 2] =
    [("checked", LabelTrust::Checked), ("owner", LabelTrust::Owner)];
pub(crate) const PROMOTED_BY: [(&str, PromotedBy); 3] = [
    ("proved", PromotedBy::Proved),
    ("harmless", PromotedBy::Harmless),
    ("nothing", PromotedBy::Nothing),
];
pub(crate) const SPLITS: [(&str, SplitMethod); 3] = [
    ("hash", SplitMethod::Hash),
    ("balanced", SplitMethod::Balanced),
    ("switchback", SplitMethod::Switchback),
];
pub(crate) const METRICS: [(&str, EvaluationMetric); 4] = [
    named(EvaluationMetric::JsonParseSuccessRate),
    named(EvaluationMetric::ScoreInRangeAccuracy),
    named(EvaluationMetric::LevelMatchAccuracy),
    named(EvaluationMetric::ResponseLatencyMs),
];

const fn named(metric: EvaluationMetric) -> (&'static str, EvaluationMetric) {
    (metric.as_str(), metric)
}

/// The name of a rule in files and answers.
#[expect(clippy::missing_panics_doc, reason = "every rule has its name in the list")]
pub fn rule_name(rule: Rule) -> &'static str {
    let found = RULES.iter().find(|(_, other)| *other == rule);
    found.expect("every rule has its name in the list").0
}
