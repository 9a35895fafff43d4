//! What reviews of simulated shadows decide, against the table of the design.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_stats::proportion::Proportion;
use tidegate_stats::review::{
    AnsweredCard, ByQuestion, Claim, Direction, DrawnCard, LimitSettings, PlannedReview, Review,
    ReviewBounds, ReviewEvidence, ReviewLimits, ReviewVerdict, Worth,
};

use super::world::{Window, World};

const BUDGET: usize = 200;
const SEED: u64 = 16;
/// A cell fails where an interval of this level and what is allowed lie apart.
const ALPHA: f64 = 0.001;
/// How far a cell may lie beside the table's: its generator is told in one sentence, what that leaves open is ours.
const APART: f64 = 0.06;

const HARMLESS: World = World { cameras: 4, days: 1, false_alarms: 1.0, missed: 0.0 };
/// The share of false ones among alerts falls from 60 to 40 %.
const FEWER: World = World { false_alarms: 4.0 / 9.0, ..HARMLESS };
/// It rises from 60 to 70 %.
const MORE: World = World { false_alarms: 14.0 / 9.0, ..HARMLESS };
/// Many fewer false alarms, and as many more missed threats as are just not allowed.
const AT_LIMIT: World = World { missed: 0.05, ..FEWER };

fn limits() -> ReviewLimits {
    let settings = LimitSettings { false_alarms: 0.05, missed: 0.05, benefit: 0.1 };
    ReviewLimits::new(settings).unwrap()
}

/// Which cards people answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Replies {
    Always,
    /// One card in four stays unanswered.
    AtRandom,
    /// As many at the limit of missed threats, and a threat three times as often among them as among the others.
    FewerThreats,
}

impl Replies {
    fn to(self, card: AnsweredCard, draw: &mut ChaCha8Rng) -> Option<Worth> {
        let silent = match self {
            Self::Always => 0.0,
            Self::AtRandom => 0.25,
            Self::FewerThreats if card.worth == Worth::YES => 0.5,
            Self::FewerThreats => 0.21,
        };
        (!draw.random_bool(silent)).then_some(card.worth)
    }
}

/// How a review ended, and after how many cards.
struct Ending {
    verdict: ReviewVerdict,
    cards: usize,
}

/// Reads cards until a rejection or a promotion, or until the budget is spent.
fn reviewed(window: &Window, replies: Replies, run: u64) -> Ending {
    let mut draw = ChaCha8Rng::seed_from_u64(SEED + 1);
    draw.set_stream(run);
    let review = Review::new(window.events(), &window.blocks, limits()).unwrap();
    let start = |claim: Claim| Ok::<_, ()>(ReviewEvidence::new(window.events(), claim));
    let mut gathered: ByQuestion<ReviewEvidence> = review.claims().try_map(start).unwrap();
    let mut drawn = Vec::new();
    for card in window.cards.iter().take(BUDGET) {
        drawn.push(DrawnCard { direction: card.direction, answer: replies.to(*card, &mut draw) });
        let verdict = if replies == Replies::Always {
            gathered = gathered.try_map(|mut of| of.add(*card).map(|()| of)).unwrap();
            let evidence = gathered.clone().try_map(|of| Ok::<_, ()>(of.lesser())).unwrap();
            review.verdict(&evidence, review.estimate(&drawn))
        } else if drawn.len().is_multiple_of(5) {
            review.judge(&drawn).unwrap().verdict
        } else {
            continue;
        };
        if is_rejected(verdict) || verdict == ReviewVerdict::Promote {
            assert_eq!(review.judge(&drawn).unwrap().verdict, verdict);
            return Ending { verdict, cards: drawn.len() };
        }
    }
    Ending { verdict: ReviewVerdict::Open, cards: drawn.len() }
}

fn is_rejected(verdict: ReviewVerdict) -> bool {
    matches!(verdict, ReviewVerdict::RejectFalseAlarms | ReviewVerdict::RejectMissed)
}

fn is_promoted(verdict: ReviewVerdict) -> bool {
    verdict == ReviewVerdict::Promote
}

/// A cell of the table: of how many runs `counts` holds, and what it may be.
struct Cell {
    name: &'static str,
    world: World,
    replies: Replies,
    counts: fn(ReviewVerdict) -> bool,
    allowed: [f64; 2],
}

impl Cell {
    fn new(
        name: &'static str,
        world: World,
        counts: fn(ReviewVerdict) -> bool,
        allowed: [f64; 2],
    ) -> Self {
        Self { name, world, replies: Replies::Always, counts, allowed }
    }

    /// A share that is in the table.
    fn near(
        name: &'static str,
        world: World,
        counts: fn(ReviewVerdict) -> bool,
        share: f64,
    ) -> Self {
        Self::new(name, world, counts, [share - APART, share + APART])
    }

    #[expect(clippy::print_stdout, reason = "what was measured belongs to the result")]
    fn holds(&self, runs: u64) {
        let mut cards = Vec::new();
        for run in 0..runs {
            let window = self.world.window(SEED, run);
            let ending = reviewed(&window, self.replies, run);
            if (self.counts)(ending.verdict) {
                cards.push(ending.cards);
            }
        }
        cards.sort_unstable();
        let count = cards.len() as u64;
        let interval = Proportion::new(count, runs).unwrap().clopper_pearson(ALPHA).unwrap();
        let World { cameras, days, .. } = self.world;
        println!(
            "{}, {cameras} cameras, {days} d, {:?}: {count} of {runs}, {:.2} % ({:.2} to {:.2}), median {:?} cards",
            self.name,
            self.replies,
            100.0 * count as f64 / runs as f64,
            100.0 * interval.low,
            100.0 * interval.high,
            cards.get(cards.len() / 2),
        );
        let [least, most] = self.allowed;
        assert!(interval.low <= most && least <= interval.high, "{}", self.name);
    }
}

