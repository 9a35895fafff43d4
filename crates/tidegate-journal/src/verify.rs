//! Whether a journal is whole: all that was acknowledged, in one unbroken chain.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::panic;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::frame::{Frame, FrameKind};
use crate::layout::{MARK, SNAPSHOTS, Stored};
use crate::mark::{self, Mark, MarkRead};
use crate::opening::{self, OpenError};
use crate::snapshot;
use crate::store::{self, Copied, Store, StoreError};

const SIGKILL: i32 = 9;
/// The exit code of a program that panicked.
const PANICKED: i32 = 101;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether the journal can be trusted.
    pub verdict: Soundness,
    /// Frames that are whole.
    pub frames: u64,
    /// Entries in them.
    pub entries: u64,
    /// The first entry that is kept, 0 where there is none.
    pub first: u64,
    /// The last entry that is whole, 0 where there is none.
    pub last: u64,
    /// The checksum of its frame.
    pub last_crc: u32,
    /// The term of its frame, 0 where nobody ever led.
    #[serde(default)]
    pub last_term: u64,
    /// The last entry that was acknowledged.
    pub acknowledged: u64,
    /// Where a tail begins that is broken and was never acknowledged.
    pub broken_tail: Option<u64>,
    /// Snapshots that are whole, oldest first.
    pub snapshots: Vec<u64>,
    /// Snapshots that are not.
    pub broken_snapshots: Vec<u64>,
    /// Whether the store is whole only without what it keeps to start sooner, which the next opening makes anew.
    #[serde(default)]
    pub cache: Cache,
}

/// What the store keeps to start sooner, all of which is in its log as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// The store is read with it.
    #[default]
    Usable,
    /// The store is whole without it alone.
    Broken,
}

/// Whether a journal can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Soundness {
    /// Everything acknowledged is there.
    Sound,
    /// Something is missing or changed.
    Damaged {
        /// What is missing or changed, and at which entry.
        why: String,
    },
}

impl Verification {
    fn damaged(why: impl Into<String>) -> Self {
        Self { verdict: Soundness::Damaged { why: why.into() }, ..Self::default() }
    }

    /// Whether the journal can be trusted.
    pub fn is_sound(&self) -> bool {
        self.verdict == Soundness::Sound
    }
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            verdict: Soundness::Sound,
            frames: 0,
            entries: 0,
            first: 0,
            last: 0,
            last_crc: 0,
            last_term: 0,
            acknowledged: 0,
            broken_tail: None,
            snapshots: Vec::new(),
            broken_snapshots: Vec::new(),
            cache: Cache::Usable,
        }
    }
}

/// Checks the journal in `folder` in this process.
///
/// A damaged store can make sled panic; a process that must go on uses [`in_child`].
///
/// # Errors
/// Where the folder cannot be read at all.
pub fn in_process(folder: &Path) -> io::Result<Verification> {
    let report = panic::catch_unwind(|| checked(folder, &Stored::find(folder)));
    if let Ok(Ok(report)) = &report
        && report.is_sound()
    {
        return Ok(report.clone());
    }
    match without_cache(folder) {
        Ok(Some(report)) if report.is_sound() => {
            Ok(Verification { cache: Cache::Broken, ..report })
        }
        // What the store itself says counts.
        Ok(_) | Err(_) => report.unwrap_or_else(|panic| panic::resume_unwind(panic)),
    }
}

/// Checks a copy of the store without what sled makes anew from its log; none where there is no such thing.
fn without_cache(folder: &Path) -> io::Result<Option<Verification>> {
    let Stored::Here(store) = Stored::find(folder) else { return Ok(None) };
    if !store::has_cached(&store)? {
        return Ok(None);
    }
    let copy = store.with_extension("copy");
    let report = (|| {
        disk::delete(&copy)?;
        disk::copy_folder(&store, &copy)?;
        store::delete_cached(&copy)?;
        let stored = Stored::Here(copy.clone());
        match panic::catch_unwind(|| checked(folder, &stored)) {
            Ok(report) => report.map(Some),
            Err(_) => Ok(None),
        }
    })();
    disk::delete(&copy)?;
    report
}

fn checked(folder: &Path, stored: &Stored) -> io::Result<Verification> {
    let mut report = Verification::default();
    for sequence in snapshot::list(&folder.join(SNAPSHOTS))? {
        let sound = snapshot::check(&snapshot::path(&folder.join(SNAPSHOTS), sequence)).is_ok();
        let list = if sound { &mut report.snapshots } else { &mut report.broken_snapshots };
        list.push(sequence);
    }
    let mark = mark::read(&folder.join(MARK))?;
    let checked = match stored {
        Stored::Nowhere => {
            if mark == MarkRead::Absent || mark == MarkRead::Mark(Mark::default()) {
                return Ok(report);
            }
            return Ok(Verification::damaged("the store is missing"));
        }
        Stored::Here(store) => {
            Store::open(store).map(|store| check_frames(&store, mark, &mut report))
        }
        Stored::Before(store) => {
            Copied::of(store).map(|copied| check_frames(copied.store(), mark, &mut report))
        }
    };
    match checked.map_err(StoreError::of_disk) {
        Ok(()) => {}
        Err(Ok(error)) => return Err(error),
        Err(Err(error)) => report.verdict = Soundness::Damaged { why: error.to_string() },
    }
    Ok(report)
}

