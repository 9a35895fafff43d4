use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::event::{Actor, Reason};
use crate::id::PromptName;
use crate::limits;
use crate::time::Timestamp;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms).unwrap()
}

fn name() -> PromptName {
    "door".parse().unwrap()
}

/// A digest that is as good as any: who brings a text computes it.
pub(crate) fn digest(text: &str) -> TextDigest {
    let mut bytes = [0; 32];
    for (index, byte) in text.bytes().enumerate() {
        bytes[index % 32] ^= byte.wrapping_add(u8::try_from(index / 32).unwrap_or(7));
    }
    TextDigest(bytes)
}

fn add(text: &str, key: Option<&str>) -> Order {
    Order::Add(VersionOrder {
        prompt_is: Precondition::Either,
        key: key.map(|key| key.parse().unwrap()),
        digest: digest(text),
        text: text.into(),
        parent: None,
        created_at: None,
        actor: Actor::new("ann").unwrap(),
        reason: None,
    })
}

fn point(label: &str, to: Option<&str>, revision: Option<u32>) -> Order {
    Order::Point(LabelOrder {
        label: label.parse().unwrap(),
        to: to.map_or(LabelTarget::Nowhere, |to| LabelTarget::Version(to.to_string())),
        revision,
        actor: Actor::new("ann").unwrap(),
        reason: Reason::new("a test").unwrap(),
    })
}

fn catalog(orders: &[Order]) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.apply(at(1), &name(), orders).unwrap();
    catalog
}

fn refusal(catalog: &mut Catalog, order: Order) -> OrderRejection {
    let before = catalog.clone();
    let (index, rejection) = catalog.apply(at(9), &name(), &[order]).unwrap_err();
    assert_eq!((index, &before), (0, &*catalog), "a rejection changes nothing");
    rejection
}

#[test]
fn a_text_is_kept_once_and_keys_are_numbered() {
    let mut catalog =
        catalog(&[add("one", Some("v1_original")), add("two", None), add("three", None)]);
    let prompt = catalog.get(&name()).unwrap().clone();
    let keys: Vec<&str> = prompt.versions().iter().map(|v| v.head.key.as_str()).collect();
    assert_eq!(keys, ["v1_original", "v2", "v3"]);
    // The same text again is the version that is there, whatever key it is to have.
    let changes = catalog.apply(at(2), &name(), &[add("two", Some("other"))]).unwrap();
    assert_eq!(changes, []);
    assert_eq!(catalog.get(&name()), Some(&prompt));
}

#[test]
fn a_name_is_one_thing() {
    let mut catalog = catalog(&[
        add("one", Some("v1")),
        add("two", Some("v2")),
        point("candidate", Some("v2"), None),
    ]);
    for order in
        [add("three", Some("v1")), add("three", Some("candidate")), point("v1", Some("v2"), None)]
    {
        assert!(matches!(refusal(&mut catalog, order), OrderRejection::NameTaken { .. }));
    }
    for key in ["production", "sha256:abc"] {
        let refused = refusal(&mut catalog, add("three", Some(key)));
        assert!(matches!(refused, OrderRejection::KeyReserved(_)), "{refused}");
    }
    // A number's own key goes to the next that is free.
    catalog.apply(at(2), &name(), &[add("three", Some("v4")), add("four", None)]).unwrap();
    assert_eq!(catalog.get(&name()).unwrap().numbered(4).unwrap().head.key.as_str(), "v5");
}

#[test]
fn a_version_is_found_by_key_label_digest_and_the_beginning_of_one() {
    let catalog = catalog(&[
        add("one", Some("v1")),
        add("two", Some("v2")),
        point("candidate", Some("v2"), None),
    ]);
    let prompt = catalog.get(&name()).unwrap();
    let full = digest("two").to_string();
    let number = |reference: &str| prompt.find(&name(), reference).map(|found| found.head.number);
    for reference in ["v2", "candidate", &full, &full[..DIGEST_SCHEME.len() + 8]] {
        assert_eq!(number(reference), Ok(2), "{reference}");
    }
    for reference in ["", "v3", "sha256:", &full[..DIGEST_SCHEME.len() + 7], &format!("{full}0")] {
        assert!(matches!(number(reference), Err(NotFound::Unknown { .. })), "{reference}");
    }
    assert_eq!(full.parse(), Ok(digest("two")));
    for text in ["", "sha256:", &full[7..], &full.replace("sha", "SHA"), &format!("{full}0")] {
        assert_eq!(text.parse::<TextDigest>(), Err(InvalidDigest), "{text}");
    }
}

