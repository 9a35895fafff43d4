//! Times as recordings write them.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Zoned};
use serde::Serialize;
use tidegate_engine::time::{Duration, Timestamp};

/// How a recording writes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// As a date with a time of day, or as an epoch whose unit its size tells.
    Iso8601,
    /// The Unix epoch in a unit that the map names.
    Epoch(EpochUnit),
}

/// Units of the time since the Unix epoch; fractions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EpochUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl EpochUnit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    const fn ms(self) -> f64 {
        match self {
            Self::Seconds => 1e3,
            Self::Milliseconds => 1.0,
            Self::Microseconds => 1e-3,
            Self::Nanoseconds => 1e-6,
        }
    }

    /// The unit that puts a number of this many whole digits between 1973 and 2286.
    const fn of_digits(digits: usize) -> Option<Self> {
        match digits {
            9 | 10 => Some(Self::Seconds),
            12 | 13 => Some(Self::Milliseconds),
            15 | 16 => Some(Self::Microseconds),
            18 | 19 => Some(Self::Nanoseconds),
            _ => None,
        }
    }

    fn read(self, text: &str) -> Result<Timestamp, String> {
        let number: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
        if is_cut(text) {
            return Err("has lost digits to its exponent, allowed: all digits".to_owned());
        }
        if !number.is_finite() {
            return Err("is not finite".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked next")]
        let ms = (number * self.ms()).round() as i64;
        Timestamp::from_ms(ms).map_err(|error| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            match Self::of_digits(digits).filter(|unit| *unit != self) {
                Some(unit) => format!(
                    "is outside 1970 to 9999 in {self}; its size is that of {unit}: time_unit = \"{unit}\" in the map"
                ),
                None => error.to_string(),
            }
        })
    }
}

impl fmt::Display for EpochUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was decided about times that do not say all themselves.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TimesRead {
    /// Numbers read as an epoch by their size, by unit.
    pub(crate) epoch_s: u64,
    pub(crate) epoch_ms: u64,
    pub(crate) epoch_us: u64,
    pub(crate) epoch_ns: u64,
    /// Local times that a clock never showed, as it was put forward; they count from before the change.
    pub(crate) local_skipped: u64,
    /// Local times that a clock showed twice, as it was put back; they count as the first.
    pub(crate) local_twice: u64,
    /// Numbers in the unit that the map names whose size is that of it, or of none.
    #[serde(skip)]
    in_named_unit: u64,
    /// The unit that the map names, and the one that the size of the last number tells otherwise.
    #[serde(skip)]
    otherwise: Option<(EpochUnit, EpochUnit)>,
}

impl TimesRead {
    /// Notes whether the size of a number agrees with the unit that the map names.
    fn note_size(&mut self, text: &str, named: EpochUnit) {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        match EpochUnit::of_digits(digits).filter(|unit| *unit != named) {
            Some(unit) => self.otherwise = Some((named, unit)),
            None => self.in_named_unit += 1,
        }
    }

    /// Why there is no verdict, where every time has the size of another unit. Times that count from the beginning of a
    /// recording begin small.
    pub(super) fn contradiction(&self) -> Option<String> {
        let (named, unit) = self.otherwise.filter(|_| self.in_named_unit == 0)?;
        Some(format!(
            "no verdict, as every time has the size of one in {unit}, not in {named} as the map says: time_unit = \"{unit}\""
        ))
    }
}

/// Reads a recording's times.
#[derive(Debug, Clone)]
pub(crate) struct TimeReader {
    pub(crate) unit: TimeUnit,
    /// Where a time without an offset is local.
    pub(crate) zone: TimeZone,
}

impl TimeReader {
    /// Reads one time.
    pub(crate) fn read(&self, text: &str, read: &mut TimesRead) -> Result<Timestamp, String> {
        match self.unit {
            TimeUnit::Epoch(unit) => {
                let at = unit.read(text)?;
                read.note_size(text, unit);
                Ok(at)
            }
            TimeUnit::Iso8601 if is_number(text) => read_number(text, &self.zone, read),
            TimeUnit::Iso8601 => read_words(text, &self.zone, read),
        }
    }
}

