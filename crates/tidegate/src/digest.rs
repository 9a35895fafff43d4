//! SHA-256 in hexadecimal digits.

use base16ct::lower;
use sha2::{Digest, Sha256};

/// The digest of some bytes.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    lower::encode_string(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // FIPS 180-4, the example of one block.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), known);
    }
}
