//! Values as a file writes them, in the order in which people read them.

use toml::{Table, Value};

/// A value of a setting.
#[derive(Debug, Clone)]
pub(super) enum Literal {
    Text(String),
    Float(f64),
    Integer(i64),
    Boolean(bool),
    List(Vec<Self>),
    /// A table on one line, its keys those of the format.
    Inline(Vec<(&'static str, Self)>),
    /// A table on one line, its keys the owner's, which may need quotes.
    Named(Vec<(String, Self)>),
}

impl Literal {
    pub(super) fn text(value: &impl ToString) -> Self {
        Self::Text(value.to_string())
    }

    /// As TOML, on one line.
    pub(super) fn toml(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            // Rust's shortest digits always have a point or an exponent, so that TOML reads back the same float.
            Self::Float(number) => format!("{number:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::toml).collect::<Vec<_>>().join(", "))
            }
            Self::Inline(entries) => {
                inline(entries.iter().map(|(key, value)| ((*key).to_owned(), value)))
            }
            Self::Named(entries) => inline(entries.iter().map(|(key, value)| (quoted(key), value))),
        }
    }
}

impl From<Literal> for Value {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::String(text),
            Literal::Float(number) => Self::Float(number),
            Literal::Integer(number) => Self::Integer(number),
            Literal::Boolean(truth) => Self::Boolean(truth),
            Literal::List(items) => Self::Array(items.into_iter().map(Into::into).collect()),
            Literal::Inline(entries) => {
                let entries =
                    entries.into_iter().map(|(key, value)| (key.to_owned(), value.into()));
                Self::Table(entries.collect::<Table>())
            }
            Literal::Named(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (key, value.into()));
                Self::Table(entries.collect::<Table>())
            }
        }
    }
}

fn inline<'a>(entries: impl Iterator<Item = (String, &'a Literal)>) -> String {
    let entries: Vec<String> =
        entries.map(|(key, value)| format!("{key} = {}", value.toml())).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
