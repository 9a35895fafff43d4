//! Times as people and programs read them.

use tidegate_engine::time::Timestamp;

/// Reads a time as RFC 3339 has it.
///
/// # Errors
/// What is wrong with the text and what is allowed.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let moment: Result<jiff::Timestamp, _> = text.parse();
    moment
        .map_err(|error| error.to_string())
        .and_then(|at| Timestamp::from_ms(at.as_millisecond()).map_err(|error| error.to_string()))
        .map_err(|why| format!("is no time: {why}, allowed: such as 2026-03-01T12:00:00Z"))
}

/// Writes a time as ISO 8601 in UTC, with milliseconds where there are any.
pub fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.ms())
        .map_or_else(|_| at.ms().to_string(), |moment| moment.to_string())
}
