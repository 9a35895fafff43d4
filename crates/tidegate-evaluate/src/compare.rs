//! How both prompts compare by one metric, on the cases where both were measured.

use std::collections::BTreeMap;

use tidegate_spec::EvaluationMetric;
use tidegate_stats::moments::Moments;
use tidegate_stats::paired_share::PairedShare;
use tidegate_stats::range::OutOfRange;
use tidegate_stats::welch;

use crate::ALPHA;
use crate::bootstrap::{self, ScenarioSums};
use crate::compared::Compared;
use crate::metric::{EffectSize, Metric, MetricChange, MetricInterval, Outcomes, PairCounts};
use crate::reading::{MeasuredAnswer, Reading};
use crate::settings::Settings;
use crate::sides::Sides;
use crate::verdict::EvaluationVerdict;

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
pub(crate) fn metric(
    metric: EvaluationMetric,
    cases: &[Compared<'_>],
    settings: &Settings,
) -> Result<Metric, OutOfRange> {
    let (mut pairs, mut compared) = (PairCounts::default(), Vec::new());
    for case in cases {
        let Sides { control, treatment } = case.measure(metric);
        let measures = match (control, treatment) {
            (MeasuredAnswer::Right(control), MeasuredAnswer::Right(treatment)) => {
                Measured::Right(Sides { control, treatment })
            }
            (MeasuredAnswer::Milliseconds(control), MeasuredAnswer::Milliseconds(treatment)) => {
                Measured::Milliseconds(Sides { control, treatment })
            }
            (MeasuredAnswer::None, MeasuredAnswer::None) => {
                pairs.neither += 1;
                continue;
            }
            (_, MeasuredAnswer::None) => {
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
        verdict: EvaluationVerdict::TooFewCases,
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

fn clusters(pairs: &[Pair<'_>]) -> Vec<ScenarioSums> {
    let mut clusters: BTreeMap<&str, ScenarioSums> = BTreeMap::new();
    for pair in pairs {
        let cluster = clusters.entry(pair.scenario).or_default();
        cluster.difference_sum += pair.measures.difference();
        cluster.pairs += 1.0;
    }
    clusters.into_values().collect()
}

fn shares(
    pairs: &[Pair<'_>],
    scenario_interval: Option<MetricInterval>,
) -> Result<Option<MetricChange>, OutOfRange> {
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
    Ok(Some(MetricChange {
        control: of(share.both + share.control_only),
        treatment: of(share.both + share.treatment_only),
        difference,
        interval: Some(MetricInterval { low: interval.low, high: interval.high }),
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
        effect: EffectSize { name: "cohens_g", value: share.cohens_g() },
    }))
}

fn latencies(
    pairs: &[Pair<'_>],
    scenario_interval: Option<MetricInterval>,
) -> Result<Option<MetricChange>, OutOfRange> {
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
    let mut change = MetricChange {
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
        effect: EffectSize { name: "cohens_dz", value: None },
    };
    if differences.count() >= 2 {
        let estimate = welch::mean(&differences)?;
        let confidence = 1.0 - ALPHA / 2.0;
        let (low, high) = (estimate.lower_bound(confidence)?, estimate.upper_bound(confidence)?);
        change.interval = Some(relative(MetricInterval { low, high }));
        change.statistic = Some(estimate.statistic()).filter(|statistic| statistic.is_finite());
        change.degrees_of_freedom = Some(estimate.degrees.value());
        change.p = Some(estimate.p_two_sided());
        let spread = differences.variance().map(libm::sqrt).filter(|spread| *spread > 0.0);
        change.effect.value = spread.map(|spread| differences.mean() / spread);
    }
    Ok(Some(change))
}

/// Differences of logarithms as ratios less 1.
fn relative(logs: MetricInterval) -> MetricInterval {
    MetricInterval { low: libm::expm1(logs.low), high: libm::expm1(logs.high) }
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
        let is_right = case.measure(metric).map(|measure| measure == MeasuredAnswer::Right(true));
        right.control += u64::from(is_right.control);
        right.treatment += u64::from(is_right.treatment);
    }
    (asked > 0).then(|| right.map(|right| right as f64 / asked as f64))
}
