//! All prompts, and what may become of them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::{LabelName, PromptKey, PromptName};
use crate::limits;
use crate::time::Timestamp;

use super::change::PromptChange;
use super::digest::DIGEST_SCHEME;
use super::order::{LabelOrder, LabelTarget, Order, OrderRejection, Precondition, VersionOrder};
use super::version::{Move, PRODUCTION, Prompt, PromptLabel, Version, VersionHead};

/// All prompts by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    prompts: BTreeMap<PromptName, Arc<Prompt>>,
    /// Bytes of all texts.
    text_bytes: usize,
    latest: Timestamp,
}

/// A change that does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} of prompt `{prompt}` does not follow from what came before")]
pub struct NotFollowing {
    /// The prompt.
    pub prompt: PromptName,
    /// What does not follow.
    pub what: String,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { prompts: BTreeMap::new(), text_bytes: 0, latest: Timestamp::EPOCH }
    }
}

impl Catalog {
    /// A prompt.
    pub fn get(&self, name: &PromptName) -> Option<&Arc<Prompt>> {
        self.prompts.get(name)
    }

    /// Every prompt in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&PromptName, &Arc<Prompt>)> {
        self.prompts.iter()
    }

    /// The latest time at which anything changed.
    pub const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Carries out orders on one prompt, all of them or none, and gives the changes in their order.
    ///
    /// # Errors
    /// The place of the first order that is refused, with the reason.
    pub fn apply(
        &mut self,
        at: Timestamp,
        name: &PromptName,
        orders: &[Order],
    ) -> Result<Vec<PromptChange>, (usize, OrderRejection)> {
        let mut changes = Vec::new();
        for (index, outcome) in self.dry_run(at, name, orders).into_iter().enumerate() {
            changes.extend(outcome.map_err(|rejection| (index, rejection))?);
        }
        for change in &changes {
            // What was just worked out follows.
            let followed = self.apply_logged(change);
            debug_assert_eq!(followed, Ok(()));
        }
        Ok(changes)
    }

    /// What would become of each order if those before it that are not refused were carried out. Nothing is.
    pub fn dry_run(
        &self,
        at: Timestamp,
        name: &PromptName,
        orders: &[Order],
    ) -> Vec<Result<Option<PromptChange>, OrderRejection>> {
        let mut draft = TriedPrompt {
            name,
            at,
            is_there: self.prompts.contains_key(name),
            prompt: self
                .prompts
                .get(name)
                .map_or_else(Prompt::default, |prompt| (**prompt).clone()),
            prompts: self.prompts.len(),
            text_bytes: self.text_bytes,
        };
        orders.iter().map(|order| draft.take(order)).collect()
    }

    /// Does a change again that was written down.
    ///
    /// # Errors
    /// Where it does not follow from what came before; the catalog is as it was.
    pub fn apply_logged(&mut self, change: &PromptChange) -> Result<(), NotFollowing> {
        match change {
            PromptChange::Added { prompt: name, version } => {
                let known = self.prompts.get(name);
                let follows = match known {
                    Some(known) => known.can_add(version),
                    None => Prompt::default().can_add(version),
                };
                if !follows {
                    let what = format!("version {}", version.head.number);
                    return Err(NotFollowing { prompt: name.clone(), what });
                }
                self.text_bytes += version.text.len();
                Arc::make_mut(self.prompts.entry(name.clone()).or_default())
                    .versions
                    .push(version.clone());
            }
            PromptChange::Moved { prompt: name, label, step } => {
                let what = format!("move {} of label `{label}`", step.revision);
                let refused = NotFollowing { prompt: name.clone(), what };
                let Some(known) =
                    self.prompts.get_mut(name).filter(|known| known.can_move(label, step))
                else {
                    return Err(refused);
                };
                Arc::make_mut(known).push_move(label, step.clone());
                self.latest = self.latest.max(step.at);
            }
        }
        Ok(())
    }

    /// Puts a whole prompt in.
    pub(super) fn insert(&mut self, name: PromptName, prompt: Prompt) {
        self.text_bytes += prompt.versions.iter().map(|version| version.text.len()).sum::<usize>();
        let moves = prompt.labels.values().filter_map(|label| label.moves.last());
        self.latest = moves.map(|step| step.at).fold(self.latest, Timestamp::max);
        self.prompts.insert(name, Arc::new(prompt));
    }
}

