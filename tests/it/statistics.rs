//! The statistics against reference vectors made with scipy, statsmodels and others.
//!
//! `TIDEGATE_STATISTICS_VECTORS` names another file of the same shape.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

mod classics;
mod decisions;
mod guardrails;
mod review;

/// The groups that this crate has to reproduce; the file has others too.
const REQUIRED: [&str; 18] = [
    "arm_cr3",
    "cameras_failing",
    "cuped",
    "fast_path_cameras",
    "fast_path_cusum",
    "guardrail_end_to_end",
    "icc_eb",
    "latency_log_ratio",
    "proportion_ci",
    "ramp_strata",
    "ratio_delta",
    "sample_size",
    "srm",
    "srm_sequential",
    "switchback",
    "switchback_jackknife",
    "t_mixture_eprocess",
    "welch",
];

/// How far a result may be from the reference: `abs + rel * |expected|`.
#[derive(Clone, Copy)]
struct Tolerance {
    rel: f64,
    abs: f64,
}

fn close(got: f64, expected: f64, tolerance: Tolerance) -> bool {
    (got - expected).abs() <= tolerance.abs + tolerance.rel * expected.abs()
}

/// One case of a group; it remembers which of its outputs were compared.
struct Case<'a> {
    group: &'a str,
    number: usize,
    tolerance: Tolerance,
    inputs: &'a Map<String, Value>,
    outputs: &'a Map<String, Value>,
    compared: RefCell<BTreeSet<String>>,
}

impl Case<'_> {
    fn input(&self, name: &str) -> &Value {
        let Some(value) = self.inputs.get(name) else {
            panic!("{}: no input {name}", self.place())
        };
        value
    }

    fn number(&self, name: &str) -> f64 {
        self.as_number(name, self.input(name))
    }

    fn integer(&self, name: &str) -> u64 {
        self.as_integer(name, self.input(name))
    }

    /// A number, or null.
    fn option(&self, name: &str) -> Option<f64> {
        let value = self.input(name);
        (!value.is_null()).then(|| self.as_number(name, value))
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.list(name, self.input(name)).iter().map(|value| self.as_number(name, value)).collect()
    }

    fn integers(&self, name: &str) -> Vec<u64> {
        self.list(name, self.input(name)).iter().map(|value| self.as_integer(name, value)).collect()
    }

    fn expect(&self, name: &str, got: f64) {
        let expected = self.as_number(name, self.output(name));
        self.compare(name, got, expected);
    }

    /// A number of things, which has to be met exactly.
    fn expect_integer(&self, name: &str, got: u64) {
        let expected = self.as_integer(name, self.output(name));
        assert!(got == expected, "{}: {name} is {got}, expected {expected}", self.place());
    }

    /// A number, or null where there is none.
    fn expect_option(&self, name: &str, got: Option<f64>) {
        let expected = self.output(name);
        match got {
            Some(got) if !expected.is_null() => {
                self.compare(name, got, self.as_number(name, expected));
            }
            _ => assert!(
                got.is_none() && expected.is_null(),
                "{}: {name} is {got:?}, expected {expected}",
                self.place()
            ),
        }
    }

    /// What a yes or no should be; whoever asks compares it.
    fn expected_flag(&self, name: &str) -> bool {
        let expected = self.output(name);
        let Some(flag) = expected.as_bool() else {
            panic!("{}: {name} is {expected}", self.place())
        };
        flag
    }

    fn expect_numbers(&self, name: &str, got: &[f64]) {
        let expected = self.list(name, self.output(name));
        assert!(
            got.len() == expected.len(),
            "{}: {name} has {} numbers, expected {}",
            self.place(),
            got.len(),
            expected.len()
        );
        for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
            let name = format!("{name}[{index}]");
            self.compare(&name, *got, self.as_number(&name, expected));
        }
    }

    fn output(&self, name: &str) -> &Value {
        self.compared.borrow_mut().insert(name.to_owned());
        let Some(value) = self.outputs.get(name) else {
            panic!("{}: no output {name}", self.place())
        };
        value
    }

    fn compare(&self, name: &str, got: f64, expected: f64) {
        let Tolerance { rel, abs } = self.tolerance;
        assert!(
            close(got, expected, self.tolerance),
            "{}: {name} is {got:e}, expected {expected:e} within rel {rel:e} + abs {abs:e}",
            self.place()
        );
    }

    fn as_number(&self, name: &str, value: &Value) -> f64 {
        let Some(number) = value.as_f64() else { panic!("{}: {name} is {value}", self.place()) };
        number
    }

    /// A whole number, also one written as `3.0`.
    fn as_integer(&self, name: &str, value: &Value) -> u64 {
        let text = value.to_string();
        let Ok(number) = text.strip_suffix(".0").unwrap_or(&text).parse() else {
            panic!("{}: {name} is {value}", self.place())
        };
        number
    }

    fn list<'a>(&self, name: &str, value: &'a Value) -> &'a [Value] {
        let Some(list) = value.as_array() else { panic!("{}: {name} is {value}", self.place()) };
        list
    }

    fn place(&self) -> String {
        format!("{} case {}", self.group, self.number)
    }

    /// Fails where an output of the file was not compared.
    fn finish(&self) {
        let compared = self.compared.borrow();
        for name in self.outputs.keys() {
            assert!(compared.contains(name), "{}: {name} was not compared", self.place());
        }
    }
}

