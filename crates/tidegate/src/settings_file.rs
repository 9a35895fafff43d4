//! Reads the files that people write: experiments, scenarios, maps, configurations.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tidegate_spec::ExperimentFile;

use crate::encoding::foreign;
use crate::failure::Failure;

/// Largest settings file read, in bytes: room for the longest lists of cameras.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Reads an experiment file.
pub(crate) fn read_experiment(path: &Path) -> Result<ExperimentFile, Failure> {
    ExperimentFile::parse(&read_text(path)?)
        .map_err(|source| Failure::Invalid { path: path.to_owned(), source })
}

/// Reads a settings file of a bounded size.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if let Some(what) = foreign(&bytes) {
        return Err(Failure::BadInput(format!("{} {what}", path.display())));
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let too_large = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, too_large)));
    }
    String::from_utf8(bytes)
        .map_err(|_| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")))
}
