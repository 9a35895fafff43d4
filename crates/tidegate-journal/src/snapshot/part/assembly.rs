//! A state put together from its parts.

use tidegate_engine::prompt;
use tidegate_engine::time::Timestamp;

use super::latencies::Buckets;
use super::prompt::UnfinishedPrompt;
use super::{Belonging, OfPrompt, OfRollout, Part};
use crate::record::Unreadable;
use crate::snapshot::{DeletedState, FeedState, JournalState, RolloutState};

/// A state of which parts may be missing. Rollouts come before prompts, what was taken away and the feed after both.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    head: Option<(u64, Timestamp)>,
    rollouts: Vec<RolloutState>,
    prompts: Vec<prompt::PromptSnapshot>,
    unfinished: Unfinished,
    deleted: Vec<DeletedState>,
    feed: Option<FeedState>,
    ended: bool,
}

/// What the next part may add to.
#[derive(Debug, Default)]
enum Unfinished {
    #[default]
    Nothing,
    Rollout(Box<RolloutState>, Buckets),
    Prompt(UnfinishedPrompt),
}

impl Assembly {
    /// Adds the next part; none where it cannot follow.
    pub(crate) fn add(&mut self, part: Part) -> Result<Option<()>, Unreadable> {
        let subject = part.subject();
        let is_head = matches!(subject, Belonging::Head(_));
        if self.ended || is_head == self.head.is_some() {
            return Ok(None);
        }
        match subject {
            Belonging::Head(head) => self.head = Some((head.sequence, head.at()?)),
            Belonging::Rollout(rollout) => {
                if self.finish().is_none() || !self.prompts.is_empty() {
                    return Ok(None);
                }
                let rollout = Box::new(rollout.begin()?);
                self.unfinished = Unfinished::Rollout(rollout, Buckets::default());
            }
            Belonging::OfRollout(part) => {
                let Unfinished::Rollout(rollout, buckets) = &mut self.unfinished else {
                    return Ok(None);
                };
                return part.add_to(rollout, buckets);
            }
            Belonging::Prompt(prompt) => {
                if self.finish().is_none() {
                    return Ok(None);
                }
                self.unfinished = Unfinished::Prompt(prompt.begin()?);
            }
            Belonging::OfPrompt(part) => {
                let Unfinished::Prompt(prompt) = &mut self.unfinished else { return Ok(None) };
                return part.add_to(prompt);
            }
            Belonging::Deleted(account) => account.add_to(&mut self.deleted)?,
            Belonging::Feed(feed) => feed.add_to(&mut self.feed),
            Belonging::End => {
                self.ended = true;
                return Ok(self.finish());
            }
        }
        Ok(Some(()))
    }

    /// Takes what no part adds to any more; none where it cannot be.
    fn finish(&mut self) -> Option<()> {
        match std::mem::take(&mut self.unfinished) {
            Unfinished::Nothing => {}
            Unfinished::Rollout(mut rollout, buckets) => {
                rollout.rollout.latencies = buckets.latencies()?;
                self.rollouts.push(*rollout);
            }
            Unfinished::Prompt(prompt) => self.prompts.push(prompt.finish()),
        }
        Some(())
    }

    /// The whole state, once its end was added.
    pub(crate) fn state(self) -> Option<JournalState> {
        let (sequence, at) = self.head.filter(|_| self.ended)?;
        let feed = self.feed.unwrap_or_else(|| FeedState::nothing(sequence));
        let Self { rollouts, deleted, prompts, .. } = self;
        Some(JournalState { sequence, at, rollouts, deleted, prompts, feed })
    }
}

impl OfRollout {
    fn add_to(
        self,
        rollout: &mut RolloutState,
        buckets: &mut Buckets,
    ) -> Result<Option<()>, Unreadable> {
        match self {
            Self::Definition(text) => text.add_to(rollout),
            Self::Account(account) => account.add_to(rollout),
            Self::Noticed(noticed) => noticed.add_to(rollout)?,
            Self::Predecessor(predecessor) => predecessor.add_to(rollout)?,
            Self::Epochs(epochs) => return epochs.add_to(rollout),
            Self::FastPath(added) => return added.add_to(rollout),
            Self::Shown(shown) => {
                shown.into_iter().try_for_each(|shown| shown.add_to(rollout))?;
            }
            Self::Release(release) => return release.add_to(rollout),
            Self::Released(cameras) => return cameras.add_to(rollout),
            Self::Course(stages) => return stages.add_to(rollout),
            Self::Backlog(late) => late.add_to(rollout)?,
            Self::Outside(counts) => return Ok(counts.add_to(rollout)),
            Self::Review(review) => review.add_to(rollout),
            Self::Cards(cards) => {
                return cards.into_iter().map(|card| card.add_to(rollout)).collect();
            }
            Self::Hearing(heard) => return heard.add_to(rollout),
            Self::Series(points) => return points.add_to(rollout),
            Self::JointScores(scores) => return scores.add_to(rollout),
            Self::Arrivals(arrivals) => return arrivals.add_to(rollout),
            Self::FailureSigns(signs) => signs.add_to(rollout),
            Self::Latencies(latencies) => return Ok(latencies.add_to(buckets)),
            Self::Cameras(cameras) => {
                cameras.into_iter().try_for_each(|camera| camera.add_to(rollout))?;
            }
            Self::Blocks(blocks) => {
                return blocks.into_iter().map(|block| block.add_to(rollout)).collect();
            }
            Self::Exposures(exposures) => {
                exposures.into_iter().try_for_each(|exposure| exposure.add_to(rollout))?;
            }
        }
        Ok(Some(()))
    }
}

impl OfPrompt {
    fn add_to(self, prompt: &mut UnfinishedPrompt) -> Result<Option<()>, Unreadable> {
        match self {
            Self::Version(version) => prompt.add_version(version).map(Some),
            Self::Text(text) => Ok(prompt.add_text(&text)),
            Self::LabelMoved(step) => prompt.add_label_move(step).map(Some),
        }
    }
}
