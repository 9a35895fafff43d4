//! Settings of a scenario that are varied, in its grid or by a sweep.

use std::fmt;
use std::str::FromStr;

use toml::{Table, Value};

use crate::document::ParseError;
use crate::fields::{Faults, Fields};

/// Most scenarios one file may stand for.
pub const CELLS_MAX: usize = 1_000;

/// A setting with the values it takes in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Variation {
    path: String,
    values: Vec<Value>,
}

/// A setting with one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    path: String,
    value: Value,
}

/// A text that is no variation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no variation: {problem}, allowed: PATH=FROM..TO:STEP or PATH=A,B,C")]
pub struct InvalidVariation {
    text: String,
    problem: &'static str,
}

impl Variation {
    /// Where the setting stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it belongs to the experiment, and so to what the daemon takes.
    pub fn is_of_experiment(&self) -> bool {
        !is_of_world(&self.path)
    }

    /// How many values it takes.
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it takes no value at all.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Setting {
    /// A setting with a value, read as the values of a variation are.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), value: value(text) }
    }

    /// Where it stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its value as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        self.value.as_float().or(self.value.as_integer().map(|number| number as f64))
    }

    /// Whether it is the setting at a path, however that is written.
    pub(super) fn is_of(&self, path: &str) -> bool {
        let plain = |path: &str| match path.trim_start_matches("experiment.") {
            "shadow.duration_hours" => "shadow.hours".to_owned(),
            path => path.to_owned(),
        };
        plain(&self.path) == plain(path)
    }

    /// Sets it; a path outside the world's tables leads into the experiment.
    pub(super) fn apply(&self, table: &mut Table) {
        // The shadow's hours have two places, and the other would win.
        if let Some(shadow) = table.get_mut("shadow").and_then(Value::as_table_mut)
            && self.is_of("shadow.hours")
        {
            shadow.remove("hours");
        }
        let in_experiment = format!("experiment.{}", self.path);
        let known = is_of_world(&self.path) || self.path.starts_with("experiment.");
        let path = if known { &self.path } else { &in_experiment };
        let mut keys: Vec<&str> = path.split('.').collect();
        let last = keys.pop().unwrap_or_default();
        let mut table = table;
        for key in keys {
            let inner = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            let Some(inner) = inner.as_table_mut() else { return };
            table = inner;
        }
        table.insert(last.to_owned(), self.value.clone());
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.to_string();
        write!(f, "{}={}", self.path, value.trim_matches('"'))
    }
}

/// Reads `PATH=FROM..TO:STEP` or `PATH=A,B,C`.
impl FromStr for Variation {
    type Err = InvalidVariation;

    fn from_str(text: &str) -> Result<Self, InvalidVariation> {
        let invalid = |problem| InvalidVariation { text: text.to_owned(), problem };
        let (path, values) = text.split_once('=').ok_or_else(|| invalid("it has no `=`"))?;
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(invalid("its path is empty"));
        }
        let values = match values.split_once("..") {
            Some((from, rest)) => {
                let (to, step) = rest.split_once(':').ok_or_else(|| invalid("it has no step"))?;
                let number = |text: &str| {
                    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                    number.ok_or_else(|| invalid("a number is none"))
                };
                let whole = [from, to, step].iter().all(|text| text.parse::<i64>().is_ok());
                let numbers =
                    range(number(from)?, number(to)?, number(step)?).ok_or_else(|| {
                        invalid(
                            "its step does not lead from the first to the last, within 1,000 steps",
                        )
                    })?;
                #[expect(clippy::cast_possible_truncation, reason = "they are whole")]
                let value = |n: f64| if whole { Value::Integer(n as i64) } else { Value::Float(n) };
                numbers.into_iter().map(value).collect()
            }
            None => values.split(',').map(value).collect(),
        };
        Ok(Self { path: path.to_owned(), values })
    }
}

/// The numbers from `from` to `to`, both included where a whole number of steps leads there.
fn range(from: f64, to: f64, step: f64) -> Option<Vec<f64>> {
    let steps = (to - from) / step;
    if !(0.0..=CELLS_MAX as f64).contains(&steps) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let steps = (steps + 1e-9) as u32;
    // Twelve digits, so that 0.02 + 3 * 0.01 reads 0.05.
    let rounded = |number: f64| format!("{number:.12}").parse().ok();
    (0..=steps).map(|i| rounded(from + f64::from(i) * step)).collect()
}

fn value(text: &str) -> Value {
    let text = text.trim();
    let whole = text.parse().ok().map(Value::Integer);
    let number = || text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float);
    let truth = || text.parse().ok().map(Value::Boolean);
    whole.or_else(number).or_else(truth).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether the path leads to the simulated world and not to the experiment.
fn is_of_world(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    let tables = ["fleet", "feedback", "reviewers", "faults", "expect"];
    let prompt = ["control.", "treatment."].iter().any(|prefix| path.starts_with(prefix));
    tables.contains(&first) || prompt || ["shadow.hours", "runs", "seed"].contains(&path)
}

/// One entry of a scenario's grid.
pub(super) fn read(path: &str, values: &Value, fields: &mut Fields<'_>) -> Option<Variation> {
    let key = format!("grid.{path}");
    match values.as_array() {
        Some(values) if !values.is_empty() => {
            Some(Variation { path: path.to_owned(), values: values.clone() })
        }
        Some(_) | None => {
            fields.not_allowed(&key, values, "a list of at least one value");
            None
        }
    }
}

/// Every combination of the values, the first variation changing slowest.
///
/// # Errors
/// More than [`CELLS_MAX`] combinations.
pub fn cells(variations: &[Variation]) -> Result<Vec<Vec<Setting>>, ParseError> {
    let count = variations.iter().fold(1_usize, |count, v| count.saturating_mul(v.len()));
    if count > CELLS_MAX {
        let problem = format!("stands for {count} scenarios, allowed: up to {CELLS_MAX}");
        return Err(ParseError::Faults(Faults::one("grid", problem)));
    }
    let mut cells = vec![Vec::new()];
    for Variation { path, values } in variations {
        let with = |cell: &Vec<Setting>, value: &Value| {
            let mut cell = cell.clone();
            cell.push(Setting { path: path.clone(), value: value.clone() });
            cell
        };
        cells = cells.iter().flat_map(|cell| values.iter().map(|v| with(cell, v))).collect();
    }
    Ok(cells)
}
