//! Who may what: the token and its scope, the host that was asked, the number of requests at a time.

#![expect(clippy::disallowed_methods, reason = "a request has a limit in wall time")]

use std::net::{IpAddr, SocketAddr};

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, MatchedPath, Query, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::callers::{Caller, Unknown};
use super::content::is_text;
use super::routes::RouteSpec;
use super::scope::Scope;
use super::{App, Problem, audit};
use crate::config::nearest;

/// The header that names who gives an order.
const ISSUED_BY: HeaderName = HeaderName::from_static("x-issued-by");

/// A route and what it takes to judge who may use it.
#[derive(Clone)]
pub(super) struct Guarded {
    pub(super) app: App,
    pub(super) route: RouteSpec,
}

/// Somebody who is turned away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denied {
    /// Why, in a word, for the metric.
    pub(super) reason: &'static str,
    /// Who it was, as far as that is proved.
    pub(super) who: String,
    pub(super) token_id: Option<String>,
    problem: Problem,
}

impl Denied {
    fn nobody(reason: &'static str, status: StatusCode, words: impl Into<String>) -> Self {
        Self { reason, who: "anonymous".into(), token_id: None, problem: Problem::new(status, words) }
    }

    pub(super) fn status(&self) -> u16 {
        self.problem.status()
    }
}

/// Lets a request through whose caller may do what the route does; changes, done or refused, go into the audit.
pub(super) async fn guard(State(guarded): State<Guarded>, mut request: Request, next: Next) -> Response {
    let Guarded { app, route } = guarded;
    let caller = match admit(&app, route, request.headers(), request.method()).await {
        Ok(caller) => caller,
        Err(denied) => {
            metrics::counter!("worldtick_admin_denied_total", "reason" => denied.reason).increment(1);
            if route.changes() {
                audit::refused(&app, route, &denied, request).await;
            }
            return denied.problem.into_response();
        }
    };
    if (caller.token_id.is_some() || !request.headers().contains_key(ISSUED_BY))
        && let Ok(name) = HeaderValue::from_str(&caller.who)
    {
        // Whoever has a name of his own cannot give an order in another's; who says none goes by that of the audit.
        request.headers_mut().insert(ISSUED_BY, name);
    }
    request.extensions_mut().insert(caller.clone());
    if route.changes() { audit::recorded(app, route, caller, request, next).await } else { next.run(request).await }
}

/// Who it is, if he may use the route.
///
/// Without a configured token the API listens on loopback alone, and whoever sends none may do everything. A web page in
/// somebody's browser could still send requests there; so the `Host` must name the loopback, and an `Origin` must be the
/// same. A token that is sent is judged in any case.
async fn admit(app: &App, route: RouteSpec, headers: &HeaderMap, method: &Method) -> Result<Caller, Denied> {
    let is_open = app.parts.open_on_loopback && !app.callers.has_configured();
    if is_open && !headers.contains_key(header::AUTHORIZATION) {
        let refused = |words: &str| Denied::nobody("origin", StatusCode::FORBIDDEN, words);
        return check_local(headers, method).map(|()| Caller::loopback()).map_err(refused);
    }
    let caller = app.callers.identify(headers).await.map_err(denied)?;
    match lacks(&caller, route.scope) {
        None => Ok(caller),
        Some(problem) => Err(Denied { reason: "scope", who: caller.who, token_id: caller.token_id, problem }),
    }
}

/// The answer to a caller without the scope.
fn lacks(caller: &Caller, scope: Scope) -> Option<Problem> {
    if caller.may(scope) {
        return None;
    }
    let held: Vec<&str> = caller.scopes.iter().map(|scope| scope.as_str()).collect();
    let held = if held.is_empty() { "nothing that this server knows".to_owned() } else { held.join(", ") };
    let words = format!("this needs the scope `{scope}`, and the token `{}` allows {held}", caller.who);
    Some(Problem::new(StatusCode::FORBIDDEN, words).needs(scope))
}

/// Lets a caller go on who has a scope that only the body of the request tells.
pub(super) fn wants(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    lacks(caller, scope).map_or(Ok(()), |problem| {
        metrics::counter!("worldtick_admin_denied_total", "reason" => "scope").increment(1);
        Err(problem)
    })
}

