//! Going on after damage: from an export, or from what is whole.

use std::fs;
use std::io::{self, BufReader};
use std::panic;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::batch::Batch;
use crate::disk::sync_folder;
use crate::export::{ImportError, import};
use crate::frame::{Frame, Kind};
use crate::journal::{self, Journal, MARK, OpenError, SNAPSHOTS, STORE};
use crate::mark::{self, Read};
use crate::record::Entry;
use crate::snapshot;
use crate::store::Store;
use crate::verify;
use crate::writer::WriteError;

/// What became of a damaged journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Where the damaged files are now; they can be deleted by hand.
    pub moved_to: PathBuf,
    /// The last entry that the new journal has.
    pub last: u64,
    /// The last entry that had been acknowledged, where the mark could be read.
    pub acknowledged: Option<u64>,
    /// Acknowledged entries that are lost, where the mark could be read.
    pub lost: Option<u64>,
}

/// Why a journal cannot be repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It is not damaged.
    #[error("the journal in {} is whole: there is nothing to repair", .0.display())]
    Sound(PathBuf),
    /// Another process has it, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The export cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The new journal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Files cannot be moved, read or written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Moves a damaged journal aside and makes a new one: of `export` if there is one, or of the longest
/// unbroken stretch that is whole. Where that fails, the damaged one is put back: in a folder without a
/// journal a daemon would begin an empty one.
///
/// # Errors
/// Where the journal is whole or in use, and where files cannot be moved, read or written.
pub fn repair(
    folder: &Path,
    export: Option<&Path>,
    verify: impl FnOnce(&Path) -> io::Result<verify::Report>,
) -> Result<Repaired, RepairError> {
    let export = export.map(fs::File::open).transpose()?;
    let lock = journal::lock(folder)?;
    journal::prepare(folder)?;
    let acknowledged = match mark::read(&folder.join(MARK))? {
        Read::Mark(mark) => Some(mark.last),
        Read::Absent | Read::Unreadable => None,
    };
    if verify(folder)?.is_sound() {
        return Err(RepairError::Sound(folder.to_owned()));
    }
    let aside = move_aside(folder)?;
    drop(lock);
    let made = match export {
        Some(export) => made_of(export, folder),
        None => salvage(&aside, folder),
    };
    let last = match made {
        Ok(last) => last,
        Err(error) => {
            put_back(&aside, folder)?;
            return Err(error);
        }
    };
    let missing = acknowledged.map(|acknowledged| acknowledged.saturating_sub(last));
    Ok(Repaired { moved_to: aside, last, acknowledged, lost: missing })
}

/// Makes a journal of an export and gives its last entry.
fn made_of(export: fs::File, folder: &Path) -> Result<u64, RepairError> {
    import(BufReader::new(export), folder)?;
    let (journal, opened) = Journal::open(folder, verify::in_process)?;
    journal.close();
    Ok(opened.last)
}

/// Takes away what was made of the new journal and moves the damaged one back.
fn put_back(aside: &Path, folder: &Path) -> Result<(), RepairError> {
    // Whoever may have begun one here meanwhile keeps it.
    let _lock = journal::lock(folder)?;
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    gone(fs::remove_dir_all(folder.join(STORE)))?;
    gone(fs::remove_dir_all(folder.join(SNAPSHOTS)))?;
    gone(fs::remove_file(folder.join(MARK)))?;
    // The mark first: with it an empty journal is damage.
    for name in [MARK, STORE, SNAPSHOTS] {
        gone(fs::rename(aside.join(name), folder.join(name)))?;
    }
    sync_folder(folder)?;
    Ok(gone(fs::remove_dir_all(aside))?)
}

/// Moves the journal's files to a new folder beside them.
fn move_aside(folder: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let aside = folder.join(format!("damaged-{number}"));
        match fs::create_dir(&aside) {
            Ok(()) => break aside,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    for name in [STORE, MARK, SNAPSHOTS] {
        match fs::rename(folder.join(name), aside.join(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sync_folder(&aside)?;
    sync_folder(folder)?;
    Ok(aside)
}

/// A frame that is whole.
struct Whole {
    first: u64,
    last: u64,
    crc: u32,
    previous: u32,
    bytes: Vec<u8>,
}

/// Makes a journal of what is whole and gives its last entry.
fn salvage(aside: &Path, folder: &Path) -> Result<u64, RepairError> {
    let frames = whole_frames(aside)?;
    let old = aside.join(SNAPSHOTS);
    let mut bases = vec![0];
    for sequence in snapshot::list(&old)? {
        if snapshot::check(&snapshot::path(&old, sequence)).is_ok() {
            bases.push(sequence);
        }
    }
    // The furthest reach, and of equals the one with the most entries behind it.
    let reached = bases.iter().map(|base| (reach(*base, &frames), *base));
    let (last, base) = reached
        .max_by(|(a, a_base), (b, b_base)| a.cmp(b).then(b_base.cmp(a_base)))
        .unwrap_or((0, 0));

    journal::prepare(folder)?;
    for sequence in bases.into_iter().filter(|sequence| *sequence > 0 && *sequence <= last) {
        if sequence >= base {
            let name = snapshot::path(&folder.join(SNAPSHOTS), sequence);
            fs::copy(snapshot::path(&old, sequence), &name)?;
            fs::File::open(&name)?.sync_all()?;
        }
    }
    sync_folder(&folder.join(SNAPSHOTS))?;
    let (journal, _) = Journal::open_after(folder, base, verify::in_process)?;
    for frame in frames.iter().filter(|frame| frame.last > base && frame.last <= last) {
        let read = Frame::read(Kind::Entries, &frame.bytes).and_then(|frame| frame.entries());
        let mut batch = Batch::default();
        for (sequence, entry) in read.map_err(io::Error::other)? {
            if sequence > base {
                let entry: &[Entry] = &[entry];
                batch.push(entry).map_err(io::Error::other)?;
            }
        }
        journal.append_and_wait(batch)?;
    }
    journal.close();
    Ok(last)
}

/// The last entry that follows `base` without a gap.
fn reach(base: u64, frames: &[Whole]) -> u64 {
    let Some(start) = frames.iter().position(|frame| frame.last > base && frame.first <= base + 1)
    else {
        return base;
    };
    let mut last = &frames[start];
    for frame in &frames[start + 1..] {
        if frame.first != last.last + 1 || frame.previous != last.crc {
            break;
        }
        last = frame;
    }
    last.last
}

/// Every frame that can be read. A copy is opened, so that what was moved aside stays as it was, and sled
/// may panic over it.
fn whole_frames(aside: &Path) -> io::Result<Vec<Whole>> {
    let copy = aside.join("copy");
    fs::create_dir_all(&copy)?;
    for path in crate::store::entries(&aside.join(STORE))? {
        if path.is_file() {
            fs::copy(&path, copy.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let mut whole = Vec::new();
    let read = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let Ok(store) = Store::open(&copy) else { return };
        for record in store.frames_from(0) {
            let Ok((key, bytes)) = record else { return };
            if let Ok(frame) = Frame::read(Kind::Entries, &bytes)
                && frame.first == key
                && frame.entries().is_ok()
            {
                let (first, last) = (frame.first, frame.last());
                let (crc, previous) = (frame.crc, frame.previous);
                whole.push(Whole { first, last, crc, previous, bytes: bytes.to_vec() });
            }
        }
    }));
    // After a panic what was read until then is still whole.
    drop(read);
    fs::remove_dir_all(&copy)?;
    Ok(whole)
}
