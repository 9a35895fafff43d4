//! Colours, where a person looks at a terminal.

use tidegate_engine::verdict::Verdict;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Not at all.
    Plain,
    /// With the sixteen colours that every terminal has.
    Colour,
}

impl Paint {
    /// A verdict's name in its colour.
    pub(crate) fn verdict(self, name: &str) -> String {
        let found = ALL.into_iter().find(|verdict| verdict.as_str() == name);
        match found {
            Some(Verdict::Pass) => self.wrapped("32", name),
            Some(Verdict::Alarm) => self.wrapped("33", name),
            Some(Verdict::Fail) => self.wrapped("1;31", name),
            Some(Verdict::Inconclusive) | None => name.to_owned(),
        }
    }

    /// What should be seen first.
    pub(crate) fn strong(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    /// What should be taken care of.
    pub(crate) fn warning(self, text: &str) -> String {
        self.wrapped("33", text)
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const ALL: [Verdict; 4] = [Verdict::Pass, Verdict::Inconclusive, Verdict::Alarm, Verdict::Fail];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colour_paints() {
        for verdict in ALL {
            assert_eq!(Paint::Plain.verdict(verdict.as_str()), verdict.as_str());
        }
        assert_eq!(Paint::Colour.verdict("fail"), "\x1b[1;31mfail\x1b[0m");
        assert_eq!(Paint::Colour.verdict("unheard of"), "unheard of");
    }
}
