//! How long a shadow and how many answers a review takes, said before it begins.

use alloc::vec::Vec;

use libm::sqrt;

use crate::range::{OutOfRange, within};
use crate::review::card::{AnsweredCard, Direction, Discordant, Worth};
use crate::review::evidence::ReviewEvidence;
use crate::review::fill::DrawnCard;
use crate::review::limits::{LimitSettings, ReviewLimits};
use crate::review::spread::BlockSpread;
use crate::review::verdict::{Review, ReviewVerdict};

/// The longest shadow that is looked at, in days: four weeks.
pub const SHADOW_DAYS_MAX: u64 = 28;
/// Most alerts on a day that are counted: whatever can be decided with more can be with these.
pub const ALERTS_A_DAY_MAX: f64 = 1e6;
/// Of events on which prompts as good as each other disagree, those that are threats: 1 of 14, as in the simulated fleet.
const THREAT_SHARE: f64 = 1.0 / 14.0;
/// How much more the change in alerts varies from window to window than independent events would let it: what bursts and weather
/// do in the simulated fleets.
const OVERDISPERSION: f64 = 3.0;
/// Standard errors by which nine windows of ten do no worse.
const BAD_LUCK: f64 = 1.2816;
const BLOCKS_A_DAY: u64 = 12;

/// A review that is planned.
///
/// The cards of a typical window are judged in a typical order, in which each kind of card comes as often as there is of it. The days
/// are those after which nine windows of ten decide: with the change in alerts less clear by 1.28 standard errors. An
/// approximation, held against simulated shadows by a test (`statistics::review::simulation`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedReview {
    /// Alerts of the control on one day, of all cameras; more than [`ALERTS_A_DAY_MAX`] count as that.
    pub alerts_a_day: f64,
    /// Disagreements for each alert of the control were the treatment no better and no worse, 0 to 2.
    pub disagreement: f64,
    /// The change in false alarms for each alert of the control, -1 to 1.
    pub change: f64,
    /// What the owner asks.
    pub limits: LimitSettings,
    /// Most cards.
    pub budget: usize,
}

/// What a planned review comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewPlan {
    /// The verdict that suits the change.
    pub verdict: ReviewVerdict,
    /// Days of shadow after which nine reviews of ten say so, and answers that half of them need then; `None` where no
    /// shadow of up to [`SHADOW_DAYS_MAX`] days would do.
    pub effort: Option<ReviewEffort>,
}

/// What a verdict takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewEffort {
    /// Days of shadow.
    pub days: u64,
    /// Answers, second opinions on a yes included.
    pub answers: u64,
}

/// How many events of each kind a window has.
#[derive(Debug, Clone, Copy)]
struct Kinds([(Direction, Worth, f64); 4]);

impl PlannedReview {
    /// Looks ahead.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first number out of range.
    pub fn plan(&self) -> Result<ReviewPlan, OutOfRange> {
        within("alerts on a day", self.alerts_a_day, &(0.0..=f64::MAX))?;
        within("disagreement", self.disagreement, &(0.0..=2.0))?;
        within("change in false alarms", self.change, &(-1.0..=1.0))?;
        let limits = ReviewLimits::new(self.limits)?;
        let verdict = self.suited();
        let effort = (1..=SHADOW_DAYS_MAX).find_map(|days| {
            self.answers(limits, days, BAD_LUCK)?;
            let answers = self.answers(limits, days, 0.0)?;
            Some(ReviewEffort { days, answers })
        });
        Ok(ReviewPlan { verdict, effort })
    }

    /// The verdict that suits the change.
    fn suited(&self) -> ReviewVerdict {
        if self.change >= self.limits.false_alarms {
            ReviewVerdict::RejectFalseAlarms
        } else if self.change <= -self.limits.benefit {
            ReviewVerdict::Promote
        } else {
            ReviewVerdict::Pass
        }
    }

    /// The events of a shadow whose change in alerts is less clear by so many standard errors.
    fn kinds(&self, days: u64, bad_luck: f64) -> Kinds {
        let alerts = self.alerts(days);
        let either = self.disagreement * alerts / 2.0;
        let (threats, others) = (either * THREAT_SHARE, either * (1.0 - THREAT_SHARE));
        let lost = others + (-self.change).max(0.0) * alerts;
        let gained = others + self.change.max(0.0) * alerts;
        let apart = bad_luck * sqrt(OVERDISPERSION * (2.0 * threats + lost + gained));
        let (lost, gained) =
            if self.suited().rejects() { (lost, gained - apart) } else { (lost - apart, gained) };
        let count = |count: f64| libm::round(count.max(0.0));
        Kinds([
            (Direction::Lost, Worth::NO, count(lost)),
            (Direction::Gained, Worth::NO, count(gained)),
            (Direction::Lost, Worth::YES, count(threats)),
            (Direction::Gained, Worth::YES, count(threats)),
        ])
    }

    fn alerts(&self, days: u64) -> f64 {
        self.alerts_a_day.min(ALERTS_A_DAY_MAX) * days as f64
    }

