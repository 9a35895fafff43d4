//! `tidegate evaluate` with the real command: on the data set that ships, on bad ones, and beside scipy and statsmodels.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Ran, run, run_with_input, tidegate};

mod guide;
mod hostile;
mod reference;

const DATASET: &str = "scenarios/evaluate/synthetic.jsonl";

fn synthetic() -> PathBuf {
    system_tests::repository(DATASET)
}

fn evaluate(dataset: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["evaluate", dataset.to_str().unwrap()];
    arguments.extend(more);
    run(&arguments)
}

fn evaluated(dataset: &Path, more: &[&str]) -> Value {
    let ran = evaluate(dataset, &[more, &["--format", "json"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 1);
    serde_json::from_str(&ran.out).unwrap()
}

/// The metrics of an answer by their names.
fn metric<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let metrics = answer["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

/// A case of one scenario in which both prompts answered.
fn case(number: usize, scenario: &str, control: &Value, treatment: &Value) -> String {
    json!({
        "id": format!("case-{number}"),
        "scenario": scenario,
        "expected": {"score": {"min": 40, "max": 60}, "level": "medium"},
        "answers": {"a": control, "b": treatment},
    })
    .to_string()
}

fn right() -> Value {
    json!({"risk_score": 50, "risk_level": "medium", "latency_ms": 100})
}

fn wrong() -> Value {
    json!({"risk_score": 90, "risk_level": "critical", "latency_ms": 100})
}

fn written(lines: &[String]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

const KEYS: [&str; 4] = ["--control", "a", "--treatment", "b"];

#[test]
fn the_script_makes_the_data_set_that_ships() {
    let script = system_tests::repository("scenarios/evaluate/synthetic.py");
    let Ok(made) = Command::new("python3").arg(script).output() else {
        return system_tests::skipped("no python3 on this machine");
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(made.stdout == std::fs::read(synthetic()).unwrap(), "made from another script");
    let text = String::from_utf8(made.stdout).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scenarios: BTreeSet<&str> =
        cases.iter().map(|case| case["scenario"].as_str().unwrap()).collect();
    assert!(cases.len() >= 120 && scenarios.len() >= 20, "{} {}", cases.len(), scenarios.len());
}

#[test]
fn a_small_set_comes_to_what_was_worked_out_by_hand() {
    // 24 cases in 6 scenarios: both right in 10, the treatment alone in 9, the control alone in 1, neither in 4.
    let mut lines = Vec::new();
    let falls = [(true, true, 10), (false, true, 9), (true, false, 1), (false, false, 4)];
    for (control, treatment, count) in falls {
        for _ in 0..count {
            let side = |is: bool| if is { right() } else { wrong() };
            let number = lines.len();
            let scenario = format!("s{}", number % 6);
            lines.push(case(number, &scenario, &side(control), &side(treatment)));
        }
    }
    // One that only the control answered, one that failed, one whose treatment cannot be used, one not asked.
    lines.push(case(24, "s0", &right(), &json!({"error": "timed out", "latency_ms": 9})));
    lines.push(case(25, "s1", &json!({"error": "x"}), &json!({"error": "y"})));
    lines.push(case(26, "s2", &right(), &json!({"text": "no", "latency_ms": 100})));
    lines.push(case(27, "s3", &right(), &right()).replace("\"b\":", "\"other\":"));
    let (_folder, path) = written(&lines);
    let answer = evaluated(&path, &KEYS);

    assert_eq!((&answer["cases"], &answer["scenarios"]), (&json!(28), &json!(6)));
    let side = |parsed, unparsed, failed, absent| json!({"parsed": parsed, "unparsed": unparsed, "failed": failed, "absent": absent});
    assert_eq!(answer["answers"]["control"], side(27, 0, 1, 0));
    assert_eq!(answer["answers"]["treatment"], side(24, 1, 2, 1));

    let score = metric(&answer, "score_in_range_accuracy");
    let pairs =
        json!({"both": 24, "scenarios": 6, "control_only": 3, "treatment_only": 0, "neither": 1});
    assert_eq!(score["pairs"], pairs);
    let change = &score["change"];
    let outcomes =
        json!({"both_right": 10, "control_right": 1, "treatment_right": 9, "neither_right": 4});
    assert_eq!(change["outcomes"], outcomes);
    assert_eq!(
        (&change["control"], &change["treatment"]),
        (&json!(11.0 / 24.0), &json!(19.0 / 24.0))
    );
    assert_eq!(change["difference"], json!(8.0 / 24.0));
    // 2 (1 + 10) / 2^10
    assert!((change["p"].as_f64().unwrap() - 22.0 / 1024.0).abs() < 1e-15);
    assert_eq!(change["effect"], json!({"name": "cohens_g", "value": 0.4}));
    // With failures counted as wrong over the 27 cases that both were asked.
    assert_eq!(score["of_all"], json!({"control": 13.0 / 27.0, "treatment": 19.0 / 27.0}));
    // Two metrics with the same p of four: it counts four times, and no less the second time.
    for name in ["score_in_range_accuracy", "level_match_accuracy"] {
        let p = metric(&answer, name)["change"]["p_holm"].as_f64().unwrap();
        assert!((p - 88.0 / 1024.0).abs() < 1e-14, "{name}: {p}");
        assert_eq!(metric(&answer, name)["verdict"], "no_difference_shown");
    }
    let parsed = metric(&answer, "json_parse_success_rate");
    assert_eq!(parsed["pairs"]["both"], 27);
    assert_eq!(parsed["change"]["outcomes"]["control_right"], 2);
    assert!((parsed["change"]["p"].as_f64().unwrap() - 0.5).abs() < 1e-15);
    assert_eq!(parsed["of_all"], Value::Null);
    // All latencies are 100 ms: the failure's is none, that of the answer that cannot be used is one.
    let latency = metric(&answer, "response_latency_ms");
    assert_eq!(latency["pairs"]["both"], 25);
    assert_eq!(
        (&latency["change"]["difference"], &latency["change"]["p"]),
        (&json!(0.0), &json!(1.0))
    );
    assert_eq!(latency["change"]["effect"], json!({"name": "cohens_dz", "value": null}));
    let differing: Vec<&str> = answer["differing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["id"].as_str().unwrap())
        .collect();
    assert_eq!(differing.len(), 12);
    assert_eq!(differing[differing.len() - 2..], ["case-24", "case-26"]);
}

/// Cases in which the treatment alone is right `gained` times and the control alone `lost` times.
fn set(scenarios: usize, gained: usize, lost: usize, same: usize) -> Vec<String> {
    let sides = std::iter::repeat_n((wrong(), right()), gained)
        .chain(std::iter::repeat_n((right(), wrong()), lost))
        .chain(std::iter::repeat_n((right(), right()), same));
    let one = |(number, (control, treatment)): (usize, (Value, Value))| {
        case(number, &format!("s{}", number % scenarios), &control, &treatment)
    };
    sides.enumerate().map(one).collect()
}

#[test]
fn verdicts_and_exit_codes_are_those_of_the_guide() {
    let failing = [&KEYS[..], &["--fail-on", "worse"]].concat();
    for (scenarios, gained, lost, same, verdict, code) in [
        (10, 30, 2, 30, "better", 0),
        (10, 2, 30, 30, "worse", 1),
        (10, 9, 8, 30, "no_difference_shown", 0),
        (10, 10, 0, 9, "too_few_cases", 0),
        (4, 30, 2, 30, "too_few_cases", 0),
    ] {
        let (_folder, path) = written(&set(scenarios, gained, lost, same));
        let answer = evaluated(&path, &KEYS);
        assert_eq!(answer["verdict"], verdict, "{answer}");
        let ran = evaluate(&path, &failing);
        assert_eq!(ran.code, code, "{verdict}: {}", ran.err);
        let said = verdict.replace('_', " ");
        assert!(ran.out.lines().last().unwrap().starts_with(&format!("{said}: ")), "{}", ran.out);
        if code == 1 {
            assert!(
                ran.err.starts_with("tidegate: --fail-on worse: loses in score_in"),
                "{}",
                ran.err
            );
        }
    }
}

#[test]
fn what_one_scenario_carries_is_no_finding() {
    // Fourteen gains in one scenario out of ten: exact for single cases, nothing for scenarios.
    let mut lines = set(9, 0, 0, 45);
    for number in 45..59 {
        lines.push(case(number, "the-one", &wrong(), &right()));
    }
    let (_folder, path) = written(&lines);
    let answer = evaluated(&path, &KEYS);
    let score = metric(&answer, "score_in_range_accuracy");
    assert!(score["change"]["p_holm"].as_f64().unwrap() < 0.001);
    assert_eq!(score["verdict"], "no_difference_shown");
    let reason = score["reason"].as_str().unwrap();
    assert!(
        reason.ends_with(
            "few scenarios carry the difference, as the interval over scenarios includes 0"
        ),
        "{reason}"
    );
}

#[test]
fn better_here_and_worse_there_is_mixed() {
    let slow = json!({"risk_score": 50, "risk_level": "medium", "latency_ms": 300});
    let lines: Vec<String> =
        (0..40).map(|number| case(number, &format!("s{}", number % 8), &wrong(), &slow)).collect();
    let (_folder, path) = written(&lines);
    let answer = evaluated(&path, &KEYS);
    assert_eq!(answer["verdict"], "mixed");
    assert_eq!(metric(&answer, "response_latency_ms")["verdict"], "worse");
    // Every difference is the same: no chance, no spread, and no number that JSON cannot hold.
    assert_eq!(metric(&answer, "response_latency_ms")["change"]["p"], 0.0);
    assert_eq!(metric(&answer, "response_latency_ms")["change"]["statistic"], Value::Null);
    let one = ["--metric", "level_match_accuracy", "--fail-on", "worse"];
    let only = evaluated(&path, &[&KEYS[..], &one].concat());
    assert_eq!(
        (only["metrics"].as_array().unwrap().len(), &only["verdict"]),
        (1, &json!("better"))
    );
}

#[test]
fn seed_and_resamples_fix_every_byte() {
    let ask = |more: &[&str]| {
        evaluate(
            &synthetic(),
            &[&["--preset", "rubric_vs_current", "--format", "json"], more].concat(),
        )
        .out
    };
    assert_eq!(ask(&[]), ask(&["--seed", "1", "--resamples", "10000"]));
    let scenario = |out: &str| {
        let answer: Value = serde_json::from_str(out).unwrap();
        metric(&answer, "score_in_range_accuracy")["change"]["scenario_interval"].clone()
    };
    assert_ne!(scenario(&ask(&[])), scenario(&ask(&["--seed", "2"])));
    // A metric that is left out changes no other.
    assert_eq!(scenario(&ask(&[])), scenario(&ask(&["--metric", "score_in_range_accuracy"])));
    let said = evaluate(
        &synthetic(),
        &["--preset", "rubric_vs_current", "--resamples", "500", "--seed", "9"],
    )
    .out;
    assert!(
        said.contains("over scenarios: 500 resamples of whole scenarios (ChaCha8, seed 9)"),
        "{said}"
    );
}

#[test]
fn a_folder_of_cases_is_the_same_as_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(synthetic()).unwrap();
    for (number, line) in text.lines().enumerate() {
        let case: Value = serde_json::from_str(line).unwrap();
        let place = folder.path().join(case["scenario"].as_str().unwrap());
        std::fs::create_dir_all(&place).unwrap();
        // Named so that another order than that of the lines comes of it.
        let name = format!("{:03}.json", 999 - number);
        std::fs::write(place.join(name), serde_json::to_string_pretty(&case).unwrap()).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no case").unwrap();
    let preset = ["--preset", "cot_vs_current"];
    let (lines, files) = (evaluated(&synthetic(), &preset), evaluated(folder.path(), &preset));
    for name in ["json_parse_success_rate", "score_in_range_accuracy", "level_match_accuracy"] {
        assert_eq!(metric(&lines, name), metric(&files, name));
    }
    let difference =
        |answer| metric(answer, "response_latency_ms")["change"]["difference"].as_f64().unwrap();
    assert!((difference(&lines) - difference(&files)).abs() < 1e-12);
    let piped = run_with_input(
        &["evaluate", "-", "--preset", "cot_vs_current", "--format", "json"],
        text.as_bytes(),
    );
    let piped: Value = serde_json::from_str(&piped.out).unwrap();
    assert_eq!(piped["metrics"], lines["metrics"]);
    let again = evaluated(folder.path(), &preset);
    assert_eq!(files, again);
}

#[test]
fn an_experiment_brings_prompts_data_set_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::copy(synthetic(), folder.path().join("data/synthetic")).unwrap();
    let text = "key = \"x\"\ncontrol = \"calibrated_system\"\ntreatment = \"rubric_enhanced\"\n\
                [evaluation]\ndataset = \"data/synthetic\"\nmetrics = [\"level_match_accuracy\", \"response_latency_ms\"]\n";
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    let here = |arguments: &[&str]| -> Ran {
        tidegate()
            .current_dir(folder.path())
            .arg("evaluate")
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    let ran = here(&["--experiment", "x.toml", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&answer["dataset"], &answer["treatment"]),
        (&json!("data/synthetic"), &json!("rubric_enhanced"))
    );
    assert_eq!(answer["metrics"].as_array().unwrap().len(), 2);
    let ran: Ran =
        tidegate().args(["evaluate", "--preset", "rubric_vs_current"]).output().unwrap().into();
    let told = "data/synthetic, which the experiment names as its data set, is not there";
    assert!(ran.code == 2 && ran.err.contains(told), "{}", ran.err);
    // The presets name the folder that the replaced system had; a flag goes before the experiment.
    let ran = here(&[
        "--preset",
        "rubric_vs_current",
        "--treatment",
        "reasoning_enabled",
        "--format",
        "json",
    ]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["treatment"], "reasoning_enabled");
    assert_eq!(answer["metrics"].as_array().unwrap().len(), 4);
}

#[test]
fn a_report_is_one_page_with_the_cases_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("new/report");
    let ran = evaluate(
        &synthetic(),
        &["--preset", "cot_vs_current", "--report", report.to_str().unwrap()],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    let results: Value =
        serde_json::from_str(&std::fs::read_to_string(report.join("results.json")).unwrap())
            .unwrap();
    let differing = results["differing"].as_array().unwrap();
    assert!(differing.len() > 20);
    for case in differing {
        assert!(page.contains(&format!("<td>{}", case["id"].as_str().unwrap())), "{case}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("prefers-color-scheme: dark"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        // The name space of SVG is no address that is asked.
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(outside), "{outside}");
    }
}

#[test]
fn a_page_shows_what_others_wrote_as_text() {
    let attack = "<script>alert(1)</script>\u{202e}";
    let mut lines = set(6, 6, 1, 20);
    let bad = json!({"text": attack, "latency_ms": 5});
    lines.push(
        case(900, "s0", &right(), &bad)
            .replace("\"scenario\"", "\"note\":\"<img src=x>\",\"scenario\""),
    );
    let (folder, path) = written(&lines);
    let report = folder.path().join("report");
    let ran = evaluate(&path, &[&KEYS[..], &["--report", report.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&#60;script&#62;alert(1)"), "the text is there");
    assert!(!ran.out.contains('\u{202e}'));
}
