//! Prints what the sequential rule says: a sentence a guardrail for people, fields for programs.

use std::io::{self, Write};

use serde::Serialize;
use tidegate_engine::look::{Check, Look};
use tidegate_engine::variant::ByVariant;
use tidegate_engine::verdict::Judgement;

/// A judgement as JSON. Changes and bounds are in `unit`; more is worse.
#[derive(Serialize)]
pub(crate) struct JudgementLine {
    guardrail: &'static str,
    verdict: &'static str,
    unit: &'static str,
    change: Option<f64>,
    low_95: Option<f64>,
    high_95: Option<f64>,
    limit: f64,
    /// `E`; its logarithm stands beside it, as it may be beyond any number.
    evidence: Option<f64>,
    ln_evidence: Option<f64>,
    evidence_needed: Option<f64>,
    degrees_of_freedom: Option<f64>,
    trials: Counts,
    cameras: Counts,
    trials_needed: u64,
    sentence: String,
}

#[derive(Serialize)]
pub(crate) struct Counts {
    control: u64,
    treatment: u64,
}

/// The split of the cameras as JSON.
#[derive(Serialize)]
pub(crate) struct SplitLine {
    units: Counts,
    planned_share: f64,
    chance: f64,
    evidence: f64,
    clean: bool,
}

impl From<ByVariant<u64>> for Counts {
    fn from(counts: ByVariant<u64>) -> Self {
        Self { control: counts.control, treatment: counts.treatment }
    }
}

impl From<&Judgement> for JudgementLine {
    fn from(judgement: &Judgement) -> Self {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        let bounds = judgement.bounds_shown();
        Self {
            guardrail: judgement.guardrail.as_str(),
            verdict: judgement.verdict.as_str(),
            unit: judgement.unit.name(),
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

/// The judgements of a check, none under the threshold rule.
pub(crate) fn lines(check: &Check) -> Vec<JudgementLine> {
    look(check).map_or(Vec::new(), |look| look.judgements.iter().map(Into::into).collect())
}

/// The split of the cameras, where it was looked at.
pub(crate) fn split(check: &Check) -> Option<SplitLine> {
    look(check)?.split.map(|split| SplitLine {
        units: split.units.into(),
        planned_share: split.share.value(),
        chance: split.chance,
        evidence: split.evidence.value(),
        clean: split.is_clean(),
    })
}

/// What the rule says in one sentence.
pub(crate) fn finding(check: &Check) -> String {
    match check {
        Check::Threshold(check) => check.finding.to_string(),
        Check::Sequential(look) => match look.worst() {
            Some(judgement) => judgement.to_string(),
            None => "Nothing to compare yet".to_owned(),
        },
    }
}

/// Prints a sentence for each guardrail, and one for the split.
pub(crate) fn sentences(check: &Check, out: &mut impl Write) -> io::Result<()> {
    let Some(look) = look(check) else { return Ok(()) };
    for judgement in &look.judgements {
        writeln!(out, "  {:<12}  {judgement}", judgement.verdict.as_str())?;
    }
    if let Some(split) = &look.split {
        writeln!(out, "  {:<12}  {split}", if split.is_clean() { "pass" } else { "alarm" })?;
    }
    Ok(())
}

const fn look(check: &Check) -> Option<&Look> {
    match check {
        Check::Sequential(look) => Some(look),
        Check::Threshold(_) => None,
    }
}
