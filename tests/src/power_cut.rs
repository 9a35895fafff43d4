//! What a disk may hold after a power cut, made of a record of everything that was asked of it.
//!
//! What a completed sync covered is there. Of everything later nothing is certain: each sector of each
//! write is kept, lost or torn, a file has any of the lengths it had since, and names that were made,
//! moved or deleted without a sync of their folder are as they were, or as they became.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt};

const SECTOR: usize = 512;
const FIXED: usize = 1 + 3 * 4 + 8;

/// One call, and where its record ends.
#[derive(Debug)]
pub struct Call {
    /// Bytes of the record up to its end.
    pub end: u64,
    act: Act,
}

#[derive(Debug)]
enum Act {
    Create(PathBuf),
    Write { path: PathBuf, offset: usize, data: Vec<u8> },
    Truncate { path: PathBuf, length: usize },
    Sync(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
    Unlink(PathBuf),
    MakeFolder(PathBuf),
}

/// Reads a record of the shim.
pub fn read_record(path: &Path) -> Vec<Call> {
    let bytes = fs::read(path).expect("a record");
    let mut calls = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let fixed = &bytes[at..at + FIXED];
        let number = |from: usize| {
            u32::from_le_bytes(fixed[from..from + 4].try_into().expect("4 bytes")) as usize
        };
        let lengths = [number(1), number(5), number(9)];
        let offset = u64::from_le_bytes(fixed[13..21].try_into().expect("8 bytes"));
        let offset = usize::try_from(offset).expect("an offset");
        at += FIXED;
        let mut take = |length: usize| {
            let taken = &bytes[at..at + length];
            at += length;
            taken
        };
        let name = |bytes: &[u8]| PathBuf::from(String::from_utf8(bytes.to_vec()).expect("UTF-8"));
        let path = name(take(lengths[0]));
        let second = name(take(lengths[1]));
        let data = take(lengths[2]).to_vec();
        let act = match fixed[0] {
            1 => Act::Create(path),
            2 => Act::Write { path, offset, data },
            3 => Act::Truncate { path, length: offset },
            4 => Act::Sync(path),
            5 => Act::Rename { from: path, to: second },
            6 => Act::Unlink(path),
            7 => Act::MakeFolder(path),
            other => panic!("a call of kind {other}"),
        };
        calls.push(Call { end: at as u64, act });
    }
    calls
}

/// A file or folder; one that has no name any more has still its number.
type Number = usize;
const ROOT: Number = 0;

/// A name in a folder.
type Name = (Number, OsString);

/// A change of names in one folder, as one call made it.
type Renaming = Vec<(Name, Option<Number>)>;

#[derive(Debug, Default)]
struct Held {
    is_folder: bool,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl Held {
    fn folder() -> Self {
        Self { is_folder: true, ..Self::default() }
    }
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

/// What a disk holds for certain, and what it was given since.
#[derive(Debug)]
pub struct Disk {
    files: Vec<Held>,
    /// Names as the program sees them, and as they are on disk for certain.
    names: BTreeMap<Name, Number>,
    durable_names: BTreeMap<Name, Number>,
    pending_names: BTreeMap<Number, Vec<Renaming>>,
}

/// Everything below a folder after a cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Image {
    folders: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            files: vec![Held::folder()],
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: BTreeMap::new(),
        }
    }
}

impl Disk {
    /// A disk that holds these for certain.
    pub fn holding(image: &Image) -> Self {
        let mut disk = Self::default();
        let mut folders: Vec<&PathBuf> = image.folders.iter().collect();
        folders.sort_by_key(|path| path.components().count());
        for path in folders {
            disk.make(path, Held::folder());
        }
        for (path, bytes) in &image.files {
            disk.make(path, Held { durable: bytes.clone(), ..Held::default() });
        }
        disk.durable_names = disk.names.clone();
        disk.pending_names.clear();
        disk
    }

    /// Takes a call in.
    pub fn take(&mut self, call: &Call) {
        match &call.act {
            Act::Create(path) => self.make(path, Held::default()),
            Act::MakeFolder(path) => self.make(path, Held::folder()),
            Act::Write { path, offset, data } => {
                let change = Change::Write { offset: *offset, data: data.clone() };
                self.change(path, change);
            }
            Act::Truncate { path, length } => self.change(path, Change::Length(*length)),
            Act::Sync(path) => self.sync(path),
            Act::Rename { from, to } => {
                let number = self.find(from).expect("a file that is renamed");
                let (from, to) = (self.name(from), self.name(to));
                if from.0 == to.0 {
                    self.rename_later(vec![(from, None), (to, Some(number))]);
                } else {
                    // Each folder's own sync makes its half durable, so a cut may leave both names or neither: file
                    // systems with a journal do better than that.
                    self.rename_later(vec![(to, Some(number))]);
                    self.rename_later(vec![(from, None)]);
                }
            }
            Act::Unlink(path) => {
                let name = self.name(path);
                self.rename_later(vec![(name, None)]);
            }
        }
    }

    /// What the program finds under a path.
    fn find(&self, path: &Path) -> Option<Number> {
        let mut components = path.iter().filter(|part| *part != ".");
        components
            .try_fold(ROOT, |folder, part| self.names.get(&(folder, part.to_owned())).copied())
    }

    fn name(&self, path: &Path) -> Name {
        let folder = self.find(path.parent().unwrap_or(Path::new(""))).expect("its folder");
        (folder, path.file_name().expect("a name").to_owned())
    }

