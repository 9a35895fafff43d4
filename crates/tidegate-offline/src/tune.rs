//! Limits tuned: each setting held against worlds with harm, and against the same worlds without.

use std::path::PathBuf;

use serde::Serialize;
use tidegate_engine::number::Share;
use tidegate_sim::sweep::{Objective, Point, harmless_twin, is_same_world, mark_front, recommend};
use tidegate_sim::{RunOutcome, World, report};
use tidegate_spec::ScenarioFile;
use tidegate_spec::scenario::{Scenario, Setting, Variation, cells};

use crate::OfflineError;
pub use crate::sampling::Sampling;

/// What is varied, and what is looked for.
#[derive(Debug, Clone)]
pub struct TuneSettings {
    /// Each path once.
    pub vary: Vec<Variation>,
    /// What to make small.
    pub objective: Objective,
    /// Over how many hours harm is counted; twice the longest test unless given.
    pub horizon_hours: Option<f64>,
    /// The most harmless rollouts that a recommended setting may roll back.
    pub false_rollback_max: Share,
    /// How much is simulated.
    pub sampling: Sampling,
}

/// Settings that are ready to be tried.
#[derive(Debug)]
pub struct Grid {
    settings: TuneSettings,
    cells: Vec<GridCell>,
    horizon_hours: f64,
}

/// One setting with the worlds it leads to.
#[derive(Debug)]
struct GridCell {
    settings: Vec<Setting>,
    harmful: Vec<World>,
    /// Each harmless world once, however many scenarios share it.
    harmless: Vec<World>,
    /// The experiment of the first scenario, for its owner to take.
    toml: String,
}

/// What came of a grid.
#[derive(Debug)]
pub struct Tuned {
    /// What each setting brought, in the grid's order.
    pub points: Vec<Point>,
    /// Over how many hours harm was counted.
    pub horizon_hours: f64,
    /// Which point is recommended, or why none is.
    pub found: Result<usize, String>,
    /// The recommended experiment, as TOML.
    pub toml: Option<String>,
}

/// The last line of the JSON answer.
#[derive(Serialize)]
struct Recommended<'a> {
    recommended: &'a [String],
    experiment: &'a str,
}

impl Grid {
    /// Makes every setting ready on every scenario; a file's path is named where it is not valid with a setting.
    ///
    /// # Errors
    /// Where a path is varied twice, a setting or a scenario is not valid, or a scenario has no harm to stop.
    pub fn new(
        files: &[(PathBuf, ScenarioFile)],
        settings: TuneSettings,
    ) -> Result<Self, OfflineError> {
        for (i, variation) in settings.vary.iter().enumerate() {
            if settings.vary[..i].iter().any(|other| other.path() == variation.path()) {
                let text = format!("--vary {} is given twice, allowed: once", variation.path());
                return Err(OfflineError::BadInput(text));
            }
        }
        let varied =
            cells(&settings.vary).map_err(|fault| OfflineError::BadInput(fault.to_string()))?;
        let cells: Result<Vec<GridCell>, OfflineError> = varied
            .into_iter()
            .map(|varied| GridCell::new(files, varied, settings.sampling))
            .collect();
        let cells = cells?;
        let tests = cells.iter().flat_map(|cell| &cell.harmful);
        let longest = tests
            .map(|world| world.scenario().experiment.definition.experiment().ab.duration.hours())
            .fold(0.0, f64::max);
        let horizon_hours = settings.horizon_hours.unwrap_or(2.0 * longest);
        Ok(Self { settings, cells, horizon_hours })
    }

    /// How many rollouts are simulated in all.
    pub fn runs(&self) -> u64 {
        let worlds = self.cells.iter().flat_map(GridCell::worlds);
        worlds.map(|world| u64::from(world.scenario().runs)).sum()
    }

