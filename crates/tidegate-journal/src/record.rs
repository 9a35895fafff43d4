//! Entries, and the bytes they are kept as.

use std::borrow::Cow;

use bincode::Options as _;
use serde::{Deserialize, Serialize};
use tidegate_engine::decision::Step;
use tidegate_engine::event::{Action, Actor, Command, Event, InvalidText, Note};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::{
    AnalysisId, CameraId, ExperimentKey, InvalidId, LabelName, PromptKey, PromptName,
};
use tidegate_engine::notice::Notice;
use tidegate_engine::number::{Latency, OutOfRange, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Outcome};
use tidegate_engine::phase::Transition;
use tidegate_engine::prompt::{Change, InvalidDigest, Move, TextDigest, Version, VersionHead};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::verdict::Verdict;

use crate::codes::{Coded, UnknownCode, state_codes, state_of_codes};

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
        /// When.
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
        /// Which.
        rollout: RolloutId,
        /// When.
        at: Timestamp,
        /// What.
        event: Event,
    },
    /// A step the engine took.
    Decided {
        /// Which.
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
        /// Which label.
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
        /// Which.
        rollout: RolloutId,
        /// When.
        at: Timestamp,
        /// What.
        notice: Notice,
        /// The same in full, as JSON for people.
        account: String,
    },
}

/// Why bytes are no entry.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not of the format.
    #[error("an entry's bytes: {0}")]
    Bytes(#[from] bincode::Error),
    /// A number that names nothing.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// A text that is no id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A text that is no reason or actor.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// A text that is no digest.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// A number out of its range.
    #[error(transparent)]
    Number(#[from] OutOfRange),
    /// An exported line that says something else.
    #[error("an entry's JSON: {0}")]
    Json(#[from] serde_json::Error),
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
}

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
        let VersionHead { number, key, digest, parent, created_at, actor, note } = head;
        Self {
            number: *number,
            key: key.as_str().into(),
            digest: digest.to_string().into(),
            parent: parent.map(|parent| parent.to_string().into()),
            created_at_ms: created_at.ms(),
            actor: actor.as_str().into(),
            note: note.as_ref().map(|note| note.as_str().into()),
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
            note: self.note.map(|note| Note::new(&note)).transpose()?,
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
            reason: Note::new(&self.reason)?,
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

/// A notice as it is kept. The order of the tags is the format.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeptNotice {
    Verdict { guardrail: u8, from: u8, to: u8 },
    LatencyWarnings { count: u64, total: u64 },
}

impl From<Notice> for KeptNotice {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Verdict { guardrail, from, to } => {
                Self::Verdict { guardrail: guardrail.code(), from: from.code(), to: to.code() }
            }
            Notice::LatencyWarnings { count, total } => Self::LatencyWarnings { count, total },
        }
    }
}

impl TryFrom<KeptNotice> for Notice {
    type Error = UnknownCode;

    fn try_from(kept: KeptNotice) -> Result<Self, UnknownCode> {
        Ok(match kept {
            KeptNotice::Verdict { guardrail, from, to } => Self::Verdict {
                guardrail: Guardrail::of_code(guardrail)?,
                from: Verdict::of_code(from)?,
                to: Verdict::of_code(to)?,
            },
            KeptNotice::LatencyWarnings { count, total } => Self::LatencyWarnings { count, total },
        })
    }
}

/// An outcome as it is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeptOutcome {
    Failed,
    Answered { latency_us: Option<u32>, score: Option<u8> },
}

impl From<Outcome> for KeptOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed => Self::Failed,
            Outcome::Answered { latency, score } => Self::Answered {
                latency_us: latency.map(Latency::us),
                score: score.map(RiskScore::value),
            },
        }
    }
}

impl TryFrom<KeptOutcome> for Outcome {
    type Error = OutOfRange;

    fn try_from(kept: KeptOutcome) -> Result<Self, OutOfRange> {
        match kept {
            KeptOutcome::Failed => Ok(Self::Failed),
            KeptOutcome::Answered { latency_us, score } => Ok(Self::Answered {
                latency: latency_us.map(latency_of_us).transpose()?,
                score: score.map(|score| RiskScore::new(f64::from(score))).transpose()?,
            }),
        }
    }
}

