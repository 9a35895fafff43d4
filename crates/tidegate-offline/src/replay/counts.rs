//! What became of every record.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_engine::variant::Variant;

use super::map::Role;
use super::time::TimesRead;
use crate::rejected::{self, ByVariantCount, RejectedPart, SHOWN_MAX};

/// Different values of a column that are counted one by one.
const VALUES_MAX: usize = 50;
/// Characters of a value that are kept.
const VALUE_CHARS_MAX: usize = 40;

/// What became of every record. Each record is in exactly one of `used`, `filtered`, `other_variant`,
/// `before_start`, `set_apart`, `duplicates` and `rejected`.
#[derive(Debug, Default, Serialize)]
pub struct RowCounts {
    /// Rows read, the header not counted.
    pub(crate) read: u64,
    /// Analyses the engine took.
    pub(crate) used: u64,
    /// Left out by `where`.
    pub(crate) filtered: u64,
    /// Of neither variant.
    pub(crate) other_variant: u64,
    /// Before `--from`.
    pub(crate) before_start: u64,
    /// So far from the rest in time that a clock must have been wrong.
    pub(crate) set_apart: ByVariantCount,
    /// An id that was there before.
    pub(crate) duplicates: u64,
    /// Labels the engine took.
    pub(crate) labels_used: u64,
    /// Labels whose analysis was unknown, a duplicate, too long ago or in a window that was over.
    pub(crate) labels_unattributed: u64,
    /// Rows with feedback.
    pub(crate) labels_read: u64,
    /// Those of them that were rejected.
    pub(crate) labels_rejected: u64,
    /// The first time of all analyses that were not set apart, in UTC.
    pub first_at: Option<String>,
    /// The last.
    pub last_at: Option<String>,
    /// Columns of the map that no row has.
    pub unseen_columns: Vec<String>,
    /// Those of them that the map does not call optional.
    #[serde(skip)]
    pub(crate) columns_missing: Vec<String>,
    /// Rows that do not even name what an answer has, by what that is.
    #[serde(skip)]
    pub(crate) absent: BTreeMap<Role, ByVariantCount>,
    /// Scores read, the largest of them, and what they were multiplied by, if the map says so.
    #[serde(skip)]
    pub(crate) scores_read: u64,
    #[serde(skip)]
    pub(crate) score_max: f64,
    #[serde(skip)]
    pub(crate) score_scale: Option<f64>,
    /// Rows of each variant, whatever became of them.
    pub(crate) rows: ByVariantCount,
    /// Values that are not allowed, rows that cannot be read.
    pub rejected: u64,
    /// The same by what is wrong and by variant.
    pub(crate) rejected_by: BTreeMap<RejectedReason, ByVariantCount>,
    /// The first of them.
    pub rejected_lines: Vec<Rejected>,
    /// Values of the variant column that `variants` does not name.
    pub(crate) other_variants: Values,
    /// Values of the feedback column that `labels` does not name.
    pub(crate) other_labels: Values,
    /// Values of the error column that were counted as errors.
    pub(crate) errors: Values,
    /// Words that stand for no value, such as `NaN`.
    pub(crate) no_value: u64,
    /// Scores that were no whole numbers.
    pub(crate) scores_rounded: u64,
    /// Latencies above the longest there may be, counted as errors.
    pub(crate) latencies_too_long: u64,
    /// What was decided about times.
    pub(crate) times: TimesRead,
}

/// What is wrong with a rejected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RejectedReason {
    /// The row itself: its fields, its quotes, its JSON.
    Row,
    Time,
    Order,
    Id,
    Camera,
    LatencyMs,
    Score,
    Feedback,
    FeedbackTime,
    /// More than the engine takes.
    Limit,
}

impl RejectedReason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Time => "time",
            Self::Order => "order",
            Self::Id => "id",
            Self::Camera => "camera",
            Self::LatencyMs => "latency_ms",
            Self::Score => "score",
            Self::Feedback => "feedback",
            Self::FeedbackTime => "feedback_time",
            Self::Limit => "limit",
        }
    }
}

/// One rejected record.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// How often each value came, for the first of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Values {
    pub(crate) counts: BTreeMap<String, u64>,
    /// Of values beyond the first fifty.
    pub(crate) others: u64,
}

