//! Whatever the bytes, a row is read or refused with its line.

use proptest::prelude::*;

use super::*;
use crate::lines::LINE_BYTES_MAX;

/// The rows as text, through a small buffer that cuts them in the middle.
fn read(layout: Layout, bytes: &[u8], columns: &[&str]) -> Vec<String> {
    read_by(7, layout, bytes, columns)
}

fn read_by(buffer: usize, layout: Layout, bytes: &[u8], columns: &[&str]) -> Vec<String> {
    let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
    let reader = io::BufReader::with_capacity(buffer, bytes);
    let mut rows = match Rows::new(reader, layout, b',', &columns) {
        Ok(rows) => rows,
        Err(RowsError::Header(why)) => return vec![why],
        Err(RowsError::Io(error)) => return vec![error.to_string()],
    };
    let mut shown = Vec::new();
    while let Some(row) = rows.next_row().unwrap() {
        shown.push(match row {
            Row::Read { line, values, .. } => {
                let values: Vec<&str> =
                    values.iter().map(|v| v.as_deref().unwrap_or("-")).collect();
                format!("{line}: {}", values.join("|"))
            }
            Row::Refused { line, rows: 1, why } => format!("{line}! {why}"),
            Row::Refused { line, rows, why } => format!("{line}!{rows} {why}"),
        });
    }
    shown
}

proptest! {
    #[test]
    fn where_the_buffer_cuts_changes_nothing(
        bytes in "[ab,\"\n\r{}:1 ]{0,80}",
        buffer in 1_usize..20,
    ) {
        let bytes = format!("a,b\n{bytes}");
        for layout in [Layout::Csv, Layout::JsonLines] {
            let whole = read_by(1 << 16, layout, bytes.as_bytes(), &["b"]);
            prop_assert_eq!(read_by(buffer, layout, bytes.as_bytes(), &["b"]), whole);
        }
    }
}

#[test]
fn csv_rows_keep_their_lines_across_quotes_and_blanks() {
    let text = b"a,b\n1,\"x\ny\"\n\n2,\"q\"\"q\"\r\n3\n";
    assert_eq!(
        read(Layout::Csv, text, &["b", "a"]),
        ["2: x\ny|1", "5: q\"q|2", "6! the row has 1 fields, the header 2"]
    );
}

/// Two columns are read of `t,id,note` with forty rows, one of which is written otherwise.
fn with_note(note: &str) -> Vec<String> {
    let row = |i: usize| {
        let note = if i == 4 { note } else { "ok" };
        format!("2026-03-02T01:{i:02}:00Z,e{i},{note}\n")
    };
    let rows: String = (0..40).map(row).collect();
    read(Layout::Csv, format!("t,id,note\n{rows}").as_bytes(), &["t", "id"])
}

#[test]
fn a_quote_that_is_left_open_loses_no_row_in_silence() {
    let rows = with_note("\"gate open");
    assert_eq!(rows.len(), 5);
    let told = "6!36 a quote that opens in line 6 is never closed, so that 36 lines to the end were not read";
    assert!(rows[4].starts_with(told), "{}", rows[4]);
    // A later quote closes it, in the middle of a text or at its end.
    for later in ["\"gate shut\"", "\"gate shut", "gate shut\"", "\"\"\"gate shut\"\"\""] {
        let text = "t,id,note\n2026-03-02T01:00:00Z,e0,\"gate open\n2026-03-02T01:01:00Z,e1,ok\n\
                    2026-03-02T01:02:00Z,e2,LATER\n2026-03-02T01:03:00Z,e3,ok\n"
            .replace("LATER", later);
        let rows = read(Layout::Csv, text.as_bytes(), &["t", "id"]);
        assert!(rows[0].starts_with("2!3 "), "{later}: {rows:?}");
        assert_eq!(rows[1], "5: 2026-03-02T01:03:00Z|e3", "{later}");
    }
}

/// Each with the writer that writes it so.
#[test]
fn quotes_are_read_as_they_are_meant_or_refused() {
    for (writer, note, expected) in [
        ("Python csv, a quote in a text", "\"say \"\"hi\"\"\"", None),
        ("Excel, a text over lines", "\"first\r\nsecond, and, more\r\nthird\"", None),
        ("PostgreSQL COPY, an empty text", "\"\"", None),
        ("a model's answer with commas", "\"one,two\nthree,four,five\nsix\"", None),
        ("awk, a quote within a text", "12\" screen", None),
        (
            "MySQL without ESCAPED BY ''",
            "\"say \\\"hi\\\"\"",
            Some("text follows a closing quote in line 6"),
        ),
        ("a shell script", "\"a\"b", Some("text follows a closing quote in line 6")),
        (
            "a shell script, a blank behind",
            "\"a\" ",
            Some("text follows a closing quote in line 6"),
        ),
        ("PHP implode", "\"a\"\"", Some("a quote that opens in line 6 is never closed")),
    ] {
        let rows = with_note(note);
        let refused: Vec<&String> = rows.iter().filter(|row| row.contains('!')).collect();
        match expected {
            None => assert_eq!((rows.len(), refused.len()), (40, 0), "{writer}: {refused:?}"),
            Some(why) => assert!(refused[0].contains(why), "{writer}: {refused:?}"),
        }
    }
}

