//! A unified diff as two columns, the words that differ marked.

use imara_diff::{Algorithm, Diff, InternedInput};

/// Lines that a page shows.
const LINES_MAX: usize = 2_000;
/// Words, of both sides together, that are searched for what they share; of more, all are marked.
const WORDS_MAX: usize = 8_000;

/// What stands for the end of a line.
const END: &str = "\n";

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiffPiece<'a> {
    pub(super) text: &'a str,
    /// Whether the other side has no such words.
    pub(super) is_marked: bool,
}

/// A line of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiffCell<'a> {
    /// From 1.
    pub(super) number: u32,
    pub(super) pieces: Vec<DiffPiece<'a>>,
}

/// A line of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiffLine<'a> {
    /// What lies between the last lines and the next is the same on both sides.
    Gap,
    Same(DiffCell<'a>, DiffCell<'a>),
    Changed(Option<DiffCell<'a>>, Option<DiffCell<'a>>),
}

/// Both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SideBySide<'a> {
    pub(super) lines: Vec<DiffLine<'a>>,
    /// Lines of the diff that are not shown.
    pub(super) left_out: usize,
}

impl<'a> SideBySide<'a> {
    /// Reads a unified diff as the daemon writes it.
    pub(super) fn of(unified: &'a str) -> Self {
        let mut reading = Reading::default();
        // The names of both sides stand in the head of the page.
        for line in unified.split_inclusive('\n').skip(2) {
            reading.read(line.strip_suffix('\n').unwrap_or(line));
        }
        reading.settle();
        Self { lines: reading.lines, left_out: reading.left_out }
    }
}

#[derive(Default)]
struct Reading<'a> {
    lines: Vec<DiffLine<'a>>,
    left_out: usize,
    removed: Vec<&'a str>,
    added: Vec<&'a str>,
    /// The number of the next line on either side.
    next: (u32, u32),
}

impl<'a> Reading<'a> {
    fn read(&mut self, line: &'a str) {
        if self.lines.len() + self.removed.len().max(self.added.len()) >= LINES_MAX {
            self.left_out += 1;
            return;
        }
        match line.split_at_checked(1) {
            Some(("-", text)) => self.removed.push(text),
            Some(("+", text)) => self.added.push(text),
            Some(("@", _)) => {
                self.settle();
                self.next = starts(line);
                self.lines.push(DiffLine::Gap);
            }
            Some((" ", text)) => {
                self.settle();
                let cell = |number| DiffCell { number, pieces: vec![plain(text)] };
                let (before, after) = self.next;
                self.lines.push(DiffLine::Same(cell(before), cell(after)));
                self.next = (before + 1, after + 1);
            }
            // That the last line has no end is no difference that anybody reads.
            Some(_) | None => {}
        }
    }

    /// Shows the lines that were removed beside those that were added in their place.
    fn settle(&mut self) {
        let (removed, added) = (std::mem::take(&mut self.removed), std::mem::take(&mut self.added));
        let (before, after) = marked(&removed, &added);
        let (first_before, first_after) = self.next;
        let count = |side: &[_]| u32::try_from(side.len()).unwrap_or(u32::MAX);
        self.next = (first_before + count(&removed), first_after + count(&added));
        let mut before = (first_before..).zip(before);
        let mut after = (first_after..).zip(after);
        for _ in 0..removed.len().max(added.len()) {
            let cell = |(number, pieces)| DiffCell { number, pieces };
            self.lines.push(DiffLine::Changed(before.next().map(cell), after.next().map(cell)));
        }
    }
}

const fn plain(text: &str) -> DiffPiece<'_> {
    DiffPiece { text, is_marked: false }
}

/// The first lines of a hunk, of `@@ -3,4 +5 @@`.
fn starts(header: &str) -> (u32, u32) {
    let number = |sign: char| {
        let part = header.split(' ').find_map(|part| part.strip_prefix(sign))?;
        part.split(',').next()?.parse().ok()
    };
    (number('-').unwrap_or(1), number('+').unwrap_or(1))
}

type Lines<'a> = Vec<Vec<DiffPiece<'a>>>;

