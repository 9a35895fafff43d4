//! Simulating, tuning and their reports, with the real command.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{Ran, run, tidegate};

fn scenario(name: &str) -> PathBuf {
    system_tests::repository("scenarios").join(name)
}

fn simulate(path: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["simulate", path.to_str().unwrap(), "--format", "json"];
    arguments.extend(more);
    run(&arguments)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A scenario of the repository with some of its text replaced.
fn changed(folder: &Path, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(scenario(name)).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_scenario_may_come_to_what_it_expects() {
    let ran = simulate(&scenario(""), &["--runs", "24"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let found = lines(&ran);
    assert!(found.len() >= 20, "{}", found.len());
    for line in found {
        let judged = line["expectations"].as_array().unwrap();
        assert!(!judged.is_empty(), "{} expects nothing", line["name"]);
        let ends = ["rolled_back_share", "promoted_share", "inconclusive_share"];
        let sum: f64 = ends.iter().map(|share| line[share].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{line}");
    }
}

#[test]
fn threads_change_no_byte() {
    let path = scenario("harmless-clock-jumps.toml");
    let one = simulate(&path, &["--runs", "16", "--threads", "1"]);
    let two = simulate(&path, &["--runs", "16", "--threads", "2"]);
    assert_eq!(one.code, 0, "{}", one.err);
    assert_eq!(one.out, two.out);
    let other = simulate(&path, &["--runs", "16", "--seed", "2"]);
    assert_ne!(one.out, other.out);
}

#[test]
fn restarts_and_duplicates_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let name = "restarts-and-duplicates.toml";
    let faults = "daemon_restart_hours = [11.5, 30, 48.02, 52, 57.3]\nduplicate_share = 0.1\n";
    let calm = simulate(&changed(folder.path(), name, &[(faults, "")]), &["--runs", "16"]);
    let killed = simulate(&scenario(name), &["--runs", "16"]);
    assert_eq!(calm.code, 0, "{}", calm.err);
    assert_eq!(calm.out, killed.out);
    // The duplicates did come, and were refused.
    let one = simulate(&scenario(name), &["--only", "0"]);
    let end = lines(&one).pop().unwrap();
    assert!(end["refused_reports"].as_u64().unwrap() > 1_000, "{end}");
}

#[test]
fn a_single_run_is_the_one_of_the_many() {
    let path = scenario("every-analysis-fails-8.toml");
    let many = lines(&simulate(&path, &["--runs", "1"])).pop().unwrap();
    let ran = simulate(&path, &["--only", "0", "--trace"]);
    let told = lines(&ran);
    let end = told.last().unwrap();
    assert_eq!(end["simulated_analyses"], many["simulated_analyses"]);
    assert_eq!(end["hours"], many["hours_to_rollback"]["p50"]);
    assert_eq!(
        (end["ending"].as_str(), end["by"].as_str()),
        (Some("rolled_back"), Some("total_failure"))
    );
    assert!(told.iter().any(|line| line["type"] == "look"));
    let decision = &told[told.len() - 2];
    assert!(
        decision["finding"].as_str().unwrap().starts_with("Nearly every treatment analysis fails")
    );
}

#[test]
fn both_rules_run_side_by_side_on_the_same_world() {
    let found = lines(&simulate(
        &scenario("harmless-50-cameras.toml"),
        &["--rule", "both", "--runs", "40"],
    ));
    let rules: Vec<&str> = found.iter().map(|line| line["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["threshold", "sequential"]);
    let [threshold, sequential] =
        [0, 1].map(|i: usize| found[i]["rolled_back_share"].as_f64().unwrap());
    // The replaced system rolled 45 % of its harmless rollouts back; alpha is 5 %.
    assert!(threshold > 0.2 && sequential <= 0.1, "{threshold} {sequential}");
}

#[test]
fn an_expectation_that_fails_names_the_run_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let name = "latency-plus-75-from-the-test.toml";
    let path = changed(
        folder.path(),
        name,
        &[("rolled_back_share_min = 0.98", "rolled_back_share_max = 0.1")],
    );
    let ran = simulate(&path, &["--runs", "20"]);
    assert_eq!(ran.code, 1);
    let line = lines(&ran).pop().unwrap();
    let judged = &line["expectations"][0];
    assert_eq!(judged["verdict"], "failed");
    assert_eq!(judged["measured"], 1.0);
    let command = ran.err.lines().last().unwrap();
    assert!(command.contains("--seed 1 --only 0 --trace"), "{}", ran.err);
    // Few runs prove nothing, and say so.
    let ran = run(&["simulate", scenario(name).to_str().unwrap(), "--runs", "3"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("3 runs are too few to tell"), "{}", ran.out);
}

#[test]
fn a_scenario_is_refused_with_every_fault_at_once() {
    let folder = system_tests::repository("tests/samples/scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let name = path.file_name().unwrap();
            let ran: Ran =
                tidegate().current_dir(&folder).arg("simulate").arg(name).output().unwrap().into();
            let expected = std::fs::read_to_string(path.with_extension("faults")).unwrap();
            assert_eq!((ran.err, ran.code), (expected, 2), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 3);
}

#[test]
fn a_setting_that_is_varied_wins_over_the_grid_and_the_shadows_hours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.toml");
    let text = "[experiment]\npreset = \"production\"\n[fleet]\ncameras = 12\n[shadow]\nhours = 30\n\
        [treatment]\nerror_rate_change = 0.5\n[grid]\n\"guardrails.rule\" = [\"sequential\"]\n";
    std::fs::write(&path, text).unwrap();
    let ran = simulate(&path, &["--runs", "1", "--rule", "threshold"]);
    assert_eq!(lines(&ran)[0]["rule"], "threshold");
    let path = path.to_str().unwrap();
    let vary = "shadow.duration_hours=6..12:6";
    let allowed = ["--false-rollback-max", "1", "--runs", "2"];
    let ran = run(&[&["tune", path, "--vary", vary, "--format", "json"], &allowed[..]].concat());
    let last = lines(&ran).pop().unwrap();
    let hours = last["recommended"][0].as_str().unwrap().split('=').nth(1).unwrap();
    let experiment = last["experiment"].as_str().unwrap();
    assert!(experiment.contains(&format!("duration_hours = {hours}.0")), "{experiment}");
    // Two rollouts prove nothing, and then nothing is recommended.
    let ran = run(&["tune", path, "--vary", vary, "--runs", "2"]);
    assert!(ran.out.contains("nothing is recommended: no setting is sure"), "{}", ran.out);
    // What the world is cannot be recommended.
    let ran = run(&["tune", path, "--vary", "fleet.cameras=4,5", "--runs", "2"]);
    assert!(ran.out.contains("nothing is recommended: fleet.cameras"), "{}", ran.out);
}

#[test]
fn the_designs_tables_are_scenarios_too() {
    let folder = scenario("design");
    let mut cells = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        cells += tidegate_spec::ScenarioFile::parse(&text).unwrap().scenarios().len();
    }
    assert!(cells >= 40, "{cells}");
}

#[test]
fn every_restless_or_reviewed_world_says_what_it_must_come_to() {
    let mut cells = 0;
    let folders = ["worlds", "review"].map(|folder| std::fs::read_dir(scenario(folder)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for found in tidegate_spec::ScenarioFile::parse(&text).unwrap().scenarios() {
            assert!(!found.expect.is_empty(), "{}", path.display());
            cells += 1;
        }
    }
    assert!(cells >= 50, "{cells}");
}

#[test]
fn tuning_ends_in_an_experiment_that_the_settings_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let path = scenario("latency-plus-75-from-the-test.toml");
    let ran = run(&[
        "tune",
        path.to_str().unwrap(),
        "--vary",
        "guardrails.max_latency_increase_pct=20..100:40",
        "--vary",
        "guardrails.min_samples=50,100",
        "--runs",
        "12",
        "--false-rollback-max",
        "1",
        "--format",
        "json",
        "--report",
        report.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut found = lines(&ran);
    let last = found.pop().unwrap();
    assert_eq!(found.len(), 6);
    let recommended: Vec<&Value> =
        found.iter().filter(|point| point["recommended"] == true).collect();
    assert_eq!(recommended.len(), 1);
    assert_eq!(recommended[0]["settings"], last["recommended"]);
    assert_eq!(recommended[0]["on_front"], true);
    let text = last["experiment"].as_str().unwrap();
    let experiment = tidegate_spec::ExperimentFile::parse(text).unwrap();
    let guardrails = experiment.definition.experiment().guardrails;
    let settings = [
        format!("guardrails.max_latency_increase_pct={}", guardrails.max_latency_increase.value()),
        format!("guardrails.min_samples={}", guardrails.min_samples),
    ];
    assert_eq!(last["recommended"], serde_json::json!(settings));
    // A limit above the harm lets it pass.
    let harm = |i: usize| found[i]["harmed_analyses_mean"].as_f64().unwrap();
    assert!(harm(5) > harm(3), "{} {}", harm(5), harm(3));
    let words = [
        "Pareto front",
        "Recommended experiment",
        "undecided",
        "\nguardrails.min_samples=50\n</text>",
    ];
    check_page(&report.join("report.html"), &words);
}

#[test]
fn a_shorter_test_that_stops_less_harm_is_never_recommended() {
    let path = scenario("false-positives-plus-20.toml");
    let arguments = ["tune", path.to_str().unwrap(), "--vary", "ab.duration_hours=4,48"];
    let more = ["--runs", "60", "--false-rollback-max", "1"];
    let ran = run(&[&arguments[..], &more, &["--format", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut found = lines(&ran);
    let last = found.pop().unwrap();
    let of = |i: usize, name: &str| found[i][name].as_f64().unwrap();
    assert!(of(0, "rolled_back_share") < of(1, "rolled_back_share"), "{found:?}");
    assert!(of(0, "undecided_share") > 0.5, "{found:?}");
    assert_eq!(last["recommended"][0], "ab.duration_hours=48");
    let text = run(&[&arguments[..], &more].concat()).out;
    assert!(text.starts_with("recommended: ab.duration_hours=48\n"), "{text}");
    assert!(text.contains("Harm is counted over 96 h for every setting"), "{text}");
}

#[test]
fn what_cannot_be_tuned_is_said_in_a_sentence() {
    let harmless = scenario("harmless-50-cameras.toml");
    let harmful = scenario("false-positives-plus-20.toml");
    for (path, vary, words) in [
        (&harmless, "guardrails.alpha=0.1", "the treatment does no harm"),
        (&harmful, "guardrails.alpha", "it has no `=`"),
        (&harmful, "guardrails.alpha=0.1..0.05:0.01", "its step does not lead"),
        (&harmful, "guardrails.alpha=7", "experiment.guardrails.alpha is 7, allowed"),
        (&harmful, "runs=0", "runs is 0, allowed"),
        (&harmful, "guardrails.beta=7", "experiment.guardrails.beta is not a known key"),
    ] {
        let ran = run(&["tune", path.to_str().unwrap(), "--vary", vary]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{vary}");
        assert!(ran.err.contains(words), "{vary}: {}", ran.err);
    }
}

#[test]
fn a_report_is_one_page_that_a_browser_shows() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let paths = ["false-positives-plus-20.toml", "harmless-20-cameras-alike.toml"].map(scenario);
    let ran = run(&[
        "simulate",
        paths[0].to_str().unwrap(),
        paths[1].to_str().unwrap(),
        "--runs",
        "12",
        "--report",
        report.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let csv = std::fs::read_to_string(report.join("results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3);
    let json = std::fs::read_to_string(report.join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 2);
    check_page(&report.join("report.html"), &["false-positives-plus-20", "rolled_back_share_min"]);
}

/// Whether the page needs nothing from elsewhere, and a real browser lays it out with its charts.
fn check_page(path: &Path, words: &[&str]) {
    let page = std::fs::read_to_string(path).unwrap();
    // Links within the page alone; the name space of SVG is no address to fetch.
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["http:", "https:", "src=", "@import", "<script"] {
        assert!(!addresses.contains(foreign), "{foreign} in {}", path.display());
    }
    for word in words {
        assert!(page.contains(word), "no {word} in {}", path.display());
    }
    let data = tempfile::tempdir().unwrap();
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--window-size=400,800", "--dump-dom"])
        .arg(format!("--user-data-dir={}", data.path().display()))
        .arg(format!("file://{}", path.display()))
        .output();
    let Ok(browser) = browser else {
        system_tests::skipped("no chromium on this machine");
        return;
    };
    let shown = String::from_utf8_lossy(&browser.stdout);
    assert!(shown.matches("<svg").count() >= 2, "the browser shows no charts");
    assert!(shown.contains("</html>"));
}
