//! Says where a rollout stands, in the shapes of the HTTP interface.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{Gate, OnExpiry, PromotionMode, Watch};
use tidegate_engine::look::Check;
use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_engine::rollout::DeadlineReason;
use tidegate_engine::status;
use tidegate_engine::threshold::Finding;
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;
use tidegate_spec::api::{
    self, ByVariantMetrics, CheckReport, ExperimentDetail, ExperimentSummary, Judgement, Next,
    SplitCheck, Status, Step, Warning,
};
use tidegate_spec::experiment::rule_name;

use crate::prompts::Prompts;
use crate::published::STORE_UNAVAILABLE;
use crate::published::Trust;
use crate::rollouts::Run;

/// Cameras of a variant below which a split by hash is a poor comparison.
const FEW_CAMERAS: usize = 20;

pub(crate) fn summary(run: &Run) -> ExperimentSummary {
    let experiment = run.rollout.definition().experiment();
    let lifecycle = run.rollout.lifecycle();
    ExperimentSummary {
        key: run.key.to_string(),
        run: run.number,
        control: experiment.control.to_string(),
        treatment: experiment.treatment.to_string(),
        phase: lifecycle.state.phase.as_str().to_owned(),
        condition: lifecycle.state.condition.as_str().to_owned(),
        started_at: lifecycle.started_at.map(api::shown),
        prompt: run.in_play.as_ref().map(|in_play| in_play.shown(None)),
    }
}

pub(crate) fn detail(run: &Run) -> ExperimentDetail {
    ExperimentDetail {
        summary: summary(run),
        digest: run.rollout.definition().digest().to_string(),
        definition_toml: run.text.clone(),
        warnings: warnings(run, None),
    }
}

pub(crate) fn status(run: &Run, prompts: &Prompts, (at, trust): (Timestamp, Trust)) -> Status {
    let rollout = &run.rollout;
    let experiment = rollout.definition().experiment();
    let lifecycle = rollout.lifecycle();
    let status = rollout.status(at);
    let serving = match trust {
        Trust::ControlOnly => STORE_UNAVAILABLE,
        Trust::Full => serving_name(status.state),
    };
    let count = |count: usize| count as u64;
    let step = |step: usize| u32::try_from(step).unwrap_or(u32::MAX);
    Status {
        experiment: run.key.to_string(),
        run: run.number,
        digest: rollout.definition().digest().to_string(),
        control: experiment.control.to_string(),
        treatment: experiment.treatment.to_string(),
        prompt: run.in_play.as_ref().map(|in_play| {
            let production = prompts.production(&in_play.prompt);
            in_play.shown(production.map(|version| version.key.to_string()))
        }),
        rule: rule_name(experiment.guardrails.rule).to_owned(),
        phase: status.state.phase.as_str().to_owned(),
        condition: status.state.condition.as_str().to_owned(),
        now: api::shown(at),
        started_at: lifecycle.started_at.map(api::shown),
        remaining_hours: status.remaining.hours(),
        treatment_share: status.share.value(),
        step: Step { number: step(status.step.0), of: step(status.step.1) },
        serving: serving.to_owned(),
        window: match status.state.phase {
            Phase::Draft | Phase::Shadow => "shadow",
            Phase::Ab | Phase::Full | Phase::Completed | Phase::RolledBack | Phase::Stopped => "ab",
        }
        .to_owned(),
        variants: ByVariantMetrics {
            control: (&status.sides.control).into(),
            treatment: (&status.sides.treatment).into(),
        },
        pairs: (&status.pairs).into(),
        guardrails: Judgement::all(&status.check),
        split: SplitCheck::of(&status.check),
        finding: api::finding(&status.check),
        presence: status.presence.map(Into::into),
        next: next(run, &status),
        cameras: count(status.cameras),
        observations: lifecycle.observations,
        open_analyses: count(status.open_analyses),
        evicted_analyses: status.evicted_analyses,
        warnings: warnings(run, Some(&status)),
    }
}

pub(crate) fn check(run: &Run) -> CheckReport {
    let check = run.rollout.check();
    let should_roll_back = match &check {
        Check::Sequential(look) => look.any(Verdict::Fail),
        Check::Threshold(check) => matches!(check.finding, Finding::Breach(_)),
    };
    CheckReport {
        should_roll_back,
        reason: api::finding(&check),
        guardrails: Judgement::all(&check),
        split: SplitCheck::of(&check),
    }
}

/// Why cameras get what they get.
const fn serving_name(state: State) -> &'static str {
    match (state.phase, state.condition) {
        (Phase::Draft, _) => "not_started",
        (Phase::RolledBack, _) => "rolled_back",
        (Phase::Stopped, _) => "stopped",
        (Phase::Completed, _) => "completed",
        (_, Condition::Paused) => "paused",
        (_, Condition::Grace | Condition::Expired) => "expired",
        (Phase::Shadow, _) => "shadow",
        (Phase::Ab, _) => "split",
        (Phase::Full, _) => "full",
    }
}

/// What happens next if nobody acts, and why.
fn next(run: &Run, status: &status::Status) -> Next {
    let (at, deadline) = status.next.unzip();
    Next {
        at: at.map(api::shown),
        deadline: deadline.map(|deadline| deadline.as_str().to_owned()),
        sentence: next_sentence(run, status),
    }
}

