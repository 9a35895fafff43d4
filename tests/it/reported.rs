//! Situations that people reported of other systems, with inputs of the same shape in `tests/reports`. Those without a
//! file have their stories elsewhere: a ramp on silence and a split right after a step in `silence`, a journal whose cache is
//! damaged in the journal's own tests, a journal that cannot be read in `faults::damage`, a clock that was ahead in `away`.

use std::path::PathBuf;

use serde_json::Value;
use system_tests::daemon::Start;

use crate::command::{Ran, run, run_with_input};

const DOOR: &str =
    "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
const MAP: &str = "[columns]\ntime = \"time\"\nid = \"event\"\ncamera = \"camera\"\nvariant = \"prompt\"\n\
                   latency_ms = \"latency\"\nerror = \"err\"\n[variants]\ncontrol = \"v1\"\ntreatment = \"v2\"\n";

fn input(name: &str) -> PathBuf {
    system_tests::repository("tests/reports").join(name)
}

/// Replays a recording of the columns that all of them have.
fn replayed(recording: &[u8], name: &str, format: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // Only what failed says how.
    let map = if recording.windows(3).any(|bytes| bytes == b"err") {
        MAP.to_owned()
    } else {
        MAP.replace("error = \"err\"\n", "")
    };
    let (records, door, map) = (
        write(name, recording),
        write("door.toml", DOOR.as_bytes()),
        write("map.toml", map.as_bytes()),
    );
    run(&["replay", &records, "--experiment", &door, "--map", &map, "--format", format])
}

#[test]
fn a_quote_that_is_left_open_gives_no_verdict_and_names_its_line() {
    let recording = std::fs::read(input("quote-left-open.records.csv")).unwrap();
    let ran = replayed(&recording, "records.csv", "text");
    assert_eq!(ran.code, 1, "{}", ran.out);
    let said = ran.out + &ran.err;
    for part in ["a quote that opens in line 6 is never closed", "no verdict", "36 of 40"] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
}

/// Twelve hours of a fleet on which the treatment's analyses fail for six hours, as Python writes it.
fn half_failed(missing: &str) -> String {
    let row = |minute: usize| {
        let (hour, of_hour, camera) = (1 + minute / 60, minute % 60, minute % 24);
        let prompt = if minute.is_multiple_of(2) { "v2" } else { "v1" };
        let failed = prompt == "v2" && minute < 360;
        let (latency, err) = if failed { (missing, "\"timeout\"") } else { ("800", "null") };
        format!(
            "{{\"time\": \"2026-03-02T{hour:02}:{of_hour:02}:00Z\", \"event\": \"e{minute}\", \"camera\": \"cam-{camera}\", \
             \"prompt\": \"{prompt}\", \"latency\": {latency}, \"err\": {err}}}\n"
        )
    };
    (0..720).map(row).collect()
}

#[test]
fn a_latency_that_python_wrote_as_nan_takes_no_failure_away() {
    let of = |missing: &str| {
        let ran = replayed(half_failed(missing).as_bytes(), "records.jsonl", "json");
        let answer =
            ran.out.lines().last().map(|line| serde_json::from_str::<Value>(line).unwrap());
        (ran.code, answer.expect(&ran.err))
    };
    let (code, with_null) = of("null");
    assert_eq!(with_null["outcome"], "rolled_back", "{with_null}");
    for missing in ["NaN", "Infinity", "-Infinity"] {
        let (same, with_nan) = of(missing);
        assert_eq!(same, code, "{missing}");
        for field in ["outcome", "decided_at", "evidence"] {
            assert_eq!(with_nan[field], with_null[field], "{missing}");
        }
    }
}

#[test]
fn ids_that_are_numbers_keep_all_their_digits() {
    let recording = std::fs::read(input("ids-that-are-numbers.records.jsonl")).unwrap();
    let ran = replayed(&recording, "records.jsonl", "text");
    assert!(ran.out.contains("records: 3 read, 3 used"), "{}{}", ran.out, ran.err);
}

#[test]
fn answers_with_odd_fields_that_do_not_matter_are_parsed() {
    let cases = input("answers-with-odd-other-fields.cases.jsonl");
    let cases = cases.to_str().unwrap();
    let ran = run(&["evaluate", cases, "--control", "a", "--treatment", "b"]);
    for side in ["control:   3 parsed, 0 not parsed", "treatment: 3 parsed, 0 not parsed"] {
        assert!(ran.out.contains(side), "{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_byte_order_mark_costs_no_observation_and_no_camera() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    assert_eq!(daemon.define("door", DOOR).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    let reports = input("bom-in-observations.reports.jsonl");
    let recorded = run(&["record", reports.to_str().unwrap(), "--server", daemon.address()]);
    assert_eq!(recorded.code, 0, "{}{}", recorded.out, recorded.err);
    let status = daemon.get("/v1/experiments/door/status").body;
    assert_eq!(status["variants"]["control"]["analyses"], 2, "{status}");

    let cameras = std::fs::read(input("bom-in-observations.cameras.txt")).unwrap();
    let assigned = run_with_input(&["assign", "--salt", "s", "--share", "0.5"], &cameras);
    assert_eq!((assigned.code, assigned.out.lines().count()), (0, 2), "{}", assigned.err);
}
