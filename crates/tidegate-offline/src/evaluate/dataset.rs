//! Reads a data set: one file with a case a line, or a folder with a case a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tidegate_engine::id::PromptKey;
use tidegate_engine::variant::ByVariant;
use tidegate_spec::{Case, ParseError, json};

use super::counts::{self, CaseCounts, CaseFault};
use crate::OfflineError;
use crate::encoding;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::printable::printable;

/// Most cases of a data set.
const CASES_MAX: usize = 100_000;
/// Most bytes of all cases together.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Folders within folders that are walked.
const DEPTH_MAX: usize = 8;

/// Reads every case, and counts those that are not valid; `keys` are the prompts compared.
pub(crate) fn read(
    path: &Path,
    keys: ByVariant<&PromptKey>,
) -> Result<(Vec<Case>, CaseCounts), OfflineError> {
    let mut reading = DataSetReading {
        keys,
        cases: Vec::new(),
        counts: CaseCounts::default(),
        places: BTreeMap::new(),
        bytes: 0,
    };
    let unreadable = |source| OfflineError::Unreadable { path: path.to_owned(), source };
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

struct DataSetReading<'a> {
    keys: ByVariant<&'a PromptKey>,
    cases: Vec<Case>,
    counts: CaseCounts,
    /// Where each id was first.
    places: BTreeMap<String, String>,
    bytes: usize,
}

impl DataSetReading<'_> {
    /// Takes in one case; `place` says where it is written.
    fn take(&mut self, place: String, bytes: &[u8]) {
        self.bytes += bytes.len();
        if let Some(what) = encoding::foreign(bytes) {
            return self.reject(place, what);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.reject(place, "is no UTF-8, allowed: a JSON object");
        };
        let case = match Case::parse(text) {
            Ok(case) => case,
            Err(ParseError::Faults(faults)) => {
                let (fault, variant) = (counts::kind(&faults), counts::variant(&faults, self.keys));
                return self.counts.reject(place, fault, variant, faults.to_string());
            }
            Err(error) => return self.reject(place, &told(&error, text)),
        };
        if let Some(first) = self.places.get(&case.id) {
            let why = format!("id is {:?}, as in {first}, allowed: an id of its own", case.id);
            return self.counts.reject(place, CaseFault::Id, None, why);
        }
        self.counts.no_value += json::JsonText::new(text).not_numbers() as u64;
        self.places.insert(case.id.clone(), place);
        self.counts.take(&case, self.keys);
        self.cases.push(case);
    }

    /// Rejects what is no case at all.
    fn reject(&mut self, place: String, why: &str) {
        self.counts.reject(place, CaseFault::Form, None, why.to_owned());
    }

    fn is_too_large(&self) -> bool {
        self.counts.read > CASES_MAX as u64 || self.bytes > BYTES_MAX
    }

    fn finish(self, path: &Path) -> Result<(Vec<Case>, CaseCounts), OfflineError> {
        let path = printable(&path.to_string_lossy());
        if self.is_too_large() {
            let text = format!(
                "{path} is too large, allowed: {CASES_MAX} cases and {} MiB",
                BYTES_MAX / 1024 / 1024
            );
            return Err(OfflineError::BadInput(text));
        }
        if self.counts.read == 0 {
            let text = format!("{path} has no case, allowed: at least one");
            return Err(OfflineError::BadInput(text));
        }
        Ok((self.cases, self.counts))
    }
}

/// Why a text is no JSON object; the place is that in its own text, not in the whole file.
fn told(error: &ParseError, text: &str) -> String {
    let ParseError::Json(json) = error else { return error.to_string() };
    if json.to_string().contains("surrogate") {
        return format!(
            "has half of a surrogate pair in line {} column {}, allowed: both halves",
            json.line(),
            json.column()
        );
    }
    match json::JsonText::new(text).object() {
        // The tools that write such texts are named.
        Err(why) => format!("not valid JSON: {why}"),
        Ok(_) => error.to_string(),
    }
}

fn read_lines(
    reader: Result<impl BufRead, encoding::NotText>,
    reading: &mut DataSetReading<'_>,
    path: &Path,
) -> Result<(), OfflineError> {
    let unreadable = |source| OfflineError::Unreadable { path: path.to_owned(), source };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(encoding::NotText::Io(source)) => return Err(unreadable(source)),
        Err(encoding::NotText::NoText(what)) => {
            let path = printable(&path.to_string_lossy());
            return Err(OfflineError::BadInput(format!("{path} {what}")));
        }
    };
    let mut lines = Lines::default();
    while !reading.is_too_large() {
        match lines.next_line(&mut reader).map_err(unreadable)? {
            None => break,
            Some(Line::TooLong) => {
                let place = format!("line {}", lines.number());
                reading.reject(place, &format!("is too long, allowed: {LINE_BYTES_MAX} bytes"));
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

fn read_folder(folder: &Path, reading: &mut DataSetReading<'_>) -> Result<(), OfflineError> {
    let mut files = Vec::new();
    find(folder, DEPTH_MAX, &mut files, &mut reading.counts.hidden)?;
    files.sort();
    for path in files {
        if reading.is_too_large() {
            break;
        }
        let unreadable = |source| OfflineError::Unreadable { path: path.clone(), source };
        let place = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(unreadable)?;
        file.take(LINE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > LINE_BYTES_MAX {
            reading.reject(place, &format!("is too large, allowed: {LINE_BYTES_MAX} bytes"));
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
    hidden: &mut u64,
) -> Result<(), OfflineError> {
    let unreadable = |source| OfflineError::Unreadable { path: folder.to_owned(), source };
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
                return Err(OfflineError::BadInput(text));
            }
            find(&path, depth - 1, files, hidden)?;
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
            && path.is_file()
        {
            files.push(path);
            if files.len() > CASES_MAX {
                let text = format!("{} is too large, allowed: {CASES_MAX} cases", folder.display());
                return Err(OfflineError::BadInput(text));
            }
        }
    }
    Ok(())
}
