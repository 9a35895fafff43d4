//! What a review says of a rollout.

use libm::{ceil, fabs, floor, log};

use crate::evidence::EValue;
use crate::review::bounds::ReviewBounds;
use crate::review::card::{Direction, Discordant, ReviewRefused};
use crate::review::evidence::{Claim, ReviewEvidence};
use crate::review::fill::{DrawnCard, filled, mean_worth, too_few};
use crate::review::limits::{LimitSettings, ReviewLimits};
use crate::review::question::ByQuestion;
use crate::review::spread::{BlockSpread, FleetBlock};

/// Evidence that decides: the chance of being wrong is at most .005.
const DECIDES: f64 = 200.0;
/// Evidence that a limit is kept, and that going on is futile.
const SHOWS: f64 = 20.0;
/// Evidence that is worth a warning.
const WARNS: f64 = 5.0;
/// The chance below Student's t of the allowance for other days, where the treatment is rejected.
const REJECTING: f64 = 0.995;
/// The same where it passes.
const PASSING: f64 = 0.955;

/// What the answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewVerdict {
    /// False alarms rise, beyond their limit by the estimate.
    RejectFalseAlarms,
    /// Missed threats rise, beyond their limit by the estimate.
    RejectMissed,
    /// False alarms fall by the benefit, missed threats stay within their limit.
    Promote,
    /// Both stay within their limits.
    Pass,
    /// One of them may be rising.
    Alarm,
    /// Nothing yet, or too many cards are unanswered.
    Open,
}

impl ReviewVerdict {
    /// Whether it says that the treatment does harm.
    pub const fn rejects(self) -> bool {
        matches!(self, Self::RejectFalseAlarms | Self::RejectMissed)
    }

    /// Whether it lets the rollout go on.
    pub const fn passes(self) -> bool {
        matches!(self, Self::Promote | Self::Pass)
    }
}

/// A verdict with every number behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Findings {
    /// The verdict.
    pub verdict: ReviewVerdict,
    /// The lesser of both forms of the evidence for each claim.
    pub evidence: ByQuestion<EValue>,
    /// δ̂, the estimate of δ over the window; `None` without answers.
    pub delta: Option<f64>,
}

impl Findings {
    /// Whether further answers can hardly show the benefit. It binds nobody.
    pub fn is_futile(&self) -> bool {
        reaches(self.evidence.no_benefit, SHOWS)
    }
}

/// A window that is reviewed: its counts, its spread and the claims that decide.
///
/// With the [`BlockSpread`] s of the window, Student's t of its ν, A alerts of the control, limits f and m and the benefit b:
///
/// | verdict, first that holds | claims with the evidence they need |
/// |---|---|
/// | reject: false alarms | δ > ⌊-ΔA + t.₉₉₅ s⌋ at 200, and ΔA + δ̂ ≥ f A |
/// | reject: missed threats | δ > 0 at 200, and δ̂ ≥ m A |
/// | promote | δ < ⌈m A⌉ at 20, and δ < ⌊-ΔA - b A - t.₉₅₅ s⌋ + 1 at 200 |
/// | pass | δ < ⌈m A⌉ at 20, and δ < ⌈f A - ΔA - t.₉₅₅ s⌉ at 200 |
/// | alarm | either claim of a rejection at 5 |
///
/// Futile is δ > ⌊-ΔA - b A + t.₉₅₅ s⌋ at 20. With over [`UNANSWERED_MAX`](super::UNANSWERED_MAX) of the drawn cards
/// unanswered the verdict is open.
///
/// For this very window a rejection is wrong with a chance of at most .005 at all looks together (see [`ReviewEvidence`]);
/// that another such day would say the same rests on s, an approximation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Review {
    events: Discordant,
    limits: ReviewLimits,
    spread: BlockSpread,
    claims: ByQuestion<Claim>,
}

impl Review {
    /// Takes a window that is closed.
    ///
    /// # Errors
    /// [`ReviewRefused::BlocksDisagree`] where the blocks are not those of the events, [`ReviewRefused::OutOfRange`] as
    /// [`BlockSpread::of`].
    pub fn new(
        events: Discordant,
        blocks: &[FleetBlock],
        limits: ReviewLimits,
    ) -> Result<Self, ReviewRefused> {
        Self::of_spread(events, BlockSpread::within_window(blocks, events)?, limits)
    }