/// Checks the journal in a child process, which `command` must make run [`in_process`] on the folder and
/// print the report as JSON. Whatever a damaged store does to the child, this process goes on.
pub fn in_child(mut command: Command) -> impl FnOnce(&Path) -> io::Result<Verification> {
    move |_| {
        let output = command.stdin(Stdio::null()).output()?;
        match serde_json::from_slice(&output.stdout) {
            Ok(report) => Ok(report),
            // Killed from outside, as for want of memory: that says nothing about the journal.
            Err(_) if output.status.signal() == Some(SIGKILL) => {
                Err(io::Error::other("the check of the journal was killed before its end"))
            }
            // It says itself why it could not check: the disk does not let it.
            Err(_) if output.status.code().is_some_and(|code| code != PANICKED) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(io::Error::other(said))
            }
            Err(_) => Ok(Verification::damaged(format!(
                "the store cannot be opened (the check ended with {})",
                output.status
            ))),
        }
    }
}

/// Checks the journal in `folder` while no other process can change it.
///
/// # Errors
/// Where another process has it, and where the folder cannot be read at all.
pub fn locked(
    folder: &Path,
    verify: impl FnOnce(&Path) -> io::Result<Verification>,
) -> Result<Verification, OpenError> {
    let _lock = opening::lock(folder)?;
    opening::refuse_unfinished(folder)?;
    verify(folder).map_err(|source| OpenError::Disk { folder: folder.to_owned(), source })
}

fn check_frames(store: &Store, mark: MarkRead, report: &mut Verification) {
    let mark = match mark {
        MarkRead::Mark(mark) => mark,
        MarkRead::Absent if store.frames_from(0).next().is_none() => Mark::default(),
        MarkRead::Absent => return damage(report, "the mark is missing".to_owned()),
        MarkRead::Unreadable => return damage(report, "the mark cannot be read".to_owned()),
    };
    report.acknowledged = mark.last;
    if let Err(why) = check_chain(store, mark, report) {
        return damage(report, why);
    }
    if report.frames == 0 && mark.crc == 0 && report.snapshots.contains(&mark.last) {
        // Begun after a snapshot, and nothing came yet.
        report.last = mark.last;
        return;
    }
    if report.last < mark.last {
        let (from, to) = (report.last + 1, mark.last);
        return damage(report, format!("entries {from} to {to} are missing"));
    }
    // Where the frames begin there must be a snapshot, or the beginning.
    let base = report.snapshots.first().copied().unwrap_or(0);
    if report.first > 1 && !report.snapshots.iter().any(|snapshot| snapshot + 1 >= report.first) {
        let why = format!("entries {} to {} are missing", base + 1, report.first - 1);
        damage(report, why);
    }
}

fn damage(report: &mut Verification, why: String) {
    report.verdict = Soundness::Damaged { why };
}

/// Follows the chain of frames; an error is a fault among what was acknowledged.
fn check_chain(store: &Store, mark: Mark, report: &mut Verification) -> Result<(), String> {
    for record in store.frames_from(0) {
        let (key, bytes) = record.map_err(|error: StoreError| error.to_string())?;
        let fault = match Frame::read(FrameKind::Entries, &bytes) {
            Err(error) => Some(error.to_string()),
            Ok(frame) => check_frame(&frame, key, mark, report).err(),
        };
        if let Some(why) = fault {
            if key > mark.last && report.last >= mark.last {
                // Written, but not acknowledged before a crash.
                report.broken_tail = Some(key);
                return Ok(());
            }
            return Err(format!("the frame of entry {key}: {why}"));
        }
    }
    Ok(())
}

fn check_frame(
    frame: &Frame<'_>,
    key: u64,
    mark: Mark,
    report: &mut Verification,
) -> Result<(), String> {
    if frame.first != key {
        return Err(format!("it says it begins with entry {}", frame.first));
    }
    if frame.count == 0 {
        return Err("it is empty".to_owned());
    }
    if report.frames > 0 {
        if frame.first != report.last + 1 {
            return Err(format!("it follows entry {}: entries between are missing", report.last));
        }
        if frame.previous != report.last_crc {
            return Err("it does not follow the frame before it".to_owned());
        }
        if frame.term.0 < report.last_term {
            let (term, before) = (frame.term, report.last_term);
            return Err(format!("it is of term {term}, after one of term {before}"));
        }
    }
    if frame.first <= mark.last && mark.last < frame.last() {
        return Err(format!("the mark, {}, lies within it", mark.last));
    }
    if frame.last() == mark.last && frame.crc != mark.crc {
        return Err("the mark was set for another frame".to_owned());
    }
    // What the checksum covers was an entry when it was written; reading it back says so again.
    frame.slices().map_err(|error| error.to_string())?;
    if report.frames == 0 {
        report.first = frame.first;
    }
    report.frames += 1;
    report.entries += u64::from(frame.count);
    (report.last, report.last_crc, report.last_term) = (frame.last(), frame.crc, frame.term.0);
    Ok(())
}
