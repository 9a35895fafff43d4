//! `tidegate experiment init`: a ready experiment, cut to a fleet where one is told.

use std::io::{self, Write};

use clap::Args;
use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{Definition, Experiment, Gate};
use tidegate_engine::limits::BLOCKS_MAX;
use tidegate_engine::preflight::{ExpectedFleet, Preflight, SplitSight};
use tidegate_engine::time::Duration;
use tidegate_spec::{ExperimentFile, Preset};

use crate::argument::parse_preset;
use crate::failure::Failure;

/// Hours of a test where no test within four weeks sees the limits: what is large is seen all the same.
const HOURS_OTHERWISE: u64 = 168;

/// Print a ready experiment to start from
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Which one
    #[arg(long, default_value = "production", value_parser = parse_preset)]
    preset: Preset,
    /// Cameras in the fleet: split, length of the test and limits are made to fit
    #[arg(long, value_name = "N")]
    cameras: Option<u64>,
    /// Analyses of one camera on one day
    #[arg(long, value_name = "A", default_value_t = 200.0, requires = "cameras")]
    analyses_per_day: f64,
    /// The share of analyses that people label, 0 to 1
    #[arg(long, value_name = "F", default_value_t = 0.075, requires = "cameras")]
    feedback_share: f64,
}

pub(crate) fn run(args: &InitArgs, out: &mut impl Write) -> Result<(), Failure> {
    let file = args.preset.file();
    let Some(cameras) = args.cameras else {
        write!(out, "{}", file.to_toml())?;
        return Ok(());
    };
    let expected = ExpectedFleet::new(cameras, args.analyses_per_day, args.feedback_share);
    let experiment = fitted(file.definition.experiment(), &expected)?;
    let advice = looked_ahead(&experiment, &expected)?.advice;
    let definition = Definition::new(experiment).map_err(|disagreements| {
        let all: Vec<String> = disagreements.iter().map(ToString::to_string).collect();
        Failure::BadInput(all.join("; "))
    })?;
    write!(out, "{}", ExperimentFile { definition, ..file }.to_toml())?;
    out.flush()?;
    for advice in advice {
        writeln!(io::stderr(), "! {advice}")?;
    }
    Ok(())
}

fn looked_ahead(experiment: &Experiment, expected: &ExpectedFleet) -> Result<Preflight, Failure> {
    Preflight::new(experiment, expected).map_err(|fault| Failure::BadInput(fault.to_string()))
}

/// The experiment for a fleet: the first split that sees the limits in the time that the preset has, or else the one
/// that sees most, for as long as that takes.
fn fitted(preset: &Experiment, expected: &ExpectedFleet) -> Result<Experiment, Failure> {
    let mut experiment = preset.clone();
    let preflight = looked_ahead(&experiment, expected)?;
    let hours = experiment.ab.duration.hours();
    // A balanced split needs the names of the cameras, which nobody told.
    let usable = |split: &&SplitSight| split.method != SplitMethod::Balanced;
    let soon = |split: &&SplitSight| {
        split.too_few_chance < 0.05
            && split.hours_needed.is_some_and(|needed| needed as f64 <= hours)
    };
    let by_hash = preflight.best_split().is_some_and(|best| best.method == SplitMethod::Hash);
    let chosen = preflight.splits.iter().filter(usable).find(soon);
    let method = match chosen {
        Some(split) => split.method,
        None if by_hash => SplitMethod::Hash,
        None => SplitMethod::Switchback,
    };
    experiment.assignment.method = method;
    let split = preflight.splits.iter().find(|split| split.method == method);
    if chosen.is_none() {
        let needed = split.and_then(|split| split.hours_needed).unwrap_or(HOURS_OTHERWISE);
        let days = needed.div_ceil(24);
        experiment.ab.duration = Duration::from_hours((days * 24) as f64)
            .map_err(|fault| Failure::BadInput(fault.to_string()))?;
    }
    // Room for cameras that are added, and no more blocks than are kept.
    let mut cameras_max = expected.cameras.saturating_mul(2).max(expected.cameras + 10);
    if method == SplitMethod::Switchback {
        let blocks = experiment.ab.duration.ms() / experiment.assignment.block.ms().max(1) + 2;
        cameras_max = cameras_max.min(BLOCKS_MAX / blocks);
    }
    experiment.bounds.cameras_max = usize::try_from(cameras_max).unwrap_or(usize::MAX);
    if expected.cameras < 2 {
        experiment.shadow.gate = Gate::Manual;
    }
    Ok(experiment)
}
