//! The disk beneath the journal.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in a folder durable: a file that was made or renamed there stays.
///
/// # Errors
/// As the disk has them.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Forgets what memory holds of a file beyond what the disk has: after a sync that failed, pages that are not
/// on disk may still read as if they were.
pub(crate) fn forget_cached(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    Ok(rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?)
}

/// Free bytes that a process without privileges may use in the file system of `path`.
///
/// # Errors
/// As the file system has them.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}
