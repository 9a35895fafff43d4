//! What templates write times, numbers, sentences and links with.
//!
//! Each escapes what it is given: a text from outside never becomes markup.
#![expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    unreachable_pub,
    reason = "the shape that askama gives a filter"
)]

use std::fmt::{self, Display, Formatter, Write as _};

use askama::filters::HtmlSafeOutput;

/// Letters of a path segment that stand for themselves.
const PLAIN: &[u8] = b"-._~";

/// A time as an element that the module writes in the reader's zone; without it, UTC.
#[askama::filter_fn]
pub(crate) fn moment(at: &str, _: &dyn askama::Values) -> askama::Result<HtmlSafeOutput<Moment>> {
    Ok(HtmlSafeOutput(Moment(at.to_owned())))
}

/// A sentence, its times as elements of their own.
#[askama::filter_fn]
pub(crate) fn sentence(
    text: &str,
    _: &dyn askama::Values,
) -> askama::Result<HtmlSafeOutput<Sentence>> {
    Ok(HtmlSafeOutput(Sentence(text.to_owned())))
}

/// A count that the module writes in the reader's locale.
#[askama::filter_fn]
pub(crate) fn count(number: &u64, _: &dyn askama::Values) -> askama::Result<HtmlSafeOutput<Count>> {
    Ok(HtmlSafeOutput(Count(*number)))
}

/// A share of 1 in percent.
#[askama::filter_fn]
pub(crate) fn percent(
    share: &f64,
    _: &dyn askama::Values,
) -> askama::Result<HtmlSafeOutput<WithUnit>> {
    Ok(HtmlSafeOutput(WithUnit { value: share * 100.0, unit: "%" }))
}

/// A text as a segment of a path, or a value of a query.
#[askama::filter_fn]
pub(crate) fn segment(
    text: &str,
    _: &dyn askama::Values,
) -> askama::Result<HtmlSafeOutput<PathSegment>> {
    Ok(HtmlSafeOutput(PathSegment(text.to_owned())))
}

/// See [`moment`](self).
#[derive(Debug, Clone)]
pub(crate) struct Moment(String);

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match end_of_time(self.0.as_bytes()) {
            Some(end) if end == self.0.len() => write_moment(f, &self.0),
            Some(_) | None => write_escaped(f, &self.0),
        }
    }
}

/// See [`sentence`](self).
#[derive(Debug, Clone)]
pub(crate) struct Sentence(String);

impl Display for Sentence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0.as_str();
        let (mut written, mut at) = (0, 0);
        while at < text.len() {
            let Some(length) = end_of_time(&text.as_bytes()[at..]) else {
                at += 1;
                continue;
            };
            write_escaped(f, &text[written..at])?;
            write_moment(f, &text[at..at + length])?;
            at += length;
            written = at;
        }
        write_escaped(f, &text[written..])
    }
}

/// See [`count`](self).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(u64);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<data value=\"{0}\">{0}</data>", self.0)
    }
}

/// A number with its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithUnit {
    /// The number.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
}

impl Display for WithUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { value, unit } = self;
        write!(f, "<data value=\"{value:.1}\">{value:.1}</data>\u{a0}{unit}")
    }
}

/// See [`segment`](self).
#[derive(Debug, Clone)]
pub(crate) struct PathSegment(String);

impl Display for PathSegment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// How many bytes a time in UTC has that a text begins with, as `2026-03-01T12:00:00.5Z`.
fn end_of_time(text: &[u8]) -> Option<usize> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let head = text.get(..FORM.len())?;
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        sign => byte == sign,
    };
    if !head.iter().zip(FORM).all(fits) {
        return None;
    }
    let mut end = FORM.len();
    if text.get(end) == Some(&b'.') {
        end += 1 + text[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    (text.get(end) == Some(&b'Z')).then_some(end + 1)
}

fn write_moment(f: &mut Formatter<'_>, time: &str) -> fmt::Result {
    let (date, hour) = (&time[..10], &time[11..16]);
    write!(f, "<time datetime=\"{time}\">{date} {hour} UTC</time>")
}

/// A text that is nothing but text wherever it stands in a page.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // Writing into a text does not fail.
    let _ = write_escaped(&mut escaped, text);
    escaped
}

/// As askama escapes.
fn write_escaped(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for letter in text.chars() {
        match letter {
            '"' | '&' | '\'' | '<' | '>' => write!(f, "&#{};", u32::from(letter))?,
            other => f.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_sentence_is_an_element_and_all_else_is_escaped() {
        let shown = |text: &str| Sentence(text.to_owned()).to_string();
        assert_eq!(
            shown("At 2026-03-01T12:00:00Z it <ends>."),
            "At <time datetime=\"2026-03-01T12:00:00Z\">2026-03-01 12:00 UTC</time> it &#60;ends&#62;."
        );
        assert_eq!(
            shown("2026-03-01T12:00:00.25Z"),
            "<time datetime=\"2026-03-01T12:00:00.25Z\">2026-03-01 12:00 UTC</time>"
        );
        for plain in ["2026-03-01T12:00:00", "2026-03-01", "é 2026-03-01T12:00:0xZ", ""] {
            assert_eq!(shown(plain), plain);
        }
        assert_eq!(shown("\"'&"), "&#34;&#39;&#38;");
    }

    #[test]
    fn what_is_no_time_is_shown_as_it_is() {
        assert_eq!(Moment("<b>".to_owned()).to_string(), "&#60;b&#62;");
    }

    #[test]
    fn a_segment_leads_nowhere_else() {
        assert_eq!(
            PathSegment("site/door:1?&é".to_owned()).to_string(),
            "site%2Fdoor%3A1%3F%26%C3%A9"
        );
        assert_eq!(PathSegment("a-b.c_d~0".to_owned()).to_string(), "a-b.c_d~0");
    }
}