    /// Takes a window that is closed, with the same blocks day by day: where days differ, what it says of others rests on them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_days(
        events: Discordant,
        blocks: &[FleetBlock],
        days: &[FleetBlock],
        limits: ReviewLimits,
    ) -> Result<Self, ReviewRefused> {
        let spread = BlockSpread::within_window(blocks, events)?;
        Self::of_spread(events, spread.with_days(days, events.total())?, limits)
    }

    pub(super) fn of_spread(
        events: Discordant,
        spread: BlockSpread,
        limits: ReviewLimits,
    ) -> Result<Self, ReviewRefused> {
        let LimitSettings { false_alarms, missed, benefit } = limits.settings();
        let alerts = spread.alerts() as f64;
        let rise = -(events.change() as f64);
        let (rejecting, passing) = (spread.allowance(REJECTING)?, spread.allowance(PASSING)?);
        let claims = ByQuestion {
            more_false_alarms: Claim::Above(down(rise + rejecting)),
            more_missed: Claim::Above(0),
            missed_within_limit: Claim::Below(up(missed * alerts)),
            false_alarms_within_limit: Claim::Below(up(false_alarms * alerts + rise - passing)),
            benefit: Claim::Below(down(rise - benefit * alerts - passing).saturating_add(1)),
            no_benefit: Claim::Above(down(rise - benefit * alerts + passing)),
        };
        Ok(Self { events, limits, spread, claims })
    }

    /// The claims that decide, so that a caller may gather their [`ReviewEvidence`] card by card.
    pub const fn claims(&self) -> &ByQuestion<Claim> {
        &self.claims
    }

    /// The spread of the window.
    pub const fn spread(&self) -> &BlockSpread {
        &self.spread
    }

    /// What the drawn cards say, in the order they were drawn.
    ///
    /// # Errors
    /// [`ReviewRefused::TooManyCards`] for more cards of a direction than there are events.
    pub fn judge(&self, drawn: &[DrawnCard]) -> Result<Findings, ReviewRefused> {
        let evidence = self.claims.try_map(|claim| {
            let mut evidence = ReviewEvidence::new(self.events, claim);
            filled(drawn, claim).into_iter().try_for_each(|card| evidence.add(card))?;
            Ok::<_, ReviewRefused>(evidence.lesser())
        })?;
        let delta = self.estimate(drawn);
        let verdict =
            if too_few(drawn) { ReviewVerdict::Open } else { self.verdict(&evidence, delta) };
        Ok(Findings { verdict, evidence, delta })
    }

    /// Where δ may lie, at `level` as in [`ReviewBounds::at`], each unanswered card counting against the side it would help.
    ///
    /// # Errors
    /// As [`ReviewBounds::at`].
    pub fn bounds(
        &self,
        drawn: &[DrawnCard],
        level: f64,
    ) -> Result<Option<ReviewBounds>, ReviewRefused> {
        ReviewBounds::by_claim(self.events, level, |claim| filled(drawn, claim))
    }

    /// The first verdict that holds, given the evidence for each claim and the estimate of δ.
    pub fn verdict(&self, evidence: &ByQuestion<EValue>, delta: Option<f64>) -> ReviewVerdict {
        let limits = self.limits.settings();
        let alerts = self.spread.alerts() as f64;
        let change = self.events.change() as f64;
        let harm = |claim, by: f64, limit: f64| {
            reaches(claim, DECIDES) && delta.is_some_and(|delta| by + delta >= limit * alerts)
        };
        let missed_kept = reaches(evidence.missed_within_limit, SHOWS);
        if harm(evidence.more_false_alarms, change, limits.false_alarms) {
            ReviewVerdict::RejectFalseAlarms
        } else if harm(evidence.more_missed, 0.0, limits.missed) {
            ReviewVerdict::RejectMissed
        } else if missed_kept && reaches(evidence.benefit, DECIDES) {
            ReviewVerdict::Promote
        } else if missed_kept && reaches(evidence.false_alarms_within_limit, DECIDES) {
            ReviewVerdict::Pass
        } else if reaches(evidence.more_false_alarms, WARNS) || reaches(evidence.more_missed, WARNS)
        {
            ReviewVerdict::Alarm
        } else {
            ReviewVerdict::Open
        }
    }

    /// `δ̂ = (N/t) Σ(v - qh) + q(L - G)` over the t answered cards, with q = Σz/t and h = 1 for a lost card, -1 for
    /// a gained one: the mean of v, adjusted for how many of either direction happened to be drawn (the difference
    /// estimator, Cochran 1977, section 7.1). `None` without answers.
    pub fn estimate(&self, drawn: &[DrawnCard]) -> Option<f64> {
        let q = mean_worth(drawn)?;
        let answered =
            drawn.iter().filter_map(|card| card.answer.map(|z| (card.direction, z.value())));
        let (count, sum) = answered.fold((0.0, 0.0), |(count, sum), (direction, z)| {
            let rest = match direction {
                Direction::Lost => z - q,
                Direction::Gained => q - z,
            };
            (count + 1.0, sum + rest)
        });
        let events = self.events.total() as f64;
        Some(events / count * sum - q * self.events.change() as f64)
    }
}

