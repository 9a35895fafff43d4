//! A whole evaluation: every metric, what follows, and where the prompts differ.

use std::collections::BTreeSet;

use serde::Serialize;
use tidegate_engine::id::PromptKey;
use tidegate_spec::case::Case;
use tidegate_stats::holm;
use tidegate_stats::range::OutOfRange;

use crate::ALPHA;
use crate::compare;
use crate::compared::Compared;
use crate::differing::{self, Differing};
use crate::judge;
use crate::metric::{Metric, MetricChange};
use crate::reading::{ReadAnswer, Reading};
use crate::scenarios::{self, InScenario};
use crate::settings::Settings;
use crate::sides::Sides;
use crate::verdict::EvaluationVerdict;

/// Two prompts compared on a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The prompt version in use.
    pub control: String,
    /// The prompt version being tried.
    pub treatment: String,
    /// Cases of the data set.
    pub cases: u64,
    /// Scenarios they come from.
    pub scenarios: u64,
    /// What became of the answers.
    pub answers: Sides<AnswerCounts>,
    /// The allowed chance of any false finding; intervals hold with 1 less this.
    pub alpha: f64,
    /// How scenarios were drawn.
    pub bootstrap: Bootstrap,
    /// Each metric.
    pub metrics: Vec<Metric>,
    /// What follows of all of them.
    pub verdict: EvaluationVerdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Right answers by scenario, in the order of their names.
    pub by_scenario: Vec<InScenario>,
    /// The cases in which one prompt was right where the other was not, in the order of the data set.
    pub differing: Vec<Differing>,
}

/// What became of one prompt's answers, by case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AnswerCounts {
    /// Had a score and a level.
    pub parsed: u64,
    /// Came back, but cannot be used.
    pub unparsed: u64,
    /// Did not come back.
    pub failed: u64,
    /// Were not asked for.
    pub absent: u64,
}

/// How scenarios were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// How many times whole scenarios were drawn.
    pub resamples: u32,
    /// What fixes the draws.
    pub seed: u64,
    /// What draws from it.
    pub generator: &'static str,
}

/// Why two prompts cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// Both prompts are the same.
    #[error("control and treatment are both `{0}`, allowed: two different prompt versions")]
    SamePrompt(PromptKey),
    /// There is nothing to compare on.
    #[error("the data set has no case, allowed: at least one")]
    NoCase,
    /// No case has an answer of a prompt.
    #[error("no case has an answer of `{prompt}`, there are answers of: {known}")]
    NoAnswers {
        /// The prompt version.
        prompt: PromptKey,
        /// Those that have answers.
        known: String,
    },
    /// A sum exceeds every number.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

impl Evaluation {
    /// Compares both prompts.
    ///
    /// # Errors
    /// [`EvaluateError`] for one prompt named twice, for no case, and for a prompt without any answer.
    pub fn new(cases: &[Case], settings: &Settings) -> Result<Self, EvaluateError> {
        check(cases, settings)?;
        let keys = Sides { control: &settings.control, treatment: &settings.treatment };
        let compared: Vec<Compared<'_>> = cases
            .iter()
            .map(|case| Compared {
                case,
                sides: keys.map(|key| ReadAnswer::new(case.answers.get(key))),
            })
            .collect();
        let mut wanted = settings.metrics.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let metrics: Result<Vec<Metric>, OutOfRange> =
            wanted.iter().map(|metric| compare::metric(*metric, &compared, settings)).collect();
        let mut metrics = metrics?;
        adjust(&mut metrics)?;
        metrics.iter_mut().for_each(judge::judge);
        let (verdict, reason) = judge::overall(&metrics);
        let names: BTreeSet<&str> = cases.iter().map(|case| case.scenario.as_str()).collect();
        Ok(Self {
            control: settings.control.to_string(),
            treatment: settings.treatment.to_string(),
            cases: cases.len() as u64,
            scenarios: names.len() as u64,
            answers: answers(&compared),
            alpha: ALPHA,
            bootstrap: Bootstrap {
                resamples: settings.resamples,
                seed: settings.seed,
                generator: "ChaCha8",
            },
            metrics,
            verdict,
            reason,
            by_scenario: scenarios::by_scenario(&compared),
            differing: differing::find(&compared, &wanted),
        })
    }
}

fn check(cases: &[Case], settings: &Settings) -> Result<(), EvaluateError> {
    if settings.control == settings.treatment {
        return Err(EvaluateError::SamePrompt(settings.control.clone()));
    }
    if cases.is_empty() {
        return Err(EvaluateError::NoCase);
    }
    for prompt in [&settings.control, &settings.treatment] {
        if !cases.iter().any(|case| case.answers.contains_key(prompt)) {
            let known: BTreeSet<&str> =
                cases.iter().flat_map(|case| case.answers.keys()).map(PromptKey::as_str).collect();
            let more = if known.len() > 20 { ", …" } else { "" };
            let first: Vec<&str> = known.into_iter().take(20).collect();
            let known = format!("{}{more}", first.join(", "));
            return Err(EvaluateError::NoAnswers { prompt: prompt.clone(), known });
        }
    }
    Ok(())
}

fn answers(cases: &[Compared<'_>]) -> Sides<AnswerCounts> {
    let mut answers = Sides::<AnswerCounts>::default();
    for case in cases {
        count(&mut answers.control, &case.sides.control.reading);
        count(&mut answers.treatment, &case.sides.treatment.reading);
    }
    answers
}

const fn count(answers: &mut AnswerCounts, reading: &Reading) {
    match reading {
        Reading::Absent => answers.absent += 1,
        Reading::Failed(_) => answers.failed += 1,
        Reading::Unparsed(_) => answers.unparsed += 1,
        Reading::Parsed { .. } => answers.parsed += 1,
    }
}

/// Holm's method over the metrics that were tested.
fn adjust(metrics: &mut [Metric]) -> Result<(), OutOfRange> {
    let tested: Vec<&mut MetricChange> = metrics
        .iter_mut()
        .filter_map(|metric| metric.change.as_mut())
        .filter(|change| change.p.is_some())
        .collect();
    let values: Vec<f64> = tested.iter().filter_map(|change| change.p).collect();
    for (change, p) in tested.into_iter().zip(holm::adjusted(&values)?) {
        change.p_holm = Some(p);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
