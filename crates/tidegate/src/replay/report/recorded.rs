//! What a recording shows of a run, whatever was decided on the way.

use tidegate_engine::decision::Evidence;
use tidegate_engine::experiment::{Experiment, Rule};
use tidegate_engine::id::CameraId;
use tidegate_engine::look::Check;
use tidegate_engine::tally::Tally;
use tidegate_engine::threshold;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api;

use crate::replay::run::RecordedRun;

/// Analyses the recorder took and compares with nothing.
pub(super) fn overridden(run: &RecordedRun) -> u64 {
    let outside = run.recorder.status(run.started_at).outside;
    outside.control.analyses + outside.treatment.analyses
}

/// Why the run ended as it did, or why nothing was decided.
pub(super) fn reason(run: &RecordedRun) -> String {
    match run.deciding() {
        Some(decision) => decision.cause.to_string(),
        None => api::finding(&run.rollout.check()),
    }
}

/// The bare averages, whatever the rule makes of them.
pub(super) fn averages(
    experiment: &Experiment,
    sides: &ByVariant<Tally>,
) -> threshold::ThresholdCheck {
    let samples = sides.map(Tally::feedback);
    let sides = ByVariant { control: &sides.control, treatment: &sides.treatment };
    threshold::check(&experiment.guardrails, sides, samples)
}

/// All that was recorded, with what the rule says of it as a whole.
pub(super) fn recorded(run: &RecordedRun) -> Evidence {
    let experiment = run.rollout.definition().experiment();
    let sides = run.recorder.sums().ab;
    let check = match experiment.guardrails.rule {
        Rule::Threshold => Check::Threshold(averages(experiment, &sides)),
        Rule::Sequential => run.recorder.check(),
    };
    Evidence { sides, check, ..run.rollout.evidence() }
}

pub(super) fn sides_of_cameras(
    run: &RecordedRun,
) -> impl Iterator<Item = (CameraId, Variant, Tally)> {
    run.recorder.cameras().flat_map(|seen| {
        Variant::ALL
            .into_iter()
            .map(move |variant| (seen.camera.clone(), variant, seen.sums.ab[variant]))
            .filter(|(_, _, side)| side.analyses > 0)
    })
}
