//! Talking to the admin API.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};
use uuid::Uuid;

use super::command_id::{id_of_try, was_never_asked};
use super::error::{CliError, Exit};
use super::output::Output;
use crate::config::Secret;
use crate::world::spec::is_control;

/// Where help shows these arguments.
pub(super) const HEADING: &str = "Server";
/// Where a server is if nobody says otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// How to reach the server, and in which form to write what it says.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// Address of the server's admin API
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
        env = "WORLDTICK_SERVER",
        hide_env_values = true,
        default_value = DEFAULT_SERVER,
        value_name = "URL"
    )]
    pub server: String,
    /// Token, where the server wants one
    #[arg(long, global = true, help_heading = HEADING,  env = "WORLDTICK_TOKEN", hide_env_values = true, value_name = "TOKEN", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text)))]
    pub token: Option<Secret>,
    /// In which form to write what the server says
    #[arg(long, short, global = true, help_heading = HEADING, value_enum, default_value_t, value_name = "FORM")]
    pub output: Output,
}

/// How long a server may take to say whether it is ready: it asks nobody else.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take; a server that steps a world on demand may be busy for a while.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A stream that is silent for longer is dead: the server sends a comment every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// How often a change is tried where others are quicker.
const PATCH_TRIES: u32 = 5;

/// A client of the admin API.
pub(super) struct Client {
    agent: Agent,
    stream: Agent,
    base: String,
    token: Option<Secret>,
    command_id: Option<Uuid>,
    /// What somebody who asks again has to say besides the id.
    again: String,
}

impl Client {
    pub(super) fn new(args: &ClientArgs) -> Result<Self, CliError> {
        let given = args.server.trim().trim_end_matches('/');
        // Empty is unset, as with every variable.
        let given = if given.is_empty() { "127.0.0.1:8080" } else { given };
        let base = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        if !base.starts_with("http://") && !base.starts_with("https://") {
            let error = CliError::new(Exit::Usage, format!("`{given}` is no address of a server"));
            return Err(error.help("write --server http://127.0.0.1:8080"));
        }
        let config = || Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_TIMEOUT));
        let agent = config().timeout_global(Some(ANSWER_TIMEOUT)).build().new_agent();
        let stream = config()
            .timeout_recv_response(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE_MAX))
            .build()
            .new_agent();
        let token = args.token.clone().filter(|token| !token.expose().is_empty());
        Ok(Self { agent, stream, base, token, command_id: None, again: String::new() })
    }

    /// The same, which asks for its one change under this id.
    #[must_use]
    pub(super) fn under(self, command_id: Uuid) -> Self {
        Self { command_id: Some(command_id), ..self }
    }

    /// The same for what another invocation with the same arguments would not ask for: `words` say with which others it
    /// does.
    #[must_use]
    pub(super) fn again_with(self, words: impl Into<String>) -> Self {
        Self { again: words.into(), ..self }
    }

    /// GET, with the answer as JSON.
    pub(super) fn get(&self, path: &str, query: &[(&str, Option<String>)]) -> Result<Value, CliError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = self.with_query(request, query).header("Accept", "application/json").call();
        self.json(answer)
    }

    /// GET of something that answers at once and in plain text; what it says is an error unless it answers with 200.
    pub(super) fn probe(&self, path: &str) -> Result<String, CliError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.config().timeout_global(Some(PROBE_TIMEOUT)).build().call();
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let text = answer.body_mut().with_config().limit(65_536).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(text);
        }
        Err(CliError::new(Exit::Unavailable, text.trim_end()))
    }

    /// The same with its tag.
    pub(super) fn tagged(&self, path: &str) -> Result<(Value, String), CliError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = self.authorised(request).header("Accept", "application/json").call();
        let tag =
            |answer: &Response<Body>| answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let tag = answer.as_ref().ok().and_then(tag).unwrap_or_default();
        Ok((self.json(answer)?, tag))
    }

    /// POST of a JSON body, with the answer as JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.changed(self.signed(request).send_json(body))
    }

    /// The same of something that is changed as long as what stands at `tagged` has not changed.
    pub(super) fn post_if(&self, path: &str, tagged: &str, body: &Value) -> Result<Value, CliError> {
        let (_, tag) = self.tagged(tagged)?;
        let request = self.agent.post(format!("{}{path}", self.base));
        self.changed(self.signed(request).header("If-Match", tag).send_json(body))
    }

    /// PATCH with a JSON Merge Patch. It names all that it changes: where somebody else was quicker it is read and tried
    /// again.
    pub(super) fn patch(&self, path: &str, query: &str, body: &Value) -> Result<Value, CliError> {
        let mut tried = 0;
        loop {
            let (_, tag) = self.tagged(path)?;
            let request = self.agent.patch(format!("{}{path}{query}", self.base));
            let request = self.signed_under(request, self.command_id.map(|id| id_of_try(id, tried)));
            let request = request.header("If-Match", tag);
            let answer = request.header("Content-Type", "application/merge-patch+json").send(body.to_string());
            let stale = answer.as_ref().is_ok_and(|answer| answer.status().as_u16() == 412);
            tried += 1;
            if !stale || tried == PATCH_TRIES {
                return self.changed(answer);
            }
        }
    }

    /// DELETE, with the answer as JSON.
    pub(super) fn delete(&self, path: &str) -> Result<Value, CliError> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.changed(self.signed(request).call())
    }

    /// What became of something that changes the world: where that is not known, how to find out.
    fn changed(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, CliError> {
        let asked = !answer.as_ref().is_err_and(was_never_asked);
        self.json(answer).map_err(|error| match self.command_id {
            Some(id) if asked && error.exit == Exit::Unavailable => error.help(format!(
                "it may have been done or not: ask for the same again with --command-id {id}{}, and it is done once",
                self.again
            )),
            _ => error,
        })
    }

    /// Says who asks, as the histories show it, and under which id.
    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        self.signed_under(request, self.command_id)
    }

    fn signed_under<B>(&self, request: ureq::RequestBuilder<B>, id: Option<Uuid>) -> ureq::RequestBuilder<B> {
        let mut request = self.authorised(request).header("Accept", "application/json");
        if let Some(id) = id {
            request = request.header("Idempotency-Key", id.to_string());
        }
        let plain = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        match std::env::var("USER").ok().filter(plain) {
            Some(name) => request.header("X-Issued-By", name),
            None => request,
        }
    }

    /// GET of a stream of events, from after `last_event_id`.
    pub(super) fn stream(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        last_event_id: Option<&str>,
    ) -> Result<Response<Body>, CliError> {
        let request = self.stream.get(format!("{}{path}", self.base));
        let mut request = self.with_query(request, query).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let answer = request.call().map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refused(answer)) }
    }

    fn with_query<B>(
        &self,
        request: ureq::RequestBuilder<B>,
        query: &[(&str, Option<String>)],
    ) -> ureq::RequestBuilder<B> {
        let given = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.fold(self.authorised(request), |request, (name, value)| request.query(name, value))
    }

    fn authorised<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", token.expose())),
            None => request,
        }
    }

    fn json(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, CliError> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(refused(answer));
        }
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        if text.trim().is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_str(&text).map_err(|_| {
            let error = CliError::new(Exit::Failure, format!("what {} answers is no JSON", self.base));
            error.help("is this the admin API of a worldtick server?")
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        let error = CliError::new(Exit::Unavailable, format!("no answer from the server at {}: {error}", self.base));
        error.help("start one with `worldtick serve`, or name another with --server or WORLDTICK_SERVER")
    }
}

