//! The durable, ordered record of everything that happened to a rollout.
//!
//! A [`Journal`] is a folder with one writer thread. [`Journal::append`] queues entries; they are
//! acknowledged once they are on disk, many requests with one sync. [`Journal::open`] checks all that is
//! there before anything is taken from it, and tells damage from a tail that was never acknowledged.
//! The bytes are described in `docs/journal-format.md`.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! use tidegate_engine::event::Event;
//! use tidegate_engine::time::Timestamp;
//! use tidegate_journal::{Batch, Entry, Journal, RolloutId, verify};
//!
//! let (journal, opened) = Journal::open(folder.path(), verify::in_process)?;
//! assert_eq!(opened.last, 0);
//! let mut batch = Batch::default();
//! let at = Timestamp::from_ms(1_000)?;
//! batch.push(&[Entry::Event { rollout: RolloutId(1), at, event: Event::Tick }])?;
//! assert_eq!(journal.append_and_wait(batch)?, 1);
//! journal.close();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod codes;
mod disk;
mod export;
mod frame;
#[cfg(test)]
mod fuzzing;
mod journal;
mod layout;
mod local_log;
pub mod log;
mod mark;
mod opening;
pub mod record;
mod repair;
mod retention;
pub mod snapshot;
mod store;
mod unfinished;
pub mod verify;
mod writer;

pub use batch::{Batch, TooLarge};
pub use disk::{free_bytes, replace, sync_folder};
pub use export::{ExportCounts, ExportError, ImportError, export, import};
pub use journal::{Journal, Opened, ReplayError};
pub use local_log::LocalLog;
pub use opening::OpenError;
pub use record::{Entry, RolloutId};
pub use repair::{Consent, EntryKind, GoOnFrom, Loss, LostEntries, RepairError, Repaired, repair};
pub use retention::RETENTION_DEFAULT;
pub use snapshot::{DeletedState, FeedState, JournalState, PredecessorState, RolloutState};
pub use unfinished::Making;
pub use verify::{Cache, Soundness, Verification};
pub use writer::WriteError;
