//! Both scores of the shadow's events, counted together.

use serde::{Deserialize, Serialize};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::joint_scores::{self, AlertCounts, BIN_WIDTH, JointScores};
use tidegate_engine::number::RiskScore;
use tidegate_engine::rollout::Rollout;
use tidegate_engine::variant::ByVariant;

#[cfg(feature = "openapi")]
use super::schema;
use super::shown;

/// `GET /v1/experiments/{key}/scores`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scores {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// The least score that alerts.
    pub alert_threshold: u8,
    /// Scores in a bin; the last has one more, 100.
    pub bin_width: u8,
    /// Comparisons of the shadow with both scores, each in one of `counts` and one of `alerted`.
    pub comparisons: u64,
    /// Comparisons with both scores from before these were kept: they are in neither.
    pub not_kept: u64,
    /// By who alerted; exact, wherever the threshold lies.
    pub alerted: Alerted,
    /// By bin of the control's score, then of the treatment's: 20 rows of 20.
    pub counts: Vec<Vec<u64>>,
    /// Events on which exactly one prompt alerted, newest first, at most 50.
    pub discordant: Vec<DiscordantEvent>,
    /// Whether they are kept back, as people still answer which of them were worth an alert: who answers must not see which
    /// prompt alerted.
    pub discordant_withheld: bool,
}

/// Comparisons by who alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alerted {
    /// Both prompts.
    pub both: u64,
    /// The control alone.
    pub control_only: u64,
    /// The treatment alone.
    pub treatment_only: u64,
    /// Neither.
    pub neither: u64,
}

/// An event on which exactly one prompt alerted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiscordantEvent {
    /// The event's id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub event: String,
    /// Where it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::CameraId))]
    pub camera_id: String,
    /// When it was reported.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub at: String,
    /// `lost` where the control alone alerted, `gained` where the treatment alone did.
    pub direction: String,
    /// The control's score; none where it failed or gave none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub control: Option<u8>,
    /// The treatment's score; none where it failed or gave none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub treatment: Option<u8>,
}

impl Scores {
    /// Both scores of the shadow of a run.
    pub fn new(experiment: &ExperimentKey, run: u32, rollout: &Rollout) -> Self {
        let scores: &JointScores = rollout.joint_scores();
        let threshold = rollout.definition().experiment().alert_threshold;
        let comparisons = scores.alerted().total();
        let withheld = rollout.review().is_some() && rollout.asks_reviewers();
        let discordant = scores.discordant().rev().filter(|_| !withheld);
        Self {
            experiment: experiment.to_string(),
            run,
            alert_threshold: threshold.value(),
            bin_width: BIN_WIDTH,
            comparisons,
            not_kept: rollout.sums().pairs.scored.saturating_sub(comparisons),
            alerted: scores.alerted().into(),
            counts: scores.counts().iter().map(|row| row.to_vec()).collect(),
            discordant: discordant.map(|event| DiscordantEvent::of(event, threshold)).collect(),
            discordant_withheld: withheld,
        }
    }
}

impl From<AlertCounts> for Alerted {
    fn from(counts: AlertCounts) -> Self {
        let AlertCounts { both, control_only, treatment_only, neither } = counts;
        Self { both, control_only, treatment_only, neither }
    }
}

impl DiscordantEvent {
    fn of(event: &joint_scores::DiscordantEvent, threshold: RiskScore) -> Self {
        let ByVariant { control, treatment } = event.scores;
        let is_lost = control.is_some_and(|score| score >= threshold);
        Self {
            event: event.event.to_string(),
            camera_id: event.camera.to_string(),
            at: shown(event.at),
            direction: if is_lost { "lost" } else { "gained" }.to_owned(),
            control: control.map(RiskScore::value),
            treatment: treatment.map(RiskScore::value),
        }
    }
}
