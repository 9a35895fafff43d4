//! What a review costs: a card of evidence, and a whole verdict from all cards of the budget.
#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tidegate_stats::review::{
    AnsweredCard, Claim, Direction, Discordant, DrawnCard, FleetBlock, LimitSettings, Review,
    ReviewBounds, ReviewEvidence, ReviewLimits, Worth,
};

/// Cards of the budget; one in five is gained, one in fifty a threat.
const CARDS: u64 = 200;
const LEVEL: f64 = 40.0;

fn cards() -> Vec<AnsweredCard> {
    let card = |number: u64| AnsweredCard {
        direction: Direction::ALL[usize::from(number.is_multiple_of(5))],
        worth: if number % 50 == 7 { Worth::YES } else { Worth::NO },
    };
    (0..CARDS).map(card).collect()
}

fn review(criterion: &mut Criterion) {
    let valid = "valid numbers";
    let events = Discordant::new(1_600, 400).expect(valid);
    let blocks = [FleetBlock { change: -100, alerts: 400 }; 12];
    let limits = LimitSettings { false_alarms: 0.05, missed: 0.05, benefit: 0.1 };
    let limits = ReviewLimits::new(limits).expect(valid);
    let cards = cards();
    let answered =
        |card: &AnsweredCard| DrawnCard { direction: card.direction, answer: Some(card.worth) };
    let drawn: Vec<DrawnCard> = cards.iter().map(answered).collect();

    let mut group = criterion.benchmark_group("review");
    let mut evidence = ReviewEvidence::new(events, Claim::Below(240));
    for card in &cards {
        evidence.add(*card).expect(valid);
    }
    group.bench_function("card/the_201st", |bencher| {
        let add = |mut evidence: ReviewEvidence| {
            evidence.add(black_box(cards[0])).expect(valid);
            evidence
        };
        bencher.iter_batched(|| evidence.clone(), add, BatchSize::SmallInput);
    });
    group.bench_function("verdict/200_cards", |bencher| {
        bencher.iter(|| {
            let review = Review::new(events, black_box(&blocks), limits).expect(valid);
            review.judge(black_box(&drawn)).expect(valid)
        });
    });
    group.bench_function("bounds/200_cards", |bencher| {
        bencher.iter(|| ReviewBounds::at(events, black_box(&cards), LEVEL).expect(valid));
    });
    group.finish();
}

criterion_group!(benches, review);
criterion_main!(benches);
