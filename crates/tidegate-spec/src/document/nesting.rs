//! How deep the values of a TOML text lie in each other, known before it is read.
//!
//! The reader bounds this itself, but forgets its count after a list where a key should be: `x = {[]` again and again
//! would end the process with its stack. So the brackets are counted here, of the reader's own words.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Deepest that values may lie in each other; the reader's own bound is 80.
pub(super) const DEPTH_MAX: usize = 80;

/// Whether the values of a text lie in each other deeper than [`DEPTH_MAX`].
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        let kind = token.kind();
        if [TokenKind::LeftCurlyBracket, TokenKind::LeftSquareBracket].contains(&kind) {
            open.push(kind);
        } else if kind == TokenKind::RightCurlyBracket {
            // One that closes nothing leaves the reader where it is.
            close(&mut open, TokenKind::LeftCurlyBracket);
        } else if kind == TokenKind::RightSquareBracket {
            close(&mut open, TokenKind::LeftSquareBracket);
        }
        if open.len() > DEPTH_MAX {
            return true;
        }
    }
    false
}

fn close(open: &mut Vec<TokenKind>, kind: TokenKind) {
    if open.last() == Some(&kind) {
        open.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    #[test]
    fn what_would_end_the_stack_is_refused() {
        for unit in
            ["x = {\n[u]\n", "x={[]", "a={b=[", "a=[{", "x={[][]", "x={]", "x=[}", "x={\"}\"=[]"]
        {
            let text = unit.repeat(100_000);
            assert!(is_too_deep(&text), "{unit}");
            assert!(document::table(&text).is_err(), "{unit}");
        }
    }

    #[test]
    fn brackets_that_are_closed_or_text_are_not_counted() {
        for (unit, before) in [
            ("\"[[[{{{\", ", "a = ["),
            ("[1, {b = 2}], ", "a = ["),
            ("# [[[ {{{\n", ""),
            ("'''[[[''', ", "a = ["),
        ] {
            let text = format!("{before}{}", unit.repeat(200));
            assert!(!is_too_deep(&text), "{unit}");
        }
        let lists = format!("a = {}1{}", "[".repeat(40), "]".repeat(40));
        assert!(document::table(&lists).is_ok());
    }
}
