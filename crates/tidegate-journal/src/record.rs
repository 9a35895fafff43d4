//! Entries, and the bytes they are kept as.

use std::borrow::Cow;

use bincode::Options as _;
use serde::{Deserialize, Serialize};
use tidegate_engine::decision::Step;
use tidegate_engine::event::Event;
use tidegate_engine::exposure::Window;
use tidegate_engine::id::{ExperimentKey, LabelName, PromptName};
use tidegate_engine::notice::Notice;
use tidegate_engine::observation::Origin;
use tidegate_engine::phase::Transition;
use tidegate_engine::prompt::{Move, VersionHead};
use tidegate_engine::series::SeriesPoint;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::ByVariant;

use crate::codes::{Coded, state_codes, state_of_codes};
use crate::log::Term;

mod definition;
mod event;
mod notice;
mod origin;
mod outcome;
mod point;
mod prompt;
mod reply;
mod unreadable;
mod written;

use event::{action, analysis, comparison, feedback};
use notice::KeptNotice;
use origin::KeptOrigin;
use outcome::KeptOutcome;
use reply::KeptReply;

pub(crate) use outcome::latency_of_us;
pub(crate) use point::KeptPoint;
pub(crate) use prompt::{KeptMove, KeptVersion};
pub use unreadable::Unreadable;

/// Longest part of a definition in bytes.
pub const PART_BYTES_MAX: usize = 48 * 1024;
/// Longest entry in bytes.
pub(crate) const ENTRY_BYTES_MAX: usize = 60 * 1024;

/// One run of one experiment, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RolloutId(pub u32);

/// One thing that is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A part of the definition of a draft. With its last part it stands.
    Defined {
        /// Whose; a number seen before is defined anew.
        rollout: RolloutId,
        /// The daemon's time at which it happened.
        at: Timestamp,
        /// The experiment.
        key: ExperimentKey,
        /// Its run, from 1.
        run: u32,
        /// This part, from 0.
        part: u16,
        /// How many there are.
        parts: u16,
        /// The experiment file in TOML, or a part of it.
        text: String,
    },
    /// Something the engine was told and took in.
    Event {
        /// The rollout it happened to.
        rollout: RolloutId,
        /// The daemon's time at which it happened.
        at: Timestamp,
        /// What the engine was told.
        event: Event,
    },
    /// A step the engine took.
    Decided {
        /// The rollout it happened to.
        rollout: RolloutId,
        /// The step.
        step: Step,
        /// Why and on what, as JSON for people.
        account: String,
    },
    /// A version of a prompt, or a part of its text. What was changed together stands with its last part.
    Version {
        /// Of which prompt.
        prompt: PromptName,
        /// All but the text.
        head: VersionHead,
        /// This part of the whole change, from 0.
        part: u16,
        /// How many there are; consecutive parts of one version are one text.
        parts: u16,
        /// The text, or a part of it.
        text: String,
    },
    /// A label that moved. What was changed together stands with its last part.
    LabelMoved {
        /// Of which prompt.
        prompt: PromptName,
        /// The label that moved.
        label: LabelName,
        /// The move.
        step: Move,
        /// This part of the whole change, from 0.
        part: u16,
        /// How many there are.
        parts: u16,
    },
    /// Something worth telling that is no step.
    Noted {
        /// The rollout it happened to.
        rollout: RolloutId,
        /// The daemon's time at which it happened.
        at: Timestamp,
        /// What was noticed.
        notice: Notice,
        /// The same in full, as JSON for people.
        account: String,
    },
    /// Who defined a draft and why; it follows the last part of the definition.
    DefinedBy {
        /// Which.
        rollout: RolloutId,
        /// When.
        at: Timestamp,
        /// Who, why and what changed, as JSON for people.
        account: String,
    },
    /// Somebody took an experiment away: what it serves, its sums and its definition, but not its history.
    Deleted {
        /// Its last run.
        rollout: RolloutId,
        /// When.
        at: Timestamp,
        /// Who and why, as JSON for people.
        account: String,
    },
    /// What the guardrails said when they were looked at, for people to see.
    Point {
        /// Of which rollout.
        rollout: RolloutId,
        /// Of which sums.
        window: Window,
        /// What they said, and when.
        point: SeriesPoint,
    },
    /// A node that begins to lead: the first entry of its term, which fences whoever led before.
    Led {
        /// When.
        at: Timestamp,
        /// Where it can be asked.
        node: String,
        /// The term.
        term: Term,
    },
}