#[test]
fn two_digests_with_one_beginning_are_told_apart_by_more_digits() {
    let with = |last: u8| {
        let Order::Add(mut order) = add(&format!("text {last}"), None) else { unreachable!() };
        order.digest = TextDigest([0xab; 32]);
        order.digest.0[31] = last;
        Order::Add(order)
    };
    let catalog = catalog(&[with(1), with(2)]);
    let prompt = catalog.get(&name()).unwrap();
    let found = prompt.find(&name(), "sha256:abababab");
    assert!(matches!(found, Err(NotFound::Ambiguous { count: 2, .. })), "{found:?}");
    let whole = format!("sha256:{}02", "ab".repeat(31));
    assert_eq!(prompt.find(&name(), &whole).unwrap().head.number, 2);
}

#[test]
fn a_label_moves_only_from_where_it_was_seen() {
    let mut catalog =
        catalog(&[add("one", None), add("two", None), point("candidate", Some("v1"), Some(0))]);
    assert_eq!(
        refusal(&mut catalog, point("candidate", Some("v2"), Some(0))),
        OrderRejection::Revision { label: "candidate".parse().unwrap(), revision: 1, expected: 0 }
    );
    catalog.apply(at(2), &name(), &[point("candidate", Some("v2"), Some(1))]).unwrap();
    // Where it is already, nothing happens.
    assert_eq!(
        catalog.apply(at(3), &name(), &[point("candidate", Some("v2"), Some(2))]),
        Ok(vec![])
    );
    // Removed and set again, its history goes on.
    catalog
        .apply(
            at(4),
            &name(),
            &[point("candidate", None, None), point("candidate", Some("v1"), None)],
        )
        .unwrap();
    let label = catalog.get(&name()).unwrap().label(&"candidate".parse().unwrap()).unwrap().clone();
    let moves: Vec<_> =
        label.moves().iter().map(|step| (step.revision, step.from, step.to)).collect();
    assert_eq!(
        moves,
        [(1, None, Some(1)), (2, Some(1), Some(2)), (3, Some(2), None), (4, None, Some(1))]
    );
    assert!(matches!(
        refusal(&mut catalog, point("gone", None, None)),
        OrderRejection::UnknownLabel { .. }
    ));
    assert!(matches!(
        refusal(&mut catalog, point("candidate", Some("v9"), None)),
        OrderRejection::UnknownVersion(_)
    ));
}

#[test]
fn orders_are_carried_out_all_or_none() {
    let mut catalog = catalog(&[add("one", Some("v1"))]);
    let before = catalog.clone();
    let orders =
        [add("two", Some("v2")), point("candidate", Some("v2"), None), add("three", Some("v1"))];
    let (index, rejection) = catalog.apply(at(2), &name(), &orders).unwrap_err();
    assert_eq!((index, catalog == before), (2, true));
    assert!(matches!(rejection, OrderRejection::NameTaken { .. }));
    let weighed = catalog.dry_run(at(2), &name(), &orders);
    assert!(matches!(weighed[..], [Ok(Some(_)), Ok(Some(_)), Err(_)]), "{weighed:?}");
    assert_eq!(catalog, before);
}

#[test]
fn whether_a_prompt_is_there_is_told() {
    let mut catalog = Catalog::default();
    let with = |text: &str, prompt_is| {
        let Order::Add(order) = add(text, None) else { unreachable!() };
        Order::Add(VersionOrder { prompt_is, ..order })
    };
    let unknown = refusal(&mut catalog, with("one", Precondition::Known));
    assert_eq!(unknown, OrderRejection::UnknownPrompt(name()));
    assert_eq!(
        refusal(&mut catalog, point("candidate", Some("v1"), None)),
        OrderRejection::UnknownPrompt(name())
    );
    assert_eq!(catalog.apply(at(1), &name(), &[with("one", Precondition::New)]).unwrap().len(), 1);
    assert_eq!(catalog.apply(at(1), &name(), &[with("one", Precondition::New)]), Ok(vec![]));
    let there = refusal(&mut catalog, with("two", Precondition::New));
    assert_eq!(there, OrderRejection::PromptExists(name()));
}

