//! All runs of a scenario added up, and held against what was expected.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_engine::phase::Phase;
use tidegate_engine::review::ReviewVerdict;
use tidegate_spec::experiment::rule_name;
use tidegate_spec::scenario::{Bound, Expectation, RunMeasure};
use tidegate_stats::proportion::Proportion;

use crate::outcome::{Ending, RunOutcome};
use crate::world::World;

/// Two-sided error of the Monte-Carlo intervals.
const INTERVAL_ALPHA: f64 = 0.05;

/// All runs of a scenario added up. Shares are of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The scenario.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The rule that decided.
    pub rule: &'static str,
    /// How many rollouts were simulated.
    pub runs: u32,
    /// What fixed every random number.
    pub seed: u64,
    /// The share of runs that were rolled back, 0 to 1.
    pub rolled_back_share: f64,
    /// Rolled back, by what did it.
    pub rolled_back_by: BTreeMap<&'static str, f64>,
    /// Rolled back before any camera got the treatment.
    pub rolled_back_in_shadow_share: f64,
    /// Hours from the start of the phase to a rollback, of the runs rolled back.
    pub hours_to_rollback: Option<SpreadOverRuns>,
    /// The treatment proved itself.
    pub promoted_share: f64,
    /// Without a decision; those whose gate stayed shut included.
    pub inconclusive_share: f64,
    /// The shadow's gate never opened.
    pub gate_shut_share: f64,
    /// Any camera got the treatment.
    pub exposed_share: f64,
    /// Analyses by the treatment before a rollback, of the runs rolled back.
    pub treatment_analyses_before_rollback: Option<SpreadOverRuns>,
    /// Analyses by the treatment while it did harm, of all runs.
    pub harmed_analyses: Tail,
    /// What came of reviews, where people were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewSummary>,
    /// What was expected, and whether it came true.
    pub expectations: Vec<Judged>,
    /// Prompt calls that were simulated.
    pub simulated_analyses: u64,
}

/// What came of reviews. Shares are of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReviewSummary {
    /// It rejected the treatment, with nobody exposed or in the test after it.
    pub rejected_share: f64,
    /// It proved the treatment.
    pub proved_share: f64,
    /// It found the treatment harmless, and nothing more.
    pub harmless_share: f64,
    /// Answers, of the runs in which it rejected or proved.
    pub answers: Option<SpreadOverRuns>,
    /// Hours until it rejected the treatment or let it go on, of the runs in which it did.
    pub hours_to_decision: Option<SpreadOverRuns>,
}

/// How a number is spread over runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpreadOverRuns {
    /// 5 % of the runs are at or below it.
    pub p5: f64,
    /// Half of the runs are.
    pub p50: f64,
    /// 95 % of the runs are.
    pub p95: f64,
}

/// The middle and the upper end of a number over runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tail {
    /// Half of the runs are at or below it.
    pub p50: f64,
    /// 95 % of the runs are.
    pub p95: f64,
}

/// An expectation held against the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Its key in the scenario.
    pub name: &'static str,
    /// What it asked for.
    pub bound: f64,
    /// Which way and what.
    #[serde(skip)]
    pub wanted: Expectation,
    /// What was measured; nothing where no run has it.
    pub measured: Option<f64>,
    /// The 95 % Monte-Carlo interval: Clopper and Pearson's for shares, of order
    /// statistics for quantiles; an end that nothing bounds is null in JSON.
    pub interval: Option<[f64; 2]>,
    /// Whether it came true.
    pub verdict: Met,
}

/// Whether an expectation came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It did, with the whole interval.
    Met,
    /// It did not, with the whole interval.
    Failed,
    /// The bound lies within the interval: the runs are too few to tell.
    TooFewRuns,
}

