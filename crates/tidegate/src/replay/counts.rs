//! What became of every record.

use serde::Serialize;

/// Rejected records shown with their line; all others are counted.
const SHOWN_MAX: usize = 20;

/// What became of every record. Each record is in exactly one of `used`, `filtered`, `other_variant`,
/// `before_start`, `duplicates` and `rejected`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
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
    /// An id that was there before.
    pub(crate) duplicates: u64,
    /// Labels the engine took.
    pub(crate) labels_used: u64,
    /// Labels whose analysis was unknown, a duplicate, too long ago or in a window that was over.
    pub(crate) labels_unattributed: u64,
    /// The first and the last time of all analyses, in UTC.
    pub(crate) first_at: Option<String>,
    pub(crate) last_at: Option<String>,
    /// Columns of the map that no row has.
    pub(crate) unseen_columns: Vec<String>,
    /// Values that are not allowed, rows that cannot be read.
    pub(crate) rejected: u64,
    /// The first of them.
    pub(crate) rejected_lines: Vec<Rejected>,
}

/// One rejected record.
#[derive(Debug, Serialize)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) why: String,
}

impl Counts {
    pub(crate) fn reject(&mut self, line: u64, why: String) {
        self.rejected += 1;
        if self.rejected_lines.len() < SHOWN_MAX {
            self.rejected_lines.push(Rejected { line, why });
        }
    }

    /// One line for a person.
    pub(crate) fn summary(&self) -> String {
        let mut parts = vec![format!("{} read", self.read), format!("{} used", self.used)];
        for (count, what) in [
            (self.filtered, "filtered"),
            (self.other_variant, "of another variant"),
            (self.before_start, "before the start"),
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
}
