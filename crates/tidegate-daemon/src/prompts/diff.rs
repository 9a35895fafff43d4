//! Two texts held against each other, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// After this long the rest is compared more coarsely: what is said still leads from one text to the other, but
/// may not be the shortest way.
const TIME_MAX: Duration = Duration::from_millis(500);
/// Lines shown around each place that differs.
const CONTEXT_LINES: usize = 3;

/// What differs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) hunks: u64,
    pub(crate) unified: String,
}

/// The way from one text, of this name, to another.
pub(crate) fn of((from_name, from): (&str, &str), (to_name, to): (&str, &str)) -> Difference {
    let diff = TextDiff::configure().timeout(TIME_MAX).diff_lines(from, to);
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    let mut unified = diff.unified_diff();
    let unified = unified.context_radius(CONTEXT_LINES).header(from_name, to_name);
    let hunks = unified.iter_hunks().count() as u64;
    Difference { added, removed, hunks, unified: unified.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_one_out_and_one_in() {
        // As `diff -u` writes it.
        let expected = "--- v1\n+++ v2\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
        let found = of(("v1", "one\ntwo\nthree\n"), ("v2", "one\n2\nthree\n"));
        let Difference { added, removed, hunks, ref unified } = found;
        assert_eq!((added, removed, hunks, unified.as_str()), (1, 1, 1, expected));
        let none = of(("v1", "one"), ("v2", "one"));
        assert_eq!((none.added, none.removed, none.hunks, none.unified.as_str()), (0, 0, 0, ""));
    }

    #[test]
    fn places_far_apart_are_hunks_of_their_own() {
        let lines: Vec<String> = (0..100).map(|line| format!("line {line}\n")).collect();
        let from = lines.concat();
        let to = from.replace("line 3\n", "").replace("line 90\n", "line 90\nand more\n");
        let found = of(("a", &from), ("b", &to));
        assert_eq!((found.added, found.removed, found.hunks), (1, 1, 2));
    }
}
