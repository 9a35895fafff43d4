//! Random orders to the catalog of prompts and to a naive model that keeps lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::PromptName;
use tidegate_engine::prompt::{
    Catalog, LabelOrder, LabelTarget, Order, OrderRejection, Precondition, PromptChange,
    TextDigest, VersionOrder,
};
use tidegate_engine::time::Timestamp;

/// What is asked, small enough that names and texts meet each other.
#[derive(Debug, Clone)]
enum Asked {
    Add { text: u8, key: Option<u8>, label: Option<u8> },
    Point { label: u8, key: u8, revision: Option<u32> },
    Remove { label: u8 },
}

fn asked() -> impl Strategy<Value = (u8, Asked)> {
    let add = (0_u8..12, proptest::option::of(0_u8..6), proptest::option::of(0_u8..3))
        .prop_map(|(text, key, label)| Asked::Add { text, key, label });
    let point = (0_u8..3, 0_u8..6, proptest::option::of(0_u32..6))
        .prop_map(|(label, key, revision)| Asked::Point { label, key, revision });
    let remove = (0_u8..3).prop_map(|label| Asked::Remove { label });
    (0_u8..2, prop_oneof![4 => add, 4 => point, 1 => remove])
}

/// Names of keys and of labels; the last of each is the same.
fn name_of_key(key: u8) -> String {
    if key == 5 { "shared".to_owned() } else { format!("key{key}") }
}

fn name_of_label(label: u8) -> String {
    if label == 2 { "shared".to_owned() } else { format!("label{label}") }
}

fn orders(asked: &Asked) -> Vec<Order> {
    let (actor, reason) = (Actor::new("ann").unwrap(), Reason::new("a test").unwrap());
    let point = |label: u8, to, revision| {
        let (actor, reason) = (actor.clone(), reason.clone());
        let label = name_of_label(label).parse().unwrap();
        Order::Point(LabelOrder { label, to, revision, actor, reason })
    };
    match *asked {
        Asked::Add { text, key, label } => {
            let digest = TextDigest([text; 32]);
            let order = VersionOrder {
                prompt_is: Precondition::Either,
                key: key.map(|key| name_of_key(key).parse().unwrap()),
                digest,
                text: format!("text {text}").into(),
                parent: None,
                created_at: None,
                actor: actor.clone(),
                reason: None,
            };
            let mut orders = vec![Order::Add(order)];
            orders.extend(label.map(|label| point(label, LabelTarget::Text(digest), None)));
            orders
        }
        Asked::Point { label, key, revision } => {
            vec![point(label, LabelTarget::Version(name_of_key(key)), revision)]
        }
        Asked::Remove { label } => vec![point(label, LabelTarget::Nowhere, None)],
    }
}

/// A prompt as lists: each version's key and text, and each label's targets one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Naive {
    versions: Vec<(String, u8)>,
    labels: BTreeMap<String, Vec<Option<usize>>>,
}

