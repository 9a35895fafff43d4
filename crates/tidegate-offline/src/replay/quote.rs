//! Watches quotes of a table, which the parser of rows forgives too much.

/// Where a quote stands that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteFault {
    /// Opened in this line and never closed.
    Open(u64),
    /// Closed in this line, with text behind it in the same field.
    TextBehind(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    /// Before the first character of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote that ends the field, or is the first of two that stand for one.
    Closed,
}

/// Follows the bytes of a table as RFC 4180 reads them.
#[derive(Debug)]
pub(super) struct Quotes {
    delimiter: u8,
    state: QuoteState,
    line: u64,
    opened: u64,
    behind: Option<u64>,
}

impl Quotes {
    pub(super) const fn new(delimiter: u8) -> Self {
        Self { delimiter, state: QuoteState::Start, line: 1, opened: 1, behind: None }
    }

    /// Takes in what the parser took in.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        let within = matches!(self.state, QuoteState::Quoted | QuoteState::Closed);
        if !within && memchr::memchr(b'"', bytes).is_none() {
            // The usual case.
            self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
            self.state = if self.ends_field(*last) { QuoteState::Start } else { QuoteState::Plain };
            return;
        }
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (QuoteState::Start, b'"') => {
                    self.opened = self.line;
                    QuoteState::Quoted
                }
                (QuoteState::Quoted, b'"') => QuoteState::Closed,
                (QuoteState::Closed, b'"') | (QuoteState::Quoted, _) => QuoteState::Quoted,
                (_, byte) if self.ends_field(byte) => QuoteState::Start,
                (QuoteState::Closed, _) => {
                    self.behind.get_or_insert(self.line);
                    QuoteState::Plain
                }
                (QuoteState::Start | QuoteState::Plain, _) => QuoteState::Plain,
            };
            self.line += u64::from(*byte == b'\n');
        }
    }

    /// The line that the next byte stands in.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The first fault of the row that ended here.
    pub(super) fn row_ended(&mut self) -> Option<QuoteFault> {
        let behind = self.behind.take().map(QuoteFault::TextBehind);
        // A row ends within a quote only where the file does.
        behind
            .or_else(|| (self.state == QuoteState::Quoted).then_some(QuoteFault::Open(self.opened)))
    }

    const fn ends_field(&self, byte: u8) -> bool {
        byte == self.delimiter || matches!(byte, b'\n' | b'\r')
    }
}
