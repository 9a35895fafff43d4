//! Reads a data set: one file with a case a line, or a folder with a case a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use tidegate_spec::{Case, ParseError, json};

use crate::encoding;
use crate::failure::Failure;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::printable::printable;

/// Most cases of a data set.
const CASES_MAX: usize = 100_000;
/// Most bytes of all cases together.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Faulty cases that are named before the reading is given up.
const FAULTY_MAX: usize = 20;
/// Folders within folders that are walked.
const DEPTH_MAX: usize = 8;

/// Reads every case, or says what is wrong with the first twenty that are not valid.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>, Failure> {
    let mut reading = DataSetReading::default();
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    if path == Path::new("-") {
        read_lines(encoding::text(io::stdin().lock()), &mut reading, path)?;
    } else if path.is_dir() {
        read_folder(path, &mut reading)?;
    } else {
        let file = File::open(path).map_err(unreadable)?;
        read_lines(encoding::text(BufReader::new(file)), &mut reading, path)?;
    }
    reading.finish(path)
}

#[derive(Default)]
struct DataSetReading {
    cases: Vec<Case>,
    /// Where each id was first.
    places: BTreeMap<String, String>,
    bytes: usize,
    faults: Vec<String>,
    /// Hidden files and folders that were left out.
    hidden: usize,
}

impl DataSetReading {
    /// Takes in one case; `place` says where it is written.
    fn take(&mut self, place: String, bytes: &[u8]) {
        self.bytes += bytes.len();
        if let Some(what) = encoding::foreign(bytes) {
            return self.fault(&place, what);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.fault(&place, "is no UTF-8, allowed: a JSON object");
        };
        let case = match Case::parse(text) {
            Ok(case) => case,
            Err(error) => return self.fault(&place, &told(&error, text)),
        };
        if let Some(first) = self.places.get(&case.id) {
            let fault = format!("id is {:?}, as in {first}, allowed: an id of its own", case.id);
            return self.fault(&place, &fault);
        }
        self.places.insert(case.id.clone(), place);
        self.cases.push(case);
    }

    fn fault(&mut self, place: &str, fault: &str) {
        self.faults.push(format!("{place}: {fault}"));
    }

    /// Whether it is of no use to go on.
    fn is_over(&self) -> bool {
        self.faults.len() >= FAULTY_MAX || self.is_too_large()
    }

    fn is_too_large(&self) -> bool {
        self.cases.len() > CASES_MAX || self.bytes > BYTES_MAX
    }

    fn finish(self, path: &Path) -> Result<Vec<Case>, Failure> {
        let Self { cases, faults, .. } = &self;
        let path = printable(&path.to_string_lossy());
        if self.hidden > 0 {
            let text =
                format!("tidegate: {path} has {} hidden files or folders, left out", self.hidden);
            writeln!(io::stderr(), "{text}")?;
        }
        if self.is_too_large() {
            let text = format!(
                "{path} is too large, allowed: {CASES_MAX} cases and {} MiB",
                BYTES_MAX / 1024 / 1024
            );
            return Err(Failure::BadInput(text));
        }
        if !faults.is_empty() {
            let more = if faults.len() >= FAULTY_MAX { "; the rest was not read" } else { "" };
            let cases = if faults.len() == 1 { "case" } else { "cases" };
            let list = printable_lines(&faults.join("\n"));
            let text =
                format!("{path} has {} {cases} that are not valid{more}\n{list}", faults.len());
            return Err(Failure::BadInput(text));
        }
        if cases.is_empty() {
            let text = format!("{path} has no case, allowed: at least one");
            return Err(Failure::BadInput(text));
        }
        Ok(self.cases)
    }
}

/// Lines of faults, which quote what others wrote.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// The faults of a case; for a fault of syntax the place in its own text, not in the whole file.
fn told(error: &ParseError, text: &str) -> String {
    let ParseError::Json(json) = error else { return error.to_string() };
    let whole = json.to_string();
    let place = format!(" at line {} column {}", json.line(), json.column());
    let problem = whole.strip_suffix(&place).unwrap_or(&whole);
    if json::JsonText::new(text).not_numbers() > 0 && problem == "expected value" {
        return format!(
            "has NaN or an infinity, which JSON has no word for, in line {} column {}, allowed: a number, or the field left out",
            json.line(),
            json.column()
        );
    }
    if problem.contains("surrogate") {
        return format!(
            "has half of a surrogate pair in line {} column {}, allowed: both halves",
            json.line(),
            json.column()
        );
    }
    error.to_string()
}

fn read_lines(
    reader: Result<impl BufRead, encoding::NotText>,
    reading: &mut DataSetReading,
    path: &Path,
) -> Result<(), Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(encoding::NotText::Io(source)) => return Err(unreadable(source)),
        Err(encoding::NotText::NoText(what)) => {
            let path = printable(&path.to_string_lossy());
            return Err(Failure::BadInput(format!("{path} {what}")));
        }
    };
    let mut lines = Lines::default();
    while !reading.is_over() {
        match lines.next_line(&mut reader).map_err(unreadable)? {
            None => break,
            Some(Line::TooLong) => {
                let place = format!("line {}", lines.number());
                let fault = format!("is too long, allowed: {LINE_BYTES_MAX} bytes");
                reading.fault(&place, &fault);
            }
            Some(Line::Read(bytes)) => {
                let bytes = bytes.trim_ascii().to_owned();
                if !bytes.is_empty() {
                    reading.take(format!("line {}", lines.number()), &bytes);
                }
            }
        }
    }
    Ok(())
}

fn read_folder(folder: &Path, reading: &mut DataSetReading) -> Result<(), Failure> {
    let mut files = Vec::new();
    find(folder, DEPTH_MAX, &mut files, &mut reading.hidden)?;
    files.sort();
    for path in files {
        if reading.is_over() {
            break;
        }
        let unreadable = |source| Failure::Unreadable { path: path.clone(), source };
        let place = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(unreadable)?;
        file.take(LINE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > LINE_BYTES_MAX {
            let fault = format!("is too large, allowed: {LINE_BYTES_MAX} bytes");
            reading.fault(&place, &fault);
        } else {
            reading.take(place, &bytes);
        }
    }
    Ok(())
}

/// Every `*.json` file in a folder and the folders in it.
///
/// Hidden ones are counted and left out: macOS puts a `._` file beside each of an archive, editors and notebooks keep theirs.
fn find(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    hidden: &mut usize,
) -> Result<(), Failure> {
    let unreadable = |source| Failure::Unreadable { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            *hidden += 1;
            continue;
        }
        // A link to a folder is not followed: it may lead back here.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            if depth == 0 {
                let text = format!(
                    "{} is too deep, allowed: {DEPTH_MAX} folders within each other",
                    path.display()
                );
                return Err(Failure::BadInput(text));
            }
            find(&path, depth - 1, files, hidden)?;
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
            && path.is_file()
        {
            files.push(path);
            if files.len() > CASES_MAX {
                let text = format!("{} is too large, allowed: {CASES_MAX} cases", folder.display());
                return Err(Failure::BadInput(text));
            }
        }
    }
    Ok(())
}
