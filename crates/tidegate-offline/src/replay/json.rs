//! A replay as JSON lines for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use tidegate_engine::decision::{Cause, Evidence};
use tidegate_engine::experiment::Experiment;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::number::RiskScore;
use tidegate_engine::observation::Label;
use tidegate_engine::tally::Tally;
use tidegate_engine::variant::ByVariant;
use tidegate_spec::api::{self, Judgement, SplitCheck};

use super::counts::RowCounts;
use super::recorded::{averages, compared, outside_group, overridden, reason, recorded};
use super::run::RecordedRun;
use super::{ReplayReport, ReplaySettings};

/// One line for each run, and one for all windows.
#[derive(Debug)]
pub struct JsonReport {
    settings: ReplaySettings,
    windows: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl JsonReport {
    /// Tells of a replay with these settings.
    pub fn new(settings: &ReplaySettings) -> Self {
        Self { settings: settings.clone(), windows: 0, outcomes: BTreeMap::new() }
    }

    fn summary(&self, counts: &RowCounts, out: &mut dyn Write) -> io::Result<()> {
        json_line(&ReplaySummary { counts, windows: self.windows, outcomes: &self.outcomes }, out)
    }
}

impl ReplayReport for JsonReport {
    fn run(&mut self, run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        self.windows += 1;
        *self.outcomes.entry(run.ending().as_str()).or_default() += 1;
        json_line(&RunLine::new(run, None, &self.settings), out)
    }

    fn end(
        &mut self,
        last: Option<&RecordedRun>,
        counts: &RowCounts,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.settings.window.is_some() {
            if let Some(run) = last {
                self.run(run, out)?;
            }
            return self.summary(counts, out);
        }
        match last {
            Some(run) => json_line(&RunLine::new(run, Some(counts), &self.settings), out),
            None => self.summary(counts, out),
        }
    }

    fn refused(&self, why: &str, counts: &RowCounts, out: &mut dyn Write) -> io::Result<()> {
        json_line(&NoVerdict { counts, no_verdict: why }, out)
    }
}

/// A value on a line of its own.
fn json_line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&serde_json::to_vec(value)?)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct LimitsLine {
    max_fp_rate_increase: f64,
    max_latency_increase_pct: f64,
    max_error_rate_increase: f64,
    max_slow_rate_increase: f64,
    max_missed_threat_rate_increase: f64,
    max_alert_rate_drop_pct: f64,
    max_alert_rate_rise_pct: f64,
    min_fp_reduction_pct: f64,
    min_samples: u64,
}

/// A run.
#[derive(Serialize)]
struct RunLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<&'a RowCounts>,
    started_at: String,
    ends_at: Option<String>,
    outcome: &'static str,
    decided_at: Option<String>,
    hours_to_decision: Option<f64>,
    cause: Option<&'static str>,
    guardrail: Option<&'static str>,
    reason: String,
    evidence: EvidenceLine,
    recorded: EvidenceLine,
    /// Analyses of cameras whose owner chose their variant; they are in no comparison.
    overridden_analyses: u64,
    outside_group_analyses: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    looks: Vec<LookLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cameras: Vec<CameraLine>,
}

/// A decision on the way, such as a ramp step.
#[derive(Serialize)]
struct StepLine {
    at: String,
    to: String,
    reason: String,
}

/// A look that led to no decision.
#[derive(Serialize)]
struct LookLine {
    at: String,
    hours: f64,
    finding: String,
    judgements: Vec<Judgement>,
}

#[derive(Serialize)]
struct CameraLine {
    camera_id: String,
    control: VariantLine,
    treatment: VariantLine,
}

#[derive(Serialize)]
struct EvidenceLine {
    control: VariantLine,
    treatment: VariantLine,
    fp_rate_increase: f64,
    latency_increase_pct: Option<f64>,
    error_rate_increase: f64,
    finding: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    judgements: Vec<Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitCheck>,
    limits: LimitsLine,
    definition: String,
}

#[derive(Serialize)]
struct VariantLine {
    analyses: u64,
    errors: u64,
    error_rate: f64,
    timed: u64,
    latency_ms_mean: Option<f64>,
    scored: u64,
    score_mean: Option<f64>,
    score_min: Option<u8>,
    score_max: Option<u8>,
    alerts: u64,
    alert_rate: f64,
    feedback: u64,
    false_positives: u64,
    fp_rate: f64,
    missed_threats: u64,
    missed_threat_rate: f64,
}

/// All windows.
#[derive(Serialize)]
struct ReplaySummary<'a> {
    counts: &'a RowCounts,
    windows: u64,
    outcomes: &'a BTreeMap<&'static str, u64>,
}

/// A recording of which too much was rejected.
#[derive(Serialize)]
struct NoVerdict<'a> {
    counts: &'a RowCounts,
    no_verdict: &'a str,
}

