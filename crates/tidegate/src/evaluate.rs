//! `tidegate evaluate`.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tidegate_engine::id::PromptKey;
use tidegate_evaluate::{
    Evaluation, EvaluationVerdict, RESAMPLES, RESAMPLES_DEFAULT, SEED_DEFAULT, Settings, report,
};
use tidegate_offline::evaluate::{Conclusion, evaluate};
use tidegate_spec::{EvaluationMetric, ExperimentFile, Preset};

use crate::argument::{parse_percent, parse_preset};
use crate::failure::Failure;
use crate::format::Format;
use crate::settings_file::read_experiment;

/// Compare two prompt versions offline, on cases whose right answers are known
///
/// Each case has an expected range of risk scores, an expected level, and what each prompt answered; docs/evaluate.md has the
/// format. Both prompts are compared on the cases where both were measured, once with every case on its own and once with
/// whole scenarios drawn.
///
/// Exit code 0: evaluated, whatever came of it; 1: no verdict, as more cases than --rejected-max are not valid, or, with --fail-on, what it
/// names; 2: the data set or an argument is not valid.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A file with one case a line (JSON lines), or a folder of *.json files with one case each; `-` is standard
    /// input; left out: that of the experiment
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: Option<PathBuf>,
    /// The prompt version in use, as the data set names its answers; left out: the experiment's
    #[arg(long, value_name = "KEY")]
    pub(crate) control: Option<PromptKey>,
    /// The prompt version being tried; left out: the experiment's
    #[arg(long, value_name = "KEY")]
    pub(crate) treatment: Option<PromptKey>,
    /// The experiment file to take prompts, data set and metrics from
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) experiment: Option<PathBuf>,
    #[arg(
        long,
        value_name = "NAME",
        value_parser = parse_preset,
        help = "The experiment that ships to take prompts, data set and metrics from: rubric_vs_current, cot_vs_current or production"
    )]
    pub(crate) preset: Option<Preset>,
    /// Compare by this metric only; may come several times
    #[arg(long = "metric", value_name = "METRIC", value_parser = parse_metric)]
    pub(crate) metrics: Vec<EvaluationMetric>,
    /// How many times scenarios are drawn for the intervals over scenarios
    #[arg(long, value_name = "N", default_value_t = RESAMPLES_DEFAULT, value_parser = clap::value_parser!(u32).range(i64::from(*RESAMPLES.start())..=i64::from(*RESAMPLES.end())))]
    pub(crate) resamples: u32,
    /// The seed that fixes every draw
    #[arg(long, value_name = "S", default_value_t = SEED_DEFAULT, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: u64,
    /// End with exit code 1 where the treatment is worse by any metric
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,
    /// Give no verdict where more than this part of the cases, or of one prompt's answers, is not valid, in percent
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = parse_percent)]
    pub(crate) rejected_max: f64,
    /// Write report.html and results.json into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What an evaluation fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// The treatment is worse by any metric
    Worse,
}

pub(crate) fn run(args: &EvaluateArgs, out: &mut impl Write) -> Result<(), Failure> {
    let (path, settings) = settings(args)?;
    let dataset = path.to_string_lossy();
    if let Some(folder) = &args.report {
        // Before the work, which would be in vain.
        fs::create_dir_all(folder)
            .map_err(|source| Failure::Report { path: folder.clone(), source })?;
    }
    if args.dataset.is_none() && !path.exists() {
        let text = format!(
            "{dataset}, which the experiment names as its data set, is not there; a DATASET goes before it"
        );
        return Err(Failure::BadInput(text));
    }
    let evaluated = evaluate(&path, &settings, args.rejected_max)?;
    let counts = &evaluated.counts;
    let json = serde_json::to_string(&evaluated).map_err(io::Error::from)?;
    let evaluation = match &evaluated.conclusion {
        Conclusion::Compared(evaluation) => evaluation,
        Conclusion::NoVerdict { no_verdict } => {
            match args.format {
                Format::Json => writeln!(out, "{json}")?,
                Format::Text => table::print_counts(counts, out)?,
            }
            return Err(Failure::Unmet(no_verdict.clone()));
        }
    };
    if let Some(folder) = &args.report {
        let page = report::html(evaluation, &dataset, &counts.remarks())
            .map_err(|error| Failure::Output(io::Error::other(error)))?;
        write_report(folder, &page, &json)?;
    }
    match args.format {
        Format::Json => writeln!(out, "{json}")?,
        Format::Text => table::print(evaluation, counts, out)?,
    }
    out.flush()?;
    match args.fail_on {
        Some(FailOn::Worse) if is_worse(evaluation) => {
            Err(Failure::Unmet(format!("--fail-on worse: {}", evaluation.reason)))
        }
        Some(FailOn::Worse) | None => Ok(()),
    }
}

fn is_worse(evaluation: &Evaluation) -> bool {
    match evaluation.verdict {
        EvaluationVerdict::Worse | EvaluationVerdict::Mixed => true,
        EvaluationVerdict::Better
        | EvaluationVerdict::NoDifferenceShown
        | EvaluationVerdict::TooFewCases => false,
    }
}

/// Where the cases are, and what is compared; flags go before the experiment.
fn settings(args: &EvaluateArgs) -> Result<(PathBuf, Settings), Failure> {
    let file: Option<ExperimentFile> = match (&args.experiment, args.preset) {
        (Some(path), _) => Some(read_experiment(path)?),
        (None, Some(preset)) => Some(preset.file()),
        (None, None) => None,
    };
    let experiment = file.as_ref().map(|file| file.definition.experiment());
    let planned = file.as_ref().and_then(|file| file.evaluation.as_ref());
    let missing = |what: &str| {
        Failure::BadInput(format!(
            "{what} is missing, allowed: --control KEY and --treatment KEY, --experiment FILE or --preset NAME"
        ))
    };
    let key = |flag: &Option<_>, named: Option<&_>| flag.as_ref().or(named).cloned();
    let control = key(&args.control, experiment.map(|experiment| &experiment.control));
    let treatment = key(&args.treatment, experiment.map(|experiment| &experiment.treatment));
    let dataset = match (&args.dataset, planned) {
        (Some(path), _) => path.clone(),
        (None, Some(planned)) => PathBuf::from(&planned.dataset),
        (None, None) => {
            let text = "DATASET is missing, allowed: a file of cases or a folder of them, or an experiment that \
                        names one in evaluation.dataset";
            return Err(Failure::BadInput(text.to_owned()));
        }
    };
    let metrics = match (args.metrics.as_slice(), planned) {
        ([], Some(planned)) if !planned.metrics.is_empty() => planned.metrics.clone(),
        ([], _) => EvaluationMetric::ALL.to_vec(),
        (metrics, _) => metrics.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
    };
    let settings = Settings {
        control: control.ok_or_else(|| missing("--control"))?,
        treatment: treatment.ok_or_else(|| missing("--treatment"))?,
        metrics,
        resamples: args.resamples,
        seed: args.seed,
    };
    Ok((dataset, settings))
}

fn write_report(folder: &Path, page: &str, json: &str) -> Result<(), Failure> {
    for (name, text) in [("report.html", page), ("results.json", &format!("{json}\n"))] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| Failure::Report { path, source })?;
    }
    Ok(())
}

fn parse_metric(text: &str) -> Result<EvaluationMetric, String> {
    let found = EvaluationMetric::ALL.into_iter().find(|metric| metric.as_str() == text);
    found.ok_or_else(|| {
        let names = EvaluationMetric::ALL.map(EvaluationMetric::as_str).join(" | ");
        format!("`{text}` is no metric, allowed: {names}")
    })
}
