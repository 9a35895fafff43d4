//! Changes of an input: slips of a hand or a disk, and words that mean something elsewhere.

use proptest::collection::vec;
use proptest::prelude::{Just, any};
use proptest::prop_oneof;
use proptest::strategy::Strategy;

use crate::INPUT_BYTES_MAX;

/// Words that mean something to most readers of text.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    ";",
    "=",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "#",
    "'",
    "\0",
    "\u{feff}",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "false",
    "1e999",
    "-0",
    "0.1",
    "-1",
    "1e-400",
    "9223372036854775808",
    "18446744073709551616",
    "\\ud83d",
    "\\u0000",
    "ü",
    "\u{202e}",
    "Ω",
    "\u{1b}[2J",
    "2026-03-02T01:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-00-00",
    "+25:00",
    "\"\"\"",
    "'''",
    "[[a]]",
    "a.b.c=1",
];

/// One change; places and lengths are parts of 65,536 of the input.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Flip { at: u16, bit: u8 },
    Bytes { at: u16, bytes: Vec<u8> },
    Word { at: u16, word: u16 },
    Remove { at: u16, length: u16 },
    Repeat { at: u16, length: u16, times: u8 },
    Splice { at: u16, from: u16, length: u16 },
    Number { at: u16, word: u16 },
    Cut { at: u16 },
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<u16>;
    // Most lengths are short: a byte, a word, a line.
    let length = || prop_oneof![3 => 0_u16..600, 1 => any::<u16>()];
    prop_oneof![
        3 => (place(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip { at, bit }),
        3 => (place(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| Edit::Bytes { at, bytes }),
        6 => (place(), place()).prop_map(|(at, word)| Edit::Word { at, word }),
        4 => (place(), length()).prop_map(|(at, length)| Edit::Remove { at, length }),
        2 => (place(), length(), any::<u8>())
            .prop_map(|(at, length, times)| Edit::Repeat { at, length, times }),
        3 => (place(), place(), length())
            .prop_map(|(at, from, length)| Edit::Splice { at, from, length }),
        5 => (place(), place()).prop_map(|(at, word)| Edit::Number { at, word }),
        1 => place().prop_map(|at| Edit::Cut { at }),
        1 => Just(Edit::Cut { at: u16::MAX }),
    ]
}

fn part(of: usize, part: u16) -> usize {
    of * usize::from(part) / 65_536
}

fn pick<'a>(words: &[&'a str], number: u16) -> &'a str {
    let own = words.len();
    match usize::from(number) % (own + WORDS.len()) {
        index if index < own => words[index],
        index => WORDS[index - own],
    }
}

impl Edit {
    /// The input with this change.
    pub(crate) fn change(&self, mut input: Vec<u8>, words: &[&str], other: &[u8]) -> Vec<u8> {
        let length = input.len();
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = input.get_mut(part(length, *at)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Bytes { at, bytes } => insert(&mut input, part(length, *at), bytes),
            Self::Word { at, word } => {
                insert(&mut input, part(length, *at), pick(words, *word).as_bytes());
            }
            Self::Remove { at, length: some } => {
                let from = part(length, *at);
                input.drain(from..from + part(length - from, *some));
            }
            Self::Repeat { at, length: some, times } => {
                let from = part(length, *at);
                let piece = input[from..from + part(length - from, *some)].to_vec();
                insert(&mut input, from, &piece.repeat(usize::from(*times)));
            }
            Self::Splice { at, from, length: some } => {
                let from = part(other.len(), *from);
                let piece = &other[from..from + part(other.len() - from, *some)];
                insert(&mut input, part(length, *at), piece);
            }
            Self::Number { at, word } => {
                // The next number becomes another.
                let from = part(length, *at);
                let digit = |byte: &u8| byte.is_ascii_digit() || b".-+e".contains(byte);
                if let Some(skip) = input[from..].iter().position(u8::is_ascii_digit) {
                    let from = from + skip;
                    let end = input[from..].iter().position(|byte| !digit(byte));
                    let end = end.map_or(input.len(), |end| from + end);
                    input.splice(from..end, pick(words, *word).bytes());
                }
            }
            Self::Cut { at } => input.truncate(part(length, *at)),
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
