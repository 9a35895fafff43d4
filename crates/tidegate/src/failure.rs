//! What can go wrong in a command, and the exit code it gives.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_daemon::RunError;
use tidegate_journal::{ExportError, ImportError, OpenError, RepairError};
use tidegate_offline::OfflineError;
use tidegate_spec::ParseError;

pub use crate::client::error::{DaemonError, Refusal, Remedy};

/// Something unforeseen, such as a full disk; an expectation of a scenario that failed; an observation
/// that was rejected; an evaluation that found what `--fail-on` names; too much rejected for a verdict.
pub const EXIT_FAILURE: u8 = 1;
/// The arguments or the input are not valid, as seen here or by the daemon (status 400 or 422).
pub const EXIT_BAD_INPUT: u8 = 2;
/// The daemon refused: no permission, no such experiment, not allowed as the rollout stands (any other 4xx).
pub const EXIT_REFUSED: u8 = 3;
/// The daemon cannot be reached or trusted, or cannot do it now (status 408, 429 or 5xx).
pub const EXIT_UNAVAILABLE: u8 = 4;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
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
    /// A simulated scenario did not come to what was expected of it, or an evaluation to what `--fail-on` names.
    #[error("{0}")]
    Unmet(String),
    /// The daemon gave no answer, or refused.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// Observations that the daemon did not take in.
    #[error("{0}")]
    Rejected(String),
    /// The operating system has no randomness to give.
    #[error("cannot draw a token: {0}")]
    Random(io::Error),
    /// A file or a folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Report {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The daemon cannot run.
    #[error("{0}")]
    Serve(#[source] RunError),
    /// Where this program is cannot be told.
    #[error("cannot find this program: {0}")]
    Program(io::Error),
    /// A journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// A journal cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A journal cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A journal cannot be repaired.
    #[error(transparent)]
    Repair(#[from] RepairError),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
    /// Sorting needs a temporary file and cannot write it.
    #[error("cannot sort in the temporary folder, which TMPDIR names: {0}")]
    Temporary(io::Error),
}

impl Failure {
    /// Prints the failure to standard error and gives its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            // The reader had enough, as `head` has.
            return ExitCode::SUCCESS;
        }
        // Nothing is left to do where standard error is gone too.
        let _ = writeln!(io::stderr(), "tidegate: {self}");
        ExitCode::from(match self {
            Self::Unreadable { .. }
            | Self::Invalid { .. }
            | Self::BadInput(_)
            | Self::Import(ImportError::NotEmpty(_) | ImportError::Line { .. })
            | Self::Repair(RepairError::Sound(_))
            | Self::Serve(
                RunError::Unsafe(_)
                | RunError::Tokens(_)
                | RunError::Tls(_)
                | RunError::Webhook { .. },
            ) => EXIT_BAD_INPUT,
            Self::Serve(_)
            | Self::Program(_)
            | Self::Journal(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Repair(_)
            | Self::Unmet(_)
            | Self::Rejected(_)
            | Self::Random(_)
            | Self::Report { .. }
            | Self::Output(_)
            | Self::Temporary(_) => EXIT_FAILURE,
            Self::Daemon(error) => daemon_exit(error),
        })
    }
}

fn daemon_exit(error: &DaemonError) -> u8 {
    match error {
        DaemonError::Unreachable { .. }
        | DaemonError::Untrusted { .. }
        | DaemonError::NotUnderstood { .. } => EXIT_UNAVAILABLE,
        DaemonError::Refused(_) => match error.remedy() {
            Remedy::ChangeInput => EXIT_BAD_INPUT,
            Remedy::ChangeCircumstances => EXIT_REFUSED,
            Remedy::TryLater => EXIT_UNAVAILABLE,
        },
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<OfflineError> for Failure {
    fn from(error: OfflineError) -> Self {
        match error {
            OfflineError::Unreadable { path, source } => Self::Unreadable { path, source },
            OfflineError::Invalid { path, source } => Self::Invalid { path, source },
            OfflineError::BadInput(text) => Self::BadInput(text),
            OfflineError::NoVerdict(why) => Self::Unmet(why),
            OfflineError::Output(source) => Self::Output(source),
            OfflineError::Temporary(source) => Self::Temporary(source),
        }
    }
}
