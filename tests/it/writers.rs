//! Recordings as the tools write them that people have: read as they are meant, or refused with what to do.
//!
//! Each row of the tables is a documented behaviour of the tool that it names.

use system_tests::daemon::Start;
use system_tests::raw::Request;

use crate::command::{Ran, run};

/// Two analyses, of which the treatment's took 150 ms where the control's took 100; what a table changes is the
/// way they are written.
const EXPERIMENT: &str = "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n\
                          guardrails.rule = \"threshold\"\nguardrails.min_samples = 0\n";
const VARIANTS: &str = "variants = { control = \"a\", treatment = \"b\" }\n";

/// Replays a text under a map, of which `columns` and what else is needed is given.
fn replayed(name: &str, records: &[u8], map: &str, format: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path(name), records).unwrap();
    std::fs::write(path("experiment.toml"), EXPERIMENT).unwrap();
    let variants = if map.contains("variants") { "" } else { VARIANTS };
    std::fs::write(path("map.toml"), format!("{map}\n{variants}")).unwrap();
    let (experiment, map) = (path("experiment.toml"), path("map.toml"));
    run(&["replay", &path(name), "--experiment", &experiment, "--map", &map, "--format", format])
}

/// What came of both analyses: latency by variant, and failures.
fn read(tool: &str, ran: &Ran) -> (f64, f64, u64) {
    assert_eq!(ran.code, 0, "{tool}: {} {}", ran.out, ran.err);
    let run: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    let recorded = |side: &str, what: &str| run["recorded"][side][what].clone();
    let latency = |side| recorded(side, "latency_ms_mean").as_f64().unwrap_or(f64::NAN);
    let failures = ["control", "treatment"].map(|side| recorded(side, "errors").as_u64().unwrap());
    assert_eq!(recorded("control", "analyses"), 1, "{tool}: {run}");
    assert_eq!(recorded("treatment", "analyses"), 1, "{tool}: {run}");
    (latency("control"), latency("treatment"), failures.iter().sum())
}

const PLAIN: &str =
    "columns = { time = \"t\", camera = \"c\", variant = \"v\", latency_ms = \"l\" }";
const ERRORS: &str = "columns = { time = \"t\", camera = \"c\", variant = \"v\", latency_ms = \"l\", error = \"e\" }";

