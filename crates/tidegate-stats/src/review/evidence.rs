//! Evidence on the one unknown, card by card.

use libm::{exp, log};

use crate::evidence::EValue;
use crate::review::card::{AnsweredCard, Direction, Discordant, ReviewRefused};

/// The parts of its money that each bet stakes on a card.
const STAKES: [f64; 3] = [0.3, 0.6, 0.9];
/// A null hypothesis that leaves a card less room than this is not bet against.
const ROOM_MIN: f64 = 1e-12;
/// How many cards the expected share of threats is drawn towards its mean by.
const PRIOR_CARDS: f64 = 4.0;
/// Sums of answers are exact, those of filled cards to far less than this.
const ROUNDING: f64 = 1e-9;

/// What evidence is gathered for; it is bet against the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// δ < d.
    Below(i64),
    /// δ > d.
    Above(i64),
}

/// Evidence for a [`Claim`] about δ, from cards in the order they were drawn. A card costs O(1).
///
/// With Σz, Σv and n from earlier cards only, `q̄ = (Σz + ½)/(n + 2½)` and `q = (Σz + 4q̄)/(n + 4)` expect the next
/// answer, and `u = v - q` for a lost card, `v + q` for a gained one, is what the answer adds to that. If δ ≥ d, the
/// events that remain, l lost and g gained, have a mean u of at least `μ = (d - Σv - (l - g)q)/(l + g)`, and none
/// exceeds `top`, the greater of `1 - q` (if l > 0) and `q` (if g > 0). Each card multiplies the money of a bet with
/// the stake c by `1 - c + c (top - u)/(top - μ)`; E is the mean over c = .3, .6, .9. Where the answers leave
/// no room for δ ≥ d at all, E is infinite. For δ > d lost and gained change places and d its sign.
///
/// - *Window form*, as above: under the null hypothesis each factor has a conditional mean of at most 1, as the next
///   card is a random one of those that remain. So E is a nonnegative supermartingale, and exceeds 1/α *ever* with a
///   chance of at most α (Ville 1939). This is exact, for any stopping and any correlation of events. It never falls as
///   d rises. The bets are those of Waudby-Smith and Ramdas 2024, section 5, without replacement, and of Stark's ALPHA
///   2023, section 2.
/// - *Stream form*: `μ = (d - (L - G)q)/N` and `top` of the whole window, as if each card came anew from the same
///   traffic. An approximation where a window is nearly exhausted; at d = L without gained events it bets nothing.
#[derive(Debug, Clone)]
pub struct ReviewEvidence {
    window: WindowEvidence,
    stream: Bets,
}

impl ReviewEvidence {
    /// No cards yet.
    pub const fn new(events: Discordant, claim: Claim) -> Self {
        Self { window: WindowEvidence::new(events, claim), stream: Bets::NONE }
    }

    /// Takes in the next card.
    ///
    /// # Errors
    /// [`ReviewRefused::TooManyCards`] where no event of its direction is left; nothing changes then.
    pub fn add(&mut self, card: AnsweredCard) -> Result<(), ReviewRefused> {
        let CardStep { q, u } = self.window.add(card)?;
        self.stream.bet(self.window.all, self.window.d, q, u);
        Ok(())
    }

    /// The window form: what the events of this very window say.
    pub fn window(&self) -> EValue {
        self.window.e_value()
    }

    /// The stream form: what is to be expected of the traffic.
    pub fn stream(&self) -> EValue {
        if self.window.d > self.window.all.lost {
            return EValue::INFINITE;
        }
        self.stream.e_value()
    }

    /// The lesser of both forms, which decisions rest on.
    pub fn lesser(&self) -> EValue {
        let (window, stream) = (self.window(), self.stream());
        if stream < window { stream } else { window }
    }
}

/// The window form alone, for bounds.
#[derive(Debug, Clone)]
pub(super) struct WindowEvidence {
    events: Discordant,
    claim: Claim,
    /// As if the claim were `Claim::Below(d)`: mirrored otherwise.
    d: f64,
    all: Remaining,
    left: Remaining,
    cards: f64,
    /// Σz.
    worth_sum: f64,
    /// Σv.
    change_sum: f64,
    bets: Bets,
}

/// What was expected of a card, and what its answer adds to that.
#[derive(Debug, Clone, Copy)]
pub(super) struct CardStep {
    q: f64,
    u: f64,
}

impl WindowEvidence {
    pub(super) const fn new(events: Discordant, claim: Claim) -> Self {
        let (lost, gained) = (events.lost() as f64, events.gained() as f64);
        let (d, all) = match claim {
            Claim::Below(d) => (d as f64, Remaining { lost, gained }),
            Claim::Above(d) => (-(d as f64), Remaining { lost: gained, gained: lost }),
        };
        Self {
            events,
            claim,
            d,
            all,
            left: all,
            cards: 0.0,
            worth_sum: 0.0,
            change_sum: 0.0,
            bets: Bets::NONE,
        }
    }

    pub(super) fn add(&mut self, card: AnsweredCard) -> Result<CardStep, ReviewRefused> {
        let direction = match self.claim {
            Claim::Below(_) => card.direction,
            Claim::Above(_) => card.direction.mirrored(),
        };
        if self.left.of(direction) < 1.0 {
            let events = self.events.of(card.direction);
            return Err(ReviewRefused::TooManyCards { direction: card.direction, events });
        }
        let mean = (self.worth_sum + 0.5) / (self.cards + 2.5);
        let q = (self.worth_sum + PRIOR_CARDS * mean) / (self.cards + PRIOR_CARDS);
        let z = card.worth.value();
        let (v, u) = match direction {
            Direction::Lost => (z, z - q),
            Direction::Gained => (-z, q - z),
        };
        self.bets.bet(self.left, self.d - self.change_sum, q, u);
        self.cards += 1.0;
        self.worth_sum += z;
        self.change_sum += v;
        match direction {
            Direction::Lost => self.left.lost -= 1.0,
            Direction::Gained => self.left.gained -= 1.0,
        }
        Ok(CardStep { q, u })
    }

