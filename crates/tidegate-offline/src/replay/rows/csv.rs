//! Rows of a table whose columns a header names.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;

use super::{COLUMNS_MAX, Row, RowsError, replace};
use crate::lines::LINE_BYTES_MAX;
use crate::replay::header;
use crate::replay::quote::{QuoteFault, Quotes};

pub(super) struct Csv {
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
    pub(super) fn new(
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

    pub(super) fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
        // The header has every column.
        absent: &'v [bool],
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
        Ok(Some(Row::Read { line, values, absent }))
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
