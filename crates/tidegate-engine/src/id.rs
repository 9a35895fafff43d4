//! Names of things, parsed once and valid ever after.
//!
//! Ids of up to 23 bytes are kept in place: one event brings two of them, and allocating and freeing
//! both would cost as much as all else that is done with the event.

mod camera;

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use smol_str::SmolStr;

use crate::limits;

/// The characters an id may have, for messages.
const ALLOWED: &str = "1 to 128 of A-Z a-z 0-9 . _ : / -";

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{shown}` {fault}, allowed: {allowed}")]
pub struct InvalidId {
    /// What it was to be the id of.
    pub kind: &'static str,
    /// The beginning of the text, escaped.
    pub shown: String,
    /// What is wrong with it.
    pub fault: IdFault,
    /// What it may be.
    pub allowed: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, text: &str, fault: IdFault, allowed: &'static str) -> Self {
        let shown = text.chars().take(40).flat_map(char::escape_default).collect();
        Self { kind, shown, fault, allowed }
    }

    /// The same of a field whose name stands before it.
    pub fn of_field(&self) -> String {
        let Self { kind, shown, fault, allowed } = self;
        format!("is no {kind}: `{shown}` {fault}, allowed: {allowed}")
    }
}

/// What is wrong with a text that should be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFault {
    /// Nothing there.
    Empty,
    /// This many bytes, too many.
    TooLong(usize),
    /// A character outside the allowed ones.
    Character(char),
    /// A blank at the beginning or the end.
    Blank,
    /// Encoded bytes that are no UTF-8.
    NotUtf8,
}

impl fmt::Display for IdFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong(bytes) => write!(f, "is {bytes} bytes long"),
            Self::Character(character) => write!(f, "has the character {character:?}"),
            Self::Blank => f.write_str("begins or ends with a blank"),
            Self::NotUtf8 => f.write_str("is no UTF-8 behind its percent signs"),
        }
    }
}

fn check(kind: &'static str, text: &str) -> Result<(), InvalidId> {
    let fault = if text.is_empty() {
        IdFault::Empty
    } else if text.len() > limits::ID_LEN_MAX {
        IdFault::TooLong(text.len())
    } else if is_plain(text) {
        return Ok(());
    } else {
        let character = text.chars().find(|character| !is_allowed(*character));
        IdFault::Character(character.unwrap_or_default())
    };
    Err(InvalidId::new(kind, text, fault, ALLOWED))
}

/// Whether every character is allowed: a byte beyond ASCII is none of its own.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| ALLOWED_BYTES[usize::from(byte)])
}

/// By byte, as ids are read with every event.
const ALLOWED_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        allowed[byte as usize] = is_allowed(byte as char);
        byte += 1;
    }
    allowed
};

const fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | ':' | '/' | '-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        id! { $(#[$doc])* $name }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check($kind, text).map(|()| Self(SmolStr::new(text)))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id! {
    /// What is asked for: the name of an experiment.
    ExperimentKey, "experiment key"
}
id! {
    /// The name of a prompt version.
    PromptKey, "prompt version key"
}
id! {
    /// What a prompt is called in all its versions.
    PromptName, "prompt name"
}
id! {
    /// A name that points to a version of a prompt and moves, such as `production`.
    LabelName, "label"
}
id! {
    /// What experiments that share a fleet without sharing a camera have in common.
    GroupName, "group"
}
id! {
    /// The unit that is assigned: one camera.
    ///
    /// A name that is not made of `A-Z a-z 0-9 . _ ~ : / -` alone is kept in percent-encoding (RFC 3986, section 2.1): each other
    /// byte of its UTF-8 as `%` and two capital hex digits. One that is encoded already stays the same.
    CameraId
}
id! {
    /// One detection event as its reporter names it; its analysis, comparison and feedback share it.
    AnalysisId, "analysis id"
}
id! {
    /// The text that makes one run's split independent of all others.
    Salt, "salt"
}

impl From<&ExperimentKey> for Salt {
    /// A run's salt is the key of its experiment unless the owner sets another.
    fn from(key: &ExperimentKey) -> Self {
        Self(key.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_id_keeps_what_it_was_given() {
        let id: CameraId = "site-1/door_2:a.b".parse().unwrap();
        assert_eq!(id.as_str(), "site-1/door_2:a.b");
        assert!("x".repeat(128).parse::<CameraId>().is_ok());
    }

    #[test]
    fn a_bad_id_is_told_why() {
        let fault = |text: &str| text.parse::<AnalysisId>().unwrap_err().to_string();
        let allowed = "allowed: 1 to 128 of A-Z a-z 0-9 . _ : / -";
        assert_eq!(fault(""), alloc::format!("analysis id `` is empty, {allowed}"));
        assert_eq!(
            fault("a b"),
            alloc::format!("analysis id `a b` has the character ' ', {allowed}")
        );
        assert!(fault(&"x".repeat(129)).contains("is 129 bytes long"));
        assert!(fault("tür\n").contains("`t\\u{fc}r\\n` has the character 'ü'"));
    }
}
