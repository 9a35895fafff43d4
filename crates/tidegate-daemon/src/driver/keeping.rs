//! What is kept beside the frames: snapshots and exports.

use std::thread;

use tidegate_journal::{Batch, JournalState};

use super::Driver;
use crate::settings::Export;

impl Driver {
    /// Takes a snapshot once enough has happened and is on disk.
    pub(super) fn keep_if_due(&mut self) {
        if self.since_snapshot < self.settings.snapshot_every || self.is_keeping() {
            return;
        }
        let Some(journal) = self.journal.clone() else { return };
        self.since_snapshot = 0;
        let state = self.state();
        let retention = self.settings.retention;
        self.keep("snapshot", move || {
            if journal.append_and_wait(Batch::default()).is_ok()
                && let Err(error) = journal.keep(&state, retention)
            {
                tracing::warn!(%error, "a snapshot was not written");
            }
        });
    }

    /// Writes an export beside the running journal, as often as its owner wants.
    pub(super) fn export_if_due(&mut self) {
        let due = self.export_due.is_some_and(|due| due <= self.shared.now());
        let (Some(Export { file, every }), true) = (&self.settings.export, due) else { return };
        let Some(journal) = self.journal.clone().filter(|_| !self.is_keeping()) else { return };
        self.export_due = Some(self.shared.now().plus(*every));
        let file = file.clone();
        self.keep("export", move || {
            // The frames that the last snapshot let go are gone once this was waited for.
            let settled =
                journal.append_and_wait(Batch::default()).map_err(|error| error.to_string());
            let exported = settled.and_then(|_| {
                tidegate_journal::export(&journal, &file).map_err(|error| error.to_string())
            });
            match exported {
                Ok(counts) => tracing::info!(entries = counts.entries, "exported"),
                Err(error) => tracing::warn!(error, "an export was not written"),
            }
        });
    }

    /// All that is remembered, also by the feed.
    pub(super) fn state(&self) -> JournalState {
        self.rollouts.state(self.last, self.shared.now(), self.shared.feed.state())
    }

    fn is_keeping(&self) -> bool {
        self.keeping.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Does slow work of the disk on a thread of its own.
    fn keep(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        match thread::Builder::new().name(name.to_owned()).spawn(work) {
            Ok(thread) => self.keeping = Some(thread),
            Err(error) => tracing::warn!(%error, "a snapshot was not written"),
        }
    }
}
