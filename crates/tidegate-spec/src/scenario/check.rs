//! What parts of a scenario must agree on.

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::Experiment;

use super::unrest::Unrest;
use super::world::{Control, FeedbackSettings, FleetSettings, Treatment};
use crate::fields::Fields;

/// Most analyses one run may be expected to have.
pub const ANALYSES_MAX: f64 = 1e8;
/// Notes what an experiment and a fleet do not agree on.
pub(super) fn size(
    fields: &mut Fields<'_>,
    fleet: &FleetSettings,
    unrest: &Unrest,
    experiment: &Experiment,
) {
    let cameras = fleet.cameras as usize;
    let cameras_max = experiment.bounds.cameras_max;
    if cameras > cameras_max {
        let allowed = format!("up to experiment.limits.cameras_max {cameras_max}");
        fields.fault("fleet.cameras", format!("is {cameras}, allowed: {allowed}"));
    }
    let listed = experiment.assignment.cameras.len();
    if experiment.assignment.method == SplitMethod::Balanced && listed != cameras {
        let problem = format!("is {cameras}, allowed: {listed}, as experiment.assignment.cameras");
        fields.fault("fleet.cameras", problem);
    }
    let days = (experiment.shadow.duration.hours() + experiment.ab.duration.hours()) / 24.0;
    let bursts = fleet.bursts.map_or(0.0, |b| b.per_camera_day * b.minutes / 1_440.0 * b.factor);
    let alike = unrest.bursts.map_or(0.0, |b| b.per_camera_day * f64::from(b.events));
    let per_day = fleet.analyses_per_camera_day * (1.0 + bursts) + alike;
    let analyses = per_day * f64::from(fleet.cameras) * days;
    if analyses > ANALYSES_MAX {
        let problem = format!(
            "leads to {analyses:.0} analyses in a run, allowed: up to {ANALYSES_MAX}, over all cameras and days"
        );
        fields.fault("fleet.analyses_per_camera_day", problem);
    }
}

/// Notes rates that cannot be together.
pub(super) fn labels(
    fields: &mut Fields<'_>,
    control: &Control,
    treatment: &Treatment,
    feedback: &FeedbackSettings,
) {
    let fp = control.fp_rate + treatment.fp_rate.change;
    let missed = control.missed_threat_rate + treatment.missed_threat_rate.change;
    if fp + missed > 1.0 + 1e-9 {
        let problem = format!(
            "and missed_threat_rate_change lead to {:.3} of the labels together, allowed: up to 1",
            fp + missed
        );
        fields.fault("treatment.fp_rate_change", problem);
    }
    let Some(alerts) = control.alert_rate else { return };
    // What fixes how many events are threats is said at `World::look` in the simulator.
    let threats = alerts * (1.0 - control.fp_rate) / (1.0 - control.missed_threat_rate);
    let false_alarms = if fp < 1.0 { fp * threats / (1.0 - fp) } else { f64::INFINITY };
    if false_alarms > 1.0 - threats + 1e-9 {
        let problem = format!(
            "asks for false alarms on {:.1} % of the events, allowed: up to {:.1} %, as the rest are threats",
            false_alarms * 100.0,
            (1.0 - threats) * 100.0
        );
        fields.fault("treatment.fp_rate_change", problem);
    }
    let speakable = alerts / (1.0 - control.missed_threat_rate);
    if feedback.share > speakable {
        let problem = format!(
            "is {}, allowed: up to {speakable:.4}, as only alerts and missed threats are labelled",
            feedback.share
        );
        fields.fault("feedback.share", problem);
    }
}