/// Reads a date with or without a time of day; without an offset it is UTC.
///
/// # Errors
/// Where it is no time that the engine has.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let read = &mut TimesRead::default();
    if is_number(text) {
        return read_compact(text, &TimeZone::UTC, read).ok_or_else(|| NO_TIME.to_owned());
    }
    read_words(text, &TimeZone::UTC, read)
}

/// The zone that a map names: an IANA name or an offset.
pub(crate) fn parse_zone(text: &str) -> Option<TimeZone> {
    let zone = jiff::fmt::temporal::DateTimeParser::new().parse_time_zone(text).ok()?;
    // POSIX counts the other way round: its `UTC+2` is two hours behind.
    let is_plain = zone.iana_name().is_some() || zone.to_fixed_offset().is_ok();
    is_plain.then_some(zone)
}

const NO_TIME: &str = "is no ISO 8601 time";

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// Whether a number has fewer digits than its exponent says, as Excel, R and `printf("%g")` write a large one: minutes off.
/// Java's `1.7724132E9` has all there are.
fn is_cut(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let Some(exponent) = exponent.strip_prefix('+') else { return false };
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    exponent.parse().is_ok_and(|exponent: usize| digits < exponent)
}

fn read_number(text: &str, zone: &TimeZone, read: &mut TimesRead) -> Result<Timestamp, String> {
    if let Some(at) = read_compact(text, zone, read) {
        return Ok(at);
    }
    let number: f64 = text.parse().map_err(|_| NO_TIME.to_owned())?;
    let digits = format!("{:.0}", number.trunc()).len();
    let Some(unit) = EpochUnit::of_digits(digits).filter(|_| number > 0.0) else {
        return Err(
            "is a number whose size tells no unit (spreadsheets count days: save it as text), allowed: time_unit = \"s\", \"ms\", \"us\" or \"ns\" in the map"
                .to_owned(),
        );
    };
    let at = unit.read(text)?;
    *match unit {
        EpochUnit::Seconds => &mut read.epoch_s,
        EpochUnit::Milliseconds => &mut read.epoch_ms,
        EpochUnit::Microseconds => &mut read.epoch_us,
        EpochUnit::Nanoseconds => &mut read.epoch_ns,
    } += 1;
    Ok(at)
}

