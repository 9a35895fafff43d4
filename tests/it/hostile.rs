//! Whatever bytes a recording has: a clear error or counted rejects, never a panic.

use std::path::PathBuf;

use proptest::prelude::*;

use crate::command::{replay, run, run_with_input};

fn sample(name: &str) -> String {
    system_tests::repository("scenarios/replay").join(name).to_str().unwrap().to_owned()
}

fn replay_bytes(bytes: &[u8]) -> crate::command::Ran {
    let (experiment, map) = (sample("sample.experiment.toml"), sample("sample.map.toml"));
    // However few rows are good: what becomes of each is the question here.
    let all = ["--rejected-max", "100%"];
    let arguments = ["replay", "-", "--experiment", &experiment, "--map", &map];
    run_with_input(&[&arguments[..], &all].concat(), bytes)
}

const HEADER: &str =
    "time,event,camera,prompt,latency_ms,error,risk_score,feedback,feedback_time\n";
const GOOD: &str = "2026-03-02T00:00:01Z,e1,c1,v1,100,,50,correct,\n";

#[test]
fn each_bad_row_is_counted_and_named_and_the_good_ones_are_used() {
    let time = "2026-03-02T00:00:01Z";
    let rows = [
        (
            format!("{time},e2,c1,v1,inf,,50,,\n"),
            "latency in ms inf is out of range, allowed: 0 to 600000",
        ),
        (
            format!("{time},e2,c1,v1,\"1,5\",,50,,\n"),
            "it has a comma, allowed: a point, or decimal",
        ),
        (format!("{time},e2,c1,v1,1,,100.4,,\n"), "risk score 100.4 is out of range"),
        (format!("{time},e2,\"c\"1,v1,1,,50,,\n"), "text follows a closing quote in line 2"),
        (format!("{time},e2,c1,v1,-5,,50,,\n"), "latency in ms -5 is out of range"),
        (format!("{time},e2,c1,v1,fast,,50,,\n"), "latency_ms \"fast\" is no number"),
        (
            format!("{time},e2,c1,v1,1,,101,,\n"),
            "risk score 101 is out of range, allowed: 0 to 100",
        ),
        (format!("{time},e2,c\t1,v1,1,,50,,\n"), "camera id `c\\t1` has the character '\\t'"),
        (format!("{time},e2,,v1,1,,50,,\n"), "camera is empty"),
        (format!("{time},{},c1,v1,1,,50,,\n", "x".repeat(129)), "is 129 bytes long"),
        ("yesterday,e2,c1,v1,1,,50,,\n".to_owned(), "time \"yesterday\" is no ISO 8601 time"),
        (format!("{time},e2,c1,v1,1,,50,great,\n"), "feedback \"great\" is not in labels"),
        (format!("{time},e2,c1,v1,1,,50,correct,1999-01-01\n"), "is before the analysis"),
        (format!("{time},e2\n"), "the row has 2 fields, the header 9"),
    ];
    for (row, why) in rows {
        let ran = replay_bytes(format!("{HEADER}{row}{GOOD}").as_bytes());
        assert_eq!(ran.code, 0, "{row}: {}", ran.err);
        assert!(ran.out.contains("2 read, 1 used, 1 rejected"), "{row}: {}", ran.out);
        assert!(ran.out.contains("  line 2: "), "{row}: {}", ran.out);
        assert!(ran.out.contains(why), "{row}: {}", ran.out);
    }
}

#[test]
fn mixed_encodings_reject_only_their_rows() {
    let mut bytes = format!("\u{feff}{HEADER}{GOOD}").into_bytes();
    // Latin-1 and a lone UTF-16 unit in columns that are read; the last one in a quoted field.
    bytes.extend(b"2026-03-02T00:00:01Z,e2,t\xfcr,v1,1,,50,,\n");
    bytes.extend(b"2026-03-02T00:00:01Z,e3,\"\xff\xfe\",v1,1,,50,,\n");
    bytes.extend(GOOD.replace("e1", "e4").as_bytes());
    let ran = replay_bytes(&bytes);
    assert!(ran.out.contains("4 read, 2 used, 2 rejected"), "{}", ran.out);
    assert!(ran.out.contains("line 3: field 3 is not UTF-8"), "{}", ran.out);
}

#[test]
fn files_that_are_no_recordings_are_refused_in_one_sentence() {
    for (bytes, why) in [
        (&b""[..], "the recording is empty"),
        (b"\x00\x01\x02\xff\xfe\n\x00", "column \"time\" is not in the header"),
        (
            b"time,event\n1,2\n",
            "column \"camera\" is not in the header, which has: \"time\", \"event\"",
        ),
        (HEADER.as_bytes(), "no record of - could be used: 0 read, 0 used"),
    ] {
        let ran = replay_bytes(bytes);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(why), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    let missing = replay(&PathBuf::from("does/not/exist.csv"), "sample", "sample", &[]);
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.starts_with("tidegate: cannot read does/not/exist.csv: "),
        "{}",
        missing.err
    );
    let folder = system_tests::repository("scenarios");
    assert_eq!(replay(&folder, "sample", "sample", &[]).code, 2);
}

