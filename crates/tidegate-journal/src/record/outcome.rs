//! Outcomes as they are kept.

use serde::{Deserialize, Serialize};
use tidegate_engine::number::{Latency, OutOfRange, RiskScore};
use tidegate_engine::observation::Outcome;

/// An outcome as it is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeptOutcome {
    Failed,
    Answered { latency_us: Option<u32>, score: Option<u8> },
}

impl From<Outcome> for KeptOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed => Self::Failed,
            Outcome::Answered { latency, score } => Self::Answered {
                latency_us: latency.map(Latency::us),
                score: score.map(RiskScore::value),
            },
        }
    }
}

impl TryFrom<KeptOutcome> for Outcome {
    type Error = OutOfRange;

    fn try_from(kept: KeptOutcome) -> Result<Self, OutOfRange> {
        match kept {
            KeptOutcome::Failed => Ok(Self::Failed),
            KeptOutcome::Answered { latency_us, score } => Ok(Self::Answered {
                latency: latency_us.map(latency_of_us).transpose()?,
                score: score.map(|score| RiskScore::new(f64::from(score))).transpose()?,
            }),
        }
    }
}

/// A latency of so many microseconds; milliseconds hold them exactly enough to come back as the same.
pub(crate) fn latency_of_us(us: u32) -> Result<Latency, OutOfRange> {
    Latency::from_ms(f64::from(us) / 1_000.0)
}
