use alloc::format;
use alloc::string::{String, ToString};

use tidegate_stats::review::Worth;

use super::*;

const ALL_SEEN: CardHash = CardHash(u64::MAX);

fn order() -> CardOrder {
    CardOrder::new(&"door".parse().unwrap())
}

fn queue(events_max: usize, budget: usize, early: CardHash) -> Queue {
    Queue::new(order(), Sizes { events_max, budget, early, second_look: SecondLook::AfterYes })
        .unwrap()
}

fn card(number: u64) -> Card {
    let direction = Direction::ALL[usize::from(number.is_multiple_of(3))];
    let event = format!("evt-{number}").parse().unwrap();
    Card::new(event, "front_door".parse().unwrap(), Timestamp::EPOCH, direction)
}

fn filled(events: u64, budget: usize) -> Queue {
    let mut queue = queue(1000, budget, CardHash(0));
    for number in 0..events {
        queue.add(card(number)).unwrap();
    }
    queue.close();
    queue
}

fn person(name: &str) -> Actor {
    Actor::new(name).unwrap()
}

/// The answer of `name` to the card that is next for them; its event.
fn reply(queue: &mut Queue, name: &str, answer: Option<Answer>) -> String {
    let reviewer = person(name);
    let next = queue.next(&reviewer).expect("a card waits");
    let (event, turn) = (next.event.clone(), next.turn());
    let shown = event.to_string();
    queue.answer(Timestamp::EPOCH, &CardReply { event, turn, reviewer, answer }).unwrap();
    shown
}

#[test]
fn cards_come_by_hash_whatever_order_events_came_in() {
    let forth = filled(50, 20);
    let mut back = queue(1000, 20, CardHash(0));
    for number in (0..50).rev() {
        back.add(card(number)).unwrap();
    }
    back.close();
    assert!(forth.cards().eq(back.cards()));
    let hashes: Vec<CardHash> = forth.cards().map(|card| order().of(&card.event)).collect();
    assert!(hashes.is_sorted() && hashes.len() == 20);
    assert_eq!(forth.events().unwrap(), Discordant::new(33, 17).unwrap());
}

#[test]
fn beyond_its_size_a_queue_keeps_the_lowest_hashes_and_counts_all() {
    let all = filled(50, 10);
    let mut small = queue(10, 10, CardHash(0));
    for number in 0..50 {
        small.add(card(number)).unwrap();
    }
    small.close();
    assert!(small.cards().eq(all.cards()));
    assert_eq!(small.events(), all.events());
    let highest = small.cards().map(|card| order().of(&card.event)).max().unwrap();
    assert!(small.left_out_from().unwrap() > highest);
    assert_eq!(all.left_out_from(), None);
}

#[test]
fn before_the_window_closes_only_early_cards_are_seen() {
    let middle = CardHash(u64::MAX / 2);
    let mut queue = queue(1000, 200, middle);
    for number in 0..50 {
        queue.add(card(number)).unwrap();
    }
    let early = queue.cards().count();
    assert!(0 < early && early < 50);
    assert!(queue.cards().all(|card| order().of(&card.event) < middle));
    queue.close();
    assert_eq!(queue.cards().count(), 50);
    assert_eq!(queue.add(card(50)), Err(QueueRejection::Closed));
}

#[test]
fn events_that_come_again_and_sizes_that_are_none_are_refused() {
    let mut queue = queue(10, 5, ALL_SEEN);
    queue.add(card(1)).unwrap();
    let before = queue.clone();
    let event = card(1).event;
    assert_eq!(queue.add(card(1)), Err(QueueRejection::Duplicate { event }));
    assert_eq!(queue, before);
    for (events_max, budget) in [(10, 0), (4, 5)] {
        assert!(
            Queue::new(
                order(),
                Sizes { events_max, budget, early: ALL_SEEN, second_look: SecondLook::AfterYes }
            )
            .is_err()
        );
    }
}

