//! Text as files bring it: a byte order mark is skipped, line ends are made alike, and what is no text is told by name.

use std::io::{self, BufRead, Cursor, Read};

/// How much of a file is looked at before it is read.
const HEAD_BYTES: u64 = 64 * 1024;
/// UTF-8's byte order mark, with which Excel, Notepad and PowerShell begin a file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file cannot be read as text.
#[derive(Debug)]
pub enum NotText {
    /// It cannot be read.
    Io(io::Error),
    /// It is something else; a sentence that says what, and what to do.
    NoText(&'static str),
}

/// The same text without a mark, each line ended by a newline.
///
/// # Errors
/// Where it cannot be read, or is no text.
pub fn text(mut reader: impl BufRead + 'static) -> Result<Box<dyn BufRead>, NotText> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(NotText::Io)?;
    if let Some(what) = foreign(&head) {
        return Err(NotText::NoText(what));
    }
    let has = |byte| memchr::memchr(byte, &head).is_some();
    let returns_only = has(b'\r') && !has(b'\n');
    let begin = head.len() - without_mark(&head).len();
    let mut head = Cursor::new(head);
    head.set_position(begin as u64);
    let whole = head.chain(reader);
    if returns_only {
        return Ok(Box::new(Returns { reader: whole, held: Vec::new(), at: 0 }));
    }
    Ok(Box::new(whole))
}

/// The bytes behind a mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// What a file is that is no text in UTF-8, by how it begins.
pub fn foreign(head: &[u8]) -> Option<&'static str> {
    const UTF_16: &str = "is UTF-16, as Excel's \"Unicode Text\" and PowerShell's `>` write it; \
                          allowed: UTF-8, as from iconv -f UTF-16 -t UTF-8";
    const KNOWN: [(&[u8], &str); 15] = [
        (b"\x1f\x8b", "is compressed by gzip; allowed: text in UTF-8, as from gunzip -c"),
        (b"\x28\xb5\x2f\xfd", "is compressed by zstd; allowed: text in UTF-8, as from zstd -dc"),
        (b"BZh", "is compressed by bzip2; allowed: text in UTF-8, as from bunzip2 -c"),
        (b"\xfd7zXZ\0", "is compressed by xz; allowed: text in UTF-8, as from xz -dc"),
        (
            b"PK\x03\x04",
            "is a ZIP archive or an Excel workbook; allowed: what is in it, or its sheet saved as CSV UTF-8",
        ),
        (b"\xd0\xcf\x11\xe0", "is an Excel workbook; allowed: its sheet saved as CSV UTF-8"),
        (b"PAR1", "is Parquet; allowed: CSV or JSON lines"),
        (b"ARROW1", "is Arrow (Feather); allowed: CSV or JSON lines"),
        (b"\x04\x22\x4d\x18", "is compressed by lz4; allowed: text in UTF-8, as from lz4 -dc"),
        (b"Obj\x01", "is Avro; allowed: CSV or JSON lines"),
        (
            b"SQLite format 3\0",
            "is an SQLite database; allowed: its table as CSV, as from sqlite3 -header -csv",
        ),
        (b"\xff\xfe\0\0", "is UTF-32; allowed: UTF-8, as from iconv -f UTF-32 -t UTF-8"),
        (b"\0\0\xfe\xff", "is UTF-32; allowed: UTF-8, as from iconv -f UTF-32 -t UTF-8"),
        (b"\xff\xfe", UTF_16),
        (b"\xfe\xff", UTF_16),
    ];
    if let Some((_, what)) = KNOWN.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Some(what);
    }
    // Without a mark: every other byte of what is written in Latin letters is zero.
    match head {
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            Some(UTF_16)
        }
        _ => None,
    }
}

/// Lines that end with a carriage return alone, as old spreadsheets of the Mac write them.
struct Returns<R> {
    reader: R,
    held: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Read for Returns<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let held = self.fill_buf()?;
        let count = held.len().min(into.len());
        into[..count].copy_from_slice(&held[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Returns<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.held.len() {
            let read = self.reader.fill_buf()?;
            self.held.clear();
            self.held.extend(read.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }));
            self.at = 0;
            self.reader.consume(self.held.len());
        }
        Ok(&self.held[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        let reader = io::BufReader::with_capacity(3, Cursor::new(bytes.to_owned()));
        match text(reader) {
            Ok(mut reader) => {
                let mut read = Vec::new();
                reader.read_to_end(&mut read).unwrap();
                String::from_utf8_lossy(&read).into_owned()
            }
            Err(NotText::NoText(what)) => what.to_owned(),
            Err(NotText::Io(error)) => panic!("{error}"),
        }
    }

    /// Each with the writer that writes it so.
    #[test]
    fn text_is_text_however_its_lines_end_and_it_begins() {
        for (writer, bytes, expected) in [
            ("every Unix program", &b"a,b\n1,2\n"[..], "a,b\n1,2\n"),
            ("Excel, CSV UTF-8", b"\xef\xbb\xbfa,b\r\n1,2\r\n", "a,b\r\n1,2\r\n"),
            ("Excel for the Mac, CSV (Macintosh)", b"a,b\r1,2\r", "a,b\n1,2\n"),
            ("Excel for the Mac, with a mark", b"\xef\xbb\xbfa\r1\r", "a\n1\n"),
            ("nothing", b"", ""),
            ("a mark alone", b"\xef\xbb\xbf", ""),
            ("ISO 8859-1: its rows are refused where they matter", b"a\n\xe9\n", "a\n\u{fffd}\n"),
        ] {
            assert_eq!(read(bytes), expected, "{writer}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_by_name_with_what_to_do() {
        for (writer, bytes, expected) in [
            ("gzip, logrotate's compress", &b"\x1f\x8b\x08\0"[..], "gunzip -c"),
            ("zstd, journald", b"\x28\xb5\x2f\xfd\x04", "zstd -dc"),
            ("bzip2", b"BZh91AY", "bunzip2 -c"),
            ("xz", b"\xfd7zXZ\0\0", "xz -dc"),
            ("Excel, .xlsx", b"PK\x03\x04\x14", "sheet saved as CSV UTF-8"),
            ("Excel 97, .xls", b"\xd0\xcf\x11\xe0\xa1", "sheet saved as CSV UTF-8"),
            ("pandas to_parquet", b"PAR1\x15", "is Parquet"),
            ("pandas to_feather", b"ARROW1\0\0", "is Arrow"),
            ("SQLite", b"SQLite format 3\0", "sqlite3 -header -csv"),
            ("Excel, Unicode Text", b"\xff\xfea\0,\0", "iconv -f UTF-16"),
            ("Java's UTF-16", b"\xfe\xff\0a\0,", "iconv -f UTF-16"),
            ("Windows' UTF-16 without a mark", b"a\0,\0b\0", "iconv -f UTF-16"),
            ("Python's utf-32", b"\xff\xfe\0\0a\0\0\0", "iconv -f UTF-32"),
        ] {
            let found = read(bytes);
            assert!(found.contains(expected), "{writer}: {found}");
        }
    }
}
