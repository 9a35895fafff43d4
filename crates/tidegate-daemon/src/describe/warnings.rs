//! What the owner of a rollout should know.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{LabelTrust, Watch};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::look::Check;
use tidegate_engine::status;
use tidegate_engine::time::Duration;
use tidegate_engine::verdict::Verdict;
use tidegate_spec::api::Warning;
use tidegate_spec::experiment::questions;

use crate::driver::CLOCK_BEHIND_TOLD;
use crate::rollouts::RunningExperiment;

/// Cameras of a variant below which a split by hash is a poor comparison.
const FEW_CAMERAS: usize = 20;

/// What the owner should know now, of a run that stands so.
pub(super) fn warnings_now(
    run: &RunningExperiment,
    status: &status::Status,
    clock_behind: Duration,
) -> Vec<Warning> {
    let mut warnings = warnings(run, Some(status));
    warnings.extend(behind(status, clock_behind));
    warnings
}

/// That the machine's clock is behind, where a rollout waits for it.
fn behind(status: &status::Status, clock_behind: Duration) -> Option<Warning> {
    let waits = status.state.phase.is_under_way();
    (waits && clock_behind >= CLOCK_BEHIND_TOLD).then(|| Warning {
        code: "clock_behind".to_owned(),
        detail: format!(
            "The machine's clock is {:.1} h behind the newest entry of the journal: time stands still, and nothing goes on or \
             ends by itself until it has caught up. Set the clock; if it is right and was ahead before, \
             `tidegate journal rewind` takes the journal back to a time.",
            clock_behind.hours()
        ),
    })
}

/// What the owner should know.
pub(super) fn warnings(run: &RunningExperiment, status: Option<&status::Status>) -> Vec<Warning> {
    let experiment = run.rollout.definition().experiment();
    let mut warnings = Vec::new();
    let mut warn = |code: &str, detail: String| {
        warnings.push(Warning { code: code.to_owned(), detail });
    };

    for question in questions(experiment) {
        warn("percent_small", question);
    }
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
        for symptom in &status.symptoms {
            let kind = symptom.kind();
            warn(kind.as_str(), format!("{symptom}. {}.", kind.advice()));
        }
        if let Check::Sequential(look) = &status.check
            && let Some(split) = &look.split
            && !split.is_clean()
        {
            warn("split_not_as_planned", split.to_string());
        }
        if let Check::Sequential(look) = &status.check
            && experiment.trust == LabelTrust::Checked
            && let Some(labels) = look.of(Guardrail::LabelShare)
            && labels.verdict == Verdict::Alarm
        {
            let question = "are the alerts of one version labelled more readily? False alarms roll nothing back and nothing \
                            is promoted until that is over, or feedback.trust = \"owner\" says it is meant so.";
            warn("labels_differ", format!("{labels}; {question}"));
        }
    }
    warnings
}
