//! Times as recordings write them.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use tidegate_engine::time::{Duration, Timestamp};

/// How a recording writes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// ISO 8601 with an offset; without one it is UTC.
    Iso8601,
    /// Seconds since the Unix epoch, fractions allowed.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
}

impl TimeUnit {
    /// Reads one time.
    pub(crate) fn parse(self, text: &str) -> Result<Timestamp, String> {
        let number = |scale: f64| {
            let number: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
            if !number.is_finite() {
                return Err("is not finite".to_owned());
            }
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked next")]
            Timestamp::from_ms((number * scale).round() as i64).map_err(|error| error.to_string())
        };
        match self {
            Self::Iso8601 => parse_moment(text),
            Self::Seconds => number(1_000.0),
            Self::Milliseconds => number(1.0),
        }
    }
}

/// Reads an ISO 8601 time or date; without an offset it is UTC.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let moment: jiff::Timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text
            .parse::<DateTime>()
            .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
            .and_then(|civil| civil.to_zoned(TimeZone::UTC))
            .map_err(|_| "is no ISO 8601 time".to_owned())?
            .timestamp(),
    };
    Timestamp::from_ms(moment.as_millisecond()).map_err(|error| error.to_string())
}

/// Reads a length of time such as `48h` or `1m 30s`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, String> {
    let length: SignedDuration = text.parse().map_err(|_| "is no length of time".to_owned())?;
    u64::try_from(length.as_millis()).map(Duration::from_ms).map_err(|_| "is negative".to_owned())
}

#[cfg(test)]
mod tests {
    use tidegate_spec::api::shown;

    use super::*;

    #[test]
    fn times_with_and_without_an_offset_are_the_same_instant() {
        let summer = parse_moment("2020-05-30T04:57:37+02:00").unwrap();
        assert_eq!(summer, parse_moment("2020-05-30 02:57:37").unwrap());
        assert_eq!(summer, parse_moment("2020-05-30T02:57:37Z").unwrap());
        assert_eq!(summer, TimeUnit::Seconds.parse("1590807457").unwrap());
        assert_eq!(shown(summer), "2020-05-30T02:57:37Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2020-13-01", "1969-12-31T00:00:00Z", "NaN"] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
        assert!(TimeUnit::Seconds.parse("NaN").is_err());
        assert!(TimeUnit::Milliseconds.parse("1e300").is_err());
        assert!(TimeUnit::Milliseconds.parse("-1").is_err());
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        assert_eq!(parse_length("48h").unwrap().hours().to_bits(), 48.0_f64.to_bits());
        assert_eq!(parse_length("1m 30s").unwrap().ms(), 90_000);
        assert!(parse_length("-1h").is_err());
        assert!(parse_length("soon").is_err());
    }
}