impl Naive {
    /// Does what is asked, or gives a word for why not.
    fn take(&mut self, asked: &Asked) -> Result<(), &'static str> {
        let mut tried = self.clone();
        tried.attempt(asked)?;
        *self = tried;
        Ok(())
    }

    fn attempt(&mut self, asked: &Asked) -> Result<(), &'static str> {
        match *asked {
            Asked::Add { text, key, label } => {
                if !self.versions.iter().any(|(_, known)| *known == text) {
                    let taken = |name: &String| {
                        self.labels.contains_key(name)
                            || self.versions.iter().any(|(known, _)| known == name)
                    };
                    let key = match key.map(name_of_key) {
                        Some(key) if taken(&key) => return Err("taken"),
                        Some(key) => key,
                        None => format!("v{}", self.versions.len() + 1),
                    };
                    self.versions.push((key, text));
                }
                let place = self.versions.iter().position(|(_, known)| *known == text).unwrap();
                label.map_or(Ok(()), |label| self.point(&name_of_label(label), Some(place)))
            }
            Asked::Point { label, key, revision } => {
                let label = name_of_label(label);
                if self.versions.is_empty() {
                    return Err("unknown");
                }
                let moved = self.labels.get(&label).map_or(0, Vec::len);
                if revision.is_some_and(|revision| revision as usize != moved) {
                    return Err("revision");
                }
                let key = name_of_key(key);
                let keyed = self.versions.iter().position(|(known, _)| *known == key);
                let labelled = || self.labels.get(&key).and_then(|moves| *moves.last().unwrap());
                let Some(place) = keyed.or_else(labelled) else { return Err("unknown") };
                self.point(&label, Some(place))
            }
            Asked::Remove { label } => {
                let label = name_of_label(label);
                let now = self.labels.get(&label).and_then(|moves| *moves.last().unwrap());
                if now.is_none() { Err("unknown") } else { self.point(&label, None) }
            }
        }
    }

    fn point(&mut self, label: &str, to: Option<usize>) -> Result<(), &'static str> {
        let known = self.labels.get(label);
        if known.and_then(|moves| *moves.last().unwrap()) == to {
            return Ok(());
        }
        if known.is_none() && self.versions.iter().any(|(key, _)| key == label) {
            return Err("taken");
        }
        self.labels.entry(label.to_owned()).or_default().push(to);
        Ok(())
    }
}

fn word(rejection: &OrderRejection) -> &'static str {
    match rejection {
        OrderRejection::NameTaken { .. } => "taken",
        OrderRejection::Revision { .. } => "revision",
        OrderRejection::UnknownPrompt(_)
        | OrderRejection::UnknownVersion(_)
        | OrderRejection::UnknownLabel { .. } => "unknown",
        OrderRejection::PromptExists(_)
        | OrderRejection::UnknownParent(_)
        | OrderRejection::KeyReserved(_)
        | OrderRejection::TextLength(_)
        | OrderRejection::TooMany { .. } => panic!("{rejection}"),
    }
}

fn as_lists(catalog: &Catalog, name: &PromptName) -> Naive {
    let Some(prompt) = catalog.get(name) else { return Naive::default() };
    let place = |number: u32| number as usize - 1;
    Naive {
        versions: prompt
            .versions()
            .iter()
            .map(|version| (version.head.key.to_string(), version.head.digest.0[0]))
            .collect(),
        labels: prompt
            .labels()
            .map(|(label, kept)| {
                let moves = kept.moves().iter().map(|step| step.to.map(place));
                (label.to_string(), moves.collect())
            })
            .collect(),
    }
}

proptest! {
    #[test]
    fn the_catalog_does_what_lists_do_and_what_was_written_down_gives_it_again(
        story in proptest::collection::vec(asked(), 1..60)
    ) {
        let mut catalog = Catalog::default();
        let mut naive: BTreeMap<PromptName, Naive> = BTreeMap::new();
        let mut written: Vec<PromptChange> = Vec::new();
        for (step, (prompt, asked)) in (0_i64..).zip(story) {
            let name: PromptName = format!("prompt{prompt}").parse().unwrap();
            let at = Timestamp::from_ms(step).unwrap();
            let before = catalog.clone();
            let expected = naive.entry(name.clone()).or_default().take(&asked);
            match catalog.apply(at, &name, &orders(&asked)) {
                Ok(changes) => {
                    prop_assert_eq!(expected, Ok(()));
                    written.extend(changes);
                }
                Err((_, rejection)) => {
                    prop_assert_eq!(expected, Err(word(&rejection)), "{}", rejection);
                    prop_assert_eq!(&catalog, &before);
                }
            }
            prop_assert_eq!(as_lists(&catalog, &name), naive[&name].clone());
            // Nothing that was kept ever changes.
            for (name, prompt) in before.iter() {
                let now = catalog.get(name).unwrap();
                prop_assert_eq!(&now.versions()[..prompt.versions().len()], prompt.versions());
            }
        }
        let mut again = Catalog::default();
        for change in &written {
            again.apply_logged(change).unwrap();
        }
        prop_assert_eq!(&again, &catalog);
        prop_assert_eq!(Catalog::restore(catalog.snapshot()), Ok(catalog));
    }
}
