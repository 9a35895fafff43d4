//! What parsers find wrong, in the words of whoever wrote the text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Longest name for which a known one is looked for, in bytes: what is longer was not mistyped.
const NAME_BYTES_MAX: usize = 64;
/// How alike two names must be for one to be offered for the other, of 1.
const ALIKE_MIN: f64 = 0.75;

/// The known name that is most likely meant by one that is not known.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if unknown.len() > NAME_BYTES_MAX {
        return None;
    }
    let plain = |name: &str| name.replace(['-', '_', ' ', '.'], "").to_ascii_lowercase();
    let (written, mut best) = (plain(unknown), None);
    for name in known {
        let other = plain(name);
        // Half a name, as `dwell` for `dwell_hours`, is one too.
        let begins =
            written.len() >= 4 && (other.starts_with(&written) || written.starts_with(&other));
        let alike = strsim::normalized_damerau_levenshtein(&written, &other);
        let alike = if begins { alike.max(ALIKE_MIN) } else { alike };
        if alike >= ALIKE_MIN && best.is_none_or(|(most, _)| alike > most) {
            best = Some((alike, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The same as the end of a sentence, empty where none is near.
pub fn offer<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(unknown, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// What a reader of JSON found wrong, and where.
pub fn of_json(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let problem = of_json_field(error);
    // Which one is told by its place alone.
    let value = if problem.starts_with("is ") && column > 0 { "a value " } else { "" };
    let problem = format!("{value}{problem}");
    if line > 1 {
        format!("{problem} (line {line}, column {column})")
    } else {
        format!("{problem} (column {column})")
    }
}

/// The same of a field whose place is told otherwise.
pub fn of_json_field(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = whole.strip_suffix(&place).unwrap_or(&whole);
    if error.is_data() { of_field(problem).into_owned() } else { of_syntax(problem).to_owned() }
}

/// What a reader of TOML found wrong, beneath the line that it is in.
pub fn of_toml(error: &toml::de::Error) -> String {
    let (whole, message) = (error.to_string(), error.message());
    let said = toml_words(message);
    match whole.trim_end().strip_suffix(message) {
        Some(place) => format!("{place}{said}\n"),
        None => said.into_owned(),
    }
}

fn toml_words(message: &str) -> Cow<'_, str> {
    // What the parser expected there comes behind a comma or on a line of its own.
    let problem = message.split([',', '\n']).next().unwrap_or(message);
    let words = match problem {
        "string values must be quoted" => {
            "this is no value: a text stands in straight double quotes, a number has a point before its decimals and \
             nothing behind them, and true and false are small"
        }
        "key with no value" => "a setting is written as name = value",
        "unexpected key or value" => {
            "something follows a value: a decimal comma (write a point), or a second setting in one line"
        }
        "invalid boolean" => "this is no value; true and false are written small",
        "invalid mantissa" => "a number begins with a digit: write 0.05",
        "invalid fraction" => "a number ends with a digit: write 1.0",
        "unexpected leading zero" => "a number does not begin with a further zero",
        "`_` may only go between digits" => "`_` may only stand between the digits of a number",
        "invalid basic string" | "invalid literal string" => {
            "a text is not ended in its line by the quote it begins with"
        }
        "duplicate key" => "this is set a second time",
        "unquoted keys cannot be empty" => "a setting has no name before its =",
        "missing escaped value" => {
            "a backslash there has no meaning; write \\\\ for a backslash itself"
        }
        "unclosed table" => "the name of a table has no closing bracket",
        "unclosed array" => "a list has no closing bracket",
        "unclosed inline table" => "a table has no closing brace",
        "invalid float" => "this is no value; for none leave the setting out",
        _ if problem.starts_with("invalid type: integer") => "a number is too large",
        _ => return of_field(message),
    };
    Cow::Borrowed(words)
}

/// What a reader of a query found wrong.
pub fn of_query(said: &str) -> String {
    let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(said);
    match said.split_once(": ") {
        Some((name, problem)) if !name.contains(['`', ' ']) => {
            let said = of_field(problem);
            // What is unknown, missing or there twice is named in it.
            if said.starts_with('`') { said.into_owned() } else { format!("`{name}` {said}") }
        }
        Some(_) | None => of_field(said).into_owned(),
    }
}

/// What is wrong with a text that is no JSON.
fn of_syntax(problem: &str) -> &str {
    match problem {
        "EOF while parsing a value"
        | "EOF while parsing an object"
        | "EOF while parsing a list"
        | "EOF while parsing a string" => "it ends within a value",
        "expected value" => "no value stands there, or one that is not JSON",
        "expected ident" => "a word stands there that is not true, false or null",
        "key must be a string" => "a name there has no double quotes",
        "trailing comma" => "a comma there has nothing behind it",
        "trailing characters" => "it goes on behind its end",
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a text goes over the end of its line, or has a control character; write \\n for the end of a line"
        }
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "a text holds half of a surrogate pair"
        }
        "invalid escape" => "a backslash there has no meaning; write \\\\ for a backslash itself",
        "invalid number" => "a number there is not written as JSON has them",
        "number out of range" => "a number there is too large",
        "recursion limit exceeded" => "lists or objects lie in each other deeper than 127",
        "expected `:`" => "a colon is missing there",
        "expected `,` or `}`" => "a comma or a closing brace is missing there",
        "expected `,` or `]`" => "a comma or a closing bracket is missing there",
        other => other,
    }
}

/// What is wrong with a field of a text that is well formed.
pub fn of_field(problem: &str) -> Cow<'_, str> {
    match problem {
        "invalid digit found in string" => return "is no whole number from 0 on".into(),
        "number too large to fit in target type" => return "is too large".into(),
        "cannot parse integer from empty string" => return "is empty".into(),
        "provided string was not `true` or `false`" => return "is not true or false".into(),
        _ => {}
    }
    let said = unknown_name(problem, "unknown field ", "is not a known field")
        .or_else(|| unknown_name(problem, "unknown variant ", "is not allowed"))
        .or_else(|| other_type(problem, "invalid type: "))
        .or_else(|| other_type(problem, "invalid value: "))
        .or_else(|| Some(format!("{} is missing", problem.strip_prefix("missing field ")?)))
        .or_else(|| Some(format!("{} is there twice", problem.strip_prefix("duplicate field ")?)));
    said.map_or(Cow::Borrowed(problem), Cow::Owned)
}

/// "unknown field `lable`, expected one of `id`, `label`".
fn unknown_name(problem: &str, begins: &str, what: &str) -> Option<String> {
    let rest = problem.strip_prefix(begins)?;
    let (name, known) = match rest.split_once("`, expected ") {
        Some((name, known)) => (name, known),
        None => (rest.strip_suffix("`, there are no fields")?, ""),
    };
    let name = name.strip_prefix('`')?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let shown: String = name.chars().take(40).flat_map(char::escape_default).collect();
    let mut said = format!("`{shown}` {what}{}", offer(name, known.iter().copied()));
    let allowed = if known.is_empty() { "nothing" } else { &known.join(" | ") };
    // A closed list ends the sentence as it does elsewhere.
    let separator = if said.ends_with('?') { " Allowed" } else { ", allowed" };
    let _ = write!(said, "{separator}: {allowed}");
    Some(said)
}

/// "invalid type: string "x", expected f64".
fn other_type(problem: &str, begins: &str) -> Option<String> {
    let (found, wanted) = problem.strip_prefix(begins)?.rsplit_once(", expected ")?;
    let literal = found.split('`').nth(1);
    let found = match found {
        "map" => "an object",
        "sequence" => "a list",
        "null" | "unit value" | "Option value" => "null",
        _ if literal.is_some() => literal?,
        other => other.strip_prefix("string ").unwrap_or(other),
    };
    let shown: String = found.chars().take(60).collect();
    Some(format!("is {shown}, allowed: {}", of_type(wanted)))
}

fn of_type(wanted: &str) -> &str {
    match wanted {
        "f64" | "f32" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a string" | "a borrowed string" | "a character" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" | "an object" => "an object",
        "any valid TOML value" => "a text, a number, true or false, a list or an object",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("a tuple ") => "a list",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::api::Observation;

    #[test]
    fn the_nearest_name_is_offered_where_one_is_near() {
        let known = ["alert_threshold", "dwell_hours", "treatment_percentage", "key", "label"];
        for (written, meant) in [
            ("alert_treshold", Some("alert_threshold")),
            ("alertThreshold", Some("alert_threshold")),
            ("Alert-Threshold", Some("alert_threshold")),
            ("dwell", Some("dwell_hours")),
            ("dwell_hour", Some("dwell_hours")),
            ("treatment_percent", Some("treatment_percentage")),
            ("lable", Some("label")),
            ("keys", Some("key")),
            ("salt", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        count: u32,
        names: Vec<String>,
    }

    #[test]
    fn a_fault_is_told_as_whoever_wrote_the_text_would_say_it() {
        let observation = |text: &str| {
            of_json_field(&serde_json::from_str::<Observation>(text).expect_err("a fault"))
        };
        let sample =
            |text: &str| of_json(&serde_json::from_str::<Sample>(text).expect_err("a fault"));
        let begins = |text: &str, said: &str| {
            let found = sample(text);
            assert!(found.starts_with(said), "{text}: {found}");
        };
        let head = r#""type": "feedback", "experiment": "e", "id": "i""#;
        for (text, said) in [
            (
                format!(r#"{{{head}, "lable": "correct"}}"#),
                "`lable` is not a known field; did you mean `label`? Allowed: type | experiment | id | camera_id",
            ),
            (format!(r#"{{{head}, "latency_ms": "820"}}"#), "is \"820\", allowed: a number"),
            (format!(r#"{{{head}, "score": {{}}}}"#), "is an object, allowed: a number"),
            (format!(r#"{{{head}, "error": 1}}"#), "is 1, allowed: true or false"),
            (format!(r#"{{{head}, "label": ["x"]}}"#), "is a list, allowed: a text"),
            (r#"{"type": "feedback"}"#.to_owned(), "`experiment` is missing"),
            (format!("{{{head}, {head}}}"), "`type` is there twice"),
        ] {
            let found = observation(&text);
            assert!(found.starts_with(said), "{text}: {found}");
        }
        begins(
            r#"{"count": -1, "names": []}"#,
            "a value is -1, allowed: a whole number from 0 on (column",
        );
        begins(
            r#"{"count": 1.5, "names": []}"#,
            "a value is 1.5, allowed: a whole number from 0 on (column",
        );
        begins(r#"{"count": 1, "names": null}"#, "a value is null, allowed: a list (column 26)");
        for (text, said) in [
            ("", "it ends within a value (column 0)"),
            (r#"{"count": 1"#, "it ends within a value (column 11)"),
            ("{'count': 1}", "a name there has no double quotes (column 2)"),
            (r#"{"count": 1,}"#, "a comma there has nothing behind it (column 13)"),
            (
                "{\"count\":\n True}",
                "no value stands there, or one that is not JSON (line 2, column 2)",
            ),
            (r#"{"count" 1}"#, "a colon is missing there (column 10)"),
            (
                r#"{"count": 1 "names": []}"#,
                "a comma or a closing brace is missing there (column 13)",
            ),
            (r#"{"count": 1, "names": ["a\q"]}"#, "a backslash there has no meaning"),
            ("{\"count\": 1, \"names\": [\"a\nb\"]}", "a text goes over the end of its line"),
            (r#"{"count": 1, "names": ["\ud83d"]}"#, "a text holds half of a surrogate pair"),
        ] {
            begins(text, said);
        }
    }
}
