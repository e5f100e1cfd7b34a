//! Bodies of requests: how much of them is read, and what they hold.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::{self, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Problem;
use super::content::must_be_json;
use crate::config::{Once, Shape, read_shaped};

const TOO_LARGE: &str = "the body is larger than admin.body_bytes_max allows";
/// How many times the bytes that a body may have are read and thrown away before its sender is told. Whoever still writes
/// when the connection closes never sees the answer.
const DISCARDED: usize = 8;

/// The bytes of a body, at most `bytes_max` of them.
///
/// # Errors
/// 413 for more, 400 for a body that breaks off.
pub(super) async fn read(body: body::Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let (mut read, mut length) = (Vec::new(), 0_usize);
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body: {error}")))?;
        length = length.saturating_add(part.len());
        if length <= bytes_max {
            read.extend_from_slice(&part);
        } else if length > bytes_max.saturating_mul(DISCARDED) {
            break;
        }
    }
    if length > bytes_max { Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)) } else { Ok(read.into()) }
}

/// A body that may be missing: then it is `{}`.
pub(super) struct Body<T>(pub(super) T);

/// The shape that bodies of a type must have: made when the first one comes.
fn shape<T: JsonSchema + 'static>() -> Arc<Shape> {
    static SHAPES: Mutex<BTreeMap<TypeId, Arc<Shape>>> = Mutex::new(BTreeMap::new());
    let mut shapes = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
    shapes.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Shape::new(schema_for!(T).to_value()))).clone()
}

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema + 'static> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let empty = request.headers().get("content-length").is_none_or(|length| length == "0")
            && request.headers().get("transfer-encoding").is_none();
        let value = if empty {
            json!({})
        } else {
            must_be_json(request.headers())?;
            let Json(Once(value)) =
                Json::<Once>::from_request(request, state).await.map_err(|error| body_problem(&error))?;
            value
        };
        // A list would do for serde, with the fields in their order.
        if !value.is_object() {
            return Err(Problem::invalid("", "invalid", "the body must be a JSON object"));
        }
        read_shaped(&shape::<T>(), &value).map(Self).map_err(Problem::from_flaws)
    }
}

/// What is wrong with a body that is not JSON.
fn body_problem(error: &JsonRejection) -> Problem {
    match error.status() {
        StatusCode::BAD_REQUEST => Problem::new(StatusCode::BAD_REQUEST, error.body_text()),
        StatusCode::UNPROCESSABLE_ENTITY => {
            let words = error.body_text();
            Problem::invalid("", "invalid", words.rsplit_once("type: ").map_or(words.as_str(), |(_, words)| words))
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
        status => Problem::new(status, error.body_text()),
    }
}
