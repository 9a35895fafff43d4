//! Prints what a replay found: a table for people, JSON lines for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use tidegate_engine::decision::{Cause, Evidence};
use tidegate_engine::experiment::{Definition, Experiment, Rule};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::CameraId;
use tidegate_engine::look::Check;
use tidegate_engine::number::RiskScore;
use tidegate_engine::observation::Label;
use tidegate_engine::tally::Tally;
use tidegate_engine::threshold::{self, Finding};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::api::{self, Judgement, SplitCheck};

use super::counts::Counts;
use super::run::Run;
use crate::args::{Format, ReplayArgs};
use crate::failure::Failure;
use crate::judgements;

/// Prints runs as they end, and the whole at the end.
pub(crate) struct Report<'a, W> {
    args: &'a ReplayArgs,
    definition: Definition,
    limits: Limits,
    about: String,
    runs: u64,
    outcomes: BTreeMap<&'static str, u64>,
    out: &'a mut W,
}

#[derive(Serialize, Clone, Copy)]
struct Limits {
    max_fp_rate_increase: f64,
    max_latency_increase_pct: f64,
    max_error_rate_increase: f64,
    max_slow_rate_increase: f64,
    max_missed_threat_rate_increase: f64,
    max_alert_rate_drop_pct: f64,
    min_fp_reduction_pct: f64,
    min_samples: u64,
}

#[derive(Serialize)]
struct RunLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<&'a Counts>,
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
    control: Side,
    treatment: Side,
}

#[derive(Serialize)]
struct EvidenceLine {
    control: Side,
    treatment: Side,
    fp_rate_increase: f64,
    latency_increase_pct: Option<f64>,
    error_rate_increase: f64,
    finding: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    judgements: Vec<Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitCheck>,
    limits: Limits,
    definition: String,
}

#[derive(Serialize)]
struct Side {
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

#[derive(Serialize)]
struct Summary<'a> {
    counts: &'a Counts,
    windows: u64,
    outcomes: &'a BTreeMap<&'static str, u64>,
}

impl From<&Tally> for Side {
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

impl<'a, W: Write> Report<'a, W> {
    pub(crate) fn new(args: &'a ReplayArgs, definition: &Definition, out: &'a mut W) -> Self {
        let experiment = definition.experiment();
        let guardrails = &experiment.guardrails;
        let about = format!(
            "{}: {} (control) against {} (treatment), {} % of the cameras for {} h; shadow skipped, \
             as a recording has one answer for each event",
            experiment.key,
            experiment.control,
            experiment.treatment,
            // Four decimals, without the noise of the binary number behind them.
            (experiment.ab.share.value() * 1e6).round() / 1e4,
            experiment.ab.duration.hours(),
        );
        Self {
            args,
            definition: definition.clone(),
            limits: Limits {
                max_fp_rate_increase: guardrails.max_fp_rate_increase.value(),
                max_latency_increase_pct: guardrails.max_latency_increase.value(),
                max_error_rate_increase: guardrails.max_error_rate_increase.value(),
                max_slow_rate_increase: guardrails.max_slow_rate_increase.value(),
                max_missed_threat_rate_increase: guardrails.max_missed_threat_rate_increase.value(),
                max_alert_rate_drop_pct: guardrails.max_alert_rate_drop.value(),
                min_fp_reduction_pct: experiment.promotion.min_fp_reduction.value(),
                min_samples: guardrails.min_samples,
            },
            about,
            runs: 0,
            outcomes: BTreeMap::new(),
            out,
        }
    }

    /// Prints a window that is over.
    pub(crate) fn run(&mut self, run: &Run) -> Result<(), Failure> {
        self.runs += 1;
        *self.outcomes.entry(run.ending().as_str()).or_default() += 1;
        match self.args.format {
            Format::Json => {
                let line = self.run_line(run, None);
                self.json(&line)?;
            }
            Format::Text => self.window_row(run)?,
        }
        Ok(())
    }

    /// Prints what remains: the last window and the sum of all, or the one run.
    pub(crate) fn end(&mut self, last: Option<&Run>, counts: &Counts) -> Result<(), Failure> {
        if self.args.window.is_some() {
            if let Some(run) = last {
                self.run(run)?;
            }
            return self.summary(counts);
        }
        match (last, self.args.format) {
            (Some(run), Format::Json) => {
                let line = self.run_line(run, Some(counts));
                self.json(&line)?;
            }
            (Some(run), Format::Text) => self.story(run, counts)?,
            (None, _) => self.summary(counts)?,
        }
        Ok(())
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut *self.out, value).map_err(io::Error::from)?;
        writeln!(self.out)?;
        Ok(())
    }

