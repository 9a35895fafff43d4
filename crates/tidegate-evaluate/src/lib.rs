//! Two prompt versions compared offline, on cases whose right answers are known.
//!
//! A [case](tidegate_spec::case::Case) has an expected range of risk scores, an expected level, and what each prompt
//! answered. For each [metric](tidegate_spec::EvaluationMetric) both prompts are compared on the cases where both
//! were measured: the difference, its interval, an exact or a paired test, an effect size, and a bootstrap over
//! scenarios, as cases of one scenario are alike. Holm's method bounds the chance of any false finding.
//!
//! [`Evaluation::new`] does all of it; [`report::html`] makes a page of it. Nothing here reads a clock or a file, and
//! the same cases, settings and seed give the same bytes.

mod bootstrap;
mod compare;
mod compared;
mod differing;
mod evaluation;
mod judge;
mod metric;
mod reading;
pub mod report;
mod scenarios;
mod settings;
mod sides;
mod verdict;
pub mod words;

pub use bootstrap::{RESAMPLES, RESAMPLES_DEFAULT, SEED_DEFAULT};
pub use differing::{Differing, Expected, UsableAnswer};
pub use evaluation::{AnswerCounts, Bootstrap, EvaluateError, Evaluation};
pub use metric::{EffectSize, Metric, MetricChange, MetricInterval, Outcomes, PairCounts};
pub use scenarios::{InScenario, Right};
pub use settings::Settings;
pub use sides::Sides;
pub use verdict::{EvaluationVerdict, PAIRS_MIN, SCENARIOS_MIN};

/// The allowed chance of any false finding among the metrics of one evaluation.
pub const ALPHA: f64 = 0.05;
