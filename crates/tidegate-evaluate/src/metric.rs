//! One metric: both prompts on the cases where both were measured.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_spec::EvaluationMetric;
use tidegate_stats::moments::Moments;
use tidegate_stats::paired_share::PairedShare;
use tidegate_stats::range::OutOfRange;
use tidegate_stats::welch;

use crate::ALPHA;
use crate::bootstrap::{self, Cluster};
use crate::evaluation::{Compared, Settings, Sides};
use crate::reading::{Measure, Reading};
use crate::verdict::Verdict;

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
}

/// What one metric says of both prompts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    #[serde(serialize_with = "name")]
    pub metric: EvaluationMetric,
    /// The cases it could be measured on.
    pub pairs: Pairs,
    /// The comparison; none where no case was measured on both sides.
    pub change: Option<Change>,
    /// Both shares with failures counted as wrong answers, over the cases that both were asked: what is left out
    /// above decides nothing here. None for a metric that leaves nothing out, and for a latency.
    pub of_all: Option<Sides<f64>>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
}

/// Cases by the sides on which a metric could be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pairs {
    /// On both; these are compared.
    pub both: u64,
    /// Scenarios that these come from.
    pub scenarios: u64,
    /// On the control's side alone.
    pub control_only: u64,
    /// On the treatment's side alone.
    pub treatment_only: u64,
    /// On neither.
    pub neither: u64,
}

impl Pairs {
    /// Cases that are left out.
    pub const fn left_out(&self) -> u64 {
        self.control_only + self.treatment_only + self.neither
    }
}

/// The treatment compared with the control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The control's share, or the geometric mean of its latencies in milliseconds.
    pub control: f64,
    /// The treatment's.
    pub treatment: f64,
    /// Treatment less control for shares; treatment over control, less 1, for latencies.
    pub difference: f64,
    /// The difference with 95 % confidence, every case on its own: Tango's score interval for shares, that of the
    /// paired t for latencies; none for a single latency.
    pub interval: Option<Interval>,
    /// The difference with 95 % confidence, by the bootstrap over scenarios; none for a single scenario.
    pub scenario_interval: Option<Interval>,
    /// `mcnemar_exact` or `paired_t_of_logarithms`.
    pub test: &'static str,
    /// How the answers of both sides fell, for shares.
    pub outcomes: Option<Outcomes>,
    /// Student's t, for latencies; none where it is infinite.
    pub statistic: Option<f64>,
    /// Its degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// The chance of a difference at least as large were there none, two-sided; none for a single latency.
    pub p: Option<f64>,
    /// The same, adjusted by Holm's method for the number of metrics.
    pub p_holm: Option<f64>,
    /// How large the difference is beside what varies.
    pub effect: Effect,
}

/// Pairs by what was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Both were right.
    pub both_right: u64,
    /// The control alone was.
    pub control_right: u64,
    /// The treatment alone was.
    pub treatment_right: u64,
    /// Neither was.
    pub neither_right: u64,
}

/// An effect size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// `cohens_g` or `cohens_dz`.
    pub name: &'static str,
    /// Its value; none where nothing varies.
    pub value: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn name<S: serde::Serializer>(metric: &EvaluationMetric, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(metric.as_str())
}

/// A case measured on both sides.
struct Pair<'a> {
    scenario: &'a str,
    measures: Measured,
}

#[derive(Clone, Copy)]
enum Measured {
    Right(Sides<bool>),
    Milliseconds(Sides<f64>),
}

impl Measured {
    /// What the bootstrap sums: treatment less control, of logarithms for times.
    fn difference(self) -> f64 {
        match self {
            Self::Right(Sides { control, treatment }) => {
                f64::from(u8::from(treatment)) - f64::from(u8::from(control))
            }
            Self::Milliseconds(Sides { control, treatment }) => {
                libm::log(treatment) - libm::log(control)
            }
        }
    }
}