fn reaches(evidence: EValue, level: f64) -> bool {
    evidence.ln() >= log(level)
}

/// Rounds down to a whole number; what is whole but for rounding stays.
#[expect(clippy::cast_possible_truncation, reason = "beyond every integer it is the last one")]
fn down(value: f64) -> i64 {
    floor(value + slack(value)) as i64
}

/// Rounds up: 7 % of 100 alerts are 7, though the product of doubles is a little more.
#[expect(clippy::cast_possible_truncation, reason = "beyond every integer it is the last one")]
fn up(value: f64) -> i64 {
    ceil(value - slack(value)) as i64
}

fn slack(value: f64) -> f64 {
    1e-9 * fabs(value).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::card::Worth;

    fn limits() -> ReviewLimits {
        let settings = LimitSettings { false_alarms: 0.05, missed: 0.05, benefit: 0.1 };
        ReviewLimits::new(settings).unwrap()
    }

    fn review(lost: u64, gained: u64, blocks: &[(i64, u64)]) -> Review {
        let blocks: alloc::vec::Vec<FleetBlock> =
            blocks.iter().map(|&(change, alerts)| FleetBlock { change, alerts }).collect();
        Review::new(Discordant::new(lost, gained).unwrap(), &blocks, limits()).unwrap()
    }

    #[test]
    fn prompts_that_always_agree_pass_without_an_answer() {
        let findings = review(0, 0, &[(0, 100), (0, 40)]).judge(&[]).unwrap();
        assert_eq!(findings.verdict, ReviewVerdict::Pass);
        assert_eq!(findings.delta, None);
    }

    #[test]
    fn seven_percent_of_a_hundred_alerts_are_seven() {
        assert!(ceil(0.07 * 100.0) > 7.0, "as doubles they are a little more");
        let limits =
            ReviewLimits::new(LimitSettings { missed: 0.07, ..limits().settings() }).unwrap();
        let blocks = [FleetBlock { change: 0, alerts: 50 }; 2];
        let review = Review::new(Discordant::new(0, 0).unwrap(), &blocks, limits).unwrap();
        assert_eq!(review.claims().missed_within_limit, Claim::Below(7));
        assert_eq!(review.claims().benefit, Claim::Below(-9));
    }

    #[test]
    fn silence_is_no_verdict() {
        let review = review(72, 24, &[(-4, 30); 12]);
        let unanswered = DrawnCard { direction: Direction::Lost, answer: None };
        let lost = DrawnCard { answer: Some(Worth::NO), ..unanswered };
        let mut drawn = alloc::vec![lost; 42];
        assert_eq!(review.judge(&drawn).unwrap().verdict, ReviewVerdict::Pass);
        drawn.extend([unanswered; 19]);
        assert_eq!(review.judge(&drawn).unwrap().verdict, ReviewVerdict::Open);
    }

    #[test]
    fn futility_is_the_mirror_of_the_benefit() {
        let review = review(60, 60, &[(0, 50); 12]);
        let gained = DrawnCard { direction: Direction::Gained, answer: Some(Worth::NO) };
        let lost = DrawnCard { direction: Direction::Lost, answer: Some(Worth::NO) };
        assert!(!review.judge(&[]).unwrap().is_futile());
        let drawn: alloc::vec::Vec<DrawnCard> = [gained, lost].repeat(60);
        assert!(review.judge(&drawn).unwrap().is_futile());
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for value in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            let good = limits().settings();
            assert!(ReviewLimits::new(LimitSettings { false_alarms: value, ..good }).is_err());
            assert!(ReviewLimits::new(LimitSettings { missed: value, ..good }).is_err());
            assert!(ReviewLimits::new(LimitSettings { benefit: value, ..good }).is_err());
            assert!(Worth::new(value).is_err());
        }
        let events = Discordant::new(5, 1).unwrap();
        let blocks = [FleetBlock { change: -3, alerts: 20 }, FleetBlock { change: 0, alerts: 20 }];
        let refused = Review::new(events, &blocks, limits()).unwrap_err();
        assert!(matches!(refused, ReviewRefused::BlocksDisagree { blocks: -3, events: -4 }));
        assert!(Discordant::new(u64::MAX, 0).is_err() && Discordant::new(0, u64::MAX).is_err());
    }

    #[test]
    fn the_largest_windows_stay_numbers() {
        use crate::review::card::EVENTS_MAX;
        let most = EVENTS_MAX.cast_signed();
        let window = review(EVENTS_MAX, 0, &[(most, 0), (-most, 1), (-most, 0)]);
        let findings = window.judge(&[]).unwrap();
        assert!(findings.evidence.more_missed.ln() <= 0.0);
    }
}
