//! Replays of small recordings whose answers are plain.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Ran, replay, run, tidegate};

/// A recording with its experiment and map in a folder of its own.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(name: &str, records: &str, experiment: &str, map: &str) -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(case.path(name), records).unwrap();
        // What rows become does not depend on the rule, and averages are known without it.
        let head =
            "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\nguardrails.rule = \"threshold\"\n";
        std::fs::write(case.path("experiment.toml"), format!("{head}{experiment}")).unwrap();
        std::fs::write(case.path("map.toml"), map).unwrap();
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, more: &[&str]) -> Ran {
        let paths = [name, "experiment.toml", "map.toml"].map(|name| self.path(name));
        let [records, experiment, map] = paths.each_ref().map(|path| path.to_str().unwrap());
        let mut arguments = vec!["replay", records, "--experiment", experiment, "--map", map];
        arguments.extend(more);
        run(&arguments)
    }

    fn json(&self, name: &str, more: &[&str]) -> Vec<Value> {
        let ran = self.run(name, &[more, &["--format", "json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const MAP: &str = "columns = { time = \"t\", camera = \"c\", variant = \"v\", latency_ms = \"l\", \
                   error = \"e\", feedback = \"f\", feedback_time = \"ft\" }\n\
                   variants = { control = \"a\", treatment = [\"b\", \"b2\"] }\n";
const NO_FLOOR: &str = "guardrails.min_samples = 0\n";

#[test]
fn late_feedback_and_rows_out_of_order_are_put_in_the_order_of_time() {
    // By time: control and treatment at hour 1, the treatment's label at hour 2, the control's at 3.
    let records = "t,c,v,l,e,f,ft\n\
                   2026-01-01T01:00:00Z,x,b2,100,,false_positive,2026-01-01T03:00:00+01:00\n\
                   2026-01-01T00:00:00Z,y,a,100,,correct,2026-01-01T03:00:00Z\n";
    let case = Case::new("r.csv", records, "guardrails.min_samples = 1\n", MAP);
    let run = &case.json("r.csv", &[])[0];
    assert_eq!(run["outcome"], "rolled_back");
    assert_eq!(run["guardrail"], "fp_rate");
    // Only with the control's label at hour 3 had both their sample.
    assert_eq!(run["decided_at"], "2026-01-01T03:00:00Z");
    assert_eq!(run["hours_to_decision"], 3.0);
    assert_eq!(run["evidence"]["fp_rate_increase"], 1.0);
    assert_eq!(run["reason"], "FP rate increase 100.0% exceeds threshold 5.0%");
}

#[test]
fn json_lines_and_csv_give_the_same_answer() {
    let csv = "t,c,v,l,e,f,ft\n2026-01-01,x,a,100,,,\n2026-01-02,x,b,151,,,\n";
    let lines = "{\"t\":\"2026-01-01\",\"c\":\"x\",\"v\":\"a\",\"l\":100}\n\
                 {\"t\":\"2026-01-02\",\"c\":\"x\",\"v\":\"b\",\"l\":151.0,\"e\":null}\n";
    let case = Case::new("r.csv", csv, NO_FLOOR, MAP);
    std::fs::write(case.path("r.jsonl"), lines).unwrap();
    let (mut by_csv, mut by_lines) = (case.json("r.csv", &[]), case.json("r.jsonl", &[]));
    // Only a header, or a null, can say that a column is there and always empty.
    let unseen = |run: &mut Value| run["counts"]["unseen_columns"].take();
    assert_eq!(unseen(&mut by_csv[0]), serde_json::json!([]));
    assert_eq!(unseen(&mut by_lines[0]), serde_json::json!(["f", "ft"]));
    assert_eq!(by_csv, by_lines);
    assert_eq!(by_csv[0]["reason"], "Latency increase 51.0% exceeds threshold 50.0%");
}

#[test]
fn a_failed_call_has_no_latency_whatever_its_row_says() {
    let records = "t,c,v,l,e,f,ft\n\
                   2026-01-01T00:00:00Z,x,a,100,,,\n\
                   2026-01-01T00:00:01Z,x,b,90,,,\n\
                   2026-01-01T00:00:02Z,x,b,0,429,,\n";
    let run = &Case::new("r.csv", records, NO_FLOOR, MAP).json("r.csv", &[])[0];
    assert_eq!(run["guardrail"], "error_rate");
    assert_eq!(run["recorded"]["treatment"]["latency_ms_mean"], 90.0);
    assert_eq!(run["recorded"]["treatment"]["error_rate"], 0.5);
}

#[test]
fn each_window_is_a_run_of_its_own() {
    let records = "t,c,v,l,e,f,ft\n\
                   2025-12-31T23:00:00Z,x,b,900,,,\n\
                   2026-01-01T01:00:00Z,x,a,100,,,\n\
                   2026-01-01T02:00:00Z,x,b,151,,,\n\
                   2026-01-03T00:00:00Z,x,a,100,,,\n\
                   2026-01-04T23:59:59Z,x,b,100,,,\n\
                   2026-01-09T00:00:00Z,x,a,100,,,\n";
    let case = Case::new("r.csv", records, NO_FLOOR, MAP);
    let lines = case.json("r.csv", &["--window", "48h", "--from", "2026-01-01"]);
    let outcomes: Vec<_> = lines[..3]
        .iter()
        .map(|run| (run["started_at"].as_str().unwrap(), run["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("2026-01-01T00:00:00Z", "rolled_back"),
            ("2026-01-03T00:00:00Z", "expired"),
            ("2026-01-09T00:00:00Z", "undecided"),
        ]
    );
    assert_eq!(lines[3]["windows"], 3);
    assert_eq!(lines[3]["counts"]["before_start"], 1);
    assert_eq!(lines[3]["counts"]["used"], 5);
    let text = case.run("r.csv", &["--window", "48h", "--from", "2026-01-01"]).out;
    assert!(text.contains("windows: 3 (1 expired, 1 rolled_back, 1 undecided)"), "{text}");
}

#[test]
fn filters_fixed_values_scales_and_orders_are_followed() {
    let records = "n,who,region,seconds,p\n0,a,east,0.1,0.905\n1,b,east,0.2,0.1\n2,b,west,9,0.1\n3,z,east,9,0.1\n";
    let map = "step = \"1h\"\nwhere = { region = [\"east\", \"north\"] }\n\
               columns = { order = \"n\", variant = \"who\", latency_ms = \"seconds\", score = \"p\" }\n\
               fixed = { camera = \"all\" }\nscale = { latency_ms = 1000, score = 100 }\n\
               variants = { control = \"a\", treatment = \"b\" }\n";
    let run = &Case::new("r.csv", records, NO_FLOOR, map).json("r.csv", &["--by-camera"])[0];
    assert_eq!(run["counts"]["filtered"], 1);
    assert_eq!(run["counts"]["other_variant"], 1);
    assert_eq!(run["decided_at"], "1970-01-01T01:00:00Z");
    assert_eq!(run["evidence"]["treatment"]["latency_ms_mean"], 200.0);
    assert_eq!(run["cameras"][0]["camera_id"], "all");
    assert_eq!(run["cameras"][0]["control"]["score_mean"], 91.0);
}

#[test]
fn without_a_variant_the_split_by_hash_decides() {
    let records = "t,c\n2026-01-01,front_door\n2026-01-01,back_yard\n";
    let map = "columns = { time = \"t\", camera = \"c\" }\n";
    let experiment = "salt = \"nemotron_prompt_v2\"\nab.treatment_percentage = 0.95\n";
    let run = &Case::new("r.csv", records, experiment, map).json("r.csv", &["--by-camera"])[0];
    // As the frozen vectors say: front_door control, back_yard treatment at 95 %.
    assert_eq!(run["cameras"][0]["control"]["analyses"], 1);
    assert_eq!(run["cameras"][1]["treatment"]["analyses"], 1);
}

#[test]
fn a_row_without_its_variant_is_of_neither() {
    let records =
        "t,c,v,l,e,f,ft\n2026-01-01,x,a,100,,,\n2026-01-01,x,,5000,,,\n2026-01-01,x, ,5000,,,\n";
    let run = &Case::new("r.csv", records, "", MAP).json("r.csv", &[])[0];
    assert_eq!(run["counts"]["other_variant"], 2);
    assert_eq!(run["counts"]["used"], 1);
}

#[test]
fn cameras_with_an_override_are_counted_apart() {
    let records = "t,c,v,l,e,f,ft\n2026-01-01,x,a,100,,,\n2026-01-01,lab,b,900,,,\n";
    let experiment = format!("{NO_FLOOR}assignment.overrides = {{ lab = \"treatment\" }}\n");
    let case = Case::new("r.csv", records, &experiment, MAP);
    let run = &case.json("r.csv", &[])[0];
    assert_eq!(run["outcome"], "undecided");
    assert_eq!(run["overridden_analyses"], 1);
    let text = case.run("r.csv", &[]).out;
    assert!(text.contains("not compared: 1 analyses of cameras with an override"), "{text}");
}

#[test]
fn feedback_that_comes_after_its_window_counts_in_none() {
    let records = "t,c,v,l,e,f,ft\n\
                   2026-01-01T00:00:00Z,x,a,100,,correct,\n\
                   2026-01-01T00:00:00Z,x,b,100,,false_positive,2026-02-01\n";
    let case = Case::new("r.csv", records, NO_FLOOR, MAP);
    assert_eq!(
        case.json("r.csv", &[])[0]["counts"]["labels_unattributed"],
        1,
        "a month is too late"
    );
    let records = records.replace("2026-02-01", "2026-01-03");
    let case = Case::new("r.csv", &records, NO_FLOOR, MAP);
    assert_eq!(case.json("r.csv", &[])[0]["guardrail"], "fp_rate");
    let lines = case.json("r.csv", &["--window", "48h"]);
    assert_eq!(lines[0]["outcome"], "undecided");
    assert_eq!(lines[1]["counts"]["labels_unattributed"], 1);
}

#[test]
fn a_map_that_cannot_work_is_refused_with_every_fault() {
    let map =
        "columns = { order = \"t\", variant = \"v\", color = \"c\" }\nscale = { score = nan }\n";
    let case = Case::new("r.csv", "t\n", "", map);
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 2);
    for fault in [
        "columns.color is not a known key",
        "scale.score is nan, allowed: a number from 0.000000001 to 1000000000",
        "step is missing",
        "columns.camera is missing",
        "variants is missing",
    ] {
        assert!(ran.err.contains(fault), "{fault}: {}", ran.err);
    }
}

#[test]
fn a_map_that_forgets_half_of_what_it_means_is_refused() {
    let map = "step = \"1h\"\ncolumns = { order = \"n\", camera = \"c\", feedback = \"f\", feedback_time = \"ft\" }\n\
               variants = { control = \"a\" }\n";
    let ran = Case::new("r.csv", "n\n", "", map).run("r.csv", &[]);
    for fault in [
        "columns.variant is missing, allowed: a column, as variants is set",
        "variants.treatment is missing",
        "columns.feedback_time is set beside columns.order",
    ] {
        assert!(ran.err.contains(fault), "{fault}: {}", ran.err);
    }
}

#[test]
fn the_sample_recording_rolls_back_on_false_positives() {
    let sample = system_tests::repository("scenarios/replay/sample.csv");
    let ran = replay(&sample, "sample", "sample", &["--format", "json"]);
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(run["outcome"], "rolled_back");
    assert_eq!(run["guardrail"], "fp_rate");
    // It had to wait for the hundredth label of the treatment, and for the next look.
    let labels = run["evidence"]["treatment"]["feedback"].as_u64().unwrap();
    assert!((100..110).contains(&labels), "{labels}");
    let judgement = &run["evidence"]["judgements"][0];
    assert_eq!(
        (&judgement["guardrail"], &judgement["verdict"]),
        (&"fp_rate".into(), &"fail".into())
    );
    assert!(judgement["evidence"].as_f64() >= judgement["evidence_needed"].as_f64());
    assert_eq!(run["counts"]["used"], run["counts"]["read"]);
}

/// Reads the peak of the command's memory while it waits for more input.
#[test]
#[cfg(target_os = "linux")]
fn a_long_recording_needs_no_more_memory_than_a_short_one() {
    let peak_kb = |rows: u32| {
        let folder = system_tests::repository("scenarios/replay");
        let case = Case::new(
            "unused",
            "",
            "",
            "columns = { time = \"t\", camera = \"c\" }\ntime_unit = \"ms\"\n",
        );
        let mut child = tidegate()
            .current_dir(folder)
            .args(["replay", "-", "--experiment"])
            .args([case.path("experiment.toml"), "--map".into(), case.path("map.toml")])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = std::io::BufWriter::new(child.stdin.take().unwrap());
        writeln!(stdin, "t,c").unwrap();
        for row in 0..rows {
            writeln!(stdin, "{},camera-{}", 1_700_000_000_000_u64 + u64::from(row), row % 100)
                .unwrap();
        }
        drop(stdin);
        // The kernel's high-water mark only rises, so the last reading before the end is the peak.
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"));
            let Some(line) = line else { break };
            let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(kb);
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(&format!("{rows} used")));
        peak
    };
    let (short, long) = (peak_kb(150_000), peak_kb(1_500_000));
    // Ten times the rows; the sort keeps 100,000 events at a time either way.
    assert!(long < short + 16 * 1024, "{short} kB for 150,000 rows, {long} kB for 1,500,000");
}

#[test]
fn explain_shows_every_look_and_changes_no_decision() {
    let sample = system_tests::repository("scenarios/replay/sample.csv");
    let line = |more: &[&str]| -> Value {
        let ran = replay(&sample, "sample", "sample", &[more, &["--format", "json"]].concat());
        serde_json::from_str(&ran.out).unwrap()
    };
    let (plain, mut explained) = (line(&[]), line(&["--explain"]));
    let looks = explained.as_object_mut().unwrap().remove("looks").unwrap();
    assert_eq!(plain, explained);
    let looks = looks.as_array().unwrap();
    assert!(looks.len() > 50, "{}", looks.len());
    let evidence = |look: &Value| look["judgements"][0]["evidence"].as_f64().unwrap();
    let needed = looks[0]["judgements"][0]["evidence_needed"].as_f64().unwrap();
    let enough = |look: &Value| look["judgements"][0]["trials"]["treatment"].as_u64() >= Some(100);
    // No look before the decision had both the evidence and the trials.
    assert!(looks.iter().all(|look| evidence(look) < needed || !enough(look)));
    let text = replay(&sample, "sample", "sample", &["--explain"]).out;
    assert_eq!(text.matches(" h: look\n").count(), looks.len());
}

/// Analyses a minute apart by turns, each line written by `line` from its number and variant.
fn recorded(rows: usize, line: impl Fn(usize, &str) -> String) -> String {
    (0..rows).map(|i| line(i, if i % 2 == 0 { "b" } else { "a" })).collect()
}

fn minute(i: usize) -> String {
    format!("2026-03-{:02}T{:02}:{:02}:00Z", 2 + i / 1440, i / 60 % 24, i % 60)
}

#[test]
fn a_failure_without_a_number_counts_however_python_writes_that_there_is_none() {
    let lines = |none: &str| {
        recorded(720, |i, variant| {
            let (at, camera) = (minute(i), i % 24);
            let (latency, error) = if i % 4 == 0 { (none, "\"timeout\"") } else { ("800", "null") };
            format!(
                "{{\"t\": \"{at}\", \"c\": \"c{camera}\", \"v\": \"{variant}\", \"l\": {latency}, \"e\": {error}}}\n"
            )
        })
    };
    let case = Case::new("null.jsonl", &lines("null"), NO_FLOOR, MAP);
    for (name, none) in [("nan", "NaN"), ("infinity", "Infinity"), ("minus", "-Infinity")] {
        let file = format!("{name}.jsonl");
        std::fs::write(case.path(&file), lines(none)).unwrap();
        let (with_null, mut with_nan) = (case.json("null.jsonl", &[]), case.json(&file, &[]));
        assert_eq!(with_nan[0]["guardrail"], "error_rate");
        assert_eq!(with_nan[0]["counts"]["no_value"], 180);
        with_nan[0]["counts"]["no_value"] = 0.into();
        assert_eq!(with_null, with_nan, "{none}");
    }
}

#[test]
fn an_answer_that_took_too_long_is_an_error_and_no_faulty_row() {
    let records = recorded(400, |i, variant| {
        let latency = if i % 20 == 0 { "600000.5" } else { "100" };
        format!("{},c{},{variant},{latency},,,,\n", minute(i), i % 4)
    });
    let case = Case::new("r.csv", &format!("t,c,v,l,e,f,ft,n\n{records}"), NO_FLOOR, MAP);
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.out.contains("400 read, 400 used"), "{}", ran.out);
    assert!(ran.out.contains("latencies above 600000 ms, counted as errors: 20"), "{}", ran.out);
    assert!(!ran.out.contains("rejected"), "{}", ran.out);
}

#[test]
fn no_verdict_is_given_on_data_that_was_not_read() {
    let row = |i: usize, variant: &str, latency: &str, note: &str| {
        format!("{},c{},{variant},{latency},,,,{note}\n", minute(i), i % 4)
    };
    let csv =
        |line: &dyn Fn(usize, &str) -> String| format!("t,c,v,l,e,f,ft,n\n{}", recorded(400, line));
    // Two of the treatment's two hundred rows are one percent of them, three are more.
    for (bad, code) in [(2, 0), (3, 1)] {
        let records = csv(&|i, variant| {
            row(i, variant, if i % 2 == 0 && i < 2 * bad { "fast" } else { "100" }, "")
        });
        let ran = Case::new("r.csv", &records, NO_FLOOR, MAP).run("r.csv", &[]);
        assert_eq!(ran.code, code, "{} {}", ran.out, ran.err);
        assert!(ran.out.contains(&format!("rejected for latency_ms: {bad} (treatment {bad})")));
        assert_eq!(ran.out.contains("whole recording"), code == 0, "{}", ran.out);
    }
    let open = csv(&|i, variant| row(i, variant, "100", if i == 4 { "\"gate open" } else { "ok" }));
    let case = Case::new("r.csv", &open, NO_FLOOR, MAP);
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("400 read, 0 used, 396 rejected"), "{}", ran.out);
    assert!(
        ran.out.contains("line 6: a quote that opens in line 6 is never closed"),
        "{}",
        ran.out
    );
    let refused = "no verdict, as too much was rejected: 99.0 % of the rows (396 of 400)";
    assert!(ran.err.contains(refused), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    // In windows too nothing is told before all was read.
    let ran = case.run("r.csv", &["--window", "1h", "--format", "json"]);
    let line: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, line["counts"]["rejected"].as_u64()), (1, Some(396)));
    assert!(line["no_verdict"].as_str().unwrap().contains("of the rows"));
    let ran = case.run("r.csv", &["--rejected-max", "99"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(case.run("r.csv", &["--rejected-max", "101"]).code, 2);
}

#[test]
fn ids_that_are_numbers_keep_every_digit() {
    let line = |id: &str| {
        format!("{{\"t\": \"2026-03-02T01:00:01Z\", \"i\": {id}, \"c\": \"c\", \"v\": \"a\"}}\n")
    };
    let ids = ["1772413200.12345678901", "1772413200.12345678902", "20000000000000000001"];
    let map = "columns = { time = \"t\", id = \"i\", camera = \"c\", variant = \"v\" }\n\
               variants = { control = \"a\", treatment = \"b\" }\n";
    let case = Case::new("r.jsonl", &ids.map(line).concat(), NO_FLOOR, map);
    assert_eq!(case.json("r.jsonl", &[])[0]["counts"]["used"], 3);
}

#[test]
fn a_clock_that_was_wrong_does_not_decide_where_the_test_begins() {
    let row = |at: &str, variant: &str| format!("{at},x,{variant},100,,,\n");
    let right = recorded(96, |i, variant| row(&minute(i), variant));
    let wrong = ["1970-01-01T00:00:12Z", "1970-01-01T00:01:12Z", "2098-01-01T00:00:00Z"];
    let wrong = wrong.map(|at| row(at, "b")).concat();
    let case = Case::new("r.csv", &format!("t,c,v,l,e,f,ft\n{wrong}{right}"), NO_FLOOR, MAP);
    let run = &case.json("r.csv", &[])[0];
    assert_eq!(run["started_at"], "2026-03-02T00:00:00Z");
    assert_eq!(run["counts"]["set_apart"]["treatment"], 3);
    assert_eq!(run["counts"]["used"], 96);
    // A start before the first record is no time without traffic.
    let early = &case.json("r.csv", &["--from", "2020-01-01"])[0];
    assert_eq!(early["started_at"], "2026-03-02T00:00:00Z");
    let at_it = &case.json("r.csv", &["--from", "2026-03-02T00:10:00Z"])[0];
    assert_eq!(at_it["started_at"], "2026-03-02T00:10:00Z");
    assert_eq!(
        (at_it["counts"]["used"].as_u64(), at_it["counts"]["before_start"].as_u64()),
        (Some(86), Some(10))
    );
}

#[test]
fn what_the_map_does_not_name_and_what_was_decided_about_values_is_told() {
    let records = "t,c,v,l,e,f,s\n\
                   2026-10-25 02:30:00,x,a,\"100,5\",none,true alarm,\"72,5\"\n\
                   2026-10-25 02:31:00,x,b,NaN,NaN,cat,72\n\
                   2026-10-25 02:32:00,x,B,100,,,\n\
                   1772413200000,x,b,100,quota,cat,\n";
    let map = "decimal = \",\"\ntime_zone = \"Europe/Berlin\"\nother_labels = \"false_positive\"\n\
               columns = { time = \"t\", camera = \"c\", variant = \"v\", latency_ms = \"l\", error = \"e\", feedback = \"f\", score = \"s\" }\n\
               variants = { control = \"a\", treatment = \"b\" }\nlabels = { correct = \"true alarm\" }\n";
    let case = Case::new("r.csv", records, NO_FLOOR, map);
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for told in [
        "of another variant: \"B\" (1)",
        "labels that [labels] does not name: \"cat\" (2)",
        "counted as errors: \"quota\" (1)",
        "times read as milliseconds since 1970, by their size: 1",
        "local times that the clocks showed twice, read as the first: 2",
        "values such as NaN read as no value: 2",
        "scores rounded to whole numbers: 1",
    ] {
        assert!(ran.out.contains(told), "{told}: {}", ran.out);
    }
    let refuse = format!("score_rounding = \"refuse\"\n{map}");
    std::fs::write(case.path("map.toml"), refuse).unwrap();
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("score \"72,5\" is no whole number"), "{}", ran.out);
}

#[test]
fn what_is_no_text_is_refused_by_name_and_old_line_ends_are_read() {
    let records = "t,c,v,l,e,f,ft\r2026-01-01,x,a,100,,,\r2026-01-02,x,b,151,,,\r";
    let case = Case::new("r.csv", records, NO_FLOOR, MAP);
    assert_eq!(case.json("r.csv", &[])[0]["counts"]["used"], 2);
    std::fs::write(case.path("r.csv"), b"\x1f\x8b\x08\0").unwrap();
    let ran = case.run("r.csv", &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("r.csv is compressed by gzip; allowed: text in UTF-8, as from gunzip -c"),
        "{}",
        ran.err
    );
}

/// The production rule, as long as the test lasts.
const SEQUENTIAL: &str = "guardrails.min_samples = 30\nab.duration_hours = 48\n";

/// One row of each of twenty cameras every half an hour, for so many hours.
fn every_half_hour(hours: u32, head: &str, row: impl Fn(u32, u32) -> String) -> String {
    let rows = (0..hours * 2).flat_map(|turn| {
        let row = &row;
        (0..20).map(move |camera| {
            let (day, hour, minute) = (turn / 48 + 1, turn / 2 % 24, turn % 2 * 30);
            let at = format!("2026-01-{day:02}T{hour:02}:{minute:02}:{camera:02}Z");
            format!("{at},c{camera},{}\n", row(turn, camera))
        })
    });
    std::iter::once(head.to_owned()).chain(rows).collect()
}

fn sequential(case: &Case) {
    let path = case.path("experiment.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replace("\"threshold\"", "\"sequential\"")).unwrap();
}

#[test]
fn a_stretch_before_the_test_stands_for_what_the_control_showed_before() {
    // From hour 24 on every fourth answer of the treatment takes six times as long.
    let records = every_half_hour(60, "t,c,v,l\n", |turn, camera| {
        let treated = turn >= 48 && camera % 2 == 0;
        let slow = treated && (turn + camera / 2).is_multiple_of(4);
        format!("{},{}", if treated { "b" } else { "a" }, if slow { 3_000 } else { 500 + camera })
    });
    let map = "columns = { time = \"t\", camera = \"c\", variant = \"v\", latency_ms = \"l\" }\n\
               variants = { control = \"a\", treatment = \"b\" }\n";
    // The mean is allowed to rise by so much; what is slow is known from the past alone.
    let limits = format!("{SEQUENTIAL}guardrails.max_latency_increase_pct = 900\n");
    let case = Case::new("r.csv", &records, &limits, map);
    sequential(&case);
    let plain = &case.json("r.csv", &["--from", "2026-01-02T00:00:00Z"])[0];
    assert_eq!(plain["outcome"], "undecided");
    let known = &case.json("r.csv", &["--baseline", "24h"])[0];
    assert_eq!(
        (&known["outcome"], &known["guardrail"]),
        (&"rolled_back".into(), &"slow_rate".into())
    );
    let hours = known["hours_to_decision"].as_f64().unwrap();
    assert!((0.5..12.0).contains(&hours), "from the beginning of the test: {hours}");
    // What came before the test is not part of what is compared.
    let used = known["counts"]["used"].as_u64().unwrap();
    let compared = |side: &str| known["recorded"][side]["analyses"].as_u64().unwrap();
    assert_eq!((used, compared("control") + compared("treatment")), (2_400, 1_440));
    let text = case.run("r.csv", &["--baseline", "24h"]).out;
    assert!(text.contains("the first 24 h are the control's past"), "{text}");
    let refused = case.run("r.csv", &["--baseline", "24h", "--window", "24h"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("--baseline is as long as --window"), "{}", refused.err);
}

const BOTH: &str = "columns = { time = \"t\", camera = \"c\", latency_ms = \"l\", error = \"e\", \
                    treatment_latency_ms = \"tl\", treatment_error = \"te\" }\n";

#[test]
fn both_answers_in_a_row_are_compared_in_shadow() {
    let settings = format!("{SEQUENTIAL}shadow.duration_hours = 24\n");
    // Every tenth answer of the treatment fails; in the other recording none does.
    let failing = |turn: u32, camera: u32| {
        let fails = (turn + camera).is_multiple_of(10);
        format!("500,,{},{}", if fails { "" } else { "510" }, if fails { "timeout" } else { "" })
    };
    for (outcome, records) in [
        ("rolled_back", every_half_hour(30, "t,c,l,e,tl,te\n", failing)),
        ("gate_opened", every_half_hour(30, "t,c,l,e,tl,te\n", |_, _| "500,,510,".to_owned())),
    ] {
        let case = Case::new("r.csv", &records, &settings, BOTH);
        sequential(&case);
        let run = &case.json("r.csv", &[])[0];
        assert_eq!(run["outcome"], outcome, "{run:#}");
        assert_eq!(run["counts"]["used"], 1_200);
        let sides = ["control", "treatment"].map(|side| run["recorded"][side]["analyses"].clone());
        assert!(sides[0] == sides[1] && sides[0].as_u64() >= Some(940), "{sides:?}");
        assert!(case.run("r.csv", &[]).out.contains("for 48 h; after 24 h of shadow"));
    }
}

#[test]
fn both_answers_go_with_a_shadow_and_with_a_row_of_the_control() {
    let records = every_half_hour(1, "t,c,l,e,tl,te\n", |_, _| "500,,510,".to_owned());
    let case = Case::new("r.csv", &records, "shadow.duration_hours = 0\n", BOTH);
    let refused = case.run("r.csv", &[]);
    assert!(
        refused.code == 2 && refused.err.contains("shadow.duration_hours is 0"),
        "{}",
        refused.err
    );
    let case = Case::new("r.csv", &records, "", BOTH);
    let refused = case.run("r.csv", &["--baseline", "1h"]);
    assert!(
        refused.code == 2 && refused.err.contains("--baseline is set beside"),
        "{}",
        refused.err
    );

    let map = "columns = { time = \"t\", camera = \"c\", variant = \"v\", treatment_score = \"s\" }\n\
               variants = { control = \"a\", treatment = \"b\" }\n";
    let records = "t,c,v,s\n2026-01-01T00:00:00Z,x,a,50\n2026-01-01T00:01:00Z,x,b,50\n";
    let case = Case::new("r.csv", records, "", map);
    let run = case.run("r.csv", &["--rejected-max", "100"]);
    let why = "line 3: treatment_score \"50\" is set in a row of the treatment";
    assert!(run.out.contains(why), "{}{}", run.out, run.err);
}
