//! A case of the data set with what can be used of both answers.

use tidegate_spec::EvaluationMetric;
use tidegate_spec::case::Case;

use crate::reading::{MeasuredAnswer, ReadAnswer};
use crate::sides::Sides;

/// A case with what can be used of both answers.
pub(crate) struct Compared<'a> {
    pub(crate) case: &'a Case,
    pub(crate) sides: Sides<ReadAnswer<'a>>,
}

impl Compared<'_> {
    /// What one metric says of both answers.
    pub(crate) fn measure(&self, metric: EvaluationMetric) -> Sides<MeasuredAnswer> {
        self.sides.as_ref().map(|read| read.measure(metric, &self.case.expected))
    }
}
