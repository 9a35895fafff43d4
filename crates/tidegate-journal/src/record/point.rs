//! Points of a series as they are kept.

use serde::{Deserialize, Serialize};
use tidegate_engine::exposure::Window;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::number::within;
use tidegate_engine::series::{ChangePoint, GuardrailPoint, SeriesPoint};
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;

use super::{Entry, RolloutId, Unreadable};
use crate::codes::Coded;

/// What the guardrails said at one moment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptPoint {
    at_ms: i64,
    guardrails: Vec<KeptGuardrailPoint>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptGuardrailPoint {
    guardrail: u8,
    verdict: Option<u8>,
    change: Option<KeptChangePoint>,
    limit: Option<f32>,
    evidence: Option<f32>,
    evidence_needed: Option<f32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptChangePoint {
    estimate: f32,
    low: Option<f32>,
    high: Option<f32>,
}

impl From<&SeriesPoint> for KeptPoint {
    fn from(point: &SeriesPoint) -> Self {
        let guardrails = point.guardrails.iter().map(|point| KeptGuardrailPoint {
            guardrail: point.guardrail.code(),
            verdict: point.verdict.map(Coded::code),
            change: point.change.map(|ChangePoint { estimate, low, high }| KeptChangePoint {
                estimate,
                low,
                high,
            }),
            limit: point.limit,
            evidence: point.evidence,
            evidence_needed: point.evidence_needed,
        });
        Self { at_ms: point.at.ms(), guardrails: guardrails.collect() }
    }
}

impl KeptPoint {
    /// The entry with this point.
    pub(super) fn entry(self, rollout: u32, window: u8) -> Result<Entry, Unreadable> {
        let (rollout, window) = (RolloutId(rollout), Window::of_code(window)?);
        Ok(Entry::Point { rollout, window, point: self.point()? })
    }

    pub(crate) fn point(self) -> Result<SeriesPoint, Unreadable> {
        let at = Timestamp::from_ms(self.at_ms)?;
        let guardrails = self.guardrails.into_iter().map(KeptGuardrailPoint::point);
        Ok(SeriesPoint { at, guardrails: guardrails.collect::<Result<_, _>>()? })
    }
}

impl KeptGuardrailPoint {
    fn point(self) -> Result<GuardrailPoint, Unreadable> {
        let change = self.change.map(|kept| {
            Ok::<_, Unreadable>(ChangePoint {
                estimate: finite(kept.estimate)?,
                low: kept.low.map(finite).transpose()?,
                high: kept.high.map(finite).transpose()?,
            })
        });
        Ok(GuardrailPoint {
            guardrail: Guardrail::of_code(self.guardrail)?,
            verdict: self.verdict.map(Verdict::of_code).transpose()?,
            change: change.transpose()?,
            limit: self.limit.map(finite).transpose()?,
            evidence: self.evidence.map(finite).transpose()?,
            evidence_needed: self.evidence_needed.map(finite).transpose()?,
        })
    }
}

/// JSON has no other numbers.
fn finite(number: f32) -> Result<f32, Unreadable> {
    let range = f64::from(f32::MIN)..=f64::from(f32::MAX);
    within("number of a point", f64::from(number), &range)?;
    Ok(number)
}
