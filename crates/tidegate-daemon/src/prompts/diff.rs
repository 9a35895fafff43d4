//! Two texts held against each other, line by line.

use std::fmt;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token};
use tidegate_engine::prompt::Version;

/// Lines shown around each place that differs.
const CONTEXT_LINES: u32 = 3;
/// Lines, of both texts together, that are searched for what they share. The time grows with their square where
/// few are alike or few are not: a tenth of a second for so many.
const LINES_COMPARED_MAX: usize = 20_000;

/// What differs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) hunks: u64,
    pub(crate) unified: String,
}

/// A text, and what a diff calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedText<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> NamedText<'a> {
    /// The text of a version, under its key.
    pub(crate) fn of(version: &'a Version) -> Self {
        Self { name: version.head.key.as_str(), text: &version.text }
    }
}

/// The way from one text to another, as `diff -u` writes it and `patch` reads it.
pub(crate) fn of(from: NamedText<'_>, to: NamedText<'_>) -> Difference {
    let lines = InternedInput::new(from.text, to.text);
    let changes = changes(&lines);
    let mut unified = String::new();
    if !changes.is_empty() {
        unified = format!("--- {}\n+++ {}\n", from.name, to.name);
    }
    let mut hunks = 0;
    // Those whose context would touch are shown as one.
    for near in changes.chunk_by(|a, b| b.before.start - a.before.end <= 2 * CONTEXT_LINES) {
        hunks += 1;
        show(&lines, near, &mut unified);
    }
    let added = changes.iter().map(|change| change.after.len() as u64).sum();
    let removed = changes.iter().map(|change| change.before.len() as u64).sum();
    Difference { added, removed, hunks, unified }
}

/// What differs, from the first line to the last. Between texts with too many lines that may differ, all from the first
/// that does to the last: to find what they share would take seconds.
fn changes(lines: &InternedInput<&str>) -> Vec<Hunk> {
    let (before, after) = (&lines.before[..], &lines.after[..]);
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let range = |side: &[Token]| to_u32(head)..to_u32(head + side.len() - tail);
    let whole = Hunk { before: range(before), after: range(after) };
    if whole.before.len() + whole.after.len() > LINES_COMPARED_MAX {
        return vec![whole];
    }
    let mut diff = Diff::compute(Algorithm::Myers, lines);
    diff.postprocess_lines(lines);
    diff.hunks().collect()
}

/// Lines of a text that is kept, whose bytes have a bound far below.
fn to_u32(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}

/// Shows changes that lie near each other. The crate's own printer names the wrong lines in the first header of a
/// text that begins to differ in its fifth, sixth or seventh line.
fn show(lines: &InternedInput<&str>, changes: &[Hunk], out: &mut String) {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
    let lead = first.before.start.min(CONTEXT_LINES);
    let rest = to_u32(lines.before.len()) - last.before.end;
    let trail = rest.min(CONTEXT_LINES);
    let around = |first: &Range<u32>, last: &Range<u32>| first.start - lead..last.end + trail;
    let from = around(&first.before, &last.before);
    let to = around(&first.after, &last.after);
    let header = format!("@@ -{} +{} @@\n", HeaderRange(&from), HeaderRange(&to));
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

/// Lines as a header names them, which counts from 1. Of a single line it leaves out how many they are, and of none
/// it names the line before.
struct HeaderRange<'a>(&'a Range<u32>);

impl fmt::Display for HeaderRange<'_> {
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

    const fn named<'a>(name: &'a str, text: &'a str) -> NamedText<'a> {
        NamedText { name, text }
    }

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
            let found = of(named("v1", from), named("v2", to));
            assert_eq!(found.unified, format!("--- v1\n+++ v2\n{expected}"));
            let signs =
                |sign| expected.lines().filter(|line| line.starts_with(sign)).count() as u64;
            assert_eq!((found.added, found.removed, found.hunks), (signs('+'), signs('-'), 1));
        }
        let none = of(named("v1", "one"), named("v2", "one"));
        assert_eq!((none.added, none.removed, none.hunks, none.unified.as_str()), (0, 0, 0, ""));
    }

    #[test]
    fn places_far_apart_are_hunks_of_their_own() {
        let lines: Vec<String> = (0..100).map(|line| format!("line {line}\n")).collect();
        let from = lines.concat();
        let to = from.replace("line 3\n", "").replace("line 90\n", "line 90\nand more\n");
        let found = of(named("a", &from), named("b", &to));
        assert_eq!((found.added, found.removed, found.hunks), (1, 1, 2));
    }

    /// Does what a difference says, and insists on every line and number it names.
    fn patched(from: &str, unified: &str) -> String {
        let from: Vec<&str> = from.split_inclusive('\n').collect();
        let stretch = |text: &str| {
            let (start, count) = text[1..].split_once(',').unwrap_or((&text[1..], "1"));
            let (start, count): (usize, usize) = (start.parse().unwrap(), count.parse().unwrap());
            (if count == 0 { start } else { start - 1 }, count)
        };
        let (mut at, mut to) = (0, Vec::new());
        let mut lines = unified.split_inclusive('\n').skip(2).peekable();
        while let Some(header) = lines.next() {
            let [_, before, after, _] = header.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{header}");
            };
            let ((start, removed), (to_start, added)) = (stretch(before), stretch(after));
            to.extend(from[at..start].iter().map(|line| (*line).to_owned()));
            assert_eq!(to.len(), to_start, "{unified}");
            at = start;
            while let Some(line) = lines.next_if(|line| !line.starts_with('@')) {
                let (sign, text) = line.split_at(1);
                let ends = lines.next_if(|next| next.starts_with('\\')).is_none();
                let text = if ends { text } else { text.trim_end_matches('\n') };
                if sign != "+" {
                    assert_eq!(from[at], text, "{unified}");
                    at += 1;
                }
                if sign != "-" {
                    to.push(text.to_owned());
                }
            }
            assert_eq!((at - start, to.len() - to_start), (removed, added), "{unified}");
        }
        to.extend(from[at..].iter().map(|line| (*line).to_owned()));
        to.concat()
    }

    #[test]
    fn a_difference_leads_from_one_text_to_the_other() {
        let lines: Vec<String> = (0..24).map(|line| format!("line {line}\n")).collect();
        for one in 0..lines.len() {
            for other in 0..lines.len() {
                let mut to = lines.clone();
                to[other].push_str("one more line\nand another\n");
                to.remove(one);
                let (from, to) = (lines.concat(), to.concat());
                for (from, to) in [(&*from, &*to), (&*to, &*from), (&*from, to.trim_end())] {
                    assert_eq!(patched(from, &of(named("a", from), named("b", to)).unified), to);
                }
            }
        }
    }

    #[test]
    fn texts_with_too_many_other_lines_are_shown_whole() {
        let text = |of: fn(usize) -> String| (0..LINES_COMPARED_MAX).map(of).collect::<String>();
        let from = text(|line| format!("{line}\n"));
        let to = text(|line| format!("{}\n", line - line % 2));
        let found = of(named("a", &from), named("b", &to));
        assert_eq!(found.hunks, 1);
        // All but the first line, which is the same.
        assert_eq!((found.added, found.removed), (19_999, 19_999));
        assert_eq!(patched(&from, &found.unified), to);
        // One line that differs is found wherever it is.
        let to = from.replace("\n10000\n", "\nanother\n");
        let found = of(named("a", &from), named("b", &to));
        assert_eq!((found.added, found.removed, found.hunks), (1, 1, 1));
    }
}
