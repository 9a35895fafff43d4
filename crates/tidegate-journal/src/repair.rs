//! Going on after damage: from an export, or from what is whole.

mod loss;

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::panic;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tidegate_engine::time::Timestamp;

use crate::batch::Batch;
use crate::disk::{self, sync_folder};
use crate::export::{self, ImportError};
use crate::frame::{Frame, FrameKind};
use crate::journal::{Journal, Opened};
use crate::layout::{self, MARK, SNAPSHOTS, Stored};
use crate::mark::{self, MarkRead};
use crate::opening::{self, OpenError};
use crate::record::Entry;
use crate::snapshot;
use crate::store::{self, SEGMENT_BYTES, SEGMENT_BYTES_BEFORE, Store};
use crate::unfinished::{self, Making};
use crate::verify;
use crate::writer::WriteError;

pub use loss::{Consent, EntryKind, Loss, LostEntries};

/// What a journal is to go on from.
#[derive(Debug, Clone, Copy)]
pub enum GoOnFrom<'a> {
    /// A damaged one from its longest unbroken stretch that is whole.
    Whole,
    /// A damaged one from an export.
    Export(&'a Path),
    /// A sound one from what it was at a time: what was written with a clock that was ahead is left out.
    Time(Timestamp),
}

/// What became of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Where the files from before are now; they can be deleted by hand.
    pub moved_to: PathBuf,
    /// The last entry that was saved.
    pub last: u64,
    /// The last entry that had been acknowledged, where the mark could be read.
    pub acknowledged: Option<u64>,
    /// Acknowledged entries that are lost, where the mark could be read.
    pub lost: Option<u64>,
}

impl Repaired {
    /// Whether entries that were acknowledged may be missing, such as a rollback.
    pub fn may_lack_entries(&self) -> bool {
        self.lost != Some(0)
    }
}

/// Why a journal cannot be repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It is not damaged.
    #[error("the journal in {} is whole: there is nothing to repair", .0.display())]
    Sound(PathBuf),
    /// It is damaged.
    #[error("the journal in {} is damaged: repair it first", .0.display())]
    Damaged(PathBuf),
    /// It has no entry of after the time.
    #[error("no entry of the journal in {} is of after that time: there is nothing to leave out", .0.display())]
    NothingAfter(PathBuf),
    /// It begins after the time.
    #[error("the journal in {} begins after that time: import an export of before it", .0.display())]
    BeginsAfter(PathBuf),
    /// It would lose entries, and nobody agreed to that.
    #[error("nothing was changed: the repair would lose entries, and nobody agreed to that")]
    NotAgreed,
    /// Another process has it, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The export cannot be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The new journal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The new journal could not be made safe for what may be missing from it.
    #[error("what was saved cannot be gone on with: {0}")]
    Settle(String),
    /// Files cannot be moved, read or written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Moves a journal aside and makes a new one that goes on `from` what is wanted. Where that may lose entries, `agree` is
