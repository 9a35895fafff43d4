//! Versions of prompts and moves of labels as they are kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::id::PromptKey;
use tidegate_engine::prompt::{Move, PromptChange, TextDigest, Version, VersionHead};
use tidegate_engine::time::Timestamp;

use super::definition::pieces;
use super::{Entry, Unreadable};

/// All of a version but its text, as it is kept; digests as people write them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptVersion<'a> {
    number: u32,
    key: Cow<'a, str>,
    digest: Cow<'a, str>,
    parent: Option<Cow<'a, str>>,
    created_at_ms: i64,
    actor: Cow<'a, str>,
    note: Option<Cow<'a, str>>,
}

/// A move of a label as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptMove<'a> {
    revision: u32,
    at_ms: i64,
    actor: Cow<'a, str>,
    reason: Cow<'a, str>,
    from: Option<u32>,
    to: Option<u32>,
}

impl<'a> From<&'a VersionHead> for KeptVersion<'a> {
    fn from(head: &'a VersionHead) -> Self {
        let VersionHead { number, key, digest, parent, created_at, actor, reason } = head;
        Self {
            number: *number,
            key: key.as_str().into(),
            digest: digest.to_string().into(),
            parent: parent.map(|parent| parent.to_string().into()),
            created_at_ms: created_at.ms(),
            actor: actor.as_str().into(),
            note: reason.as_ref().map(|reason| reason.as_str().into()),
        }
    }
}

impl KeptVersion<'_> {
    pub(crate) fn head(self) -> Result<VersionHead, Unreadable> {
        let key: PromptKey = self.key.parse()?;
        let digest: TextDigest = self.digest.parse()?;
        let parent = self.parent.map(|parent| parent.parse()).transpose()?;
        Ok(VersionHead {
            number: self.number,
            key,
            digest,
            parent,
            created_at: Timestamp::from_ms(self.created_at_ms)?,
            actor: Actor::new(&self.actor)?,
            reason: self.note.map(|reason| Reason::new(&reason)).transpose()?,
        })
    }

    /// The same with texts of its own.
    pub(crate) fn owned(self) -> KeptVersion<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        KeptVersion {
            number: self.number,
            key: owned(self.key),
            digest: owned(self.digest),
            parent: self.parent.map(owned),
            created_at_ms: self.created_at_ms,
            actor: owned(self.actor),
            note: self.note.map(owned),
        }
    }
}

impl<'a> From<&'a Move> for KeptMove<'a> {
    fn from(step: &'a Move) -> Self {
        let Move { revision, at, actor, reason, from, to } = step;
        Self {
            revision: *revision,
            at_ms: at.ms(),
            actor: actor.as_str().into(),
            reason: reason.as_str().into(),
            from: *from,
            to: *to,
        }
    }
}

impl KeptMove<'_> {
    pub(crate) fn step(self) -> Result<Move, Unreadable> {
        Ok(Move {
            revision: self.revision,
            at: Timestamp::from_ms(self.at_ms)?,
            actor: Actor::new(&self.actor)?,
            reason: Reason::new(&self.reason)?,
            from: self.from,
            to: self.to,
        })
    }

    /// The same with texts of its own.
    pub(crate) fn owned(self) -> KeptMove<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let Self { revision, at_ms, actor, reason, from, to } = self;
        KeptMove { revision, at_ms, actor: owned(actor), reason: owned(reason), from, to }
    }
}

impl Entry {
    /// The parts of changes of prompts that belong together. A crash leaves all of them or none, since they
    /// stand with the last part.
    pub fn changes(changes: &[PromptChange]) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for change in changes {
            match change {
                PromptChange::Added { prompt, version: Version { head, text } } => {
                    entries.extend(pieces(text).into_iter().map(|text| Self::Version {
                        prompt: prompt.clone(),
                        head: head.clone(),
                        part: 0,
                        parts: 0,
                        text: text.to_owned(),
                    }));
                }
                PromptChange::Moved { prompt, label, step } => entries.push(Self::LabelMoved {
                    prompt: prompt.clone(),
                    label: label.clone(),
                    step: step.clone(),
                    part: 0,
                    parts: 0,
                }),
            }
        }
        // A request has no room for as many as would not fit.
        let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
        for (number, entry) in (0..count).zip(&mut entries) {
            if let Self::Version { part, parts, .. } | Self::LabelMoved { part, parts, .. } = entry
            {
                (*part, *parts) = (number, count);
            }
        }
        entries
    }
}
