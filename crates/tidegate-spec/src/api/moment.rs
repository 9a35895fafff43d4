//! Times as people and programs read them.

use tidegate_engine::time::Timestamp;

/// Reads a time as RFC 3339 has it.
///
/// # Errors
/// What is wrong with the text and what is allowed.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    const ALLOWED: &str =
        "allowed: a date, a time of day, and Z or an offset, such as 2026-03-01T12:00:00Z";
    let moment: jiff::Timestamp = text.parse().map_err(|_| format!("is no time, {ALLOWED}"))?;
    Timestamp::from_ms(moment.as_millisecond()).map_err(|error| format!("{error}, {ALLOWED}"))
}

/// Writes a time as ISO 8601 in UTC, with milliseconds where there are any.
pub fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.ms())
        .map_or_else(|_| at.ms().to_string(), |moment| moment.to_string())
}
