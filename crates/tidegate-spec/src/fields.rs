//! Reads the keys of a table one by one and gathers every fault on the way.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use tidegate_engine::id::InvalidId;
use tidegate_engine::number::{OutOfRange, within};
use toml::{Table, Value};

use crate::wording;

/// What an id may be, for messages.
const ID: &str = "a text of 1 to 128 of A-Z a-z 0-9 . _ : / -";

/// One thing wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: keys joined by dots, `key[i]` for the entry `i` of a list.
    pub path: String,
    /// What stands there, and what may.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.problem)
    }
}

/// Faults of a file that are told; the others are counted.
const KEPT_MAX: usize = 100;

/// Everything wrong in a file, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first of them.
    kept: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// A single fault.
    pub(crate) fn one(path: &str, problem: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.note(|| Fault { path: path.to_owned(), problem: problem.into() });
        faults
    }

    fn note(&mut self, fault: impl FnOnce() -> Fault) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(fault());
        }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each fault, up to the first hundred: a file of another kind may have one in every line.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count;
        write!(f, "{count} fault{}", if count == 1 { "" } else { "s" })?;
        self.kept.iter().try_for_each(|fault| write!(f, "\n  {fault}"))?;
        match count - self.kept.len() {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// The keys of one table. Each reader takes a key, returns its value or the default, and notes a fault
/// where the value is not allowed.
#[derive(Debug)]
pub struct Fields<'a> {
    table: &'a Table,
    path: String,
    known: Vec<&'static str>,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    pub(crate) fn root(table: &'a Table, faults: &'a mut Faults) -> Self {
        Self { table, path: String::new(), known: Vec::new(), faults }
    }

    /// Notes a fault at `key`.
    pub fn fault(&mut self, key: &str, problem: impl Into<String>) {
        let path = join(&self.path, key);
        self.faults.note(|| Fault { path, problem: problem.into() });
    }

    /// Notes a fault of this table as a whole.
    pub fn here(&mut self, problem: impl Into<String>) {
        let path = &self.path;
        self.faults.note(|| Fault { path: path.clone(), problem: problem.into() });
    }

    /// Notes settings that do not agree; each problem begins with the path of one of them.
    ///
    /// Where one of them has a fault already, a default stands for what its owner meant, and a
    /// disagreement with it would mislead.
    pub fn disagreements<T: ToString>(&mut self, problems: &[T]) {
        let here = join(&self.path, "");
        let setting = |fault: &Fault| {
            let path = fault.path.strip_prefix(&here)?;
            path.split('[').next().map(str::to_owned)
        };
        let faulty: Vec<String> = self.faults.iter().filter_map(setting).collect();
        for problem in problems {
            let text = problem.to_string();
            let (path, problem) = text.split_once(' ').unwrap_or((&text, ""));
            let mut words = text.split([' ', ',', '[']);
            if !words.any(|word| faulty.iter().any(|setting| setting == word)) {
                self.fault(path, problem);
            }
        }
    }

    /// The value of `key`, if it is there.
    pub fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        // A key may be asked for twice: whether it is there, and what it holds.
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// A number within `range`; whole numbers are taken too.
    pub fn number<T>(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<f64>,
        new: impl FnOnce(f64) -> Result<T, OutOfRange>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let whole = value.as_integer().map(|number| number as f64);
        let number = value.as_float().or(whole);
        let parsed = number.and_then(|number| new(number).ok());
        if parsed.is_none() {
            let allowed = format!("a number from {} to {}", range.start(), range.end());
            self.not_allowed(key, value, &allowed);
        }
        parsed
    }

    /// A plain number within `range`, where the model that takes it has no type of its own for it.
    pub fn real(&mut self, key: &'static str, range: &RangeInclusive<f64>) -> Option<f64> {
        self.number(key, range, |value| within(key, value, range))
    }

    /// A list of plain numbers, each within `range`.
    pub fn reals(&mut self, key: &'static str, range: &RangeInclusive<f64>) -> Option<Vec<f64>> {
        let entries = self.list(key)?;
        let mut numbers = Vec::new();
        for (i, value) in entries.iter().enumerate() {
            let number = value.as_float().or(value.as_integer().map(|number| number as f64));
            if let Some(number) = number.filter(|number| range.contains(number)) {
                numbers.push(number);
            } else {
                let allowed = format!("a number from {} to {}", range.start(), range.end());
                self.not_allowed(&format!("{key}[{i}]"), value, &allowed);
            }
        }
        Some(numbers)
    }

    /// A whole number within `range`; `2.0` is one.
    pub fn count(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let whole = value.as_integer().or_else(|| value.as_float().and_then(whole));
        let count = whole.and_then(|count| u64::try_from(count).ok());
        let count = count.filter(|count| range.contains(count));
        if count.is_none() {
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.not_allowed(key, value, &allowed);
        }
        count
    }

    /// An id.
    pub fn id<T: FromStr<Err = InvalidId>>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key)?;
        self.parse_id(key, value)
    }

    /// An id that must be there.
    pub fn required_id<T: FromStr<Err = InvalidId>>(&mut self, key: &'static str) -> Option<T> {
        if self.table.contains_key(key) {
            return self.id(key);
        }
        self.known.push(key);
        self.fault(key, format!("is missing, allowed: {ID}"));
        None
    }

    /// A list of ids.
    pub fn ids<T: FromStr<Err = InvalidId>>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let entries = self.list(key)?;
        let parse = |(i, value)| self.parse_id(&format!("{key}[{i}]"), value);
        Some(entries.iter().enumerate().filter_map(parse).collect())
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.not_allowed(key, value, "a text");
        }
        value.as_str()
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let values = self.list(key)?;
        let texts: Option<Vec<String>> =
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.fault(key, "holds something else, allowed: texts");
        }
        texts
    }

    /// Yes or no.
    pub fn switch<T: Copy>(&mut self, key: &'static str, [no, yes]: [T; 2]) -> Option<T> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            self.not_allowed(key, value, "true or false");
        }
        value.as_bool().map(|on| if on { yes } else { no })
    }

    /// One of a few names.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.value(key)?;
        self.parse_choice(key, value, choices)
    }

    /// A list of names.
    pub fn choices<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<Vec<T>> {
        let entries = self.list(key)?;
        let parse = |(i, value)| self.parse_choice(&format!("{key}[{i}]"), value, choices);
        Some(entries.iter().enumerate().filter_map(parse).collect())
    }

    /// A table of its own: `read` takes its keys. An absent table has no keys.
    pub fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let empty = Table::new();
        let table = match self.value(key) {
            None => &empty,
            Some(Value::Table(table)) => table,
            Some(value) => {
                self.not_allowed(key, value, "a table");
                &empty
            }
        };
        self.nested(key, table, read)
    }

    /// A list of tables: `read` takes the keys of each.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let entries = self.list(key)?;
        let mut items = Vec::new();
        for (i, value) in entries.iter().enumerate() {
            let path = format!("{key}[{i}]");
            match value.as_table() {
                Some(table) => items.push(self.nested(&path, table, &mut read)),
                None => self.not_allowed(&path, value, "a table"),
            }
        }
        Some(items)
    }

    /// A table whose keys are free and whose values are tables: `read` takes the keys of each.
    pub fn named_tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<(&'a str, T)>> {
        let entries = self.entries(key)?;
        let mut items = Vec::new();
        for (name, value) in entries {
            let path = format!("{key}.{name}");
            match value.as_table() {
                Some(table) => items.push((name.as_str(), self.nested(&path, table, &mut read))),
                None => self.not_allowed(&path, value, "a table"),
            }
        }
        Some(items)
    }

    /// A table whose keys are free: each key with its value.
    pub fn entries(&mut self, key: &'static str) -> Option<&'a Table> {
        let value = self.value(key)?;
        if value.as_table().is_none() {
            self.not_allowed(key, value, "a table");
        }
        value.as_table()
    }

    /// Notes that the value at `key` is not allowed.
    pub fn not_allowed(&mut self, key: &str, value: &Value, allowed: &str) {
        self.fault(key, format!("is {}, allowed: {allowed}", shown(value)));
    }

    /// Notes every key nobody asked for.
    pub(crate) fn refuse_unknown(&mut self) {
        let unknown: Vec<&String> =
            self.table.keys().filter(|key| !self.known.contains(&key.as_str())).collect();
        let known = self.known.join(", ");
        for key in unknown {
            let here = &self.path;
            self.faults.note(|| Fault {
                path: join(here, key),
                problem: match wording::nearest(key, self.known.iter().copied()) {
                    Some(near) => {
                        format!("is not a known key; did you mean `{near}`? Allowed: {known}")
                    }
                    None => format!("is not a known key, allowed: {known}"),
                },
            });
        }
    }

    fn nested<T>(
        &mut self,
        key: &str,
        table: &Table,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let path = join(&self.path, key);
        let mut fields = Fields { table, path, known: Vec::new(), faults: self.faults };
        let value = read(&mut fields);
        fields.refuse_unknown();
        value
    }

    fn list(&mut self, key: &'static str) -> Option<&'a [Value]> {
        let value = self.value(key)?;
        if value.as_array().is_none() {
            self.not_allowed(key, value, "a list");
        }
        value.as_array().map(Vec::as_slice)
    }

    fn parse_id<T: FromStr<Err = InvalidId>>(&mut self, key: &str, value: &Value) -> Option<T> {
        let Some(text) = value.as_str() else {
            self.not_allowed(key, value, ID);
            return None;
        };
        text.parse().map_err(|invalid: InvalidId| self.fault(key, invalid.of_field())).ok()
    }

    fn parse_choice<T: Copy>(
        &mut self,
        key: &str,
        value: &Value,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let chosen = choices.iter().find(|(name, _)| value.as_str() == Some(name));
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.not_allowed(key, value, &names.join(" | "));
        }
        chosen.map(|(_, choice)| *choice)
    }
}

/// A whole number that was written with a point, as some writers of JSON do.
fn whole(number: f64) -> Option<i64> {
    /// Up to here every whole number has a float of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact ones")]
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value as its writer would know it again, cut short where it is long.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => {
            let start: String = text.chars().take(60).collect();
            format!("{start:?}")
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}
