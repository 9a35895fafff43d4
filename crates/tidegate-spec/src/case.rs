//! One case of a data set: a detection event, what a good answer to it is, and what prompts answered.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use tidegate_engine::id::{AnalysisId, PromptKey};
use tidegate_engine::limits::{LATENCY_MS_MAX, RISK_SCORE_MAX};

use toml::{Table, Value};

use crate::document::strict::{self, Nulls};
use crate::document::{self, ParseError};
use crate::fields::Fields;
use crate::json::JsonText;

/// Longest answer of a prompt, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest note or error, in bytes.
pub const NOTE_BYTES_MAX: usize = 1_000;
/// Most prompts that one case has answers of.
pub const ANSWERS_MAX: usize = 32;
/// The risk scores there are.
pub const SCORES: RangeInclusive<f64> = 0.0..=RISK_SCORE_MAX as f64;
/// The latencies there are, in milliseconds: above zero, so that two of them have a ratio.
pub const LATENCIES_MS: RangeInclusive<f64> = 0.001..=LATENCY_MS_MAX;

const LEVELS: [(&str, Level); 4] = [
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];
/// What an id may be, for messages.
const ID: &str = "a text of 1 to 128 of A-Z a-z 0-9 . _ : / -";
const NO_ANSWER: &str =
    "an object with error where nothing came back; left out where the prompt was not asked";
const SAID: &str = "either text, or risk_score and risk_level, or error";

/// How grave an event is, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to see.
    Low,
    /// Worth a look.
    Medium,
    /// To be seen now.
    High,
    /// To be acted on now.
    Critical,
}

impl Level {
    /// The level of this name, in small letters.
    pub fn named(name: &str) -> Option<Self> {
        LEVELS.iter().find(|(other, _)| *other == name).map(|(_, level)| *level)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One event with what is expected of an answer to it, and the answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What the case is called; no other case of its data set is called so.
    pub id: String,
    /// The cases that are alike: those of one scenario. Left out of a file: the case's own id.
    pub scenario: String,
    /// What happened, for people.
    pub note: Option<String>,
    /// What a good answer is.
    pub expected: Expected,
    /// What each prompt version answered.
    pub answers: BTreeMap<PromptKey, CaseAnswer>,
}

/// What a good answer is.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The risk scores that are right, 0 to 100.
    pub score: RangeInclusive<f64>,
    /// The level that is right.
    pub level: Level,
}

/// What one prompt answered.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseAnswer {
    /// Its words.
    pub said: Said,
    /// Time to the answer or to the failure, where it was measured: one of [`LATENCIES_MS`].
    pub latency_ms: Option<f64>,
}

/// What came back from a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A text as the model wrote it.
    Text(String),
    /// What was read from a text before.
    Judged {
        /// Risk score, 0 to 100.
        score: f64,
        /// Risk level.
        level: Level,
    },
    /// Nothing, for this reason.
    Failed(String),
}

impl Case {
    /// Reads a case written as one JSON object.
    ///
    /// # Errors
    /// The first fault of syntax, or every fault of content with its path, its value and what is allowed there.
    /// Unknown fields and fields that come twice are faults; null, `NaN` and infinities are no value.
    pub fn parse(json: &str) -> Result<Self, ParseError> {
        let json = JsonText::new(json.strip_prefix('\u{feff}').unwrap_or(json));
        let mut table = strict::table(json.as_str(), Nulls::Kept)?;
        leave_out_nothing(&mut table);
        document::read_table(&table, read)
    }
}

