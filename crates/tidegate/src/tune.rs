//! `tidegate tune`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tidegate_engine::number::Share;
use tidegate_sim::report;
use tidegate_sim::sweep::{
    self, Point, Sweep, harmless_twin, is_same_world, mark_front, recommend,
};
use tidegate_sim::{RunOutcome, World};
use tidegate_spec::ScenarioFile;
use tidegate_spec::scenario::{Scenario, Setting, Variation, cells};

use crate::argument::parse_share;
use crate::failure::Failure;
use crate::format::Format;
use crate::simulate::sampling::SamplingArgs;
use crate::simulate::{
    Pool, RunsProgress, Simulated, files, read_files, say_speed, simulate, world_of,
};
use crate::table::aligned;

/// The last line of the JSON answer.
#[derive(Serialize)]
struct Recommended<'a> {
    recommended: &'a [String],
    experiment: &'a str,
}

/// One setting with the worlds it leads to.
struct GridCell {
    settings: Vec<Setting>,
    harmful: Vec<World>,
    /// Each harmless world once, however many scenarios share it.
    harmless: Vec<World>,
    /// The experiment of the first scenario, for its owner to take.
    toml: String,
}

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
    for (i, variation) in args.vary.iter().enumerate() {
        if args.vary[..i].iter().any(|other| other.path() == variation.path()) {
            let text = format!("--vary {} is given twice, allowed: once", variation.path());
            return Err(Failure::BadInput(text));
        }
    }
    if let Some(folder) = &args.report {
        files::prepare(folder)?;
    }
    let settings = cells(&args.vary).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let cells: Result<Vec<GridCell>, Failure> =
        settings.into_iter().map(|settings| GridCell::new(&files, settings, args)).collect();
    let cells = cells?;
    let horizon = horizon(&cells, args);
    let (mut points, seconds) = simulate_all(&cells, horizon, args)?;
    let objective = match args.objective {
        Objective::Harm => sweep::Objective::Harm,
        Objective::Hours => sweep::Objective::Hours,
        Objective::Missed => sweep::Objective::Missed,
    };
    mark_front(&mut points, objective);
    // The world is as it is: only what the daemon takes can be recommended.
    let world_varied = args.vary.iter().find(|variation| !variation.is_of_experiment());
    let found = match world_varied {
        Some(varied) => Err(format!("{} is no setting of the experiment", varied.path())),
        None => recommend(&mut points, objective, args.false_rollback_max.value())
            .map_err(|none| none.to_string()),
    };
    let best = found.as_ref().ok().copied();
    let lines: Result<Vec<String>, _> = points.iter().map(serde_json::to_string).collect();
    let mut lines = lines.map_err(io::Error::from)?;
    if let Some(best) = best {
        let (recommended, experiment) = (points[best].settings.as_slice(), &cells[best].toml);
        let line = serde_json::to_string(&Recommended { recommended, experiment });
        lines.push(line.map_err(io::Error::from)?);
    }
    let toml = best.map(|best| cells[best].toml.as_str());
    let warnings = warnings(&points, &found);
    match args.format {
        Format::Json => lines.iter().try_for_each(|line| writeln!(out, "{line}"))?,
        Format::Text => {
            if let Some(best) = best {
                writeln!(out, "recommended: {}", points[best].settings.join(" "))?;
            }
            for warning in &warnings {
                writeln!(out, "! {warning}")?;
            }
            writeln!(out, "{}", report::counted(horizon))?;
            table(&points, out)?;
            if let Some(toml) = toml {
                writeln!(out, "\n{toml}")?;
            }
        }
    }
    if let Some((file, toml)) = args.save.as_ref().zip(toml) {
        let unwritable = |source| Failure::Report { path: file.clone(), source };
        std::fs::write(file, toml).map_err(unwritable)?;
    }
    if let Some(folder) = &args.report {
        let varied = args.vary.first().map_or("", Variation::path);
        let (points, warnings) = (&points, &warnings);
        let sweep = Sweep { points, objective, varied, toml, horizon_hours: horizon, warnings };
        files::write_sweep(folder, &sweep, &lines, &csv(points))?;
    }
    say_speed(&seconds);
    Ok(())
}