#[test]
fn a_yes_waits_for_another_reviewer_while_the_first_goes_on() {
    let mut queue = filled(30, 30);
    let first = reply(&mut queue, "mara", Some(Answer::Yes));
    assert!(queue.drawn().is_empty());
    let second = reply(&mut queue, "mara", Some(Answer::No));
    assert_ne!(first, second);
    assert!(queue.drawn().is_empty(), "evidence counts cards in their order");
    assert_eq!(reply(&mut queue, "theo", Some(Answer::No)), first);
    // They differ, so somebody gives a third opinion.
    assert_eq!(reply(&mut queue, "ines", Some(Answer::Yes)), first);
    let worths: Vec<_> = queue.drawn().iter().map(|drawn| drawn.answer.unwrap()).collect();
    assert_eq!(worths, [Worth::YES, Worth::NO]);
}

#[test]
fn whoever_is_alone_gets_a_card_again_after_ten_others_or_at_the_end() {
    let mut long = filled(30, 30);
    let first = reply(&mut long, "mara", Some(Answer::Yes));
    for _ in 0..CARDS_BETWEEN_OPINIONS {
        assert_ne!(reply(&mut long, "mara", Some(Answer::No)), first);
    }
    assert_eq!(reply(&mut long, "mara", Some(Answer::Yes)), first);
    assert_eq!(long.drawn().len(), 1 + CARDS_BETWEEN_OPINIONS);

    let mut short = filled(2, 2);
    let first = reply(&mut short, "mara", Some(Answer::Yes));
    reply(&mut short, "mara", Some(Answer::No));
    assert_eq!(reply(&mut short, "mara", Some(Answer::Yes)), first);
    assert_eq!(short.next(&person("mara")), None);
    assert_eq!(short.drawn().len(), 2);
}

#[test]
fn a_card_that_is_skipped_holds_nobody_up() {
    let mut queue = filled(3, 3);
    let first = reply(&mut queue, "mara", None);
    assert_eq!(queue.drawn().len(), 1);
    assert_eq!(queue.drawn()[0].answer, None);
    reply(&mut queue, "mara", Some(Answer::No));
    reply(&mut queue, "mara", Some(Answer::No));
    assert_eq!(queue.next(&person("mara")), None);
    assert_eq!(queue.drawn().len(), 3);
    assert_eq!(reply(&mut queue, "theo", Some(Answer::CannotTell)), first);
    assert_eq!(queue.drawn()[0].answer, Some(Worth::CANNOT_TELL));
}

#[test]
fn replies_that_fit_no_card_change_nothing() {
    let mut queue = filled(30, 5);
    let to_first = |queue: &Queue, turn| CardReply {
        event: queue.cards().next().unwrap().event.clone(),
        turn,
        reviewer: person("mara"),
        answer: Some(Answer::No),
    };
    let first = to_first(&queue, 0);
    let event = first.event.clone();
    queue.answer(Timestamp::EPOCH, &first).unwrap();
    let before = queue.clone();
    let again = QueueRejection::OutOfTurn { event: event.clone(), opinions: 1, turn: 0 };
    assert_eq!(queue.answer(Timestamp::EPOCH, &first), Err(again));
    let more = to_first(&queue, 1);
    assert_eq!(queue.answer(Timestamp::EPOCH, &more), Err(QueueRejection::Settled { event }));
    let undrawn = order_of_all().pop().unwrap();
    let beyond = CardReply { event: undrawn.clone(), ..to_first(&queue, 0) };
    assert_eq!(
        queue.answer(Timestamp::EPOCH, &beyond),
        Err(QueueRejection::NoCard { event: undrawn })
    );
    assert_eq!(queue, before);
}

/// The events of a filled queue of 30 in the order of cards.
fn order_of_all() -> Vec<AnalysisId> {
    filled(30, 30).cards().map(|card| card.event.clone()).collect()
}