/// Takes fields without a value out; an answer that is null stays, as it may be a failure or one that nobody asked for.
fn leave_out_nothing(case: &mut Table) {
    case.retain(|_, value| !is_nothing(value));
    for (name, value) in case.iter_mut() {
        let Value::Table(fields) = value else { continue };
        if name != "answers" {
            leave_out_nothing(fields);
            continue;
        }
        for (_, answer) in fields.iter_mut() {
            answer.as_table_mut().map(leave_out_nothing);
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    value.as_float().is_some_and(f64::is_nan)
}

fn read(fields: &mut Fields<'_>) -> Option<Case> {
    let id = id(fields, "id");
    if id.is_none() && fields.value("id").is_none() {
        fields.fault("id", format!("is missing, allowed: {ID}"));
    }
    let scenario = self::id(fields, "scenario");
    let note = text(fields, "note", NOTE_BYTES_MAX);
    if fields.value("expected").is_none() {
        fields.fault("expected", "is missing, allowed: an object of score and level");
    }
    let expected = fields.table("expected", read_expected);
    let answers = read_answers(fields);
    let id = id?;
    let scenario = scenario.unwrap_or_else(|| id.clone());
    Some(Case { scenario, id, note, expected: expected?, answers: answers? })
}

fn read_expected(fields: &mut Fields<'_>) -> Option<Expected> {
    let allowed = format!("a number from {} to {}", SCORES.start(), SCORES.end());
    let there = fields.value("score").is_some();
    if !there {
        fields.fault("score", "is missing, allowed: an object of min and max");
    }
    let score = fields.table("score", |fields| {
        let [min, max] = ["min", "max"].map(|key| {
            if there && fields.value(key).is_none() {
                fields.fault(key, format!("is missing, allowed: {allowed}"));
            }
            fields.real(key, &SCORES)
        });
        let (min, max) = (min?, max?);
        if min > max {
            fields.fault("min", format!("is {min}, allowed: at most max, which is {max}"));
            return None;
        }
        Some(min..=max)
    });
    if fields.value("level").is_none() {
        fields.fault("level", "is missing, allowed: low | medium | high | critical");
    }
    let level = fields.choice("level", &LEVELS);
    Some(Expected { score: score?, level: level? })
}

fn read_answers(fields: &mut Fields<'_>) -> Option<BTreeMap<PromptKey, CaseAnswer>> {
    let count = match fields.value("answers") {
        None => 0,
        // Anything but an object is a fault that is told below.
        Some(answers) => answers.as_table().map_or(1, Table::len),
    };
    let nothing: Vec<&String> = fields
        .value("answers")
        .and_then(Value::as_table)
        .map(|answers| answers.iter().filter(|(_, answer)| is_nothing(answer)))
        .map(|nothing| nothing.map(|(name, _)| name).collect())
        .unwrap_or_default();
    if !nothing.is_empty() {
        for name in nothing {
            let shown: String = name.chars().take(40).collect();
            fields.fault(&format!("answers.{shown}"), format!("is null, allowed: {NO_ANSWER}"));
        }
        return None;
    }
    let answers = fields.named_tables("answers", read_answer).unwrap_or_default();
    if !(1..=ANSWERS_MAX).contains(&count) {
        let allowed = format!("1 to {ANSWERS_MAX}, each under the key of its prompt version");
        fields.fault("answers", format!("holds {count} answers, allowed: {allowed}"));
        return None;
    }
    let mut by_prompt = BTreeMap::new();
    for (name, answer) in answers {
        match name.parse::<PromptKey>() {
            Ok(key) => {
                by_prompt.insert(key, answer?);
            }
            Err(invalid) => {
                let shown: String = name.chars().take(40).collect();
                fields.fault(&format!("answers.{shown}"), invalid.of_field());
            }
        }
    }
    Some(by_prompt)
}

fn read_answer(fields: &mut Fields<'_>) -> Option<CaseAnswer> {
    let words = text(fields, "text", TEXT_BYTES_MAX);
    let score = fields.real("risk_score", &SCORES);
    let level = fields.choice("risk_level", &LEVELS);
    let error = text(fields, "error", NOTE_BYTES_MAX);
    let there =
        ["text", "risk_score", "risk_level", "error"].map(|key| fields.value(key).is_some());
    let latency_ms = fields.real("latency_ms", &LATENCIES_MS);
    let said = match there {
        [true, false, false, false] => Said::Text(words?),
        [false, true, true, false] => Said::Judged { score: score?, level: level? },
        [false, false, false, true] => Said::Failed(error?),
        [false, false, false, false] => {
            fields.here(format!("holds no answer, allowed: {SAID}"));
            return None;
        }
        [false, true, false, false] => {
            fields.fault("risk_level", "is missing, allowed: low | medium | high | critical");
            return None;
        }
        [false, false, true, false] => {
            let allowed = format!("a number from {} to {}", SCORES.start(), SCORES.end());
            fields.fault("risk_score", format!("is missing, allowed: {allowed}"));
            return None;
        }
        _ => {
            fields.here(format!("holds more than one answer, allowed: {SAID}"));
            return None;
        }
    };
    Some(CaseAnswer { said, latency_ms })
}

/// An id, checked as an analysis's is.
fn id(fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let value = fields.value(key)?;
    let id = value.as_str().filter(|text| text.parse::<AnalysisId>().is_ok());
    if id.is_none() {
        fields.not_allowed(key, value, ID);
    }
    id.map(str::to_owned)
}

/// A text of a bounded length.
fn text(fields: &mut Fields<'_>, key: &'static str, bytes_max: usize) -> Option<String> {
    let text = fields.text(key)?;
    if text.len() > bytes_max {
        fields.fault(key, format!("is {} bytes long, allowed: at most {bytes_max}", text.len()));
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests;
