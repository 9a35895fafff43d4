//! What was counted over the analyses of one variant.

use crate::limits;
use crate::number::{Latency, RiskScore};
use crate::observation::{Label, Outcome};

/// The greatest latency in microseconds. With [`limits::OBSERVATIONS_MAX`] of them a sum fits an `i64`.
pub(super) const LATENCY_US_MAX: u64 = 600_000_000;
pub(super) const SCORE_MAX: u64 = limits::RISK_SCORE_MAX as u64;

/// Where an outcome counts as an alert, and where as slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    /// The least score that alerts.
    pub alert_threshold: RiskScore,
    /// A longer latency is slow; unknown until the control's usual latencies are.
    pub slow_above: Option<Latency>,
}

/// Sums over the analyses of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All analyses, failed ones included.
    pub analyses: u64,
    /// Failed analyses.
    pub errors: u64,
    /// Answers whose latency is known.
    pub timed: u64,
    /// Sum of the latencies in microseconds.
    pub latency_us_sum: u64,
    /// Sum of the squared latencies in microseconds squared.
    pub latency_us_square_sum: u128,
    /// Answers whose latency was judged slow or not: none before it was known what is slow.
    pub paced: u64,
    /// Slow answers.
    pub slow: u64,
    /// Answers that gave a score.
    pub scored: u64,
    /// Sum of the scores.
    pub score_sum: u64,
    /// Sum of the squared scores.
    pub score_square_sum: u64,
    /// Lowest score so far.
    pub score_min: Option<RiskScore>,
    /// Highest score so far.
    pub score_max: Option<RiskScore>,
    /// Scores that reached the alert threshold.
    pub alerts: u64,
    /// Labels by kind, in the order of [`Label::ALL`].
    pub labels: [u64; Label::ALL.len()],
}

impl Tally {
    /// Adds one analysis.
    pub fn add(&mut self, outcome: Outcome, cuts: Cuts) {
        self.analyses += 1;
        let Outcome::Answered { latency, score } = outcome else {
            self.errors += 1;
            return;
        };
        if let Some(latency) = latency {
            let us = u64::from(latency.us());
            self.timed += 1;
            self.latency_us_sum += us;
            self.latency_us_square_sum += u128::from(us * us);
            if let Some(slow_above) = cuts.slow_above {
                self.paced += 1;
                self.slow += u64::from(latency > slow_above);
            }
        }
        if let Some(score) = score {
            let value = u64::from(score.value());
            self.scored += 1;
            self.score_sum += value;
            self.score_square_sum += value * value;
            self.score_min = Some(self.score_min.map_or(score, |min| min.min(score)));
            self.score_max = Some(self.score_max.map_or(score, |max| max.max(score)));
            self.alerts += u64::from(score >= cuts.alert_threshold);
        }
    }

    /// Counts a label, in place of the one the same analysis had before.
    pub fn relabel(&mut self, former: Option<Label>, label: Label) {
        if let Some(former) = former {
            let count = &mut self.labels[former.index()];
            *count = count.saturating_sub(1);
        }
        self.labels[label.index()] += 1;
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        // Taken apart without `..`, so that a new sum cannot be forgotten here.
        let Self {
            analyses,
            errors,
            timed,
            latency_us_sum,
            latency_us_square_sum,
            paced,
            slow,
            scored,
            score_sum,
            score_square_sum,
            score_min,
            score_max,
            alerts,
            labels,
        } = *other;
        self.analyses += analyses;
        self.errors += errors;
        self.timed += timed;
        self.latency_us_sum += latency_us_sum;
        self.latency_us_square_sum += latency_us_square_sum;
        self.paced += paced;
        self.slow += slow;
        self.scored += scored;
        self.score_sum += score_sum;
        self.score_square_sum += score_square_sum;
        self.score_min = [self.score_min, score_min].into_iter().flatten().min();
        self.score_max = [self.score_max, score_max].into_iter().flatten().max();
        self.alerts += alerts;
        for (mine, others) in self.labels.iter_mut().zip(labels) {
            *mine += others;
        }
    }

    /// Whether these can be sums over at most `analyses_max` analyses.
    pub(crate) fn can_be(&self, analyses_max: u64) -> bool {
        let parts = [
            (self.analyses, analyses_max),
            (self.errors, self.analyses),
            (self.timed, self.analyses),
            (self.paced, self.timed),
            (self.slow, self.paced),
            (self.scored, self.analyses),
            (self.alerts, self.scored),
            (self.latency_us_sum, self.timed.saturating_mul(LATENCY_US_MAX)),
            (self.score_sum, self.scored.saturating_mul(SCORE_MAX)),
            (self.score_square_sum, self.scored.saturating_mul(SCORE_MAX * SCORE_MAX)),
        ];
        let labels = self.labels.into_iter().fold(0_u64, u64::saturating_add);
        let squares_max = u128::from(self.timed) * u128::from(LATENCY_US_MAX * LATENCY_US_MAX);
        parts.into_iter().all(|(part, whole)| part <= whole)
            && labels <= self.analyses
            && self.latency_us_square_sum <= squares_max
    }

    /// Labels of one kind.
    pub const fn labelled(&self, label: Label) -> u64 {
        self.labels[label.index()]
    }

    /// Labels of any kind: the trials of the false-positive rate.
    pub fn feedback(&self) -> u64 {
        self.labels.iter().sum()
    }

    /// Labels that an alert can have, at most one for each that could have one.
    pub fn labelled_alerts(&self) -> u64 {
        (self.feedback() - self.labelled(Label::MissedThreat)).min(self.labelable())
    }

    /// Alerts, or answers where none has a score.
    pub const fn labelable(&self) -> u64 {
        if self.scored > 0 { self.alerts } else { self.analyses - self.errors }
    }

    /// Failed analyses among all, 0 to 1; 0 where there are none.
    pub fn error_rate(&self) -> f64 {
        rate(self.errors, self.analyses)
    }

    /// False positives among the labels, 0 to 1; 0 where there are none.
    pub fn fp_rate(&self) -> f64 {
        rate(self.labelled(Label::FalsePositive), self.feedback())
    }

    /// Missed threats among the labels, 0 to 1; 0 where there are none.
    pub fn missed_threat_rate(&self) -> f64 {
        rate(self.labelled(Label::MissedThreat), self.feedback())
    }

    /// Alerts among the scored answers, 0 to 1; 0 where there are none.
    pub fn alert_rate(&self) -> f64 {
        rate(self.alerts, self.scored)
    }

    /// Slow answers among those judged, 0 to 1; 0 where there are none.
    pub fn slow_rate(&self) -> f64 {
        rate(self.slow, self.paced)
    }

    /// Mean latency of the timed answers in milliseconds.
    pub fn latency_ms_mean(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.latency_us_sum as f64 / 1_000.0 / self.timed as f64)
    }

    /// Mean score of the scored answers, 0 to 100.
    pub fn score_mean(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.score_sum as f64 / self.scored as f64)
    }
}

pub(super) fn rate(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
