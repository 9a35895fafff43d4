//! Events as they are kept.

use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::id::AnalysisId;
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin};
use tidegate_engine::variant::{ByVariant, Variant};

use super::{KeptOutcome, Record, Unreadable};
use crate::codes::Coded;

impl<'a> Record<'a> {
    pub(super) fn of_event(rollout: u32, at_ms: i64, event: &'a Event) -> Self {
        match event {
            Event::Tick => Self::Tick { rollout, at_ms },
            Event::Action(Action { command, actor, reason }) => Self::Action {
                rollout,
                at_ms,
                command: command.code(),
                actor: actor.as_str().into(),
                reason: reason.as_str().into(),
            },
            Event::Analysis(analysis) => {
                let id = analysis.id.as_ref().map(AnalysisId::as_str);
                let (camera, variant) = (analysis.camera.as_str(), analysis.variant.code());
                let outcome = analysis.outcome.into();
                if analysis.origin == Origin::default() {
                    return Self::Analysis { rollout, at_ms, id, camera, variant, outcome };
                }
                let origin = analysis.origin.into();
                Self::AnalysisOfRun { rollout, at_ms, id, camera, variant, outcome, origin }
            }
            Event::Comparison(comparison) => {
                let (id, camera) = (comparison.id.as_str(), comparison.camera.as_str());
                let ByVariant { control, treatment } = comparison.outcomes;
                let (control, treatment) = (control.into(), treatment.into());
                if comparison.origin == Origin::default() {
                    return Self::Comparison { rollout, at_ms, id, camera, control, treatment };
                }
                let origin = comparison.origin.into();
                Self::ComparisonOfRun { rollout, at_ms, id, camera, control, treatment, origin }
            }
            Event::Feedback(feedback) => Self::Feedback {
                rollout,
                at_ms,
                id: feedback.analysis.as_str(),
                label: feedback.label.code(),
            },
            Event::Absent(lasted) => Self::Absent { rollout, at_ms, lasted_ms: lasted.ms() },
            Event::CardReply(reply) => Self::CardReply { rollout, at_ms, reply: reply.into() },
        }
    }
}

pub(super) fn action(command: u8, actor: &str, reason: &str) -> Result<Event, Unreadable> {
    let command = Command::of_code(command)?;
    let (actor, reason) = (Actor::new(actor)?, Reason::new(reason)?);
    Ok(Event::Action(Action { command, actor, reason }))
}

pub(super) fn analysis(
    id: Option<&str>,
    camera: &str,
    variant: u8,
    outcome: KeptOutcome,
    origin: Origin,
) -> Result<Event, Unreadable> {
    let (id, camera) = (id.map(str::parse).transpose()?, camera.parse()?);
    let (variant, outcome) = (Variant::of_code(variant)?, outcome.try_into()?);
    Ok(Event::Analysis(Analysis { id, camera, variant, outcome, origin }))
}

pub(super) fn comparison(
    id: &str,
    camera: &str,
    kept: ByVariant<KeptOutcome>,
    origin: Origin,
) -> Result<Event, Unreadable> {
    let ByVariant { control, treatment } = kept;
    let outcomes = ByVariant { control: control.try_into()?, treatment: treatment.try_into()? };
    Ok(Event::Comparison(Comparison { id: id.parse()?, camera: camera.parse()?, outcomes, origin }))
}

pub(super) fn feedback(id: &str, label: u8) -> Result<Event, Unreadable> {
    let (analysis, label) = (id.parse()?, Label::of_code(label)?);
    Ok(Event::Feedback(Feedback { analysis, label }))
}
