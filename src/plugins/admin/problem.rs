//! Errors as problem documents (RFC 9457, `application/problem+json`).

use std::any::Any;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::routes;
use super::scope::Scope;
use crate::config::Flaw;
use crate::plugins::host::OrderError;
use crate::plugins::store::StoreError;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemDetail {
    /// Where in the body or query: a JSON pointer, or the parameter's name.
    pub pointer: String,
    /// A short word.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The scope that would have been enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scope: Option<Scope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemDetail>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            required_scope: None,
            errors: Vec::new(),
        }
    }

    /// The same, for want of a scope.
    pub(super) fn needs(mut self, scope: Scope) -> Self {
        self.required_scope = Some(scope);
        self
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// A request that is wrong in one place.
    pub fn invalid(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self::from_flaws(vec![Flaw::new(pointer, code, detail)])
    }

    /// A request that is wrong in all these places.
    pub(super) fn from_flaws(flaws: Vec<Flaw>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "the request cannot be used as it is");
        let detail = |Flaw { pointer, code, detail }| ProblemDetail { pointer, code, detail };
        problem.errors = flaws.into_iter().map(detail).collect();
        problem
    }

    /// The same, with its places inside of this one.
    pub(super) fn under(mut self, pointer: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, pointer);
        }
        self
    }

    /// The same, where a refusal means that there is no such thing.
    pub(super) fn refusal_as_not_found(self) -> Self {
        if self.is_refusal() { Self::not_found(self.in_words()) } else { self }
    }

    /// The same, where a refusal means that it is not the time for it.
    pub(super) fn refusal_as_conflict(self) -> Self {
        if self.is_refusal() { Self::new(StatusCode::CONFLICT, self.in_words()) } else { self }
    }

    fn is_refusal(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY.as_u16()
    }

    /// What is wrong in a sentence, where it is not the request that is to be mended place by place.
    fn in_words(self) -> String {
        let words = self.errors.into_iter().map(|error| error.detail).reduce(|all, one| format!("{all}; {one}"));
        words.unwrap_or(self.detail)
    }

    /// Whether what is wrong is said of the whole, not of places in the request.
    pub(super) fn is_of_the_whole(&self) -> bool {
        self.errors.iter().all(|error| error.pointer.is_empty())
    }

    /// Whether any of what is wrong is told with these words in it.
    pub(super) fn says(&self, words: &str) -> bool {
        self.detail.contains(words) || self.errors.iter().any(|error| error.detail.contains(words))
    }

    /// What is wrong, in words.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = self.required_scope.map(|scope| match scope {
            Scope::Read => "Bearer error=\"insufficient_scope\", scope=\"read\"",
            Scope::Operate => "Bearer error=\"insufficient_scope\", scope=\"operate\"",
            Scope::ConfigWrite => "Bearer error=\"insufficient_scope\", scope=\"config:write\"",
            Scope::Admin => "Bearer error=\"insufficient_scope\", scope=\"admin\"",
        });
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let errors = error.flaws().map(Self::from_flaws).map(|problem| problem.errors).unwrap_or_default();
        let status = match error {
            OrderError::Invalid(flaws) => return Self::from_flaws(flaws),
            OrderError::Stale(_) => StatusCode::PRECONDITION_FAILED,
            OrderError::UnknownWorld(_) => StatusCode::NOT_FOUND,
            OrderError::Conflict(_) => StatusCode::CONFLICT,
            OrderError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            OrderError::Faulted(_) => StatusCode::INTERNAL_SERVER_ERROR,
            OrderError::Busy | OrderError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { errors, ..Self::new(status, error.to_string()) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status =
            if error.is_transient() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self::new(status, error.to_string())
    }
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    let mut below: Vec<&str> = Vec::new();
    for path in routes::all().iter().map(|route| route.path.trim_start_matches('/')) {
        if !path.contains('{') && !below.contains(&path) {
            below.push(path);
        }
    }
    let there = format!("/livez, /readyz, /metrics, and under /api/v1: {}", below.join(", "));
    Problem::not_found(format!("there is nothing at `{}`; what there is: {there}", uri.path()))
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` does not take {method}", uri.path()))
}

pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has logged it.
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed at this request; its log says why")
        .into_response()
}
