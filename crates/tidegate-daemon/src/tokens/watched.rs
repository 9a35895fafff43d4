//! The file of tokens, read anew when it changes: a token that is revoked counts no more, without a restart.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::{Access, Scope, TokenDigest, TokenFileError, Tokens};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The tokens of a file, as it is now.
#[derive(Debug)]
pub(crate) struct WatchedTokens(Arc<ArcSwap<Tokens>>);

/// What changes of a file with its text, whether it is written anew or another takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileMark {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl FileMark {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Some(Self { inode: metadata.ino(), length: metadata.len(), changed })
    }
}

impl WatchedTokens {
    /// Reads the file, and goes on reading it for as long as somebody asks.
    pub(crate) fn begin(path: &Path) -> Result<Self, TokenFileError> {
        let known = Arc::new(ArcSwap::from_pointee(Tokens::read(path)?));
        tokio::spawn(watch(path.to_owned(), Arc::downgrade(&known)));
        Ok(Self(known))
    }

    /// What `token` allows of `scope` now.
    pub(crate) fn access(&self, token: &str, scope: Scope) -> Access {
        self.access_of(&TokenDigest::of(token), scope)
    }

    /// The same of a token by its digest.
    pub(crate) fn access_of(&self, token: &TokenDigest, scope: Scope) -> Access {
        self.0.load().access_of(token, scope)
    }
}

/// Reads the file anew whenever it changes. Where it cannot be read, what was known stays: a file that is half
/// written locks nobody out.
async fn watch(path: PathBuf, known: Weak<ArcSwap<Tokens>>) {
    // Read once more at the first look: it may have changed since it was read.
    let mut last = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(known) = known.upgrade() else { return };
        let mark = FileMark::of(&path);
        if mark == last {
            continue;
        }
        match Tokens::read_anew(&path) {
            Ok(tokens) => known.store(Arc::new(tokens)),
            Err(error) => {
                tracing::warn!(%error, "the tokens were not read anew; those of before count");
            }
        }
        last = mark;
    }
}
