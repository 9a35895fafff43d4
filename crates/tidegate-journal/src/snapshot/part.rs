//! A snapshot in parts, each small enough for a frame. A file for each kind of them.

use bincode::Options as _;
use serde::{Deserialize, Serialize};
use tidegate_engine::time::Timestamp;

use super::{JournalState, RolloutState};
use crate::record::{KeptVersion, PART_BYTES_MAX, Unreadable, bytes};

mod account;
mod arrivals;
mod assembly;
mod block;
mod camera;
mod course;
mod definition;
mod deleted;
mod end;
mod epochs;
mod exposure;
mod failure_signs;
mod fast_path;
mod feed;
mod head;
mod hearing;
mod joint_scores;
mod latencies;
mod noticed;
mod predecessor;
mod prompt;
mod release;
mod review;
mod rollout;
mod series;
mod sums;

use account::KeptAccount;
use arrivals::KeptArrivals;
use block::KeptBlock;
use camera::KeptCamera;
use course::{KeptBacklog, KeptCourse, KeptOutside};
use definition::KeptDefinition;
use deleted::KeptDeleted;
use end::KeptEnd;
use epochs::KeptEpochs;
use exposure::KeptExposure;
use failure_signs::KeptFailureSigns;
use fast_path::{KeptAdded, KeptShown};
use feed::KeptFeed;
use head::KeptHead;
use hearing::KeptHearing;
use joint_scores::KeptJointScores;
use latencies::KeptLatencies;
use noticed::KeptNoticed;
use predecessor::KeptPredecessor;
use prompt::{KeptLabelMove, KeptPrompt, KeptText};
use release::{KeptRelease, KeptReleased};
use review::{KeptCard, KeptReview};
use rollout::KeptRollout;
use series::KeptSeries;

pub(crate) use assembly::Assembly;

/// The tag of [`Part::End`].
const END_TAG: u8 = 8;

/// A piece of a snapshot. The order of the tags is the format: they only grow at the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Part {
    Head(KeptHead),
    Rollout(Box<KeptRollout>),
    Definition(KeptDefinition),
    Account(KeptAccount),
    Latencies(KeptLatencies),
    Cameras(Vec<KeptCamera>),
    Blocks(Vec<KeptBlock>),
    Exposures(Vec<KeptExposure>),
    End(KeptEnd),
    Prompt(KeptPrompt),
    Version(KeptVersion<'static>),
    Text(KeptText),
    LabelMoved(KeptLabelMove),
    Noticed(KeptNoticed),
    Feed(KeptFeed),
    Epochs(KeptEpochs),
    FastPath(KeptAdded),
    Predecessor(KeptPredecessor),
    Release(Box<KeptRelease>),
    Released(KeptReleased),
    Course(KeptCourse),
    Backlog(KeptBacklog),
    Outside(KeptOutside),
    Review(KeptReview),
    Cards(Vec<KeptCard>),
    Hearing(KeptHearing),
    Shown(Vec<KeptShown>),
    Series(KeptSeries),
    JointScores(KeptJointScores),
    Arrivals(KeptArrivals),
    Deleted(KeptDeleted),
    FailureSigns(KeptFailureSigns),
}

/// A part by what it tells of, which says what it may follow.
enum Belonging {
    Head(KeptHead),
    /// A rollout begins.
    Rollout(Box<KeptRollout>),
    OfRollout(OfRollout),
    /// A prompt begins.
    Prompt(KeptPrompt),
    OfPrompt(OfPrompt),
    Deleted(KeptDeleted),
    Feed(KeptFeed),
    End,
}

/// A part that adds to the rollout before it.
enum OfRollout {
    Definition(KeptDefinition),
    Account(KeptAccount),
    Noticed(KeptNoticed),
    Epochs(KeptEpochs),
    FastPath(KeptAdded),
    Shown(Vec<KeptShown>),
    Latencies(KeptLatencies),
    Cameras(Vec<KeptCamera>),
    Blocks(Vec<KeptBlock>),
    Exposures(Vec<KeptExposure>),
    Predecessor(KeptPredecessor),
    Release(Box<KeptRelease>),
    Released(KeptReleased),
    Course(KeptCourse),
    Backlog(KeptBacklog),
    Outside(KeptOutside),
    Review(KeptReview),
    Cards(Vec<KeptCard>),
    Hearing(KeptHearing),
    Series(KeptSeries),
    JointScores(KeptJointScores),
    Arrivals(KeptArrivals),
    FailureSigns(KeptFailureSigns),
}

/// A part that adds to the prompt before it.
enum OfPrompt {
    Version(KeptVersion<'static>),
    Text(KeptText),
    LabelMoved(KeptLabelMove),
}

impl Part {
    /// The part as the payload of a frame.
    pub(crate) fn write(&self, payload: &mut Vec<u8>) -> Result<(), bincode::Error> {
        payload.clear();
        payload.extend_from_slice(&[0, 0]);
        bytes().serialize_into(&mut *payload, self)?;
        let too_long = |_| bincode::Error::from(bincode::ErrorKind::SizeLimit);
        let length = u16::try_from(payload.len() - 2).map_err(too_long)?;
        payload[..2].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    pub(crate) fn read(from: &[u8]) -> Result<Self, Unreadable> {
        Ok(bytes().deserialize(from)?)
    }

    /// Whether the bytes are those of an end, told by their tag.
    pub(crate) fn is_end(from: &[u8]) -> bool {
        from.first() == Some(&END_TAG)
    }

    /// Whether this is the end, and the end of so many parts.
    pub(crate) const fn is_end_of(&self, number: u64) -> Option<bool> {
        if let Self::End(end) = self { Some(end.parts == number) } else { None }
    }

    /// When the snapshot was taken, if this is its head.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        if let Self::Head(head) = self { head.at().ok() } else { None }
    }