    /// How many answers it takes until the verdict suits the change; `None` where all cards do not do.
    fn answers(&self, limits: ReviewLimits, days: u64, bad_luck: f64) -> Option<u64> {
        let kinds = self.kinds(days, bad_luck);
        let events = kinds.events().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let alerts = self.alerts(days) as u64;
        let spread = BlockSpread::expected(
            sqrt(OVERDISPERSION * events.total() as f64),
            days * BLOCKS_A_DAY,
            alerts,
        )
        .ok()?;
        let review = Review::of_spread(events, spread, limits).ok()?;
        let suited = self.suited();
        let suits = |verdict: ReviewVerdict| {
            verdict == suited || suited == ReviewVerdict::Pass && verdict == ReviewVerdict::Promote
        };
        let mut evidence = review.claims().map(|claim| ReviewEvidence::new(events, claim));
        let mut drawn: Vec<DrawnCard> = Vec::new();
        let mut answers = 0;
        let mut cards = kinds.in_order();
        loop {
            let now = evidence.clone().map(|evidence| evidence.lesser());
            if suits(review.verdict(&now, review.estimate(&drawn))) {
                return Some(answers);
            }
            let card = cards.next().filter(|_| drawn.len() < self.budget)?;
            evidence =
                evidence.try_map(|mut evidence| evidence.add(card).map(|()| evidence)).ok()?;
            drawn.push(DrawnCard { direction: card.direction, answer: Some(card.worth) });
            // A yes gets a second opinion.
            answers += if card.worth == Worth::YES { 2 } else { 1 };
        }
    }
}

impl Kinds {
    fn events(&self) -> Result<Discordant, OutOfRange> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let of = |direction| {
            let kinds = self.0.iter().filter(|(of, _, _)| *of == direction);
            kinds.map(|(_, _, count)| *count).sum::<f64>() as u64
        };
        Discordant::new(of(Direction::Lost), of(Direction::Gained))
    }

    /// Its cards, each kind as often among the first ones as among all.
    fn in_order(self) -> impl Iterator<Item = AnsweredCard> {
        let total: f64 = self.0.iter().map(|(_, _, count)| count).sum();
        let mut drawn = [0.0; 4];
        let mut number = 0.0;
        core::iter::from_fn(move || {
            number += 1.0;
            let behind = |kind: usize| self.0[kind].2 / total * number - drawn[kind];
            let next = (0..drawn.len())
                .filter(|kind| drawn[*kind] < self.0[*kind].2)
                .max_by(|a, b| behind(*a).total_cmp(&behind(*b)))?;
            drawn[next] += 1.0;
            let (direction, worth, _) = self.0[next];
            Some(AnsweredCard { direction, worth })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many cameras, each with 50 alerts a day and 14 disagreements.
    fn planned(cameras: f64, change: f64) -> ReviewPlan {
        let limits = LimitSettings { false_alarms: 0.05, missed: 0.05, benefit: 0.1 };
        let alerts_a_day = 50.0 * cameras;
        let plan = PlannedReview { alerts_a_day, disagreement: 0.28, change, limits, budget: 200 };
        plan.plan().unwrap()
    }

    #[test]
    fn a_day_of_eight_cameras_is_enough_where_most_simulated_ones_were() {
        // `docs/simulator-review.md`: false ones among alerts from 60 to 70 % are a third more for each alert, to 40 % a third fewer.
        let days = |cameras, change| planned(cameras, change).effort.unwrap().days;
        assert_eq!([days(8.0, -1.0 / 3.0), days(20.0, 1.0 / 3.0)], [1, 1]);
        assert!((2..=3).contains(&days(4.0, -1.0 / 3.0)), "{}", days(4.0, -1.0 / 3.0));
        assert!((1..=3).contains(&days(4.0, 1.0 / 3.0)), "{}", days(4.0, 1.0 / 3.0));
        // The design's figure: ten more for each hundred alerts are rejected in 85 % of shadows of three days of 20 cameras.
        assert!((2..=4).contains(&days(20.0, 0.1)), "{}", days(20.0, 0.1));
        let answers = planned(4.0, -1.0 / 3.0).effort.unwrap().answers;
        assert!((35..=80).contains(&answers), "{answers}");
    }

    #[test]
    fn a_smaller_change_takes_longer_and_one_at_the_limit_is_never_seen() {
        let efforts = [0.3, 0.2, 0.15, 0.1].map(|change| planned(4.0, change).effort.unwrap());
        assert!(efforts.is_sorted_by_key(|effort| effort.days), "{efforts:?}");
        assert_eq!(planned(4.0, 0.05).verdict, ReviewVerdict::RejectFalseAlarms);
        assert_eq!(planned(4.0, -0.1).effort, None, "{:?}", planned(4.0, -0.1));
        assert_eq!(planned(4.0, 0.0).verdict, ReviewVerdict::Pass);
        assert_eq!(planned(0.0, 0.2).effort, None, "nothing alerts");
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let limits = LimitSettings { false_alarms: 0.05, missed: 0.05, benefit: 0.1 };
        let plan = PlannedReview {
            alerts_a_day: 200.0,
            disagreement: 0.3,
            change: 0.1,
            limits,
            budget: 200,
        };
        for wrong in [
            PlannedReview { alerts_a_day: -1.0, ..plan },
            PlannedReview { disagreement: 2.1, ..plan },
            PlannedReview { change: f64::NAN, ..plan },
        ] {
            assert!(wrong.plan().is_err(), "{wrong:?}");
        }
        let huge = PlannedReview { alerts_a_day: 1e300, ..plan };
        assert_eq!(huge.plan().unwrap().effort.unwrap().days, 1);
    }
}
