//! What subscribers are told, by a stream or by webhooks.

use serde::{Deserialize, Serialize};
use tidegate_engine::id::{LabelName, PromptName};
use tidegate_engine::look::Check;
use tidegate_engine::notice::Notice;
use tidegate_engine::number::Percent;
use tidegate_engine::prompt::{Move, Prompt};
use tidegate_engine::review::Reading;
use tidegate_engine::symptom::Symptom;
use tidegate_engine::verdict::Verdict;

use super::definition::SettingChange;
use super::event_type::EventType;
use super::history::HistoryItem;
use super::review::verdict_name;

#[cfg(feature = "openapi")]
use super::schema;

/// One thing that happened. The data of `GET /v1/events`, and the body of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its number, which grows and is never used again: `Last-Event-ID` takes it.
    pub id: String,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub at: String,
    /// The experiment it is about; none where it is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Id>))]
    pub experiment: Option<String>,
    /// And its run, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u32>,
    /// What happened: its `type` and its `data`.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum What {
    /// A rollout took a step.
    PhaseChanged(PhaseChanged),
    /// A guardrail says `pass` or `inconclusive`, and said something else at the look before.
    VerdictChanged(VerdictChanged),
    /// A guardrail says `alarm` or `fail`, and said something else at the look before.
    Alarm(VerdictChanged),
    /// In shadow the treatment took longer than the owner's warning threshold allows.
    LatencyWarning(LatencyWarning),
    /// Something is wrong with what a rollout hears, or is so no longer.
    Warning(WarningChanged),
    /// Cards of a review wait for people.
    CardsWaiting(CardsWaiting),
    /// The answers of a review say something else than before.
    ReviewChanged(ReviewChanged),
    /// A label of a prompt points to another version.
    PromptLabelMoved(PromptLabelMoved),
    /// An experiment is defined: a draft, or the next run of one that has ended. It changes nothing that is served.
    ExperimentDefined(ExperimentDefined),
    /// An experiment was taken away, with what it served.
    ExperimentDeleted(ExperimentDeleted),
    /// Events between the last one the subscriber knows and the next are no longer kept, or never were.
    Reset(Reset),
}

/// A step of a rollout, as its history has it, without the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhaseChanged {
    /// 1, 2, 3 … within a run.
    pub number: u32,
    /// The phase and condition before it, such as `ab (held)`.
    pub from: String,
    /// The phase and condition after it.
    pub to: String,
    /// A stable name of the cause, such as `guardrail` or `operator`.
    pub cause: String,
    /// The action, where a person acted.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Action>))]
    pub action: Option<String>,
    /// Who acted.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub actor: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
}

/// A definition, as the history has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentDefined {
    /// The phase before it, such as `completed`; `none` where the experiment is new.
    pub from: String,
    /// Who defined it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
    /// The digest of the definition.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Digest))]
    pub digest: String,
    /// The settings that the definition before had otherwise, the first of them.
    pub changes: Vec<SettingChange>,
}

/// A deletion, as the history has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentDeleted {
    /// The phase before it: `draft`, `completed`, `rolled_back` or `stopped`.
    pub from: String,
    /// Who deleted it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Actor))]
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
}

/// A guardrail that says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerdictChanged {
    /// The metric, such as `fp_rate`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Guardrail))]
    pub guardrail: String,
    /// What it said at the look before: `pass`, `inconclusive`, `alarm` or `fail`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Verdict))]
    pub from: String,
    /// What it says.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Verdict))]
    pub to: String,
    /// The numbers in words.
    pub sentence: String,
}

/// Comparisons in which the treatment was too slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LatencyWarning {
    /// How many since the last event of this type.
    pub count: u64,
    /// How many in all of this shadow.
    pub total: u64,
    /// By how many percent the treatment may take longer: more is a warning.
    pub threshold_pct: f64,
    /// Comparisons so far.
    pub comparisons: u64,
    /// That in words.
    pub sentence: String,
}

/// Something wrong with what a rollout hears, such as cameras that fell silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WarningChanged {
    /// A stable name, as among the warnings of the status: `reports_stopped`, `nothing_compared`, `control_silent`,
    /// `treatment_silent`, `treatment_nowhere`, `variants_disagree` or `away`.
    pub code: String,
    /// `raised`, or `cleared` once it is over.
    pub state: String,
    /// What is wrong, in words; of one that is over, what was.
    pub sentence: String,
    /// What to do about it.
    pub advice: String,
}

/// Cards of a review that wait for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardsWaiting {
    /// How many.
    pub waiting: u64,
    /// That in words.
    pub sentence: String,
}

