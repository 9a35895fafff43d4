//! A journal as JSON lines, and back: never hostage to a format.

use std::fs::{self, File};
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::batch::{Batch, TooLarge};
use crate::disk::{self, sync_folder};
use crate::journal::{Journal, ReplayError};
use crate::layout::{self, MARK, SNAPSHOTS};
use crate::opening::{self, OpenError};
use crate::record::{Entry, Unreadable};
use crate::snapshot::{self, Assembly, BadSnapshot, Part, parts};
use crate::unfinished::{self, Making};
use crate::verify;
use crate::writer::WriteError;

const VERSION: u32 = 1;
/// Entries appended with one sync at an import.
const BATCH_ENTRIES: u64 = 4_096;
/// Longest line of an export in bytes; an entry is shorter even with every character escaped.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// How much an export or import holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportCounts {
    /// Parts of the snapshot it begins with.
    pub parts: u64,
    /// Entries.
    pub entries: u64,
}

/// Why a journal cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] ReplayError),
    /// The snapshot that the frames begin with cannot be read.
    #[error("the snapshot after entry {sequence}: {source}")]
    Snapshot {
        /// The entry after which the snapshot was taken.
        sequence: u64,
        /// What is wrong with the snapshot.
        source: BadSnapshot,
    },
    /// The file is there and holds something else.
    #[error("{} is there and no export: it was left as it is; name another file", .0.display())]
    NoExport(PathBuf),
    /// The file holds an export that goes further than this journal.
    #[error(
        "{} holds an export up to entry {exported}, and this journal ends at {last}: it was left as it is, as it may be of \
         another journal; name another file, or move it away",
        path.display()
    )]
    Further {
        /// The file.
        path: PathBuf,
        /// Its last entry.
        exported: u64,
        /// The last entry of the journal.
        last: u64,
    },
    /// The file cannot be written.
    #[error("cannot write the export: {0}")]
    Disk(#[from] io::Error),
}

/// Why a text cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is a journal already.
    #[error("{} is not empty; an import makes a new journal", .0.display())]
    NotEmpty(PathBuf),
    /// A line is not what it should be.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The new journal cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new journal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The export cannot be read, or the snapshot not written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    tidegate_journal: u32,
    begins_after: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ExportLine<'a> {
    Part {
        crc: u32,
        #[serde(borrow)]
        part: &'a RawValue,
    },
    Entry {
        sequence: u64,
        crc: u32,
        #[serde(borrow)]
        entry: &'a RawValue,
    },
    End(ExportCounts),
}

/// Writes the journal to a file; it is there whole or not at all.
///
/// # Errors
/// Where the journal cannot be read or the file not be written.
pub fn export(journal: &Journal, to: &Path) -> Result<ExportCounts, ExportError> {
    // Yesterday's backup is not lost to a folder or a file that was mistyped.
    let before = if to.try_exists()? { last_of(to)? } else { None };
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = to.with_file_name(format!(".{name}.unfinished"));
    let mut out = io::BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    let counts = export_to(journal, &mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    if let (Some(exported), Some(last)) = (before, last_of(&unfinished)?)
        && exported > last
    {
        fs::remove_file(&unfinished)?;
        return Err(ExportError::Further { path: to.to_owned(), exported, last });
    }
    fs::rename(&unfinished, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))?;
    Ok(counts)
}

/// The last entry of the export in a file, by its own count; none where it has no end, an error where it is none at all.
fn last_of(path: &Path) -> Result<Option<u64>, ExportError> {
    /// More than the last line of an export has.
    const LAST_LINE_BYTES_MAX: u64 = 1_024;
    let mut from = io::BufReader::new(File::open(path)?);
    let mut head = Vec::new();
    io::Read::take(&mut from, LINE_BYTES_MAX).read_until(b'\n', &mut head)?;
    let header: Header =
        serde_json::from_slice(&head).map_err(|_| ExportError::NoExport(path.to_owned()))?;
    let length = from.seek(SeekFrom::End(0))?;
    from.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE_BYTES_MAX)))?;
    let mut tail = Vec::new();
    from.read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    Ok(match tail.lines().last().map(serde_json::from_str) {
        Some(Ok(ExportLine::End(counts))) => Some(header.begins_after + counts.entries),
        Some(_) | None => None,
    })
}

