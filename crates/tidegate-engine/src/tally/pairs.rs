//! What was counted over events that both prompts answered.

use super::analyses::{Cuts, LATENCY_US_MAX, SCORE_MAX, Tally, rate};
use crate::number::{Latency, RiskScore};
use crate::observation::{Label, Outcome};
use crate::variant::ByVariant;

/// Sums over the comparisons of the shadow phase: both sides, and their differences pair by pair.
///
/// A difference is the treatment's value less the control's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pairs {
    /// Each side's own sums, over its own valid values.
    pub sides: ByVariant<Tally>,
    /// Comparisons in which only the control failed.
    pub control_failed: u64,
    /// Comparisons in which only the treatment failed.
    pub treatment_failed: u64,
    /// Comparisons in which both failed.
    pub both_failed: u64,
    /// Comparisons with both scores.
    pub scored: u64,
    /// Comparisons in which the treatment scored lower.
    pub lower: u64,
    /// Comparisons in which both scored the same.
    pub same: u64,
    /// Comparisons in which the treatment scored higher.
    pub higher: u64,
    /// Sum of the score differences.
    pub score_diff_sum: i64,
    /// Sum of the score differences without their signs.
    pub score_diff_abs_sum: u64,
    /// Sum of the squared score differences.
    pub score_diff_square_sum: u64,
    /// Comparisons with both latencies.
    pub timed: u64,
    /// Sum of the control's latencies in these, in microseconds.
    pub control_latency_us_sum: u64,
    /// Sum of the latency differences in microseconds.
    pub latency_us_diff_sum: i64,
    /// Sum of the squared latency differences in microseconds squared.
    pub latency_us_diff_square_sum: u128,
    /// Comparisons with both latencies, each judged slow or not.
    pub paced: u64,
    /// Those in which only the control was slow.
    pub control_slow: u64,
    /// Those in which only the treatment was slow.
    pub treatment_slow: u64,
    /// Comparisons with both scores in which only the control alerted.
    pub control_alerted: u64,
    /// Comparisons with both scores in which only the treatment alerted.
    pub treatment_alerted: u64,
    /// Comparisons in which the control alerted and a person confirmed the threat.
    pub confirmed: u64,
    /// Those in which the treatment alerted too.
    pub retained: u64,
    /// Comparisons in which the treatment was slower than the warning threshold allows.
    pub latency_warnings: u64,
}

impl Pairs {
    /// Adds one comparison; `warned` is its [latency warning].
    ///
    /// [latency warning]: crate::observation::Comparison::latency_warning
    pub fn add(&mut self, outcomes: &ByVariant<Outcome>, cuts: Cuts, warned: Warned) {
        let (control, treatment) = (outcomes.control, outcomes.treatment);
        self.sides.control.add(control, cuts);
        self.sides.treatment.add(treatment, cuts);
        match (control.failed(), treatment.failed()) {
            (true, true) => self.both_failed += 1,
            (true, false) => self.control_failed += 1,
            (false, true) => self.treatment_failed += 1,
            (false, false) => {}
        }
        if let (Some(control), Some(treatment)) = (control.score(), treatment.score()) {
            self.add_scores(control, treatment, cuts.alert_threshold);
        }
        if let (Some(control), Some(treatment)) = (control.latency(), treatment.latency()) {
            self.add_latencies(control, treatment, cuts.slow_above);
        }
        self.latency_warnings += u64::from(warned == Warned::Yes);
    }

    fn add_scores(&mut self, control: RiskScore, treatment: RiskScore, alert_threshold: RiskScore) {
        let diff = i64::from(treatment.value()) - i64::from(control.value());
        self.scored += 1;
        self.score_diff_sum += diff;
        self.score_diff_abs_sum += diff.unsigned_abs();
        self.score_diff_square_sum += diff.unsigned_abs().pow(2);
        match diff {
            ..0 => self.lower += 1,
            0 => self.same += 1,
            1.. => self.higher += 1,
        }
        let (control, treatment) = (control >= alert_threshold, treatment >= alert_threshold);
        self.control_alerted += u64::from(control && !treatment);
        self.treatment_alerted += u64::from(treatment && !control);
    }

    fn add_latencies(&mut self, control: Latency, treatment: Latency, slow: Option<Latency>) {
        let diff = i64::from(treatment.us()) - i64::from(control.us());
        self.timed += 1;
        self.control_latency_us_sum += u64::from(control.us());
        self.latency_us_diff_sum += diff;
        self.latency_us_diff_square_sum += u128::from(diff.unsigned_abs().pow(2));
        if let Some(slow_above) = slow {
            let (control, treatment) = (control > slow_above, treatment > slow_above);
            self.paced += 1;
            self.control_slow += u64::from(control && !treatment);
            self.treatment_slow += u64::from(treatment && !control);
        }
    }