/// What a server says that does not do what was asked: its problem document, in words.
fn refused(mut answer: Response<Body>) -> CliError {
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(1_048_576).read_to_string().unwrap_or_default();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let said = |name: &str| problem.get(name).and_then(Value::as_str);
    let mut message = match (said("title"), said("detail")) {
        (Some(title), Some(detail)) => format!("{title}: {detail}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => format!("the server answers {status}"),
    };
    message = plain(&message);
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        match (part("pointer"), part("detail")) {
            // Of the whole request, and said already.
            ("", detail) if said("detail") == Some(detail) => {}
            ("", detail) => message.push_str(&format!("\n  {}", plain(detail))),
            (pointer, detail) => message.push_str(&format!("\n  {}: {}", plain(pointer), plain(detail))),
        }
    }
    let exit = match status.as_u16() {
        400 | 422 => Exit::BadData,
        502..=504 => Exit::Unavailable,
        _ => Exit::Failure,
    };
    let error = CliError::new(exit, message);
    match status.as_u16() {
        401 | 403 => error.help("give the server's token with --token or WORLDTICK_TOKEN"),
        _ => error,
    }
}

/// What a server says, without what a terminal would take for an order.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if is_control(letter) { ' ' } else { letter }).collect()
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let shown = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    match name {
        // As segments these two would be taken for steps between folders.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => name.bytes().map(shown).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_segment() {
        assert_eq!(segment("market-Food"), "market-Food");
        assert_eq!(segment("a/b ?ä"), "a%2Fb%20%3F%C3%A4");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
