//! Errors as problem details (RFC 9457): one match from what went wrong to status and code.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidegate_engine::prompt::OrderRejection;
use tidegate_spec::api::ofrep::{ErrorCode, FlagFailure};
use tidegate_spec::api::{self, FieldFault};
use tidegate_spec::{Faults, ParseError};

use super::code::Code;
use super::held::BODIES_BYTES_MAX;
use super::json::Json;
use crate::refusal::Refusal;

/// Faults that one answer names.
const FAULTS_MAX: usize = 100;
/// Bytes of a sentence; most of a longer one is what the client sent.
const DETAIL_BYTES_MAX: usize = 1024;
/// Bytes of a pointer, or of a key that is none.
const POINTER_BYTES_MAX: usize = 512;

/// A text of at most so many bytes: of a longer one both ends, as what is wrong may stand in either.
fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    const GAP: &str = " … ";
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = (bytes_max - GAP.len()) / 2;
    let (first, rest) = text.split_at(text.floor_char_boundary(end));
    let (_, last) = rest.split_at(rest.ceil_char_boundary(rest.len() - end));
    Cow::Owned([first, GAP, last].concat())
}

/// A sentence as it is answered, however long a text of the client's it holds.
pub(super) fn told(sentence: &str) -> Cow<'_, str> {
    cut(sentence, DETAIL_BYTES_MAX)
}

/// A pointer, or a key, as it is answered.
pub(super) fn named(pointer: &str) -> Cow<'_, str> {
    cut(pointer, POINTER_BYTES_MAX)
}

/// An error answer before it knows its request's id.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    faults: Vec<FieldFault>,
    retry_after_seconds: Option<u32>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let (detail, faults) = (detail.into(), Vec::new());
        Self { code, detail, faults, retry_after_seconds: None }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::MalformedBody, detail)
    }

    pub(super) fn invalid_path(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidPath, detail)
    }

    pub(super) fn invalid_query(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidQuery, detail)
    }

    /// A body with faults, each with its pointer.
    pub(super) fn invalid_fields(faults: Vec<FieldFault>) -> Self {
        let count = faults.len();
        Self::invalid_of(count, faults)
    }

    /// A body with so many faults, of which the first are here.
    fn invalid_of(count: usize, faults: Vec<FieldFault>) -> Self {
        let detail = match &faults[..] {
            [fault] if fault.pointer.is_empty() => fault.detail.clone(),
            [fault] => format!("{} {}", fault.pointer, fault.detail),
            _ if count <= FAULTS_MAX => format!("{count} fields are not valid"),
            _ => format!("{count} fields are not valid; the first {FAULTS_MAX} are named"),
        };
        Self { faults, ..Self::new(Code::InvalidField, detail) }
    }

    pub(super) fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let fault = FieldFault { pointer: pointer.into(), detail: detail.into() };
        Self::invalid_fields(vec![fault])
    }

    pub(super) fn too_many_streams() -> Self {
        let detail = "as many streams of events are open as this daemon allows";
        let problem = Self::new(Code::TooManyStreams, detail);
        Self { retry_after_seconds: Some(15), ..problem }
    }

    pub(super) fn no_room() -> Self {
        let detail = format!(
            "bodies of {BODIES_BYTES_MAX} bytes are being read, as much as this daemon allows; nothing was taken in"
        );
        Self { retry_after_seconds: Some(1), ..Self::new(Code::TooManyRequests, detail) }
    }

    /// An import against which something stands, each thing with its pointer.
    pub(super) fn conflicts(faults: Vec<FieldFault>) -> Self {
        let detail = match &faults[..] {
            [fault] if fault.pointer.is_empty() => fault.detail.clone(),
            [fault] => format!("{} {}", fault.pointer, fault.detail),
            faults => format!("{} things stand against it; nothing was taken in", faults.len()),
        };
        Self { faults, ..Self::new(Code::ImportConflict, detail) }
    }

    pub(super) const fn is_fault_of_ours(&self) -> bool {
        self.code.status().as_u16() == 500
    }

    pub(super) const fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, for people: one sentence, or one for each field.
    pub(super) fn sentences(&self) -> String {
        let faults = self.faults.iter().take(FAULTS_MAX).map(|fault| {
            format!("{} {}", fault.pointer.trim_start_matches('/'), fault.detail).trim().to_owned()
        });
        let faults: Vec<String> = faults.collect();
        let sentences = if faults.is_empty() { self.detail.clone() } else { faults.join("; ") };
        told(&sentences).into_owned()
    }

    /// The answer to the request of this id.
    pub(super) fn response(self, request_id: &str) -> Response {
        let (code, status) = (self.code.name(), self.code.status());
        let faults = self.faults.iter().take(FAULTS_MAX).map(|fault| FieldFault {
            pointer: named(&fault.pointer).into_owned(),
            detail: told(&fault.detail).into_owned(),
        });
        let body = api::Problem {
            kind: format!("urn:tidegate:problem:{code}"),
            title: code.replace('_', " "),
            status: status.as_u16(),
            detail: told(&self.detail).into_owned(),
            code: code.to_owned(),
            request_id: Some(request_id.to_owned()),
            faults: faults.collect(),
        };
        let mut response = (status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        told_when_to_return(response, self.retry_after_seconds)
    }

    /// The answer in the shape of OFREP; `key` is the flag that was asked for, if it was one.
    pub(super) fn ofrep_response(self, key: Option<&str>) -> Response {
        let error_code = if self.code == Code::MalformedBody {
            ErrorCode::ParseError
        } else if self.code == Code::UnknownExperiment {
            ErrorCode::FlagNotFound
        } else {
            ErrorCode::General
        };
        let response = failure(self.code.status(), key, error_code, &self.detail);
        told_when_to_return(response, self.retry_after_seconds)
    }
}