fn next_sentence(run: &Run, status: &status::Status) -> String {
    let experiment = run.rollout.definition().experiment();
    let when = status.next.map_or_else(String::new, |(at, _)| api::shown(at));
    let watched = match experiment.guardrails.watch {
        Watch::On => "A guardrail that fails rolls back at once.",
        Watch::Off => "The guardrails are switched off.",
    };
    let silence = status.presence.filter(|presence| !presence.suffices());
    match (status.state.phase, status.state.condition) {
        (Phase::Draft, _) => "Nothing, until somebody starts it.".to_owned(),
        (_, Condition::Paused) => {
            "Nothing, until somebody resumes it; time stands still.".to_owned()
        }
        (_, Condition::Expired) => {
            "Control is served until somebody advances, resumes, rolls back or stops it.".to_owned()
        }
        (Phase::Shadow | Phase::Ab, Condition::Held) => {
            format!("It stays at this step until somebody resumes it. {watched}")
        }
        (Phase::Shadow, _) => {
            let gate = match experiment.shadow.gate {
                Gate::Automatic if when.is_empty() => {
                    let heard = silence.map_or_else(String::new, |silence| {
                        format!(", and enough were reported: so far {silence}")
                    });
                    format!(
                        "The shadow is over; the A/B test starts once the comparisons pass{heard}."
                    )
                }
                Gate::Automatic => {
                    format!("At {when} the A/B test starts if the comparisons pass.")
                }
                Gate::Manual => "The A/B test starts when somebody advances it.".to_owned(),
            };
            format!("{gate} {watched}")
        }
        (Phase::Ab, Condition::Grace) => {
            format!(
                "Until {when} the last feedback is awaited; then it is promoted if it proved itself."
            )
        }
        (Phase::Ab, Condition::Clear) => {
            let step = match status.next {
                Some((_, DeadlineReason::StepEnds)) => {
                    format!(
                        "At {when} the next ramp step follows if the treatment was heard of in this one and no \
                         guardrail is alarmed."
                    )
                }
                _ if run.rollout.step_is_over() => {
                    let waits = silence.map_or_else(
                        || "no guardrail is alarmed".to_owned(),
                        |silence| {
                            format!("the treatment was heard of since this step: so far {silence}")
                        },
                    );
                    format!("The next ramp step waits until {waits}. At {when} the test ends.")
                }
                _ => format!("At {when} the test ends; {}", after_test(run)),
            };
            format!("{step} {watched}")
        }
        (Phase::Full, _) => "Every camera has the treatment; somebody completes it.".to_owned(),
        (Phase::Completed, _) => "Nothing: the treatment stays.".to_owned(),
        (Phase::RolledBack, _) => {
            "Nothing: control stays. A retry is a new run: define the experiment again.".to_owned()
        }
        (Phase::Stopped, _) => "Nothing: it was stopped; control stays.".to_owned(),
    }
}

fn after_test(run: &Run) -> &'static str {
    let experiment = run.rollout.definition().experiment();
    match (experiment.promotion.mode, experiment.ab.on_expiry) {
        (PromotionMode::Automatic, OnExpiry::Hold) => {
            "a proved improvement goes to all cameras, anything else is held for its owner."
        }
        (PromotionMode::Automatic, OnExpiry::RollBack) => {
            "a proved improvement goes to all cameras, anything else is rolled back."
        }
        (PromotionMode::Automatic, OnExpiry::Extend) => {
            "a proved improvement goes to all cameras, anything else is tested once more."
        }
        (PromotionMode::Manual, OnExpiry::Hold) => "its owner then decides.",
        (PromotionMode::Manual, OnExpiry::RollBack) => {
            "a proved improvement waits for its owner, anything else is rolled back."
        }
        (PromotionMode::Manual, OnExpiry::Extend) => {
            "a proved improvement waits for its owner, anything else is tested once more."
        }
    }
}

/// What the owner should know.
fn warnings(run: &Run, status: Option<&status::Status>) -> Vec<Warning> {
    let experiment = run.rollout.definition().experiment();
    let mut warnings = Vec::new();
    let mut warn = |code: &str, detail: String| {
        warnings.push(Warning { code: code.to_owned(), detail });
    };
    if experiment.guardrails.watch == Watch::Off {
        warn("guardrails_off", "No limit is watched: nothing rolls back by itself.".to_owned());
    }
    let listed = experiment.assignment.cameras.len();
    let cameras = status.map_or(listed, |status| status.cameras.max(listed));
    if cameras > 0
        && cameras < FEW_CAMERAS
        && experiment.assignment.method != SplitMethod::Switchback
    {
        warn(
            "few_cameras",
            format!(
                "{cameras} cameras: below about ten a variant a switchback sees more \
                 (assignment.split = \"switchback\"); `tidegate experiment preflight` tells what can be seen."
            ),
        );
    }
    if let Some(status) = status {
        if status.evicted_analyses > 0 {
            warn(
                "analyses_forgotten",
                format!(
                    "{} analyses were forgotten before their feedback was due: raise \
                     limits.open_analyses_max.",
                    status.evicted_analyses
                ),
            );
        }
        if let Check::Sequential(look) = &status.check
            && let Some(split) = &look.split
            && !split.is_clean()
        {
            warn("split_not_as_planned", split.to_string());
        }
    }
    warnings
}
