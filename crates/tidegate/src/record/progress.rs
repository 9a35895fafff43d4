//! How far a file was taken in, kept in another file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::batch::LinePosition;
use tidegate_spec::wording;

use crate::digest::sha256_hex;
use crate::failure::Failure;
use crate::replace_file::{Readers, replace_file};

/// How many bytes before the place tell whether a file is still the same.
const TAIL_BYTES: u64 = 1_024;
/// Largest file of progress read, in bytes.
const FILE_BYTES_MAX: u64 = 4_096;

/// A place in a file of observations: everything before it is on the daemon's disk, or was rejected.
#[derive(Debug)]
pub(super) struct Progress {
    path: PathBuf,
    kept: KeptProgress,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptProgress {
    /// Bytes dealt with.
    offset: u64,
    /// Lines dealt with.
    lines: u64,
    /// SHA-256 of the last bytes before the place.
    tail_sha256: String,
}

impl Progress {
    /// Reads what was kept; the beginning where nothing was.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
        let kept = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => KeptProgress::default(),
            Err(error) => return Err(unreadable(error)),
            Ok(file) => {
                let mut text = String::new();
                file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
                toml::from_str(&text).map_err(|error| {
                    let path = path.display();
                    let said = wording::of_field(error.message()).into_owned();
                    Failure::BadInput(format!(
                        "{path} holds no progress of `record`, allowed: a file that it wrote, or a name that is not taken ({said})"
                    ))
                })?
            }
        };
        Ok(Self { path: path.to_owned(), kept })
    }

    pub(super) fn offset(&self) -> u64 {
        self.kept.offset
    }

    pub(super) fn mark(&self) -> LinePosition {
        LinePosition { lines: self.kept.lines, offset: self.kept.offset }
    }

    /// Whether the file is still the one that was read: to skip what another file begins with would lose it.
    pub(super) fn check(&self, file: &mut File, name: &Path) -> Result<(), Failure> {
        if self.kept.offset == 0 {
            return Ok(());
        }
        match tail(file, self.kept.offset) {
            Ok(tail) if tail == self.kept.tail_sha256 => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(Failure::Unreadable { path: name.to_owned(), source: error })
            }
            Ok(_) | Err(_) => Err(Failure::BadInput(format!(
                "{} is not the file that {} was kept for: its first {} bytes have changed; to send all of it, remove {1}",
                name.display(),
                self.path.display(),
                self.kept.offset,
            ))),
        }
    }

    /// Keeps that everything before `end` has been dealt with.
    pub(super) fn advance(&mut self, end: LinePosition, name: &Path) -> Result<(), Failure> {
        let read = File::open(name).and_then(|mut file| tail(&mut file, end.offset));
        let tail_sha256 =
            read.map_err(|source| Failure::Unreadable { path: name.to_owned(), source })?;
        self.kept = KeptProgress { offset: end.offset, lines: end.lines, tail_sha256 };
        let text = toml::to_string(&self.kept).map_err(|error| Failure::Report {
            path: self.path.clone(),
            source: io::Error::other(error),
        })?;
        replace_file(&self.path, text.as_bytes(), Readers::Usual)
            .map_err(|source| Failure::Report { path: self.path.clone(), source })
    }
}

/// The digest of the last bytes before `offset`.
fn tail(file: &mut File, offset: u64) -> io::Result<String> {
    let from = offset.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; usize::try_from(offset - from).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(sha256_hex(&bytes))
}
