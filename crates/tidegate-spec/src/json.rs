//! One JSON object as Python and JavaScript write it, each field on its own.
//!
//! What stands in a field that nobody asks for does not matter: a number that no float holds, half of a surrogate
//! pair, lists in lists to any depth. `NaN` and the infinities, which Python writes for a number that is not there,
//! are read as no value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use crate::wording;

/// What JSON has no word for, and Python's `json` writes all the same.
const NOT_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// A text in which every `NaN` and every infinity outside of strings is `null`.
#[derive(Debug, Clone)]
pub struct JsonText<'a> {
    text: Cow<'a, str>,
    not_numbers: usize,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Nothing: the field is absent or null.
    Nothing,
    /// A text.
    Text(String),
    /// A number, as it is written.
    Number(&'a str),
    /// `true` or `false`, as it is written.
    Switch(&'a str),
    /// A list or an object.
    Nested,
    /// A text that is none, for this reason.
    Broken(&'static str),
}

/// The fields of an object; of fields that come twice the last.
#[derive(Debug)]
pub struct JsonObject<'a>(BTreeMap<Name, &'a RawValue>);

impl<'a> JsonText<'a> {
    /// Takes a text as it is written.
    pub fn new(text: &'a str) -> Self {
        if !text.contains("NaN") && !text.contains("Infinity") {
            return Self { text: Cow::Borrowed(text), not_numbers: 0 };
        }
        let mut read = String::with_capacity(text.len());
        let (mut rest, mut not_numbers) = (text, 0);
        while let Some(next) = rest.chars().next() {
            let end = if next == '"' { end_of_string(rest) } else { next.len_utf8() };
            if let Some(word) = NOT_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
                read.push_str("null");
                not_numbers += 1;
                rest = &rest[word.len()..];
            } else {
                read.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
        Self { text: Cow::Owned(read), not_numbers }
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// How many numbers were none.
    pub const fn not_numbers(&self) -> usize {
        self.not_numbers
    }

    /// Its fields.
    ///
    /// # Errors
    /// Why it is not one whole JSON object.
    pub fn object(&self) -> Result<JsonObject<'_>, String> {
        let fields = serde_json::from_str(&self.text);
        fields.map(JsonObject).map_err(|error| malformed(&self.text, &error))
    }
}

/// The byte after the string that `text` begins with.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn malformed(text: &str, error: &serde_json::Error) -> String {
    let start = text.trim_start().chars().next();
    match start {
        None => return "is empty".to_owned(),
        Some('[') if !error.is_syntax() || error.column() <= 1 => {
            return "is a list; one object is allowed, as from jq -c '.[]'".to_owned();
        }
        Some('{') => {}
        // A file of another kind has this in every line, and each is told apart at once.
        Some(other) if !other.is_ascii_digit() && !"[\"-tfnNI".contains(other) => {
            return "is no JSON".to_owned();
        }
        Some(_) if serde_json::from_str::<&RawValue>(text).is_ok() => {
            return "is JSON, but no object".to_owned();
        }
        Some(_) => {}
    }
    let column = error.column();
    if error.is_eof() && text.trim() == "{" {
        return "is an object over several lines; one line is allowed, as from jq -c".to_owned();
    }
    if error.is_eof() {
        return format!("ends at column {column}, within a value");
    }
    if text.trim_start().starts_with("{'") {
        return format!(
            "has names in single quotes, as Python prints them; JSON, as its json.dumps writes it, has double ones (column {column})"
        );
    }
    wording::of_json(error)
}

impl JsonObject<'_> {
    /// What a field holds.
    pub fn get(&self, name: &str) -> FieldValue<'_> {
        let Some(raw) = self.0.get(name) else { return FieldValue::Nothing };
        let raw = raw.get();
        match raw.as_bytes().first() {
            Some(b'"') => match serde_json::from_str(raw) {
                Ok(text) => FieldValue::Text(text),
                Err(_) => FieldValue::Broken("holds half of a surrogate pair"),
            },
            Some(b'{' | b'[') => FieldValue::Nested,
            Some(b't' | b'f') => FieldValue::Switch(raw),
            Some(b'n') | None => FieldValue::Nothing,
            Some(_) => FieldValue::Number(raw),
        }
    }

    /// Whether there is such a field, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The name of a field; where it is no text, each byte that is none is replaced.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, half of a surrogate pair in it is no fault.
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Name, E> {
        Ok(Name(String::from_utf8_lossy(name).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str, name: &str) -> String {
        match JsonText::new(text).object() {
            Ok(object) => format!("{:?}", object.get(name)),
            Err(why) => why,
        }
    }

    /// Each with the writer that writes it so; `a` is what is asked for.
    #[test]
    fn what_writers_of_json_write_beside_a_field_does_not_matter() {
        let deep = |n: usize| format!(r#"{{"x": {}{}, "a": 1}}"#, "[".repeat(n), "]".repeat(n));
        for (writer, text) in [
            ("Python json.dumps(1e999)", r#"{"x": Infinity, "a": 1}"#.to_owned()),
            ("Python json.dumps(-inf)", r#"{"x": -Infinity, "a": 1}"#.to_owned()),
            ("Python json.dumps(nan)", r#"{"x": [NaN, {"y": NaN}], "a": 1}"#.to_owned()),
            ("Python Decimal in simplejson", r#"{"x": 1e999, "a": 1}"#.to_owned()),
            ("Python json.dumps('\\ud83d')", r#"{"x": "\ud83d", "a": 1}"#.to_owned()),
            (
                "JavaScript JSON.stringify('\\udc00')",
                r#"{"x": "\udc00 \ud800\ud800", "a": 1}"#.into(),
            ),
            ("Python, a name of half a pair", r#"{"\ud83d": 2, "a": 1}"#.to_owned()),
            ("JavaScript JSON.stringify of nested lists", deep(200)),
            ("JavaScript JSON.stringify of nested lists", deep(20_000)),
            ("Python int", r#"{"x": 123456789012345678901234567890, "a": 1}"#.to_owned()),
            ("a text that has NaN", r#"{"x": "NaN \" Infinity", "a": 1}"#.to_owned()),
            ("a name that comes twice: the last, as all of them", r#"{"a": 7, "a": 1}"#.to_owned()),
        ] {
            assert_eq!(held(&text, "a"), "Number(\"1\")", "{writer}");
        }
    }

    #[test]
    fn a_field_that_is_asked_for_is_what_is_written() {
        let text = r#"{"n": 1772413200.12345678901, "big": 20000000000000000001, "t": "é\n", "no": null,
            "nan": NaN, "yes": true, "list": [1], "half": "\ud83d", "nan_text": "NaN"}"#;
        for (name, expected) in [
            ("n", "Number(\"1772413200.12345678901\")"),
            ("big", "Number(\"20000000000000000001\")"),
            ("t", "Text(\"é\\n\")"),
            ("no", "Nothing"),
            ("nan", "Nothing"),
            ("absent", "Nothing"),
            ("yes", "Switch(\"true\")"),
            ("list", "Nested"),
            ("half", "Broken(\"holds half of a surrogate pair\")"),
            ("nan_text", "Text(\"NaN\")"),
        ] {
            assert_eq!(held(text, name), expected, "{name}");
        }
        assert_eq!(JsonText::new(text).not_numbers(), 1);
    }

    #[test]
    fn what_is_no_object_is_told_in_words() {
        for (text, why) in [
            ("", "is empty"),
            ("[1, 2]", "is a list"),
            ("[{\"a\": 1},", "is a list"),
            ("12", "is JSON, but no object"),
            ("\"a\"", "is JSON, but no object"),
            ("{\"a\": 1", "ends at column 7, within a value"),
            ("{'a': 1}", "has names in single quotes"),
            ("{\"a\": 1} {\"a\": 2}", "it goes on behind its end (column 10)"),
            ("{\"a\": xNaN}", "no value stands there, or one that is not JSON (column 7)"),
            ("{\"a\": 01}", "a number there is not written as JSON has them (column 8)"),
        ] {
            let found = held(text, "a");
            assert!(found.starts_with(why), "{text}: {found}");
        }
    }
}