/// Writes the journal as JSON lines.
fn export_to(journal: &Journal, out: &mut impl Write) -> Result<ExportCounts, ExportError> {
    let folder = journal.folder().join(SNAPSHOTS);
    let first = journal.first()?;
    // The frames begin right after a snapshot, or within a frame before it. Where that one is broken, what can be
    // told begins after the next.
    let base = snapshot::list(&folder)?.into_iter().find(|sequence| {
        let is_whole = || snapshot::check(&snapshot::path(&folder, *sequence)).is_ok();
        first > 1 && sequence + 1 >= first && is_whole()
    });
    let mut counts = ExportCounts::default();
    let begins_after = base.unwrap_or(0);
    write_line(out, &Header { tidegate_journal: VERSION, begins_after })?;
    if let Some(sequence) = base {
        let state = snapshot::read(&snapshot::path(&folder, sequence))
            .map_err(|source| ExportError::Snapshot { sequence, source })?;
        for part in parts(&state) {
            let part = serde_json::value::to_raw_value(&part).map_err(io::Error::from)?;
            write_line(out, &ExportLine::Part { crc: crc(&part), part: &part })?;
            counts.parts += 1;
        }
    }
    let mut failed = None;
    let replayed = journal.replay(begins_after, |sequence, entry| {
        let written = write_entry(out, sequence, &entry);
        counts.entries += 1;
        written.map_err(|error| {
            let why = error.to_string();
            failed = Some(error);
            why
        })
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    replayed?;
    write_line(out, &ExportLine::End(counts))?;
    Ok(counts)
}

fn write_entry(out: &mut impl Write, sequence: u64, entry: &Entry) -> io::Result<()> {
    let entry = RawValue::from_string(entry.to_json()?)?;
    write_line(out, &ExportLine::Entry { sequence, crc: crc(&entry), entry: &entry })
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn crc(value: &RawValue) -> u32 {
    crc32c::crc32c(value.get().as_bytes())
}

/// Makes a journal in `folder`, which must hold none, of an export. It is there whole or not at all: until the
/// last line is on disk nobody can open it, and one that was left unfinished begins anew.
///
/// # Errors
/// Where a line is not as it was written, and where the journal cannot be made; the folder can then only be imported
/// into.
pub fn import(from: impl BufRead, folder: &Path) -> Result<ExportCounts, ImportError> {
    let lock = opening::lock(folder)?;
    match unfinished::read(folder)? {
        Some(Making::Import) => layout::clear(folder)?,
        Some(Making::RepairMoves(_) | Making::RepairMakes(_)) => {
            return Err(ImportError::NotEmpty(folder.to_owned()));
        }
        None if layout::is_taken(folder)? => return Err(ImportError::NotEmpty(folder.to_owned())),
        None => {}
    }
    unfinished::begin(folder, &Making::Import)?;
    layout::refuse_earlier_versions(folder)?;
    let imported = fill(from, folder, lock.try_clone()?);
    // The lock is held until here: whoever came in between would be taken for the one that is done.
    if imported.is_ok() {
        unfinished::end(folder)?;
    } else {
        // It stays unfinished, and says so: a daemon that is started next begins no empty journal.
        layout::clear(folder)?;
        layout::refuse_earlier_versions(folder)?;
    }
    imported
}

/// Makes a journal of an export in a folder that says it is being made.
pub(crate) fn fill(
    mut from: impl BufRead,
    folder: &Path,
    lock: File,
) -> Result<ExportCounts, ImportError> {
    let mut lines = ExportLines { number: 0, text: String::new() };
    let header = lines.header(&mut from)?;
    if header.tidegate_journal != VERSION {
        return Err(lines.fault(&format!("version {}, known: 1", header.tidegate_journal)));
    }
    let mut importing = Importing::new(folder, lock, header.begins_after);
    loop {
        lines.next(&mut from)?;
        let line = lines.read()?;
        match importing.take(&line) {
            Ok(ReadOn::On) => {}
            Ok(ReadOn::Done(counts)) => {
                let mut more = String::new();
                if from.read_line(&mut more)? > 0 {
                    return Err(lines.fault(&"something follows the end"));
                }
                return Ok(counts);
            }
            Err(ImportRefused::Line(why)) => return Err(lines.fault(&why)),
            Err(ImportRefused::Other(error)) => return Err(error),
        }
    }
}

/// The last entry of an export, by its own count.
pub(crate) fn last(mut from: impl BufRead) -> Result<u64, ImportError> {
    let mut lines = ExportLines { number: 0, text: String::new() };
    let header = lines.header(&mut from)?;
    loop {
        lines.next(&mut from)?;
        let line = lines.read()?;
        if let ExportLine::End(counts) = line {
            return Ok(header.begins_after + counts.entries);
        }
    }
}

struct ExportLines {
    number: u64,
    text: String,
}

impl ExportLines {
    fn next(&mut self, from: &mut impl BufRead) -> Result<&str, ImportError> {
        self.number += 1;
        self.text.clear();
        let read = io::Read::take(&mut *from, LINE_BYTES_MAX).read_line(&mut self.text);
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.fault(&"is no text, so no export of a journal"));
            }
            other => other?,
        };
        match read {
            0 => Err(self.fault(&"the export ends here, without its last line")),
            _ if !self.text.ends_with('\n') => Err(self.fault(&"cut short or too long")),
            _ => Ok(&self.text),
        }
    }

    /// The first line.
    fn header(&mut self, from: &mut impl BufRead) -> Result<Header, ImportError> {
        let text = self.next(from)?;
        // Some editors begin a file with a byte order mark.
        let header = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        header.map_err(|_| {
            self.fault(
                &"is not the first of an export, allowed: what `tidegate journal export` wrote",
            )
        })
    }

    /// The line as what it says.
    fn read(&self) -> Result<ExportLine<'_>, ImportError> {
        let line = serde_json::from_str(&self.text);
        line.map_err(|_| self.fault(&"is none of an export: it was changed since it was written"))
    }

    fn fault(&self, why: &impl ToString) -> ImportError {
        ImportError::Line { line: self.number, why: why.to_string() }
    }
}

