//! Who may do what: tokens, kept as their SHA-256 in a file that only its owner can read.

mod watched;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tidegate_spec::{ParseError, document};

pub(crate) use watched::WatchedTokens;

/// Tokens a file may hold.
const TOKENS_MAX: usize = 1_000;
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a request needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To look: status, history, assignments, metrics.
    Read,
    /// To report observations.
    Record,
    /// To review: cards of discordant events and answers to them.
    Review,
    /// Everything.
    Admin,
}

impl Scope {
    const NAMES: [(&'static str, Self); 4] = [
        ("read", Self::Read),
        ("record", Self::Record),
        ("review", Self::Review),
        ("admin", Self::Admin),
    ];

    /// The name in files and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Review => "review",
            Self::Admin => "admin",
        }
    }
}

/// Why a token file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("cannot read the tokens in {}: {source}", path.display())]
    Unreadable {
        /// The token file.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the tokens in {} can be read by others (mode {mode:o}), allowed: 600", path.display())]
    Open {
        /// The token file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not as `tidegate token create` writes it.
    #[error("the tokens in {} are not valid: {source}", path.display())]
    Invalid {
        /// The token file.
        path: PathBuf,
        /// What is wrong.
        source: ParseError,
    },
}

/// The tokens that are known.
#[derive(Debug, Default)]
pub struct Tokens(Vec<KnownToken>);

#[derive(Debug)]
struct KnownToken {
    sha256: [u8; 32],
    scopes: Vec<Scope>,
}

/// The SHA-256 of a token, which is all that is kept of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Unknown,
    Lacking,
    Allowed,
}

impl Tokens {
    /// Reads a file of tokens: `[[token]]` with `name`, `scopes` and `sha256`.
    ///
    /// # Errors
    /// [`TokenFileError`] where it cannot be read, others can read it, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        Self::read_some(path, 1)
    }

    /// The same of a file that was read before: by now it may hold none.
    fn read_anew(path: &Path) -> Result<Self, TokenFileError> {
        Self::read_some(path, 0)
    }

    fn read_some(path: &Path, tokens_min: usize) -> Result<Self, TokenFileError> {
        let unreadable = |source| TokenFileError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        let allowed = if is_credential(path) { 0o740 } else { 0o700 };
        if mode & !allowed != 0 {
            return Err(TokenFileError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, tokens_min)
            .map_err(|source| TokenFileError::Invalid { path: path.to_owned(), source })
    }

    fn parse(text: &str, tokens_min: usize) -> Result<Self, ParseError> {
        document::read(text, |fields| {
            let tokens = fields.tables("token", |fields| {
                // The name is for people.
                let _ = fields.text("name");
                let scopes = fields.choices("scopes", &Scope::NAMES).unwrap_or_default();
                let sha256 = fields.text("sha256").and_then(digest_of_hex);
                if sha256.is_none() {
                    fields.fault("sha256", "is no SHA-256, allowed: 64 hexadecimal digits");
                }
                sha256.map(|sha256| KnownToken { sha256, scopes })
            });
            let tokens: Vec<KnownToken> =
                tokens.unwrap_or_default().into_iter().flatten().collect();
            if !(tokens_min..=TOKENS_MAX).contains(&tokens.len()) {
                fields.fault(
                    "token",
                    format!("has {} entries, allowed: 1 to {TOKENS_MAX}", tokens.len()),
                );
            }
            Some(Self(tokens))
        })
    }

    /// What `token` allows of `scope`.
    #[cfg(test)]
    fn access(&self, token: &str, scope: Scope) -> Access {
        self.access_of(&TokenDigest::of(token), scope)
    }

    /// The same of a token by its digest. Every known token is compared, in constant time.
    pub(crate) fn access_of(&self, TokenDigest(sha256): &TokenDigest, scope: Scope) -> Access {
        let mut access = Access::Unknown;
        for known in &self.0 {
            if bool::from(known.sha256.ct_eq(sha256)) {
                let allowed = known.scopes.contains(&scope) || known.scopes.contains(&Scope::Admin);
                access = if allowed { Access::Allowed } else { Access::Lacking };
            }
        }
        access
    }
}

/// Whether systemd handed the file in: to let one user read it, it sets an access list, which is shown
/// as the group's permission, in a folder that only this user can enter.
pub(crate) fn is_credential(path: &Path) -> bool {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    credentials.is_some_and(|folder| path.parent() == Some(Path::new(&folder)))
}

fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let whole = base16ct::mixed::decode(text, &mut digest).ok()?.len() == 32;
    whole.then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_its_scopes_and_admin_all() {
        // printf '%s' tg_reader | sha256sum, and so on.
        let text = r#"
            [[token]]
            name = "reader"
            scopes = ["read"]
            sha256 = "0a6532cd384999a3cfd49dcb16e12bc2e763ce413d21e88d5dc2d9237fb918d2"
            [[token]]
            name = "owner"
            scopes = ["admin"]
            sha256 = "688fbce2b2adb5b8cb62fc913df94ef8d47989fd7cc13f42314210b2ea38719b"
        "#;
        let tokens = Tokens::parse(text, 1).unwrap();
        assert_eq!(tokens.access("tg_reader", Scope::Read), Access::Allowed);
        assert_eq!(tokens.access("tg_reader", Scope::Record), Access::Lacking);
        assert_eq!(tokens.access("tg_owner", Scope::Record), Access::Allowed);
        assert_eq!(tokens.access("tg_Reader", Scope::Read), Access::Unknown);
        assert_eq!(tokens.access("", Scope::Read), Access::Unknown);
    }

    #[test]
    fn every_fault_of_a_file_is_told() {
        let told = |text: &str| Tokens::parse(text, 1).unwrap_err().to_string();
        assert!(told("").contains("token has 0 entries, allowed: 1 to 1000"));
        let bad = "[[token]]\nname = \"a\"\nscopes = [\"all\"]\nsha256 = \"12\"\n";
        let told = told(bad);
        assert!(told.contains("scopes") && told.contains("64 hexadecimal digits"), "{told}");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let told = Tokens::read(&path).unwrap_err().to_string();
        assert!(told.contains("mode 640") && told.contains("allowed: 600"), "{told}");
    }
}