/// Reads `YYYYMMDD` and `YYYYMMDDhhmmss`.
fn read_compact(text: &str, zone: &TimeZone, read: &mut TimesRead) -> Option<Timestamp> {
    let format = match text.len() {
        8 => "%Y%m%d",
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    let broken = jiff::fmt::strtime::parse(format, text).ok()?;
    let date = broken.to_date().ok()?;
    let civil = date.to_datetime(broken.to_time().unwrap_or_default());
    local(civil, zone, read).ok()
}

fn read_words(text: &str, zone: &TimeZone, read: &mut TimesRead) -> Result<Timestamp, String> {
    if text.contains('[') && !text.starts_with('[') {
        // The zone in brackets and the offset before it must agree.
        let zoned: Zoned = text.parse().map_err(|_| {
            "has a zone in brackets that is not known or does not agree with its offset".to_owned()
        })?;
        return within(zoned.timestamp());
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return check_offset(text).and_then(|()| within(moment));
    }
    let (civil, offset) = split_zone(text);
    if let Ok(civil) = parse_civil(civil) {
        return match offset {
            None => local(civil, zone, read),
            Some(behind) => {
                let text = format!("{civil}{behind}");
                let moment = text.parse::<jiff::Timestamp>().map_err(|_| no_time(&text))?;
                check_offset(&text).and_then(|()| within(moment))
            }
        };
    }
    for format in ["%d/%b/%Y:%H:%M:%S %z", "%a %b %e %H:%M:%S %Y %z"] {
        if let Ok(moment) = jiff::Timestamp::strptime(format, text.trim_matches(['[', ']'])) {
            return within(moment);
        }
    }
    match rfc2822::parse(text) {
        Ok(zoned) => within(zoned.timestamp()),
        Err(_) => Err(no_time(text)),
    }
}

/// Refuses an offset that no clock has, and that the parser takes.
fn check_offset(text: &str) -> Result<(), String> {
    let offset = Pieces::parse(text).ok().and_then(|pieces| pieces.to_numeric_offset());
    match offset.filter(|offset| offset.seconds().unsigned_abs() >= 24 * 3_600) {
        Some(_) => Err(format!("{NO_TIME}: its offset is beyond what is allowed: ±23:59")),
        None => Ok(()),
    }
}

/// What a text is that is no time, in words that help.
fn no_time(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    // JavaScript's toLocaleString has a comma behind the day.
    let day = words.first().copied().unwrap_or_default().trim_end_matches(',');
    let parts: Vec<&str> = day.split(['/', '.']).collect();
    let is_day = |part: &&str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if let [first, second, year] = parts[..]
        && is_day(&first)
        && is_day(&second)
        && year.len() == 4
    {
        return format!(
            "{NO_TIME}: whether day or month comes first is not sure, allowed: 2026-03-02"
        );
    }
    if let Some(zone) = words.last().filter(|_| words.len() > 1)
        && zone.bytes().all(|byte| byte.is_ascii_uppercase())
        && (2..=5).contains(&zone.len())
    {
        return format!(
            "{NO_TIME}: {zone} is the short name of several zones, allowed: an offset such as +01:00"
        );
    }
    format!("{NO_TIME}, allowed: one such as 2026-03-02T01:00:00Z")
}

/// A text without the zone behind it, and that zone as an offset.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    let is_offset = |text: &str| text.starts_with(['+', '-']);
    if let Some((before, name)) = text.rsplit_once(' ')
        && name.bytes().all(|byte| byte.is_ascii_uppercase())
        && let Some((civil, offset)) = before.rsplit_once(' ')
        && is_offset(offset)
        && (!matches!(name, "UTC" | "GMT")
            || !offset.contains(|digit| ('1'..='9').contains(&digit)))
    {
        // Go writes the offset and the zone's short name behind it.
        return (civil, Some(offset));
    }
    for name in ["UTC", "GMT", "Z", "z"] {
        if let Some(before) = text.strip_suffix(name) {
            return (before.trim_end(), Some("Z"));
        }
    }
    match text.rsplit_once(' ') {
        Some((before, offset)) if is_offset(offset) => (before.trim_end(), Some(offset)),
        _ => (text, None),
    }
}

/// Reads a date and a time of day, also with slashes, or with a comma before the fraction.
fn parse_civil(text: &str) -> Result<DateTime, jiff::Error> {
    let is_slashed = text.get(4..5) == Some("/") && text.get(7..8) == Some("/");
    let dashed = if is_slashed { text.replacen('/', "-", 2) } else { text.to_owned() };
    dashed.parse::<DateTime>().or_else(|_| dashed.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
}

fn local(civil: DateTime, zone: &TimeZone, read: &mut TimesRead) -> Result<Timestamp, String> {
    let moment = zone.to_ambiguous_timestamp(civil);
    match moment.offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => read.local_skipped += 1,
        AmbiguousOffset::Fold { .. } => read.local_twice += 1,
    }
    within(moment.compatible().map_err(|_| NO_TIME.to_owned())?)
}

fn within(moment: jiff::Timestamp) -> Result<Timestamp, String> {
    Timestamp::from_ms(moment.as_millisecond()).map_err(|error| error.to_string())
}

/// Reads a length of time such as `48h` or `1m 30s`.
///
/// # Errors
/// Where it is no length, or negative.
pub fn parse_length(text: &str) -> Result<Duration, String> {
    let length: SignedDuration = text.parse().map_err(|_| "is no length of time".to_owned())?;
    u64::try_from(length.as_millis()).map(Duration::from_ms).map_err(|_| "is negative".to_owned())
}

#[cfg(test)]
mod tests {
    use tidegate_spec::api::shown;

    use super::*;

    fn read(text: &str, zone: &str) -> (String, TimesRead) {
        let reader = TimeReader { unit: TimeUnit::Iso8601, zone: parse_zone(zone).unwrap() };
        let mut read = TimesRead::default();
        (reader.read(text, &mut read).map_or_else(|why| why, shown), read)
    }

