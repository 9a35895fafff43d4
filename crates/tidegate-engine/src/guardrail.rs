//! The metrics that are watched, and what each may do.

/// A metric with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guardrail {
    /// False positives among labels.
    FpRate,
    /// Failed analyses among all.
    ErrorRate,
    /// Mean latency of answers.
    Latency,
    /// Answers slower than one and a half times what 95 % of the control's stay below.
    SlowRate,
    /// Missed threats among labels.
    MissedThreatRate,
    /// Alerts among scored answers: how far they fall.
    AlertDrop,
    /// Alerts among scored answers: how far they rise.
    AlertRise,
    /// In shadow: alerts on threats that a person confirmed.
    ThreatRetention,
    /// Labels on alerts among alerts, where answers have scores, and else among answers: how far the variants differ.
    LabelShare,
}

/// What a guardrail may do by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Power {
    /// Roll back, with this part of the experiment's alpha.
    RollBack {
        /// The part, 0 to 1.
        alpha_share: f64,
    },
    /// Warn, hold the ramp, keep the shadow's gate shut and block a promotion.
    Block,
}

impl Guardrail {
    /// Every guardrail.
    pub const ALL: [Self; 9] = [
        Self::FpRate,
        Self::ErrorRate,
        Self::Latency,
        Self::SlowRate,
        Self::MissedThreatRate,
        Self::AlertDrop,
        Self::AlertRise,
        Self::ThreatRetention,
        Self::LabelShare,
    ];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FpRate => "fp_rate",
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
            Self::SlowRate => "slow_rate",
            Self::MissedThreatRate => "missed_threat_rate",
            Self::AlertDrop => "alert_drop",
            Self::AlertRise => "alert_rise",
            Self::ThreatRetention => "threat_retention",
            Self::LabelShare => "label_share",
        }
    }

    /// What it may do under the sequential rule, in shadow and A/B test. With the fast path's tenth and what the watch over a
    /// release has, the shares sum to one.
    pub const fn power(self) -> Power {
        match self {
            Self::FpRate => Power::RollBack { alpha_share: 0.4 },
            Self::ErrorRate => Power::RollBack { alpha_share: 0.2 },
            Self::Latency | Self::AlertRise => Power::RollBack { alpha_share: 0.1 },
            Self::SlowRate => Power::RollBack { alpha_share: 0.05 },
            Self::MissedThreatRate | Self::AlertDrop | Self::ThreatRetention | Self::LabelShare => {
                Power::Block
            }
        }
    }
}

/// The fast path's part of the experiment's alpha.
pub const FAST_PATH_ALPHA_SHARE: f64 = 0.1;

/// The part of the experiment's alpha that each guardrail that may roll back has in the full release.
pub const RELEASE_ALPHA_SHARE: f64 = 0.006;

/// The fast path's part of the experiment's alpha in the full release.
pub const RELEASE_FAST_PATH_ALPHA_SHARE: f64 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_alpha_sum_to_one() {
        let shares = Guardrail::ALL.map(|guardrail| match guardrail.power() {
            Power::RollBack { alpha_share } => alpha_share,
            Power::Block => 0.0,
        });
        let acting = shares.iter().filter(|share| **share > 0.0).count() as f64;
        let release = acting * RELEASE_ALPHA_SHARE + RELEASE_FAST_PATH_ALPHA_SHARE;
        let sum = shares.iter().sum::<f64>() + FAST_PATH_ALPHA_SHARE + release;
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}