#[test]
fn every_bound_is_kept() {
    let mut catalog = Catalog::default();
    assert_eq!(refusal(&mut catalog, add("", None)), OrderRejection::TextLength(0));
    let long = "x".repeat(limits::PROMPT_TEXT_BYTES_MAX + 1);
    assert_eq!(refusal(&mut catalog, add(&long, None)), OrderRejection::TextLength(long.len()));
    catalog.apply(at(1), &name(), &[add(&long[1..], None), add("two", None)]).unwrap();
    for number in 0..limits::PROMPT_LABELS_MAX {
        catalog
            .apply(at(2), &name(), &[point(&format!("label{number}"), Some("v1"), None)])
            .unwrap();
    }
    let full = refusal(&mut catalog, point("one_more", Some("v1"), None));
    assert!(matches!(full, OrderRejection::TooMany { .. }), "{full}");
    catalog.apply(at(2), &name(), &[point(PRODUCTION, Some("v1"), None)]).unwrap();
    // A label that was removed gives its place away.
    catalog
        .apply(at(3), &name(), &[point("label3", None, None), point("one_more", Some("v1"), None)])
        .unwrap();
    let prompt = catalog.get(&name()).unwrap();
    assert_eq!(prompt.label(&"label3".parse().unwrap()), None);
    // Of many moves the newest are kept.
    for turn in 0..250_i64 {
        let to = if turn % 2 == 0 { "v2" } else { "v1" };
        catalog.apply(at(10 + turn), &name(), &[point(PRODUCTION, Some(to), None)]).unwrap();
    }
    let label = catalog.get(&name()).unwrap().label(&PRODUCTION.parse().unwrap()).unwrap().clone();
    assert_eq!((label.revision(), label.moves().len()), (251, limits::LABEL_MOVES_MAX));
    assert_eq!(Catalog::restore(catalog.snapshot()), Ok(catalog));
    let mut many = Catalog::default();
    for number in 0..limits::PROMPTS_MAX {
        let name = format!("p{number}").parse().unwrap();
        many.apply(at(1), &name, &[add("one", None)]).unwrap();
    }
    let full = refusal(&mut many, add("one", None));
    assert!(matches!(full, OrderRejection::TooMany { of: "prompts", .. }), "{full}");
}

#[test]
fn what_was_written_down_gives_the_same_again_and_nothing_else_follows() {
    let mut catalog = Catalog::default();
    let orders = [
        add("one", Some("v1")),
        add("two", None),
        point("candidate", Some("v2"), None),
        point(PRODUCTION, Some("v1"), None),
        point("candidate", None, None),
    ];
    let changes = catalog.apply(at(5), &name(), &orders).unwrap();
    let mut again = Catalog::default();
    for change in &changes {
        again.apply_logged(change).unwrap();
        let before = again.clone();
        assert!(again.apply_logged(change).is_err(), "twice: {change:?}");
        assert_eq!(again, before);
    }
    assert_eq!(again, catalog);
    assert_eq!((again.latest(), Catalog::restore(again.snapshot())), (at(5), Ok(catalog)));
    // A catalog that lacks what came before takes nothing in.
    for change in &changes[1..] {
        assert!(Catalog::default().apply_logged(change).is_err(), "{change:?}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_is_refused() {
    let good = catalog(&[add("one", None), add("two", None), point("candidate", Some("v1"), None)]);
    let spoiled = |spoil: &dyn Fn(&mut PromptSnapshot)| {
        let mut snapshots = good.snapshot();
        spoil(&mut snapshots[0]);
        Catalog::restore(snapshots)
    };
    assert_eq!(spoiled(&|_| ()), Ok(good.clone()));
    for (what, spoil) in [
        ("none", &|kept: &mut PromptSnapshot| kept.versions.clear()),
        ("order", &|kept: &mut PromptSnapshot| kept.versions.swap(0, 1)),
        ("twice", &|kept: &mut PromptSnapshot| {
            kept.versions[1].head.digest = kept.versions[0].head.digest;
        }),
        ("nowhere", &|kept: &mut PromptSnapshot| kept.labels[0].1[0].to = Some(3)),
        ("unmoved", &|kept: &mut PromptSnapshot| kept.labels[0].1.clear()),
        ("late", &|kept: &mut PromptSnapshot| kept.labels[0].1[0].revision = 2),
        ("key", &|kept: &mut PromptSnapshot| kept.labels[0].0 = "v1".parse().unwrap()),
    ] as [(&str, &dyn Fn(&mut PromptSnapshot)); 7]
    {
        assert!(spoiled(spoil).is_err(), "{what}");
    }
    let twice = [good.snapshot(), good.snapshot()].concat();
    assert!(Catalog::restore(twice).is_err());
}
