//! Both scores of a rollout's shadow.

use serde::{Deserialize, Serialize};
use tidegate_engine::joint_scores::{AlertCounts, BINS, DiscordantEvent, JointScores};
use tidegate_engine::number::RiskScore;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::ByVariant;

use super::{Part, RolloutState};
use crate::record::Unreadable;

/// Counts that are not 0 by the control's bin and the treatment's, then by who alerted, and the newest discordant events.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptJointScores {
    counts: Vec<(u8, u8, u64)>,
    both_alerted: u64,
    control_alerted: u64,
    treatment_alerted: u64,
    neither_alerted: u64,
    discordant: Vec<KeptDiscordant>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptDiscordant {
    event: String,
    camera: String,
    at_ms: i64,
    control: Option<u8>,
    treatment: Option<u8>,
}

/// None where nothing was compared.
pub(super) fn part(state: &RolloutState) -> Option<Part> {
    let scores = &state.rollout.joint_scores;
    if **scores == JointScores::default() {
        return None;
    }
    let AlertCounts { both, control_only, treatment_only, neither } = scores.alerted();
    let counts = (0..).zip(scores.counts()).flat_map(|(control, counts)| {
        (0..).zip(counts).map(move |(treatment, count)| (control, treatment, *count))
    });
    Some(Part::JointScores(KeptJointScores {
        counts: counts.filter(|(.., count)| *count > 0).collect(),
        both_alerted: both,
        control_alerted: control_only,
        treatment_alerted: treatment_only,
        neither_alerted: neither,
        discordant: scores.discordant().map(KeptDiscordant::from).collect(),
    }))
}

impl KeptJointScores {
    /// None where counts do not go together.
    pub(super) fn add_to(self, state: &mut RolloutState) -> Result<Option<()>, Unreadable> {
        let mut counts = [[0; BINS]; BINS];
        for (control, treatment, count) in self.counts {
            let row = counts.get_mut(usize::from(control));
            let Some(kept) = row.and_then(|row| row.get_mut(usize::from(treatment))) else {
                return Ok(None);
            };
            *kept = count;
        }
        let alerted = AlertCounts {
            both: self.both_alerted,
            control_only: self.control_alerted,
            treatment_only: self.treatment_alerted,
            neither: self.neither_alerted,
        };
        let discordant = self.discordant.into_iter().map(KeptDiscordant::event);
        let scores = JointScores::new(counts, alerted, discordant.collect::<Result<_, _>>()?);
        Ok(scores.map(|scores| *state.rollout.joint_scores = scores))
    }
}

impl From<&DiscordantEvent> for KeptDiscordant {
    fn from(event: &DiscordantEvent) -> Self {
        let DiscordantEvent { event, camera, at, scores } = event;
        let ByVariant { control, treatment } = scores.map(|score| score.map(RiskScore::value));
        let (event, camera) = (event.as_str().to_owned(), camera.as_str().to_owned());
        Self { event, camera, at_ms: at.ms(), control, treatment }
    }
}

impl KeptDiscordant {
    fn event(self) -> Result<DiscordantEvent, Unreadable> {
        let score = |value: Option<u8>| value.map(f64::from).map(RiskScore::new).transpose();
        Ok(DiscordantEvent {
            event: self.event.parse()?,
            camera: self.camera.parse()?,
            at: Timestamp::from_ms(self.at_ms)?,
            scores: ByVariant { control: score(self.control)?, treatment: score(self.treatment)? },
        })
    }
}