impl From<&Tally> for VariantLine {
    fn from(tally: &Tally) -> Self {
        Self {
            analyses: tally.analyses,
            errors: tally.errors,
            error_rate: tally.error_rate(),
            timed: tally.timed,
            latency_ms_mean: tally.latency_ms_mean(),
            scored: tally.scored,
            score_mean: tally.score_mean(),
            score_min: tally.score_min.map(RiskScore::value),
            score_max: tally.score_max.map(RiskScore::value),
            alerts: tally.alerts,
            alert_rate: tally.alert_rate(),
            feedback: tally.feedback(),
            false_positives: tally.labelled(Label::FalsePositive),
            fp_rate: tally.fp_rate(),
            missed_threats: tally.labelled(Label::MissedThreat),
            missed_threat_rate: tally.missed_threat_rate(),
        }
    }
}

impl LimitsLine {
    fn of(experiment: &Experiment) -> Self {
        let guardrails = &experiment.guardrails;
        Self {
            max_fp_rate_increase: guardrails.max_fp_rate_increase.value(),
            max_latency_increase_pct: guardrails.max_latency_increase.value(),
            max_error_rate_increase: guardrails.max_error_rate_increase.value(),
            max_slow_rate_increase: guardrails.max_slow_rate_increase.value(),
            max_missed_threat_rate_increase: guardrails.max_missed_threat_rate_increase.value(),
            max_alert_rate_drop_pct: guardrails.max_alert_rate_drop.value(),
            max_alert_rate_rise_pct: guardrails.max_alert_rate_rise.value(),
            min_fp_reduction_pct: experiment.promotion.min_fp_reduction.value(),
            min_samples: guardrails.min_samples,
        }
    }
}

impl<'a> RunLine<'a> {
    /// The line of a run; `counts` go with the only one.
    fn new(run: &RecordedRun, counts: Option<&'a RowCounts>, settings: &ReplaySettings) -> Self {
        let experiment = run.rollout.definition().experiment();
        let deciding = run.deciding();
        let evidence = deciding.map_or_else(|| run.rollout.evidence(), |d| d.evidence.clone());
        let steps = run.decisions.iter().map(|decision| StepLine {
            at: api::shown(decision.at),
            to: decision.to.to_string(),
            reason: decision.cause.to_string(),
        });
        let looks = run.looks.iter().map(|(at, check)| LookLine {
            at: api::shown(*at),
            hours: at.since(run.decides_from).hours(),
            finding: api::finding(check),
            judgements: Judgement::all(check),
        });
        let cameras = run.recorder.cameras().map(|seen| {
            let ByVariant { control, treatment } = compared(run, &seen.sums);
            CameraLine {
                camera_id: seen.camera.to_string(),
                control: VariantLine::from(&control),
                treatment: VariantLine::from(&treatment),
            }
        });
        Self {
            counts,
            started_at: api::shown(run.started_at),
            ends_at: run.ends_at.map(api::shown),
            outcome: run.ending().as_str(),
            decided_at: deciding.map(|decision| api::shown(decision.at)),
            hours_to_decision: deciding.map(|d| d.at.since(run.decides_from).hours()),
            cause: deciding.map(|decision| decision.cause.code()),
            guardrail: deciding.and_then(|decision| match &decision.cause {
                Cause::Breach(breach) => Some(breach.guardrail.as_str()),
                Cause::Harm(judgement) => Some(judgement.guardrail.as_str()),
                Cause::TotalFailure(_) => Some(Guardrail::ErrorRate.as_str()),
                Cause::Operator { .. }
                | Cause::ControlTried(_)
                | Cause::SharedOutage
                | Cause::OutageOver
                | Cause::FeedbackAwaited
                | Cause::GatePassed
                | Cause::Reviewed(_)
                | Cause::GateManual
                | Cause::Dwelled
                | Cause::TestOver(_) => None,
            }),
            reason: reason(run),
            evidence: EvidenceLine::new(experiment, &evidence),
            recorded: EvidenceLine::new(experiment, &recorded(run)),
            overridden_analyses: overridden(run),
            outside_group_analyses: outside_group(run),
            looks: looks.collect(),
            steps: steps.collect(),
            cameras: if settings.by_camera { cameras.collect() } else { Vec::new() },
        }
    }
}

impl EvidenceLine {
    fn new(experiment: &Experiment, evidence: &Evidence) -> Self {
        let Evidence { definition, sides, check, .. } = evidence;
        let averages = averages(experiment, sides);
        Self {
            control: VariantLine::from(&sides.control),
            treatment: VariantLine::from(&sides.treatment),
            fp_rate_increase: averages.fp_rate_increase,
            latency_increase_pct: averages.latency_increase_pct,
            error_rate_increase: averages.error_rate_increase,
            finding: api::finding(check),
            judgements: Judgement::all(check),
            split: SplitCheck::of(check),
            limits: LimitsLine::of(experiment),
            definition: definition.to_string(),
        }
    }
}