impl Prompt {
    /// Whether a version follows from those that are there.
    pub(super) fn can_add(&self, version: &Version) -> bool {
        let VersionHead { number, key, digest, parent, .. } = &version.head;
        *number as usize == self.versions.len() + 1
            && self.keyed(key.as_str()).is_none()
            && self.digested(digest).is_none()
            && parent.is_none_or(|parent| self.digested(&parent).is_some())
            && (1..=limits::PROMPT_TEXT_BYTES_MAX).contains(&version.text.len())
    }

    /// Whether a move follows from those that are there.
    pub(super) fn can_move(&self, label: &LabelName, step: &Move) -> bool {
        let (revision, target) =
            self.labels.get(label).map_or((0, None), |label| (label.revision(), label.target()));
        step.revision == revision.saturating_add(1)
            && step.from == target
            && step.to != target
            && step.to.is_none_or(|number| self.numbered(number).is_some())
            && self.keyed(label.as_str()).is_none()
    }

    fn push_move(&mut self, label: &LabelName, step: Move) {
        if !self.labels.contains_key(label)
            && label.as_str() != PRODUCTION
            && self.labels_counted() >= limits::PROMPT_LABELS_MAX
            && let Some(oldest) = self.removed_longest_ago()
        {
            self.labels.remove(&oldest);
        }
        let kept =
            self.labels.entry(label.clone()).or_insert_with(|| PromptLabel { moves: Vec::new() });
        if kept.moves.len() >= limits::LABEL_MOVES_MAX {
            kept.moves.remove(0);
        }
        kept.moves.push(step);
    }

    /// Labels that count towards the bound.
    fn labels_counted(&self) -> usize {
        self.labels.keys().filter(|name| name.as_str() != PRODUCTION).count()
    }

    /// The label that is the first to be forgotten where there is no room for another.
    fn removed_longest_ago(&self) -> Option<LabelName> {
        let removed = self
            .labels
            .iter()
            .filter(|(name, label)| label.target().is_none() && name.as_str() != PRODUCTION);
        let oldest = removed.min_by_key(|(_, label)| label.moves.last().map(|step| step.at));
        oldest.map(|(name, _)| name.clone())
    }
}

/// A prompt on which orders are tried.
struct TriedPrompt<'a> {
    name: &'a PromptName,
    at: Timestamp,
    is_there: bool,
    prompt: Prompt,
    prompts: usize,
    text_bytes: usize,
}

