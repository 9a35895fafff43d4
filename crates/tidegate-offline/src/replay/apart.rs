//! Records that lie far outside the rest: a camera that booted in 1970, a clock that was decades ahead.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tidegate_engine::time::Timestamp;

const DAY_MS: i64 = 24 * 3_600_000;
/// Shortest stretch without a record that sets apart, in days.
const GAP_DAYS_MIN: i64 = 3 * 365;
/// The stretch is this many times as long as what the rest takes.
const GAP_SPANS_MIN: i64 = 3;
/// Largest part of all records that may be set apart at either end: one in this many.
const PART: u64 = 4;

/// How many records each day has.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeMap<i64, u64>);

impl Days {
    pub(super) fn note(&mut self, at: Timestamp) {
        *self.0.entry(at.ms() / DAY_MS).or_default() += 1;
    }

    /// The times, in milliseconds, that are not far outside the rest.
    pub(super) fn usual(&self) -> RangeInclusive<i64> {
        let mut days: Vec<(i64, u64)> = self.0.iter().map(|(day, count)| (*day, *count)).collect();
        let first = cut(&days).map_or(i64::MIN, |day| day * DAY_MS);
        days.reverse();
        for (day, _) in &mut days {
            *day = -*day;
        }
        let last = cut(&days).map_or(i64::MAX, |day| (1 - day) * DAY_MS - 1);
        first..=last
    }
}

/// The first day after those at the beginning that are far from the rest.
fn cut(days: &[(i64, u64)]) -> Option<i64> {
    let all: u64 = days.iter().map(|(_, count)| count).sum();
    let last = days.last()?.0;
    // Whoever is outside at the end too must not lengthen the rest: its middle half decides.
    let middle_end = quantile(days, all - all / PART).min(last);
    let mut before = 0;
    let mut cut = None;
    for pair in days.windows(2) {
        let [(day, count), (next, _)] = pair else { continue };
        before += count;
        if before * PART > all {
            break;
        }
        let span = middle_end - next + 1;
        if next - day >= GAP_DAYS_MIN && next - day >= GAP_SPANS_MIN * span {
            cut = Some(*next);
        }
    }
    cut
}

/// The day of the record at this place.
fn quantile(days: &[(i64, u64)], place: u64) -> i64 {
    let mut seen = 0;
    for (day, count) in days {
        seen += count;
        if seen >= place {
            return *day;
        }
    }
    days.last().map_or(0, |(day, _)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The days that are usual, of days with how many records each has.
    fn usual(days: &[(i64, u64)]) -> (Option<i64>, Option<i64>) {
        let range = Days(days.iter().copied().collect()).usual();
        let day = |ms: i64| (ms != i64::MIN && ms != i64::MAX).then_some(ms.div_euclid(DAY_MS));
        (day(*range.start()), day(*range.end()))
    }

    #[test]
    fn what_lies_decades_outside_is_set_apart_and_nothing_else() {
        const TODAY: i64 = 20_514;
        for (writer, days, expected) in [
            ("no clock is wrong", vec![(TODAY, 50), (TODAY + 1, 50)], (None, None)),
            (
                "Linux without a clock's battery: 1970",
                vec![(0, 3), (TODAY, 97)],
                (Some(TODAY), None),
            ),
            (
                "ESP32 before NTP answered: 1970, two days",
                vec![(0, 3), (1, 3), (TODAY, 94)],
                (Some(TODAY), None),
            ),
            ("DOS and FAT: 1980", vec![(3_652, 1), (TODAY, 39)], (Some(TODAY), None)),
            (
                "GPS weeks rolled over: 19.6 years back",
                vec![(TODAY - 7_168, 5), (TODAY, 95)],
                (Some(TODAY), None),
            ),
            ("cameras' firmware date: 2000", vec![(10_957, 20), (TODAY, 80)], (Some(TODAY), None)),
            ("systemd that booted in 2098", vec![(TODAY, 90), (46_900, 10)], (None, Some(TODAY))),
            ("1970 and 2098", vec![(0, 5), (TODAY, 90), (46_900, 5)], (Some(TODAY), Some(TODAY))),
            ("a third of all is no slip", vec![(0, 30), (TODAY, 60)], (None, None)),
            ("camera traps of two seasons", vec![(TODAY - 400, 10), (TODAY, 90)], (None, None)),
            (
                "years of records with a pause",
                (0..900).map(|day| (TODAY + day, 1)).chain([(TODAY - 200, 9)]).collect(),
                (None, None),
            ),
            ("one record", vec![(TODAY, 1)], (None, None)),
            ("nothing", vec![], (None, None)),
        ] {
            assert_eq!(usual(&days), expected, "{writer}");
        }
    }
}