/// An entry as it is kept. The order of the tags is the format: they only grow at the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Record<'a> {
    Defined {
        rollout: u32,
        at_ms: i64,
        key: &'a str,
        run: u32,
        part: u16,
        parts: u16,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    Tick {
        rollout: u32,
        at_ms: i64,
    },
    Action {
        rollout: u32,
        at_ms: i64,
        command: u8,
        #[serde(borrow)]
        actor: Cow<'a, str>,
        #[serde(borrow)]
        reason: Cow<'a, str>,
    },
    Analysis {
        rollout: u32,
        at_ms: i64,
        id: Option<&'a str>,
        camera: &'a str,
        variant: u8,
        outcome: KeptOutcome,
    },
    Comparison {
        rollout: u32,
        at_ms: i64,
        id: &'a str,
        camera: &'a str,
        control: KeptOutcome,
        treatment: KeptOutcome,
    },
    Feedback {
        rollout: u32,
        at_ms: i64,
        id: &'a str,
        label: u8,
    },
    Decided {
        rollout: u32,
        number: u32,
        at_ms: i64,
        transition: u8,
        from: (u8, u8),
        to: (u8, u8),
        #[serde(borrow)]
        account: Cow<'a, str>,
    },
    Version {
        prompt: &'a str,
        head: KeptVersion<'a>,
        part: u16,
        parts: u16,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    LabelMoved {
        prompt: &'a str,
        label: &'a str,
        step: KeptMove<'a>,
        part: u16,
        parts: u16,
    },
    Noted {
        rollout: u32,
        at_ms: i64,
        notice: KeptNotice,
        #[serde(borrow)]
        account: Cow<'a, str>,
    },
    DefinedBy {
        rollout: u32,
        at_ms: i64,
        #[serde(borrow)]
        account: Cow<'a, str>,
    },
    AnalysisOfRun {
        rollout: u32,
        at_ms: i64,
        id: Option<&'a str>,
        camera: &'a str,
        variant: u8,
        outcome: KeptOutcome,
        origin: KeptOrigin,
    },
    ComparisonOfRun {
        rollout: u32,
        at_ms: i64,
        id: &'a str,
        camera: &'a str,
        control: KeptOutcome,
        treatment: KeptOutcome,
        origin: KeptOrigin,
    },
    CardReply {
        rollout: u32,
        at_ms: i64,
        #[serde(borrow)]
        reply: KeptReply<'a>,
    },
    Absent {
        rollout: u32,
        at_ms: i64,
        lasted_ms: u64,
    },
    Point {
        rollout: u32,
        window: u8,
        point: KeptPoint,
    },
    Deleted {
        rollout: u32,
        at_ms: i64,
        #[serde(borrow)]
        account: Cow<'a, str>,
    },
    /// For entries that other work adds.
    Unassigned17 {},
    Led {
        at_ms: i64,
        #[serde(borrow)]
        node: Cow<'a, str>,
        term: u64,
    },
}

/// The one way entries become bytes.
pub(crate) fn bytes() -> impl bincode::Options {
    bincode::DefaultOptions::new().with_limit(ENTRY_BYTES_MAX as u64).reject_trailing_bytes()
}

impl<'a> Record<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Self {
        match entry {
            Entry::Defined { rollout, at, key, run, part, parts, text } => Self::Defined {
                rollout: rollout.0,
                at_ms: at.ms(),
                key: key.as_str(),
                run: *run,
                part: *part,
                parts: *parts,
                text: text.into(),
            },
            Entry::Event { rollout, at, event } => Self::of_event(rollout.0, at.ms(), event),
            Entry::Decided { rollout, step, account } => Self::Decided {
                rollout: rollout.0,
                number: step.number,
                at_ms: step.at.ms(),
                transition: step.transition.code(),
                from: state_codes(step.from),
                to: state_codes(step.to),
                account: account.into(),
            },
            Entry::Version { prompt, head, part, parts, text } => Self::Version {
                prompt: prompt.as_str(),
                head: head.into(),
                part: *part,
                parts: *parts,
                text: text.into(),
            },
            Entry::LabelMoved { prompt, label, step, part, parts } => Self::LabelMoved {
                prompt: prompt.as_str(),
                label: label.as_str(),
                step: step.into(),
                part: *part,
                parts: *parts,
            },
            Entry::Noted { rollout, at, notice, account } => Self::Noted {
                rollout: rollout.0,
                at_ms: at.ms(),
                notice: (*notice).into(),
                account: account.into(),
            },
            Entry::DefinedBy { rollout, at, account } => {
                Self::DefinedBy { rollout: rollout.0, at_ms: at.ms(), account: account.into() }
            }
            Entry::Deleted { rollout, at, account } => {
                Self::Deleted { rollout: rollout.0, at_ms: at.ms(), account: account.into() }
            }
            Entry::Point { rollout, window, point } => {
                Self::Point { rollout: rollout.0, window: window.code(), point: point.into() }
            }
            Entry::Led { at, node, term } => {
                Self::Led { at_ms: at.ms(), node: node.into(), term: term.0 }
            }
        }
    }

    pub(crate) fn entry(self) -> Result<Entry, Unreadable> {
        let event = |rollout, at_ms, event| {
            Ok(Entry::Event { rollout: RolloutId(rollout), at: Timestamp::from_ms(at_ms)?, event })
        };
        match self {
            Self::Defined { rollout, at_ms, key, run, part, parts, text } => {
                let (rollout, at) = (RolloutId(rollout), Timestamp::from_ms(at_ms)?);
                let (key, text) = (key.parse()?, text.into_owned());
                Ok(Entry::Defined { rollout, at, key, run, part, parts, text })
            }
            Self::Tick { rollout, at_ms } => event(rollout, at_ms, Event::Tick),
            Self::Action { rollout, at_ms, command, actor, reason } => {
                event(rollout, at_ms, action(command, &actor, &reason)?)
            }
            Self::Analysis { rollout, at_ms, id, camera, variant, outcome } => {
                event(rollout, at_ms, analysis(id, camera, variant, outcome, Origin::default())?)
            }
            Self::AnalysisOfRun { rollout, at_ms, id, camera, variant, outcome, origin } => {
                let origin = origin.try_into()?;
                event(rollout, at_ms, analysis(id, camera, variant, outcome, origin)?)
            }
            Self::Comparison { rollout, at_ms, id, camera, control, treatment } => {
                let kept = ByVariant { control, treatment };
                event(rollout, at_ms, comparison(id, camera, kept, Origin::default())?)
            }
            Self::ComparisonOfRun { rollout, at_ms, id, camera, control, treatment, origin } => {
                let kept = ByVariant { control, treatment };
                event(rollout, at_ms, comparison(id, camera, kept, origin.try_into()?)?)
            }
            Self::Feedback { rollout, at_ms, id, label } => {
                event(rollout, at_ms, feedback(id, label)?)
            }
            Self::CardReply { rollout, at_ms, reply } => {
                event(rollout, at_ms, Event::CardReply(reply.reply()?))
            }
            Self::Absent { rollout, at_ms, lasted_ms } => {
                event(rollout, at_ms, Event::Absent(Duration::from_ms(lasted_ms)))
            }
            Self::Decided { rollout, number, at_ms, transition, from, to, account } => {
                let at = Timestamp::from_ms(at_ms)?;
                let step = step(number, at, transition, from, to)?;
                let (rollout, account) = (RolloutId(rollout), account.into_owned());
                Ok(Entry::Decided { rollout, step, account })
            }
            Self::Version { prompt, head, part, parts, text } => {
                let (prompt, head, text) = (prompt.parse()?, head.head()?, text.into_owned());
                Ok(Entry::Version { prompt, head, part, parts, text })
            }
            Self::LabelMoved { prompt, label, step, part, parts } => {
                let (prompt, label, step) = (prompt.parse()?, label.parse()?, step.step()?);
                Ok(Entry::LabelMoved { prompt, label, step, part, parts })
            }
            Self::Noted { rollout, at_ms, notice, account } => {
                let (at, notice) = (Timestamp::from_ms(at_ms)?, notice.try_into()?);
                let (rollout, account) = (RolloutId(rollout), account.into_owned());
                Ok(Entry::Noted { rollout, at, notice, account })
            }
            Self::DefinedBy { rollout, at_ms, account } => {
                let (rollout, account) = (RolloutId(rollout), account.into_owned());
                Ok(Entry::DefinedBy { rollout, at: Timestamp::from_ms(at_ms)?, account })
            }
            Self::Point { rollout, window, point } => point.entry(rollout, window),
            Self::Deleted { rollout, at_ms, account } => {
                let (rollout, account) = (RolloutId(rollout), account.into_owned());
                Ok(Entry::Deleted { rollout, at: Timestamp::from_ms(at_ms)?, account })
            }
            Self::Unassigned17 {} => Err(Unreadable::Unassigned),
            Self::Led { at_ms, node, term } => led(at_ms, node.into_owned(), term),
        }
    }
}

fn step(
    number: u32,
    at: Timestamp,
    transition: u8,
    from: (u8, u8),
    to: (u8, u8),
) -> Result<Step, Unreadable> {
    let transition = Transition::of_code(transition)?;
    Ok(Step { number, at, transition, from: state_of_codes(from)?, to: state_of_codes(to)? })
}

fn led(at_ms: i64, node: String, term: u64) -> Result<Entry, Unreadable> {
    Ok(Entry::Led { at: Timestamp::from_ms(at_ms)?, node, term: Term(term) })
}

#[cfg(test)]
pub(crate) mod tests;
