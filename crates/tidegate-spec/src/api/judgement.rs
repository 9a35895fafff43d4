//! What the rule says of each guardrail.

use serde::{Deserialize, Serialize};
use tidegate_engine::look::{Check, Look};
use tidegate_engine::variant::ByVariant;
use tidegate_engine::{split_check, verdict};

#[cfg(feature = "openapi")]
use super::schema;

/// What the statistics say of one guardrail. Changes and bounds are in `unit`; more is worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judgement {
    /// The metric, such as `fp_rate`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Guardrail))]
    pub guardrail: String,
    /// `pass`, `inconclusive`, `alarm` or `fail`.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Verdict))]
    pub verdict: String,
    /// `points` or `percent`.
    pub unit: String,
    /// Treatment less control.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub change: Option<f64>,
    /// Lower one-sided 95 % bound.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub low_95: Option<f64>,
    /// Upper one-sided 95 % bound.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub high_95: Option<f64>,
    /// What is harm.
    pub limit: f64,
    /// `E`; its logarithm stands beside it, as it may be beyond any number.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub evidence: Option<f64>,
    /// `ln E`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub ln_evidence: Option<f64>,
    /// `E` from which the rollout rolls back; none where the guardrail only warns.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub evidence_needed: Option<f64>,
    /// Degrees of freedom of the change.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub degrees_of_freedom: Option<f64>,
    /// What it counts, by variant.
    pub trials: Counts,
    /// Cameras that have any, by variant.
    pub cameras: Counts,
    /// Trials that each variant needs.
    pub trials_needed: u64,
    /// All that in words.
    pub sentence: String,
}

/// A count by variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// The control's.
    pub control: u64,
    /// The treatment's.
    pub treatment: u64,
}

/// Whether the cameras were split as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SplitCheck {
    /// Cameras by variant; of a switchback, blocks.
    pub units: Counts,
    /// Cameras that got both variants although nothing moved them; earlier versions did not say.
    #[serde(default)]
    pub crossed: u64,
    /// The planned share of the treatment.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub planned_share: f64,
    /// The exact binomial chance of a split at least as uneven, at this look alone.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Share))]
    pub chance: f64,
    /// The evidence against the planned share, valid at every look.
    pub evidence: f64,
    /// Whether nothing speaks against it.
    pub clean: bool,
}

impl From<ByVariant<u64>> for Counts {
    fn from(counts: ByVariant<u64>) -> Self {
        Self { control: counts.control, treatment: counts.treatment }
    }
}

impl From<&verdict::Judgement> for Judgement {
    fn from(judgement: &verdict::Judgement) -> Self {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        let bounds = judgement.bounds_shown();
        Self {
            guardrail: judgement.guardrail.as_str().to_owned(),
            verdict: judgement.verdict.as_str().to_owned(),
            unit: judgement.unit.name().to_owned(),
            change: judgement.change_shown(),
            low_95: bounds.and_then(|(low, _)| finite(low)),
            high_95: bounds.and_then(|(_, high)| finite(high)),
            limit: judgement.limit_shown(),
            evidence: finite(judgement.evidence.value()),
            ln_evidence: finite(judgement.evidence.ln()),
            evidence_needed: judgement.evidence_needed,
            degrees_of_freedom: judgement.change.and_then(|change| finite(change.degrees)),
            trials: judgement.trials.into(),
            cameras: judgement.cameras.into(),
            trials_needed: judgement.trials_needed,
            sentence: judgement.to_string(),
        }
    }
}

impl Judgement {
    /// Each guardrail of a check, none under the threshold rule.
    pub fn all(check: &Check) -> Vec<Self> {
        look(check).map_or(Vec::new(), |look| look.judgements.iter().map(Into::into).collect())
    }
}

impl SplitCheck {
    /// The split of the cameras, where it was looked at.
    pub fn of(check: &Check) -> Option<Self> {
        look(check)?.split.as_ref().map(Into::into)
    }
}

impl From<&split_check::SplitCheck> for SplitCheck {
    fn from(split: &split_check::SplitCheck) -> Self {
        Self {
            units: split.units.into(),
            crossed: split.crossed,
            planned_share: split.share.value(),
            chance: split.chance,
            evidence: split.evidence.value(),
            clean: split.is_clean(),
        }
    }
}

/// What the rule says in one sentence.
pub fn finding(check: &Check) -> String {
    match check {
        Check::Threshold(check) => check.finding.to_string(),
        Check::Sequential(look) => match look.worst() {
            Some(judgement) => judgement.to_string(),
            None => "Nothing to compare yet".to_owned(),
        },
    }
}

const fn look(check: &Check) -> Option<&Look> {
    match check {
        Check::Sequential(look) => Some(look),
        Check::Threshold(_) => None,
    }
}
