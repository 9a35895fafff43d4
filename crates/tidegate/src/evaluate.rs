//! `tidegate evaluate`.

mod dataset;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tidegate_evaluate::{Evaluation, Settings, Verdict, report};
use tidegate_spec::{EvaluationMetric, ExperimentFile};

use crate::args::{EvaluateArgs, FailOn};
use crate::failure::Failure;
use crate::format::Format;
use crate::settings_file::read_experiment;

/// An evaluation as JSON, with where its cases came from.
#[derive(Serialize)]
struct Answer<'a> {
    dataset: &'a str,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
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
    let cases = dataset::read(&path)?;
    let evaluation = Evaluation::new(&cases, &settings)
        .map_err(|error| Failure::BadInput(format!("{}: {error}", path.display())))?;
    let json = serde_json::to_string(&Answer { dataset: &dataset, evaluation: &evaluation })
        .map_err(io::Error::from)?;
    if let Some(folder) = &args.report {
        write_report(folder, &evaluation, &dataset, &json)?;
    }
    match args.format {
        Format::Json => writeln!(out, "{json}")?,
        Format::Text => table::print(&evaluation, out)?,
    }
    out.flush()?;
    match args.fail_on {
        Some(FailOn::Worse) if is_worse(&evaluation) => {
            Err(Failure::Unmet(format!("--fail-on worse: {}", evaluation.reason)))
        }
        Some(FailOn::Worse) | None => Ok(()),
    }
}

fn is_worse(evaluation: &Evaluation) -> bool {
    match evaluation.verdict {
        Verdict::Worse | Verdict::Mixed => true,
        Verdict::Better | Verdict::NoDifferenceShown | Verdict::TooFewCases => false,
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

fn write_report(
    folder: &Path,
    evaluation: &Evaluation,
    dataset: &str,
    json: &str,
) -> Result<(), Failure> {
    let page = report::html(evaluation, dataset)
        .map_err(|error| Failure::Output(io::Error::other(error)))?;
    for (name, text) in [("report.html", &page), ("results.json", &format!("{json}\n"))] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| Failure::Report { path, source })?;
    }
    Ok(())
}
