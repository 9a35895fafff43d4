//! A replay as text for people.

use std::io::{self, Write};

use comfy_table::Table;
use tidegate_engine::decision::Evidence;
use tidegate_engine::look::Check;
use tidegate_engine::observation::Label;
use tidegate_engine::tally::Tally;
use tidegate_engine::threshold::{self, Finding};
use tidegate_engine::variant::ByVariant;
use tidegate_offline::replay::recorded::{
    averages, compared, outside_group, overridden, reason, recorded, sides_of_cameras,
};
use tidegate_offline::replay::{RecordedRun, RowCounts};
use tidegate_spec::api;

use super::report::TextReport;
use crate::judgements;
use crate::printable::printable;
use crate::table::aligned;

impl TextReport {
    pub(super) fn records(counts: &RowCounts, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "records: {}", counts.summary())?;
        if let (Some(first), Some(last)) = (&counts.first_at, &counts.last_at) {
            writeln!(out, "time:    {first} to {last}")?;
        }
        for column in &counts.unseen_columns {
            writeln!(out, "  no row has the column {column:?} that the map names")?;
        }
        for remark in counts.remarks() {
            writeln!(out, "  {}", printable(&remark))?;
        }
        for rejected in &counts.rejected_lines {
            writeln!(out, "  line {}: {}", rejected.line, rejected.why)?;
        }
        let more = counts.rejected.saturating_sub(counts.rejected_lines.len() as u64);
        if more > 0 {
            writeln!(out, "  and {more} more")?;
        }
        Ok(())
    }

    pub(super) fn window_row(&self, run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        if self.runs == 1 {
            writeln!(out, "{}\n", self.about)?;
            writeln!(
                out,
                "{:<24}  {:<11}  {:>8}  {:>19}  {:>19}  reason",
                "window from", "outcome", "after h", "control n / mean ms", "treatment n / mean"
            )?;
        }
        let hours = run.deciding().map(|decision| decision.at.since(run.decides_from).hours());
        let sides = compared(run, run.recorder.sums());
        let [control, treatment] = [sides.control, sides.treatment].map(|side| {
            let mean = side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2}"));
            format!("{} / {mean}", side.analyses)
        });
        writeln!(
            out,
            "{:<24}  {:<11}  {:>8}  {control:>19}  {treatment:>19}  {}",
            api::shown(run.started_at),
            run.ending().as_str(),
            hours.map_or("-".to_owned(), |hours| format!("{hours:.2}")),
            reason(run),
        )?;
        if self.by_camera {
            Self::cameras(run, out)?;
        }
        Ok(())
    }

    pub(super) fn story(
        &self,
        run: &RecordedRun,
        counts: &RowCounts,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(out, "{}", self.about)?;
        Self::records(counts, out)?;
        writeln!(out)?;
        for decision in &run.decisions {
            let after = decision.at.since(run.decides_from).hours();
            let (at, to) = (api::shown(decision.at), decision.to);
            writeln!(out, "{at}  after {after:.2} h: {to}: {}", decision.cause)?;
        }
        Self::looks(run, out)?;
        if let Some(decision) = run.deciding() {
            writeln!(out, "\nat the decision\n{}", comparison(&decision.evidence, run))?;
            judgements::sentences(&decision.evidence.check, out)?;
        } else {
            writeln!(out, "undecided when the recording ended: {}", reason(run))?;
            if let Check::Threshold(check) = run.rollout.check()
                && matches!(check.finding, Finding::InsufficientSamples { .. })
            {
                writeln!(
                    out,
                    "the threshold rule counts labels and asks nothing before it has them"
                )?;
            }
        }
        let recorded = recorded(run);
        writeln!(out, "\nin the whole recording\n{}", comparison(&recorded, run))?;
        Self::percentiles(run, out)?;
        writeln!(out, "* for a promotion; does not roll back by itself")?;
        judgements::sentences(&recorded.check, out)?;
        let overridden = overridden(run);
        if overridden > 0 {
            writeln!(out, "\nnot compared: {overridden} analyses of cameras with an override")?;
        }
        let outside = outside_group(run);
        if outside > 0 {
            writeln!(
                out,
                "\nnot compared: {outside} analyses of cameras outside of the experiment's part of its group"
            )?;
        }
        if self.by_camera {
            writeln!(out)?;
            Self::cameras(run, out)?;
        }
        Ok(())
    }

    /// Prints every look of a run, where they were kept.
    fn looks(run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        for (at, check) in &run.looks {
            let after = at.since(run.decides_from).hours();
            writeln!(out, "{}  after {after:.2} h: look", api::shown(*at))?;
            judgements::sentences(check, out)?;
        }
        Ok(())
    }

    fn percentiles(run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        let latencies = run.recorder.latencies().ab.map(|sketch| {
            [0.5, 0.95, 0.99].map(|q| sketch.quantile(q).map(|us| format!("{:.0}", us / 1e3)))
        });
        let ByVariant { control: [Some(c50), Some(c95), Some(c99)], treatment } = &latencies else {
            return Ok(());
        };
        let [Some(t50), Some(t95), Some(t99)] = treatment else { return Ok(()) };
        writeln!(
            out,
            "latency p50 / p95 / p99: control {c50} / {c95} / {c99} ms, treatment {t50} / {t95} / \
             {t99} ms"
        )?;
        Ok(())
    }

    fn cameras(run: &RecordedRun, out: &mut dyn Write) -> io::Result<()> {
        let titles = [
            "camera",
            "variant",
            "analyses",
            "errors",
            "mean latency ms",
            "labels",
            "false positives",
        ];
        let rows = sides_of_cameras(run).map(|(camera, variant, side)| {
            vec![
                camera.to_string(),
                variant.to_string(),
                side.analyses.to_string(),
                side.errors.to_string(),
                side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2}")),
                side.feedback().to_string(),
                side.labelled(Label::FalsePositive).to_string(),
            ]
        });
        let table = aligned(&titles, &[0], rows);
        writeln!(out, "{table}")?;
        Ok(())
    }
}

