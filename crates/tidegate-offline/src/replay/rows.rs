//! Reads the rows of a recording, one at a time, in bounded memory.
//!
//! Whatever the bytes, a row is either read or refused with its line; no row is held beyond
//! [`LINE_BYTES_MAX`](crate::lines::LINE_BYTES_MAX).

use std::io::{self, BufRead};

use self::csv::Csv;
use self::json_lines::JsonLines;
use super::map::Layout;

mod csv;
mod json_lines;

/// Most columns of a row.
const COLUMNS_MAX: usize = 4096;

/// The wanted columns of one row, or why there is none.
pub(crate) enum Row<'a> {
    /// The values in the order they were asked for, `None` where the row has no such value, and whether it does not even
    /// name the column.
    Read { line: u64, values: &'a [Option<String>], absent: &'a [bool] },
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
    absent: Vec<bool>,
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
            Layout::JsonLines => RowFormat::JsonLines(JsonLines::new(columns)),
        };
        let unseen = match &format {
            RowFormat::Csv(_) => Vec::new(),
            RowFormat::JsonLines(_) => columns.iter().cloned().enumerate().collect(),
        };
        let (values, absent) = (vec![None; columns.len()], vec![false; columns.len()]);
        Ok(Self { reader, format, values, absent, unseen })
    }

    /// The next row; `None` at the end.
    pub(crate) fn next_row(&mut self) -> io::Result<Option<Row<'_>>> {
        let Self { reader, format, values, absent, unseen } = self;
        let row = match format {
            RowFormat::Csv(csv) => csv.next_row(reader, values, absent)?,
            RowFormat::JsonLines(lines) => lines.next_row(reader, values, absent)?,
        };
        if let Some(Row::Read { absent, .. }) = &row
            && !unseen.is_empty()
        {
            unseen.retain(|(at, _)| absent[*at]);
        }
        Ok(row)
    }

    /// What is known once the last row was read.
    pub(crate) fn ended(self) -> EndOfRecording {
        let not_numbers = match self.format {
            RowFormat::Csv(_) => 0,
            RowFormat::JsonLines(lines) => lines.not_numbers(),
        };
        EndOfRecording {
            unseen: self.unseen.into_iter().map(|(_, column)| column).collect(),
            not_numbers,
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
mod tests;
