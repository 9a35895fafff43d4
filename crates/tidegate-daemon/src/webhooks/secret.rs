//! The secret that signs what a hook brings.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::tokens::is_credential;

const PREFIX: &str = "whsec_";
/// Bytes of a secret that the specification allows.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const FILE_BYTES_MAX: u64 = 1_024;

/// Why a secret is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error("cannot read the secret in {}: {source}", path.display())]
    Unreadable {
        /// The file with the secret.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the secret in {} can be read by others (mode {mode:o}), allowed: 600", path.display())]
    Open {
        /// The file with the secret.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is none.
    #[error(
        "{} holds no secret, allowed: whsec_ and the base64 of {} to {} bytes",
        path.display(),
        BYTES.start(),
        BYTES.end()
    )]
    Invalid {
        /// The file with the secret.
        path: PathBuf,
    },
}

/// A secret. Nothing prints it.
pub(super) struct Secret(hmac::Key);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    pub(super) fn read(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        let allowed = if is_credential(path) { 0o740 } else { 0o700 };
        if mode & !allowed != 0 {
            return Err(SecretError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(text.trim()).ok_or_else(|| SecretError::Invalid { path: path.to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        BYTES.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        for part in [id, ".", timestamp, ".", body] {
            signing.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(signing.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementations of Standard Webhooks.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            secret.sign(id, "1614265330", body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_and_never_shown() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert!(Secret::parse(&of(24)).is_some() && Secret::parse(&of(64)).is_some());
        for text in ["", "whsec_", &of(23), &of(65), "whsec_!", &STANDARD.encode([7; 32])] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::parse(&of(32))), "Some(Secret(…))");
    }
}
