//! Says what a prompt has, in the shapes of the HTTP interface.

use tidegate_engine::id::{LabelName, PromptName};
use tidegate_engine::prompt::{Move, Prompt, PromptChange, PromptLabel, Version};
use tidegate_spec::api::{
    self, LabelHistory, LabelInfo, LabelMove, PromptDetail, PromptSummary, VersionDetail,
    VersionSummary,
};

fn key_of(prompt: &Prompt, number: Option<u32>) -> Option<String> {
    Some(prompt.numbered(number?)?.head.key.to_string())
}

pub(crate) fn version(prompt: &Prompt, version: &Version) -> VersionSummary {
    let head = &version.head;
    let pointing = prompt.labels().filter(|(_, label)| label.target() == Some(head.number));
    VersionSummary {
        number: head.number,
        key: head.key.to_string(),
        digest: head.digest.to_string(),
        bytes: version.text.len() as u64,
        parent: head.parent.map(|parent| parent.to_string()),
        created_at: api::shown(head.created_at),
        actor: head.actor.to_string(),
        note: head.reason.as_ref().map(ToString::to_string),
        labels: pointing.map(|(name, _)| name.to_string()).collect(),
    }
}

pub(crate) fn whole_version(name: &PromptName, prompt: &Prompt, of: &Version) -> VersionDetail {
    VersionDetail {
        prompt: name.to_string(),
        summary: version(prompt, of),
        text: of.text.as_ref().to_owned(),
    }
}

fn count(prompt: &Prompt) -> u32 {
    u32::try_from(prompt.versions().len()).unwrap_or(u32::MAX)
}

/// A prompt as a list shows it; none where it has no version, which is never so.
pub(crate) fn summary(name: &PromptName, prompt: &Prompt) -> Option<PromptSummary> {
    let pointing = prompt
        .labels()
        .filter_map(|(label, kept)| Some((label.to_string(), key_of(prompt, kept.target())?)));
    Some(PromptSummary {
        name: name.to_string(),
        versions: count(prompt),
        newest: prompt.versions().last()?.head.key.to_string(),
        labels: pointing.collect(),
    })
}

/// A prompt; none where it has no version, which is never so.
pub(crate) fn detail(name: &PromptName, prompt: &Prompt) -> Option<PromptDetail> {
    let labels = prompt.labels();
    Some(PromptDetail {
        name: name.to_string(),
        versions: count(prompt),
        newest: version(prompt, prompt.versions().last()?),
        labels: labels.filter_map(|(name, label)| label_info(prompt, name, label)).collect(),
    })
}

/// A label; none where it never moved, which is never so.
pub(crate) fn label_info(
    prompt: &Prompt,
    name: &LabelName,
    label: &PromptLabel,
) -> Option<LabelInfo> {
    let target = label.target().and_then(|number| prompt.numbered(number));
    Some(moved(name, label.moves().last()?, target))
}

fn moved(name: &LabelName, step: &Move, target: Option<&Version>) -> LabelInfo {
    LabelInfo {
        label: name.to_string(),
        revision: step.revision,
        version: target.map(|version| version.head.key.to_string()),
        digest: target.map(|version| version.head.digest.to_string()),
        moved_at: api::shown(step.at),
        actor: step.actor.to_string(),
        reason: step.reason.to_string(),
    }
}

pub(crate) fn label_history(
    prompt: &Prompt,
    name: &LabelName,
    label: &PromptLabel,
) -> LabelHistory {
    let moves = label.moves().iter().map(|step| LabelMove {
        revision: step.revision,
        at: api::shown(step.at),
        actor: step.actor.to_string(),
        reason: step.reason.to_string(),
        from: key_of(prompt, step.from),
        to: key_of(prompt, step.to),
    });
    LabelHistory { label: name.to_string(), revision: label.revision(), moves: moves.collect() }
}

/// What changes do, or would do, to a prompt: the versions they add and the labels they move.
pub(crate) fn changes(
    before: &Prompt,
    changes: &[PromptChange],
) -> (Vec<VersionSummary>, Vec<LabelInfo>) {
    let mut added: Vec<&Version> = Vec::new();
    let mut steps: Vec<(&LabelName, &Move)> = Vec::new();
    for change in changes {
        match change {
            PromptChange::Added { version, .. } => added.push(version),
            PromptChange::Moved { label, step, .. } => steps.push((label, step)),
        }
    }
    let numbered = |number: u32| {
        let new = added.iter().copied().find(|version| version.head.number == number);
        new.or_else(|| before.numbered(number))
    };
    let moved =
        steps.iter().map(|(label, step)| moved(label, step, step.to.and_then(numbered))).collect();
    let added = added
        .iter()
        .map(|new| {
            let to = Some(new.head.number);
            let labels = steps.iter().filter(|(_, step)| step.to == to);
            let labels = labels.map(|(label, _)| label.to_string()).collect();
            VersionSummary { labels, ..version(&Prompt::default(), new) }
        })
        .collect();
    (added, moved)
}
