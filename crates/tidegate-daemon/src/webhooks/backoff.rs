//! How long a hook is let alone after it did not take an event, and when it is given up.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tidegate_engine::time::{self, Timestamp};

use crate::config::TimeSource;

/// The longest pause after the first failure; it doubles with each further one.
const PAUSE_MS_FIRST: u64 = 5_000;
/// The longest pause of all.
const PAUSE_MS_MAX: u64 = 3_600_000;
/// The longest that a hook may ask for.
const ASKED_MAX: Duration = Duration::from_hours(24);
/// How old an event becomes before it is given up.
pub(super) const AGE_MAX: time::Duration = time::Duration::from_ms(72 * 3_600_000);

/// How long to sleep until the clock is looked at again, with so much left of a pause. Time that is told may
/// leap.
pub(super) fn nap(time: TimeSource, left: time::Duration) -> Duration {
    let longest = match time {
        TimeSource::System => 100,
        TimeSource::Driven => 10,
    };
    Duration::from_millis(left.ms().min(longest))
}

/// The pause after so many failures in a row: between half and all of a length that doubles. Where in between
/// depends on the hook and the event alone, so that hooks of one host do not come all at once.
pub(super) fn pause(failures: u32, hook: &str, event: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let longest = (PAUSE_MS_FIRST << doublings).min(PAUSE_MS_MAX);
    let digest = Sha256::digest(format!("{hook}/{event}/{failures}"));
    let drawn = u64::from(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]));
    Duration::from_millis(longest / 2 + (longest / 2 * drawn) / u64::from(u32::MAX))
}

/// What `Retry-After` asks for: seconds, or a date.
pub(super) fn asked(retry_after: &str, now: Timestamp) -> Option<Duration> {
    let text = retry_after.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    let asked = seconds.or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        let now = Duration::from_millis(u64::try_from(now.ms()).ok()?);
        Some(since.saturating_sub(now))
    });
    asked.map(|asked| asked.min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_between_hooks() {
        for failures in 1..40 {
            let longest =
                Duration::from_secs(5 << (failures - 1).min(20)).min(Duration::from_hours(1));
            let pauses: Vec<Duration> =
                ["desk", "pager", "audit"].map(|hook| pause(failures, hook, 7)).to_vec();
            for pause in &pauses {
                assert!(*pause >= longest / 2 && *pause <= longest, "{failures}: {pause:?}");
            }
            assert!(pauses[0] != pauses[1] && pauses[1] != pauses[2]);
            assert_eq!(pauses[0], pause(failures, "desk", 7));
        }
    }

    #[test]
    fn a_hook_says_how_long_in_seconds_or_as_a_date() {
        // 2026-03-02T08:00:00Z, a Monday.
        let now = Timestamp::from_ms(1_772_438_400_000).unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("999999", Some(86_400)),
            ("Mon, 02 Mar 2026 08:01:30 GMT", Some(90)),
            ("Mon, 02 Mar 2026 07:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(asked(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
