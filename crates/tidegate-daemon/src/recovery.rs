//! Opening the journal and making the rollouts of it.

use std::io::ErrorKind;
use std::process::Command;

use tidegate_journal::{Cache, Journal, OpenError, Opened, verify};

use crate::clock::Stopwatch;
use crate::feed::RecentEvents;
use crate::rollouts::{NotReplayed, Rollouts};
use crate::settings::{Recovery, Verifier};

/// A journal with all that it says.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    pub(crate) rollouts: Rollouts,
    /// What subscribers may still read.
    pub(crate) kept: RecentEvents,
    /// The last entry.
    pub(crate) last: u64,
    pub(crate) seconds: f64,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NotRecovered {
    /// Something acknowledged is missing or changed; trying again does not help.
    Damaged(String),
    /// The disk does not let it now.
    Unavailable(String),
    /// It is another's, or this process may not write there.
    Impossible(String),
}

/// Opens the journal and reads it.
pub(crate) fn recover(recovery: &Recovery) -> Result<Recovered, NotRecovered> {
    let watch = Stopwatch::start();
    let folder = &recovery.folder;
    let opened = match &recovery.verifier {
        Verifier::InProcess => Journal::open(folder, verify::in_process),
        Verifier::Child { program } => {
            let mut command = Command::new(program);
            command.args(["journal", "verify", "--locked-by-parent", "--format", "json", "--data"]);
            command.arg(folder);
            Journal::open(folder, verify::in_child(command))
        }
    };
    let (journal, opened) = opened.map_err(|error| match error {
        OpenError::Damaged { .. } | OpenError::Unfinished { .. } => {
            NotRecovered::Damaged(error.to_string())
        }
        OpenError::InUse { .. } => NotRecovered::Impossible(error.to_string()),
        OpenError::Disk { ref source, .. }
            if matches!(
                source.kind(),
                ErrorKind::PermissionDenied
                    | ErrorKind::ReadOnlyFilesystem
                    | ErrorKind::NotADirectory
            ) =>
        {
            NotRecovered::Impossible(error.to_string())
        }
        OpenError::Disk { .. } => NotRecovered::Unavailable(error.to_string()),
    })?;
    let last = opened.last;
    if opened.report.cache == Cache::Broken {
        tracing::warn!("the cache of the store was damaged and is made anew");
    }
    let (rollouts, kept) = read(&journal, opened).map_err(|why| {
        NotRecovered::Damaged(format!(
            "the journal in {} cannot be followed: {why}",
            folder.display()
        ))
    })?;
    Ok(Recovered { journal, rollouts, kept, last, seconds: watch.seconds() })
}

/// Makes the rollouts of what a journal says; an error says what does not follow.
pub(crate) fn read(journal: &Journal, opened: Opened) -> Result<(Rollouts, RecentEvents), String> {
    let (after, rollouts, kept) = match opened.state {
        Some(state) => {
            let kept = RecentEvents::restore(state.feed).map_err(|error| error.to_string());
            (state.sequence, Rollouts::restore(state.rollouts, state.deleted, state.prompts), kept)
        }
        None => (0, Ok(Rollouts::default()), Ok(RecentEvents::default())),
    };
    let mut rollouts = rollouts.map_err(|error: NotReplayed| error.to_string())?;
    let mut kept = kept?;
    journal
        .replay(after, |sequence, entry| {
            rollouts.replay(sequence, entry, &mut kept).map_err(|error| error.to_string())
        })
        .map_err(|error| error.to_string())?;
    Ok((rollouts, kept))
}
