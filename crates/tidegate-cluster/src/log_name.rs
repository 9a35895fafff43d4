//! What the log of a cluster is called.

use std::fmt;
use std::str::FromStr;

/// Longest name in bytes.
const BYTES_MAX: usize = 64;

/// The name that the nodes of one cluster share: letters, digits, `-` and `_`, at most 64 of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogName(String);

/// A text that is no name of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log's name is `{0}`, allowed: 1 to {BYTES_MAX} letters, digits, - and _")]
pub struct InvalidLogName(String);

impl LogName {
    /// The stream that the log is.
    pub(crate) fn stream(&self) -> String {
        // Shards of a fleet beyond one log would be 1, 2 and so on.
        format!("TIDEGATE_{}_0", self.0)
    }

    /// Where its frames are published.
    pub(crate) fn subject(&self) -> String {
        format!("tidegate.{}.0", self.0)
    }
}

impl Default for LogName {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl FromStr for LogName {
    type Err = InvalidLogName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidLogName(text.chars().take(BYTES_MAX + 1).collect()))
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_makes_no_other_subject() {
        let name: LogName = "north-1".parse().unwrap();
        assert_eq!((name.stream(), name.subject()).0, "TIDEGATE_north-1_0");
        assert_eq!(name.subject(), "tidegate.north-1.0");
        for text in ["", "a.b", "a b", "*", ">", "ü", &"a".repeat(65)] {
            assert!(text.parse::<LogName>().is_err(), "{text}");
        }
    }
}
