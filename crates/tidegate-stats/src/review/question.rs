//! The questions that a review puts.

/// Something for each question that a review puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByQuestion<T> {
    /// Do false alarms rise? At 200 it rejects.
    pub more_false_alarms: T,
    /// Do missed threats rise? At 200 it rejects.
    pub more_missed: T,
    /// Do missed threats stay within their limit? Asked at 20.
    pub missed_within_limit: T,
    /// Do false alarms stay within theirs? Asked at 200.
    pub false_alarms_within_limit: T,
    /// Do false alarms fall by the benefit? Asked at 200.
    pub benefit: T,
    /// Do they fall by less? At 20 further answers are futile for a promotion.
    pub no_benefit: T,
}

impl<T> ByQuestion<T> {
    /// The same questions with what `of` makes of each.
    ///
    /// # Errors
    /// The first of `of`.
    pub fn try_map<U, E>(self, mut of: impl FnMut(T) -> Result<U, E>) -> Result<ByQuestion<U>, E> {
        Ok(ByQuestion {
            more_false_alarms: of(self.more_false_alarms)?,
            more_missed: of(self.more_missed)?,
            missed_within_limit: of(self.missed_within_limit)?,
            false_alarms_within_limit: of(self.false_alarms_within_limit)?,
            benefit: of(self.benefit)?,
            no_benefit: of(self.no_benefit)?,
        })
    }

    /// The same questions with what `of` makes of each.
    #[must_use]
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> ByQuestion<U> {
        ByQuestion {
            more_false_alarms: of(self.more_false_alarms),
            more_missed: of(self.more_missed),
            missed_within_limit: of(self.missed_within_limit),
            false_alarms_within_limit: of(self.false_alarms_within_limit),
            benefit: of(self.benefit),
            no_benefit: of(self.no_benefit),
        }
    }
}
