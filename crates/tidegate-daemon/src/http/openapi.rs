//! The document of this interface, `docs/openapi.json`. It is generated from the handlers by the tests, which need the
//! feature `openapi` for it; what is served is the text that was generated last.

#[cfg(feature = "openapi")]
mod codes;
#[cfg(feature = "openapi")]
mod document;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::json;

#[cfg(feature = "openapi")]
pub use document::document;

const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// Shows this document.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/openapi.json", operation_id = "show_document", tag = "health",
    responses((status = 200, body = serde_json::Value)),
))]
pub(super) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, json::JSON)], DOCUMENT).into_response()
}