enum ReadOn {
    On,
    Done(ExportCounts),
}

enum ImportRefused {
    Line(String),
    Other(ImportError),
}

impl From<Unreadable> for ImportRefused {
    fn from(error: Unreadable) -> Self {
        Self::Line(error.to_string())
    }
}

impl From<TooLarge> for ImportRefused {
    fn from(error: TooLarge) -> Self {
        Self::Line(error.to_string())
    }
}

macro_rules! other_refusals {
    ($($error:ty),*) => {$(
        impl From<$error> for ImportRefused {
            fn from(error: $error) -> Self {
                Self::Other(error.into())
            }
        }
    )*};
}
other_refusals!(OpenError, WriteError, io::Error);

struct Importing<'a> {
    folder: &'a Path,
    begins_after: u64,
    counts: ExportCounts,
    assembly: Assembly,
    /// Held until the journal has it.
    lock: Option<File>,
    journal: Option<Journal>,
    batch: Batch,
}

impl<'a> Importing<'a> {
    fn new(folder: &'a Path, lock: File, begins_after: u64) -> Self {
        Self {
            folder,
            begins_after,
            counts: ExportCounts::default(),
            assembly: Assembly::default(),
            lock: Some(lock),
            journal: None,
            batch: Batch::default(),
        }
    }

    fn take(&mut self, line: &ExportLine<'_>) -> Result<ReadOn, ImportRefused> {
        match *line {
            ExportLine::Part { crc: expected, part } => {
                check(expected, part)?;
                if self.journal.is_some() || self.begins_after == 0 {
                    return Err(ImportRefused::Line(
                        "a part of a snapshot at a wrong place".to_owned(),
                    ));
                }
                let part: Part = serde_json::from_str(part.get()).map_err(Unreadable::from)?;
                let fits = self.assembly.add(part)?;
                fits.ok_or_else(|| ImportRefused::Line("a part that does not follow".to_owned()))?;
                self.counts.parts += 1;
            }
            ExportLine::Entry { sequence, crc: expected, entry } => {
                check(expected, entry)?;
                let next = self.begins_after + self.counts.entries + 1;
                if sequence != next {
                    let why = format!("entry {sequence} where {next} should be");
                    return Err(ImportRefused::Line(why));
                }
                self.batch.push(&[Entry::of_json(entry.get())?])?;
                self.counts.entries += 1;
                if self.batch.entries() >= BATCH_ENTRIES {
                    self.write()?;
                }
            }
            ExportLine::End(counts) => {
                if counts != self.counts {
                    let (told, seen) = (counts, self.counts);
                    return Err(ImportRefused::Line(format!(
                        "{} parts and {} entries were written, {} and {} are here",
                        told.parts, told.entries, seen.parts, seen.entries
                    )));
                }
                self.write()?;
                return Ok(ReadOn::Done(counts));
            }
        }
        Ok(ReadOn::On)
    }

    /// Appends what was read, after the snapshot if that is still to be made.
    fn write(&mut self) -> Result<(), ImportRefused> {
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => self.begin()?,
        };
        let written = journal.append_and_wait(std::mem::take(&mut self.batch));
        self.journal = Some(journal);
        written?;
        Ok(())
    }

    fn begin(&mut self) -> Result<Journal, ImportRefused> {
        if self.begins_after > 0 {
            let state = std::mem::take(&mut self.assembly).state();
            let state = state.filter(|state| state.sequence == self.begins_after);
            let state = state.ok_or_else(|| {
                ImportRefused::Line("the snapshot it begins with is not whole".to_owned())
            })?;
            opening::prepare(self.folder)?;
            snapshot::write(&self.folder.join(SNAPSHOTS), &state)?;
        }
        disk::delete(&self.folder.join(MARK))?;
        let lock = self.lock.take().map_or_else(|| opening::lock(self.folder), Ok)?;
        let begins_after = self.begins_after;
        let (journal, _) =
            Journal::open_after(self.folder, lock, begins_after, verify::in_process)?;
        Ok(journal)
    }
}

fn check(expected: u32, value: &RawValue) -> Result<(), ImportRefused> {
    if crc(value) == expected {
        Ok(())
    } else {
        Err(ImportRefused::Line("its checksum is wrong".to_owned()))
    }
}
