//! What is wrong with a rollout, and what to do about it.

use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_engine::symptom::HeardOf;
use tidegate_spec::api::{self, Diagnosis, HeardCameras, Warning};

use super::{next, outside, warnings::warnings_now};
use crate::published::{Trust, View};
use crate::rollouts::RunningExperiment;

/// Cameras that are named.
const NAMED_MAX: usize = 20;
/// So many analyses without a label are not for want of time.
const UNLABELLED_MIN: u64 = 500;

/// Warnings of what was known before the start; the status has them.
const BY_DEFINITION: [&str; 3] = ["few_cameras", "guardrails_off", "percent_small"];

pub(crate) fn diagnosis(run: &RunningExperiment, view: View<'_>) -> Diagnosis {
    let status = run.rollout.status(view.now);
    let hearing = run.rollout.hearing(view.now);
    let mut findings = Vec::new();
    let mut find = |code: &str, detail: String| {
        findings.push(Warning { code: code.to_owned(), detail });
    };
    if view.trust == Trust::ControlOnly {
        find(
            "store_unavailable",
            "The journal cannot be read or written: control is served to all, and reports are refused. `/readyz` says why."
                .to_owned(),
        );
    }
    let State { phase, condition } = status.state;
    let comes_next = next(run, &status, run.last_step().as_ref());
    match (phase, condition) {
        (Phase::Draft, _) => find(
            "not_started",
            "It is a draft: nothing is compared, and reports are refused, until `tidegate experiment start`.".to_owned(),
        ),
        (Phase::Completed | Phase::RolledBack | Phase::Stopped, _) => find(
            "ended",
            "It has ended: reports are recorded and compared with nothing. Another try is a new run.".to_owned(),
        ),
        (_, Condition::Paused | Condition::Expired) => {
            find("waits_for_a_person", format!("Control is served to all. {}", comes_next.sentence));
        }
        _ => {}
    }
    let sides = [&status.sides.control, &status.sides.treatment];
    let analyses: u64 = sides.iter().map(|tally| tally.analyses).sum();
    let labels: u64 = sides.iter().map(|tally| tally.feedback()).sum();
    if matches!(phase, Phase::Shadow | Phase::Ab) && labels == 0 && analyses >= UNLABELLED_MIN {
        find(
            "nothing_labelled",
            format!(
                "None of {analyses} analyses has feedback: false alarms and missed threats cannot be judged, and nothing is \
                 promoted by itself. See that what people say of an event is reported as `feedback` with the `id` of its analysis."
            ),
        );
    }
    let warnings = warnings_now(run, &status, view.clock_behind);
    findings
        .extend(warnings.into_iter().filter(|warning| !BY_DEFINITION.contains(&&*warning.code)));
    Diagnosis {
        experiment: run.key.to_string(),
        run: run.number,
        now: api::shown(view.now),
        state: status.state.to_string(),
        next: comes_next.sentence,
        heard_at: hearing.last.map(api::shown),
        observations: run.rollout.lifecycle().observations,
        control: heard(&hearing.of.control),
        treatment: heard(&hearing.of.treatment),
        outside: outside(&status),
        findings,
    }
}

fn heard(of: &HeardOf) -> HeardCameras {
    let named = of.silent.iter().take(NAMED_MAX);
    HeardCameras {
        cameras: of.served,
        silent: of.silent.len() as u64,
        silent_cameras: named.map(ToString::to_string).collect(),
    }
}
