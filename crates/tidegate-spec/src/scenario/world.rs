//! A simulated world.

use tidegate_engine::id::CameraId;

use super::expectation::Expectation;
use super::reviewers::Reviewers;
use super::unrest::Unrest;
use crate::experiment::ExperimentFile;

/// One simulated world, the experiment that runs in it, and what is expected.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name; a scenario of a grid has its settings behind it.
    pub name: String,
    /// What it is about, in a sentence.
    pub description: String,
    /// How many independent rollouts are simulated.
    pub runs: u32,
    /// Fixes every random number of every run.
    pub seed: u64,
    /// The experiment, exactly as the daemon would take it.
    pub experiment: ExperimentFile,
    /// The cameras and their traffic.
    pub fleet: FleetSettings,
    /// What the control does.
    pub control: Control,
    /// What the treatment does otherwise.
    pub treatment: Treatment,
    /// What people say, and when.
    pub feedback: FeedbackSettings,
    /// Who answers the cards of a review; nobody without.
    pub reviewers: Option<Reviewers>,
    /// What goes wrong around the engine.
    pub faults: WorldFaults,
    /// What makes the world restless, whichever prompt runs.
    pub unrest: Unrest,
    /// The hour of the rollout at which its owner releases the treatment, whatever was shown; the run then lasts as long as the
    /// release is watched. None: a promotion ends it.
    pub release_hour: Option<f64>,
    /// What must come true.
    pub expect: Vec<Expectation>,
}

/// The cameras and their traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FleetSettings {
    /// Cameras.
    pub cameras: u32,
    /// Analyses of an average camera on a day.
    pub analyses_per_camera_day: f64,
    /// Standard deviation of the logarithm of a camera's traffic.
    pub traffic_log_sd: f64,
    /// The part of all traffic that one camera has; none: as the others.
    pub busiest_share: Option<f64>,
    /// Intraclass correlation of all rates: true rates are beta distributed over cameras with this.
    pub icc: f64,
    /// The same for errors alone.
    pub error_icc: f64,
    /// The part of the difference between cameras that is new every day.
    pub drift_share: f64,
    /// Standard deviation of the logarithm of a camera's usual latency.
    pub latency_log_sd: f64,
    /// Traffic is `1 + amplitude * sin` of the hour of the day: least at midnight, most at noon.
    pub diurnal_amplitude: f64,
    /// The hour of the day at which the rollout starts.
    pub start_hour: f64,
    /// Stretches in which one camera sees far more than usual.
    pub bursts: Option<Bursts>,
}

/// Stretches in which one camera sees far more than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// Bursts of an average camera on a day.
    pub per_camera_day: f64,
    /// How long one lasts.
    pub minutes: f64,
    /// How many times the camera's usual traffic.
    pub factor: f64,
}

/// A log-normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// The median, in the unit its key names.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub log_sd: f64,
}

/// What the control does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    /// False positives among labels.
    pub fp_rate: f64,
    /// Missed threats among labels.
    pub missed_threat_rate: f64,
    /// Failed analyses among all.
    pub error_rate: f64,
    /// Alerts among answers; without it no scores are drawn.
    pub alert_rate: Option<f64>,
    /// Latency in milliseconds of an average camera.
    pub latency_ms: LogNormal,
    /// The share of answers that are slower by a factor.
    pub slow_share: f64,
    /// That factor, for both variants.
    pub slow_factor: f64,
}

/// What the treatment does otherwise than the control.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Treatment {
    /// Points added to the false-positive rate of every camera.
    pub fp_rate: Effect,
    /// Points added to the missed-threat rate of every camera.
    pub missed_threat_rate: Effect,
    /// Points added to the error rate of every camera.
    pub error_rate: Effect,
    /// Percent added to every latency.
    pub latency_pct: Effect,
    /// Percent by which the treatment alerts more often, on threats and on all else alike.
    pub alert_rate_pct: Effect,
    /// Points added to the share of slow answers.
    pub slow_share: Effect,
    /// The share of events of which it judges on its own: as often as its rates say, but not where the control does.
    pub disagreement: f64,
}

/// A change that may begin later, at once or by degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effect {
    /// The whole change.
    pub change: f64,
    /// The hour of the A/B test at which it begins; without one it is there in shadow too.
    pub from_hour: Option<f64>,
    /// The hour at which it is complete, after growing evenly; without one it begins whole.
    pub until_hour: Option<f64>,
}

impl Effect {
    /// How much of the change is there, 0 to 1, at an hour of the A/B test; `None` is before the test.
    pub fn strength(&self, ab_hour: Option<f64>) -> f64 {
        match (self.from_hour, self.until_hour, ab_hour) {
            (None, _, _) => 1.0,
            (Some(_), _, None) => 0.0,
            (Some(from), None, Some(hour)) => f64::from(u8::from(hour >= from)),
            (Some(from), Some(until), Some(hour)) => {
                ((hour - from) / (until - from)).clamp(0.0, 1.0)
            }
        }
    }
}

impl Treatment {
    /// The effects that do harm; growth of alerts is judged by its false positives.
    pub fn harms(&self) -> impl Iterator<Item = &Effect> {
        let worse_above = [
            &self.fp_rate,
            &self.missed_threat_rate,
            &self.error_rate,
            &self.latency_pct,
            &self.slow_share,
        ];
        let alerts = Some(&self.alert_rate_pct).filter(|effect| effect.change < 0.0);
        worse_above.into_iter().filter(|effect| effect.change > 0.0).chain(alerts)
    }
}

/// What people say, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeedbackSettings {
    /// Labels for each analysis, on average under the control.
    pub share: f64,
    /// Minutes from the analysis to its label.
    pub delay_minutes: LogNormal,
    /// How many times likelier a false alarm is labelled than anything else.
    pub false_positive_factor: f64,
    /// How many times likelier an analysis of the treatment is labelled.
    pub treatment_factor: f64,
    /// How many times likelier a false alarm of the treatment is labelled than one of the control.
    pub treatment_false_positive_factor: f64,
}

/// What goes wrong around the engine. Hours count from the start of the rollout.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorldFaults {
    /// The daemon is killed and takes up its last snapshot and what was journalled since.
    pub daemon_restart_hours: Vec<f64>,
    /// The part of reports that come twice.
    pub duplicate_share: f64,
    /// The part of reports that never arrive.
    pub lost_share: f64,
    /// The part of reports that arrive late, out of order.
    pub late_share: f64,
    /// The part of cameras that never report.
    pub dead_camera_share: f64,
    /// Stretches in which both variants fail.
    pub outages: Vec<Outage>,
    /// Moments at which the shell's clock jumps.
    pub clock_jumps: Vec<ClockJump>,
}

/// A stretch in which both variants fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// When it begins.
    pub from_hour: f64,
    /// How long it lasts.
    pub hours: f64,
}

/// A moment at which the shell's clock jumps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockJump {
    /// The hour of the rollout at which it jumps.
    pub hour: f64,
    /// By how much; backwards below zero.
    pub minutes: f64,
}

impl FleetSettings {
    /// The ids of its cameras.
    #[expect(clippy::missing_panics_doc, reason = "the names are valid")]
    pub fn camera_ids(&self) -> impl Iterator<Item = CameraId> + use<> {
        let id = |number| format!("camera-{number:04}").parse().expect("a short name is an id");
        (1..=self.cameras).map(id)
    }
}