/// A row of a table of rows in CSV, with this header, for times as given.
fn csv(header: &str, rows: [&str; 2]) -> Vec<u8> {
    format!("{header}\n{}\n{}\n", rows[0], rows[1]).into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn tables_are_read_as_their_tools_write_them() {
    let t = ["2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z"];
    let row = |n: usize, rest: &str| format!("{},{rest}", t[n]);
    let plain = [row(0, "x,a,100"), row(1, "y,b,150")];
    let [first, second] = plain.each_ref().map(String::as_str);
    let lines = format!("t,c,v,l\n{first}\n{second}\n");
    let semicolons = "decimal = \",\"\ndelimiter = \";\"\n";
    let cases: Vec<(&str, Vec<u8>, String)> = vec![
        ("Python csv.writer: CRLF", lines.replace('\n', "\r\n").into(), PLAIN.into()),
        ("Excel, CSV (Macintosh): CR alone", lines.replace('\n', "\r").into(), PLAIN.into()),
        ("Excel, CSV UTF-8: a mark before it", format!("\u{feff}{lines}").into(), PLAIN.into()),
        (
            "Excel, German: a line about the delimiter, decimal commas, a mark",
            format!("\u{feff}sep=;\r\n{}", lines.replace(',', ";").replace("100", "100,0")).into(),
            format!("{semicolons}{PLAIN}"),
        ),
        ("Grafana, CSV for Excel", format!("sep=,\n{lines}").into(), PLAIN.into()),
        (
            "R write.csv2: semicolons, decimal commas, quotes",
            csv(
                "\"t\";\"c\";\"v\";\"l\"",
                [
                    "\"2026-03-02 01:00:00\";\"x\";\"a\";100,0",
                    "\"2026-03-02 02:00:00\";\"y\";\"b\";150,0",
                ],
            ),
            format!("{semicolons}{PLAIN}"),
        ),
        (
            "R write.csv: a column of row names without a name",
            csv(
                "\"\",\"t\",\"c\",\"v\",\"l\"",
                [
                    "\"1\",\"2026-03-02 01:00:00\",\"x\",\"a\",1e+02",
                    "\"2\",\"2026-03-02 02:00:00\",\"y\",\"b\",150",
                ],
            ),
            PLAIN.into(),
        ),
        (
            "pandas to_csv: an index without a name, floats",
            csv(
                ",t,c,v,l",
                ["0,2026-03-02 01:00:00+00:00,x,a,100.0", "1,2026-03-02 02:00:00+00:00,y,b,150.0"],
            ),
            PLAIN.into(),
        ),
        (
            "pandas to_csv of a whole date and a time in microseconds",
            csv("t,c,v,l", ["2026-03-02,x,a,100", "2026-03-02 01:00:00.000001,y,b,150"]),
            PLAIN.into(),
        ),
        (
            "polars write_csv: offsets without a colon",
            csv(
                "t,c,v,l",
                [
                    "2026-03-02T01:00:00.000000+0000,x,a,100.0",
                    "2026-03-02T02:00:00.000000+0000,y,b,150.0",
                ],
            ),
            PLAIN.into(),
        ),
        (
            "psql --csv: timestamptz, booleans of one letter",
            csv(
                "t,c,v,l,e",
                ["2026-03-02 01:00:00+00,x,a,100,f", "2026-03-02 02:00:00+00,y,b,150,f"],
            ),
            ERRORS.into(),
        ),
        (
            "PostgreSQL COPY, text format with HEADER: tabs, \\N",
            csv(
                "t\tc\tv\tl\te",
                [
                    "2026-03-02 01:00:00+00\tx\ta\t100\t\\N",
                    "2026-03-02 02:00:00+00\ty\tb\t150\t\\N",
                ],
            ),
            format!("delimiter = \"\\t\"\n{ERRORS}"),
        ),
        (
            "mysql --batch: tabs, NULL",
            csv(
                "t\tc\tv\tl\te",
                ["2026-03-02 01:00:00\tx\ta\t100\tNULL", "2026-03-02 02:00:00\ty\tb\t150\tNULL"],
            ),
            format!("delimiter = \"\\t\"\n{ERRORS}"),
        ),
        (
            "sqlite3 -csv: CRLF, quotes where there is a blank",
            csv(
                "t,c,v,l",
                ["\"2026-03-02 01:00:00\",x,a,100\r", "\"2026-03-02 02:00:00\",y,b,150.0\r"],
            ),
            PLAIN.into(),
        ),
        (
            "ClickHouse CSVWithNames: texts in quotes, \\N, nan",
            csv(
                "\"t\",\"c\",\"v\",\"l\",\"e\"",
                [
                    "\"2026-03-02 01:00:00.000\",\"x\",\"a\",100,\\N",
                    "\"2026-03-02 02:00:00.000\",\"y\",\"b\",150,\\N",
                ],
            ),
            ERRORS.into(),
        ),
        (
            "BigQuery extract: times in UTC by name",
            csv(
                "t,c,v,l,e",
                [
                    "2026-03-02 01:00:00 UTC,x,a,100,false",
                    "2026-03-02 02:00:00.25 UTC,y,b,150,false",
                ],
            ),
            ERRORS.into(),
        ),
        (
            "InfluxDB 1 -format csv: nanoseconds",
            csv(
                "name,t,c,v,l",
                ["door,1772413200000000000,x,a,100", "door,1772416800000000000,y,b,150"],
            ),
            PLAIN.into(),
        ),
        (
            "DuckDB COPY: a time without seconds' fraction",
            csv("t,c,v,l", ["2026-03-02 01:00:00,x,a,100", "2026-03-02 02:00:00,y,b,150.0"]),
            PLAIN.into(),
        ),
        (
            "LibreOffice, all text cells in quotes",
            csv(
                "\"t\",\"c\",\"v\",\"l\"",
                [
                    "\"2026-03-02T01:00:00\",\"x\",\"a\",\"100\"",
                    "\"2026-03-02T02:00:00\",\"y\",\"b\",\"150\"",
                ],
            ),
            PLAIN.into(),
        ),
        (
            "Excel, booleans and times without seconds",
            csv("t,c,v,l,e", ["2026-03-02 01:00,x,a,100,FALSE", "2026-03-02 02:00,y,b,150,FALSE"]),
            ERRORS.into(),
        ),
        (
            "pandas, booleans",
            csv("t,c,v,l,e", ["2026-03-02,x,a,100,False", "2026-03-02 01:00:00,y,b,150,False"]),
            ERRORS.into(),
        ),
        (
            "AWS CloudWatch Logs Insights",
            csv("t,c,v,l", ["2026-03-02 01:00:00.000,x,a,100", "2026-03-02 02:00:00.000,y,b,150"]),
            PLAIN.into(),
        ),
        (
            "Splunk: offsets without a colon, all in quotes",
            csv(
                "\"t\",\"c\",\"v\",\"l\"",
                [
                    "\"2026-03-02T01:00:00.000+0000\",\"x\",\"a\",\"100\"",
                    "\"2026-03-02T02:00:00.000+0000\",\"y\",\"b\",\"150\"",
                ],
            ),
            PLAIN.into(),
        ),
        (
            "PowerShell 5 Export-Csv: a line about the type, all in quotes",
            [
                b"#TYPE System.Management.Automation.PSCustomObject\r\n".to_vec(),
                csv(
                    "\"t\",\"c\",\"v\",\"l\"\r",
                    [
                        "\"2026-03-02T01:00:00.0000000Z\",\"x\",\"a\",\"100\"\r",
                        "\"2026-03-02T02:00:00.0000000Z\",\"y\",\"b\",\"150\"\r",
                    ],
                ),
            ]
            .concat(),
            PLAIN.into(),
        ),
    ];
    for (tool, records, map) in &cases {
        let (control, treatment, failures) = read(tool, &replayed("r.csv", records, map, "json"));
        assert_eq!((control, treatment, failures), (100.0, 150.0, 0), "{tool}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn lines_of_json_are_read_as_their_tools_write_them() {
    let named = |time: &str, camera: &str, variant: &str, latency: &str, error: &str| {
        format!(
            "time = \"{time}\", camera = \"{camera}\", variant = \"{variant}\", latency_ms = \"{latency}\", error = \"{error}\""
        )
    };
    let usual = format!("columns = {{ {} }}", named("t", "c", "v", "l", "e"));
    let of = |time: &str| format!("columns = {{ {} }}", named(time, "c", "v", "l", "e"));
    let cases: Vec<(&str, [&str; 2], String)> = vec![
        (
            "Python json.dumps: NaN, escapes",
            [
                r#"{"t": "2026-03-02T01:00:00+00:00", "c": "x", "v": "a", "l": 100.0, "e": null, "s": NaN, "n": "\u00e9"}"#,
                r#"{"t": "2026-03-02T02:00:00+00:00", "c": "y", "v": "b", "l": 150.0, "e": NaN, "s": -Infinity}"#,
            ],
            usual.clone(),
        ),
        (
            "pandas to_json(orient=records, lines=True): milliseconds, escaped slashes",
            [
                r#"{"t":1772413200000,"c":"site\/x","v":"a","l":100.0,"e":null}"#,
                r#"{"t":1772416800000,"c":"site\/y","v":"b","l":150.0,"e":false}"#,
            ],
            usual.clone(),
        ),
        (
            "JavaScript JSON.stringify: no undefined, null for NaN, -0",
            [
                r#"{"t":"2026-03-02T01:00:00.000Z","c":"x","v":"a","l":100,"e":null,"z":-0}"#,
                r#"{"t":"2026-03-02T02:00:00.000Z","c":"y","v":"b","l":1.5e2,"big":1e+21}"#,
            ],
            usual.clone(),
        ),
        (
            "Go encoding/json: escaped brackets, nanoseconds, omitempty",
            [
                r#"{"t":"2026-03-02T01:00:00.000000001Z","c":"x","v":"a","l":100,"m":"\u003cb\u003e"}"#,
                r#"{"t":"2026-03-02T02:00:00Z","c":"y","v":"b","l":150}"#,
            ],
            usual.clone(),
        ),
        (
            "Java, Jackson: an Instant as decimal seconds",
            [
                r#"{"t":1772413200.250000000,"c":"x","v":"a","l":100,"e":null}"#,
                r#"{"t":1772416800.000000000,"c":"y","v":"b","l":150,"e":null}"#,
            ],
            usual.clone(),
        ),
        (
            ".NET System.Text.Json: seven digits of a second",
            [
                r#"{"t":"2026-03-02T01:00:00.0000001Z","c":"x","v":"a","l":100,"e":null}"#,
                r#"{"t":"2026-03-02T02:00:00+00:00","c":"y","v":"b","l":150,"e":false}"#,
            ],
            usual.clone(),
        ),
        (
            "PHP json_encode: escaped slashes, 17 digits",
            [
                r#"{"t":"2026-03-02T01:00:00+00:00","c":"x\/1","v":"a","l":100.00000000000000,"e":false}"#,
                r#"{"t":"2026-03-02T02:00:00+00:00","c":"y\/1","v":"b","l":150,"e":false}"#,
            ],
            usual.clone(),
        ),
        (
            "journalctl -o json: microseconds as text, values that are lists of bytes",
            [
                r#"{"__REALTIME_TIMESTAMP":"1772413200000000","c":"x","v":"a","l":"100","MESSAGE":[104,105]}"#,
                r#"{"__REALTIME_TIMESTAMP":"1772416800000000","c":"y","v":"b","l":"150","MESSAGE":null}"#,
            ],
            of("__REALTIME_TIMESTAMP"),
        ),
        (
            "Docker json-file: nanoseconds",
            [
                r#"{"log":"x\n","stream":"stdout","time":"2026-03-02T01:00:00.123456789Z","c":"x","v":"a","l":100}"#,
                r#"{"log":"y\n","stream":"stdout","time":"2026-03-02T02:00:00.123456789Z","c":"y","v":"b","l":150}"#,
            ],
            of("time"),
        ),
        (
            "Fluent Bit: decimal seconds with six digits",
            [
                r#"{"date":1772413200.250000,"c":"x","v":"a","l":100}"#,
                r#"{"date":1772416800.250000,"c":"y","v":"b","l":150}"#,
            ],
            of("date"),
        ),
        (
            "Logstash: a name with a sign, a version as text",
            [
                r#"{"@timestamp":"2026-03-02T01:00:00.250Z","@version":"1","c":"x","v":"a","l":100}"#,
                r#"{"@timestamp":"2026-03-02T02:00:00.250Z","@version":"1","c":"y","v":"b","l":150}"#,
            ],
            of("@timestamp"),
        ),
        (
            "ClickHouse JSONEachRow: 64-bit numbers as texts, null for nan",
            [
                r#"{"t":"2026-03-02 01:00:00","c":"x","v":"a","l":"100","e":null}"#,
                r#"{"t":"2026-03-02 02:00:00","c":"y","v":"b","l":"150","e":"0"}"#,
            ],
            usual.clone(),
        ),
        (
            "BigQuery extract: INT64 as text, times in UTC by name",
            [
                r#"{"t":"2026-03-02 01:00:00 UTC","c":"x","v":"a","l":"100","e":false}"#,
                r#"{"t":"2026-03-02 02:00:00.250000 UTC","c":"y","v":"b","l":"150"}"#,
            ],
            usual.clone(),
        ),
        (
            "Spark: fields of null are left out",
            [
                r#"{"t":"2026-03-02T01:00:00.000Z","c":"x","v":"a","l":100.0}"#,
                r#"{"t":"2026-03-02T02:00:00.000+00:00","c":"y","v":"b","l":150.0}"#,
            ],
            usual.clone(),
        ),
        (
            "PostgreSQL row_to_json: a T, an offset",
            [
                r#"{"t":"2026-03-02T01:00:00+00:00","c":"x","v":"a","l":100,"e":false}"#,
                r#"{"t":"2026-03-02T02:00:00.25+00:00","c":"y","v":"b","l":150.00,"e":null}"#,
            ],
            usual.clone(),
        ),
        (
            "Rust serde_json, chrono with nine digits",
            [
                r#"{"t":"2026-03-02T01:00:00.123456789Z","c":"x","v":"a","l":100.0,"e":null}"#,
                r#"{"t":"2026-03-02T02:00:00Z","c":"y","v":"b","l":1.5e2,"e":null}"#,
            ],
            usual.clone(),
        ),
        (
            "Frigate: decimal seconds, an id that is a time and letters",
            [
                r#"{"start_time":1772413200.123456,"id":"1772413200.123456-abc123","c":"x","v":"a","l":100}"#,
                r#"{"start_time":1772416800.123456,"id":"1772416800.123456-abc124","c":"y","v":"b","l":150}"#,
            ],
            format!("columns = {{ id = \"id\", {} }}", named("start_time", "c", "v", "l", "e")),
        ),
        (
            "Ruby JSON: a Time by to_s",
            [
                r#"{"t":"2026-03-02 01:00:00 +0000","c":"x","v":"a","l":100}"#,
                r#"{"t":"2026-03-02 03:00:00 +0100","c":"y","v":"b","l":150.0}"#,
            ],
            usual.clone(),
        ),
    ];
    for (tool, [first, second], map) in &cases {
        for text in [format!("{first}\n{second}\n"), format!("\u{feff}{first}\r\n\r\n{second}")] {
            let (control, treatment, failures) =
                read(tool, &replayed("r.jsonl", text.as_bytes(), map, "json"));
            assert_eq!((control, treatment, failures), (100.0, 150.0, 0), "{tool}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_cannot_be_read_is_refused_with_what_to_do() {
    let table = "t,c,v,l\n2026-03-02 01:00:00,x,a,100\n2026-03-02 02:00:00,y,b,150\n";
    let timed =
        |time: &str| format!("t,c,v,l\n\"{time}\",x,a,100\n\"{time}\",y,b,150\n").into_bytes();
    let json = |time: &str| {
        let line = |variant: &str| {
            format!("{{\"t\": {time}, \"c\": \"x\", \"v\": \"{variant}\", \"l\": 100}}\n")
        };
        (line("a") + &line("b")).into_bytes()
    };
    let cases: Vec<(&str, &str, Vec<u8>, &[&str])> = vec![
        ("PowerShell >", "r.csv", utf16(table), &["UTF-16", "UTF-8"]),
        ("Excel, Unicode Text", "r.csv", utf16(&table.replace(',', "\t")), &["UTF-16"]),
        ("gzip, Snowflake COPY INTO", "r.csv", b"\x1f\x8b\x08\0rest".to_vec(), &["gzip", "gunzip"]),
        ("zstd", "r.csv", b"\x28\xb5\x2f\xfdrest".to_vec(), &["zstd"]),
        ("bzip2", "r.csv", b"BZh91AY&SYrest".to_vec(), &["bzip2"]),
        ("xz", "r.jsonl", b"\xfd7zXZ\0rest".to_vec(), &["xz"]),
        ("Excel workbook", "r.csv", b"PK\x03\x04rest".to_vec(), &["ZIP archive"]),
        ("Parquet", "r.csv", b"PAR1rest".to_vec(), &["Parquet"]),
        ("SQLite", "r.csv", b"SQLite format 3\0rest".to_vec(), &["SQLite"]),
        ("Avro", "r.csv", b"Obj\x01rest".to_vec(), &["Avro"]),
        ("Arrow, Feather", "r.csv", b"ARROW1\0\0rest".to_vec(), &["Arrow"]),
        ("Excel, German", "r.csv", table.replace(',', ";").into(), &["delimiter = \";\""]),
        ("psql -A", "r.csv", table.replace(',', "|").into(), &["delimiter = \"|\""]),
        ("mysql --batch", "r.csv", table.replace(',', "\t").into(), &["delimiter = \"\\t\""]),
        (
            "psql, aligned",
            "r.csv",
            b"          t          | c | v |  l\n---------------------+---+---+-----\n 2026-03-02 01:00:00 | x | a | 100\n"
                .to_vec(),
            &["delimiter = \"|\""],
        ),
        (
            "InfluxDB 2, annotated CSV",
            "r.csv",
            b"#datatype,string,long,dateTime:RFC3339,double\n,result,table,_time,_value\n,,0,2026-03-02T01:00:00Z,100\n"
                .to_vec(),
            &["#datatype"],
        ),
        ("sqlite3 -json, a list", "r.jsonl", b"[{\"t\":1},\n{\"t\":2}]\n".to_vec(), &["is a list", "one object"]),
        (
            "jq without -c, Python indent=2",
            "r.jsonl",
            b"{\n  \"t\": 1,\n  \"c\": \"x\"\n}\n".to_vec(),
            &["over several lines", "jq -c"],
        ),
        ("ClickHouse JSONCompactEachRow", "r.jsonl", b"[1,2,3]\n[1,2,3]\n".to_vec(), &["is a list"]),
        ("Python print(dict)", "r.jsonl", b"{'t': 1, 'c': 'x'}\n".to_vec(), &["single quotes", "json.dumps"]),
        (
            "containerd's CRI log",
            "r.jsonl",
            b"2026-03-02T01:00:00Z stdout F {\"t\":1}\n".to_vec(),
            &["no JSON object"],
        ),
        ("MongoDB mongoexport", "r.jsonl", json("{\"$date\": \"2026-03-02T01:00:00Z\"}"), &["t"]),
        ("Jackson, LocalDateTime", "r.jsonl", json("[2026, 3, 2, 1, 0]"), &["t"]),
        ("ASP.NET, old", "r.jsonl", json("\"/Date(1772413200000)/\""), &["is no ISO 8601 time"]),
        ("Excel, US dates", "r.csv", timed("3/2/2026 1:00"), &["whether day or month comes first"]),
        ("JavaScript toLocaleString", "r.csv", timed("3/2/2026, 1:00:00 AM"), &["day or month"]),
        (
            "JavaScript Date.toString",
            "r.csv",
            timed("Mon Mar 02 2026 01:00:00 GMT+0100 (Central European Standard Time)"),
            &["is no ISO 8601 time"],
        ),
        ("syslog, RFC 3164", "r.csv", timed("Mar  2 01:00:00"), &["is no ISO 8601 time"]),
        ("Kibana", "r.csv", timed("Mar 2, 2026 @ 01:00:00.000"), &["is no ISO 8601 time"]),
        ("Go, a time that was not set", "r.csv", timed("0001-01-01T00:00:00Z"), &["out of range"]),
        ("MySQL, a time that was not set", "r.csv", timed("0000-00-00 00:00:00"), &["is no ISO 8601 time"]),
        ("pandas NaT", "r.csv", timed("NaT"), &["is no ISO 8601 time"]),
        (
            "Spark CSV: quotes behind a backslash",
            "r.csv",
            b"t,c,v,l,n\n2026-03-02,x,a,100,\"say \\\"no\\\" now\"\n2026-03-02,y,b,150,\"say \\\"no\\\" now\"\n"
                .to_vec(),
            &["closing quote"],
        ),
        (
            "a disk that was not synced: zeros",
            "r.jsonl",
            [&json("\"2026-03-02T01:00:00Z\"")[..], &[0; 64]].concat(),
            &["line 3"],
        ),
    ];
    let mut wrong = Vec::new();
    for (tool, name, records, words) in &cases {
        let ran = replayed(name, records, PLAIN, "text");
        let said = format!("{}{}", ran.out, ran.err);
        if ![1, 2].contains(&ran.code) || words.iter().any(|word| !said.contains(word)) {
            wrong.push(format!("{tool}: {words:?} in {}: {said}", ran.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bodies as HTTP clients send them, and what each part of the interface makes of them in its own shape.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn bodies_are_taken_as_clients_send_them_or_refused_in_the_interface_s_own_shape() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), folder.path()).ready();
    let head = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n";
    assert_eq!(daemon.define("door", &format!("{head}[shadow]\nduration_hours = 0\n")).status, 201);
    assert_eq!(daemon.act("door", "start").status, 200);
    let observation = |id: &str, more: &str| {
        format!(
            r#"[{{"type":"analysis","experiment":"door","id":"{id}","camera_id":"c1","variant":"control","latency_ms":800{more}}}]"#
        )
    };
    let send = |path: &str, kind: &str, coding: Option<&str>, body: Vec<u8>| {
        let mut request = Request::new("POST", path).body(kind, body);
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        request.send(daemon.address())
    };
    let json = "application/json";
    for (client, kind, coding, body) in [
        ("Python requests", json, None, observation("e1", "")),
        (".NET StringContent", "application/json; charset=utf-8", None, observation("e2", "")),
        (".NET StreamWriter: a mark", json, None, format!("\u{feff}{}", observation("e3", ""))),
        ("a client that says there is no coding", json, Some("identity"), observation("e4", "")),
        ("Python json.dumps with blanks", json, None, observation("e5", ", \"score\": 70.0 ")),
        ("jq -c", "application/x-ndjson", None, observation("e6", "")[1..].replace(']', "\n")),
    ] {
        let answer = send("/v1/observations", kind, coding, body.into_bytes());
        assert_eq!(answer.status, 200, "{client}: {}", answer.json());
        assert_eq!(answer.json()["accepted"], 1, "{client}: {}", answer.json());
    }
    let flag = "/ofrep/v1/evaluate/flags/door";
    let context = |more: &str| format!(r#"{{"context": {{"targetingKey": "c1"{more}}}}}"#);
    let deep = format!(", \"x\": {}{}", "[".repeat(200), "]".repeat(200));
    for (client, more) in [
        ("Python json.dumps(1e999) by simplejson", r#", "x": 1e999"#),
        ("JavaScript JSON.stringify('\\ud83d')", r#", "x": "\ud83d""#),
        ("JavaScript, lists in lists", &deep),
        ("Python int", r#", "x": 123456789012345678901234567890"#),
    ] {
        let answer = send(flag, json, None, context(more).into_bytes());
        assert_eq!(answer.status, 200, "{client}: {}", answer.json());
    }
    // What a client compresses or writes in UTF-16 is refused, in problem details here and in OFREP's words there.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    let refused = [
        ("OpenTelemetry's and Java's gzip", Some("gzip"), gzip.clone(), "content encoding `gzip`"),
        ("node zlib without its header", None, gzip, "compressed (gzip)"),
        ("brotli", Some("br"), b"\x0b\x02\x80[]\x03".to_vec(), "content encoding `br`"),
        ("PowerShell 5, UTF-16", None, utf16(&observation("e7", "")), "UTF-16"),
    ];
    for (client, coding, body, said) in refused {
        let answer = send("/v1/observations", json, coding, body.clone());
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (415, &"unsupported_media_type".into()));
        assert!(problem["detail"].as_str().unwrap().contains(said), "{client}: {problem}");
        let answer = send(flag, json, coding, body);
        let failure = answer.json();
        assert_eq!((answer.status, &failure["errorCode"]), (415, &"GENERAL".into()), "{client}");
        assert!(failure["errorDetails"].as_str().unwrap().contains(said), "{client}: {failure}");
    }
    // In a field that matters it is refused by name, and for itself.
    for (client, field, value, pointer) in [
        ("JavaScript, half of a pair", "id", r#""\ud83d""#, "/0/id"),
        ("Python simplejson", "latency_ms", "1e999", "/0/latency_ms"),
        ("Python str(float)", "latency_ms", "\"800.0\"", "/0/latency_ms"),
        ("Go, a number for an id", "id", "17", "/0/id"),
    ] {
        let other = observation("good", "");
        let mut bad = observation("bad", "")[1..].replace(']', "");
        let from = bad.find(&format!("\"{field}\":")).unwrap() + field.len() + 3;
        let to = from + bad[from..].find([',', '}']).unwrap();
        bad.replace_range(from..to, value);
        let id = format!("good-{client}").replace([' ', ','], "");
        let body = format!("[{bad},{}", other[1..].replace("good", &id.replace(['(', ')'], "")));
        let answer = send("/v1/observations", json, None, body.into_bytes());
        let results = &answer.json()["results"];
        assert_eq!(results[0]["pointer"], pointer, "{client}: {results}");
        assert_eq!(results[1]["status"], "accepted", "{client}: {results}");
    }
}