    /// Tries every setting; `simulate` is told the setting, and simulates all runs of a world.
    ///
    /// # Errors
    /// The first that `simulate` gives.
    pub fn tune<E>(
        &self,
        mut simulate: impl FnMut(&str, &World) -> Result<Vec<RunOutcome>, E>,
    ) -> Result<Tuned, E> {
        let mut points = Vec::new();
        for cell in &self.cells {
            let shown: Vec<String> = cell.settings.iter().map(ToString::to_string).collect();
            let setting = shown.join(", ");
            let mut all = |worlds: &[World]| -> Result<Vec<Vec<RunOutcome>>, E> {
                worlds.iter().map(|world| simulate(&setting, world)).collect()
            };
            let (harmful, harmless) = (all(&cell.harmful)?, all(&cell.harmless)?);
            let with_world: Vec<(&World, &[RunOutcome])> =
                cell.harmful.iter().zip(harmful.iter().map(Vec::as_slice)).collect();
            let outcomes: Vec<&[RunOutcome]> = harmless.iter().map(Vec::as_slice).collect();
            let first = cell.settings.first().and_then(Setting::number);
            points.push(Point::new(shown, first, &with_world, &outcomes, self.horizon_hours));
        }
        let objective = self.settings.objective;
        mark_front(&mut points, objective);
        // The world is as it is: only what the daemon takes can be recommended.
        let world_varied =
            self.settings.vary.iter().find(|variation| !variation.is_of_experiment());
        let found = match world_varied {
            Some(varied) => Err(format!("{} is no setting of the experiment", varied.path())),
            None => recommend(&mut points, objective, self.settings.false_rollback_max.value())
                .map_err(|none| none.to_string()),
        };
        let toml = found.as_ref().ok().map(|best| self.cells[*best].toml.clone());
        Ok(Tuned { points, horizon_hours: self.horizon_hours, found, toml })
    }
}

impl GridCell {
    fn new(
        files: &[(PathBuf, ScenarioFile)],
        settings: Vec<Setting>,
        sampling: Sampling,
    ) -> Result<Self, OfflineError> {
        let (mut harmful, mut twins) = (Vec::new(), Vec::<Scenario>::new());
        let mut toml = None;
        for (path, file) in files {
            let invalid = |source| OfflineError::Invalid { path: path.clone(), source };
            for scenario in file.with(&settings).map_err(invalid)?.scenarios() {
                if scenario.treatment.harms().next().is_none() {
                    let text = format!(
                        "{}: the treatment does no harm, allowed: scenarios with harm to stop",
                        scenario.name
                    );
                    return Err(OfflineError::BadInput(text));
                }
                toml.get_or_insert_with(|| experiment_of(scenario));
                let twin = harmless_twin(scenario);
                if !twins.iter().any(|other| is_same_world(other, &twin)) {
                    twins.push(twin);
                }
                harmful.push(sampling.world(scenario.clone())?);
            }
        }
        let harmless: Result<Vec<World>, OfflineError> =
            twins.into_iter().map(|twin| sampling.world(twin)).collect();
        Ok(Self { settings, harmful, harmless: harmless?, toml: toml.unwrap_or_default() })
    }

    fn worlds(&self) -> impl Iterator<Item = &World> {
        self.harmful.iter().chain(&self.harmless)
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

impl Tuned {
    /// The settings of the recommended point.
    pub fn recommended(&self) -> Option<&Point> {
        self.found.as_ref().ok().map(|best| &self.points[*best])
    }

    /// What `tidegate tune --format json` prints, a line for each point and one for what is recommended.
    ///
    /// # Errors
    /// Where a number is none that JSON has.
    pub fn json_lines(&self) -> Result<Vec<String>, serde_json::Error> {
        let lines: Result<Vec<String>, _> = self.points.iter().map(serde_json::to_string).collect();
        let mut lines = lines?;
        if let (Some(best), Some(experiment)) = (self.recommended(), &self.toml) {
            let recommended = &best.settings;
            lines.push(serde_json::to_string(&Recommended { recommended, experiment })?);
        }
        Ok(lines)
    }

    /// What should be known of the recommendation, or why there is none.
    pub fn warnings(&self) -> Vec<String> {
        let best = match &self.found {
            Ok(best) => &self.points[*best],
            Err(why) => return vec![format!("nothing is recommended: {why}")],
        };
        let mut warnings = Vec::new();
        if best.rolled_back_share < 0.5 {
            let stopped = report::percent(best.rolled_back_share);
            warnings.push(format!("it stops only {stopped} of the harmful rollouts"));
        }
        let least = self.points.iter().filter(|point| !point.recommended);
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
}
