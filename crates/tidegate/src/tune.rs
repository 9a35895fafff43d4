//! `tidegate tune`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tidegate_engine::number::Share;
use tidegate_offline::tune::{Grid, TuneSettings};
use tidegate_sim::report;
use tidegate_sim::sweep::{self, Point, Sweep};
use tidegate_spec::scenario::Variation;

use crate::argument::parse_share;
use crate::failure::Failure;
use crate::format::Format;
use crate::simulate::sampling::SamplingArgs;
use crate::simulate::{Pool, RunsProgress, files, read_files, say_speed, simulate};
use crate::table::aligned;

/// Find the settings that stop harm soonest without stopping the harmless
///
/// Each setting is simulated on the scenarios as they are, and on the same scenarios with a treatment that does
/// exactly what the control does. Marked is the Pareto front of harm let through against harmless rollouts rolled
/// back; the recommended settings come as an experiment file.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Scenarios in which the treatment does harm
    #[arg(value_name = "SCENARIO", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// A setting and its values: PATH=FROM..TO:STEP or PATH=A,B,C
    #[arg(long, value_name = "PATH=VALUES", required = true)]
    pub(crate) vary: Vec<Variation>,
    /// What to make small
    #[arg(long, value_enum, default_value = "harm")]
    pub(crate) objective: Objective,
    /// Over how many hours of the test harm is counted, for every setting alike; left out: twice the longest test
    #[arg(long, value_name = "HOURS", value_parser = parse_hours)]
    pub(crate) horizon: Option<f64>,
    /// Write the recommended experiment into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// The most harmless rollouts a recommended setting may roll back, as a share
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = parse_share)]
    pub(crate) false_rollback_max: Share,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Write report.html, results.json and results.csv into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What a sweep makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Objective {
    /// Analyses by the treatment while it did harm, on average over all runs, within the horizon: a rollout that is
    /// not rolled back goes on
    Harm,
    /// Hours until a rollback; a rollout that is never rolled back counts the whole horizon
    Hours,
    /// The share of harmful rollouts that are not rolled back
    Missed,
}

pub(crate) fn run(args: &TuneArgs, out: &mut impl Write) -> Result<(), Failure> {
    let files = read_files(&args.paths)?;
    if let Some(folder) = &args.report {
        files::prepare(folder)?;
    }
    let settings = args.settings();
    let objective = settings.objective;
    let grid = Grid::new(&files, settings)?;
    let pool = Pool::new(args.sampling.threads)?;
    let progress = RunsProgress::new(grid.runs());
    let (mut analyses, mut seconds) = (0, 0.0);
    let tuned = grid.tune(|setting, world| {
        progress.say(setting);
        let simulated = simulate(&pool, &progress, PathBuf::new(), world.clone());
        analyses += simulated.summary.simulated_analyses;
        seconds += simulated.seconds;
        Ok::<_, Failure>(simulated.outcomes)
    })?;
    progress.finish();
    let lines = tuned.json_lines().map_err(io::Error::from)?;
    let warnings = tuned.warnings();
    match args.format {
        Format::Json => lines.iter().try_for_each(|line| writeln!(out, "{line}"))?,
        Format::Text => {
            if let Some(best) = tuned.recommended() {
                writeln!(out, "recommended: {}", best.settings.join(" "))?;
            }
            for warning in &warnings {
                writeln!(out, "! {warning}")?;
            }
            writeln!(out, "{}", report::counted(tuned.horizon_hours))?;
            table(&tuned.points, out)?;
            if let Some(toml) = &tuned.toml {
                writeln!(out, "\n{toml}")?;
            }
        }
    }
    if let Some((file, toml)) = args.save.as_ref().zip(tuned.toml.as_ref()) {
        let unwritable = |source| Failure::Report { path: file.clone(), source };
        std::fs::write(file, toml).map_err(unwritable)?;
    }
    if let Some(folder) = &args.report {
        let varied = args.vary.first().map_or("", Variation::path);
        let (points, warnings, toml) = (&tuned.points, &warnings, tuned.toml.as_deref());
        let horizon_hours = tuned.horizon_hours;
        let sweep = Sweep { points, objective, varied, toml, horizon_hours, warnings };
        files::write_sweep(folder, &sweep, &lines, &csv(points))?;
    }
    say_speed(analyses, seconds);
    Ok(())
}

impl TuneArgs {
    fn settings(&self) -> TuneSettings {
        TuneSettings {
            vary: self.vary.clone(),
            objective: match self.objective {
                Objective::Harm => sweep::Objective::Harm,
                Objective::Hours => sweep::Objective::Hours,
                Objective::Missed => sweep::Objective::Missed,
            },
            horizon_hours: self.horizon,
            false_rollback_max: self.false_rollback_max,
            sampling: self.sampling.chosen(),
        }
    }
}

fn table(points: &[Point], out: &mut impl Write) -> io::Result<()> {
    let titles = [
        "setting",
        "harmless rolled back",
        "95 % interval",
        "harm rolled back",
        "95 % interval",
        "undecided",
        "hours",
        "harmed analyses",
        "95 % interval",
        "",
    ];
    let row = |point: &Point| {
        vec![
            point.settings.join(" "),
            report::percent(point.false_rollback_share),
            point.false_rollback_interval.map(report::percent).join(" – "),
            report::percent(point.rolled_back_share),
            point.rolled_back_interval.map(report::percent).join(" – "),
            report::percent(point.undecided_share),
            format!("{:.1}", point.hours_mean),
            format!("{:.0}", point.harmed_analyses_mean),
            point.harmed_analyses_interval.map(|harm| format!("{harm:.0}")).join(" – "),
            report::mark(point).to_owned(),
        ]
    };
    writeln!(out, "{}", aligned(&titles, &[0, 9], points.iter().map(row)))?;
    writeln!(out, "* on the Pareto front; ← recommended")
}

fn parse_hours(text: &str) -> Result<f64, String> {
    let hours = text.parse::<f64>().ok().filter(|hours| (1.0..=87_600.0).contains(hours));
    hours.ok_or_else(|| format!("`{text}`: allowed: 1 to 87600 hours"))
}

fn csv(points: &[Point]) -> String {
    let mut text = "settings,false_rollback_share,rolled_back_share,undecided_share,hours_mean,\
        harmed_analyses_mean,harmed_analyses_low,harmed_analyses_high,on_front,recommended\n"
        .to_owned();
    for point in points {
        let fields = [
            files::quoted(&point.settings.join(" ")),
            point.false_rollback_share.to_string(),
            point.rolled_back_share.to_string(),
            point.undecided_share.to_string(),
            point.hours_mean.to_string(),
            point.harmed_analyses_mean.to_string(),
            point.harmed_analyses_interval[0].to_string(),
            point.harmed_analyses_interval[1].to_string(),
            point.on_front.to_string(),
            point.recommended.to_string(),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}