/// Answers of a review that say something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewChanged {
    /// What they said before: `open`, `alarm`, `harmless`, `proved`, `rejected_false_alarms` or `rejected_missed_threats`.
    pub from: String,
    /// What they say.
    pub to: String,
    /// The numbers in words.
    pub sentence: String,
}

/// A label of a prompt that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PromptLabelMoved {
    /// The prompt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub prompt: String,
    /// The label, such as `production`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub label: String,
    /// How often the label moved.
    pub revision: u32,
    /// The key of the version it pointed to before, if any.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub from: Option<String>,
    /// The key of the version it points to since; none where it was removed.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Id>))]
    pub to: Option<String>,
    /// The digest of that version.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::TextDigest>))]
    pub digest: Option<String>,
    /// Who moved it.
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
}

/// From where on a subscriber has to read again: what it missed is in the status and the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reset {
    /// The last event that the subscriber knows.
    pub last_event_id: String,
    /// Whatever came after this one follows.
    pub resumes_after: String,
    /// What happened, and what to do.
    pub sentence: String,
}

impl What {
    /// Of which type it is.
    pub const fn kind(&self) -> EventType {
        match self {
            Self::PhaseChanged(_) => EventType::PhaseChanged,
            Self::VerdictChanged(_) => EventType::VerdictChanged,
            Self::Alarm(_) => EventType::Alarm,
            Self::LatencyWarning(_) => EventType::LatencyWarning,
            Self::Warning(_) => EventType::Warning,
            Self::CardsWaiting(_) => EventType::CardsWaiting,
            Self::ReviewChanged(_) => EventType::ReviewChanged,
            Self::PromptLabelMoved(_) => EventType::PromptLabelMoved,
            Self::ExperimentDefined(_) => EventType::ExperimentDefined,
            Self::ExperimentDeleted(_) => EventType::ExperimentDeleted,
            Self::Reset(_) => EventType::Reset,
        }
    }
}

impl From<HistoryItem> for PhaseChanged {
    fn from(item: HistoryItem) -> Self {
        let HistoryItem { number, from, to, cause, action, actor, reason, .. } = item;
        Self { number, from, to, cause, action, actor, reason }
    }
}

impl From<HistoryItem> for ExperimentDefined {
    fn from(item: HistoryItem) -> Self {
        let HistoryItem { from, actor, reason, evidence, changes, .. } = item;
        let (actor, digest) = (actor.unwrap_or_default(), evidence.definition);
        Self { from, actor, reason, digest, changes }
    }
}

impl From<HistoryItem> for ExperimentDeleted {
    fn from(item: HistoryItem) -> Self {
        let HistoryItem { from, actor, reason, .. } = item;
        Self { from, actor: actor.unwrap_or_default(), reason }
    }
}

impl PromptLabelMoved {
    /// A move of a label of a prompt that has the versions it names.
    pub fn new(name: &PromptName, prompt: &Prompt, label: &LabelName, step: &Move) -> Self {
        let head = |number: Option<u32>| Some(&prompt.numbered(number?)?.head);
        let key = |number| head(number).map(|head| head.key.to_string());
        Self {
            prompt: name.to_string(),
            label: label.to_string(),
            revision: step.revision,
            from: key(step.from),
            to: key(step.to),
            digest: head(step.to).map(|head| head.digest.to_string()),
            actor: step.actor.to_string(),
            reason: step.reason.as_str().to_owned(),
        }
    }
}

/// What a notice rests on.
#[derive(Debug, Clone, Copy)]
pub struct WhatIsNoted<'a> {
    /// The look it comes from; none for latency warnings.
    pub check: Option<&'a Check>,
    /// Comparisons of the shadow so far.
    pub comparisons: u64,
    /// By how much longer the treatment may take.
    pub threshold: Percent,
    /// What is wrong with what is heard.
    pub symptoms: &'a [Symptom],
    /// What the answers of its review say.
    pub reading: Option<&'a Reading>,
}

