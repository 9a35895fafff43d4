//! A page that fits its terminal: long lines are broken, and where there are too many the least is left out.

use crate::terminal::Room;

/// How much lines matter, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// They only set others apart.
    Blank,
    /// Whoever knows the page knows them.
    Aside,
    /// Numbers that the guardrails sum up.
    Numbers,
    /// How it came to be as it is.
    Context,
    /// What follows, and what to take care of.
    Answer,
    /// Phase and verdicts.
    Always,
}

/// Lines of a page, in order.
pub(super) struct Layout {
    room: Room,
    sections: Vec<(Worth, Vec<String>)>,
}

impl Layout {
    pub(super) const fn new(room: Room) -> Self {
        Self { room, sections: Vec::new() }
    }

    /// Adds a line; where it is broken, what follows is `indented` so far.
    pub(super) fn line(&mut self, worth: Worth, indented: usize, line: &str) {
        self.sections.push((worth, self.room.wrapped(line, indented)));
    }

    /// Adds lines as they are.
    pub(super) fn drawn(&mut self, worth: Worth, text: &str) {
        self.sections.push((worth, text.lines().map(str::to_owned).collect()));
    }

    pub(super) fn blank(&mut self) {
        self.sections.push((Worth::Blank, vec![String::new()]));
    }

    /// The page, each line ended.
    pub(super) fn text(mut self) -> String {
        let rows = self.room.rows.unwrap_or(usize::MAX);
        while self.height() > rows {
            let worths = self.sections.iter().map(|(worth, _)| *worth);
            let Some(least) = worths.min().filter(|worth| *worth < Worth::Always) else { break };
            let found = self.sections.iter().rposition(|(worth, _)| *worth == least);
            if let Some(section) = found {
                self.sections.remove(section);
            }
        }
        let lines = self.sections.into_iter().flat_map(|(_, lines)| lines).take(rows);
        lines.map(|line| line + "\n").collect()
    }

    fn height(&self) -> usize {
        self.sections.iter().map(|(_, lines)| lines.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: Option<usize>) -> String {
        let mut page = Layout::new(Room { columns: None, rows });
        page.line(Worth::Always, 0, "phase");
        page.line(Worth::Context, 0, "last");
        page.blank();
        page.drawn(Worth::Numbers, "one\ntwo");
        page.blank();
        page.drawn(Worth::Always, "pass\nfail");
        page.line(Worth::Answer, 0, "next");
        page.text()
    }

    #[test]
    fn what_matters_least_goes_first_and_phase_and_verdicts_stay() {
        assert_eq!(page(None), "phase\nlast\n\none\ntwo\n\npass\nfail\nnext\n");
        assert_eq!(page(Some(8)), "phase\nlast\n\none\ntwo\npass\nfail\nnext\n");
        assert_eq!(page(Some(6)), "phase\nlast\npass\nfail\nnext\n");
        assert_eq!(page(Some(4)), "phase\npass\nfail\nnext\n");
        assert_eq!(page(Some(3)), "phase\npass\nfail\n");
        assert_eq!(page(Some(2)), "phase\npass\n");
    }
}