impl GridCell {
    fn new(
        files: &[(PathBuf, ScenarioFile)],
        settings: Vec<Setting>,
        args: &TuneArgs,
    ) -> Result<Self, Failure> {
        let (mut harmful, mut twins) = (Vec::new(), Vec::<Scenario>::new());
        let mut toml = None;
        for (path, file) in files {
            let invalid = |source| Failure::Invalid { path: path.clone(), source };
            for scenario in file.with(&settings).map_err(invalid)?.scenarios() {
                if scenario.treatment.harms().next().is_none() {
                    let text = format!(
                        "{}: the treatment does no harm, allowed: scenarios with harm to stop",
                        scenario.name
                    );
                    return Err(Failure::BadInput(text));
                }
                toml.get_or_insert_with(|| experiment_of(scenario));
                let twin = harmless_twin(scenario);
                if !twins.iter().any(|other| is_same_world(other, &twin)) {
                    twins.push(twin);
                }
                harmful.push(world_of(scenario.clone(), &args.sampling)?);
            }
        }
        let harmless: Result<Vec<World>, Failure> =
            twins.into_iter().map(|twin| world_of(twin, &args.sampling)).collect();
        Ok(Self { settings, harmful, harmless: harmless?, toml: toml.unwrap_or_default() })
    }
}

/// The experiment as its owner would write it. A fleet that was simulated is not the owner's to list.
fn experiment_of(scenario: &Scenario) -> String {
    let toml = scenario.experiment.to_toml();
    let rules = &scenario.experiment.definition.experiment().assignment;
    let simulated =
        !rules.cameras.is_empty() && scenario.fleet.camera_ids().eq(rules.cameras.iter().cloned());
    let line = |line: &str| {
        if line.starts_with("cameras = [") && simulated {
            "cameras = []  # a balanced split needs your fleet: list its cameras here\n".to_owned()
        } else {
            format!("{line}\n")
        }
    };
    toml.lines().map(line).collect()
}

fn simulate_all(
    cells: &[GridCell],
    horizon: f64,
    args: &TuneArgs,
) -> Result<(Vec<Point>, Vec<Simulated>), Failure> {
    let pool = Pool::new(args.sampling.threads)?;
    let worlds = || cells.iter().flat_map(|cell| cell.harmful.iter().chain(&cell.harmless));
    let progress = RunsProgress::new(worlds().map(|world| u64::from(world.scenario().runs)).sum());
    let (mut points, mut done) = (Vec::new(), Vec::new());
    for cell in cells {
        let shown: Vec<String> = cell.settings.iter().map(ToString::to_string).collect();
        progress.say(&shown.join(", "));
        let all = |worlds: &[World]| -> Vec<Simulated> {
            let one = |world: &World| simulate(&pool, &progress, PathBuf::new(), world.clone());
            worlds.iter().map(one).collect()
        };
        let (harmful, harmless) = (all(&cell.harmful), all(&cell.harmless));
        let with_world: Vec<(&World, &[RunOutcome])> =
            harmful.iter().map(|s| (&s.world, s.outcomes.as_slice())).collect();
        let outcomes: Vec<&[RunOutcome]> = harmless.iter().map(|s| s.outcomes.as_slice()).collect();
        let first = cell.settings.first().and_then(Setting::number);
        points.push(Point::new(shown, first, &with_world, &outcomes, horizon));
        done.extend(harmful.into_iter().chain(harmless));
    }
    progress.finish();
    Ok((points, done))
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

/// What should be known of the recommendation, or why there is none.
fn warnings(points: &[Point], found: &Result<usize, String>) -> Vec<String> {
    let best = match found {
        Ok(best) => &points[*best],
        Err(why) => return vec![format!("nothing is recommended: {why}")],
    };
    let mut warnings = Vec::new();
    if best.rolled_back_share < 0.5 {
        let stopped = report::percent(best.rolled_back_share);
        warnings.push(format!("it stops only {stopped} of the harmful rollouts"));
    }
    let least = points.iter().filter(|point| !point.recommended);
    let alike = least.filter(|point| {
        point.harmed_analyses_interval[0] <= best.harmed_analyses_interval[1]
            && point.false_rollback_interval[1] <= best.false_rollback_interval[1]
    });
    match alike.count() {
        0 => {}
        count => warnings.push(format!(
            "{count} other settings cannot be told from it by the harm they let through: more --runs would"
        )),
    }
    warnings
}

/// Over how many hours harm is counted.
fn horizon(cells: &[GridCell], args: &TuneArgs) -> f64 {
    let tests = cells.iter().flat_map(|cell| &cell.harmful);
    let hours =
        tests.map(|world| world.scenario().experiment.definition.experiment().ab.duration.hours());
    args.horizon.unwrap_or_else(|| 2.0 * hours.fold(0.0, f64::max))
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
