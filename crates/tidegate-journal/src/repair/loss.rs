//! What a repair would lose, told before anything is replaced.

use std::fmt;

use tidegate_engine::event::{Command, Event};
use tidegate_engine::time::Timestamp;

use super::Whole;
use crate::frame::{Frame, FrameKind};
use crate::record::Entry;

/// Whether what is lost may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It may.
    Given,
    /// It may not: nothing is changed.
    Withheld,
}

/// What a repair would lose of what was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The last entry that would be kept.
    pub last: u64,
    /// When it happened, where it can be read.
    pub last_at: Option<Timestamp>,
    /// The last entry that had been acknowledged, where the mark could be read.
    pub acknowledged: Option<u64>,
    /// What can still be read of the entries after it, by kind.
    pub readable: Vec<LostEntries>,
    /// How many acknowledged entries cannot be read, where the mark could be read.
    pub unreadable: Option<u64>,
}

/// Entries of one kind that would be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEntries {
    /// What they say.
    pub kind: EntryKind,
    /// How many.
    pub count: u64,
    /// When the first of them happened.
    pub first_at: Timestamp,
    /// And the last.
    pub last_at: Timestamp,
}

/// What an entry says, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A definition, or a part of one.
    Definition,
    /// Time that passed.
    Tick,
    /// What a person asked for.
    Action(Command),
    /// An analysis.
    Analysis,
    /// A comparison.
    Comparison,
    /// Feedback.
    Feedback,
    /// An answer to a card of a review.
    CardReply,
    /// A time in which the daemon was away.
    Absence,
    /// A step that the engine took.
    Step,
    /// A version of a prompt, or a part of its text.
    PromptVersion,
    /// A label that moved.
    LabelMove,
    /// A notice.
    Notice,
    /// A point of a series.
    Point,
    /// An experiment that was taken away.
    Deletion,
    /// A node that began to lead.
    Lead,
}

impl EntryKind {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Defined { .. } | Entry::DefinedBy { .. } => Self::Definition,
            Entry::Event { event, .. } => match event {
                Event::Tick => Self::Tick,
                Event::Action(action) => Self::Action(action.command),
                Event::Analysis(_) => Self::Analysis,
                Event::Comparison(_) => Self::Comparison,
                Event::Feedback(_) => Self::Feedback,
                Event::CardReply(_) => Self::CardReply,
                Event::Absent(_) => Self::Absence,
            },
            Entry::Decided { .. } => Self::Step,
            Entry::Version { .. } => Self::PromptVersion,
            Entry::LabelMoved { .. } => Self::LabelMove,
            Entry::Noted { .. } => Self::Notice,
            Entry::Point { .. } => Self::Point,
            Entry::Deleted { .. } => Self::Deletion,
            Entry::Led { .. } => Self::Lead,
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Action(command) => return write!(f, "{} by a person", command.as_str()),
            Self::Definition => "definition",
            Self::Tick => "tick",
            Self::Analysis => "analysis",
            Self::Comparison => "comparison",
            Self::Feedback => "feedback",
            Self::CardReply => "answer to a card of a review",
            Self::Absence => "absence of the daemon",
            Self::Step => "step of a rollout",
            Self::PromptVersion => "prompt version",
            Self::LabelMove => "move of a prompt label",
            Self::Notice => "notice",
            Self::Point => "point of a series",
            Self::Deletion => "deletion of an experiment",
            Self::Lead => "change of the leader",
        };
        f.write_str(name)
    }
}

impl Loss {
    pub(super) fn of(frames: &[Whole], last: u64, acknowledged: Option<u64>) -> Self {
        let mut loss =
            Self { last, last_at: None, acknowledged, readable: Vec::new(), unreadable: None };
        let mut readable = 0;
        for frame in frames.iter().filter(|frame| frame.last >= last) {
            let read = Frame::read(FrameKind::Entries, &frame.bytes);
            let entries = read.and_then(|frame| frame.entries()).unwrap_or_default();
            for (sequence, entry) in entries {
                if sequence == last {
                    loss.last_at = Some(entry.at());
                } else if sequence > last && acknowledged.is_none_or(|to| sequence <= to) {
                    loss.add(&entry);
                    readable += 1;
                }
            }
        }
        loss.unreadable = acknowledged.map(|to| to.saturating_sub(last + readable));
        loss
    }

    fn add(&mut self, entry: &Entry) {
        let (kind, at) = (EntryKind::of(entry), entry.at());
        match self.readable.iter_mut().find(|entries| entries.kind == kind) {
            Some(entries) => {
                entries.count += 1;
                entries.first_at = entries.first_at.min(at);
                entries.last_at = entries.last_at.max(at);
            }
            None => {
                self.readable.push(LostEntries { kind, count: 1, first_at: at, last_at: at });
            }
        }
    }

    /// Whether it is known that nothing is lost.
    pub fn is_none(&self) -> bool {
        self.readable.is_empty() && self.unreadable == Some(0)
    }
}
