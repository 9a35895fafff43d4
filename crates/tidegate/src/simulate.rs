//! `tidegate simulate`.

mod args;
pub(crate) mod files;
pub(crate) mod sampling;
mod scenarios;
mod simulated;
pub(crate) mod table;
mod trace;

use std::io::{self, Write};
use std::time::Instant;

use tidegate_sim::{Summary, World, monte_carlo};

use self::args::RuleChoice;
pub(crate) use self::args::SimulateArgs;
use self::scenarios::scenarios_of;
pub(crate) use self::scenarios::{Pool, RunsProgress, read_files, say_speed};
pub(crate) use self::simulated::Simulated;
use self::simulated::SummaryLine;
use crate::failure::Failure;
use crate::format::Format;

pub(crate) fn run(args: &SimulateArgs, out: &mut impl Write) -> Result<(), Failure> {
    let rules: &[Option<&str>] = match args.rule {
        None => &[None],
        Some(RuleChoice::Sequential) => &[Some("sequential")],
        Some(RuleChoice::Threshold) => &[Some("threshold")],
        Some(RuleChoice::Both) => &[Some("threshold"), Some("sequential")],
    };
    let files = read_files(&args.paths)?;
    let mut worlds = scenarios_of(&files, rules, &args.sampling)?;
    if let Some(name) = &args.scenario {
        worlds.retain(|(_, world)| world.scenario().name == *name);
        if worlds.is_empty() {
            return Err(Failure::BadInput(format!("--scenario: no scenario is named `{name}`")));
        }
    }
    if let Some(number) = args.only {
        return trace::run(&worlds, number, args, out);
    }
    if let Some(folder) = &args.report {
        files::prepare(folder)?;
    }
    let pool = Pool::new(args.sampling.threads)?;
    let runs: u64 = worlds.iter().map(|(_, world)| u64::from(world.scenario().runs)).sum();
    let progress = RunsProgress::new(runs);
    let mut all = Vec::new();
    for (path, world) in worlds {
        progress.say(&world.scenario().name);
        all.push(simulate(&pool, &progress, path, world));
        if let (Format::Json, Some(simulated)) = (args.format, all.last()) {
            let seconds = args.sampling.timing.then_some(simulated.seconds);
            let line = SummaryLine { summary: &simulated.summary, seconds };
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
            writeln!(out)?;
            out.flush()?;
        }
    }
    progress.finish();
    if args.format == Format::Text {
        table::print(&all, out)?;
    }
    if let Some(folder) = &args.report {
        files::write(folder, &all)?;
    }
    let analyses = all.iter().map(|simulated| simulated.summary.simulated_analyses).sum();
    say_speed(analyses, all.iter().map(|simulated| simulated.seconds).sum());
    failures(&all)
}

pub(crate) fn simulate(
    pool: &Pool,
    progress: &RunsProgress,
    path: std::path::PathBuf,
    world: World,
) -> Simulated {
    #[expect(clippy::disallowed_methods, reason = "how long it took is said, and decides nothing")]
    let began = Instant::now();
    let runs = world.scenario().runs;
    let outcomes = pool.run(|| monte_carlo::simulate(&world, runs, || progress.advance()));
    let summary = Summary::new(&world, &outcomes);
    let seconds = began.elapsed().as_secs_f64();
    Simulated { world, outcomes, summary, seconds, path }
}

/// Every expectation that failed, each with the command that repeats its scenario.
fn failures(all: &[Simulated]) -> Result<(), Failure> {
    let failed: Vec<&Simulated> = all.iter().filter(|s| s.summary.failed()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let line = |simulated: &&Simulated| {
        let Summary { name, seed, rule, .. } = &simulated.summary;
        let (path, run) = (simulated.path.display(), table::telling_run(simulated));
        format!(
            "\n  tidegate simulate {path} --scenario '{name}' --rule {rule} --seed {seed} --only {run} --trace"
        )
    };
    let lines: String = failed.iter().map(line).collect();
    let counts = format!("{} of {} scenarios", failed.len(), all.len());
    Err(Failure::Unmet(format!("{counts} did not come to what was expected:{lines}")))
}
