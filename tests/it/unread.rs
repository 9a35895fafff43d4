//! No verdict is given on data that was not read, or not as it was meant.

use std::path::Path;

use serde_json::{Map, Value, json};
use tidegate_spec::api::parse_time;

use crate::command::{Ran, run};

/// The recording that ships, as JSON lines, each changed on the way.
fn lines(change: impl Fn(&mut Map<String, Value>)) -> String {
    let text = std::fs::read_to_string(system_tests::repository("scenarios/replay/sample.csv"));
    let text = text.unwrap();
    let mut rows = text.lines();
    let header: Vec<&str> = rows.next().unwrap().split(',').collect();
    let mut all = String::new();
    for row in rows {
        let mut fields: Map<String, Value> = header
            .iter()
            .zip(row.split(','))
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect();
        change(&mut fields);
        all += &(Value::Object(fields).to_string() + "\n");
    }
    all
}

/// A replay of these lines with the map that ships, and more in it.
fn replayed(folder: &Path, records: &str, more: &str) -> Ran {
    let shipped = |name: &str| {
        std::fs::read_to_string(system_tests::repository(&format!("scenarios/replay/{name}")))
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let map = write("m.toml", &format!("{more}\n{}", shipped("sample.map.toml").unwrap()));
    let experiment = write("e.toml", &shipped("sample.experiment.toml").unwrap());
    let records = write("r.jsonl", records);
    run(&["replay", &records, "--experiment", &experiment, "--map", &map])
}

fn is_failing(row: &Map<String, Value>) -> bool {
    row["event"].as_str().unwrap().ends_with(['3', '7'])
}

fn assert_no_verdict(ran: &Ran, why: &str) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("no verdict, as") && ran.err.contains(why), "{}", ran.err);
    assert!(!ran.out.contains("pass") && !ran.out.contains("within the limit"), "{}", ran.out);
}

#[test]
fn a_column_that_one_variants_rows_do_not_name_was_not_read() {
    let folder = tempfile::tempdir().unwrap();
    // A fifth of the treatment's analyses fail; the control's logger says `error` alone, the treatment's `err`.
    let log = |treatments: &'static str| {
        lines(move |row| {
            let fails = row["prompt"] == "v2" && is_failing(row);
            let name = if row["prompt"] == "v2" { treatments } else { "error" };
            row.remove("error");
            row.insert(name.to_owned(), if fails { json!("timeout") } else { Value::Null });
        })
    };
    let ran = replayed(folder.path(), &log("error"), "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("rolled_back"), "{}", ran.out);
    let ran = replayed(folder.path(), &log("err"), "");
    assert_no_verdict(&ran, "no row of the treatment has the column of error");
    assert!(ran.err.contains("optional = [\"error\"]"), "{}", ran.err);
}

#[test]
fn a_column_that_no_row_has_was_not_read_unless_the_map_calls_it_optional() {
    let folder = tempfile::tempdir().unwrap();
    let without = lines(|row| drop(row.remove("error")));
    let ran = replayed(folder.path(), &without, "");
    assert_no_verdict(&ran, "no row has the column \"error\"");
    let ran = replayed(folder.path(), &without, "optional = [\"error\"]");
    assert_eq!(ran.code, 0, "{}", ran.err);
    // A logger that names the column only where there is something to say.
    let sparse = lines(|row| {
        row.remove("error");
        if row["prompt"] == "v2" && is_failing(row) {
            row.insert("error".to_owned(), json!("timeout"));
        }
    });
    assert_no_verdict(&replayed(folder.path(), &sparse, ""), "no row of the control");
    let ran = replayed(folder.path(), &sparse, "optional = [\"error\"]");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("rolled_back"), "{}", ran.out);
    let ran = replayed(folder.path(), &without, "optional = [\"eror\"]");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("optional is \"eror\", allowed: time | order"), "{}", ran.err);
}

#[test]
fn scores_of_another_scale_are_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let shares = lines(|row| {
        let score: Option<f64> = row["risk_score"].as_str().unwrap().parse().ok();
        row.insert("risk_score".to_owned(), json!(score.map(|score| score / 100.0)));
    });
    let ran = replayed(folder.path(), &shares, "");
    assert_no_verdict(&ran, "scores lie between 0 and 1");
    assert!(ran.err.contains("[scale] score = 100"), "{}", ran.err);
    for scale in ["100", "1"] {
        let ran = replayed(folder.path(), &shares, &format!("scale = {{ score = {scale} }}"));
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

#[test]
fn a_unit_of_time_that_the_size_contradicts_is_no_unit() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = lines(|row| {
        for name in ["time", "feedback_time"] {
            let at = parse_time(row[name].as_str().unwrap()).ok();
            row.insert(name.to_owned(), json!(at.map(|at| at.ms() / 1_000)));
        }
    });
    let ran = replayed(folder.path(), &seconds, "time_unit = \"ms\"");
    assert_no_verdict(&ran, "every time has the size of one in s, not in ms");
    assert_eq!(replayed(folder.path(), &seconds, "time_unit = \"s\"").code, 0);
    // Times that count from the beginning of the recording say nothing of a date.
    let begun = parse_time("2026-03-02T00:00:00Z").unwrap().ms();
    let counted = lines(|row| {
        for name in ["time", "feedback_time"] {
            let at = parse_time(row[name].as_str().unwrap()).ok();
            row.insert(name.to_owned(), json!(at.map(|at| (at.ms() - begun) * 10)));
        }
    });
    let ran = replayed(folder.path(), &counted, "time_unit = \"ms\"");
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn a_zone_with_the_sign_turned_round_is_no_zone() {
    let folder = tempfile::tempdir().unwrap();
    for zone in ["UTC+2", "GMT+2", "UTC+02:00"] {
        let ran = replayed(folder.path(), "", &format!("time_zone = \"{zone}\""));
        assert_eq!(ran.code, 2, "{zone}");
        assert!(ran.err.contains("allowed: a name such as"), "{}", ran.err);
    }
    for zone in ["+02:00", "UTC", "Etc/GMT-2", "Europe/Berlin"] {
        let ran = replayed(folder.path(), &lines(|_| ()), &format!("time_zone = \"{zone}\""));
        assert_eq!(ran.code, 0, "{zone}: {}", ran.err);
    }
}

#[test]
fn a_reader_that_went_away_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let records = lines(|row| drop(row.remove("error")));
    let code = replayed(folder.path(), &records, "").code;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let script = format!(
        "'{}' replay '{}' --experiment '{}' --map '{}' --format json | true; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_tidegate-under-test"),
        path("r.jsonl"),
        path("e.toml"),
        path("m.toml")
    );
    let status = std::process::Command::new("bash").args(["-c", &script]).status().unwrap();
    assert_eq!((code, status.code()), (1, Some(1)));
}