    /// One instant as programs write it, each with the writer that writes it so.
    #[test]
    fn every_form_that_logs_and_databases_write_is_the_same_instant() {
        for (writer, text) in [
            ("Python datetime.isoformat", "2020-05-30T04:57:37.250000+02:00"),
            ("Python str(datetime)", "2020-05-30 04:57:37.250000+02:00"),
            ("Python logging, UTC", "2020-05-30 02:57:37,250"),
            ("JavaScript toISOString", "2020-05-30T02:57:37.250Z"),
            ("Java Instant", "2020-05-30T02:57:37.250000000Z"),
            ("Java ZonedDateTime", "2020-05-30T04:57:37.250+02:00[Europe/Berlin]"),
            ("Java ZonedDateTime, UTC", "2020-05-30T02:57:37.250Z[UTC]"),
            ("Go time.Time.String", "2020-05-30 02:57:37.25 +0000 UTC"),
            ("Go time.Time.String, local", "2020-05-30 04:57:37.25 +0200 CEST"),
            ("Go log", "2020/05/30 02:57:37.250"),
            ("Ruby Time#to_s", "2020-05-30 02:57:37.25 +0000"),
            ("PostgreSQL timestamptz", "2020-05-30 04:57:37.25+02"),
            ("PostgreSQL, half an hour", "2020-05-30 08:27:37.25+05:30"),
            ("BigQuery export", "2020-05-30 02:57:37.250000 UTC"),
            ("GNU date +%FT%T%z", "2020-05-30T04:57:37.25+0200"),
            ("the earliest offset", "2020-05-29T02:58:37.25-23:59"),
            ("the latest offset", "2020-05-31T02:56:37.25+23:59"),
            ("small letters of RFC 3339", "2020-05-30t02:57:37.25z"),
            ("Java's Date.toInstant().toEpochMilli()", "1590807457250"),
            ("Python time.time()", "1590807457.25"),
            ("Python time.time() by json.dumps of a large number", "1.59080745725e9"),
            ("InfluxDB precision=us", "1590807457250000"),
            ("InfluxDB, Loki, Python time.time_ns()", "1590807457250000000"),
        ] {
            assert_eq!(read(text, "UTC").0, "2020-05-30T02:57:37.25Z", "{writer}: {text}");
        }
        for (writer, text) in [
            ("nginx and Apache $time_local", "30/May/2020:04:57:37 +0200"),
            ("Apache %t", "[30/May/2020:02:57:37 +0000]"),
            ("HTTP and RFC 2822 dates", "Sat, 30 May 2020 02:57:37 GMT"),
            ("S3 and MySQL YYYYMMDDhhmmss", "20200530025737"),
            ("ISO 8601 basic form", "20200530T025737Z"),
        ] {
            assert_eq!(read(text, "UTC").0, "2020-05-30T02:57:37Z", "{writer}: {text}");
        }
        assert_eq!(read("20200530", "UTC").0, "2020-05-30T00:00:00Z");
        assert_eq!(parse_moment("20200530").map(shown).as_deref(), Ok("2020-05-30T00:00:00Z"));
    }

    #[test]
    fn the_unit_of_an_epoch_is_told() {
        for (text, read_as) in [
            ("1590807457", TimesRead { epoch_s: 1, ..TimesRead::default() }),
            ("1590807457250", TimesRead { epoch_ms: 1, ..TimesRead::default() }),
            ("1590807457250000", TimesRead { epoch_us: 1, ..TimesRead::default() }),
            ("1590807457250000000", TimesRead { epoch_ns: 1, ..TimesRead::default() }),
        ] {
            assert_eq!(read(text, "UTC").1, read_as, "{text}");
        }
    }

