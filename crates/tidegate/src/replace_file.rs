//! Replaces a file whole: whoever reads it, and whatever happens meanwhile, finds the old or the new one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Who may read the new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever may read new files here.
    Usual,
    /// Its owner alone.
    Owner,
}

/// Writes a temporary file beside `path`, makes it durable, gives it the owner of the old one, and renames it.
pub(crate) fn replace_file(path: &Path, bytes: &[u8], access: Readers) -> io::Result<()> {
    // A link stays one; what it leads to is replaced.
    let path = &match path.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tidegate-");
    allow(&mut builder, access);
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    keep_owner(file.as_file(), path)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name is durable once its folder is.
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn allow(builder: &mut tempfile::Builder<'_, '_>, access: Readers) {
    use std::os::unix::fs::PermissionsExt;
    // The process's mask takes from these what new files here are not allowed.
    let mode = match access {
        Readers::Usual => 0o666,
        Readers::Owner => 0o600,
    };
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn allow(_: &mut tempfile::Builder<'_, '_>, _: Readers) {}

/// A daemon under another user goes on reading its file after an administrator has changed it.
#[cfg(unix)]
fn keep_owner(new: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let old = match path.metadata() {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let made = new.metadata()?;
    if (old.uid(), old.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}
