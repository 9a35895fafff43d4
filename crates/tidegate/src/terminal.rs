//! How much room the terminal has.

use std::io::{self, IsTerminal};

use console::Term;

use crate::environment::{self, Environment, ProcessEnvironment};

/// The room for what is printed; a file has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Characters of a line.
    pub(crate) columns: Option<usize>,
    /// Lines.
    pub(crate) rows: Option<usize>,
}

impl Room {
    /// Of a file, and of a pipe.
    #[cfg(test)]
    pub(crate) const ANY: Self = Self { columns: None, rows: None };

    /// Of standard output: what `COLUMNS` and `LINES` say, or else the terminal.
    pub(crate) fn of_stdout() -> Self {
        let term = io::stdout().is_terminal().then(Term::stdout);
        let size = term.and_then(|term| term.size_checked());
        Self::of(&ProcessEnvironment, size.map(|(rows, columns)| (rows.into(), columns.into())))
    }

    /// The same of a page that may be scrolled.
    pub(crate) const fn scrolled(self) -> Self {
        Self { rows: None, ..self }
    }

    fn of(environment: &impl Environment, size: Option<(usize, usize)>) -> Self {
        let told = |name| {
            let text = environment.variable(name)?;
            text.to_str()?.parse().ok().filter(|count: &usize| *count > 0)
        };
        let (rows, columns) = size.unzip();
        Self {
            columns: told(environment::COLUMNS).or(columns),
            rows: told(environment::LINES).or(rows),
        }
    }

    /// A line at its blanks, in as many as it takes; those after the first are `indented` so far.
    pub(crate) fn wrapped(self, line: &str, indented: usize) -> Vec<String> {
        let Some(columns) = self.columns.filter(|columns| *columns < shown_len(line)) else {
            return vec![line.to_owned()];
        };
        let indented = indented.min(columns / 2);
        let start = line.len() - line.trim_start().len();
        let (mut lines, mut current) = (Vec::new(), line[..start].to_owned());
        let mut is_begun = false;
        for word in line[start..].split(' ') {
            for piece in pieces(word, columns - indented) {
                let needed = shown_len(&current) + usize::from(is_begun) + shown_len(&piece);
                if is_begun && needed > columns {
                    lines.push(std::mem::replace(&mut current, " ".repeat(indented)));
                    is_begun = false;
                }
                if is_begun {
                    current.push(' ');
                }
                current.push_str(&piece);
                is_begun = true;
            }
        }
        lines.push(current);
        lines
    }
}

/// A word in pieces that fit a line.
fn pieces(word: &str, columns: usize) -> Vec<String> {
    if shown_len(word) <= columns {
        return vec![word.to_owned()];
    }
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(columns.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// A text with at most so many letters; `…` stands for the rest.
pub(crate) fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept = text.chars().take(letters.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

/// Letters that are seen: colours are not.
pub(crate) fn shown_len(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().map_or(0, |part| part.chars().count());
    let rest = parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.chars().count()));
    first + rest.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NARROW: Room = Room { columns: Some(24), rows: None };

    #[test]
    fn what_is_told_goes_before_the_terminal() {
        let none = BTreeMap::new();
        assert_eq!(Room::of(&none, None), Room::ANY);
        let terminal = Room { columns: Some(80), rows: Some(24) };
        assert_eq!(Room::of(&none, Some((24, 80))), terminal);
        let told = BTreeMap::from([("COLUMNS", "100"), ("LINES", "no number")]);
        let room = Room { columns: Some(100), rows: Some(24) };
        assert_eq!(Room::of(&told, Some((24, 80))), room);
    }

    #[test]
    fn a_line_is_broken_at_its_blanks_and_a_long_word_where_it_must() {
        let lines = NARROW.wrapped("  next     it waits for its owner", 11);
        assert_eq!(lines, ["  next     it waits for", "           its owner"]);
        let lines = NARROW.wrapped(&format!("a {}", "x".repeat(30)), 2);
        assert_eq!(lines, [format!("a {}", "x".repeat(22)), format!("  {}", "x".repeat(8))]);
        assert_eq!(NARROW.wrapped("as it is", 4), ["as it is"]);
        assert_eq!(Room::ANY.wrapped(&"x ".repeat(200), 4), ["x ".repeat(200)]);
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(shown_len("\u{1b}[1;31mfail\u{1b}[0m: no"), 8);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(
            (cut("camera-12", 9), cut("camera-12", 5)),
            ("camera-12".into(), "came…".into())
        );
    }
}