impl Values {
    pub(crate) fn note(&mut self, value: &str) {
        let end = value.char_indices().nth(VALUE_CHARS_MAX).map_or(value.len(), |(at, _)| at);
        let value = &value[..end];
        if let Some(count) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.counts.len() < VALUES_MAX {
            self.counts.insert(value.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// The most frequent ones for a person; nothing where there are none.
    pub(crate) fn shown(&self) -> Option<String> {
        const NAMED_MAX: usize = 5;
        let mut values: Vec<(&String, &u64)> = self.counts.iter().collect();
        values.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
        let rest: u64 = values.iter().skip(NAMED_MAX).map(|(_, count)| **count).sum();
        let mut shown: Vec<String> = values
            .iter()
            .take(NAMED_MAX)
            .map(|(value, count)| format!("{value:?} ({count})"))
            .collect();
        if rest + self.others > 0 {
            shown.push(format!("others ({})", rest + self.others));
        }
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

impl RowCounts {
    /// Notes that a record was rejected which was counted among the rows of its variant before.
    pub(crate) fn reject(
        &mut self,
        line: u64,
        reason: RejectedReason,
        variant: Option<Variant>,
        why: String,
    ) {
        self.reject_rows(1, line, reason, variant, why);
    }

    /// Notes that so many rows from a line on cannot be read.
    pub(crate) fn reject_rows(
        &mut self,
        rows: u64,
        line: u64,
        reason: RejectedReason,
        variant: Option<Variant>,
        why: String,
    ) {
        self.rejected += rows;
        self.rejected_by.entry(reason).or_default().add(variant, rows);
        if self.rejected_lines.len() < SHOWN_MAX {
            self.rejected_lines.push(Rejected { line, why });
        }
    }

    /// Why there is no verdict on these records, where more than `max` percent of them were rejected.
    pub(crate) fn refusal(&self, max: f64) -> Option<String> {
        for (rows, variant) in
            [(self.rows.control, Variant::Control), (self.rows.treatment, Variant::Treatment)]
        {
            // A row without a value is of nobody, whatever the map says.
            let mut named = self.other_variants.counts.keys().filter(|name| !name.is_empty());
            if rows == 0 && named.next().is_some() {
                let others = self.other_variants.shown().unwrap_or_default();
                return Some(format!(
                    "no verdict, as no row is of the {variant}; of another variant: {others}; allowed: what [variants] names"
                ));
            }
        }
        if let Some(why) = self.not_read() {
            return Some(why);
        }
        let mut lost = ByVariantCount::default();
        for by_variant in self.rejected_by.values() {
            lost.control += by_variant.control;
            lost.treatment += by_variant.treatment;
        }
        let wanted = self.read - self.filtered - self.other_variant;
        let shares = [
            (self.rejected, wanted, "the rows"),
            (lost.control, self.rows.control, "the control's rows"),
            (lost.treatment, self.rows.treatment, "the treatment's rows"),
            (self.labels_rejected, self.labels_read, "the labels"),
        ];
        let shares = shares.map(|(rejected, whole, what)| RejectedPart { rejected, whole, what });
        rejected::refusal(&shares, max, "Mend the rows or the map")
    }

    /// What of the recording was not read, or not as it was meant, whatever was rejected.
    fn not_read(&self) -> Option<String> {
        /// Of fewer nothing is said anyway.
        const ROWS_MIN: u64 = 20;
        const NAMED: &str = "name the column as the recording does, or say optional = [\"error\"] in the map where it is left \
                             out when there is nothing to say";
        if self.read < ROWS_MIN {
            return None;
        }
        if let Some(column) = self.columns_missing.first() {
            return Some(format!(
                "no verdict, as no row has the column {column:?} that the map names: {NAMED}"
            ));
        }
        for (role, absent) in &self.absent {
            let sides = [
                (absent.control, self.rows.control, " of the control"),
                (absent.treatment, self.rows.treatment, " of the treatment"),
            ];
            for (absent, rows, whose) in sides {
                if rows >= ROWS_MIN && absent == rows {
                    let role = role.name();
                    return Some(format!(
                        "no verdict, as no row{whose} has the column of {role} that the map names (0 of {rows}): {NAMED}"
                    ));
                }
            }
        }
        if self.score_scale.is_none() && self.scores_rounded > 0 && self.score_max <= 1.0 {
            return Some(format!(
                "no verdict, as all {} scores lie between 0 and 1, allowed: 0 to 100; [scale] score = 100 in the map makes \
                 such of them",
                self.scores_read
            ));
        }
        self.times.contradiction()
    }

    /// One line for a person.
    pub fn summary(&self) -> String {
        let mut parts = vec![format!("{} read", self.read), format!("{} used", self.used)];
        for (count, what) in [
            (self.filtered, "filtered"),
            (self.other_variant, "of another variant"),
            (self.before_start, "before the start"),
            (self.set_apart.sum(), "set apart"),
            (self.duplicates, "duplicates"),
            (self.rejected, "rejected"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if self.labels_used + self.labels_unattributed > 0 {
            parts.push(format!("{} labels", self.labels_used));
        }
        if self.labels_unattributed > 0 {
            parts.push(format!("{} labels without their analysis", self.labels_unattributed));
        }
        parts.join(", ")
    }

    /// What else a person must know beside a verdict, a sentence a line.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let values = [
            ("of another variant", &self.other_variants),
            ("labels that [labels] does not name", &self.other_labels),
            ("counted as errors", &self.errors),
        ];
        remarks.extend(
            values.into_iter().filter_map(|(what, of)| Some(format!("{what}: {}", of.shown()?))),
        );
        if self.set_apart.sum() > 0 {
            let shown = self.set_apart.shown();
            remarks.push(format!("set apart, as their time is far outside the rest: {shown}"));
        }
        let TimesRead { epoch_s, epoch_ms, epoch_us, epoch_ns, local_skipped, local_twice, .. } =
            self.times;
        for (count, what) in [
            (epoch_s, "times read as seconds since 1970, by their size"),
            (epoch_ms, "times read as milliseconds since 1970, by their size"),
            (epoch_us, "times read as microseconds since 1970, by their size"),
            (epoch_ns, "times read as nanoseconds since 1970, by their size"),
            (local_skipped, "local times that the clocks left out"),
            (local_twice, "local times that the clocks showed twice, read as the first"),
            (self.no_value, "values such as NaN read as no value"),
            (self.scores_rounded, "scores rounded to whole numbers"),
            (self.latencies_too_long, "latencies above 600000 ms, counted as errors"),
        ] {
            if count > 0 {
                remarks.push(format!("{what}: {count}"));
            }
        }
        for (reason, by_variant) in &self.rejected_by {
            remarks.push(format!("rejected for {}: {}", reason.as_str(), by_variant.shown()));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of so many rows of each variant, with so many rejected for their latency.
    fn counts(rows: [u64; 2], rejected: [u64; 2]) -> RowCounts {
        let mut counts = RowCounts { read: rows.iter().sum(), ..RowCounts::default() };
        for (at, variant) in [Variant::Control, Variant::Treatment].into_iter().enumerate() {
            counts.rows.add(Some(variant), rows[at]);
            if rejected[at] > 0 {
                let why = "is no number".to_owned();
                counts.reject_rows(rejected[at], 2, RejectedReason::LatencyMs, Some(variant), why);
            }
        }
        counts
    }

    #[test]
    fn no_verdict_is_given_where_one_variant_lost_more_than_is_allowed() {
        assert_eq!(counts([1_000, 1_000], [10, 10]).refusal(1.0), None);
        let over = counts([1_000, 1_000], [0, 11]).refusal(1.0).unwrap();
        assert!(over.contains("1.1 % of the treatment's rows (11 of 1000)"), "{over}");
        assert!(!over.contains("of the rows"), "half of that is lost over all: {over}");
        let all = counts([10, 10], [10, 10]);
        assert_eq!(all.refusal(100.0), None);
        assert!(all.refusal(99.9).is_some());
        assert!(counts([1_000_000, 1], [0, 1]).refusal(1.0).is_some());
        assert!(counts([1_000, 1_000], [0, 1]).refusal(0.0).is_some());
        assert_eq!(RowCounts::default().refusal(0.0), None);
    }

    #[test]
    fn a_variant_whose_rows_are_all_called_otherwise_is_asked_about() {
        let mut counts = counts([0, 1_000], [0, 0]);
        assert_eq!(counts.refusal(1.0), None, "a recording of one variant is what it is");
        (counts.read, counts.other_variant) = (2_000, 1_000);
        (0..1_000).for_each(|_| counts.other_variants.note("V1"));
        let why = counts.refusal(100.0).unwrap();
        assert!(
            why.contains("no row is of the control; of another variant: \"V1\" (1000)"),
            "{why}"
        );
    }

    #[test]
    fn labels_have_a_share_of_their_own() {
        let mut counts = counts([10_000, 10_000], [0, 0]);
        (counts.labels_read, counts.labels_rejected) = (100, 2);
        assert!(counts.refusal(1.0).unwrap().contains("2.0 % of the labels (2 of 100)"));
    }

    #[test]
    fn values_are_named_by_how_often_they_came_and_bounded() {
        let mut values = Values::default();
        assert_eq!(values.shown(), None);
        for value in ["429", "timeout", "timeout"] {
            values.note(value);
        }
        assert_eq!(values.shown().as_deref(), Some("\"timeout\" (2), \"429\" (1)"));
        for number in 0..10_000 {
            values.note(&format!("request {number} {}", "x".repeat(10_000)));
        }
        assert!(values.counts.len() == VALUES_MAX && values.others == 9_952);
        assert!(values.shown().unwrap().len() < 400);
    }
}
