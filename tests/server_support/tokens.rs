//! A server that wants tokens, and whoever may do everything there.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of tests; each file uses a part of them")]

use serde_json::{Value, json};
use worldtick::config::Secret;
use worldtick::plugins::admin::scope::Scope;

use crate::server_support::http::Api;
use crate::server_support::{TestServer, world};

pub const ROOT: &str = "open sesame";

pub fn server() -> TestServer {
    TestServer::start_with(&[world("hand", "manual")], |config| config.admin.token = Some(Secret::new(ROOT)))
}

pub fn root(server: &TestServer) -> Api {
    server.api().token(ROOT)
}

pub fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

/// Makes a token and gives its text.
pub fn make(api: &Api, name: &str, scopes: &[Scope]) -> String {
    let made = api.post("/api/v1/tokens", &json!({ "name": name, "scopes": scopes }));
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["token"].as_str().expect("a token").to_owned()
}

pub fn audit(api: &Api, query: &str) -> Vec<Value> {
    items(&api.get(&format!("/api/v1/audit?{query}")).ok())
}

/// The state of the world of [`server`].
pub trait WorldState {
    fn world_state(&self) -> String;
}

impl WorldState for TestServer {
    fn world_state(&self) -> String {
        let world = root(self).get("/api/v1/worlds/hand").ok();
        world["status"]["state"].as_str().expect("a state").to_owned()
    }
}
