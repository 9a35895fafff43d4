//! What people call their cameras, as an id that is the same in every language.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use smol_str::SmolStr;

use super::{CameraId, IdFault, InvalidId, is_allowed, is_plain};
use crate::limits;

/// What a camera may be called, for messages.
const ALLOWED: &str =
    "1 to 128 of A-Z a-z 0-9 . _ ~ : / -, and other letters and blanks, which count as %XX";

impl FromStr for CameraId {
    type Err = InvalidId;

    fn from_str(name: &str) -> Result<Self, InvalidId> {
        let invalid = |fault| InvalidId::new("camera id", name, fault, ALLOWED);
        if name.is_empty() {
            return Err(invalid(IdFault::Empty));
        }
        if is_plain(name) && name.len() <= limits::ID_LEN_MAX {
            return Ok(Self(SmolStr::new(name)));
        }
        let plain = String::from_utf8(decoded(name)).map_err(|_| invalid(IdFault::NotUtf8))?;
        // What cannot be seen makes two cameras of one that looks the same.
        if let Some(hidden) = plain.chars().find(|character| is_hidden(*character)) {
            return Err(invalid(IdFault::Character(hidden)));
        }
        if plain.trim().len() < plain.len() {
            return Err(invalid(IdFault::Blank));
        }
        let id = encoded(&plain);
        if id.len() > limits::ID_LEN_MAX {
            return Err(invalid(IdFault::TooLong(id.len())));
        }
        Ok(Self(SmolStr::new(id)))
    }
}

/// The bytes of a name; `%` and two hex digits are one.
fn decoded(name: &str) -> Vec<u8> {
    let hex = |byte: Option<&u8>| {
        char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes = name.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, digits) {
            plain.push(high * 16 + low);
            at += 3;
        } else {
            plain.push(*byte);
            at += 1;
        }
    }
    plain
}

fn encoded(plain: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut id = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        if is_allowed(byte.into()) || byte == b'~' {
            id.push(byte.into());
        } else {
            id.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    id
}

/// Whether a character is a control, a mark that shows nothing, or stands for one that could not be read.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fffd}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Each id as Python's `urllib.parse.quote(urllib.parse.unquote(name), safe="/:")` has it.
    const NAMES: [(&str, &str); 12] = [
        ("cam-1", "cam-1"),
        ("site-1/door_2:a.b", "site-1/door_2:a.b"),
        ("Front Door", "Front%20Door"),
        ("Garage Tür", "Garage%20T%C3%BCr"),
        ("Камера 1", "%D0%9A%D0%B0%D0%BC%D0%B5%D1%80%D0%B0%201"),
        ("玄関", "%E7%8E%84%E9%96%A2"),
        ("yard (north), #2", "yard%20%28north%29%2C%20%232"),
        ("a~b", "a~b"),
        ("50%", "50%25"),
        ("100% zoom", "100%25%20zoom"),
        ("Garage%20T%c3%bcr", "Garage%20T%C3%BCr"),
        ("site%2F1%3a%41", "site/1:A"),
    ];

    #[test]
    fn a_name_is_one_id_in_every_language() {
        for (name, id) in NAMES {
            let camera: CameraId = name.parse().unwrap();
            assert_eq!(camera.as_str(), id, "{name}");
            assert_eq!(id.parse::<CameraId>(), Ok(camera), "{id} is an id already");
        }
    }

    #[test]
    fn what_is_no_name_is_told_why() {
        let fault = |text: &str| text.parse::<CameraId>().unwrap_err().to_string();
        for (name, why) in [
            ("", "camera id `` is empty, allowed: 1 to 128 of A-Z a-z 0-9 . _ ~ : / -, and other"),
            (" cam", "camera id ` cam` begins or ends with a blank"),
            ("cam%20", "begins or ends with a blank"),
            ("\u{feff}cam", "has the character '\\u{feff}'"),
            ("cam\n2", "has the character '\\n'"),
            ("cam%00", "has the character '\\0'"),
            ("t\u{fffd}r", "has the character '\u{fffd}'"),
            ("T%FCr", "is no UTF-8 behind its percent signs"),
        ] {
            assert!(fault(name).contains(why), "{name}: {}", fault(name));
        }
        assert!(fault(&"x".repeat(129)).contains("is 129 bytes long"));
        assert!(fault(&"ü".repeat(22)).contains("is 132 bytes long"));
        assert!("ü".repeat(21).parse::<CameraId>().is_ok());
    }
}