    /// Counts a label of an event on which the control alerted, in place of the one it had before.
    pub fn relabel(&mut self, former: Option<Label>, label: Label, treatment_alerted: Alerted) {
        let retained = u64::from(treatment_alerted == Alerted::Yes);
        if former == Some(Label::Correct) {
            self.confirmed = self.confirmed.saturating_sub(1);
            self.retained = self.retained.saturating_sub(retained);
        }
        if label == Label::Correct {
            self.confirmed += 1;
            self.retained += retained;
        }
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        // Taken apart without `..`, so that a new sum cannot be forgotten here.
        let Self {
            sides,
            control_failed,
            treatment_failed,
            both_failed,
            scored,
            lower,
            same,
            higher,
            score_diff_sum,
            score_diff_abs_sum,
            score_diff_square_sum,
            timed,
            control_latency_us_sum,
            latency_us_diff_sum,
            latency_us_diff_square_sum,
            paced,
            control_slow,
            treatment_slow,
            control_alerted,
            treatment_alerted,
            confirmed,
            retained,
            latency_warnings,
        } = *other;
        self.sides.control.merge(&sides.control);
        self.sides.treatment.merge(&sides.treatment);
        self.control_failed += control_failed;
        self.treatment_failed += treatment_failed;
        self.both_failed += both_failed;
        self.scored += scored;
        self.lower += lower;
        self.same += same;
        self.higher += higher;
        self.score_diff_sum += score_diff_sum;
        self.score_diff_abs_sum += score_diff_abs_sum;
        self.score_diff_square_sum += score_diff_square_sum;
        self.timed += timed;
        self.control_latency_us_sum += control_latency_us_sum;
        self.latency_us_diff_sum += latency_us_diff_sum;
        self.latency_us_diff_square_sum += latency_us_diff_square_sum;
        self.paced += paced;
        self.control_slow += control_slow;
        self.treatment_slow += treatment_slow;
        self.control_alerted += control_alerted;
        self.treatment_alerted += treatment_alerted;
        self.confirmed += confirmed;
        self.retained += retained;
        self.latency_warnings += latency_warnings;
    }

    /// Whether these can be sums over at most `comparisons_max` comparisons, its sides included.
    pub(crate) fn can_be(&self, comparisons_max: u64) -> bool {
        let all = self.comparisons();
        let latency_max = self.timed.saturating_mul(LATENCY_US_MAX);
        let parts = [
            (self.control_failed, all),
            (self.treatment_failed, all),
            (self.both_failed, all),
            (self.scored, all),
            (self.lower, self.scored),
            (self.same, self.scored),
            (self.higher, self.scored),
            (self.score_diff_abs_sum, self.scored.saturating_mul(SCORE_MAX)),
            (self.score_diff_sum.unsigned_abs(), self.score_diff_abs_sum),
            (self.score_diff_square_sum, self.scored.saturating_mul(SCORE_MAX * SCORE_MAX)),
            (self.timed, all),
            (self.control_latency_us_sum, latency_max),
            (self.latency_us_diff_sum.unsigned_abs(), latency_max),
            (self.paced, self.timed),
            (self.control_slow, self.paced),
            (self.treatment_slow, self.paced),
            (self.control_alerted, self.scored),
            (self.treatment_alerted, self.scored),
            (self.confirmed, all),
            (self.retained, self.confirmed),
            (self.latency_warnings, all),
        ];
        let squares_max = u128::from(self.timed) * u128::from(LATENCY_US_MAX * LATENCY_US_MAX);
        let sides = [&self.sides.control, &self.sides.treatment];
        sides.into_iter().all(|side| side.can_be(comparisons_max))
            && parts.into_iter().all(|(part, whole)| part <= whole)
            && self.latency_us_diff_square_sum <= squares_max
    }

    /// All comparisons.
    pub const fn comparisons(&self) -> u64 {
        self.sides.control.analyses
    }

    /// Mean score difference, -100 to 100; negative where the treatment scores lower.
    pub fn score_diff_mean(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.score_diff_sum as f64 / self.scored as f64)
    }

    /// Mean score difference without signs, 0 to 100.
    pub fn score_diff_abs_mean(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.score_diff_abs_sum as f64 / self.scored as f64)
    }

    /// Mean latency difference in milliseconds.
    pub fn latency_ms_diff_mean(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.latency_us_diff_sum as f64 / 1_000.0 / self.timed as f64)
    }

    /// Comparisons with a lower score among all comparisons, in percent to one decimal.
    pub fn lower_pct(&self) -> f64 {
        let tenths = rate(self.lower, self.comparisons()) * 1_000.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let rounded = (tenths + 0.5) as u64;
        rounded as f64 / 10.0
    }
}

/// Whether a comparison passed its latency warning threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warned {
    /// It did.
    Yes,
    /// It did not.
    No,
}

/// Whether an outcome reached the alert threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alerted {
    /// It did.
    Yes,
    /// It did not.
    No,
}