impl Summary {
    /// Adds outcomes up, in the order of their runs.
    pub fn new(world: &World, outcomes: &[RunOutcome]) -> Self {
        let scenario = world.scenario();
        let count = outcomes.len() as f64;
        let tally =
            |is: fn(&RunOutcome) -> bool| outcomes.iter().filter(|o| is(o)).count() as f64 / count;
        let mut rolled_back_by = BTreeMap::new();
        for outcome in outcomes {
            if let Ending::RolledBack(stopper) = outcome.ending {
                *rolled_back_by.entry(stopper.as_str()).or_insert(0.0) += 1.0;
            }
        }
        for runs in rolled_back_by.values_mut() {
            *runs /= count;
        }
        let sample = Sample { outcomes };
        let spread = |values: &[f64]| {
            let at = |part| quantile(values, part);
            Some(SpreadOverRuns { p5: at(0.05)?, p50: at(0.5)?, p95: at(0.95)? })
        };
        let harmed = sample.values(|o| Some(o.harmed_analyses as f64));
        let tail = |part| quantile(&harmed, part).unwrap_or(0.0);
        let rolled_back_in_shadow_share = tally(|o| o.is_rolled_back() && o.phase == Phase::Shadow);
        Self {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            rule: rule_name(world.definition().experiment().guardrails.rule),
            runs: scenario.runs,
            seed: scenario.seed,
            rolled_back_share: tally(RunOutcome::is_rolled_back),
            rolled_back_by,
            rolled_back_in_shadow_share,
            hours_to_rollback: spread(&sample.values(RunOutcome::hours_to_rollback)),
            promoted_share: tally(|o| o.ending == Ending::Promoted),
            inconclusive_share: tally(RunOutcome::is_inconclusive),
            gate_shut_share: tally(|o| o.ending == Ending::GateShut),
            exposed_share: tally(|o| o.treatment_analyses > 0),
            treatment_analyses_before_rollback: spread(
                &sample.values(RunOutcome::treatment_to_rollback),
            ),
            harmed_analyses: Tail { p50: tail(0.5), p95: tail(0.95) },
            review: scenario.reviewers.map(|_| ReviewSummary {
                rejected_share: tally(|o| o.review.is_some_and(|review| review.is_rejected())),
                proved_share: tally(RunOutcome::is_proved),
                harmless_share: tally(|o| {
                    o.review.is_some_and(|review| review.verdict == ReviewVerdict::Pass)
                }),
                answers: spread(&sample.values(RunOutcome::answers)),
                hours_to_decision: spread(&sample.values(RunOutcome::hours_to_decision)),
            }),
            expectations: scenario.expect.iter().map(|wanted| sample.judge(wanted)).collect(),
            simulated_analyses: outcomes.iter().map(|outcome| outcome.analyses).sum(),
        }
    }

    /// Whether an expectation failed.
    pub fn failed(&self) -> bool {
        self.expectations.iter().any(|judged| judged.verdict == Met::Failed)
    }
}

impl RunOutcome {
    /// Whether it was rolled back.
    pub const fn is_rolled_back(&self) -> bool {
        matches!(self.ending, Ending::RolledBack(_))
    }

    const fn is_inconclusive(&self) -> bool {
        matches!(self.ending, Ending::Inconclusive | Ending::GateShut)
    }

    /// Hours from the start of its phase to its rollback.
    pub fn hours_to_rollback(&self) -> Option<f64> {
        self.is_rolled_back().then_some(self.hours)
    }

    /// Whether its review rejected the treatment or let it go on.
    pub fn is_reviewed(&self) -> bool {
        self.review.is_some_and(|review| review.decided_hours.is_some())
    }

    /// Whether its review proved the treatment.
    pub fn is_proved(&self) -> bool {
        self.review.is_some_and(|review| review.is_proved())
    }

    /// Answers until its review rejected or proved the treatment.
    pub fn answers(&self) -> Option<f64> {
        let review = self.review.filter(|review| review.is_rejected() || review.is_proved());
        review.map(|review| review.answers as f64)
    }

    /// Hours until its review rejected the treatment or let it go on.
    pub fn hours_to_decision(&self) -> Option<f64> {
        self.review?.decided_hours
    }

    fn treatment_to_rollback(&self) -> Option<f64> {
        self.is_rolled_back().then_some(self.treatment_analyses as f64)
    }
}

/// The outcomes of one scenario.
struct Sample<'a> {
    outcomes: &'a [RunOutcome],
}