/// Runs `check` on every case of `group`; each must compare every output.
#[expect(clippy::print_stdout, reason = "how much was compared belongs to the result")]
fn for_each_case(group: &str, check: impl Fn(&Case)) {
    let file = vectors();
    let found = &group_of(&file, group);
    let tolerance = Tolerance {
        rel: found["tolerance"]["rel"].as_f64().unwrap(),
        abs: found["tolerance"]["abs"].as_f64().unwrap(),
    };
    let cases = found["cases"].as_array().unwrap();
    for (number, case) in cases.iter().enumerate() {
        let case = Case {
            group,
            number,
            tolerance,
            inputs: case["in"].as_object().unwrap(),
            outputs: case["out"].as_object().unwrap(),
            compared: RefCell::default(),
        };
        check(&case);
        case.finish();
    }
    println!("{group}: {} cases", cases.len());
}

/// The groups of both files: those made with packages, and those of `decisions.py`.
fn vectors() -> Value {
    // From the root of the repository, wherever the test runs.
    let named = std::env::var_os("TIDEGATE_STATISTICS_VECTORS");
    let path = system_tests::repository(".")
        .join(named.map_or_else(|| PathBuf::from("tests/vectors/statistics.json"), PathBuf::from));
    let mut file = read(&path);
    let mut more = read(&system_tests::repository("tests/vectors/decisions.json"));
    let groups = file["groups"].as_array_mut().unwrap();
    groups.append(more["groups"].as_array_mut().unwrap());
    file
}

fn read(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn group_of<'a>(file: &'a Value, id: &str) -> &'a Value {
    let groups = file["groups"].as_array().unwrap();
    let found = groups.iter().find(|group| group["id"] == id);
    found.unwrap_or_else(|| panic!("the file has no group {id}"))
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was compared belongs to the result")]
fn every_required_group_has_cases() {
    let file = vectors();
    let mut total = 0;
    for id in REQUIRED {
        let cases = group_of(&file, id)["cases"].as_array().unwrap().len();
        assert!(cases > 0, "{id} has no cases");
        total += cases;
    }
    println!("{} groups: {total} cases", REQUIRED.len());
}

#[test]
fn the_comparison_tells_apart_what_differs() {
    let tolerance = Tolerance { rel: 1e-6, abs: 1e-8 };
    assert!(close(1.0 + 9e-7, 1.0, tolerance) && close(0.0, 9e-9, tolerance));
    for (got, expected) in [(1.0 + 2e-6, 1.0), (2e-8, 0.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0)] {
        assert!(!close(got, expected, tolerance), "{got} for {expected}");
    }
}
