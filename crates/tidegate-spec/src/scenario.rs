//! The scenario file: a simulated world for an experiment, and what is expected of it.

mod check;
mod expectation;
mod grid;
mod merge;
mod ranges;
mod read;
mod reviewers;
pub mod unrest;
mod world;

use toml::{Table, Value};

pub use self::check::ANALYSES_MAX;
pub use self::expectation::{Bound, Expectation, Quantile, RunMeasure};
pub use self::grid::{CELLS_MAX, InvalidVariation, Setting, Variation, cells};
pub use self::read::RUNS_MAX;
pub use self::reviewers::Reviewers;
pub use self::world::{
    Bursts, ClockJump, Control, Effect, FeedbackSettings, FleetSettings, LogNormal, Outage,
    Scenario, Treatment, WorldFaults,
};
use crate::document::{self, ParseError};
use crate::fields::Faults;

/// A scenario file; with a grid it stands for several scenarios.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    table: Table,
    grid: Vec<Variation>,
    scenarios: Vec<Scenario>,
}

impl ScenarioFile {
    /// Reads a scenario in TOML or JSON.
    ///
    /// # Errors
    /// Every fault at once, with path, value and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut table = document::table(text)?;
        if table.contains_key("key") && !table.contains_key("experiment") {
            let problem =
                "belongs to an experiment file, allowed: a scenario with it under [experiment]";
            return Err(ParseError::Faults(Faults::one("key", problem)));
        }
        let grid = table.remove("grid").unwrap_or_else(|| Value::Table(Table::new()));
        // The faults of the scenario come before those of its grid; most readers look there.
        let alone = scenario(&table, &[])?;
        let grid = read_grid(grid)?;
        if grid.is_empty() {
            return Ok(Self { table, grid, scenarios: vec![alone] });
        }
        Self::new(table, grid)
    }

    fn new(table: Table, grid: Vec<Variation>) -> Result<Self, ParseError> {
        let scenarios: Result<Vec<Scenario>, ParseError> =
            cells(&grid)?.iter().map(|cell| scenario(&table, cell)).collect();
        Ok(Self { table, grid, scenarios: scenarios? })
    }

    /// The file with some settings changed, such as the rule; its grid no longer varies them.
    ///
    /// # Errors
    /// Every fault at once; a path that leads nowhere is an unknown key.
    pub fn with(&self, settings: &[Setting]) -> Result<Self, ParseError> {
        let (mut table, mut grid) = (self.table.clone(), self.grid.clone());
        for setting in settings {
            setting.apply(&mut table);
            grid.retain(|variation| !setting.is_of(variation.path()));
        }
        Self::new(table, grid)
    }

    /// Every scenario the file stands for: one, or one for each cell of its grid.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }
}

fn read_grid(grid: Value) -> Result<Vec<Variation>, ParseError> {
    let alone = Table::from_iter([("grid".to_owned(), grid)]);
    document::read_table(&alone, |fields| {
        let entries = fields.entries("grid")?;
        let variations =
            entries.iter().filter_map(|(path, values)| grid::read(path, values, fields));
        Some(variations.collect())
    })
}

/// One cell of a grid, its settings behind its name.
fn scenario(table: &Table, cell: &[Setting]) -> Result<Scenario, ParseError> {
    let mut table = table.clone();
    for setting in cell {
        setting.apply(&mut table);
    }
    merge::resolve(&mut table);
    let mut scenario = document::read_table(&table, read::scenario)?;
    if !cell.is_empty() {
        let shown: Vec<String> = cell.iter().map(ToString::to_string).collect();
        scenario.name = format!("{}[{}]", scenario.name, shown.join(","));
    }
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_there_from_its_hour_and_grows_until_its_end() {
        let effect = |from_hour, until_hour| Effect { change: 1.0, from_hour, until_hour };
        assert_eq!(effect(None, None).strength(None).to_bits(), 1.0_f64.to_bits());
        let step = effect(Some(24.0), None);
        let drift = effect(Some(24.0), Some(32.0));
        for (hour, at_once, by_degrees) in [
            (None, 0.0, 0.0),
            (Some(23.9), 0.0, 0.0),
            (Some(24.0), 1.0, 0.0),
            (Some(26.0), 1.0, 0.25),
            (Some(40.0), 1.0, 1.0),
        ] {
            let found = [step, drift].map(|effect| effect.strength(hour).to_bits());
            assert_eq!(found, [at_once, by_degrees].map(f64::to_bits), "{hour:?}");
        }
    }

    #[test]
    fn a_preset_lies_below_the_experiments_own_settings() {
        let text = "[experiment]\npreset = \"cot_vs_current\"\nguardrails.alpha = 0.2\n\
            [shadow]\nhours = 7\n[grid]\n\"fleet.cameras\" = [5, 6]\n\"ab.duration_hours\" = [1.0]\n";
        let scenarios = ScenarioFile::parse(text).unwrap();
        let scenarios = scenarios.scenarios();
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "scenario[ab.duration_hours=1.0,fleet.cameras=5]",
                "scenario[ab.duration_hours=1.0,fleet.cameras=6]"
            ]
        );
        let experiment = scenarios[1].experiment.definition.experiment();
        assert_eq!(experiment.treatment.as_str(), "reasoning_enabled");
        assert!((experiment.guardrails.alpha.value() - 0.2).abs() < 1e-12);
        assert!((experiment.shadow.duration.hours() - 7.0).abs() < 1e-9);
        assert!((experiment.ab.duration.hours() - 1.0).abs() < 1e-9);
        assert_eq!(scenarios[1].fleet.cameras, 6);
    }

    #[test]
    fn variations_are_lists_and_ranges() {
        let values = |text: &str| {
            let variation: Variation = text.parse().unwrap();
            let cells = cells(&[variation]).unwrap();
            cells.iter().map(|cell| cell[0].to_string()).collect::<Vec<_>>()
        };
        assert_eq!(values("a.b=1,x,true"), ["a.b=1", "a.b=x", "a.b=true"]);
        assert_eq!(values("a=0.02..0.05:0.01"), ["a=0.02", "a=0.03", "a=0.04", "a=0.05"]);
        assert_eq!(values("a=5..4:-0.5"), ["a=5.0", "a=4.5", "a=4.0"]);
        assert_eq!(values("a=50..100:25"), ["a=50", "a=75", "a=100"]);
        for wrong in
            ["a", "=1", "a..b=1", "a=1..2", "a=1..2:0", "a=1..2:-1", "a=x..2:1", "a=0..1e9:1"]
        {
            assert!(wrong.parse::<Variation>().is_err(), "{wrong}");
        }
    }
}
