//! Times as people and programs read them.

use tidegate_engine::time::Timestamp;

/// Writes a time as ISO 8601 in UTC, with milliseconds where there are any.
pub fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.ms())
        .map_or_else(|_| at.ms().to_string(), |moment| moment.to_string())
}