    fn summary(&mut self, counts: &Counts) -> Result<(), Failure> {
        if self.args.format == Format::Json {
            let outcomes = self.outcomes.clone();
            let summary = Summary { counts, windows: self.runs, outcomes: &outcomes };
            return self.json(&summary);
        }
        if self.runs > 0 {
            let outcomes: Vec<String> =
                self.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            writeln!(self.out, "\nwindows: {} ({})", self.runs, outcomes.join(", "))?;
        }
        self.records(counts)
    }

    fn records(&mut self, counts: &Counts) -> Result<(), Failure> {
        writeln!(self.out, "records: {}", counts.summary())?;
        if let (Some(first), Some(last)) = (&counts.first_at, &counts.last_at) {
            writeln!(self.out, "time:    {first} to {last}")?;
        }
        for column in &counts.unseen_columns {
            writeln!(self.out, "  no row has the column {column:?} that the map names")?;
        }
        for rejected in &counts.rejected_lines {
            writeln!(self.out, "  line {}: {}", rejected.line, rejected.why)?;
        }
        let more = counts.rejected - counts.rejected_lines.len() as u64;
        if more > 0 {
            writeln!(self.out, "  and {more} more")?;
        }
        Ok(())
    }

    fn window_row(&mut self, run: &Run) -> Result<(), Failure> {
        if self.runs == 1 {
            writeln!(self.out, "{}\n", self.about)?;
            writeln!(
                self.out,
                "{:<24}  {:<11}  {:>8}  {:>19}  {:>19}  reason",
                "window from", "outcome", "after h", "control n / mean ms", "treatment n / mean"
            )?;
        }
        let hours = run.deciding().map(|decision| decision.at.since(run.started_at).hours());
        let sides = run.recorder.sums().ab;
        let [control, treatment] = [sides.control, sides.treatment].map(|side| {
            let mean = side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2}"));
            format!("{} / {mean}", side.analyses)
        });
        writeln!(
            self.out,
            "{:<24}  {:<11}  {:>8}  {control:>19}  {treatment:>19}  {}",
            api::shown(run.started_at),
            run.ending().as_str(),
            hours.map_or("-".to_owned(), |hours| format!("{hours:.2}")),
            reason(run),
        )?;
        if self.args.by_camera {
            self.cameras(run)?;
        }
        Ok(())
    }

    fn story(&mut self, run: &Run, counts: &Counts) -> Result<(), Failure> {
        writeln!(self.out, "{}", self.about)?;
        self.records(counts)?;
        writeln!(self.out)?;
        for decision in &run.decisions {
            let after = decision.at.since(run.started_at).hours();
            let (at, to) = (api::shown(decision.at), decision.to);
            writeln!(self.out, "{at}  after {after:.2} h: {to}: {}", decision.cause)?;
        }
        self.looks(run)?;
        if let Some(decision) = run.deciding() {
            writeln!(self.out, "\nat the decision\n{}", self.comparison(&decision.evidence))?;
            judgements::sentences(&decision.evidence.check, self.out)?;
        } else {
            writeln!(self.out, "undecided when the recording ended: {}", reason(run))?;
            if let Check::Threshold(check) = run.rollout.check()
                && matches!(check.finding, Finding::InsufficientSamples { .. })
            {
                writeln!(
                    self.out,
                    "the threshold rule counts labels and asks nothing before it has them"
                )?;
            }
        }
        let recorded = recorded(run);
        writeln!(self.out, "\nin the whole recording\n{}", self.comparison(&recorded))?;
        self.percentiles(run)?;
        writeln!(self.out, "* for a promotion; does not roll back by itself")?;
        judgements::sentences(&recorded.check, self.out)?;
        let overridden = overridden(run);
        if overridden > 0 {
            writeln!(
                self.out,
                "\nnot compared: {overridden} analyses of cameras with an override"
            )?;
        }
        if self.args.by_camera {
            writeln!(self.out)?;
            self.cameras(run)?;
        }
        Ok(())
    }

    /// Prints every look of a run, where they were kept.
    fn looks(&mut self, run: &Run) -> Result<(), Failure> {
        for (at, check) in &run.looks {
            let after = at.since(run.started_at).hours();
            writeln!(self.out, "{}  after {after:.2} h: look", api::shown(*at))?;
            judgements::sentences(check, self.out)?;
        }
        Ok(())
    }

    fn percentiles(&mut self, run: &Run) -> Result<(), Failure> {
        let latencies = run.recorder.latencies().ab.map(|sketch| {
            [0.5, 0.95, 0.99].map(|q| sketch.quantile(q).map(|us| format!("{:.0}", us / 1e3)))
        });
        let ByVariant { control: [Some(c50), Some(c95), Some(c99)], treatment } = &latencies else {
            return Ok(());
        };
        let [Some(t50), Some(t95), Some(t99)] = treatment else { return Ok(()) };
        writeln!(
            self.out,
            "latency p50 / p95 / p99: control {c50} / {c95} / {c99} ms, treatment {t50} / {t95} / \
             {t99} ms"
        )?;
        Ok(())
    }

    fn comparison(&self, evidence: &Evidence) -> Table {
        let threshold::Check {
            fp_rate_increase, latency_increase_pct, error_rate_increase, ..
        } = averages(self.definition.experiment(), &evidence.sides);
        let mut table = table(&["", "control", "treatment", "change", "limit"]);
        let mut row = |name: &str, cell: fn(&Tally) -> String, change: String, limit: String| {
            let cells = evidence.sides.map(cell);
            table.add_row([name.to_owned(), cells.control, cells.treatment, change, limit]);
        };
        let points = |change: f64| format!("{:+.1} points", change * 100.0);
        let limits = &self.limits;
        let missed = evidence.sides.map(Tally::missed_threat_rate);
        let alerts = evidence.sides.map(Tally::alert_rate);
        let alert_change = if alerts.control > 0.0 {
            format!("{:+.1} %", (alerts.treatment / alerts.control - 1.0) * 100.0)
        } else {
            "-".to_owned()
        };
        row("analyses", |side| side.analyses.to_string(), String::new(), String::new());
        row(
            "errors",
            |side| format!("{} ({:.1} %)", side.errors, side.error_rate() * 100.0),
            points(error_rate_increase),
            points(limits.max_error_rate_increase),
        );
        row(
            "mean latency",
            |side| side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2} ms")),
            latency_increase_pct.map_or("-".to_owned(), |pct| format!("{pct:+.1} %")),
            format!("{:+.1} %", limits.max_latency_increase_pct),
        );
        row("labels", |side| side.feedback().to_string(), String::new(), String::new());
        row(
            "false positives",
            |side| {
                let count = side.labelled(Label::FalsePositive);
                format!("{count} ({:.1} %)", side.fp_rate() * 100.0)
            },
            points(fp_rate_increase),
            points(limits.max_fp_rate_increase),
        );
        row(
            "missed threats",
            |side| {
                let count = side.labelled(Label::MissedThreat);
                format!("{count} ({:.1} %)", side.missed_threat_rate() * 100.0)
            },
            points(missed.treatment - missed.control),
            format!("{} *", points(limits.max_missed_threat_rate_increase)),
        );
        row(
            "mean risk score",
            |side| side.score_mean().map_or("-".to_owned(), |score| format!("{score:.1}")),
            String::new(),
            String::new(),
        );
        row(
            "alerts",
            |side| format!("{} ({:.1} %)", side.alerts, side.alert_rate() * 100.0),
            alert_change,
            format!("{:+.1} % *", -limits.max_alert_rate_drop_pct),
        );
        table
    }

    fn cameras(&mut self, run: &Run) -> Result<(), Failure> {
        let mut table = table(&[
            "camera",
            "variant",
            "analyses",
            "errors",
            "mean latency ms",
            "labels",
            "false positives",
        ]);
        for (camera, variant, side) in sides_of_cameras(run) {
            table.add_row([
                camera.to_string(),
                variant.to_string(),
                side.analyses.to_string(),
                side.errors.to_string(),
                side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2}")),
                side.feedback().to_string(),
                side.labelled(Label::FalsePositive).to_string(),
            ]);
        }
        writeln!(self.out, "{table}")?;
        Ok(())
    }

    fn run_line<'c>(&self, run: &Run, counts: Option<&'c Counts>) -> RunLine<'c> {
        let deciding = run.deciding();
        let evidence = deciding.map_or_else(|| run.rollout.evidence(), |d| d.evidence.clone());
        let steps = run.decisions.iter().map(|decision| StepLine {
            at: api::shown(decision.at),
            to: decision.to.to_string(),
            reason: decision.cause.to_string(),
        });
        let looks = run.looks.iter().map(|(at, check)| LookLine {
            at: api::shown(*at),
            hours: at.since(run.started_at).hours(),
            finding: api::finding(check),
            judgements: Judgement::all(check),
        });
        let cameras = run.recorder.cameras().map(|seen| CameraLine {
            camera_id: seen.camera.to_string(),
            control: Side::from(&seen.sums.ab.control),
            treatment: Side::from(&seen.sums.ab.treatment),
        });
        RunLine {
            counts,
            started_at: api::shown(run.started_at),
            ends_at: run.ends_at.map(api::shown),
            outcome: run.ending().as_str(),
            decided_at: deciding.map(|decision| api::shown(decision.at)),
            hours_to_decision: deciding.map(|d| d.at.since(run.started_at).hours()),
            cause: deciding.map(|decision| decision.cause.code()),
            guardrail: deciding.and_then(|decision| match &decision.cause {
                Cause::Breach(breach) => Some(breach.guardrail.as_str()),
                Cause::Harm(judgement) => Some(judgement.guardrail.as_str()),
                Cause::TotalFailure(_) => Some(Guardrail::ErrorRate.as_str()),
                Cause::Operator { .. }
                | Cause::SharedOutage
                | Cause::OutageOver
                | Cause::FeedbackAwaited
                | Cause::GatePassed
                | Cause::GateManual
                | Cause::Dwelled
                | Cause::TestOver(_) => None,
            }),
            reason: reason(run),
            evidence: self.evidence_line(&evidence),
            recorded: self.evidence_line(&recorded(run)),
            overridden_analyses: overridden(run),
            looks: looks.collect(),
            steps: steps.collect(),
            cameras: if self.args.by_camera { cameras.collect() } else { Vec::new() },
        }
    }

    fn evidence_line(&self, evidence: &Evidence) -> EvidenceLine {
        let Evidence { definition, sides, check, .. } = evidence;
        let averages = averages(self.definition.experiment(), sides);
        EvidenceLine {
            control: Side::from(&sides.control),
            treatment: Side::from(&sides.treatment),
            fp_rate_increase: averages.fp_rate_increase,
            latency_increase_pct: averages.latency_increase_pct,
            error_rate_increase: averages.error_rate_increase,
            finding: api::finding(check),
            judgements: Judgement::all(check),
            split: SplitCheck::of(check),
            limits: self.limits,
            definition: definition.to_string(),
        }
    }
}

