//! Cuts lines into requests.

use std::io;

use serde::de::IgnoredAny;
use tidegate_spec::api::OBSERVATIONS_MAX;
use tidegate_spec::wording;

use super::rejection::RejectedLine;
use super::source::Buffered;
use crate::encoding::{foreign, without_mark};
use crate::lines::{Line, Lines};

/// Most bytes in one request: half of what the daemon takes.
pub(super) const BATCH_BYTES_MAX: usize = 512 * 1024;

/// How lines come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// All are there: a request is as full as it may be.
    Whole,
    /// More may follow another time: a last line without its end may be half written.
    Growing,
    /// They come as they happen: none waits for a request to fill up.
    Live,
}

/// A place in a file, between two lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LinePosition {
    /// Lines before it.
    pub(super) lines: u64,
    /// Bytes before it.
    pub(super) offset: u64,
}

/// A line that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
}

/// What one request carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestBatch {
    /// The lines to send; none where all were rejected.
    pub(super) lines: Vec<Numbered>,
    /// Lines among them that are no JSON and not sent.
    pub(super) rejected: Vec<RejectedLine>,
    /// Everything before has been dealt with once the batch is delivered.
    pub(super) end: LinePosition,
}

/// Reads lines and cuts them into batches.
#[derive(Debug)]
pub(super) struct Batches {
    lines: Lines,
    /// A line for which the batch before had no room, and the place behind it.
    held: Option<(Numbered, LinePosition)>,
    /// The number of a last line that was left for another time.
    unfinished: Option<u64>,
}

impl Batches {
    /// Begins behind a place.
    pub(super) fn after(start: LinePosition) -> Self {
        Self { lines: Lines::after(start.lines, start.offset), held: None, unfinished: None }
    }

    /// The number of a last line that was left for another time.
    pub(super) fn unfinished(&self) -> Option<u64> {
        self.unfinished
    }

    /// The next batch; `None` at the end.
    pub(super) fn next_batch(
        &mut self,
        reader: &mut impl Buffered,
        flow: Flow,
    ) -> io::Result<Option<RequestBatch>> {
        if self.unfinished.is_some() {
            // What may have followed meanwhile is the rest of a line, and no line of its own.
            return Ok(None);
        }
        let mut batch =
            RequestBatch { lines: Vec::new(), rejected: Vec::new(), end: LinePosition::default() };
        let mut bytes = 0;
        let mut seen = 0_usize;
        if let Some((line, end)) = self.held.take() {
            bytes = line.text.len() + 1;
            (seen, batch.end) = (1, end);
            batch.lines.push(line);
        }
        // Rejected lines count too, so that a file of nothing but those makes progress.
        while seen < OBSERVATIONS_MAX && !(flow == Flow::Live && seen > 0 && reader.may_wait()) {
            let is_first = self.lines.offset() == 0;
            let Some(line) = self.lines.next_line(reader)? else { break };
            let checked = if is_first { check_first(&line) } else { check(&line) };
            let number = self.lines.number();
            let end = LinePosition { lines: number, offset: self.lines.offset() };
            if flow == Flow::Growing && self.lines.is_unended() && checked.is_err() {
                self.unfinished = Some(number);
                break;
            }
            seen += 1;
            match checked {
                Ok(None) => {}
                Ok(Some(text)) => {
                    let line = Numbered { number, text };
                    bytes += line.text.len() + 1;
                    if bytes > BATCH_BYTES_MAX && !batch.lines.is_empty() {
                        self.held = Some((line, end));
                        break;
                    }
                    batch.lines.push(line);
                }
                Err(why) => batch.rejected.push(RejectedLine { line: number, why }),
            }
            batch.end = end;
        }
        Ok((seen > 0).then_some(batch))
    }
}

/// The same for the line that a file begins with, where a mark may stand before the text.
fn check_first(line: &Line<'_>) -> Result<Option<Vec<u8>>, String> {
    let Line::Read(bytes) = line else { return check(line) };
    match foreign(bytes) {
        Some(what) => Err(format!("the file {what}")),
        None => check(&Line::Read(without_mark(bytes))),
    }
}

/// The text to send, nothing for an empty line, or why it cannot be sent.
fn check(line: &Line<'_>) -> Result<Option<Vec<u8>>, String> {
    let too_long = || format!("longer than {} bytes", BATCH_BYTES_MAX - 1);
    let Line::Read(bytes) = line else { return Err(too_long()) };
    let text = bytes.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() >= BATCH_BYTES_MAX {
        return Err(too_long());
    }
    std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    serde_json::from_slice::<IgnoredAny>(text).map_err(|error| not_json(text, &error))?;
    Ok(Some(text.to_owned()))
}