impl Sample<'_> {
    /// A number of each run that has it, in ascending order.
    fn values(&self, value: impl Fn(&RunOutcome) -> Option<f64>) -> Vec<f64> {
        let mut values: Vec<f64> = self.outcomes.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn is_seldom_rolled_back(&self) -> bool {
        let count = self.outcomes.iter().filter(|outcome| outcome.is_rolled_back()).count() as u64;
        let share = Proportion::new(count, self.outcomes.len() as u64);
        let interval = share.and_then(|share| share.clopper_pearson(INTERVAL_ALPHA));
        interval.is_ok_and(|interval| interval.high < 0.5)
    }

    fn judge(&self, wanted: &Expectation) -> Judged {
        let share = |is: &dyn Fn(&RunOutcome) -> bool| {
            let count = self.outcomes.iter().filter(|outcome| is(outcome)).count() as u64;
            let proportion = Proportion::new(count, self.outcomes.len() as u64).ok()?;
            let interval = proportion.clopper_pearson(INTERVAL_ALPHA).ok()?;
            Some((proportion.value(), [interval.low, interval.high]))
        };
        let at = |values: &[f64], part: f64| {
            Some((quantile(values, part)?, quantile_interval(values, part)?))
        };
        let found = match wanted.measure {
            RunMeasure::RolledBackShare => share(&RunOutcome::is_rolled_back),
            RunMeasure::PromotedShare => share(&|o| o.ending == Ending::Promoted),
            RunMeasure::InconclusiveShare => share(&RunOutcome::is_inconclusive),
            RunMeasure::ExposedShare => share(&|o| o.treatment_analyses > 0),
            RunMeasure::ReviewedShare => share(&RunOutcome::is_reviewed),
            RunMeasure::ProvedShare => share(&RunOutcome::is_proved),
            RunMeasure::Answers(q) => at(&self.values(RunOutcome::answers), q.part()),
            RunMeasure::HoursToDecision(q) => {
                at(&self.values(RunOutcome::hours_to_decision), q.part())
            }
            RunMeasure::HoursToRollback(q) => {
                at(&self.values(RunOutcome::hours_to_rollback), q.part())
            }
            RunMeasure::TreatmentAnalyses(q) => {
                at(&self.values(RunOutcome::treatment_to_rollback), q.part())
            }
            RunMeasure::HarmedAnalyses(q) => {
                at(&self.values(|o| Some(o.harmed_analyses as f64)), q.part())
            }
        };
        let verdict = match (found, wanted.bound) {
            // Nothing is measured of runs that are not rolled back; it fails where most of them are not.
            (None, _) if self.is_seldom_rolled_back() => Met::Failed,
            (Some((_, [low, _])), Bound::Min) if low >= wanted.value => Met::Met,
            (Some((_, [_, high])), Bound::Min) if high < wanted.value => Met::Failed,
            (Some((_, [_, high])), Bound::Max) if high <= wanted.value => Met::Met,
            (Some((_, [low, _])), Bound::Max) if low > wanted.value => Met::Failed,
            (Some(_) | None, _) => Met::TooFewRuns,
        };
        Judged {
            name: wanted.name,
            bound: wanted.value,
            wanted: *wanted,
            measured: found.map(|(measured, _)| measured),
            interval: found.map(|(_, interval)| interval),
            verdict,
        }
    }
}

/// The value at or below which a part of the sorted values lies.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let rank = (part * sorted.len() as f64).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    let index = (rank as usize).max(1) - 1;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied()
}

/// The 95 % interval of a quantile between two values that occurred: how many lie below it is binomial. An
/// end that no value bounds is zero, as nothing measured is below, or infinite.
fn quantile_interval(sorted: &[f64], part: f64) -> Option<[f64; 2]> {
    let count = sorted.len() as u64;
    // With k of all below, the part is within Clopper and Pearson's interval of k, or k is too rare.
    let around =
        |below: u64| Proportion::new(below, count).ok()?.clopper_pearson(INTERVAL_ALPHA).ok();
    around(0)?;
    let ranks = |is: &dyn Fn(u64) -> bool| -> u64 {
        let (mut from, mut to) = (0, count + 1);
        while from < to {
            let middle = u64::midpoint(from, to);
            if is(middle) { from = middle + 1 } else { to = middle }
        }
        from
    };
    // The most values that are too few to lie below, and the fewest that are too many.
    let too_few = ranks(&|below| {
        below <= count && around(below).is_some_and(|interval| interval.high <= part)
    });
    let too_many =
        ranks(&|below| below <= count && around(below).is_some_and(|interval| interval.low < part));
    let at = |rank: u64| usize::try_from(rank).ok().and_then(|rank| sorted.get(rank)).copied();
    let low = too_few.checked_sub(1).and_then(at).unwrap_or(0.0);
    let high = too_many.checked_sub(1).and_then(at).unwrap_or(f64::INFINITY);
    Some([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.05), Some(1.0));
        assert_eq!(quantile(&values, 0.5), Some(10.0));
        assert_eq!(quantile(&values, 0.95), Some(19.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile_interval(&values, 0.5), Some([6.0, 15.0]));
    }

    #[test]
    fn an_interval_of_a_quantile_has_an_end_only_where_a_value_bounds_it() {
        // The median of 20 lies between the 6th and the 15th value: 2 P(B(20, ½) <= 5) = 4.1 %.
        // Of five values nothing bounds it: 2 / 2^5 = 6.3 %; of six the outermost do: 2 / 2^6 = 3.1 %.
        assert_eq!(quantile_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5), Some([0.0, f64::INFINITY]));
        let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(quantile_interval(&six, 0.5), Some([1.0, 6.0]));
        // 0.95^72 = 2.5 % is the chance that 72 values all lie below the 95 % point.
        let below = |count: u32| {
            let values: Vec<f64> = (1..=count).map(f64::from).collect();
            quantile_interval(&values, 0.95).unwrap()[1].is_finite()
        };
        assert!(!below(71) && below(72));
    }
}