#[test]
fn the_line_of_excel_about_the_delimiter_is_honoured() {
    let text = b"sep=,\r\na,b\r\n1,2\r\n";
    assert_eq!(read(Layout::Csv, text, &["b"]), ["3: 2"]);
    let found = read(Layout::Csv, b"sep=;\na;b\n1;2\n", &["b"]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("delimiter = \";\" in the map"), "{found:?}");
}

/// Each with the writer that writes it so.
#[test]
fn json_lines_are_read_as_their_writers_mean_them() {
    for (writer, line, expected) in [
        ("Python json.dumps of a missing float", "{\"a\": NaN, \"b\": \"x\"}", "1: -|x"),
        ("Python json.dumps(inf)", "{\"a\": Infinity, \"b\": \"x\"}", "1: -|x"),
        ("Python json.dumps(-inf)", "{\"a\": -Infinity, \"b\": \"x\"}", "1: -|x"),
        ("pandas to_json", "{\"a\":null,\"b\":\"x\"}", "1: -|x"),
        (
            "Frigate, an id that begins with a time",
            "{\"a\": 1772413200.12345678901}",
            "1: 1772413200.12345678901|-",
        ),
        ("Python int beyond 64 bits", "{\"a\": 20000000000000000001}", "1: 20000000000000000001|-"),
        ("Snowflake ids beyond 2^53", "{\"a\": 9007199254740993}", "1: 9007199254740993|-"),
        ("JavaScript, a number with an exponent", "{\"a\": 1e21}", "1: 1e21|-"),
        ("Go, a float that is whole", "{\"a\": 2.0}", "1: 2.0|-"),
        ("PowerShell 5 Out-File -Encoding utf8", "\u{feff}{\"a\": 1}", "1: 1|-"),
        ("a name that comes twice: the last", "{\"a\": 1, \"a\": 2}", "1: 2|-"),
        ("JavaScript, a cut emoji elsewhere", "{\"a\": 1, \"c\": \"\\ud83d\"}", "1: 1|-"),
        (
            "a cut emoji where it matters",
            "{\"a\": \"\\ud83d\"}",
            "1! \"a\" holds half of a surrogate pair",
        ),
        (
            "Python print(dict)",
            "{'a': 1}",
            "1! the line is no JSON object (one a line, no list): has names in single quotes",
        ),
        (
            "a log that was cut",
            "{\"a\": 1",
            "1! the line is no JSON object (one a line, no list): ends at column 7",
        ),
        (
            "pandas to_json(orient='records')",
            "[{\"a\":1},{\"a\":2}]",
            "1! the line is no JSON object (one a line, no list): is a list",
        ),
    ] {
        let found = read(Layout::JsonLines, line.as_bytes(), &["a", "b"]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{writer}: {found:?}");
    }
}

#[test]
fn csv_without_the_column_says_what_there_is() {
    assert_eq!(
        read(Layout::Csv, b"a,b\n", &["c"]),
        ["column \"c\" is not in the header, which has: \"a\", \"b\""]
    );
    assert_eq!(read(Layout::Csv, b"", &["c"]), ["the recording is empty"]);
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_matter() {
    assert_eq!(
        read(Layout::Csv, b"a,b\n\xff,1\n2,\xff\n", &["b"]),
        ["2: 1", "3! field 2 is not UTF-8"]
    );
}

#[test]
fn a_row_too_long_is_let_go_by_and_the_next_is_read() {
    let long = "x".repeat(3 * LINE_BYTES_MAX);
    let csv = format!("a\n{long}\nshort\n");
    let shown = read(Layout::Csv, csv.as_bytes(), &["a"]);
    assert!(shown[0].starts_with("2! the row has more than"), "{}", shown[0]);
    assert_eq!(shown[1], "3: short");
    let json = format!("{{\"a\":\"{long}\"}}\n{{\"a\":1}}");
    let shown = read(Layout::JsonLines, json.as_bytes(), &["a"]);
    assert!(shown[0].starts_with("1! the line has more than"), "{}", shown[0]);
    assert_eq!(shown[1], "2: 1");
}

#[test]
fn json_lines_give_texts_numbers_and_nothing() {
    let text = b"{\"a\":\"x\",\"b\":1.5}\n\n{\"b\":true}\n[1]\n{\"a\":[1]}\n";
    let shown = read(Layout::JsonLines, text, &["a", "b"]);
    assert_eq!(shown[..2], ["1: x|1.5", "3: -|true"]);
    assert!(shown[2].starts_with("4! the line is no JSON object"), "{}", shown[2]);
    assert_eq!(shown[3], "5! \"a\" is a list or an object");
}