impl What {
    /// What a notice tells.
    pub fn noted(notice: &Notice, of: WhatIsNoted<'_>) -> Self {
        match *notice {
            Notice::Verdict { guardrail, from, to } => {
                let judgement = match of.check {
                    Some(Check::Sequential(look)) => look.of(guardrail),
                    Some(Check::Threshold(_)) | None => None,
                };
                let changed = VerdictChanged {
                    guardrail: guardrail.as_str().to_owned(),
                    from: from.as_str().to_owned(),
                    to: to.as_str().to_owned(),
                    sentence: judgement.map(ToString::to_string).unwrap_or_default(),
                };
                match to {
                    Verdict::Pass | Verdict::Inconclusive => Self::VerdictChanged(changed),
                    Verdict::Alarm | Verdict::Fail => Self::Alarm(changed),
                }
            }
            Notice::LatencyWarnings { count, total } => {
                let WhatIsNoted { comparisons, threshold, .. } = of;
                let threshold_pct = threshold.value();
                let sentence = format!(
                    "In {total} of {comparisons} comparisons the treatment took over \
                     {threshold_pct} % longer than the control; {count} of them are new"
                );
                Self::LatencyWarning(LatencyWarning {
                    count,
                    total,
                    threshold_pct,
                    comparisons,
                    sentence,
                })
            }
            Notice::Symptom { kind, state } => {
                let found = of.symptoms.iter().find(|symptom| symptom.kind() == kind);
                let over = || format!("It is over: {}", kind.words());
                Self::Warning(WarningChanged {
                    code: kind.as_str().to_owned(),
                    state: state.as_str().to_owned(),
                    sentence: found.map_or_else(over, ToString::to_string),
                    advice: kind.advice().to_owned(),
                })
            }
            Notice::CardsWait { waiting } => {
                let cards = if waiting == 1 { "card waits" } else { "cards wait" };
                let sentence = format!("{waiting} {cards} for an answer");
                Self::CardsWaiting(CardsWaiting { waiting, sentence })
            }
            Notice::Reviewed { from, to } => Self::ReviewChanged(ReviewChanged {
                from: verdict_name(from).to_owned(),
                to: verdict_name(to).to_owned(),
                sentence: of.reading.map(ToString::to_string).unwrap_or_default(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_with_its_type_beside_its_data() {
        let event = Event {
            id: "7".to_owned(),
            at: "2026-03-02T08:00:00Z".to_owned(),
            experiment: Some("night".to_owned()),
            run: Some(1),
            what: What::Alarm(VerdictChanged {
                guardrail: "latency".to_owned(),
                from: "pass".to_owned(),
                to: "alarm".to_owned(),
                sentence: "slower".to_owned(),
            }),
        };
        let json = serde_json::to_string(&event).expect("JSON");
        assert_eq!(
            json,
            r#"{"id":"7","at":"2026-03-02T08:00:00Z","experiment":"night","run":1,"type":"alarm","data":{"guardrail":"latency","from":"pass","to":"alarm","sentence":"slower"}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).expect("an event"), event);
    }

    /// One of each type.
    fn samples() -> [What; 11] {
        let text = String::new;
        let verdict =
            VerdictChanged { guardrail: text(), from: text(), to: text(), sentence: text() };
        [
            What::PhaseChanged(PhaseChanged {
                number: 1,
                from: text(),
                to: text(),
                cause: text(),
                action: None,
                actor: None,
                reason: text(),
            }),
            What::VerdictChanged(verdict.clone()),
            What::Alarm(verdict),
            What::LatencyWarning(LatencyWarning {
                count: 1,
                total: 1,
                threshold_pct: 50.0,
                comparisons: 1,
                sentence: text(),
            }),
            What::Warning(WarningChanged {
                code: text(),
                state: text(),
                sentence: text(),
                advice: text(),
            }),
            What::CardsWaiting(CardsWaiting { waiting: 1, sentence: text() }),
            What::ReviewChanged(ReviewChanged { from: text(), to: text(), sentence: text() }),
            What::PromptLabelMoved(PromptLabelMoved {
                prompt: text(),
                label: text(),
                revision: 1,
                from: None,
                to: None,
                digest: None,
                actor: text(),
                reason: text(),
            }),
            What::ExperimentDefined(ExperimentDefined {
                from: text(),
                actor: text(),
                reason: text(),
                digest: text(),
                changes: Vec::new(),
            }),
            What::ExperimentDeleted(ExperimentDeleted {
                from: text(),
                actor: text(),
                reason: text(),
            }),
            What::Reset(Reset { last_event_id: text(), resumes_after: text(), sentence: text() }),
        ]
    }

    #[test]
    fn every_type_has_its_name() {
        // What a filter asks for is what stands in the event, which serde names.
        let written = samples().map(|what| {
            let name = what.kind().as_str();
            assert_eq!(serde_json::to_value(&what).expect("JSON")["type"], name);
            (name, what.kind())
        });
        assert_eq!(written, EventType::NAMES);
        assert_eq!(EventType::asked_for().count(), EventType::NAMES.len() - 1);
    }
}
