//! The fingerprint of a text.

use core::fmt;
use core::str::FromStr;

/// What every digest begins with.
pub const DIGEST_SCHEME: &str = "sha256:";

/// The SHA-256 of a version's text in UTF-8; shown as `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextDigest(pub [u8; 32]);

impl fmt::Display for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidDigest),
    }
}

impl TextDigest {
    /// Whether it begins with these hexadecimal digits.
    pub(super) fn begins_with(&self, digits: &[u8]) -> bool {
        digits.len() <= 64
            && digits.iter().enumerate().all(|(index, digit)| {
                let byte = self.0[index / 2];
                let own = if index % 2 == 0 { byte >> 4 } else { byte & 0xf };
                nibble(*digit) == Ok(own)
            })
    }
}
