//! What must hold of the review, whatever people answer.

use proptest::prelude::*;
use tidegate_stats::review::{
    AgreementBlock, AnsweredCard, CameraLabels, Claim, Direction, Discordant, DrawnCard,
    FleetBlock, LimitSettings, Review, ReviewBounds, ReviewEvidence, ReviewLimits, Worth,
    agreement,
};

/// A window of lost and gained events, of which some were answered, in a random order.
fn any_cards() -> impl Strategy<Value = (Discordant, Vec<AnsweredCard>)> {
    let answer =
        prop_oneof![Just(Worth::NO), Just(Worth::NO), Just(Worth::CANNOT_TELL), Just(Worth::YES)];
    let card = (prop::bool::ANY, answer).prop_map(|(lost, worth)| AnsweredCard {
        direction: if lost { Direction::Lost } else { Direction::Gained },
        worth,
    });
    (proptest::collection::vec(card, 0..60), 0_u64..40, 0_u64..40).prop_map(
        |(cards, lost, gained)| {
            let drawn =
                |direction| cards.iter().filter(|card| card.direction == direction).count() as u64;
            let events =
                Discordant::new(lost + drawn(Direction::Lost), gained + drawn(Direction::Gained));
            (events.expect("small counts"), cards)
        },
    )
}

fn gathered(events: Discordant, cards: &[AnsweredCard], claim: Claim) -> ReviewEvidence {
    let mut evidence = ReviewEvidence::new(events, claim);
    for card in cards {
        evidence.add(*card).expect("an event for each card");
    }
    evidence
}

fn mirrored(events: Discordant, cards: &[AnsweredCard]) -> (Discordant, Vec<AnsweredCard>) {
    let card = |card: &AnsweredCard| AnsweredCard { direction: card.direction.mirrored(), ..*card };
    let events = Discordant::new(events.gained(), events.lost()).expect("small counts");
    (events, cards.iter().map(card).collect())
}

/// Counts of all sizes.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..100, Just(1_000_000_000), any::<u64>()]
}

proptest! {
    #[test]
    fn swapping_lost_and_gained_mirrors_evidence_and_bounds(
        (events, cards) in any_cards(), d in -110_i64..110, level in 1.5_f64..500.0
    ) {
        let (other_events, other_cards) = mirrored(events, &cards);
        let one = gathered(events, &cards, Claim::Below(d));
        let other = gathered(other_events, &other_cards, Claim::Above(-d));
        prop_assert_eq!(one.window(), other.window());
        prop_assert_eq!(one.stream(), other.stream());
        let bounds = ReviewBounds::at(events, &cards, level).unwrap();
        let expected = ReviewBounds::at(other_events, &other_cards, level).unwrap();
        let expected =
            expected.map(|other| ReviewBounds { least: -other.greatest, greatest: -other.least });
        prop_assert_eq!(bounds, expected);
    }

    #[test]
    fn a_larger_d_never_has_less_evidence_that_delta_lies_below((events, cards) in any_cards()) {
        let lost = events.lost().cast_signed();
        let mut before = gathered(events, &cards, Claim::Below(-events.gained().cast_signed() - 2));
        for d in -events.gained().cast_signed() - 1..=lost + 1 {
            let now = gathered(events, &cards, Claim::Below(d));
            let falls = |before: f64, now: f64| now < before - 1e-9 * before.abs();
            prop_assert!(!falls(before.window().ln(), now.window().ln()), "window at {}", d);
            // At d = L it bets nothing where no event is gained.
            if d != lost {
                prop_assert!(!falls(before.stream().ln(), now.stream().ln()), "stream at {}", d);
                before = now;
            }
        }
    }

    #[test]
    fn bisection_finds_the_bounds_of_a_search_over_all(
        (events, cards) in any_cards(), level in 1.5_f64..500.0
    ) {
        let kept = |d: &i64| {
            let refuses = |claim| gathered(events, &cards, claim).window().ln() >= level.ln();
            !refuses(Claim::Below(*d)) && !refuses(Claim::Above(*d))
        };
        let all = -events.gained().cast_signed()..=events.lost().cast_signed();
        let kept: Vec<i64> = all.filter(kept).collect();
        if let (Some(least), Some(greatest)) = (kept.first(), kept.last()) {
            let expected = ReviewBounds { least: *least, greatest: *greatest };
            prop_assert_eq!(ReviewBounds::at(events, &cards, level).unwrap(), Some(expected));
        }
    }

    #[test]
    fn no_input_makes_a_review_panic(
        lost in any_count(), gained in any_count(),
        blocks in proptest::collection::vec((any::<i64>(), any_count()), 0..5),
        honest in prop::bool::ANY,
        limits in proptest::array::uniform3(prop_oneof![0.0_f64..1.0, any::<f64>()]),
        answers in proptest::collection::vec((prop::bool::ANY, prop::option::of(any::<f64>())), 0..40),
    ) {
        let [false_alarms, missed, benefit] = limits;
        let answers = answers.into_iter().map(|(lost, answer)| DrawnCard {
            direction: if lost { Direction::Lost } else { Direction::Gained },
            answer: answer.and_then(|z| Worth::new(z).ok()),
        });
        let answers: Vec<DrawnCard> = answers.collect();
        let Ok(events) = Discordant::new(lost, gained) else { return Ok(()) };
        let Ok(limits) = ReviewLimits::new(LimitSettings { false_alarms, missed, benefit }) else {
            return Ok(());
        };
        let mut blocks: Vec<FleetBlock> =
            blocks.into_iter().map(|(change, alerts)| FleetBlock { change: change % 1000, alerts }).collect();
        if honest {
            let sum: i64 = blocks.iter().map(|block| block.change).sum();
            blocks.push(FleetBlock { change: events.change() - sum, alerts: 7 });
        }
        let Ok(review) = Review::new(events, &blocks, limits) else { return Ok(()) };
        if let Ok(findings) = review.judge(&answers) {
            prop_assert!(findings.delta.is_none_or(f64::is_finite));
            prop_assert!(!findings.evidence.benefit.ln().is_nan());
            prop_assert!(!findings.evidence.more_missed.ln().is_nan());
        }
    }

    #[test]
    fn no_counts_make_agreement_panic(
        gained in proptest::collection::vec((any_count(), any_count()), 0..5),
        lost in proptest::collection::vec((any_count(), any_count()), 0..5),
        blocks in proptest::collection::vec((any_count(), any_count(), any_count()), 0..5),
    ) {
        let cameras = |labels: Vec<(u64, u64)>| -> Vec<CameraLabels> {
            let camera = |(one, other): (u64, u64)| CameraLabels {
                false_alarms: one.min(other),
                labels: one.max(other),
            };
            labels.into_iter().map(camera).collect()
        };
        let block = |(gained, lost, alerts)| AgreementBlock { gained, lost, alerts };
        let blocks: Vec<AgreementBlock> = blocks.into_iter().map(block).collect();
        if let Ok(Some(found)) = agreement(&cameras(gained), &cameras(lost), &blocks) {
            prop_assert!(found.value.is_finite() && found.variance.is_finite());
            prop_assert!(found.degrees.value() > 0.0);
        }
    }
}
