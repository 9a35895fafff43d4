//! Says where a rollout stands, in the shapes of the HTTP interface.

mod diagnosis;
mod figures;
mod review;
mod shown;
mod waiting;
mod warnings;

use tidegate_engine::experiment::{Gate, OnExpiry, PromotionMode, Watch};
use tidegate_engine::look::Check;
use tidegate_engine::number::Share;
use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_engine::rollout::DeadlineReason;
use tidegate_engine::status;
use tidegate_engine::threshold::Finding;
use tidegate_engine::variant::Variant;
use tidegate_engine::verdict::Verdict;
use tidegate_spec::api::{
    self, CheckReport, Defined, ExperimentDetail, ExperimentSummary, HistoryItem, Judgement, Next,
    Outside, Pairs, SplitCheck, Status, Step, Warning,
};
use tidegate_spec::experiment::rule_name;

pub(crate) use self::diagnosis::diagnosis;
pub(crate) use self::figures::{cameras, scores, series};
use self::review::review_of;
pub(crate) use self::review::{next_card, review};
use self::shown::{Shown, is_proved};
pub(crate) use self::waiting::{GateWaits, gate_waits};
use self::warnings::{warnings, warnings_now};
use crate::published::{STORE_UNAVAILABLE, Trust, View};
use crate::rollouts::{DefinitionPlan, Predecessor, RunningExperiment};

pub(crate) fn summary(run: &RunningExperiment) -> ExperimentSummary {
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

pub(crate) fn detail(run: &RunningExperiment) -> ExperimentDetail {
    ExperimentDetail {
        summary: summary(run),
        digest: run.rollout.definition().digest().to_string(),
        definition_toml: run.text.clone(),
        warnings: warnings(run, None),
    }
}

/// Whether a definition was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enacted {
    /// It stands.
    Yes,
    /// It was only looked at.
    No,
}

/// What a definition did, or would do.
pub(crate) fn defined(run: &RunningExperiment, plan: DefinitionPlan, enacted: Enacted) -> Defined {
    let DefinitionPlan { changes, effects, control_changes, overrides_lost, from, .. } = plan;
    let mut detail = detail(run);
    detail.warnings.extend(
        control_changes.map(|detail| Warning { code: "control_changes".to_owned(), detail }),
    );
    // What an override itself takes away is no news to whoever asked for it.
    let overrides_lost = overrides_lost.filter(|_| enacted == Enacted::No);
    detail
        .warnings
        .extend(overrides_lost.map(|detail| Warning { code: "overrides_lost".to_owned(), detail }));
    Defined { detail, dry_run: enacted == Enacted::No, from, changes, effects }
}

pub(crate) fn status(run: &RunningExperiment, view: View<'_>) -> Status {
    let View { rollouts, now: at, trust, clock_behind } = view;
    let prompts = rollouts.prompts();
    let rollout = &run.rollout;
    let experiment = rollout.definition().experiment();
    let lifecycle = rollout.lifecycle();
    let status = rollout.status(at);
    let serving = match trust {
        Trust::ControlOnly => STORE_UNAVAILABLE,
        Trust::Full => match run.serving_predecessor() {
            Some(predecessor) => predecessor.reason().as_str(),
            None => serving_name(status.state),
        },
    };
    let last = run.last_step();
    let shown = Shown::of(&status, &rollout.sums().shadow, last.as_ref());
    let next = match trust {
        Trust::Full => next(run, &status, last.as_ref()),
        Trust::ControlOnly => Next {
            at: None,
            deadline: None,
            sentence: "Control is served to every camera, and nothing goes on: the journal cannot be relied on. \
                       `/readyz` says why."
                .to_owned(),
        },
    };
    let count = |count: usize| count as u64;
    let step = |step: usize| u32::try_from(step).unwrap_or(u32::MAX);
    Status {
        experiment: run.key.to_string(),
        run: run.number,
        revision: run.revision(),
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
        treatment_share: treatment_share(run, trust, status.share).value(),
        step: Step { number: step(status.step.0), of: step(status.step.1) },
        serving: serving.to_owned(),
        serving_run: run.serving_predecessor().map(Predecessor::shown),
        salt: experiment.salt.to_string(),
        window: shown.window,
        variants: shown.variants,
        pairs: Pairs::labelled(&status.pairs, &rollout.sums().shadow),
        guardrails: shown.guardrails,
        split: shown.split,
        finding: shown.finding,
        presence: status.presence.map(Into::into),
        review: status.review.as_ref().map(|progress| review_of(run, progress)),
        next,
        last: last.map(Into::into),
        cameras: count(status.cameras),
        observations: lifecycle.observations,
        open_analyses: count(status.open_analyses),
        evicted_analyses: status.evicted_analyses,
        outside: outside(&status),
        warnings: warnings_now(run, &status, clock_behind),
    }
}