/// Analyses the recorder took and compares with nothing.
fn overridden(run: &Run) -> u64 {
    let outside = run.recorder.status(run.started_at).outside;
    outside.control.analyses + outside.treatment.analyses
}

/// Why the run ended as it did, or why nothing was decided.
fn reason(run: &Run) -> String {
    match run.deciding() {
        Some(decision) => decision.cause.to_string(),
        None => api::finding(&run.rollout.check()),
    }
}

/// The bare averages, whatever the rule makes of them.
fn averages(experiment: &Experiment, sides: &ByVariant<Tally>) -> threshold::Check {
    let samples = sides.map(Tally::feedback);
    let sides = ByVariant { control: &sides.control, treatment: &sides.treatment };
    threshold::check(&experiment.guardrails, sides, samples)
}

/// All that was recorded, with what the rule says of it as a whole.
fn recorded(run: &Run) -> Evidence {
    let experiment = run.rollout.definition().experiment();
    let sides = run.recorder.sums().ab;
    let check = match experiment.guardrails.rule {
        Rule::Threshold => Check::Threshold(averages(experiment, &sides)),
        Rule::Sequential => run.recorder.check(),
    };
    Evidence { sides, check, ..run.rollout.evidence() }
}

fn sides_of_cameras(run: &Run) -> impl Iterator<Item = (CameraId, Variant, Tally)> {
    run.recorder.cameras().flat_map(|seen| {
        Variant::ALL
            .into_iter()
            .map(move |variant| (seen.camera.clone(), variant, seen.sums.ab[variant]))
            .filter(|(_, _, side)| side.analyses > 0)
    })
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for (i, column) in table.column_iter_mut().enumerate() {
        if i > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
