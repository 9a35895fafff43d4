//! Reads the rows of a recording, one at a time, in bounded memory.
//!
//! Whatever the bytes, a row is either read or refused with its line; no row is held beyond
//! [`LINE_BYTES_MAX`].

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use tidegate_spec::json::{FieldValue, JsonText};

use super::header;
use super::map::Layout;
use super::quote::{QuoteFault, Quotes};
use crate::encoding::without_mark;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};

/// Most columns of a row.
const COLUMNS_MAX: usize = 4096;

/// The wanted columns of one row, or why there is none.
pub(crate) enum Row<'a> {
    /// The values in the order they were asked for; `None` where the row has no such value.
    Read { line: u64, values: &'a [Option<String>] },
    /// The row cannot be read, nor those that may be in it where a quote was left open.
    Refused { line: u64, rows: u64, why: String },
}

/// Why a recording cannot be read at all.
pub(crate) enum RowsError {
    Io(io::Error),
    /// The header is not what the map expects.
    Header(String),
}

/// The rows of a recording.
pub(crate) struct Rows<R> {
    reader: R,
    format: RowFormat,
    values: Vec<Option<String>>,
    /// The columns that no row has had so far; a table's header has had them all.
    unseen: Vec<(usize, String)>,
}

/// What a reader knows at the end of a recording.
pub(crate) struct EndOfRecording {
    /// The wanted columns that no row had.
    pub(crate) unseen: Vec<String>,
    /// How often `NaN` or an infinity stood for a number.
    pub(crate) not_numbers: u64,
}

enum RowFormat {
    Csv(Box<Csv>),
    JsonLines(JsonLines),
}

impl<R: BufRead> Rows<R> {
    /// Prepares to read `columns` of every row.
    pub(crate) fn new(
        mut reader: R,
        layout: Layout,
        delimiter: u8,
        columns: &[String],
    ) -> Result<Self, RowsError> {
        let format = match layout {
            Layout::Csv => RowFormat::Csv(Box::new(Csv::new(&mut reader, delimiter, columns)?)),
            Layout::JsonLines => {
                let (columns, lines) = (columns.to_vec(), Lines::default());
                RowFormat::JsonLines(JsonLines { columns, lines, not_numbers: 0 })
            }
        };
        let unseen = match &format {
            RowFormat::Csv(_) => Vec::new(),
            RowFormat::JsonLines(_) => columns.iter().cloned().enumerate().collect(),
        };
        Ok(Self { reader, format, values: vec![None; columns.len()], unseen })
    }

    /// The next row; `None` at the end.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<Row<'_>>> {
        let Self { reader, format, values, unseen } = self;
        let row = match format {
            RowFormat::Csv(csv) => csv.next_row(reader, values)?,
            RowFormat::JsonLines(lines) => lines.next_row(reader, values)?,
        };
        if let Some(Row::Read { values, .. }) = &row
            && !unseen.is_empty()
        {
            unseen.retain(|(at, _)| values[*at].is_none());
        }
        Ok(row)
    }

    /// What is known once the last row was read.
    pub(crate) fn ended(self) -> EndOfRecording {
        let not_numbers = match self.format {
            RowFormat::Csv(_) => 0,
            RowFormat::JsonLines(lines) => lines.not_numbers,
        };
        EndOfRecording {
            unseen: self.unseen.into_iter().map(|(_, column)| column).collect(),
            not_numbers,
        }
    }
}

struct Csv {
    parser: csv_core::Reader,
    quotes: Quotes,
    delimiter: u8,
    /// Where each wanted column stands.
    wanted: Vec<usize>,
    columns: usize,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// One record as the parser found it.
struct Found {
    line: u64,
    fields: usize,
    /// Lines it takes.
    lines: u64,
    /// It did not fit and was let go by.
    oversized: Oversized,
    fault: Option<QuoteFault>,
}

#[derive(PartialEq, Eq)]
enum Oversized {
    Yes,
    No,
}

impl Csv {
    fn new(
        reader: &mut impl BufRead,
        delimiter: u8,
        columns: &[String],
    ) -> Result<Self, RowsError> {
        let parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let mut csv = Self {
            parser,
            quotes: Quotes::new(delimiter),
            delimiter,
            wanted: Vec::new(),
            columns: 0,
            bytes: vec![0; 16 * 1024],
            ends: vec![0; 256],
        };
        let names = csv.read_header(reader)?;
        let names = match header::separator(&names, delimiter).map_err(RowsError::Header)? {
            // The header stands behind the line that Excel reads the delimiter from.
            header::First::Separator => csv.read_header(reader)?,
            header::First::Names => names,
        };
        csv.wanted = header::places(&names, delimiter, columns).map_err(RowsError::Header)?;
        csv.columns = names.len();
        Ok(csv)
    }