/// The share of cameras that get the treatment of this run: until it is started, its predecessor may serve the same version.
fn treatment_share(run: &RunningExperiment, trust: Trust, share: Share) -> Share {
    match (trust, run.serving_predecessor()) {
        (Trust::ControlOnly, _) => Share::NONE,
        (Trust::Full, None) => share,
        (Trust::Full, Some(before)) => {
            let is_same = before.serves(before.variant(), run, Variant::Treatment);
            if is_same { Share::ALL } else { Share::NONE }
        }
    }
}

fn outside(status: &status::Status) -> Outside {
    let causes = status.outside_causes.iter().filter(|(_, count)| *count > 0);
    Outside {
        analyses: status.outside.control.analyses + status.outside.treatment.analyses,
        causes: causes.map(|(cause, count)| (cause.as_str().to_owned(), count)).collect(),
    }
}

pub(crate) fn check(run: &RunningExperiment) -> CheckReport {
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
fn next(run: &RunningExperiment, status: &status::Status, last: Option<&HistoryItem>) -> Next {
    let (at, deadline) = status.next.unzip();
    Next {
        at: at.map(api::shown),
        deadline: deadline.map(|deadline| deadline.as_str().to_owned()),
        sentence: match last.filter(|last| is_proved(status, last)) {
            Some(_) => {
                "It proved itself and waits for its owner: control is served until somebody \
                        advances, resumes, rolls back or stops it."
                    .to_owned()
            }
            None => next_sentence(run, status),
        },
    }
}

fn next_sentence(run: &RunningExperiment, status: &status::Status) -> String {
    let experiment = run.rollout.definition().experiment();
    let when = status.next.map_or_else(String::new, |(at, _)| api::shown(at));
    let watched = match experiment.guardrails.watch {
        Watch::On => "A guardrail that fails rolls back at once.",
        Watch::Off => "The guardrails are switched off.",
    };
    match (status.state.phase, status.state.condition) {
        (Phase::Draft, _) => match run.serving_predecessor() {
            Some(serving) => format!(
                "Nothing, until somebody starts it; until then run {} goes on serving {}.",
                serving.number,
                serving.version(),
            ),
            None => "Nothing, until somebody starts it.".to_owned(),
        },
        (Phase::Full, Condition::Paused) if status.next.is_some() => format!(
            "Nearly everything failed, so control is served: it is rolled back unless the control fails too. At {when} it \
             goes on from there."
        ),
        (_, Condition::Paused) => {
            "Nothing, until somebody resumes it; time stands still.".to_owned()
        }
        (_, Condition::Expired) => {
            "Control is served until somebody advances, resumes, rolls back or stops it.".to_owned()
        }
        (Phase::Shadow | Phase::Ab, Condition::Held) => {
            format!("{} {watched}", while_held(run, status))
        }
        (Phase::Shadow, _) => format!("{} {watched}", after_shadow(run, status)),
        (Phase::Ab, Condition::Grace) => {
            format!(
                "Until {when} the last feedback is awaited; then it is promoted if it proved itself."
            )
        }
        (Phase::Ab, Condition::Clear) => format!("{} {watched}", after_step(run, status)),
        (Phase::Full, _) => released(run, watched),
        (Phase::Completed, _) => "Nothing: the treatment stays.".to_owned(),
        (Phase::RolledBack, _) => {
            "Nothing: control stays. A retry is a new run: define the experiment again.".to_owned()
        }
        (Phase::Stopped, _) => match run.serving_predecessor() {
            Some(serving) => format!(
                "Nothing: it was stopped before its start; run {} goes on serving {}.",
                serving.number,
                serving.version(),
            ),
            None => "Nothing: it was stopped; control stays.".to_owned(),
        },
    }
}

/// What the shadow's gate waits for.
fn after_shadow(run: &RunningExperiment, status: &status::Status) -> String {
    match (run.rollout.definition().experiment().shadow.gate, status.next) {
        (Gate::Manual, _) => "The A/B test starts when somebody advances it.".to_owned(),
        (Gate::Automatic, Some((at, _))) => {
            format!("At {} the A/B test starts if the comparisons pass.", api::shown(at))
        }
        (Gate::Automatic, None) if gate_waits(run) == GateWaits::Person => {
            "The shadow is over; the A/B test does not start by itself while this is alarmed: somebody rolls it back, stops it \
             or advances it all the same."
                .to_owned()
        }
        (Gate::Automatic, None) => {
            let heard = status.presence.filter(|presence| !presence.suffices());
            let heard = heard.map_or_else(String::new, |presence| {
                format!(" and enough was heard of the treatment: so far {presence}")
            });
            let review = status.review.and_then(|review| review.missing);
            let asked = review.map_or_else(String::new, |missing| {
                format!(" Its review needs {missing}: `tidegate review {}`.", run.key)
            });
            format!(
                "The shadow is over; the A/B test starts once the comparisons pass{heard}.{asked}"
            )
        }
    }
}

/// What lets a rollout go on that is held.
fn while_held(run: &RunningExperiment, status: &status::Status) -> String {
    let gate = run.rollout.definition().experiment().shadow.gate;
    match (status.state.phase, status.next) {
        (_, Some((at, DeadlineReason::OutageOver))) => format!(
            "Nearly everything failed under both variants, so it stays at this step. At {} it goes on by itself, unless that \
             is seen again.",
            api::shown(at)
        ),
        (Phase::Ab, Some((at, DeadlineReason::AbEnds))) => format!(
            "It stays at this step until somebody resumes it. At {} the test ends.",
            api::shown(at)
        ),
        (Phase::Shadow, _) if gate == Gate::Manual => {
            "It stays in its shadow until somebody advances it; to resume it is not enough."
                .to_owned()
        }
        _ => "It stays at this step until somebody resumes it.".to_owned(),
    }
}

/// What a ramp step, or the test after the last one, waits for.
fn after_step(run: &RunningExperiment, status: &status::Status) -> String {
    let when = status.next.map_or_else(String::new, |(at, _)| api::shown(at));
    let reason = status.next.map(|(_, reason)| reason);
    if reason == Some(DeadlineReason::FastPathWaited) {
        return format!(
            "Nearly everything of the treatment failed: until {when} it is waited for what the control shows."
        );
    }
    if reason == Some(DeadlineReason::StepEnds) {
        return format!(
            "At {when} the next ramp step follows if the treatment was heard of in this one and no guardrail is alarmed."
        );
    }
    if !run.rollout.step_is_over() {
        return format!("At {when} the test ends; {}", after_test(run));
    }
    let waits = status.presence.filter(|presence| !presence.suffices()).map_or_else(
        || "no guardrail is alarmed".to_owned(),
        |presence| format!("the treatment was heard of since this step: so far {presence}"),
    );
    format!("The next ramp step waits until {waits}. At {when} the test ends.")
}

/// What a release that goes on is held against, and until when.
fn released(run: &RunningExperiment, watched: &str) -> String {
    let holdback = run.rollout.definition().experiment().full.holdback.value() * 100.0;
    let (who, against) = if holdback > 0.0 {
        (
            format!("All but {holdback:.1} % of the cameras have the treatment"),
            "the cameras that keep the control, and where they are fewer than three with its own past",
        )
    } else {
        ("Every camera has the treatment".to_owned(), "its own past under the control")
    };
    let ends = run.rollout.lifecycle().phase_ends.filter(|_| run.rollout.watches_release());
    match ends {
        Some(ends) => format!(
            "{who}, compared with {against}, until {}; somebody completes it. {watched}",
            api::shown(ends)
        ),
        None => format!("{who}; somebody completes it."),
    }
}

fn after_test(run: &RunningExperiment) -> &'static str {
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
