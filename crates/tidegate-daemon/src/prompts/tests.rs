use tidegate_engine::limits;
use tidegate_journal::Entry;
use tidegate_spec::api;

use super::document::orders;
use super::*;

fn version(number: u32, text: &str) -> VersionHead {
    VersionHead {
        number,
        key: format!("v{number}").parse().unwrap(),
        digest: text_digest(text),
        parent: None,
        created_at: Timestamp::EPOCH,
        actor: Actor::new("ann").unwrap(),
        reason: None,
    }
}

fn entries(texts: &[&str]) -> Vec<Entry> {
    let added = (1..).zip(texts).map(|(number, text)| PromptChange::Added {
        prompt: "door".parse().unwrap(),
        version: Version { head: version(number, text), text: (*text).into() },
    });
    Entry::changes(&added.collect::<Vec<_>>())
}

fn recall(prompts: &mut Prompts, entries: Vec<Entry>) -> Result<(), PromptsNotReplayed> {
    entries.into_iter().try_for_each(|entry| match entry {
        Entry::Version { prompt, head, part, parts, text } => prompts
            .replay(PartNumber { part, parts }, PendingChange::Version { prompt, head, text })
            .map(drop),
        Entry::Defined { .. }
        | Entry::Event { .. }
        | Entry::Decided { .. }
        | Entry::LabelMoved { .. }
        | Entry::Noted { .. }
        | Entry::Point { .. }
        | Entry::Led { .. }
        | Entry::DefinedBy { .. }
        | Entry::Deleted { .. } => panic!("not of versions"),
    })
}

#[test]
fn the_digest_is_the_sha_256_of_the_text() {
    // FIPS 180-4, the example of one block.
    let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(text_digest("abc").to_string(), known);
}

#[test]
fn what_a_crash_cut_short_was_never_there_and_the_next_change_is_whole() {
    let long = "Say what you see.\n".repeat(10_000);
    let mut cut = entries(&["one", &long]);
    assert!(cut.len() > 3, "in several parts");
    cut.pop();
    let mut prompts = Prompts::default();
    recall(&mut prompts, cut).unwrap();
    assert_eq!(prompts.catalog().iter().count(), 0);
    recall(&mut prompts, entries(&["one", &long])).unwrap();
    let name = "door".parse().unwrap();
    assert_eq!(*prompts.catalog().get(&name).unwrap().versions()[1].text, *long);
}

#[test]
fn a_text_of_another_digest_and_a_part_out_of_place_are_noticed() {
    let mut wrong = entries(&["one"]);
    let Entry::Version { text, .. } = &mut wrong[0] else { panic!("another") };
    text.push('x');
    let mut prompts = Prompts::default();
    let found = recall(&mut prompts, wrong);
    assert!(matches!(found, Err(PromptsNotReplayed::Digest { number: 1, .. })), "{found:?}");
    let mut gap = entries(&["one", "two", "three"]);
    gap.remove(1);
    let found = recall(&mut Prompts::default(), gap);
    assert!(matches!(found, Err(PromptsNotReplayed::Part(_))), "{found:?}");
    let mut kept = Prompts::default();
    recall(&mut kept, entries(&["one"])).unwrap();
    let mut snapshot = kept.catalog().snapshot();
    snapshot[0].versions[0].text = "two".into();
    assert!(matches!(Prompts::restore(snapshot), Err(PromptsNotReplayed::Digest { .. })));
}

#[test]
fn as_many_labels_are_imported_as_a_prompt_may_have_beside_production() {
    let labels = |count: usize| {
        let named = (0..count).map(|number| format!("label-{number}"));
        let named = std::iter::once("production".to_owned()).chain(named);
        let version = || "v1".to_owned();
        named.map(|label| api::PromptDocumentLabel { label, version: version() }).collect()
    };
    let orders_of = |count| {
        let document = api::PromptDocument {
            tidegate_prompt: 1,
            name: "door".to_owned(),
            versions: Vec::new(),
            labels: labels(count),
            next: None,
        };
        let (actor, reason) = ("ann".to_owned(), "moved".to_owned());
        orders(&"door".parse().unwrap(), &api::PromptImport { document, actor, reason })
    };
    assert_eq!(orders_of(limits::PROMPT_LABELS_MAX).unwrap().len(), limits::PROMPT_LABELS_MAX + 1);
    let faults = orders_of(limits::PROMPT_LABELS_MAX + 1).unwrap_err();
    assert_eq!(faults[0].detail, "has 18 entries, allowed: 0 to 17");
}
