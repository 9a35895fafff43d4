//! A TOML or JSON text as one tree of values.

mod nesting;
pub(crate) mod strict;

use toml::Table;

use crate::fields::{Faults, Fields};
use crate::wording;
use strict::Nulls;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// TOML 1.1.
    Toml,
    /// JSON: the same keys as objects.
    Json,
}

impl Syntax {
    /// The syntax of a text: an object in braces is JSON, all else TOML.
    pub fn of(text: &str) -> Self {
        if text.trim_start().starts_with('{') { Self::Json } else { Self::Toml }
    }
}

/// Why a text is not a valid file.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It is not TOML.
    #[error("not valid TOML: {}", wording::of_toml(.0))]
    Toml(#[from] toml::de::Error),
    /// Its values lie in each other too deep.
    #[error("not valid TOML: lists or tables lie in each other deeper than {}", nesting::DEPTH_MAX)]
    TooDeep,
    /// It is not JSON.
    #[error("not valid JSON: {}", wording::of_json(.0))]
    Json(#[from] serde_json::Error),
    /// The settings are not valid.
    #[error("{0}")]
    Faults(Faults),
}

/// Reads a text with `read`, which takes what it knows; what is left over is a fault.
///
/// # Errors
/// The first fault of syntax, or all faults of content.
pub fn read<T>(
    text: &str,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, ParseError> {
    read_table(&table(text)?, read)
}

/// The tree of values of a text, unread.
///
/// # Errors
/// The first fault of syntax.
pub fn table(text: &str) -> Result<Table, ParseError> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(match Syntax::of(text) {
        Syntax::Toml if nesting::is_too_deep(text) => return Err(ParseError::TooDeep),
        Syntax::Toml => toml::from_str(text)?,
        Syntax::Json => strict::table(text, Nulls::Refused)?,
    })
}

/// Reads a tree of values as [`read`] reads a text.
///
/// # Errors
/// All faults of content.
pub fn read_table<T>(
    table: &Table,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, ParseError> {
    let mut faults = Faults::default();
    let value = {
        let mut fields = Fields::root(table, &mut faults);
        let value = read(&mut fields);
        fields.refuse_unknown();
        value
    };
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        Some(_) | None => Err(ParseError::Faults(faults)),
    }
}