    fn read_header(&mut self, reader: &mut impl BufRead) -> Result<Vec<String>, RowsError> {
        let header = self.read_record(reader).map_err(RowsError::Io)?;
        let Some(header) = header else {
            return Err(RowsError::Header("the recording is empty".to_owned()));
        };
        if header.oversized == Oversized::Yes {
            let too_long = format!(
                "the header row has more than {LINE_BYTES_MAX} bytes or {COLUMNS_MAX} columns; is this CSV?"
            );
            return Err(RowsError::Header(too_long));
        }
        if let Some(fault) = header.fault {
            return Err(RowsError::Header(told(fault, header.lines)));
        }
        let name = |i| String::from_utf8_lossy(self.field(i)).into_owned();
        Ok((0..header.fields).map(name).collect())
    }

    fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
    ) -> io::Result<Option<Row<'v>>> {
        let Some(found) = self.read_record(reader)? else { return Ok(None) };
        let Found { line, fields, lines, .. } = found;
        if let Some(why) = self.fault(&found) {
            return Ok(Some(Row::Refused { line, rows: lines, why }));
        }
        if fields != self.columns {
            let why = format!("the row has {fields} fields, the header {}", self.columns);
            return Ok(Some(Row::Refused { line, rows: 1, why }));
        }
        for (value, at) in values.iter_mut().zip(&self.wanted) {
            let Ok(text) = str::from_utf8(self.field(*at)) else {
                let why = format!("field {} is not UTF-8", at + 1);
                return Ok(Some(Row::Refused { line, rows: 1, why }));
            };
            replace(value, text);
        }
        Ok(Some(Row::Read { line, values }))
    }

    /// What is wrong with a row as a whole, or with the quotes in it.
    fn fault(&self, found: &Found) -> Option<String> {
        let quoted = found.fault.map(|fault| told(fault, found.lines));
        if found.oversized == Oversized::Yes {
            let hint = quoted.unwrap_or_else(|| "is a quote left open?".to_owned());
            return Some(format!(
                "the row has more than {LINE_BYTES_MAX} bytes or {COLUMNS_MAX} columns; {hint}"
            ));
        }
        if quoted.is_some() || found.lines == 1 {
            return quoted;
        }
        if found.fields != self.columns {
            return Some(format!(
                "the row has {} fields, the header {}; it goes on to line {}, is a quote left open?",
                found.fields,
                self.columns,
                found.line + found.lines - 1
            ));
        }
        let hides = (0..found.fields).any(|i| self.hides_rows(i));
        hides.then(|| {
            format!(
                "a quoted text goes on to line {} and holds lines that look like rows: is a quote left open?",
                found.line + found.lines - 1
            )
        })
    }

    /// Whether a field goes on over lines that have as many fields as the header, and in the first wanted one what looks
    /// like that of the row around them.
    fn hides_rows(&self, i: usize) -> bool {
        let Some(first) = self.wanted.first().filter(|_| self.columns > 1) else { return false };
        let around = shape(self.field(*first));
        let lines: Vec<&[u8]> = self.field(i).split(|byte| *byte == b'\n').collect();
        lines.iter().enumerate().skip(1).any(|(at, line)| {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == self.delimiter).collect();
            // The last line goes on behind the quote.
            let whole = if at + 1 == lines.len() { i + 1 } else { self.columns };
            fields.len() == whole && fields.get(*first).is_some_and(|field| shape(field) == around)
        })
    }

    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    fn read_record(&mut self, reader: &mut impl BufRead) -> io::Result<Option<Found>> {
        let (mut filled, mut fields) = (0, 0);
        let mut oversized = Oversized::No;
        let mut line = self.parser.line();
        let (mut begun, mut ends_line) = (false, false);
        loop {
            let input = reader.fill_buf()?;
            if !begun {
                // Blank lines before a record belong to no record.
                let blank = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
                let newlines = memchr::memchr_iter(b'\n', &input[..blank]).count();
                line = self.parser.line() + newlines as u64;
                begun = blank < input.len();
            }
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.bytes[filled..], &mut self.ends[fields..]);
            self.quotes.follow(&input[..read]);
            if let Some(last) = input[..read].last() {
                ends_line = *last == b'\n';
            }
            reader.consume(read);
            filled += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() < LINE_BYTES_MAX => {
                    self.bytes.resize(self.bytes.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // Read on to the end of the row without keeping it.
                    oversized = Oversized::Yes;
                    (filled, fields) = (0, 0);
                }
                ReadRecordResult::Record => {
                    let lines = self.quotes.line() - line + u64::from(!ends_line);
                    let fault = self.quotes.row_ended();
                    let lines = lines.max(1);
                    return Ok(Some(Found { line, fields, lines, oversized, fault }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}

/// A fault of quotes in words.
fn told(fault: QuoteFault, lines: u64) -> String {
    match fault {
        QuoteFault::Open(opened) => format!(
            "a quote that opens in line {opened} is never closed, so that {lines} lines to the end were not read; \
             close it, or double it where it belongs to the text"
        ),
        QuoteFault::TextBehind(line) => format!(
            "text follows a closing quote in line {line}; double a quote that belongs to the text, or is one left open \
             before?"
        ),
    }
}

/// Digits and letters by their kind, so that two times look alike.
fn shape(text: &[u8]) -> Vec<u8> {
    let mut shape: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'0'..=b'9' => b'0',
            b'a'..=b'z' | b'A'..=b'Z' => b'a',
            other => *other,
        })
        .collect();
    shape.dedup();
    shape
}

struct JsonLines {
    columns: Vec<String>,
    lines: Lines,
    not_numbers: u64,
}

impl JsonLines {
    fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
    ) -> io::Result<Option<Row<'v>>> {
        loop {
            let line = self.lines.number() + 1;
            let refused = |why| Ok(Some(Row::Refused { line, rows: 1, why }));
            let bytes = match self.lines.next_line(reader)? {
                None => return Ok(None),
                Some(Line::Read(bytes)) => without_mark(bytes),
                Some(Line::TooLong) => {
                    return refused(format!("the line has more than {LINE_BYTES_MAX} bytes"));
                }
            };
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let Ok(text) = str::from_utf8(bytes) else {
                return refused("the line is not UTF-8".to_owned());
            };
            let text = JsonText::new(text);
            let object = match text.object() {
                Ok(object) => object,
                Err(why) => {
                    return refused(format!(
                        "the line is no JSON object (one a line, no list): {why}"
                    ));
                }
            };
            for (value, column) in values.iter_mut().zip(&self.columns) {
                match object.get(column) {
                    FieldValue::Nothing => *value = None,
                    FieldValue::Text(text) => replace(value, &text),
                    // As it is written: an id that is a number keeps every digit.
                    FieldValue::Number(text) | FieldValue::Switch(text) => replace(value, text),
                    FieldValue::Nested => {
                        return refused(format!("{column:?} is a list or an object"));
                    }
                    FieldValue::Broken(why) => return refused(format!("{column:?} {why}")),
                }
            }
            self.not_numbers += text.not_numbers() as u64;
            return Ok(Some(Row::Read { line, values }));
        }
    }
}

/// Puts `text` in, with the room the former value had.
fn replace(value: &mut Option<String>, text: &str) {
    let value = value.get_or_insert_default();
    value.clear();
    value.push_str(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                Row::Read { line, values } => {
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
            let text =
                "t,id,note\n2026-03-02T01:00:00Z,e0,\"gate open\n2026-03-02T01:01:00Z,e1,ok\n\
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
            (
                "Python int beyond 64 bits",
                "{\"a\": 20000000000000000001}",
                "1: 20000000000000000001|-",
            ),
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
}