/// A latency of so many microseconds; milliseconds hold them exactly enough to come back as the same.
pub(crate) fn latency_of_us(us: u32) -> Result<Latency, OutOfRange> {
    Latency::from_ms(f64::from(us) / 1_000.0)
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
        }
    }

    fn of_event(rollout: u32, at_ms: i64, event: &'a Event) -> Self {
        match event {
            Event::Tick => Self::Tick { rollout, at_ms },
            Event::Action(Action { command, actor, note }) => Self::Action {
                rollout,
                at_ms,
                command: command.code(),
                actor: actor.as_str().into(),
                reason: note.as_str().into(),
            },
            Event::Analysis(analysis) => Self::Analysis {
                rollout,
                at_ms,
                id: analysis.id.as_ref().map(AnalysisId::as_str),
                camera: analysis.camera.as_str(),
                variant: analysis.variant.code(),
                outcome: analysis.outcome.into(),
            },
            Event::Comparison(comparison) => Self::Comparison {
                rollout,
                at_ms,
                id: comparison.id.as_str(),
                camera: comparison.camera.as_str(),
                control: comparison.outcomes.control.into(),
                treatment: comparison.outcomes.treatment.into(),
            },
            Event::Feedback(feedback) => Self::Feedback {
                rollout,
                at_ms,
                id: feedback.analysis.as_str(),
                label: feedback.label.code(),
            },
        }
    }

    pub(crate) fn entry(self) -> Result<Entry, Unreadable> {
        let event = |rollout, at_ms, event| {
            Ok(Entry::Event { rollout: RolloutId(rollout), at: Timestamp::from_ms(at_ms)?, event })
        };
        match self {
            Self::Defined { rollout, at_ms, key, run, part, parts, text } => Ok(Entry::Defined {
                rollout: RolloutId(rollout),
                at: Timestamp::from_ms(at_ms)?,
                key: key.parse()?,
                run,
                part,
                parts,
                text: text.into_owned(),
            }),
            Self::Tick { rollout, at_ms } => event(rollout, at_ms, Event::Tick),
            Self::Action { rollout, at_ms, command, actor, reason } => {
                let command = Command::of_code(command)?;
                let (actor, note) = (Actor::new(&actor)?, Note::new(&reason)?);
                event(rollout, at_ms, Event::Action(Action { command, actor, note }))
            }
            Self::Analysis { rollout, at_ms, id, camera, variant, outcome } => {
                let id = id.map(str::parse).transpose()?;
                let camera: CameraId = camera.parse()?;
                let (variant, outcome) = (Variant::of_code(variant)?, outcome.try_into()?);
                event(rollout, at_ms, Event::Analysis(Analysis { id, camera, variant, outcome }))
            }
            Self::Comparison { rollout, at_ms, id, camera, control, treatment } => {
                let (id, camera) = (id.parse()?, camera.parse()?);
                let (control, treatment) = (control.try_into()?, treatment.try_into()?);
                let outcomes = ByVariant { control, treatment };
                event(rollout, at_ms, Event::Comparison(Comparison { id, camera, outcomes }))
            }
            Self::Feedback { rollout, at_ms, id, label } => {
                let (analysis, label) = (id.parse()?, Label::of_code(label)?);
                event(rollout, at_ms, Event::Feedback(Feedback { analysis, label }))
            }
            Self::Decided { rollout, number, at_ms, transition, from, to, account } => {
                let step = Step {
                    number,
                    at: Timestamp::from_ms(at_ms)?,
                    transition: Transition::of_code(transition)?,
                    from: state_of_codes(from)?,
                    to: state_of_codes(to)?,
                };
                let account = account.into_owned();
                Ok(Entry::Decided { rollout: RolloutId(rollout), step, account })
            }
            Self::Version { prompt, head, part, parts, text } => {
                let (prompt, head, text) = (prompt.parse()?, head.head()?, text.into_owned());
                Ok(Entry::Version { prompt, head, part, parts, text })
            }
            Self::LabelMoved { prompt, label, step, part, parts } => {
                let (prompt, label, step) = (prompt.parse()?, label.parse()?, step.step()?);
                Ok(Entry::LabelMoved { prompt, label, step, part, parts })
            }
            Self::Noted { rollout, at_ms, notice, account } => Ok(Entry::Noted {
                rollout: RolloutId(rollout),
                at: Timestamp::from_ms(at_ms)?,
                notice: notice.try_into()?,
                account: account.into_owned(),
            }),
        }
    }
}

