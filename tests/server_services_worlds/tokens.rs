//! Tokens in PostgreSQL.

use std::time::Instant;

use serde_json::{Value, json};
use worldtick::config::Secret;
use worldtick::plugins::admin::BELIEVED_FOR;

use crate::bridge_support::{LIMIT, wait_for};
use crate::server_support::{TestServer, world};
use crate::services::{Rows, Services, sql};

const ROOT: &str = "open sesame";

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

#[test]
fn tokens_are_made_used_and_revoked_on_postgresql_and_outlive_the_server() {
    let Some(services) = Services::named() else { return };
    let url = services.url();
    let of_config = url.clone();
    // The broker inside the process will do.
    let mut server = TestServer::start_with(&[world("hand", "manual")], move |config| {
        config.store.url = Some(Secret::new(of_config.clone()));
        config.admin.token = Some(Secret::new(ROOT));
        config.admin.open_on_loopback = false;
    });
    let root = |server: &TestServer| server.api().token(ROOT);
    let make = |server: &TestServer, name: &str, scopes: &[&str]| -> String {
        let made = root(server).post("/api/v1/tokens", &json!({"name": name, "scopes": scopes}));
        assert_eq!(made.status, 201, "{}", made.text);
        root(server).post("/api/v1/tokens", &json!({"name": name, "scopes": scopes})).problem(409);
        made.json()["token"].as_str().expect("a token").to_owned()
    };
    let hands = make(&server, "hands", &["read", "operate"]);
    let planner = make(&server, "planner", &["read", "config:write"]);
    let secret = hands.rsplit('_').next().expect("a secret").to_owned();
    let stored = Rows::Postgres(url.clone()).of("SELECT token_id || name || scopes || hash || created_by FROM token");
    assert!(stored.len() == 2 && !stored.concat().concat().contains(&secret), "only hashes are stored: {stored:?}");

    let pause = |server: &TestServer, token: &str| {
        server.api().token(token).post("/api/v1/worlds/hand/pause", &json!({"reason": "lunch"}))
    };
    assert_eq!(pause(&server, &planner).problem(403)["required_scope"], "operate");
    pause(&server, &hands).ok();
    let listed = |server: &TestServer| -> Vec<Value> {
        let fields = ["name", "scopes", "state", "revoked_by"];
        let mut all = items(&root(server).get("/api/v1/tokens").ok());
        all.sort_by_key(|token| token["name"].to_string());
        all.iter().map(|token| fields.iter().map(|field| token[*field].clone()).collect()).collect()
    };
    assert_eq!(
        listed(&server),
        [
            json!(["hands", ["read", "operate"], "active", null]),
            json!(["planner", ["read", "config:write"], "active", null]),
        ]
    );
    wait_for("its use is noted", || {
        let all = items(&root(&server).get("/api/v1/tokens").ok());
        all.iter().find(|token| token["name"] == "hands")?["last_used_at"].as_str().map(drop)
    });
    root(&server).post("/api/v1/tokens/planner/revoke", &json!({})).ok();
    server.api().token(&planner).get("/api/v1/worlds").problem(401);

    // Both are what they were.
    server.restart();
    assert_eq!(
        listed(&server),
        [
            json!(["hands", ["read", "operate"], "active", null]),
            json!(["planner", ["read", "config:write"], "revoked", "configured"]),
        ]
    );
    server.api().token(&planner).get("/api/v1/worlds").problem(401);
    let api = server.api().token(&hands);
    assert_eq!(api.get("/api/v1/worlds/hand").ok()["status"]["by"], "hands", "and what was done is in its name");
    api.post("/api/v1/worlds/hand/resume", &json!({})).ok();
    let rows = items(&root(&server).get("/api/v1/audit?who=hands").ok());
    let routes: Vec<&str> = rows.iter().filter_map(|row| row["route"].as_str()).collect();
    assert_eq!(routes, ["/api/v1/worlds/{world}/resume", "/api/v1/worlds/{world}/pause"], "newest first");
    let rows = items(&root(&server).get("/api/v1/audit?who=planner").ok());
    assert_eq!((&rows[0]["outcome"], &rows[0]["status"]), (&"refused".into(), &403.into()), "{rows:?}");

    // Revoked behind the server's back, it is refused within the bound.
    let began = Instant::now();
    sql(&url, "UPDATE token SET revoked_at = 1, revoked_by = 'psql' WHERE name = 'hands'");
    wait_for("it is refused", || (api.get("/api/v1/worlds").status == 401).then_some(()));
    assert!(began.elapsed() < BELIEVED_FOR + LIMIT / 6, "{:?}", began.elapsed());
}