/// Both variants side by side.
fn comparison(evidence: &Evidence, run: &RecordedRun) -> Table {
    let experiment = run.rollout.definition().experiment();
    let guardrails = &experiment.guardrails;
    let threshold::ThresholdCheck {
        fp_rate_increase,
        latency_increase_pct,
        error_rate_increase,
        ..
    } = averages(experiment, &evidence.sides);
    let mut rows = Vec::new();
    let mut row = |name: &str, cell: fn(&Tally) -> String, change: String, limit: String| {
        let cells = evidence.sides.map(cell);
        rows.push(vec![name.to_owned(), cells.control, cells.treatment, change, limit]);
    };
    let points = |change: f64| format!("{:+.1} points", change * 100.0);
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
        points(guardrails.max_error_rate_increase.value()),
    );
    row(
        "mean latency",
        |side| side.latency_ms_mean().map_or("-".to_owned(), |ms| format!("{ms:.2} ms")),
        latency_increase_pct.map_or("-".to_owned(), |pct| format!("{pct:+.1} %")),
        format!("{:+.1} %", guardrails.max_latency_increase.value()),
    );
    row("labels", |side| side.feedback().to_string(), String::new(), String::new());
    row(
        "false positives",
        |side| {
            let count = side.labelled(Label::FalsePositive);
            format!("{count} ({:.1} %)", side.fp_rate() * 100.0)
        },
        points(fp_rate_increase),
        points(guardrails.max_fp_rate_increase.value()),
    );
    row(
        "missed threats",
        |side| {
            let count = side.labelled(Label::MissedThreat);
            format!("{count} ({:.1} %)", side.missed_threat_rate() * 100.0)
        },
        points(missed.treatment - missed.control),
        format!("{} *", points(guardrails.max_missed_threat_rate_increase.value())),
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
        format!("{:+.1} % *", -guardrails.max_alert_rate_drop.value()),
    );
    aligned(&["", "control", "treatment", "change", "limit"], &[0], rows.into_iter())
}
