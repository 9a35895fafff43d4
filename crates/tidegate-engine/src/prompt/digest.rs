//! The fingerprint of a text.

use core::fmt;
use core::str::FromStr;

use base16ct::{HexDisplay, lower};

/// What every digest begins with.
pub const DIGEST_SCHEME: &str = "sha256:";

/// The SHA-256 of a version's text in UTF-8; shown as `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextDigest(pub [u8; 32]);

impl fmt::Display for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_SCHEME)?;
        write!(f, "{:x}", HexDisplay(&self.0))
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `{DIGEST_SCHEME}` and 64 hexadecimal digits in small letters")]
pub struct InvalidDigest;

impl FromStr for TextDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let digits = text.strip_prefix(DIGEST_SCHEME).ok_or(InvalidDigest)?.as_bytes();
        if digits.len() != 64 {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        lower::decode(digits, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }
}

impl TextDigest {
    /// Whether it begins with these hexadecimal digits.
    pub(super) fn begins_with(&self, digits: &[u8]) -> bool {
        let mut own = [0; 64];
        lower::encode(&self.0, &mut own).is_ok_and(|own| own.starts_with(digits))
    }
}
