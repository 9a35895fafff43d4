//! Rows that are JSON objects, one a line.

use std::io::{self, BufRead};

use tidegate_spec::json::{FieldValue, JsonText};

use super::{Row, replace};
use crate::encoding::without_mark;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};

pub(super) struct JsonLines {
    columns: Vec<String>,
    lines: Lines,
    not_numbers: u64,
}

impl JsonLines {
    pub(super) fn new(columns: &[String]) -> Self {
        Self { columns: columns.to_vec(), lines: Lines::default(), not_numbers: 0 }
    }

    /// How often `NaN` or an infinity stood for a number so far.
    pub(super) const fn not_numbers(&self) -> u64 {
        self.not_numbers
    }

    pub(super) fn next_row<'v>(
        &mut self,
        reader: &mut impl BufRead,
        values: &'v mut [Option<String>],
        absent: &'v mut [bool],
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
            for ((value, absent), column) in
                values.iter_mut().zip(absent.iter_mut()).zip(&self.columns)
            {
                *absent = !object.has(column);
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
            return Ok(Some(Row::Read { line, values, absent }));
        }
    }
}