#[test]
fn an_open_quote_is_named_with_its_line_however_long_what_it_swallows() {
    let open =
        format!("{HEADER}{GOOD}2026-03-02T00:00:01Z,\"e2,c1,v1,1,,50,,\n{}", GOOD.repeat(30_000));
    let ran = replay_bytes(open.as_bytes());
    assert!(ran.out.contains("30002 read, 1 used, 30001 rejected"), "{}", ran.out);
    assert!(ran.out.contains("line 3: the row has more than 1048576 bytes"), "{}", ran.out);
    assert!(ran.out.contains("a quote that opens in line 3 is never closed"), "{}", ran.out);
}

#[test]
fn more_cameras_than_allowed_are_rejected_with_their_lines() {
    let row = |i| format!("2026-03-02T00:00:01Z,e{i},c{i},v1,1,,50,,\n");
    let rows = (0..10_001).map(row).collect::<Vec<_>>().concat();
    let ran = replay_bytes(format!("{HEADER}{rows}").as_bytes());
    assert!(ran.out.contains("10001 read, 10000 used, 1 rejected"), "{}", ran.out);
    assert!(ran.out.contains("line 10002: more than 10000 cameras"), "{}", ran.out);
}

#[test]
fn a_row_that_runs_on_over_lines_hints_at_an_open_quote() {
    let open = format!("{HEADER}{GOOD}2026-03-02T00:00:01Z,\"e2,c1\n{GOOD}\"\n{GOOD}");
    let ran = replay_bytes(open.as_bytes());
    assert!(
        ran.out.contains("line 3: the row has 2 fields, the header 9; it goes on to line"),
        "{}",
        ran.out
    );
}

#[test]
fn a_column_that_stands_twice_is_refused() {
    let ran = replay_bytes(HEADER.replace("event", "time").as_bytes());
    assert!(ran.err.contains("column \"time\" is in the header more than once"), "{}", ran.err);
}

#[test]
fn a_json_list_is_told_from_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("r.jsonl");
    std::fs::write(&records, "[{\"time\": 1},\n{\"time\": 2}]\n").unwrap();
    let ran = replay(&records, "sample", "sample", &[]);
    assert!(
        ran.out.contains("line 1: the line is no JSON object (one a line, no list)"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("no row has the column \"camera\" that the map names"), "{}", ran.out);
}

#[test]
fn an_endless_line_of_camera_ids_is_let_go_by() {
    let input = [vec![b'x'; 3 * 1024 * 1024], b"\ndoor\n".to_vec()].concat();
    let ran = run_with_input(&["assign", "--salt", "s", "--share", "1", "-"], &input);
    assert_eq!(ran.out.lines().count(), 1);
    assert!(ran.err.contains("line 1: longer than 1048576 bytes"), "{}", ran.err);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_byte_order_mark_costs_no_camera() {
    let assign = ["assign", "--salt", "s", "--share", "0.5", "-"];
    let ran = run_with_input(&assign, b"\xef\xbb\xbfcam-1\ncam-2\n");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, run_with_input(&assign, b"cam-1\ncam-2\n").out);
    let ran = run_with_input(&assign, b"\xff\xfec\0a\0m\0");
    assert!(ran.code == 2 && ran.err.contains("iconv -f UTF-16"), "{}", ran.err);
}

#[test]
fn settings_files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.toml");
    for bytes in [&b"\xff\xfe\x00"[..], b"{", b"[[", b"\"", b"key = 1e999", b"[a.b]\na = 1"] {
        std::fs::write(&path, bytes).unwrap();
        let ran = run(&["experiment", "check", path.to_str().unwrap()]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{bytes:?}");
        assert!(ran.err.starts_with("tidegate: "), "{}", ran.err);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_bytes_behind_a_good_header_never_panic(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'\n'), Just(b'"')], 0..2_000),
    ) {
        let ran = replay_bytes(&[HEADER.as_bytes(), &bytes, b"\n", GOOD.as_bytes()].concat());
        prop_assert!(ran.code == 0 || ran.code == 2, "{} {}", ran.code, ran.err);
    }

    #[test]
    fn random_experiment_texts_never_panic(text in "(key|ab|=|\\[|\\]|\\{|\\}|\"|'|\n|nan|inf|-?[0-9.]{1,6}|[a-z_.]{1,9}| ){0,60}") {
        // Reading it is all; most texts are refused.
        let _ = tidegate_spec::ExperimentFile::parse(&text);
    }
}
