//! Prompts as documents: written out, and read as orders.

use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::{LabelName, PromptKey, PromptName};
use tidegate_engine::limits;
use tidegate_engine::prompt::{LabelOrder, LabelTarget, Order, Precondition, Prompt, VersionOrder};
use tidegate_spec::api::{
    self, FieldFault, PromptDocument, PromptDocumentLabel, PromptDocumentVersion, PromptImport,
    parse_time,
};

use super::text_digest;
use crate::faults::RequestFaults;
use crate::page;

/// The version of the format.
const FORMAT: u32 = 1;

/// Texts that a page has, in bytes: no fewer than a version may have.
const PAGE_TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Versions after the one of that number, at most so many and so long, and with the last of them the labels.
pub(crate) fn written(
    name: &PromptName,
    prompt: &Prompt,
    after: usize,
    limit: usize,
) -> PromptDocument {
    let mut text_bytes = 0;
    let versions: Vec<PromptDocumentVersion> = prompt
        .versions()
        .iter()
        .skip(after)
        .take(limit)
        .take_while(|version| {
            text_bytes += version.text.len();
            text_bytes <= PAGE_TEXT_BYTES_MAX
        })
        .map(|version| PromptDocumentVersion {
            key: Some(version.head.key.to_string()),
            digest: Some(version.head.digest.to_string()),
            text: version.text.as_ref().to_owned(),
            parent: version.head.parent.map(|parent| parent.to_string()),
            created_at: Some(api::shown(version.head.created_at)),
            actor: Some(version.head.actor.to_string()),
            note: version.head.reason.as_ref().map(ToString::to_string),
        })
        .collect();
    let next = page::next(after, versions.len(), prompt.versions().len());
    let labels = prompt.labels().filter(|_| next.is_none()).filter_map(|(label, kept)| {
        let version = prompt.numbered(kept.target()?)?.head.digest.to_string();
        Some(PromptDocumentLabel { label: label.to_string(), version })
    });
    PromptDocument {
        tidegate_prompt: FORMAT,
        name: name.to_string(),
        labels: labels.collect(),
        versions,
        next,
    }
}

/// What an import asks for, each order with the pointer of what it came from.
pub(crate) fn orders(
    name: &PromptName,
    import: &PromptImport,
) -> Result<Vec<(String, Order)>, Vec<FieldFault>> {
    let PromptImport { document, actor, reason } = import;
    let mut faults = RequestFaults::default();
    if document.tidegate_prompt != FORMAT {
        let detail = format!("is {}, allowed: {FORMAT}", document.tidegate_prompt);
        faults.add("/document/tidegate_prompt", detail);
    }
    if document.name != name.as_str() {
        let shown = api::quoted(&document.name);
        let detail = format!("is {shown}, allowed: `{name}`, as in the path");
        faults.add("/document/name", detail);
    }
    if document.versions.is_empty() && document.labels.is_empty() {
        faults.add(
            "/document/versions",
            "is empty, allowed: at least one version or label".to_owned(),
        );
    }
    for (field, count, allowed) in [
        ("versions", document.versions.len(), limits::PROMPT_VERSIONS_MAX),
        // And `production`, which comes on top.
        ("labels", document.labels.len(), limits::PROMPT_LABELS_MAX + 1),
    ] {
        if count > allowed {
            faults.add(
                &format!("/document/{field}"),
                format!("has {count} entries, allowed: 0 to {allowed}"),
            );
            return Err(faults.0);
        }
    }
    let actor = faults.take("/actor", Actor::new(actor));
    let reason = faults.take("/reason", Reason::new(reason));
    let mut orders = Vec::new();
    for (index, version) in document.versions.iter().enumerate() {
        let pointer = format!("/document/versions/{index}");
        let order = version_order(version, &pointer, actor.as_ref(), &mut faults);
        orders.extend(order.map(|order| (pointer, Order::Add(order))));
    }
    for (index, label) in document.labels.iter().enumerate() {
        let pointer = format!("/document/labels/{index}");
        let named = faults.take(&format!("{pointer}/label"), label.label.parse::<LabelName>());
        if let (Some(label_name), Some(actor), Some(reason)) = (named, &actor, &reason) {
            let (actor, reason) = (actor.clone(), reason.clone());
            let to = LabelTarget::Version(label.version.clone());
            let order = LabelOrder { label: label_name, to, revision: None, actor, reason };
            orders.push((pointer, Order::Point(order)));
        }
    }
    if faults.0.is_empty() { Ok(orders) } else { Err(faults.0) }
}

fn version_order(
    version: &PromptDocumentVersion,
    pointer: &str,
    importer: Option<&Actor>,
    faults: &mut RequestFaults,
) -> Option<VersionOrder> {
    let before = faults.0.len();
    let at = |field: &str| format!("{pointer}/{field}");
    let key = version.key.as_deref().map(|key| faults.take(&at("key"), key.parse::<PromptKey>()));
    let actor = version.actor.as_deref();
    let actor = match actor.map(|actor| faults.take(&at("actor"), Actor::new(actor))) {
        Some(actor) => actor,
        None => importer.cloned(),
    };
    let note = version.note.as_deref().map(|note| faults.take(&at("note"), Reason::new(note)));
    let created_at = version.created_at.as_deref();
    let created_at = created_at.map(|time| faults.take(&at("created_at"), parse_time(time)));
    let digest = text_digest(&version.text);
    if let Some(claimed) = &version.digest
        && *claimed != digest.to_string()
    {
        let shown = api::quoted(claimed);
        faults.add(&at("digest"), format!("is {shown}, but the text has the digest `{digest}`"));
    }
    (faults.0.len() == before).then_some(())?;
    Some(VersionOrder {
        prompt_is: Precondition::Either,
        key: key.flatten(),
        digest,
        text: version.text.as_str().into(),
        parent: version.parent.clone(),
        created_at: created_at.flatten(),
        actor: actor?,
        reason: note.flatten(),
    })
}