/// Both sides of a place that differs, the words of each marked that the other has not.
fn marked<'a>(removed: &[&'a str], added: &[&'a str]) -> (Lines<'a>, Lines<'a>) {
    let whole = |side: &[&'a str]| -> Lines<'a> {
        side.iter().map(|text| vec![DiffPiece { text, is_marked: true }]).collect()
    };
    if removed.is_empty() || added.is_empty() {
        return (whole(removed), whole(added));
    }
    let (before, after) = (words_of(removed), words_of(added));
    if before.len() + after.len() > WORDS_MAX {
        return (whole(removed), whole(added));
    }
    let mut input = InternedInput::default();
    input.update_before(before.iter().map(|(_, word)| *word));
    input.update_after(after.iter().map(|(_, word)| *word));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_no_heuristic(&input);
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (
        lines_of(removed.len(), &before, |number| diff.is_removed(place(number))),
        lines_of(added.len(), &after, |number| diff.is_added(place(number))),
    )
}

/// Each word with the line that it stands in.
fn words_of<'a>(lines: &[&'a str]) -> Vec<(usize, &'a str)> {
    let words = lines.iter().enumerate().flat_map(|(line, text)| {
        let mut rest = *text;
        let words = std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let is_like = |letter: char| letter.is_alphanumeric() && first.is_alphanumeric();
            let end = rest.char_indices().skip(1).find(|(_, letter)| !is_like(*letter));
            let (word, left) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
            rest = left;
            Some((line, word))
        });
        // Ends of lines are held against each other too, so that the last words of a line find theirs.
        words.chain([(line, END)])
    });
    words.collect()
}

/// The words as lines again, each run of marked or unmarked ones as one piece.
fn lines_of<'a>(
    count: usize,
    words: &[(usize, &'a str)],
    is_marked: impl Fn(usize) -> bool,
) -> Lines<'a> {
    let mut lines: Lines<'a> = vec![Vec::new(); count];
    for (number, (line, word)) in words.iter().enumerate().filter(|(_, (_, word))| *word != END) {
        lines[*line].push(DiffPiece { text: word, is_marked: is_marked(number) });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: Option<&DiffCell<'_>>) -> String {
        let piece = |piece: &DiffPiece<'_>| {
            if piece.is_marked { format!("[{}]", piece.text) } else { piece.text.to_owned() }
        };
        cell.map_or_else(String::new, |cell| {
            let text: String = cell.pieces.iter().map(piece).collect();
            format!("{} {text}", cell.number)
        })
    }

    fn rows(unified: &str) -> Vec<(String, String)> {
        let lines = SideBySide::of(unified).lines.into_iter();
        lines
            .map(|line| match line {
                DiffLine::Gap => ("@".to_owned(), "@".to_owned()),
                DiffLine::Same(before, after) => (written(Some(&before)), written(Some(&after))),
                DiffLine::Changed(before, after) => {
                    (written(before.as_ref()), written(after.as_ref()))
                }
            })
            .collect()
    }

    #[test]
    fn words_that_differ_are_marked() {
        let unified = "--- v1\n+++ v2\n@@ -7,3 +7,4 @@\n Judge the risk.\n-Answer with a score.\n+Answer with one score.\n+And why.\n End.\n";
        let row = |before: &str, after: &str| (before.to_owned(), after.to_owned());
        assert_eq!(
            rows(unified),
            [
                row("@", "@"),
                row("7 Judge the risk.", "7 Judge the risk."),
                row("8 Answer with [a] score.", "8 Answer with [one] score."),
                row("", "9 [And][ ][why][.]"),
                row("9 End.", "10 End."),
            ]
        );
    }

    #[test]
    fn what_is_only_on_one_side_stands_there_alone() {
        assert_eq!(
            rows("--- a\n+++ b\n@@ -0,0 +1 @@\n+new\n\\ No newline at end of file\n"),
            [("@".to_owned(), "@".to_owned()), (String::new(), "1 [new]".to_owned())]
        );
        assert_eq!(rows(""), []);
    }

    #[test]
    fn of_a_long_diff_the_rest_is_counted() {
        let unified = format!("--- a\n+++ b\n@@ -1,3000 +0,0 @@\n{}", "-x\n".repeat(3_000));
        let sides = SideBySide::of(&unified);
        assert_eq!(sides.lines.len(), LINES_MAX);
        assert_eq!(sides.left_out, 1_001);
    }
}