impl TriedPrompt<'_> {
    /// Carries an order out, or refuses it and stays as it was. None: nothing is to be done.
    fn take(&mut self, order: &Order) -> Result<Option<PromptChange>, OrderRejection> {
        match order {
            Order::Add(order) => self.add(order),
            Order::Point(order) => self.point(order),
        }
    }

    fn add(&mut self, order: &VersionOrder) -> Result<Option<PromptChange>, OrderRejection> {
        let bytes = order.text.len();
        if !(1..=limits::PROMPT_TEXT_BYTES_MAX).contains(&bytes) {
            return Err(OrderRejection::TextLength(bytes));
        }
        if !self.is_there && order.prompt_is == Precondition::Known {
            return Err(OrderRejection::UnknownPrompt(self.name.clone()));
        }
        if self.prompt.digested(&order.digest).is_some() {
            return Ok(None);
        }
        if self.is_there && order.prompt_is == Precondition::New {
            return Err(OrderRejection::PromptExists(self.name.clone()));
        }
        self.check_room(bytes)?;
        let key = self.key_of(order)?;
        let parent = match &order.parent {
            None => None,
            Some(reference) => {
                let found = self.prompt.find(self.name, reference);
                Some(found.map_err(OrderRejection::UnknownParent)?.head.digest)
            }
        };
        let head = VersionHead {
            number: self.next_number(),
            key,
            digest: order.digest,
            parent,
            created_at: order.created_at.unwrap_or(self.at),
            actor: order.actor.clone(),
            reason: order.reason.clone(),
        };
        let version = Version { head, text: order.text.clone() };
        self.prompts += usize::from(!self.is_there);
        self.is_there = true;
        self.text_bytes += bytes;
        self.prompt.versions.push(version.clone());
        Ok(Some(PromptChange::Added { prompt: self.name.clone(), version }))
    }

    fn next_number(&self) -> u32 {
        // There are never as many as would not fit.
        u32::try_from(self.prompt.versions.len() + 1).unwrap_or(u32::MAX)
    }

    fn check_room(&self, bytes: usize) -> Result<(), OrderRejection> {
        let full = |of, count, max| Err(OrderRejection::TooMany { of, count, max });
        if !self.is_there && self.prompts >= limits::PROMPTS_MAX {
            return full("prompts", self.prompts, limits::PROMPTS_MAX);
        }
        let versions = self.prompt.versions.len();
        if versions >= limits::PROMPT_VERSIONS_MAX {
            return full("versions of this prompt", versions, limits::PROMPT_VERSIONS_MAX);
        }
        if self.text_bytes + bytes > limits::PROMPT_TEXTS_BYTES_MAX {
            return full("bytes of texts", self.text_bytes, limits::PROMPT_TEXTS_BYTES_MAX);
        }
        Ok(())
    }

    fn key_of(&self, order: &VersionOrder) -> Result<PromptKey, OrderRejection> {
        if let Some(key) = &order.key {
            if key.as_str() == PRODUCTION || key.as_str().starts_with(DIGEST_SCHEME) {
                return Err(OrderRejection::KeyReserved(key.clone()));
            }
            return match self.holder_of(key.as_str()) {
                None => Ok(key.clone()),
                Some(taken_by) => Err(self.taken(key.as_str(), taken_by)),
            };
        }
        // Somebody may have given the next number's name to another version or a label.
        let mut number = self.next_number();
        loop {
            let key = format!("v{number}");
            if self.holder_of(&key).is_none()
                && let Ok(key) = key.parse()
            {
                return Ok(key);
            }
            number += 1;
        }
    }

    /// What has a name.
    fn holder_of(&self, name: &str) -> Option<String> {
        if let Some(version) = self.prompt.keyed(name) {
            return Some(format!("the key of version {}", version.head.number));
        }
        let label = self.prompt.labels.keys().any(|label| label.as_str() == name);
        label.then(|| "a label".to_string())
    }

    fn taken(&self, name: &str, taken_by: String) -> OrderRejection {
        OrderRejection::NameTaken { prompt: self.name.clone(), name: name.to_string(), taken_by }
    }

    fn point(&mut self, order: &LabelOrder) -> Result<Option<PromptChange>, OrderRejection> {
        if !self.is_there {
            return Err(OrderRejection::UnknownPrompt(self.name.clone()));
        }
        let label = &order.label;
        let known = self.prompt.labels.get(label);
        let (revision, from) = known.map_or((0, None), |label| (label.revision(), label.target()));
        if let Some(expected) = order.revision
            && expected != revision
        {
            return Err(OrderRejection::Revision { label: label.clone(), revision, expected });
        }
        let to = match &order.to {
            LabelTarget::Nowhere if from.is_none() => {
                let (prompt, label) = (self.name.clone(), label.clone());
                return Err(OrderRejection::UnknownLabel { prompt, label });
            }
            LabelTarget::Nowhere => None,
            LabelTarget::Version(reference) => Some(
                self.prompt.find(self.name, reference).map_err(OrderRejection::UnknownVersion)?,
            ),
            LabelTarget::Text(digest) => {
                let reference = digest.to_string();
                Some(
                    self.prompt
                        .find(self.name, &reference)
                        .map_err(OrderRejection::UnknownVersion)?,
                )
            }
        };
        let to = to.map(|version| version.head.number);
        if to == from {
            return Ok(None);
        }
        if known.is_none() {
            self.check_new_label(label)?;
        }
        let (actor, reason) = (order.actor.clone(), order.reason.clone());
        let revision = revision.saturating_add(1);
        let step = Move { revision, at: self.at, actor, reason, from, to };
        self.prompt.push_move(label, step.clone());
        Ok(Some(PromptChange::Moved { prompt: self.name.clone(), label: label.clone(), step }))
    }

    fn check_new_label(&self, label: &LabelName) -> Result<(), OrderRejection> {
        if let Some(taken_by) = self.holder_of(label.as_str()) {
            return Err(self.taken(label.as_str(), taken_by));
        }
        if label.as_str().starts_with(DIGEST_SCHEME) {
            return Err(self.taken(label.as_str(), "the beginning of a digest".to_string()));
        }
        let count = self.prompt.labels_counted();
        if label.as_str() != PRODUCTION
            && count >= limits::PROMPT_LABELS_MAX
            && self.prompt.removed_longest_ago().is_none()
        {
            let (of, max) = ("labels of this prompt", limits::PROMPT_LABELS_MAX);
            return Err(OrderRejection::TooMany { of, count, max });
        }
        Ok(())
    }
}
