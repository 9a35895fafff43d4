//! Maps and recordings, changed in every way.

use std::io::Cursor;

use fuzz::Target;

use super::counts::RowCounts;
use super::map::{Layout, Map};
use super::record::RecordReader;
use super::rows::{Row, Rows};
use crate::encoding;

const MAP: &str = r#"
time_zone = "Europe/Berlin"
[columns]
time = "t"
id = "i"
camera = "c"
variant = "v"
latency_ms = "l"
error = "e"
score = "s"
feedback = "f"
feedback_time = "ft"
treatment_latency_ms = "tl"
treatment_error = "te"
treatment_score = "ts"
[variants]
control = "a"
treatment = ["b", "v2_calibrated"]
"#;

#[test]
fn maps() {
    let words = &[
        "[columns]",
        "[fixed]",
        "[scale]",
        "[variants]",
        "[labels]",
        "time",
        "order",
        "step",
        "where",
        "camera_modulo",
        "delimiter",
        "\";\"",
        "decimal",
        "time_zone",
        "\"Europe/Berlin\"",
        "no_error",
        "no_value",
        "score_rounding",
    ];
    Target { name: "map", words }.fuzz(|bytes| match Map::parse(&String::from_utf8_lossy(bytes)) {
        Ok(map) => drop(RecordReader::new(&map).columns().len()),
        Err(error) => drop(error.to_string()),
    });
}

/// Every row is read, left out, or counted as rejected: none is lost in silence.
fn read(layout: Layout, delimiter: u8, bytes: &[u8]) {
    let map = Map::parse(MAP).expect("a map");
    let records = RecordReader::new(&map);
    let Ok(reader) = encoding::text(Cursor::new(bytes.to_vec())) else { return };
    let Ok(mut rows) = Rows::new(reader, layout, delimiter, records.columns()) else { return };
    let (mut counts, mut last) = (RowCounts::default(), 0);
    while let Some(row) = rows.next_row().expect("memory gives what it has") {
        let line = match row {
            Row::Read { line, values, absent } => {
                drop(records.read(values, absent, &mut counts));
                line
            }
            Row::Refused { line, rows, why } => {
                assert!(rows > 0 && !why.is_empty());
                line
            }
        };
        assert!(line > last, "line {line} after line {last}");
        last = line;
    }
}

#[test]
fn rows_of_tables() {
    let words = &["\"\"", "sep=;", "#TYPE ", "t", "2026-03-02 01:00:00", "false_positive", "\\N"];
    Target { name: "csv", words }.fuzz(|bytes| {
        for delimiter in [b',', b';'] {
            read(Layout::Csv, delimiter, bytes);
        }
    });
}

#[test]
fn lines_of_json() {
    let words = &["\"t\":", "\"c\":", "\"l\":", "\"f\":", "\"correct\"", "1772413200000"];
    Target { name: "jsonl", words }.fuzz(|bytes| read(Layout::JsonLines, b',', bytes));
}
