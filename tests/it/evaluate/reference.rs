//! Every statistic beside scipy, statsmodels and numpy, which compute it from the data set itself (`reference.py`).
//!
//! The ends of the bootstrap cannot agree to the last digit, as numpy draws otherwise. Each must lie where numpy's
//! own resamples put it, five standard errors of both simulations apart at most; drawing cases instead of scenarios
//! would miss that, which is checked too.

use std::io::Write;
use std::process::Stdio;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const PACKAGES: [&str; 2] = ["scipy==1.17.1", "statsmodels==0.15.0"];
const RESAMPLES: u32 = 100_000;

struct Set {
    path: PathBuf,
    control: &'static str,
    treatment: &'static str,
}

#[test]
fn every_statistic_is_that_of_scipy_and_statsmodels() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = system_tests::python::environment(&target.join("scipy"), &PACKAGES) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut sets = vec![
        Set { path: synthetic(), control: "calibrated_system", treatment: "rubric_enhanced" },
        Set { path: synthetic(), control: "calibrated_system", treatment: "reasoning_enabled" },
    ];
    sets.extend((0..20).map(|seed| drawn(folder.path(), seed)));
    let answers = references(&python, &sets);
    let (versions, found) = answers.split_first().unwrap();
    assert_eq!(found.len(), sets.len());
    let mut compared = 0;
    for (set, reference) in sets.iter().zip(found) {
        let resamples = RESAMPLES.to_string();
        let more =
            ["--control", set.control, "--treatment", set.treatment, "--resamples", &resamples];
        let answer = evaluated(&set.path, &more);
        compared += compare(&set.path, &answer, reference);
    }
    printed(&format!("{compared} numbers of {} data sets agree; {versions}", sets.len()));
    assert!(compared > 1_000, "{compared}");
    let [rubric, ..] = found else { panic!("there are sets") };
    scenarios_matter(&rubric["metrics"]["score_in_range_accuracy"]);
}

#[expect(clippy::print_stderr, reason = "the versions are told")]
fn printed(text: &str) {
    eprintln!("{text}");
}

fn references(python: &Path, sets: &[Set]) -> Vec<Value> {
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| json!({"dataset": set.path, "control": set.control, "treatment": set.treatment}))
        .collect();
    let mut child = Command::new(python)
        .arg(system_tests::repository("tests/it/evaluate/reference.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"resamples": RESAMPLES, "sets": sets}).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A data set of its own kind for each seed: few cases or many, alike or not, with anything missing.
fn drawn(folder: &Path, seed: u64) -> Set {
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    let cases = [3, 8, 25, 60, 200][usize::try_from(seed % 5).unwrap()];
    let scenarios = draw.random_range(1..=cases / 2 + 1);
    // How often each side is right, fails, and cannot be used.
    let mut rates = [0.0; 6];
    for (place, rate) in rates.iter_mut().enumerate() {
        *rate =
            if place < 2 { draw.random_range(0.0..=1.0) } else { draw.random_range(0.0..=0.15) };
    }
    let lines: Vec<String> = (0..cases)
        .map(|number| {
            let mut side = |place: usize| {
                let latency = (draw.random_range(1.0..=9.0_f64).exp() * 1e3).round() / 1e3;
                if number > 1 && draw.random::<f64>() < rates[2 + place] {
                    return json!({"error": "lost"});
                }
                if number > 1 && draw.random::<f64>() < rates[4 + place] {
                    return json!({"text": "{\"risk_score\": 50}", "latency_ms": latency});
                }
                let score = if draw.random::<f64>() < rates[place] { 50 } else { 61 };
                let level = ["medium", "low"][usize::from(draw.random::<f64>() < 0.4)];
                if draw.random::<f64>() < 0.5 {
                    return json!({"risk_score": score, "risk_level": level});
                }
                let text =
                    json!({"risk_score": score, "risk_level": level, "why": "ü"}).to_string();
                json!({"text": text, "latency_ms": latency})
            };
            let (control, treatment) = (side(0), side(1));
            let line = case(number, &format!("s{}", number % scenarios), &control, &treatment);
            // Some cases were not sent to one of the prompts.
            let other = if number % 17 == 5 { "\"b\":" } else { "\"none\":" };
            line.replace(other, "\"other\":")
        })
        .collect();
    let path = folder.join(format!("drawn-{seed}.jsonl"));
    std::fs::write(&path, lines.join("\n")).unwrap();
    Set { path, control: "a", treatment: "b" }
}

/// Compares everything; gives how many numbers.
fn compare(path: &Path, answer: &Value, reference: &Value) -> usize {
    let mut compared = 0;
    for (place, side) in ["control", "treatment"].iter().enumerate() {
        for (kind, name) in ["parsed", "unparsed", "failed", "absent"].iter().enumerate() {
            assert_eq!(answer["answers"][side][name], reference["answers"][place][kind], "{side}");
            compared += 1;
        }
    }
    for (name, wanted) in reference["metrics"].as_object().unwrap() {
        let found = metric(answer, name);
        let mut close = |what: &str, found: &Value, wanted: &Value| {
            let place = format!("{} {name} {what}: {found} for {wanted}", path.display());
            match (found.as_f64(), wanted.as_f64()) {
                (Some(found), Some(wanted)) => {
                    let apart = (found - wanted).abs();
                    assert!(apart <= 1e-9 * wanted.abs().max(1e-3), "{place}");
                }
                // What has no value there has none here: NaN comes from Python as null too.
                (found, wanted) => assert_eq!(found, wanted, "{place}"),
            }
            compared += 1;
        };
        for count in ["both", "scenarios", "control_only", "treatment_only", "neither"] {
            close(count, &found["pairs"][count], &wanted[count]);
        }
        let change = &found["change"];
        for number in
            ["control", "treatment", "difference", "p", "p_holm", "statistic", "degrees_of_freedom"]
        {
            close(number, &change[number], &wanted[number]);
        }
        close("effect", &change["effect"]["value"], &wanted["effect"]);
        close("low", &change["interval"]["low"], &wanted["interval"][0]);
        close("high", &change["interval"]["high"], &wanted["interval"][1]);
        let outcomes = ["both_right", "control_right", "treatment_right", "neither_right"];
        for (place, outcome) in outcomes.iter().enumerate() {
            close(outcome, &change["outcomes"][outcome], &wanted["outcomes"][place]);
        }
        close("of all", &found["of_all"]["control"], &wanted["of_all"][0]);
        close("of all", &found["of_all"]["treatment"], &wanted["of_all"][1]);
        for end in ["low", "high"] {
            let (end_found, band) = (&change["scenario_interval"][end], &wanted["bootstrap"][end]);
            let Some(end_found) = end_found.as_f64() else {
                assert_eq!(band, &Value::Null, "{name}");
                continue;
            };
            let [least, most] = [0, 1].map(|i: usize| band[i].as_f64().unwrap());
            let within = least - 1e-9 <= end_found && end_found <= most + 1e-9;
            assert!(within, "{} {name} {end}: {end_found} for {band}", path.display());
            compared += 1;
        }
    }
    compared
}

/// Were cases drawn instead of scenarios, the ends would lie elsewhere: the check above could tell.
fn scenarios_matter(reference: &Value) {
    for (place, end) in ["low", "high"].iter().enumerate() {
        let by_case = reference["bootstrap"]["by_case"][place].as_f64().unwrap();
        let band = &reference["bootstrap"][end];
        let [least, most] = [0, 1].map(|i: usize| band[i].as_f64().unwrap());
        assert!(by_case < least || most < by_case, "{end}: {by_case} lies within {band}");
    }
}
