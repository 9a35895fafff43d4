//! `tidegate experiment preflight`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::Experiment;
use tidegate_engine::guardrail::Power;
use tidegate_engine::preflight::{ExpectedFleet, HOURS_MAX, Preflight};
use tidegate_engine::review::{ReviewVerdict, SHADOW_DAYS_MAX};
use tidegate_spec::api::PreflightDocument;

use crate::failure::Failure;
use crate::format::Format;
use crate::settings_file::read_experiment;
use crate::table::aligned;

/// Say what an experiment can see with the fleet at hand, before it starts
#[derive(Debug, Args)]
pub(crate) struct PreflightArgs {
    /// The experiment file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Cameras in the fleet; left out: those the experiment lists
    #[arg(long, value_name = "N")]
    pub(crate) cameras: Option<u64>,
    /// Analyses of one camera on one day
    #[arg(long, value_name = "A")]
    pub(crate) analyses_per_day: f64,
    /// The share of analyses that people label, 0 to 1
    #[arg(long, value_name = "F")]
    pub(crate) feedback_share: f64,
    /// False positives among labels, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.6)]
    pub(crate) fp_rate: f64,
    /// Failed analyses among all, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    pub(crate) error_rate: f64,
    /// Missed threats among labels, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    pub(crate) missed_threat_rate: f64,
    /// Alerts among answers, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.5)]
    pub(crate) alert_rate: f64,
    /// Spread of one camera's latencies over their mean
    #[arg(long, value_name = "CV", default_value_t = 0.5)]
    pub(crate) latency_cv: f64,
    /// How alike the events of one camera are: the intraclass correlation, 0 to 0.99
    #[arg(long, value_name = "RHO", default_value_t = 0.1)]
    pub(crate) icc: f64,
    /// The part of the difference between cameras that is new every day, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub(crate) drift_share: f64,
    /// Events on which two prompts as good as each other disagree, for each alert of the control, 0 to 2
    #[arg(long, value_name = "SHARE", default_value_t = 0.28)]
    pub(crate) disagreement: f64,
    /// The change in false alarms, for each alert of the control, that a review is to see, -1 to 1; left out: harm, none and a benefit
    #[arg(long, value_name = "CHANGE", allow_negative_numbers = true)]
    pub(crate) false_alarm_change: Option<f64>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) fn run(args: &PreflightArgs, out: &mut impl Write) -> Result<(), Failure> {
    let file = read_experiment(&args.file)?;
    let experiment = file.definition.experiment();
    let listed = experiment.assignment.cameras.len() as u64;
    let cameras = args.cameras.or((listed > 0).then_some(listed)).ok_or_else(|| {
        let hint = "give --cameras: the experiment does not list its fleet";
        Failure::BadInput(hint.to_owned())
    })?;
    let expected = ExpectedFleet {
        fp_rate: args.fp_rate,
        error_rate: args.error_rate,
        missed_threat_rate: args.missed_threat_rate,
        alert_rate: args.alert_rate,
        latency_cv: args.latency_cv,
        correlation: args.icc,
        drift: args.drift_share,
        disagreement: args.disagreement,
        false_alarm_change: args.false_alarm_change,
        ..ExpectedFleet::new(cameras, args.analyses_per_day, args.feedback_share)
    };
    let preflight = Preflight::new(experiment, &expected)
        .map_err(|fault| Failure::BadInput(fault.to_string()))?;
    match args.format {
        Format::Json => {
            let answer = PreflightDocument::from(&preflight);
            serde_json::to_writer(&mut *out, &answer).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => text(&preflight, experiment, out)?,
    }
    Ok(())
}

fn text(preflight: &Preflight, experiment: &Experiment, out: &mut impl Write) -> io::Result<()> {
    let [control, treatment] = preflight.cameras;
    let hours = experiment.ab.duration.hours();
    match experiment.assignment.method {
        SplitMethod::Switchback => writeln!(out, "{control} cameras in turns for {hours} h")?,
        SplitMethod::Hash | SplitMethod::Balanced => {
            writeln!(out, "{control} control and {treatment} treatment cameras for {hours} h")?;
        }
    }
    let needed = experiment.guardrails.min_samples.max(30);
    let titles = ["", "trials a variant", "smallest detectable harm", "limit"];
    let rows = preflight.sights.iter().map(|sight| {
        vec![
            sight.guardrail.as_str().to_owned(),
            sight.trials.to_string(),
            // Below its floor a guardrail rolls nothing back, whatever it sees.
            match sight.guardrail.power() {
                Power::RollBack { .. } if sight.trials < needed => {
                    format!("none below {needed} trials")
                }
                Power::RollBack { .. } | Power::Block => {
                    format!("{:.1} {}", sight.detectable, sight.unit)
                }
            },
            format!("{:.1} {}", sight.limit, sight.unit),
        ]
    });
    writeln!(out, "{}", aligned(&titles, &[0], rows))?;
    writeln!(
        out,
        "harm of this size is found by the end of the test in about half of all rollouts"
    )?;
    writeln!(out, "{}", splits(preflight))?;
    writeln!(out, "{}", reviews(preflight))?;
    for advice in &preflight.advice {
        writeln!(out, "! {advice}")?;
    }
    Ok(())
}

/// What each split would see of the same fleet, in as much time.
fn splits(preflight: &Preflight) -> impl std::fmt::Display {
    let guardrails = preflight.splits.first().map_or(Vec::new(), |split| {
        split.sights.iter().map(|sight| sight.guardrail.as_str()).collect()
    });
    let few = "fewer than 3 cameras a variant";
    let titles = [&["by split"][..], &guardrails[..], &["sees its limits after", few, ""]].concat();
    let best = preflight.best_split().map(|split| split.method);
    let rows = preflight.splits.iter().map(|split| {
        let mut row = vec![split.method.as_str().to_owned()];
        row.extend(split.sights.iter().map(|s| format!("{:.1} {}", s.detectable, s.unit)));
        row.push(
            split
                .hours_needed
                .map_or_else(|| format!("over {HOURS_MAX} h"), |hours| format!("{hours} h")),
        );
        row.push(format!("{:.0} %", split.too_few_chance * 100.0));
        let mark = if best == Some(split.method) { "← sees most" } else { "" };
        row.push(mark.to_owned());
        row
    });
    let last = titles.len() - 1;
    aligned(&titles, &[0, last], rows)
}

/// What a review would take, in which nobody is exposed.
fn reviews(preflight: &Preflight) -> impl std::fmt::Display {
    let titles = ["by review", "false alarms for each 100 alerts", "days of shadow", "answers"];
    let rows = preflight.reviews.iter().map(|review| {
        let verdict = match review.plan.verdict {
            ReviewVerdict::Promote => "proves",
            ReviewVerdict::RejectFalseAlarms | ReviewVerdict::RejectMissed => "rejects",
            ReviewVerdict::Pass | ReviewVerdict::Alarm | ReviewVerdict::Open => "finds harmless",
        };
        let (days, answers) = review.plan.effort.map_or_else(
            || (format!("over {SHADOW_DAYS_MAX}"), String::new()),
            |effort| (effort.days.to_string(), effort.answers.to_string()),
        );
        vec![verdict.to_owned(), format!("{:+.1}", review.change * 100.0), days, answers]
    });
    aligned(&titles, &[0], rows)
}