    /// Germany put its clocks forward on 29 March 2026 and back on 25 October.
    #[test]
    fn local_times_are_read_in_the_zone_of_the_map() {
        let skipped = TimesRead { local_skipped: 1, ..TimesRead::default() };
        let twice = TimesRead { local_twice: 1, ..TimesRead::default() };
        for (text, at, told) in [
            ("2026-01-15 12:00:00", "2026-01-15T11:00:00Z", TimesRead::default()),
            ("2026-07-15 12:00:00", "2026-07-15T10:00:00Z", TimesRead::default()),
            ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z", skipped),
            ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z", twice),
            ("2026-10-25 03:00:00", "2026-10-25T02:00:00Z", TimesRead::default()),
            // What says its zone itself keeps it.
            ("2026-07-15 12:00:00Z", "2026-07-15T12:00:00Z", TimesRead::default()),
            ("2026-07-15 12:00:00 UTC", "2026-07-15T12:00:00Z", TimesRead::default()),
            (
                "2026-10-25T02:30:00+01:00[Europe/Berlin]",
                "2026-10-25T01:30:00Z",
                TimesRead::default(),
            ),
        ] {
            assert_eq!(read(text, "Europe/Berlin"), (at.to_owned(), told), "{text}");
        }
        assert_eq!(read("2026-07-15 12:00:00", "+05:30").0, "2026-07-15T06:30:00Z");
        for text in ["Europe/Belrin", "", "CEST", "+25:00:00:00"] {
            assert!(parse_zone(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_and_never_read_in_part() {
        for (writer, text, why) in [
            ("nothing", "", NO_TIME),
            ("words", "yesterday", NO_TIME),
            ("a month too many", "2020-13-01", NO_TIME),
            ("pandas NaT", "NaT", NO_TIME),
            ("before 1970", "1969-12-31T23:59:59Z", "out of range"),
            ("a zone that disagrees", "2026-07-15T12:00:00+01:00[Europe/Berlin]", "does not agree"),
            ("a zone nobody knows", "2026-07-15T12:00:00+01:00[Mars/Phobos]", "is not known"),
            (
                "PostgreSQL, short names",
                "2026-07-15 12:00:00 CST",
                "CST is the short name of several",
            ),
            ("US dates of Excel", "3/2/2026 1:00", "whether day or month comes first"),
            ("German dates of Excel", "02.03.2026 01:00", "whether day or month comes first"),
            ("an uptime", "37.5", "size tells no unit"),
            ("an hour of 11 digits", "17724132000", "size tells no unit"),
            ("below zero", "-1772413200", "size tells no unit"),
            ("an offset that disagrees", "2026-07-15 12:00:00 +0200 UTC", NO_TIME),
            ("an offset of a day", "2026-07-15T12:00:00+24:00", "±23:59"),
            ("an offset of a day behind a blank", "2026-07-15 12:00:00 -2400", "±23:59"),
            ("R write.csv of a large number", "1.772413e+09", "has lost digits"),
            ("Excel, a cell of 11 characters", "1.77241E+12", "has lost digits"),
            ("a day too many", "2026-02-30T12:00:00Z", "one such as 2026-03-02T01:00:00Z"),
            ("a time and a day", "2026-07-15T12:00:00Z tomorrow", NO_TIME),
        ] {
            let found = read(text, "UTC").0;
            assert!(found.contains(why), "{writer}: {text}: {found}");
        }
        for (unit, text) in [
            (EpochUnit::Seconds, "NaN"),
            (EpochUnit::Milliseconds, "1e300"),
            (EpochUnit::Milliseconds, "-1"),
        ] {
            assert!(unit.read(text).is_err(), "{text}");
        }
        let found = EpochUnit::Seconds.read("1772413200000").unwrap_err();
        assert!(found.contains("time_unit = \"ms\""), "{found}");
    }

    #[test]
    fn the_first_and_the_last_instants_are_read() {
        assert_eq!(read("1970-01-01T00:00:00Z", "UTC").0, "1970-01-01T00:00:00Z");
        assert_eq!(EpochUnit::Seconds.read("0").map(Timestamp::ms), Ok(0));
        let last = parse_moment("9999-12-30T22:00:00.999Z");
        assert_eq!(last.map(Timestamp::ms), Ok(253_402_207_200_999));
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        assert_eq!(parse_length("48h").unwrap().hours().to_bits(), 48.0_f64.to_bits());
        assert_eq!(parse_length("1m 30s").unwrap().ms(), 90_000);
        assert!(parse_length("-1h").is_err());
        assert!(parse_length("soon").is_err());
    }
}
