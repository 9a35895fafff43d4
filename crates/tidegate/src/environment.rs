//! Environment variables: every name that is read, in one place.

use std::ffi::OsString;

/// Where the daemon is, as `--server`.
pub(crate) const SERVER: &str = "TIDEGATE_SERVER";
/// The token itself, which is never an argument.
pub(crate) const TOKEN: &str = "TIDEGATE_TOKEN";
/// The file that holds the token, as `--token-file`.
pub(crate) const TOKEN_FILE: &str = "TIDEGATE_TOKEN_FILE";
/// The certificate of a private authority, as `--ca`.
pub(crate) const CA: &str = "TIDEGATE_CA";
/// How many letters a line has, where the terminal does not say.
pub(crate) const COLUMNS: &str = "COLUMNS";
/// How many lines there are, where the terminal does not say.
pub(crate) const LINES: &str = "LINES";
/// Where it is set, nothing is coloured.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// The names of the user, the first that is set counts.
pub(crate) const USER: [&str; 2] = ["USER", "LOGNAME"];

/// Looks variables up, so that tests can bring their own.
pub(crate) trait Environment {
    /// The value of a variable; one that is empty counts as absent.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The value as text.
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(value) = self.variable(name) else { return Ok(None) };
        // The value is not shown: it may be a secret.
        value.into_string().map(Some).map_err(|_| format!("{name} is not UTF-8"))
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
impl Environment for std::collections::BTreeMap<&str, &str> {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.get(name).map(|value| OsString::from(*value))
    }
}
