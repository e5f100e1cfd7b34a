//! A client of the admin API.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use crate::bridge_support::LIMIT;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    /// The id under which it was recorded, where it was a command.
    pub command_id: Option<String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The body of an answer that must be 200.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The problem document of an answer that must have this status.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.kind, "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }
}

/// A client of one server.
pub struct Api {
    address: String,
    agent: Agent,
    token: Option<String>,
}

impl Api {
    pub fn new(address: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
        Self { address: address.to_owned(), agent: config.build().new_agent(), token: None }
    }

    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        answer(request.call().unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &body.to_string(), &[("Content-Type", "application/json")])
    }

    pub fn post_with(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        answer(request.send(body).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub fn patch(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers
            .iter()
            .fold(self.agent.patch(self.url(path)), |request, (name, value)| request.header(*name, *value));
        answer(request.send(body).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).call().unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// A request of any kind.
    pub fn send(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        answer(self.agent.run(request).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// What stands at a path, with its tag.
    pub fn tagged(&self, path: &str) -> (String, Value) {
        let response = self.agent.get(self.url(path)).call().unwrap_or_else(|error| panic!("{path}: {error}"));
        let tag = response.headers().get("etag").expect("a tag").to_str().expect("text").to_owned();
        (tag, answer(response).ok())
    }

    /// A request as it stands, for what a well-behaved client does not send. Gives status and body.
    pub fn raw(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        let text = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("an answer");
        let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, reply)
    }

    /// The stream of events, from now on.
    pub fn follow(&self, path: &str) -> Stream {
        self.follow_after(path, "")
    }

    /// Follows a stream behind the event with this id.
    pub fn follow_after(&self, path: &str, last: &str) -> Stream {
        let config = Agent::config_builder().timeout_recv_body(Some(LIMIT)).timeout_connect(Some(LIMIT));
        let mut request = config.build().new_agent().get(self.url(path));
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = request.call().expect("a stream");
        Stream { lines: BufReader::new(Box::new(response.into_body().into_reader())) }
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let id = response.headers().get("command-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let (status, kind, command_id) = (response.status().as_u16(), kind.to_owned(), id);
    let text = response.body_mut().with_config().limit(64 * 1024 * 1024).read_to_string().expect("text");
    Answer { status, kind, command_id, text }
}

/// Server-sent events.
pub struct Stream {
    lines: BufReader<Box<dyn Read>>,
}

/// One of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    pub event: String,
    pub data: String,
}

impl Stream {
    /// The next event; nothing when the server ends the stream.
    pub fn next_event(&mut self) -> Option<Sent> {
        let mut sent = Sent::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("the stream goes on or ends") == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                Some(("id", value)) => sent.id = value.trim().to_owned(),
                Some(("event", value)) => sent.event = value.trim().to_owned(),
                Some(("data", value)) => sent.data.push_str(value.trim()),
                _ if line.trim().is_empty() && !sent.data.is_empty() => return Some(sent),
                _ => {}
            }
        }
    }
}

/// A moment in which something that must not happen would have happened.
pub const MOMENT: Duration = Duration::from_millis(300);
