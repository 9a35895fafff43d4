//! The last event that a hook took, kept in a file: whatever happens, it is the old or the new one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_journal::sync_folder;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// The number of an entry of the journal.
    after: u64,
}

#[derive(Debug)]
pub(super) struct CursorFile {
    folder: PathBuf,
    path: PathBuf,
    /// What the file has.
    kept: Option<u64>,
}

impl CursorFile {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.json"));
        Self { folder: folder.to_owned(), path, kept: None }
    }

    /// The place, none where there was none.
    pub(super) fn read(&mut self) -> io::Result<Option<u64>> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                let Cursor { after } = serde_json::from_slice(&bytes)?;
                self.kept = Some(after);
                Ok(self.kept)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a place unless it is there already.
    pub(super) fn keep(&mut self, after: u64) -> io::Result<()> {
        if self.kept == Some(after) {
            return Ok(());
        }
        if !self.folder.exists() {
            fs::create_dir_all(&self.folder)?;
            sync_folder(self.folder.parent().unwrap_or(Path::new(".")))?;
        }
        let mut bytes = serde_json::to_vec(&Cursor { after })?;
        bytes.push(b'\n');
        tidegate_journal::replace(&self.path, &bytes)?;
        self.kept = Some(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_a_torn_write_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("webhooks");
        let open = || CursorFile::new(&data, "desk");
        assert_eq!(open().read().unwrap(), None);
        open().keep(7).unwrap();
        open().keep(u64::MAX).unwrap();
        assert_eq!(open().read().unwrap(), Some(u64::MAX));
        fs::write(data.join("desk.unfinished"), "{\"after\":").unwrap();
        assert_eq!(open().read().unwrap(), Some(u64::MAX));
        open().keep(8).unwrap();
        assert_eq!(open().read().unwrap(), Some(8));
        fs::write(data.join("desk.json"), "{}").unwrap();
        assert!(open().read().is_err());
    }
}