/// told them before anything is replaced.
/// At the end `settle` is handed the new one, for what must follow where entries may
/// be missing. Nobody can open it before that is done; where something fails, the one from before is put back.
///
/// # Errors
/// Where the journal is whole, or damaged, and must not be, or is in use, where the loss is not agreed to, where files cannot be moved, read or
/// written, and where `settle` fails.
pub fn repair(
    folder: &Path,
    from: GoOnFrom<'_>,
    verify: impl FnOnce(&Path) -> io::Result<verify::Verification>,
    agree: impl FnOnce(&Loss) -> Consent,
    settle: impl FnOnce(&Journal, Opened, &Repaired) -> Result<(), String>,
) -> Result<Repaired, RepairError> {
    let export = match from {
        GoOnFrom::Export(path) => Some(File::open(path)?),
        GoOnFrom::Whole | GoOnFrom::Time(_) => None,
    };
    let lock = opening::lock(folder)?;
    match unfinished::read(folder)? {
        None => {}
        Some(Making::Import) => opening::refuse_unfinished(folder)?,
        Some(making) => put_back(folder, &making)?,
    }
    opening::prepare(folder)?;
    let acknowledged = match mark::read(&folder.join(MARK))? {
        MarkRead::Mark(mark) => Some(mark.last),
        MarkRead::Absent | MarkRead::Unreadable => None,
    };
    let is_sound = verify(folder)?.is_sound();
    let salvage = match from {
        GoOnFrom::Time(_) if !is_sound => return Err(RepairError::Damaged(folder.to_owned())),
        GoOnFrom::Time(until) => Salvage::of(folder)?.until(until, folder)?,
        _ if is_sound => return Err(RepairError::Sound(folder.to_owned())),
        GoOnFrom::Whole | GoOnFrom::Export(_) => Salvage::of(folder)?,
    };
    let last = match &export {
        // What cannot be taken in is said before anything is asked.
        Some(export) => export::last(BufReader::new(export))?,
        None => salvage.last,
    };
    let loss = Loss::of(&salvage.frames, last, acknowledged);
    // Whether an export is one of this journal, its numbers do not tell.
    if (export.is_some() || !loss.is_none()) && agree(&loss) == Consent::Withheld {
        return Err(RepairError::NotAgreed);
    }
    let name = match from {
        GoOnFrom::Time(_) => unused_name(folder, "rewound"),
        GoOnFrom::Whole | GoOnFrom::Export(_) => unused_name(folder, "damaged"),
    };
    let aside = folder.join(&name);
    if let Err(error) = move_aside(folder, &name) {
        put_back(folder, &Making::RepairMoves(name))?;
        return Err(error.into());
    }
    // Whether an export has what was acknowledged here, or another line of the journal, its numbers do not tell.
    let known = acknowledged.filter(|_| export.is_none());
    let made = match export {
        Some(mut export) => {
            io::Seek::rewind(&mut export)?;
            made_of(export, folder, &lock)
        }
        None => salvage.into_journal(&aside, folder, &lock),
    };
    let settled = made.and_then(|(journal, opened)| {
        let last = opened.last;
        let missing = known.map(|acknowledged| acknowledged.saturating_sub(last));
        let moved_to = aside.clone();
        let repaired = Repaired { moved_to, last, acknowledged, lost: missing };
        settle(&journal, opened, &repaired).map_err(RepairError::Settle)?;
        journal.close();
        Ok(repaired)
    });
    // The lock is held until here: whoever came in between would be taken for the one that is done.
    if settled.is_ok() {
        unfinished::end(folder)?;
    } else {
        put_back(folder, &Making::RepairMakes(name))?;
    }
    settled
}

/// Makes a journal of an export.
fn made_of(export: File, folder: &Path, lock: &File) -> Result<(Journal, Opened), RepairError> {
    export::fill(BufReader::new(export), folder, lock.try_clone()?)?;
    Ok(Journal::open_after(folder, lock.try_clone()?, 0, verify::in_process)?)
}

/// Takes away what was made of the new journal and moves the damaged one back, also where that was begun before.
fn put_back(folder: &Path, making: &Making) -> Result<(), RepairError> {
    let (Making::RepairMoves(name) | Making::RepairMakes(name)) = making else { return Ok(()) };
    if let Making::RepairMakes(_) = making {
        layout::clear(folder)?;
        unfinished::begin(folder, &Making::RepairMoves(name.clone()))?;
    }
    let aside = folder.join(name);
    // The mark first: with it an empty journal is damage.
    for name in layout::ALL {
        rename_where_there(&aside.join(name), &folder.join(name))?;
    }
    sync_folder(folder)?;
    disk::delete(&aside)?;
    Ok(unfinished::end(folder)?)
}

/// The name of a folder beside the journal's files that is not there yet.
fn unused_name(folder: &Path, what: &str) -> String {
    let mut number = 1;
    loop {
        let name = format!("{what}-{number}");
        // Also a link that leads nowhere has the name.
        if fs::symlink_metadata(folder.join(&name)).is_err() {
            return name;
        }
        number += 1;
    }
}

/// Moves the journal's files to a new folder beside them.
fn move_aside(folder: &Path, name: &str) -> io::Result<()> {
    unfinished::begin(folder, &Making::RepairMoves(name.to_owned()))?;
    let aside = folder.join(name);
    fs::create_dir(&aside)?;
    for name in layout::ALL {
        rename_where_there(&folder.join(name), &aside.join(name))?;
    }
    sync_folder(&aside)?;
    sync_folder(folder)?;
    unfinished::begin(folder, &Making::RepairMakes(name.to_owned()))?;
    layout::refuse_earlier_versions(folder)
}

fn rename_where_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

/// A frame that is whole.
struct Whole {
    first: u64,
    last: u64,
    crc: u32,
    previous: u32,
    bytes: Vec<u8>,
}

/// What is whole of a damaged journal.
struct Salvage {
    frames: Vec<Whole>,
    /// Snapshots that are whole, and the beginning.
    bases: Vec<u64>,
    /// The one to go on from, and the last entry that follows it without a gap.
    base: u64,
    last: u64,
}

