//! Forms: what somebody filled in, in one encoding, and who may send it.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tidegate_spec::wording;

use super::App;
use crate::http::body::{self, BodyKind};
use crate::http::code::Code;
use crate::http::problem::Problem;

/// Reads a form that one of our pages sent.
pub(super) async fn read<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    BodyKind::of(headers, &[BodyKind::Form])?;
    // That it is our own is checked of every request that names one; a browser names it with every form.
    if headers.get(header::ORIGIN).is_none() {
        let detail = "a form names the page that it was sent from in `Origin`; this one does not";
        return Err(Problem::new(Code::ForeignOrigin, detail));
    }
    parse(&body::text(app, body).await?)
}

/// Reads the fields of a form.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_urlencoded::from_str(text).map_err(|error| {
        Problem::invalid_field("", format!("the form: {}", wording::of_query(&error.to_string())))
    })
}

/// A text as a segment of a path, or a value of a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
