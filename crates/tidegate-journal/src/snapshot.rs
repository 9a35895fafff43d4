//! The state of all rollouts and prompts after an entry, in one file of checked frames.

mod part;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tidegate_engine::id::ExperimentKey;
use tidegate_engine::notice::Noticed;
use tidegate_engine::phase;
use tidegate_engine::prompt;
use tidegate_engine::series::Series;
use tidegate_engine::snapshot::Snapshot;
use tidegate_engine::time::Timestamp;

use crate::disk::{entries, sync_folder};
use crate::frame::{self, BadFrame, FRAME_BYTES_MAX, Frame, FrameKind, Link};
use crate::log::Term;
use crate::record::{RolloutId, Unreadable};

pub(crate) use part::{Assembly, Part, parts};

const ENDING: &str = "snapshot";
const UNFINISHED: &str = "unfinished";

/// All rollouts and prompts after an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalState {
    /// The entry.
    pub sequence: u64,
    /// When the snapshot was taken.
    pub at: Timestamp,
    /// Every rollout, in order of their numbers.
    pub rollouts: Vec<RolloutState>,
    /// What is kept of experiments that were taken away, in order of their keys.
    pub deleted: Vec<DeletedState>,
    /// Every prompt, in the order of their names.
    pub prompts: Vec<prompt::PromptSnapshot>,
    /// The newest of what is told to subscribers.
    pub feed: FeedState,
}

/// The newest events that are told to subscribers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedState {
    /// Every event after this entry is here.
    pub after: u64,
    /// The numbers of the entries that they are, with what they say as JSON, ascending.
    pub events: Vec<(u64, String)>,
}

impl FeedState {
    /// No event, of the time up to an entry.
    pub(crate) const fn nothing(after: u64) -> Self {
        Self { after, events: Vec::new() }
    }
}

/// One rollout after an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutState {
    /// Its number.
    pub id: RolloutId,
    /// Its experiment.
    pub key: ExperimentKey,
    /// The run, from 1.
    pub run: u32,
    /// The experiment file in TOML.
    pub definition: String,
    /// Why each of its steps was taken, as JSON for people, oldest first.
    pub accounts: Vec<String>,
    /// The run that serves until it is started, if any.
    pub predecessor: Option<PredecessorState>,
    /// What was told of it already.
    pub noticed: Noticed,
    /// What its guardrails said over time.
    pub series: Series,
    /// All that the engine remembers.
    pub rollout: Snapshot,
}

/// What is kept of an experiment that was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedState {
    /// The number of its last run among all rollouts.
    pub id: RolloutId,
    /// Its key, under which another may be defined.
    pub key: ExperimentKey,
    /// Its last run: another one goes on from there, so that late reports are never taken for its own.
    pub run: u32,
    /// Why each of its steps was taken, and why it was taken away, as JSON for people, oldest first.
    pub accounts: Vec<String>,
}

/// An ended run that a draft followed, and that serves until the draft is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredecessorState {
    /// The run, from 1.
    pub run: u32,
    /// How it ended.
    pub state: phase::State,
    /// The experiment file in TOML.
    pub definition: String,
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// A frame is broken.
    #[error(transparent)]
    Frame(#[from] BadFrame),
    /// A part cannot be read.
    #[error(transparent)]
    Part(#[from] Unreadable),
    /// Frames or parts do not follow one another.
    #[error("part {0} does not follow from those before it")]
    Order(u64),
    /// The file ends too early.
    #[error("it has no end")]
    NoEnd,
}

/// The numbers of the snapshots in a folder, ascending.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut sequences: Vec<u64> = entries(folder)?
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .filter_map(|path| u64::from_str_radix(path.file_stem()?.to_str()?, 16).ok())
        .collect();
    sequences.sort_unstable();
    Ok(sequences)
}

/// The file of a snapshot.
pub(crate) fn path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{sequence:016x}.{ENDING}"))
}

/// Deletes what a crash left half written.
pub(crate) fn delete_unfinished(folder: &Path) -> io::Result<()> {
    for path in entries(folder)? {
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Writes a snapshot; it is there whole or not at all.
pub(crate) fn write(folder: &Path, state: &JournalState) -> io::Result<()> {
    let finished = path(folder, state.sequence);
    let unfinished = finished.with_extension(UNFINISHED);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    let (mut payload, mut bytes) = (Vec::new(), Vec::new());
    let (mut previous, mut count) = (0, 0);
    for part in parts(state) {
        count += 1;
        part.write(&mut payload).map_err(io::Error::other)?;
        let link = Link { previous, first: count, count: 1, term: Term::NONE };
        previous = frame::write(FrameKind::SnapshotPart, link, &payload, &mut bytes);
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&unfinished, &finished)?;
    sync_folder(folder)
}

/// Checks every byte of a snapshot: that each frame is whole and follows the one before, to the end.
pub(crate) fn check(path: &Path) -> Result<(), BadSnapshot> {
    walk(path, |_| Ok(Go::On))
}

/// When a snapshot was taken.
pub(crate) fn time_of(path: &Path) -> Result<Timestamp, BadSnapshot> {
    let mut time = None;
    walk(path, |part| {
        time = Part::read(part)?.time();
        Ok(Go::NoFurther)
    })?;
    time.ok_or(BadSnapshot::Order(1))
}

/// Reads a snapshot.
pub(crate) fn read(path: &Path) -> Result<JournalState, BadSnapshot> {
    let mut assembly = Assembly::default();
    let mut number = 0;
    walk(path, |part| {
        number += 1;
        assembly.add(Part::read(part)?)?.ok_or(BadSnapshot::Order(number)).map(|()| Go::On)
    })?;
    assembly.state().ok_or(BadSnapshot::NoEnd)
}

enum Go {
    On,
    NoFurther,
}

/// Hands the bytes of every part to `take`, after its frame was checked.
fn walk(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<Go, BadSnapshot>,
) -> Result<(), BadSnapshot> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut previous, mut number) = (0, 0);
    let mut bytes = Vec::new();
    let mut length = [0; 4];
    loop {
        file.read_exact(&mut length).map_err(|_| BadSnapshot::NoEnd)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(BadFrame::Length(length).into());
        }
        bytes.resize(length, 0);
        file.read_exact(&mut bytes).map_err(|_| BadSnapshot::NoEnd)?;
        number += 1;
        let frame = Frame::read(FrameKind::SnapshotPart, &bytes)?;
        if frame.previous != previous || frame.first != number || frame.count != 1 {
            return Err(BadSnapshot::Order(number));
        }
        previous = frame.crc;
        let [part] = frame.slices()?[..] else { return Err(BadSnapshot::Order(number)) };
        if matches!(take(part)?, Go::NoFurther) {
            return Ok(());
        }
        if Part::is_end(part) {
            if Part::read(part)?.is_end_of(number) != Some(true) {
                return Err(BadSnapshot::Order(number));
            }
            // Nothing may follow.
            return match file.read(&mut [0])? {
                0 => Ok(()),
                _ => Err(BadSnapshot::Order(number + 1)),
            };
        }
    }
}