    pub(super) fn e_value(&self) -> EValue {
        if self.change_sum + self.left.lost < self.d - ROUNDING {
            return EValue::INFINITE;
        }
        self.bets.e_value()
    }
}

/// Events by direction.
#[derive(Debug, Clone, Copy)]
struct Remaining {
    lost: f64,
    gained: f64,
}

impl Remaining {
    const fn of(self, direction: Direction) -> f64 {
        match direction {
            Direction::Lost => self.lost,
            Direction::Gained => self.gained,
        }
    }
}

/// The money of the bets, each `product * exp(ln)`, so that no number of cards leaves the range of a double.
#[derive(Debug, Clone)]
struct Bets {
    products: [f64; STAKES.len()],
    lns: [f64; STAKES.len()],
}

impl Bets {
    const NONE: Self = Self { products: [1.0; STAKES.len()], lns: [0.0; STAKES.len()] };

    /// Bets that `u` lies below the mean that `remaining` must have if their changes sum to `sum` or more.
    fn bet(&mut self, remaining: Remaining, sum: f64, q: f64, u: f64) {
        let Remaining { lost, gained } = remaining;
        let mean = (sum - (lost - gained) * q) / (lost + gained);
        let top = match (lost > 0.0, gained > 0.0) {
            (true, true) => q.max(1.0 - q),
            (true, false) => 1.0 - q,
            (false, _) => q,
        };
        let room = top - mean;
        if room <= ROOM_MIN {
            return;
        }
        let ratio = (top - u) / room;
        for ((product, ln), stake) in self.products.iter_mut().zip(&mut self.lns).zip(STAKES) {
            *product *= 1.0 - stake + stake * ratio;
            if !(1e-100..=1e100).contains(product) {
                *ln += log(*product);
                *product = 1.0;
            }
        }
    }

    fn e_value(&self) -> EValue {
        let mut lns = self.lns;
        for (ln, product) in lns.iter_mut().zip(self.products) {
            *ln += log(product);
        }
        let greatest = lns.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let mean = lns.iter().map(|ln| exp(ln - greatest)).sum::<f64>() / STAKES.len() as f64;
        EValue::of_ln(greatest + log(mean))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;
    use alloc::string::ToString;

    use crate::review::card::Worth;

    fn events(lost: u64, gained: u64) -> Discordant {
        Discordant::new(lost, gained).unwrap()
    }

    fn card(direction: Direction, worth: Worth) -> AnsweredCard {
        AnsweredCard { direction, worth }
    }

    #[test]
    fn the_first_card_is_bet_on_as_by_hand() {
        // q = 0.2, so the mean of u is at least (2 - 4 * 0.2) / 4 = 0.3, and 0.8 is its top: u = -0.2 pays twice.
        let mut evidence = ReviewEvidence::new(events(4, 0), Claim::Below(2));
        evidence.add(card(Direction::Lost, Worth::NO)).unwrap();
        assert!((evidence.window().value() - (1.3 + 1.6 + 1.9) / 3.0).abs() < 1e-12);
        assert_eq!(evidence.window(), evidence.stream());
    }

    #[test]
    fn answers_that_leave_no_room_are_infinite_evidence() {
        let mut evidence = ReviewEvidence::new(events(2, 1), Claim::Below(2));
        assert_eq!(evidence.window().value(), 1.0);
        evidence.add(card(Direction::Lost, Worth::CANNOT_TELL)).unwrap();
        assert_eq!(evidence.window(), EValue::INFINITE);
        assert!(evidence.stream().ln().is_finite());
        assert_eq!(evidence.lesser(), evidence.stream());
        assert_eq!(ReviewEvidence::new(events(2, 1), Claim::Above(-2)).stream(), EValue::INFINITE);
    }

    #[test]
    fn a_card_too_many_is_refused_and_changes_nothing() {
        for (claim, direction) in
            [(Claim::Below(1), Direction::Gained), (Claim::Above(1), Direction::Gained)]
        {
            let mut evidence = ReviewEvidence::new(events(5, 1), claim);
            evidence.add(card(direction, Worth::YES)).unwrap();
            let before = evidence.lesser();
            let refused = evidence.add(card(direction, Worth::YES)).unwrap_err();
            assert_eq!(refused, ReviewRefused::TooManyCards { direction, events: 1 });
            assert_eq!(refused.to_string(), "one card more than the 1 gained events of the window");
            assert_eq!(evidence.lesser(), before);
        }
    }

    #[test]
    fn thousands_of_cards_stay_numbers() {
        // Each card pays the stakes a little; the money leaves the range of a double on the way.
        let mut evidence = ReviewEvidence::new(events(100_000, 0), Claim::Below(60_000));
        for _ in 0..20_000 {
            evidence.add(card(Direction::Lost, Worth::NO)).unwrap();
        }
        assert!(evidence.window().ln() > 5_000.0 && evidence.window().ln().is_finite());
        let mut evidence = ReviewEvidence::new(events(100_000, 0), Claim::Below(10));
        for _ in 0..20_000 {
            evidence.add(card(Direction::Lost, Worth::YES)).unwrap();
        }
        assert!(evidence.window().ln() < -100.0 && evidence.window().ln().is_finite());
    }
}