/// Compares both prompts by one metric; the verdict and Holm's p wait for the other metrics.
pub(crate) fn compare(
    metric: EvaluationMetric,
    cases: &[Compared<'_>],
    settings: &Settings,
) -> Result<Metric, OutOfRange> {
    let (mut pairs, mut compared) = (Pairs::default(), Vec::new());
    for case in cases {
        let Sides { control, treatment } =
            case.sides.as_ref().map(|read| read.measure(metric, &case.case.expected));
        let measures = match (control, treatment) {
            (Measure::Right(control), Measure::Right(treatment)) => {
                Measured::Right(Sides { control, treatment })
            }
            (Measure::Milliseconds(control), Measure::Milliseconds(treatment)) => {
                Measured::Milliseconds(Sides { control, treatment })
            }
            (Measure::None, Measure::None) => {
                pairs.neither += 1;
                continue;
            }
            (_, Measure::None) => {
                pairs.control_only += 1;
                continue;
            }
            (_, _) => {
                pairs.treatment_only += 1;
                continue;
            }
        };
        pairs.both += 1;
        compared.push(Pair { scenario: &case.case.scenario, measures });
    }
    let clusters = clusters(&compared);
    pairs.scenarios = clusters.len() as u64;
    let over_scenarios =
        bootstrap::interval(&clusters, settings.resamples, settings.seed, stream(metric), ALPHA);
    let change = match metric {
        EvaluationMetric::JsonParseSuccessRate
        | EvaluationMetric::ScoreInRangeAccuracy
        | EvaluationMetric::LevelMatchAccuracy => shares(&compared, over_scenarios)?,
        EvaluationMetric::ResponseLatencyMs => latencies(&compared, over_scenarios)?,
    };
    let of_all = of_all(metric, cases);
    Ok(Metric {
        metric,
        pairs,
        change,
        of_all,
        verdict: Verdict::TooFewCases,
        reason: String::new(),
    })
}

/// The draws of each metric are its own, so that leaving one out changes no other.
const fn stream(metric: EvaluationMetric) -> u64 {
    match metric {
        EvaluationMetric::JsonParseSuccessRate => 0,
        EvaluationMetric::ScoreInRangeAccuracy => 1,
        EvaluationMetric::LevelMatchAccuracy => 2,
        EvaluationMetric::ResponseLatencyMs => 3,
    }
}

fn clusters(pairs: &[Pair<'_>]) -> Vec<Cluster> {
    let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
    for pair in pairs {
        let cluster = clusters.entry(pair.scenario).or_default();
        cluster.difference_sum += pair.measures.difference();
        cluster.pairs += 1.0;
    }
    clusters.into_values().collect()
}

fn shares(
    pairs: &[Pair<'_>],
    scenario_interval: Option<Interval>,
) -> Result<Option<Change>, OutOfRange> {
    let mut share = PairedShare::default();
    for pair in pairs {
        let Measured::Right(Sides { control, treatment }) = pair.measures else { continue };
        match (control, treatment) {
            (true, true) => share.both += 1,
            (true, false) => share.control_only += 1,
            (false, true) => share.treatment_only += 1,
            (false, false) => share.neither += 1,
        }
    }
    let Some(difference) = share.difference() else { return Ok(None) };
    let of = |right: u64| right as f64 / share.trials() as f64;
    let interval = share.tango(ALPHA)?;
    Ok(Some(Change {
        control: of(share.both + share.control_only),
        treatment: of(share.both + share.treatment_only),
        difference,
        interval: Some(Interval { low: interval.low, high: interval.high }),
        scenario_interval,
        test: "mcnemar_exact",
        outcomes: Some(Outcomes {
            both_right: share.both,
            control_right: share.control_only,
            treatment_right: share.treatment_only,
            neither_right: share.neither,
        }),
        statistic: None,
        degrees_of_freedom: None,
        p: Some(share.p_two_sided()),
        p_holm: None,
        effect: Effect { name: "cohens_g", value: share.cohens_g() },
    }))
}

fn latencies(
    pairs: &[Pair<'_>],
    scenario_interval: Option<Interval>,
) -> Result<Option<Change>, OutOfRange> {
    let (mut logs, mut differences) =
        (Sides { control: Moments::default(), treatment: Moments::default() }, Moments::default());
    for pair in pairs {
        let Measured::Milliseconds(Sides { control, treatment }) = pair.measures else { continue };
        logs.control.add(libm::log(control))?;
        logs.treatment.add(libm::log(treatment))?;
        differences.add(pair.measures.difference())?;
    }
    if differences.count() == 0 {
        return Ok(None);
    }
    let means = logs.map(|moments| libm::exp(moments.mean()));
    let mut change = Change {
        control: means.control,
        treatment: means.treatment,
        difference: libm::expm1(differences.mean()),
        interval: None,
        scenario_interval: scenario_interval.map(relative),
        test: "paired_t_of_logarithms",
        outcomes: None,
        statistic: None,
        degrees_of_freedom: None,
        p: None,
        p_holm: None,
        effect: Effect { name: "cohens_dz", value: None },
    };
    if differences.count() >= 2 {
        let estimate = welch::mean(&differences)?;
        let confidence = 1.0 - ALPHA / 2.0;
        let (low, high) = (estimate.lower_bound(confidence)?, estimate.upper_bound(confidence)?);
        change.interval = Some(relative(Interval { low, high }));
        change.statistic = Some(estimate.statistic()).filter(|statistic| statistic.is_finite());
        change.degrees_of_freedom = Some(estimate.degrees.value());
        change.p = Some(estimate.p_two_sided());
        let spread = differences.variance().map(libm::sqrt).filter(|spread| *spread > 0.0);
        change.effect.value = spread.map(|spread| differences.mean() / spread);
    }
    Ok(Some(change))
}

/// Differences of logarithms as ratios less 1.
fn relative(logs: Interval) -> Interval {
    Interval { low: libm::expm1(logs.low), high: libm::expm1(logs.high) }
}

/// Both shares of right answers among the cases that both prompts were asked.
fn of_all(metric: EvaluationMetric, cases: &[Compared<'_>]) -> Option<Sides<f64>> {
    match metric {
        EvaluationMetric::ScoreInRangeAccuracy | EvaluationMetric::LevelMatchAccuracy => {}
        EvaluationMetric::JsonParseSuccessRate | EvaluationMetric::ResponseLatencyMs => {
            return None;
        }
    }
    let (mut asked, mut right) = (0_u64, Sides { control: 0_u64, treatment: 0_u64 });
    for case in cases {
        if case.sides.as_ref().any(|read| read.reading == Reading::Absent) {
            continue;
        }
        asked += 1;
        let is_right = case
            .sides
            .as_ref()
            .map(|read| read.measure(metric, &case.case.expected) == Measure::Right(true));
        right.control += u64::from(is_right.control);
        right.treatment += u64::from(is_right.treatment);
    }
    (asked > 0).then(|| right.map(|right| right as f64 / asked as f64))
}
