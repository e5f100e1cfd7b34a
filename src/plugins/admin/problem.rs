//! Errors as problem documents (RFC 9457, `application/problem+json`).

use std::any::Any;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::plugins::host::OrderError;
use crate::plugins::store::StoreError;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemDetail {
    /// Where in the body or query: a JSON pointer, or the parameter's name.
    pub pointer: String,
    /// A short word.
    pub code: &'static str,
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
            errors: Vec::new(),
        }
    }

    /// A request that is wrong in one place.
    pub fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = ProblemDetail { pointer: pointer.into(), code, detail: detail.into() };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "the request cannot be used as it is");
        problem.errors.push(detail);
        problem
    }

    /// The same, where a refusal means that there is no such thing.
    pub(super) fn refusal_as_not_found(self) -> Self {
        if self.status == StatusCode::UNPROCESSABLE_ENTITY.as_u16() { Self::not_found(self.detail) } else { self }
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let status = match error {
            OrderError::UnknownWorld(_) => StatusCode::NOT_FOUND,
            OrderError::Conflict(_) => StatusCode::CONFLICT,
            OrderError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            OrderError::Faulted(_) => StatusCode::INTERNAL_SERVER_ERROR,
            OrderError::Busy | OrderError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
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
    let there = "/livez, /readyz, /metrics, and under /api/v1: worlds, ticks, events, events/stream, dead-letters, \
                 catalogue, schemas";
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