impl Entry {
    /// Appends the entry's bytes.
    ///
    /// # Errors
    /// An entry that is larger than any may be.
    pub fn write(&self, into: &mut Vec<u8>) -> Result<(), bincode::Error> {
        bytes().serialize_into(into, &Record::of(self))
    }

    /// Reads an entry's bytes, all of them.
    ///
    /// # Errors
    /// Bytes that no entry was written as.
    pub fn read(from: &[u8]) -> Result<Self, Unreadable> {
        let record: Record<'_> = bytes().deserialize(from)?;
        record.entry()
    }

    /// The entry as JSON.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Record::of(self))
    }

    /// Reads an entry's JSON.
    pub(crate) fn of_json(json: &str) -> Result<Self, Unreadable> {
        let record: Record<'_> = serde_json::from_str(json)?;
        record.entry()
    }

    /// The parts of a definition.
    pub fn definition(
        rollout: RolloutId,
        at: Timestamp,
        (key, run): (&ExperimentKey, u32),
        toml: &str,
    ) -> Vec<Self> {
        let texts = pieces(toml);
        let parts = u16::try_from(texts.len()).unwrap_or(u16::MAX);
        (0..parts)
            .zip(texts)
            .map(|(part, text)| Self::Defined {
                rollout,
                at,
                key: key.clone(),
                run,
                part,
                parts,
                text: text.to_owned(),
            })
            .collect()
    }

    /// The parts of changes of prompts that belong together. A crash leaves all of them or none, since they
    /// stand with the last part.
    pub fn changes(changes: &[Change]) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for change in changes {
            match change {
                Change::Added { prompt, version: Version { head, text } } => {
                    entries.extend(pieces(text).into_iter().map(|text| Self::Version {
                        prompt: prompt.clone(),
                        head: head.clone(),
                        part: 0,
                        parts: 0,
                        text: text.to_owned(),
                    }));
                }
                Change::Moved { prompt, label, step } => entries.push(Self::LabelMoved {
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

/// A text in pieces that fit an entry, at least one.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            return pieces;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tidegate_engine::phase::State;

    /// A version of this text, and a label that moves to it.
    fn changes(text: &str) -> Vec<Change> {
        let prompt: PromptName = "door".parse().unwrap();
        let (actor, at) = (Actor::new("ann").unwrap(), Timestamp::from_ms(7).unwrap());
        let reason = Note::new("a \"first\" try").unwrap();
        let head = VersionHead {
            number: 1,
            key: "v1_original".parse().unwrap(),
            digest: TextDigest([0xa7; 32]),
            parent: Some(TextDigest([0; 32])),
            created_at: at,
            actor: actor.clone(),
            note: Some(reason.clone()),
        };
        let version = Version { head, text: text.into() };
        let step = Move { revision: 1, at, actor, reason, from: None, to: Some(1) };
        let label = "production".parse().unwrap();
        vec![
            Change::Added { prompt: prompt.clone(), version },
            Change::Moved { prompt, label, step },
        ]
    }

    /// One entry of each kind.
    pub(crate) fn samples() -> Vec<Entry> {
        let at = Timestamp::from_ms(1_767_225_600_000).unwrap();
        let rollout = RolloutId(7);
        let id: AnalysisId = "event-1".parse().unwrap();
        let answered = Outcome::Answered {
            latency: Some(Latency::from_ms(912.345).unwrap()),
            score: Some(RiskScore::new(70.0).unwrap()),
        };
        let event = |event| Entry::Event { rollout, at, event };
        let outcomes = ByVariant { control: answered, treatment: Outcome::Failed };
        let step = Step {
            number: 1,
            at,
            transition: Transition::StartShadow,
            from: State::DRAFT,
            to: Transition::StartShadow.target(State::DRAFT).unwrap(),
        };
        let mut entries = Entry::definition(rollout, at, (&"night".parse().unwrap(), 2), "key = 1");
        entries.extend([
            event(Event::Tick),
            event(Event::Action(Action {
                command: Command::Start,
                actor: Actor::new("owner").unwrap(),
                note: Note::new("a \"first\" try").unwrap(),
            })),
            event(Event::Analysis(Analysis {
                id: Some(id.clone()),
                camera: "door".parse().unwrap(),
                variant: Variant::Treatment,
                outcome: answered,
            })),
            event(Event::Analysis(Analysis {
                id: None,
                camera: "door".parse().unwrap(),
                variant: Variant::Control,
                outcome: Outcome::Answered { latency: None, score: None },
            })),
            event(Event::Comparison(Comparison {
                id: id.clone(),
                camera: "yard".parse().unwrap(),
                outcomes,
            })),
            event(Event::Feedback(Feedback { analysis: id, label: Label::MissedThreat })),
            Entry::Decided { rollout, step, account: "{\"reason\":\"a try\"}".to_owned() },
            Entry::Noted {
                rollout,
                at,
                notice: Notice::Verdict {
                    guardrail: Guardrail::Latency,
                    from: Verdict::Inconclusive,
                    to: Verdict::Alarm,
                },
                account: "{\"sentence\":\"slower\"}".to_owned(),
            },
            Entry::Noted {
                rollout,
                at,
                notice: Notice::LatencyWarnings { count: 3, total: 300 },
                account: String::new(),
            },
        ]);
        entries.extend(Entry::changes(&changes("Say what\nyou \"see\": ü")));
        entries
    }

    #[test]
    fn every_entry_comes_back_from_bytes_and_from_json() {
        for entry in samples() {
            let mut bytes = Vec::new();
            entry.write(&mut bytes).unwrap();
            assert_eq!(Entry::read(&bytes).unwrap(), entry);
            assert_eq!(Entry::of_json(&entry.to_json().unwrap()).unwrap(), entry);
            bytes.push(0);
            assert!(Entry::read(&bytes).is_err(), "a byte too many");
            bytes.truncate(bytes.len() - 2);
            assert!(Entry::read(&bytes).is_err(), "a byte too few");
        }
    }

    #[test]
    fn every_latency_comes_back_as_it_was() {
        for us in [0, 1, 999, 1_001, 123_457, 599_999_999, 600_000_000] {
            assert_eq!(latency_of_us(us).unwrap().us(), us);
        }
    }

    #[test]
    fn a_tag_never_changes_its_meaning() {
        // As docs/journal-format.md has them.
        for entry in samples() {
            let mut bytes = Vec::new();
            entry.write(&mut bytes).unwrap();
            let tag = match entry {
                Entry::Defined { .. } => 0,
                Entry::Event { event: Event::Tick, .. } => 1,
                Entry::Event { event: Event::Action(_), .. } => 2,
                Entry::Event { event: Event::Analysis(_), .. } => 3,
                Entry::Event { event: Event::Comparison(_), .. } => 4,
                Entry::Event { event: Event::Feedback(_), .. } => 5,
                Entry::Decided { .. } => 6,
                Entry::Version { .. } => 7,
                Entry::LabelMoved { .. } => 8,
                Entry::Noted { .. } => 9,
            };
            assert_eq!(bytes[0], tag, "{entry:?}");
        }
    }

    #[test]
    fn changes_that_belong_together_are_numbered_through() {
        let text = "ä\n".repeat(PART_BYTES_MAX / 2);
        let entries = Entry::changes(&changes(&text));
        let mut whole = String::new();
        for (number, entry) in entries.iter().enumerate() {
            let (Entry::Version { part, parts, .. } | Entry::LabelMoved { part, parts, .. }) =
                entry
            else {
                panic!("another")
            };
            assert_eq!((usize::from(*part), *parts), (number, 3));
            if let Entry::Version { text, .. } = entry {
                assert!(text.len() <= PART_BYTES_MAX);
                whole.push_str(text);
            }
        }
        assert_eq!(whole, text);
    }

    #[test]
    fn a_long_definition_is_kept_in_parts() {
        let toml = "ä".repeat(PART_BYTES_MAX);
        let at = Timestamp::EPOCH;
        let parts = Entry::definition(RolloutId(1), at, (&"e".parse().unwrap(), 1), &toml);
        let mut whole = String::new();
        for (index, entry) in parts.iter().enumerate() {
            let Entry::Defined { part, parts: of, text, .. } = entry else { panic!("another") };
            assert_eq!((usize::from(*part), usize::from(*of)), (index, parts.len()));
            whole.push_str(text);
        }
        assert_eq!(whole, toml);
    }
}