fn denied(unknown: Unknown) -> Denied {
    let unauthorised = |reason, words: String| Denied::nobody(reason, StatusCode::UNAUTHORIZED, words);
    match unknown {
        Unknown::Missing => {
            unauthorised("missing", "send the token as `Authorization: Bearer …` (WORLDTICK_TOKEN)".into())
        }
        Unknown::Malformed(words) => unauthorised("malformed", words.into()),
        Unknown::NoSuch => unauthorised("unknown", "the token is none that this server knows".into()),
        Unknown::Revoked(name) => {
            Denied { who: name.clone(), ..unauthorised("revoked", format!("the token `{name}` was revoked")) }
        }
        Unknown::Expired(name) => {
            Denied { who: name.clone(), ..unauthorised("expired", format!("the token `{name}` has expired")) }
        }
        Unknown::Unavailable => {
            let words = "the token cannot be looked up at the moment: try again";
            Denied::nobody("unavailable", StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

fn check_local(headers: &HeaderMap, method: &Method) -> Result<(), &'static str> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return Err("without a token this API answers only to localhost: set admin.token, or use 127.0.0.1");
    }
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    match origin.and_then(|origin| origin.split_once("://")) {
        Some((_, origin)) if origin != host && method != Method::GET => {
            Err("a page from elsewhere may not change anything here")
        }
        _ if origin == Some("null") => Err("a page from elsewhere may not use this API"),
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

/// The address that the request came from. What a proxy says of others is not believed.
pub(super) fn source(extensions: &Extensions) -> String {
    let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical());
    address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

/// Lets a request through whose path is text, and whose query has only what its route knows.
pub(super) async fn known_query(State(route): State<RouteSpec>, request: Request, next: Next) -> Response {
    if !is_text(request.uri().path()) {
        return Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8").into_response();
    }
    match check_query(route.query, request.uri()) {
        Ok(()) => next.run(request).await,
        Err(words) => Problem::new(StatusCode::BAD_REQUEST, words).into_response(),
    }
}

fn check_query(known: &[&str], uri: &Uri) -> Result<(), String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| error.body_text())?;
    let Some((name, _)) = pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) else { return Ok(()) };
    let shown: String = name.chars().take(80).collect::<String>().escape_debug().to_string();
    Err(match nearest(name, known.iter().copied()) {
        _ if known.is_empty() => format!("`{shown}` is unknown: this route takes no query"),
        Some(meant) => format!("`{shown}` is unknown in this query: did you mean `{meant}`?"),
        None => format!("`{shown}` is unknown in this query, which takes {}", known.join(", ")),
    })
}

/// Bounds how many requests are served at a time, and how long each may take.
pub(super) async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_permit) = app.requests.clone().try_acquire_owned() else { return too_many() };
    // time: admin API: limit of a request | real | tokio timer | time-out of `admin.request_timeout_seconds`
    match tokio::time::timeout(app.parts.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let words = "the answer took longer than admin.request_timeout_seconds; what was ordered may still happen";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, words).into_response()
        }
    }
}

/// The answer to one request too many.
pub(super) fn too_many() -> Response {
    let words = "too many requests at a time: try again in a moment (admin.requests_max)";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, words).into_response()
}

/// Counts requests by route and status, and ends the connection of a body that may not have been read to its end: else the
/// client could send its next request while the connection is closed under it.
pub(super) async fn measured(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let has_body = !request.body().is_end_stream();
    let mut response = next.run(request).await;
    if has_body && (response.status().is_client_error() || response.status().is_server_error()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
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
    fn what_a_route_does_not_know_in_a_query_is_refused() {
        let check =
            |known: &[&str], query: &str| check_query(known, &format!("/worlds{query}").parse().expect("a URI"));
        assert_eq!(check(&[], ""), Ok(()));
        assert_eq!(check(&[], "?"), Ok(()));
        assert_eq!(check(&["limit"], "?limit=1"), Ok(()));
        assert!(check(&[], "?zz=1").expect_err("unknown").contains("takes no query"));
        assert!(check(&["limit", "cursor"], "?limt=1").expect_err("unknown").contains("did you mean `limit`?"));
        assert!(check(&["limit"], "?limit=1&%00=1").expect_err("unknown").contains("takes limit"));
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
}
