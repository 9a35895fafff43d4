//! Errors as problem details (RFC 9457): one match from what went wrong to status and code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidegate_engine::prompt::Rejection;
use tidegate_spec::api::ofrep::{ErrorCode, Failure};
use tidegate_spec::api::{self, FieldFault};
use tidegate_spec::{Faults, ParseError};

use crate::refusal::Refusal;

/// An error answer before it knows its request's id.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    faults: Vec<FieldFault>,
    retry_after_seconds: Option<u32>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, faults) = (detail.into(), Vec::new());
        Self { status, code, detail, faults, retry_after_seconds: None }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_body", detail)
    }

    pub(super) fn invalid_path(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_path", detail)
    }

    pub(super) fn invalid_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    }

    /// A body with faults, each with its pointer.
    pub(super) fn invalid_fields(faults: Vec<FieldFault>) -> Self {
        let detail = match &faults[..] {
            [fault] => format!("{} {}", fault.pointer, fault.detail),
            faults => format!("{} fields are not valid", faults.len()),
        };
        Self { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail) }
    }

    pub(super) fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let fault = FieldFault { pointer: pointer.into(), detail: detail.into() };
        Self::invalid_fields(vec![fault])
    }

    pub(super) fn too_many_streams() -> Self {
        let detail = "as many streams of events are open as this daemon allows";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
        Self { retry_after_seconds: Some(15), ..problem }
    }

    /// An import against which something stands, each thing with its pointer.
    pub(super) fn conflicts(faults: Vec<FieldFault>) -> Self {
        let detail = match &faults[..] {
            [fault] => format!("{} {}", fault.pointer, fault.detail),
            faults => format!("{} things stand against it; nothing was taken in", faults.len()),
        };
        Self { faults, ..Self::new(StatusCode::CONFLICT, "import_conflict", detail) }
    }

    pub(super) const fn is_fault_of_ours(&self) -> bool {
        self.status.as_u16() == 500
    }

    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// The answer to the request of this id.
    pub(super) fn response(self, request_id: &str) -> Response {
        let title = self.code.replace('_', " ");
        let body = api::Problem {
            kind: format!("urn:tidegate:problem:{}", self.code),
            title,
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.to_owned(),
            request_id: Some(request_id.to_owned()),
            faults: self.faults,
        };
        let mut response = (self.status, super::body::Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        told_when_to_return(response, self.retry_after_seconds)
    }

    /// The answer in the shape of OFREP; `key` is the flag that was asked for, if it was one.
    pub(super) fn ofrep_response(self, key: Option<&str>) -> Response {
        let error_code = match self.code {
            "malformed_body" => ErrorCode::ParseError,
            "unknown_experiment" => ErrorCode::FlagNotFound,
            _ => ErrorCode::General,
        };
        let body = Failure { key, error_code, error_details: &self.detail };
        let response = (self.status, super::body::Json(body)).into_response();
        told_when_to_return(response, self.retry_after_seconds)
    }
}

fn told_when_to_return(mut response: Response, retry_after_seconds: Option<u32>) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

impl IntoResponse for Problem {
    /// Leaves the problem for the guard, which knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What an order of a prompt is refused with.
pub(super) const fn of_rejection(rejection: &Rejection) -> (StatusCode, &'static str) {
    match rejection {
        Rejection::UnknownPrompt(_) => (StatusCode::NOT_FOUND, "unknown_prompt"),
        Rejection::UnknownLabel { .. } => (StatusCode::NOT_FOUND, "unknown_label"),
        Rejection::PromptExists(_) => (StatusCode::CONFLICT, "prompt_exists"),
        Rejection::NameTaken { .. } => (StatusCode::CONFLICT, "name_taken"),
        Rejection::Revision { .. } => (StatusCode::CONFLICT, "revision_conflict"),
        Rejection::TooMany { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_prompts"),
        Rejection::UnknownVersion(_)
        | Rejection::UnknownParent(_)
        | Rejection::KeyReserved(_)
        | Rejection::TextLength(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_field"),
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::UnknownVersion(_) => Self::invalid_field("/version", detail),
            Rejection::UnknownParent(_) => Self::invalid_field("/parent", detail),
            Rejection::KeyReserved(_) => Self::invalid_field("/key", detail),
            Rejection::TextLength(_) => Self::invalid_field("/text", detail),
            Rejection::UnknownPrompt(_)
            | Rejection::UnknownLabel { .. }
            | Rejection::PromptExists(_)
            | Rejection::NameTaken { .. }
            | Rejection::Revision { .. }
            | Rejection::TooMany { .. } => {
                let (status, code) = of_rejection(&rejection);
                Self::new(status, code, detail)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (status, code, retry_after_seconds) = match refusal {
            Refusal::Recovering => (unavailable, "recovering", Some(1)),
            Refusal::StoreUnavailable(_) => (unavailable, "store_unavailable", Some(5)),
            Refusal::Damaged(_) => (unavailable, "journal_damaged", Some(60)),
            Refusal::Draining => (unavailable, "draining", Some(5)),
            Refusal::QueueFull => (unavailable, "queue_full", Some(1)),
            Refusal::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk_full", Some(30)),
            Refusal::Busy => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", Some(1)),
            Refusal::UnknownExperiment(_) => (StatusCode::NOT_FOUND, "unknown_experiment", None),
            Refusal::UnknownOverride(_) => (StatusCode::NOT_FOUND, "unknown_override", None),
            Refusal::Running(_) => (StatusCode::CONFLICT, "experiment_running", None),
            Refusal::TooManyExperiments(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "too_many_experiments", None)
            }
            Refusal::ActionNotAllowed { .. } => (StatusCode::CONFLICT, "action_not_allowed", None),
            Refusal::UnknownPrompt(_) => (StatusCode::NOT_FOUND, "unknown_prompt", None),
            Refusal::InvalidFields(faults) => return Self::invalid_fields(faults),
            Refusal::Prompt(rejection) => return rejection.into(),
            Refusal::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", None),
        };
        Self { retry_after_seconds, ..Self::new(status, code, refusal.to_string()) }
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Faults(faults) => Self::invalid_fields(pointers(&faults)),
            ParseError::Toml(_) | ParseError::Json(_) => Self::malformed(error.to_string()),
        }
    }
}

/// The faults of a file with JSON pointers for paths.
fn pointers(faults: &Faults) -> Vec<FieldFault> {
    let faults = faults
        .iter()
        .map(|fault| FieldFault { pointer: pointer(&fault.path), detail: fault.problem.clone() });
    faults.collect()
}

/// `ab.steps[1].dwell_hours` as `/ab/steps/1/dwell_hours`.
pub(super) fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty() && *part != "?") {
        pointer.push('/');
        let part = part.trim_end_matches(']');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

pub(super) async fn not_found() -> Problem {
    let detail = "no such path; docs/api.md lists them";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

pub(super) async fn method_not_allowed() -> Problem {
    let detail = "this path knows other methods; see Allow";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_pointer() {
        assert_eq!(pointer("ab.steps[1].dwell_hours"), "/ab/steps/1/dwell_hours");
        assert_eq!(pointer("assignment.overrides.site/door"), "/assignment/overrides/site~1door");
        assert_eq!(pointer(""), "");
    }
}