impl Salvage {
    fn of(folder: &Path) -> io::Result<Self> {
        let frames = whole_frames(folder)?;
        let snapshots = folder.join(SNAPSHOTS);
        let mut bases = vec![0];
        for sequence in snapshot::list(&snapshots)? {
            if snapshot::check(&snapshot::path(&snapshots, sequence)).is_ok() {
                bases.push(sequence);
            }
        }
        // The furthest reach, and of equals the one with the most entries behind it.
        let reached = bases.iter().map(|base| (reach(*base, &frames), *base));
        let (last, base) = reached
            .max_by(|(a, a_base), (b, b_base)| a.cmp(b).then(b_base.cmp(a_base)))
            .unwrap_or((0, 0));
        Ok(Self { frames, bases, base, last })
    }

    /// What is before the first frame with an entry of after a time: what was written together stays together. The frames
    /// stay, to tell what is lost.
    fn until(self, until: Timestamp, folder: &Path) -> Result<Self, RepairError> {
        let mut cut = None;
        for frame in &self.frames {
            let read = Frame::read(FrameKind::Entries, &frame.bytes);
            let entries = read.and_then(|frame| frame.entries()).map_err(io::Error::other)?;
            if entries.iter().any(|(_, entry)| entry.at() > until) {
                cut = Some(frame.first - 1);
                break;
            }
        }
        let cut = cut.ok_or_else(|| RepairError::NothingAfter(folder.to_owned()))?;
        let Self { frames, mut bases, .. } = self;
        let snapshots = folder.join(SNAPSHOTS);
        let is_of_before = |base: u64| {
            let taken_at = snapshot::time_of(&snapshot::path(&snapshots, base));
            base == 0 || taken_at.is_ok_and(|taken_at| taken_at <= until)
        };
        bases.retain(|base| *base <= cut && is_of_before(*base));
        let (base, begins) = (bases.iter().max().copied().unwrap_or(0), frames.first());
        if begins.is_some_and(|frame| frame.first > base + 1) {
            return Err(RepairError::BeginsAfter(folder.to_owned()));
        }
        Ok(Self { frames, bases, base, last: cut })
    }

    /// Makes a journal of it, with the snapshots of the damaged one, which was moved aside.
    fn into_journal(
        self,
        aside: &Path,
        folder: &Path,
        lock: &File,
    ) -> Result<(Journal, Opened), RepairError> {
        let Self { frames, bases, base, last } = self;
        let old = aside.join(SNAPSHOTS);
        opening::prepare(folder)?;
        for sequence in bases.into_iter().filter(|sequence| *sequence > 0 && *sequence <= last) {
            if sequence >= base {
                let name = snapshot::path(&folder.join(SNAPSHOTS), sequence);
                fs::copy(snapshot::path(&old, sequence), &name)?;
                fs::File::open(&name)?.sync_all()?;
            }
        }
        sync_folder(&folder.join(SNAPSHOTS))?;
        disk::delete(&folder.join(MARK))?;
        let (journal, _) =
            Journal::open_after(folder, lock.try_clone()?, base, verify::in_process)?;
        for frame in frames.iter().filter(|frame| frame.last > base && frame.last <= last) {
            let read =
                Frame::read(FrameKind::Entries, &frame.bytes).and_then(|frame| frame.entries());
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
        Ok(Journal::open_after(folder, lock.try_clone()?, base, verify::in_process)?)
    }
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

/// Every frame that can be read. A copy is opened, so that the store stays as it was, and sled
/// may panic over it. Where more is read without what sled made to start sooner, that counts: it is in the log too.
fn whole_frames(folder: &Path) -> io::Result<Vec<Whole>> {
    let (store, segment) = match Stored::find(folder) {
        Stored::Nowhere => return Ok(Vec::new()),
        Stored::Here(store) => (store, SEGMENT_BYTES),
        Stored::Before(store) => (store, SEGMENT_BYTES_BEFORE),
    };
    let copy = store.with_extension("copy");
    let read = |cached: Cached| -> io::Result<Vec<Whole>> {
        disk::delete(&copy)?;
        disk::copy_folder(&store, &copy)?;
        if cached == Cached::Deleted {
            store::delete_cached(&copy)?;
        }
        let whole = frames_in(&copy, segment);
        disk::delete(&copy)?;
        Ok(whole)
    };
    let (whole, without) = (read(Cached::Kept)?, read(Cached::Deleted)?);
    Ok(if without.len() > whole.len() { without } else { whole })
}

/// What sled made to start sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cached {
    Kept,
    Deleted,
}

fn frames_in(store: &Path, segment: usize) -> Vec<Whole> {
    let mut whole = Vec::new();
    let read = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let Ok(store) = Store::open_with(store, segment) else { return };
        for frame in store.frames_from(0) {
            let Ok((key, bytes)) = frame else { return };
            if let Ok(frame) = Frame::read(FrameKind::Entries, &bytes)
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
    whole
}
