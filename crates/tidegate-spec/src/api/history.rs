//! What happened to a rollout, with the evidence for it.

use serde::{Deserialize, Serialize};
use tidegate_engine::decision::{Cause, Decision};
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::experiment::Definition;
use tidegate_engine::exposure::Window;
use tidegate_engine::phase::State;
use tidegate_engine::tally::Tally;
use tidegate_engine::time::Timestamp;

use super::definition::SettingChange;
use super::judgement::{Judgement, SplitCheck};
use super::moment::shown;
use super::prompt::VersionsInPlay;
use super::sums::{ByVariantMetrics, VariantMetrics};

#[cfg(feature = "openapi")]
use super::schema;

/// The cause of an item that is no step: the experiment was defined.
pub const DEFINED: &str = "defined";

/// The cause of an item that is no step: the experiment was deleted.
pub const DELETED: &str = "deleted";

/// Who defined or deleted an experiment, and what a definition changed.
#[derive(Debug, Clone)]
pub struct Definer {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Reason,
    /// The settings that the definition before had otherwise.
    pub changes: Vec<SettingChange>,
}

/// `GET /v1/experiments/{key}/history`: oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct History {
    /// One page.
    pub items: Vec<HistoryItem>,
    /// Give it as `?after=` for the next page; none at the end.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
}

/// One step of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryItem {
    /// The run, from 1.
    pub run: u32,
    /// 1, 2, 3 … within a run; 0 where it was defined or deleted, which is no step.
    pub number: u32,
    /// The time of the step.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Time))]
    pub at: String,
    /// The phase and condition before it, such as `ab (held)`.
    pub from: String,
    /// The phase and condition after it.
    pub to: String,
    /// A stable name of the cause, such as `guardrail`, `operator`, `defined` or `deleted`.
    pub cause: String,
    /// The action, where a person acted.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Action>))]
    pub action: Option<String>,
    /// Who acted.
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<schema::Actor>))]
    pub actor: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// The sums and verdicts that it rests on.
    pub evidence: Evidence,
    /// The versions it was about, and what became of `production`, where the experiment names a prompt that
    /// is kept here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<VersionsInPlay>,
    /// Where it was defined, the settings that the definition before had otherwise, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<SettingChange>,
    /// The evidence that whoever acted went on with, though it did not pass: `inconclusive` or `failing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// The numbers a step rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The digest of the definition.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Digest))]
    pub definition: String,
    /// Which sums these are: `shadow` or `ab`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Window))]
    pub window: String,
    /// Each variant's sums.
    pub variants: ByVariantMetrics,
    /// Each guardrail; none under the threshold rule.
    pub guardrails: Vec<Judgement>,
    /// The split of the cameras, where it was looked at.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub split: Option<SplitCheck>,
}

impl HistoryItem {
    /// The step of `run` that a decision was.
    pub fn new(run: u32, decision: &Decision) -> Self {
        let (action, actor, reason) =
            if let Cause::Operator { command, actor, reason } = &decision.cause {
                (Some(command.as_str().to_owned()), Some(actor.to_string()), reason.to_string())
            } else {
                (None, None, decision.cause.to_string())
            };
        let evidence = &decision.evidence;
        Self {
            run,
            number: decision.number,
            at: shown(decision.at),
            from: decision.from.to_string(),
            to: decision.to.to_string(),
            cause: decision.cause.code().to_owned(),
            action,
            actor,
            reason,
            evidence: Evidence {
                definition: evidence.definition.to_string(),
                window: window_name(evidence.window).to_owned(),
                variants: ByVariantMetrics {
                    control: VariantMetrics::from(&evidence.sides.control),
                    treatment: VariantMetrics::from(&evidence.sides.treatment),
                },
                guardrails: Judgement::all(&evidence.check),
                split: SplitCheck::of(&evidence.check),
            },
            prompt: None,
            changes: Vec::new(),
            accepted: None,
        }
    }

    /// How `run` was defined, after the phase `from`.
    pub fn defined(run: u32, from: String, definition: &Definition, by: Definer) -> Self {
        let item = Self::no_step(run, from, definition, by);
        Self { to: State::DRAFT.to_string(), cause: DEFINED.to_owned(), ..item }
    }

    /// How the experiment was deleted whose last run was `run`, in the phase `from`.
    pub fn deleted(run: u32, from: String, definition: &Definition, by: Definer) -> Self {
        let item = Self::no_step(run, from, definition, by);
        Self { to: DELETED.to_owned(), cause: DELETED.to_owned(), ..item }
    }

    /// What somebody did that is no step of a rollout, and rests on no sums.
    fn no_step(run: u32, from: String, definition: &Definition, by: Definer) -> Self {
        let nothing = || VariantMetrics::from(&Tally::default());
        let Definer { at, actor, reason, changes } = by;
        Self {
            run,
            number: 0,
            at: shown(at),
            from,
            to: String::new(),
            cause: String::new(),
            action: None,
            actor: Some(actor.to_string()),
            reason: reason.to_string(),
            evidence: Evidence {
                definition: definition.digest().to_string(),
                window: window_name(Window::Shadow).to_owned(),
                variants: ByVariantMetrics { control: nothing(), treatment: nothing() },
                guardrails: Vec::new(),
                split: None,
            },
            prompt: None,
            changes,
            accepted: None,
        }
    }
}

/// The name of a window in answers.
pub(super) const fn window_name(window: Window) -> &'static str {
    match window {
        Window::Shadow => "shadow",
        Window::Ab => "ab",
        Window::Outside => "outside",
        Window::Full => "full",
    }
}
