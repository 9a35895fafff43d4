//! Reads the rows of a recording, one at a time, in bounded memory.
//!
//! Whatever the bytes, a row is either read or refused with its line; no row is held beyond
//! [`LINE_BYTES_MAX`].

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use serde_json::Value;

use super::map::Layout;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};

/// Most columns of a row.
const COLUMNS_MAX: usize = 4096;

/// The wanted columns of one row, or why there is none.
pub(crate) enum Row<'a> {
    /// The values in the order they were asked for; `None` where the row has no such value.
    Read { line: u64, values: &'a [Option<String>] },
    /// The row cannot be read.
    Refused { line: u64, why: String },
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
    format: Format,
    values: Vec<Option<String>>,
    /// The columns that no row has had so far; a table's header has had them all.
    unseen: Vec<(usize, String)>,
}

enum Format {
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
            Layout::Csv => Format::Csv(Box::new(Csv::new(&mut reader, delimiter, columns)?)),
            Layout::JsonLines => {
                Format::JsonLines(JsonLines { columns: columns.to_vec(), lines: Lines::default() })
            }
        };
        let unseen = match &format {
            Format::Csv(_) => Vec::new(),
            Format::JsonLines(_) => columns.iter().cloned().enumerate().collect(),
        };
        Ok(Self { reader, format, values: vec![None; columns.len()], unseen })
    }

    /// The next row; `None` at the end.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<Row<'_>>> {
        let Self { reader, format, values, unseen } = self;
        let row = match format {
            Format::Csv(csv) => csv.next_row(reader, values)?,
            Format::JsonLines(lines) => lines.next_row(reader, values)?,
        };
        if let Some(Row::Read { values, .. }) = &row
            && !unseen.is_empty()
        {
            unseen.retain(|(at, _)| values[*at].is_none());
        }
        Ok(row)
    }

    /// The wanted columns that no row had.
    pub(crate) fn unseen(self) -> impl Iterator<Item = String> {
        self.unseen.into_iter().map(|(_, column)| column)
    }
}

struct Csv {
    parser: csv_core::Reader,
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
    /// It did not fit and was let go by.
    oversized: Oversized,
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
            wanted: Vec::new(),
            columns: 0,
            bytes: vec![0; 16 * 1024],
            ends: vec![0; 256],
        };
        let header = csv.read_record(reader).map_err(RowsError::Io)?;
        let Some(header) = header else {
            return Err(RowsError::Header("the recording is empty".to_owned()));
        };
        if header.oversized == Oversized::Yes {
            let too_long = format!(
                "the header row has more than {LINE_BYTES_MAX} bytes or {COLUMNS_MAX} columns; is this CSV?"
            );
            return Err(RowsError::Header(too_long));
        }
        let names: Vec<String> = (0..header.fields)
            .map(|i| String::from_utf8_lossy(csv.field(i)).into_owned())
            .collect();
        for column in columns {
            let is_column = |name: &String| name.trim_start_matches('\u{feff}') == column;
            if names.iter().filter(|name| is_column(name)).count() > 1 {
                let twice = format!("column {column:?} is in the header more than once");
                return Err(RowsError::Header(twice));
            }
            match names.iter().position(is_column) {
                Some(at) => csv.wanted.push(at),
                None => {
                    return Err(RowsError::Header(format!(
                        "column {column:?} is not in the header, which has: {}",
                        shown_names(&names)
                    )));
                }
            }
        }
        csv.columns = header.fields;
        Ok(csv)
    }

    fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
    ) -> io::Result<Option<Row<'v>>> {
        let Some(Found { line, fields, oversized }) = self.read_record(reader)? else {
            return Ok(None);
        };
        if oversized == Oversized::Yes {
            let why = format!(
                "the row has more than {LINE_BYTES_MAX} bytes or {COLUMNS_MAX} columns; is a quote left open?"
            );
            return Ok(Some(Row::Refused { line, why }));
        }
        if fields != self.columns {
            let last = self.parser.line();
            let hint = if last > line + 1 {
                format!("; it goes on to line {last}, is a quote left open?")
            } else {
                String::new()
            };
            let why = format!("the row has {fields} fields, the header {}{hint}", self.columns);
            return Ok(Some(Row::Refused { line, why }));
        }
        for (value, at) in values.iter_mut().zip(&self.wanted) {
            let Ok(text) = str::from_utf8(self.field(*at)) else {
                let why = format!("field {} is not UTF-8", at + 1);
                return Ok(Some(Row::Refused { line, why }));
            };
            replace(value, text);
        }
        Ok(Some(Row::Read { line, values }))
    }

    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    fn read_record(&mut self, reader: &mut impl BufRead) -> io::Result<Option<Found>> {
        let (mut filled, mut fields) = (0, 0);
        let mut oversized = Oversized::No;
        let mut line = self.parser.line();
        let mut begun = false;
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
                ReadRecordResult::Record => return Ok(Some(Found { line, fields, oversized })),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}

struct JsonLines {
    columns: Vec<String>,
    lines: Lines,
}

impl JsonLines {
    fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
    ) -> io::Result<Option<Row<'v>>> {
        loop {
            let line = self.lines.number() + 1;
            let bytes = match self.lines.next_line(reader)? {
                None => return Ok(None),
                Some(Line::Read(bytes)) => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
                Some(Line::TooLong) => {
                    let why = format!("the line has more than {LINE_BYTES_MAX} bytes");
                    return Ok(Some(Row::Refused { line, why }));
                }
            };
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let object: BTreeMap<String, Value> = match serde_json::from_slice(bytes) {
                Ok(object) => object,
                Err(error) => {
                    let why = format!("the line is no JSON object (one a line, no list): {error}");
                    return Ok(Some(Row::Refused { line, why }));
                }
            };
            for (value, column) in values.iter_mut().zip(&self.columns) {
                match object.get(column) {
                    None | Some(Value::Null) => *value = None,
                    Some(Value::String(text)) => replace(value, text),
                    Some(other @ (Value::Number(_) | Value::Bool(_))) => {
                        replace(value, &other.to_string());
                    }
                    Some(Value::Array(_) | Value::Object(_)) => {
                        let why = format!("{column:?} is a list or an object");
                        return Ok(Some(Row::Refused { line, why }));
                    }
                }
            }
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

/// Column names for a message, cut short and escaped.
fn shown_names(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(30)
        .map(|name| format!("{:?}", name.chars().take(40).collect::<String>()))
        .collect();
    let more = if names.len() > 30 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
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
                Row::Refused { line, why } => format!("{line}! {why}"),
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
        let text = b"\xef\xbb\xbfa,b\n1,\"x\ny\"\n\n2,\"q\"\"q\"\r\n3\n";
        assert_eq!(
            read(Layout::Csv, text, &["b", "a"]),
            ["2: x\ny|1", "5: q\"q|2", "6! the row has 1 fields, the header 2"]
        );
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