    fn make(&mut self, path: &Path, held: Held) {
        let number = self.files.len();
        self.files.push(held);
        let name = self.name(path);
        self.rename_later(vec![(name, Some(number))]);
    }

    /// Seen at once, on disk some time.
    fn rename_later(&mut self, renaming: Renaming) {
        rename(&mut self.names, &renaming);
        let folder = renaming[0].0.0;
        self.pending_names.entry(folder).or_default().push(renaming);
    }

    fn change(&mut self, path: &Path, change: Change) {
        // A file without a name is gone with the power.
        if let Some(number) = self.find(path) {
            self.files[number].pending.push(change);
        }
    }

    fn sync(&mut self, path: &Path) {
        let Some(number) = self.find(path) else { return };
        let file = &mut self.files[number];
        for change in std::mem::take(&mut file.pending) {
            apply(&mut file.durable, &change);
        }
        for renaming in self.pending_names.remove(&number).unwrap_or_default() {
            rename(&mut self.durable_names, &renaming);
        }
    }

    /// What the program sees.
    pub fn seen(&self) -> Image {
        self.image(&self.names, |file| {
            let mut bytes = file.durable.clone();
            for change in &file.pending {
                apply(&mut bytes, change);
            }
            bytes
        })
    }

    /// What a cut at this moment may leave.
    pub fn cut(&self, random: &mut impl Rng) -> Image {
        let mut names = self.durable_names.clone();
        for renamings in self.pending_names.values() {
            // Most file systems keep the order of names; none has to.
            let in_order = random.random_bool(0.5);
            let kept = random.random_range(0..=renamings.len());
            for (index, renaming) in renamings.iter().enumerate() {
                if if in_order { index < kept } else { random.random_bool(0.5) } {
                    rename(&mut names, renaming);
                }
            }
        }
        // In some cuts nearly all is written, in some nearly nothing.
        let kept = [0.02, 0.5, 0.98][random.random_range(0..3)];
        self.image(&names, |file| cut_file(file, kept, random))
    }

    /// All that can be reached by names.
    fn image(
        &self,
        names: &BTreeMap<Name, Number>,
        mut bytes: impl FnMut(&Held) -> Vec<u8>,
    ) -> Image {
        let mut image = Image::default();
        let mut folders = vec![(ROOT, PathBuf::new())];
        while let Some((folder, above)) = folders.pop() {
            let first = (folder, OsString::new());
            for ((_, name), number) in names.range(first..).take_while(|((of, _), _)| *of == folder)
            {
                let (file, path) = (&self.files[*number], above.join(name));
                if file.is_folder {
                    image.folders.push(path.clone());
                    folders.push((*number, path));
                } else {
                    image.files.insert(path, bytes(file));
                }
            }
        }
        image.folders.sort();
        image
    }
}

impl Image {
    /// Everything below a real folder.
    pub fn of(folder: &Path) -> Self {
        let mut image = Self::default();
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            for entry in fs::read_dir(path).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.strip_prefix(folder).expect("below it").to_owned();
                if path.is_dir() {
                    image.folders.push(name);
                    waiting.push(path);
                } else {
                    image.files.insert(name, fs::read(path).expect("a file"));
                }
            }
        }
        image.folders.sort();
        image
    }

    /// Every file's path.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Makes it real.
    pub fn write(&self, folder: &Path) {
        for path in &self.folders {
            fs::create_dir_all(folder.join(path)).expect("a folder");
        }
        for (path, bytes) in &self.files {
            fs::write(folder.join(path), bytes).expect("a file");
        }
    }

    /// Paths that differ from `other`.
    pub fn differences(&self, other: &Self) -> Vec<PathBuf> {
        let all = self.files.keys().chain(other.files.keys());
        let mut different: Vec<PathBuf> =
            all.filter(|path| self.files.get(*path) != other.files.get(*path)).cloned().collect();
        different.dedup();
        if self.folders != other.folders {
            different.extend(self.folders.iter().chain(&other.folders).cloned());
        }
        different
    }
}

fn rename(names: &mut BTreeMap<Name, Number>, renaming: &Renaming) {
    for (name, number) in renaming {
        match number {
            Some(number) => names.insert(name.clone(), *number),
            None => names.remove(name),
        };
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write { offset, data } => overwrite(bytes, *offset, data),
    }
}

fn overwrite(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

/// One file after a cut in which a sector is kept with this chance.
fn cut_file(file: &Held, kept: f64, random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    let mut lengths = vec![bytes.len()];
    let mut length = bytes.len();
    for change in &file.pending {
        match change {
            Change::Length(new) => {
                length = *new;
                if random.random_bool(kept) {
                    bytes.resize(*new, 0);
                }
            }
            Change::Write { offset, data } => {
                length = length.max(offset + data.len());
                write_sectors(&mut bytes, (*offset, data), kept, random);
            }
        }
        lengths.push(length);
    }
    let length = if random.random_bool(0.5) {
        bytes.len()
    } else {
        lengths[random.random_range(0..lengths.len())]
    };
    bytes.resize(length, 0);
    bytes
}

fn write_sectors(
    bytes: &mut Vec<u8>,
    (offset, data): (usize, &[u8]),
    kept: f64,
    random: &mut impl Rng,
) {
    let mut from = 0;
    while from < data.len() {
        let to = data.len().min(from + SECTOR - (offset + from) % SECTOR);
        // One in fifty is torn: its beginning is written, its end is not.
        let torn = random.random_bool(0.02);
        let end = if torn { random.random_range(from..to) } else { to };
        if torn || random.random_bool(kept) {
            overwrite(bytes, offset + from, &data[from..end]);
        }
        from = to;
    }
}