/// An error in the shape of OFREP; `key` is the flag that was asked for, if it was one.
pub(super) fn failure(
    status: StatusCode,
    key: Option<&str>,
    error_code: ErrorCode,
    details: &str,
) -> Response {
    let (key, details) = (key.map(named), told(details));
    let body = FlagFailure { key: key.as_deref(), error_code, error_details: &details };
    (status, Json(body)).into_response()
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
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What an order of a prompt is refused with.
pub(super) const fn of_rejection(rejection: &OrderRejection) -> Code {
    match rejection {
        OrderRejection::UnknownPrompt(_) => Code::UnknownPrompt,
        OrderRejection::UnknownLabel { .. } => Code::UnknownLabel,
        OrderRejection::PromptExists(_) => Code::PromptExists,
        OrderRejection::NameTaken { .. } => Code::NameTaken,
        OrderRejection::Revision { .. } => Code::RevisionConflict,
        OrderRejection::TooMany { .. } => Code::TooManyPrompts,
        OrderRejection::UnknownVersion(_)
        | OrderRejection::UnknownParent(_)
        | OrderRejection::KeyReserved(_)
        | OrderRejection::TextLength(_) => Code::InvalidField,
    }
}

impl From<OrderRejection> for Problem {
    fn from(rejection: OrderRejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            OrderRejection::UnknownVersion(_) => Self::invalid_field("/version", detail),
            OrderRejection::UnknownParent(_) => Self::invalid_field("/parent", detail),
            OrderRejection::KeyReserved(_) => Self::invalid_field("/key", detail),
            OrderRejection::TextLength(_) => Self::invalid_field("/text", detail),
            OrderRejection::UnknownPrompt(_)
            | OrderRejection::UnknownLabel { .. }
            | OrderRejection::PromptExists(_)
            | OrderRejection::NameTaken { .. }
            | OrderRejection::Revision { .. }
            | OrderRejection::TooMany { .. } => Self::new(of_rejection(&rejection), detail),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, retry_after_seconds) = match refusal {
            Refusal::Recovering => (Code::Recovering, Some(1)),
            Refusal::StoreUnavailable(_) => (Code::StoreUnavailable, Some(5)),
            Refusal::Damaged(_) => (Code::JournalDamaged, Some(60)),
            Refusal::Draining => (Code::Draining, Some(5)),
            Refusal::NotLeader { .. } => (Code::NotLeader, Some(1)),
            Refusal::QueueFull => (Code::QueueFull, Some(1)),
            Refusal::DiskFull { .. } => (Code::DiskFull, Some(30)),
            Refusal::Busy => (Code::TooManyRequests, Some(1)),
            Refusal::UnknownExperiment { .. } | Refusal::DeletedExperiment { .. } => {
                (Code::UnknownExperiment, None)
            }
            Refusal::UnknownOverride(_) => (Code::UnknownOverride, None),
            Refusal::ServesTreatment(_) => (Code::ServesTreatment, None),
            Refusal::Running(_) | Refusal::NotDeletable(_) => (Code::ExperimentRunning, None),
            Refusal::OtherRevision { .. } => (Code::RevisionConflict, None),
            Refusal::LeadsElsewhere { .. } | Refusal::ReleaseUnnamed { .. } => {
                (Code::UnexpectedPhase, None)
            }
            Refusal::NotBacked { .. } => (Code::EvidenceNotAccepted, None),
            Refusal::ControlChanges(_) => (Code::ControlChanges, None),
            Refusal::OverridesLost(_) => (Code::OverridesLost, None),
            Refusal::PromptInUse { .. } => (Code::PromptInUse, None),
            Refusal::TooManyExperiments(_) | Refusal::TooManyDeleted(_) => {
                (Code::TooManyExperiments, None)
            }
            Refusal::ActionNotAllowed { .. } => (Code::ActionNotAllowed, None),
            Refusal::NoReview(_) => (Code::NoReview, None),
            Refusal::ReviewOver => (Code::ReviewOver, None),
            Refusal::UnknownCard(_) => (Code::UnknownCard, None),
            Refusal::CardAnswered(_) => (Code::CardAnswered, None),
            Refusal::UnknownPrompt(_) => (Code::UnknownPrompt, None),
            Refusal::InvalidFields(faults) => return Self::invalid_fields(faults),
            Refusal::Prompt(rejection) => return rejection.into(),
            Refusal::Invalid(_) => (Code::InvalidField, None),
        };
        Self { retry_after_seconds, ..Self::new(code, refusal.to_string()) }
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Faults(faults) => Self::invalid_of(faults.count(), pointers(&faults)),
            ParseError::Toml(_) | ParseError::Json(_) | ParseError::TooDeep => {
                Self::malformed(error.to_string())
            }
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
    Problem::new(Code::NotFound, detail)
}

pub(super) async fn method_not_allowed() -> Problem {
    let detail = "this path knows other methods; see Allow";
    Problem::new(Code::MethodNotAllowed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_both_ends_are_told() {
        let long = format!("unknown field `{}`, expected one of `a`, `b`", "é".repeat(450_000));
        let shown = told(&long);
        assert!((1_000..=DETAIL_BYTES_MAX).contains(&shown.len()), "{}", shown.len());
        assert!(
            shown.starts_with("unknown field `é") && shown.ends_with("expected one of `a`, `b`")
        );
        let fits = "x".repeat(DETAIL_BYTES_MAX);
        assert_eq!(told(&fits), fits);
    }

    #[test]
    fn a_path_becomes_a_pointer() {
        assert_eq!(pointer("ab.steps[1].dwell_hours"), "/ab/steps/1/dwell_hours");
        assert_eq!(pointer("assignment.overrides.site/door"), "/assignment/overrides/site~1door");
        assert_eq!(pointer(""), "");
    }
}
