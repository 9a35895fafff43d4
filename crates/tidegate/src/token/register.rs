//! The file of tokens: names, scopes and digests, for its owner's eyes alone.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_spec::wording;

use super::scope::Scope;
use crate::failure::Failure;
use crate::replace_file::{Readers, replace_file};

/// Largest file read, in bytes: room for thousands of tokens.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisteredToken {
    pub(super) name: String,
    pub(super) scopes: Vec<Scope>,
    /// SHA-256 of the whole token as it was printed, in lower-case hexadecimal digits.
    pub(super) sha256: String,
}

/// All tokens of one file.
#[derive(Debug)]
pub(super) struct Register {
    path: PathBuf,
    kept: RegisterFile,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterFile {
    #[serde(default, rename = "token")]
    entries: Vec<RegisteredToken>,
}

impl Register {
    /// Reads the file; it may not be there yet.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        match File::open(path) {
            Ok(file) => Self::read_open(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { path: path.to_owned(), kept: RegisterFile::default() })
            }
            Err(source) => Err(Failure::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Reads the file, which must be there.
    pub(super) fn read_present(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path)
            .map_err(|source| Failure::Unreadable { path: path.to_owned(), source })?;
        Self::read_open(file, path)
    }

    pub(super) fn entries(&self) -> &[RegisteredToken] {
        &self.kept.entries
    }

    pub(super) fn add(&mut self, entry: RegisteredToken) -> Result<(), Failure> {
        if self.kept.entries.iter().any(|other| other.name == entry.name) {
            return Err(Failure::BadInput(format!(
                "{} has a token of the name `{}` already: revoke it first, or take another name",
                self.path.display(),
                entry.name
            )));
        }
        self.kept.entries.push(entry);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), Failure> {
        let before = self.kept.entries.len();
        self.kept.entries.retain(|entry| entry.name != name);
        if self.kept.entries.len() == before {
            let names: Vec<&str> =
                self.kept.entries.iter().map(|entry| entry.name.as_str()).collect();
            return Err(Failure::BadInput(format!(
                "{} has no token of this name, allowed: {}",
                self.path.display(),
                names.join(" | ")
            )));
        }
        Ok(())
    }

    pub(super) fn write(&self) -> Result<(), Failure> {
        let failed = |source| Failure::Report { path: self.path.clone(), source };
        let entries =
            toml::to_string(&self.kept).map_err(|error| failed(io::Error::other(error)))?;
        let text = format!(
            "# Written by `tidegate token`. The tokens themselves are nowhere here.\n\n{entries}"
        );
        replace_file(&self.path, text.as_bytes(), Readers::Owner).map_err(failed)
    }

    fn read_open(file: File, path: &Path) -> Result<Self, Failure> {
        let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
        refuse_if_others_may_read(&file, path)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        let kept = toml::from_str(&text).map_err(|error| {
            let path = path.display();
            let why = wording::of_field(error.message());
            Failure::BadInput(format!("{path} is no file of tokens: {why}"))
        })?;
        Ok(Self { path: path.to_owned(), kept })
    }
}

#[cfg(unix)]
fn refuse_if_others_may_read(file: &File, path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        file.metadata().map_err(|source| Failure::Unreadable { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    // Neither the group nor others may do anything.
    if mode % 0o100 == 0 {
        return Ok(());
    }
    Err(Failure::BadInput(format!(
        "{0} is open to others (mode {mode:04o}), allowed: 0600; close it with `chmod 600 {0}`",
        path.display(),
    )))
}

#[cfg(not(unix))]
fn refuse_if_others_may_read(_: &File, _: &Path) -> Result<(), Failure> {
    Ok(())
}
