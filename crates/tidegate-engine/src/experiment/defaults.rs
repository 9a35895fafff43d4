//! What holds where an owner decided nothing.

use alloc::vec::Vec;

use super::settings::{
    Ab, AssignmentRules, Bounds, Experiment, Full, Gate, Guardrails, LabelTrust, OnExpiry,
    Promotion, PromotionMode, Rule, Shadow, Watch,
};
use crate::assignment::SplitMethod;
use crate::id::{ExperimentKey, PromptKey, Salt};
use crate::limits;
use crate::number::{Alpha, Percent, PercentDrop, Points, RiskScore, Share};
use crate::time::Duration;

/// A limit that was not there before: at its default a digest from before it stands.
pub(super) const ALERT_RATE_RISE_PCT: f64 = 50.0;

/// A week's watch, and the treatment for all. These were not there before either.
pub(super) const FULL: Full =
    Full { holdback: Share::NONE, watch: Duration::from_ms(7 * 24 * 3_600_000) };

impl Experiment {
    /// An experiment with the default settings: 24 h shadow, 48 h A/B test at 50 %, limits of 5 points
    /// for rates and 50 % for latency.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are constants within their ranges")]
    pub fn new(key: ExperimentKey, control: PromptKey, treatment: PromptKey) -> Self {
        let valid = "a default is within its range";
        let hours = |hours| Duration::from_hours(hours).expect(valid);
        let points = |points| Points::new(points).expect(valid);
        let percent = |percent| Percent::new(percent).expect(valid);
        let drop = |percent| PercentDrop::new(percent).expect(valid);
        Self {
            salt: Salt::from(&key),
            key,
            control,
            treatment,
            prompt: None,
            alert_threshold: RiskScore::new(60.0).expect(valid),
            shadow: Shadow {
                duration: hours(24.0),
                sample: Share::ALL,
                latency_warning_threshold: percent(50.0),
                gate: Gate::Automatic,
            },
            ab: Ab {
                share: Share::new(0.5).expect(valid),
                duration: hours(48.0),
                steps: Vec::new(),
                on_expiry: OnExpiry::Hold,
            },
            guardrails: Guardrails {
                max_fp_rate_increase: points(0.05),
                max_latency_increase: percent(50.0),
                max_error_rate_increase: points(0.05),
                max_slow_rate_increase: points(0.05),
                max_missed_threat_rate_increase: points(0.05),
                max_alert_rate_drop: drop(50.0),
                max_alert_rate_rise: percent(ALERT_RATE_RISE_PCT),
                min_samples: 100,
                rule: Rule::Sequential,
                alpha: Alpha::new(0.05).expect(valid),
                watch: Watch::On,
            },
            promotion: Promotion {
                min_fp_reduction: drop(10.0),
                mode: PromotionMode::Manual,
                feedback_grace: hours(6.0),
            },
            trust: LabelTrust::Checked,
            full: FULL,
            assignment: AssignmentRules {
                method: SplitMethod::Hash,
                block: hours(1.0),
                cameras: Vec::new(),
                overrides: Vec::new(),
                group: None,
            },
            bounds: Bounds {
                cameras_max: limits::CAMERAS_DEFAULT,
                open_analyses_max: limits::OPEN_ANALYSES_DEFAULT,
                attribution_window: hours(limits::ATTRIBUTION_HOURS_DEFAULT),
                discordant_max: limits::DISCORDANT_DEFAULT,
            },
            review: None,
        }
    }
}
