//! What a recording shows of a run, whatever was decided on the way.

use tidegate_engine::decision::Evidence;
use tidegate_engine::experiment::{Experiment, Rule};
use tidegate_engine::fleet::Sums;
use tidegate_engine::id::CameraId;
use tidegate_engine::look::Check;
use tidegate_engine::outside::OutsideCause;
use tidegate_engine::phase::Phase;
use tidegate_engine::tally::Tally;
use tidegate_engine::threshold;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api;

use super::run::{RecordedEnding, RecordedRun};

/// Analyses the recorder took and compares with nothing, but for those of other cameras of the group.
pub fn overridden(run: &RecordedRun) -> u64 {
    let outside = run.recorder.status(run.started_at).outside;
    outside.control.analyses + outside.treatment.analyses - outside_group(run)
}

/// Analyses of cameras outside of the experiment's part of its group.
pub fn outside_group(run: &RecordedRun) -> u64 {
    run.recorder.status(run.started_at).outside_causes.get(OutsideCause::OutsideGroup)
}

/// Why the run ended as it did, or why nothing was decided.
pub fn reason(run: &RecordedRun) -> String {
    match run.deciding() {
        Some(decision) => decision.cause.to_string(),
        None => api::finding(&run.rollout.check()),
    }
}

/// The bare averages, whatever the rule makes of them.
pub fn averages(experiment: &Experiment, sides: &ByVariant<Tally>) -> threshold::ThresholdCheck {
    let samples = sides.map(Tally::feedback);
    let sides = ByVariant { control: &sides.control, treatment: &sides.treatment };
    threshold::check(&experiment.guardrails, sides, samples)
}

/// What was compared: a recording without a test has its comparisons.
pub fn compared(run: &RecordedRun, sums: &Sums) -> ByVariant<Tally> {
    if run.ending() == RecordedEnding::GateOpened
        || run.recorder.lifecycle().state.phase == Phase::Shadow
    {
        sums.pairs.sides
    } else {
        sums.ab
    }
}

/// All that was recorded, with what the rule says of it as a whole.
pub fn recorded(run: &RecordedRun) -> Evidence {
    let experiment = run.rollout.definition().experiment();
    let sides = compared(run, run.recorder.sums());
    let check = match experiment.guardrails.rule {
        Rule::Threshold => Check::Threshold(averages(experiment, &sides)),
        Rule::Sequential => run.recorder.check(),
    };
    Evidence { sides, check, ..run.rollout.evidence() }
}

/// Each camera and variant that was seen, with what it showed.
pub fn sides_of_cameras(run: &RecordedRun) -> impl Iterator<Item = (CameraId, Variant, Tally)> {
    run.recorder.cameras().flat_map(|seen| {
        let sides = compared(run, &seen.sums);
        Variant::ALL
            .into_iter()
            .map(move |variant| (seen.camera.clone(), variant, sides[variant]))
            .filter(|(_, _, side)| side.analyses > 0)
    })
}
