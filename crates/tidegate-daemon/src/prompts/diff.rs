//! Two texts held against each other, line by line.

use std::fmt;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token};

/// Lines shown around each place that differs.
const CONTEXT_LINES: u32 = 3;

/// What differs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) hunks: u64,
    pub(crate) unified: String,
}

/// The way from one text, of this name, to another, as `diff -u` writes it and `patch` reads it. The time it
/// takes grows with the texts and no faster, whatever they hold.
pub(crate) fn of((from_name, from): (&str, &str), (to_name, to): (&str, &str)) -> Difference {
    let lines = InternedInput::new(from, to);
    let mut diff = Diff::compute(Algorithm::Histogram, &lines);
    diff.postprocess_lines(&lines);
    let changes: Vec<Hunk> = diff.hunks().collect();
    let mut unified = String::new();
    if !changes.is_empty() {
        unified = format!("--- {from_name}\n+++ {to_name}\n");
    }
    let mut hunks = 0;
    // Those whose context would touch are shown as one.
    for near in changes.chunk_by(|a, b| b.before.start - a.before.end <= 2 * CONTEXT_LINES) {
        hunks += 1;
        show(&lines, near, &mut unified);
    }
    let (added, removed) = (diff.count_additions().into(), diff.count_removals().into());
    Difference { added, removed, hunks, unified }
}

/// Shows changes that lie near each other. The crate's own printer names the wrong lines in the first header of a
/// text that begins to differ in its fifth, sixth or seventh line.
fn show(lines: &InternedInput<&str>, changes: &[Hunk], out: &mut String) {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
    let lead = first.before.start.min(CONTEXT_LINES);
    let rest = u32::try_from(lines.before.len()).unwrap_or(u32::MAX) - last.before.end;
    let trail = rest.min(CONTEXT_LINES);
    let around = |first: &Range<u32>, last: &Range<u32>| first.start - lead..last.end + trail;
    let from = around(&first.before, &last.before);
    let to = around(&first.after, &last.after);
    let header = format!("@@ -{} +{} @@\n", Stretch(&from), Stretch(&to));
    out.push_str(&header);
    let mut put = |sign: char, side: &[Token], range: Range<u32>| {
        for line in &side[range.start as usize..range.end as usize] {
            let text = lines.interner[*line];
            out.push(sign);
            out.push_str(text);
            if !text.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    let mut at = from.start;
    for change in changes {
        put(' ', &lines.before, at..change.before.start);
        put('-', &lines.before, change.before.clone());
        put('+', &lines.after, change.after.clone());
        at = change.before.end;
    }
    put(' ', &lines.before, at..from.end);
}

/// Lines as a header names them, which counts from 1: one goes without its number, and of none the line before
/// is named.
struct Stretch<'a>(&'a Range<u32>);

impl fmt::Display for Stretch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = *self.0;
        match end - start {
            0 => write!(f, "{start},0"),
            1 => write!(f, "{end}"),
            count => write!(f, "{},{count}", start + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_written_as_diff_writes_it() {
        // By GNU diff 3.8, `diff -u --label v1 --label v2`.
        for (from, to, expected) in [
            ("one\ntwo\nthree\n", "one\n2\nthree\n", "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"),
            ("", "one\ntwo\n", "@@ -0,0 +1,2 @@\n+one\n+two\n"),
            ("one\n", "", "@@ -1 +0,0 @@\n-one\n"),
            (
                "one\ntwo",
                "one\ntwo\n",
                "@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+two\n",
            ),
            (
                "one\ntwo",
                "1\ntwo",
                "@@ -1,2 +1,2 @@\n-one\n+1\n two\n\\ No newline at end of file\n",
            ),
        ] {
            let found = of(("v1", from), ("v2", to));
            assert_eq!(found.unified, format!("--- v1\n+++ v2\n{expected}"));
            let signs =
                |sign| expected.lines().filter(|line| line.starts_with(sign)).count() as u64;
            assert_eq!((found.added, found.removed, found.hunks), (signs('+'), signs('-'), 1));
        }
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

    /// Does what a difference says, and insists on every line it names.
    fn patched(from: &str, unified: &str) -> String {
        let from: Vec<&str> = from.split_inclusive('\n').collect();
        let (mut at, mut out) = (0, String::new());
        let mut lines = unified.split_inclusive('\n').skip(2).peekable();
        while let Some(line) = lines.next() {
            let (sign, text) = line.split_at(1);
            if sign == "@" {
                let (start, count) = line[4..].split_once(' ').unwrap().0.split_once(',').unwrap();
                let (start, count): (usize, usize) =
                    (start.parse().unwrap(), count.parse().unwrap());
                let start = if count == 0 { start } else { start - 1 };
                out.extend(from[at..start].iter().copied());
                at = start;
                continue;
            }
            let ends = lines.next_if(|next| next.starts_with('\\')).is_none();
            let text = if ends { text } else { text.trim_end_matches('\n') };
            if sign != "+" {
                assert_eq!(from[at], text, "{unified}");
                at += 1;
            }
            if sign != "-" {
                out.push_str(text);
            }
        }
        out.extend(from[at..].iter().copied());
        out
    }

    #[test]
    fn a_difference_leads_from_one_text_to_the_other() {
        let lines: Vec<String> = (0..24).map(|line| format!("line {line}\n")).collect();
        for one in 0..lines.len() {
            for other in one..lines.len() {
                let mut to = lines.clone();
                to[other].push_str("and more\n");
                to[one] = "another\n".to_owned();
                let (from, to) = (lines.concat(), to.concat());
                for (from, to) in [(&from, &to), (&to, &from)] {
                    let found = of(("a", from), ("b", to));
                    assert_eq!(patched(from, &found.unified), *to, "{}", found.unified);
                }
                let cut = to.trim_end();
                assert_eq!(patched(&from, &of(("a", &from), ("b", cut)).unified), cut);
            }
        }
    }
}