    fn subject(self) -> Belonging {
        match self {
            Self::Head(head) => Belonging::Head(head),
            Self::Rollout(head) => Belonging::Rollout(head),
            Self::Definition(text) => Belonging::OfRollout(OfRollout::Definition(text)),
            Self::Account(text) => Belonging::OfRollout(OfRollout::Account(text)),
            Self::Noticed(noticed) => Belonging::OfRollout(OfRollout::Noticed(noticed)),
            Self::Epochs(epochs) => Belonging::OfRollout(OfRollout::Epochs(epochs)),
            Self::FastPath(added) => Belonging::OfRollout(OfRollout::FastPath(added)),
            Self::Shown(shown) => Belonging::OfRollout(OfRollout::Shown(shown)),
            Self::Latencies(buckets) => Belonging::OfRollout(OfRollout::Latencies(buckets)),
            Self::Cameras(cameras) => Belonging::OfRollout(OfRollout::Cameras(cameras)),
            Self::Blocks(blocks) => Belonging::OfRollout(OfRollout::Blocks(blocks)),
            Self::Exposures(exposures) => Belonging::OfRollout(OfRollout::Exposures(exposures)),
            Self::Predecessor(text) => Belonging::OfRollout(OfRollout::Predecessor(text)),
            Self::Release(release) => Belonging::OfRollout(OfRollout::Release(release)),
            Self::Released(cameras) => Belonging::OfRollout(OfRollout::Released(cameras)),
            Self::Course(stages) => Belonging::OfRollout(OfRollout::Course(stages)),
            Self::Backlog(late) => Belonging::OfRollout(OfRollout::Backlog(late)),
            Self::Outside(counts) => Belonging::OfRollout(OfRollout::Outside(counts)),
            Self::Review(review) => Belonging::OfRollout(OfRollout::Review(review)),
            Self::Cards(cards) => Belonging::OfRollout(OfRollout::Cards(cards)),
            Self::Hearing(heard) => Belonging::OfRollout(OfRollout::Hearing(heard)),
            Self::Series(points) => Belonging::OfRollout(OfRollout::Series(points)),
            Self::JointScores(scores) => Belonging::OfRollout(OfRollout::JointScores(scores)),
            Self::Arrivals(arrivals) => Belonging::OfRollout(OfRollout::Arrivals(arrivals)),
            Self::FailureSigns(signs) => Belonging::OfRollout(OfRollout::FailureSigns(signs)),
            Self::Prompt(name) => Belonging::Prompt(name),
            Self::Version(head) => Belonging::OfPrompt(OfPrompt::Version(head)),
            Self::Text(text) => Belonging::OfPrompt(OfPrompt::Text(text)),
            Self::LabelMoved(step) => Belonging::OfPrompt(OfPrompt::LabelMoved(step)),
            Self::Deleted(account) => Belonging::Deleted(account),
            Self::Feed(events) => Belonging::Feed(events),
            Self::End(_) => Belonging::End,
        }
    }
}

/// A state as parts.
pub(crate) fn parts(state: &JournalState) -> impl Iterator<Item = Part> {
    let mut number = 1;
    std::iter::once(head::part(state))
        .chain(state.rollouts.iter().flat_map(rollout_parts))
        .chain(state.prompts.iter().flat_map(prompt::parts))
        .chain(deleted::parts(state))
        .chain(feed::parts(state))
        .map(Some)
        .chain(std::iter::once(None))
        .map(move |part| {
            let end = Part::End(KeptEnd { parts: number });
            number += 1;
            part.unwrap_or(end)
        })
}

fn rollout_parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    std::iter::once(rollout::part(state))
        .chain(definition::parts(state))
        .chain(account::parts(state))
        .chain(predecessor::parts(state))
        .chain(noticed::part(state))
        .chain(epochs::part(state))
        .chain(fast_path::parts(state))
        .chain(fast_path::shown(state))
        .chain(latencies::parts(state))
        .chain(camera::parts(state))
        .chain(block::parts(state))
        .chain(release::parts(state))
        .chain(exposure::parts(state))
        .chain(course::parts(state))
        .chain(review::parts(state))
        .chain(hearing::parts(state))
        .chain(series::parts(state))
        .chain(joint_scores::part(state))
        .chain(arrivals::parts(state))
        .chain(failure_signs::part(state))
}

/// A text in pieces that fit a part; none of an empty one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        rest = after;
        Some(piece)
    })
}

fn ms(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::ms)
}

fn time(ms: Option<i64>) -> Result<Option<Timestamp>, Unreadable> {
    Ok(ms.map(Timestamp::from_ms).transpose()?)
}

#[cfg(test)]
mod tests;
