//! What can go wrong without a daemon.

use std::io;
use std::path::PathBuf;

use tidegate_spec::ParseError;

/// Why a recording, a data set or a sweep gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not valid: {source}", path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// Every fault in it.
        source: ParseError,
    },
    /// The arguments or the input are not valid.
    #[error("{0}")]
    BadInput(String),
    /// Too much was rejected for a verdict.
    #[error("{0}")]
    NoVerdict(String),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// Sorting needs a temporary file and cannot write it.
    #[error("cannot sort in the temporary folder, which TMPDIR names: {0}")]
    Temporary(io::Error),
}
