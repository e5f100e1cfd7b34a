//! Who may: the token, the host that was asked, the number of requests at a time.

use std::net::IpAddr;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::{App, Problem};

/// Lets a request through that bears the token, or, where there is none, that was meant for this machine.
///
/// Without a token the API listens on loopback alone. A web page in somebody's browser could still send requests
/// there; so the `Host` must name the loopback, and an `Origin` must be the same.
pub(super) async fn allowed(State(app): State<App>, request: Request, next: Next) -> Response {
    let verdict = match &app.parts.token {
        Some(token) => check_token(request.headers(), token.expose_secret()),
        None => check_local(request.headers(), request.method()),
    };
    match verdict {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_token(headers: &HeaderMap, token: &str) -> Result<(), Problem> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")));
    match sent {
        Some(sent) if bool::from(sent.trim().as_bytes().ct_eq(token.as_bytes())) => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::UNAUTHORIZED, "the token is not the one that this server expects")),
        None => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "send the token as `Authorization: Bearer …` (WORLDTICK_TOKEN)"))
        }
    }
}

fn check_local(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    let refuse = |words: &str| Err(Problem::new(StatusCode::FORBIDDEN, words));
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return refuse("without a token this API answers only to localhost: set admin.token, or use 127.0.0.1");
    }
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    match origin.and_then(|origin| origin.split_once("://")) {
        Some((_, origin)) if origin != host && method != Method::GET => {
            refuse("a page from elsewhere may not change anything here")
        }
        _ if origin == Some("null") => refuse("a page from elsewhere may not use this API"),
        _ => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Bounds how many requests are served at a time, and how long each may take.
pub(super) async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_permit) = app.requests.clone().try_acquire_owned() else {
        let words = "too many requests at a time: try again in a moment (admin.requests_max)";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    };
    match tokio::time::timeout(app.parts.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let words = "the answer took longer than admin.request_timeout_seconds; what was ordered may still happen";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, words).into_response()
        }
    }
}

/// Counts requests by route and status.
pub(super) async fn measured(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("worldtick_http_requests_total", "route" => route, "status" => status).increment(1);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a header"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        for host in ["127.0.0.1:8080", "localhost", "[::1]:8080"] {
            assert_eq!(check_local(&headers(host, None), &Method::POST), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8080", ""] {
            assert!(check_local(&headers(host, None), &Method::GET).is_err(), "{host}");
        }
        let foreign = headers("localhost:8080", Some("https://evil.example"));
        assert!(check_local(&foreign, &Method::POST).is_err());
        assert!(check_local(&headers("localhost:8080", Some("http://localhost:8080")), &Method::POST).is_ok());
        assert!(check_local(&headers("localhost:8080", Some("null")), &Method::GET).is_err());
    }

    #[test]
    fn the_token_must_be_the_one() {
        let mut headers = HeaderMap::new();
        assert!(check_token(&headers, "secret").is_err());
        headers.insert(header::AUTHORIZATION, "Bearer secret".parse().expect("a header"));
        assert_eq!(check_token(&headers, "secret"), Ok(()));
        assert!(check_token(&headers, "secrets").is_err());
        headers.insert(header::AUTHORIZATION, "secret".parse().expect("a header"));
        assert!(check_token(&headers, "secret").is_err());
    }
}