fn fleet(world: World, cameras: usize, days: usize) -> World {
    World { cameras, days, ..world }
}

/// The cells that a change of the rule would move first.
fn key_cells() -> Vec<Cell> {
    vec![
        Cell::new("harmless rejected", fleet(HARMLESS, 4, 1), is_rejected, [0.0, 0.01]),
        Cell::new("harmless rejected", fleet(HARMLESS, 8, 1), is_rejected, [0.0, 0.01]),
        Cell::near("-20 promoted", fleet(FEWER, 4, 1), is_promoted, 0.70),
        Cell::near("-20 promoted", fleet(FEWER, 8, 1), is_promoted, 0.96),
        Cell::near("+10 rejected", fleet(MORE, 4, 1), is_rejected, 0.51),
        Cell::near("+10 rejected", fleet(MORE, 8, 1), is_rejected, 0.88),
    ]
}

#[test]
fn simulated_reviews_decide_what_the_design_says() {
    for cell in key_cells() {
        cell.holds(250);
    }
}

#[test]
#[ignore = "two minutes: the same with more runs, and the other cells"]
fn simulated_reviews_decide_what_the_design_says_in_all_cells() {
    for cell in key_cells() {
        let is_rare = cell.allowed[1] <= 0.01;
        cell.holds(if is_rare { 10_000 } else { 2_000 });
    }
    for (cameras, days, promoted) in [(4, 6, 0.98), (8, 3, 0.99), (20, 1, 0.99)] {
        let harmless = fleet(HARMLESS, cameras, days);
        Cell::new("harmless rejected", harmless, is_rejected, [0.0, 0.01]).holds(2_000);
        Cell::near("-20 promoted", fleet(FEWER, cameras, days), is_promoted, promoted).holds(2_000);
        Cell::near("+10 rejected", fleet(MORE, cameras, days), is_rejected, 1.0).holds(2_000);
    }
    for (cameras, days) in [(4, 1), (8, 1), (8, 3)] {
        let world = fleet(AT_LIMIT, cameras, days);
        let cell = |replies, most| Cell {
            replies,
            ..Cell::new("missed at the limit promoted", world, is_promoted, [0.0, most])
        };
        cell(Replies::Always, 0.07).holds(2_000);
        cell(Replies::AtRandom, 0.07).holds(1_000);
        cell(Replies::FewerThreats, 0.2).holds(1_000);
    }
}

/// Four cameras, as preflight takes them unless it is told otherwise.
#[test]
fn a_planned_review_decides_in_nine_of_ten_shadows_of_as_many_days() {
    for change in [0.1, 1.0 / 3.0, -0.2] {
        let counts = if change > 0.0 { is_rejected } else { is_promoted };
        let limits = limits().settings();
        let planned = PlannedReview {
            alerts_a_day: 200.0,
            disagreement: 0.28,
            change,
            limits,
            budget: BUDGET,
        };
        let effort = planned.plan().unwrap().effort.unwrap();
        let days = usize::try_from(effort.days).unwrap();
        let world = World { false_alarms: 1.0 + change / 0.6, ..fleet(HARMLESS, 4, days) };
        Cell::new("planned", world, counts, [0.85, 1.0]).holds(120);
    }
}

#[test]
fn bounds_hold_the_truth_at_all_looks_together() {
    const RUNS: u64 = 1_000;
    const LEVEL: f64 = 20.0;
    let mut missed = 0;
    for run in 0..RUNS {
        let mut draw = ChaCha8Rng::seed_from_u64(SEED + 2);
        draw.set_stream(run);
        // Small windows are read to their end; few threats, as they leave bets most to win.
        let share = draw.random_range(0.0..0.4);
        let size = draw.random_range(1..40);
        let card = |_| AnsweredCard {
            direction: Direction::ALL[usize::from(draw.random_bool(0.5))],
            worth: if draw.random_bool(share) { Worth::YES } else { Worth::NO },
        };
        let cards: Vec<AnsweredCard> = (0..size).map(card).collect();
        let delta: i64 = cards.iter().map(change).sum();
        let window = Window { cards, blocks: Vec::new() };
        let holds = |look| {
            let bounds = ReviewBounds::at(window.events(), &window.cards[..look], LEVEL).unwrap();
            bounds.is_some_and(|bounds| (bounds.least..=bounds.greatest).contains(&delta))
        };
        missed += u64::from(!(1..=size).all(holds));
    }
    let interval = Proportion::new(missed, RUNS).unwrap().clopper_pearson(ALPHA).unwrap();
    assert!(missed > 0, "bets that never lose are none");
    assert!(interval.low <= 2.0 / LEVEL, "{missed} of {RUNS}");
}

fn change(card: &AnsweredCard) -> i64 {
    match (card.direction, card.worth == Worth::YES) {
        (Direction::Lost, true) => 1,
        (Direction::Gained, true) => -1,
        (_, false) => 0,
    }
}