fn not_json(text: &[u8], error: &serde_json::Error) -> String {
    let column = error.column();
    let at = &text[column.saturating_sub(1).min(text.len())..];
    if [&b"NaN"[..], b"Infinity", b"-Infinity"].iter().any(|word| at.starts_with(word)) {
        return format!("not JSON: column {column} has NaN or an infinity; leave the field out");
    }
    format!("not JSON: {}", wording::of_json(error))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn batches(text: &str, flow: Flow) -> Vec<RequestBatch> {
        let bytes: Box<dyn Read> = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
        let mut reader = BufReader::with_capacity(16, bytes);
        let mut batches = Batches::after(LinePosition::default());
        std::iter::from_fn(|| batches.next_batch(&mut reader, flow).unwrap()).collect()
    }

    fn numbers(batch: &RequestBatch) -> Vec<u64> {
        batch.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn a_batch_has_a_thousand_lines_at_most() {
        let all = batches(&"{}\n".repeat(2_001), Flow::Whole);
        let sizes: Vec<usize> = all.iter().map(|batch| batch.lines.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 1]);
        assert_eq!(all[1].end, LinePosition { lines: 2_000, offset: 6_000 });
        assert_eq!(all[2].lines[0].number, 2_001);
    }

    #[test]
    fn a_batch_is_no_larger_than_it_may_be_and_a_line_without_room_opens_the_next() {
        let line = format!("\"{}\"\n", "x".repeat(BATCH_BYTES_MAX / 3));
        let text = format!("{line}{line}\nno\n{line}{line}");
        let all = batches(&text, Flow::Whole);
        assert_eq!(all.iter().map(numbers).collect::<Vec<_>>(), [vec![1, 2], vec![5, 6]]);
        // The line without room is not behind the first batch's end, the rejected one before it is.
        assert_eq!(all[0].end, LinePosition { lines: 4, offset: 2 * line.len() as u64 + 4 });
        assert_eq!(all[0].rejected[0].line, 4);
        assert_eq!(all[1].end, LinePosition { lines: 6, offset: text.len() as u64 });
        for batch in &all {
            let bytes: usize = batch.lines.iter().map(|line| line.text.len() + 1).sum();
            assert!(bytes <= BATCH_BYTES_MAX, "{bytes}");
        }
    }

    #[test]
    fn what_is_no_json_is_rejected_and_the_rest_goes_on() {
        let long = format!("\"{}\"", "x".repeat(BATCH_BYTES_MAX));
        let all = batches(&format!("{{}}\r\n\n{{\n{long}\n[1] 2\n{{}}"), Flow::Whole);
        assert_eq!(all.iter().map(numbers).collect::<Vec<_>>(), [vec![1, 6]]);
        assert_eq!(all[0].lines[0].text, b"{}");
        let told: Vec<u64> = all[0].rejected.iter().map(|rejection| rejection.line).collect();
        assert_eq!(told, [3, 4, 5]);
        assert!(check(&Line::Read(b"\"\xff\"")).unwrap_err().contains("UTF-8"));
        assert!(batches("", Flow::Whole).is_empty());
    }

    #[test]
    fn a_byte_order_mark_costs_no_observation() {
        let all = batches("\u{feff}{\"a\":1}\n{}\n", Flow::Whole);
        assert_eq!((numbers(&all[0]), all[0].rejected.len()), (vec![1, 2], 0));
        assert_eq!(all[0].lines[0].text, b"{\"a\":1}");
        assert_eq!(all[0].end.offset, 14);
        // Elsewhere it is no mark.
        assert_eq!(batches("{}\n\u{feff}{}\n", Flow::Whole)[0].rejected[0].line, 2);
        let told = check_first(&Line::Read(b"\x1f\x8b\x08")).unwrap_err();
        assert!(told.contains("gunzip -c"), "{told}");
        let told = check(&Line::Read(b"{\"latency_ms\": NaN}")).unwrap_err();
        assert!(told.contains("column 16 has NaN or an infinity; leave the field out"), "{told}");
    }

    #[test]
    fn a_last_line_that_is_half_written_is_left_for_another_time() {
        let text = "{}\n{\"id\":";
        let all = batches(text, Flow::Growing);
        assert_eq!(all.len(), 1);
        assert_eq!((numbers(&all[0]), all[0].rejected.len()), (vec![1], 0));
        assert_eq!(all[0].end, LinePosition { lines: 1, offset: 3 });
        // Its rest, written meanwhile, is no line of its own.
        let reader = |text: &str| -> BufReader<Box<dyn Read>> {
            BufReader::new(Box::new(io::Cursor::new(text.to_owned().into_bytes())))
        };
        let mut batches_of = Batches::after(LinePosition::default());
        assert!(batches_of.next_batch(&mut reader(text), Flow::Growing).unwrap().is_some());
        assert_eq!(batches_of.unfinished(), Some(2));
        assert_eq!(batches_of.next_batch(&mut reader("7}\n"), Flow::Growing).unwrap(), None);
        // A whole one needs no end, and where nothing follows another time it is no JSON.
        assert_eq!(numbers(&batches("{}\n{}", Flow::Growing)[0]), [1, 2]);
        assert_eq!(batches(text, Flow::Whole)[0].rejected[0].line, 2);
        // A fault before the last line's end is one.
        assert_eq!(batches("{\n", Flow::Growing)[0].rejected[0].line, 1);
    }

    #[test]
    fn live_lines_do_not_wait_for_a_full_batch() {
        // The reader's buffer holds four of these lines.
        let all = batches(&"{ }\n".repeat(10), Flow::Live);
        let sizes: Vec<usize> = all.iter().map(|batch| batch.lines.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
    }
}
