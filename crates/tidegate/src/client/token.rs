//! The token of this client: where it comes from, and where it never goes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::environment::{self, Environment};
use crate::failure::Failure;

/// Longest token that is read, in bytes.
const TOKEN_BYTES_MAX: usize = 1_024;

/// A token. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// Finds the token: in the file of an argument, else in the environment, else in the file that the
    /// environment names.
    pub(crate) fn find(
        file: Option<&Path>,
        environment: &impl Environment,
    ) -> Result<Option<Self>, Failure> {
        if let Some(file) = file {
            return Self::read(file).map(Some);
        }
        if let Some(text) = environment.text(environment::TOKEN).map_err(Failure::BadInput)? {
            return Self::parse(&text, environment::TOKEN).map(Some);
        }
        let file = environment.variable(environment::TOKEN_FILE).map(PathBuf::from);
        file.map(|file| Self::read(&file)).transpose()
    }

    /// The header that carries it.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |source: io::Error| Failure::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        // One byte more than is allowed, a byte order mark, and a line's end.
        file.take(TOKEN_BYTES_MAX as u64 + 6).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, whence: &str) -> Result<Self, Failure> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
        let is_one = (1..=TOKEN_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_one {
            // What is there is not shown: it may be a secret all the same.
            let allowed = format!("allowed: 1 to {TOKEN_BYTES_MAX} visible ASCII characters");
            return Err(Failure::BadInput(format!("{whence} holds no token, {allowed}")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_file_of_an_argument_beats_the_environment_and_a_token_there_beats_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (named, other) = (folder.path().join("named"), folder.path().join("other"));
        std::fs::write(&named, "tg_named\n").unwrap();
        std::fs::write(&other, "\u{feff}tg_other\r\n").unwrap();
        let both = BTreeMap::from([
            ("TIDEGATE_TOKEN", "tg_env"),
            ("TIDEGATE_TOKEN_FILE", other.to_str().unwrap()),
        ]);
        let file_only = BTreeMap::from([("TIDEGATE_TOKEN_FILE", other.to_str().unwrap())]);
        let found = |file, environment: &BTreeMap<&str, &str>| {
            Token::find(file, environment).unwrap().map(|token| token.authorization())
        };
        assert_eq!(found(Some(&named), &both).as_deref(), Some("Bearer tg_named"));
        assert_eq!(found(None, &both).as_deref(), Some("Bearer tg_env"));
        assert_eq!(found(None, &file_only).as_deref(), Some("Bearer tg_other"));
        assert_eq!(found(None, &BTreeMap::new()), None);
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        for text in ["two words", "line\nline", "ü", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            let environment = BTreeMap::from([("TIDEGATE_TOKEN", text)]);
            let refused = Token::find(None, &environment).unwrap_err().to_string();
            assert!(refused.contains("holds no token") && !refused.contains(text), "{refused}");
        }
        assert_eq!(format!("{:?}", Token("secret".to_owned())), "Token(…)");
    }
}
