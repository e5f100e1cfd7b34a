//! Who may what over the admin API, and what the audit says of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::bridge_support::{LIMIT, wait_for};
use crate::process::{Process, folder_with};
use crate::program::program;
use crate::server_support::{TestServer, world};
use crate::token_support::{ROOT, WorldState as _, audit, items, make, root, server};
use jiff::Timestamp;
use serde_json::{Value, json};
use worldtick::plugins::admin::BELIEVED_FOR;
use worldtick::plugins::admin::routes::{self, RouteSpec};
use worldtick::plugins::admin::scope::Scope;

/// What a busy machine may add to a bound.
const SLACK: Duration = Duration::from_secs(10);

/// The first line of an answer as a status, and the body where there is one to wait for.
fn ask(server: &TestServer, route: &RouteSpec, token: Option<&str>) -> (u16, String) {
    let values = [("{world}", "hand"), ("{market}", "market-Food"), ("{agent}", "1"), ("{token}", "nobody")];
    let path = values.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value));
    let path = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
    let bearer = token.map(|token| format!("\r\nAuthorization: Bearer {token}")).unwrap_or_default();
    let head = format!("{} /api/v1{path} HTTP/1.1\r\nHost: localhost{bearer}", route.method);
    if !route.path.ends_with("/stream") {
        return server.api().raw(&head, "");
    }
    let mut stream = TcpStream::connect(server.running().admin_address()).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("set");
    write!(stream, "{head}\r\n\r\n").expect("sent");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    (line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), String::new())
}

/// What nobody without the scope may have changed.
fn state(server: &TestServer) -> Value {
    let world = root(server).get("/api/v1/worlds/hand").ok();
    let tokens: Vec<Value> = items(&root(server).get("/api/v1/tokens").ok())
        .iter()
        .map(|token| json!([token["name"], token["state"], token["scopes"]]))
        .collect();
    json!([world["status"], world["now"], world["inputs"], world["incarnation"], tokens])
}

#[test]
fn every_route_wants_its_scope_and_a_refusal_changes_nothing() {
    let server = server();
    let tokens: Vec<(Scope, String)> = Scope::ALL
        .into_iter()
        .map(|scope| (scope, make(&root(&server), &format!("only-{}", scope.as_str().replace(':', "-")), &[scope])))
        .collect();
    let routes = routes::all();
    assert!(routes.len() >= 36, "{}", routes.len());
    let before = state(&server);
    for route in &routes {
        let (status, reply) = ask(&server, route, None);
        assert_eq!(status, 401, "{route:?}: {reply}");
        for (scope, token) in tokens.iter().filter(|(scope, _)| !scope.covers(route.scope)) {
            let (status, reply) = ask(&server, route, Some(token));
            assert_eq!(status, 403, "{route:?} with {scope}: {reply}");
            if !route.path.ends_with("/stream") {
                assert!(reply.contains("application/problem+json"), "{reply}");
                assert!(reply.contains(&format!("\"required_scope\":\"{}\"", route.scope)), "{reply}");
                assert!(reply.contains("insufficient_scope"), "{reply}");
            }
        }
    }
    assert_eq!(state(&server), before, "nothing of it has done anything");
    for route in &routes {
        for (scope, token) in tokens.iter().filter(|(scope, _)| scope.covers(route.scope)) {
            let (status, reply) = ask(&server, route, Some(token));
            assert!(status != 401 && status != 403 && status < 500, "{route:?} with {scope}: {status} {reply}");
        }
    }
    // HEAD is GET; nothing answers OPTIONS, so no page from elsewhere may ask.
    let raw = |method: &str, token: &str| {
        server.api().raw(&format!("{method} /api/v1/worlds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}"), "").0
    };
    assert_eq!((raw("HEAD", "nobody"), raw("HEAD", &tokens[0].1), raw("OPTIONS", &tokens[3].1)), (401, 200, 405));
}

#[test]
fn a_command_by_its_name_wants_the_scope_of_its_route() {
    let server = server();
    let api = root(&server);
    let hands = server.api().token(&make(&api, "hands", &[Scope::Operate]));
    let planner = server.api().token(&make(&api, "planner", &[Scope::ConfigWrite]));
    let path = "/api/v1/worlds/hand/commands";
    let order = |name: &str, payload: Value| json!({ "command": name, "payload": payload });
    let configure = order("world.configure", json!({ "patch": { "timeScale": 2 } }));
    for (who, body, needed) in [
        (&hands, &order("world.unregister", json!({})), "admin"),
        (&hands, &order("world.register", json!({ "world": { "id": "new" } })), "admin"),
        (&hands, &configure, "config:write"),
        (&planner, &order("world.pause", json!({})), "operate"),
    ] {
        assert_eq!(who.post(path, body).problem(403)["required_scope"], needed, "{body}");
    }
    assert_eq!(server.world_state(), "running");
    let row = audit(&api, "who=hands")[0].clone();
    assert_eq!((&row["outcome"], &row["status"], &row["world_id"]), (&"refused".into(), &403.into(), &"hand".into()));
    // Who has no leave to operate gives no command, even one that would want what he has.
    assert_eq!(planner.post(path, &configure).problem(403)["required_scope"], "operate");
    let both = server.api().token(&make(&api, "both", &[Scope::Operate, Scope::ConfigWrite]));
    both.post(path, &configure).ok();
    assert_eq!(api.get("/api/v1/worlds/hand/simulation").ok()["timeScale"], 2.0);
    assert_eq!(items(&api.get("/api/v1/worlds/hand/simulation/history").ok())[0]["changed_by"], "both");
    let given = items(&api.get(path).ok());
    assert_eq!((&given[0]["command"], &given[0]["issued_by"]), (&"world.configure".into(), &"both".into()));
}

#[test]
fn a_token_acts_in_its_own_name_and_worlds_are_in_the_audit_by_theirs() {
    let server = server();
    let api = root(&server);
    let hands = make(&api, "hands", &[Scope::Operate]);
    let head = format!(
        "POST /api/v1/worlds/hand/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hands}\r\n\
         X-Issued-By: anna\r\nContent-Type: application/json"
    );
    let (status, reply) = api.raw(&head, &json!({ "by": "bob", "reason": "lunch" }).to_string());
    assert_eq!(status, 200, "{reply}");
    assert_eq!(api.get("/api/v1/worlds/hand").ok()["status"]["by"], "hands");
    assert_eq!(items(&api.get("/api/v1/worlds/hand/commands").ok())[0]["issued_by"], "hands");
    server.api().token(&hands).post("/api/v1/worlds/hand/resume", &json!({})).ok();
    // The configured token is nobody's own: there it is believed.
    api.post("/api/v1/worlds/hand/pause", &json!({ "by": "bob" })).ok();
    assert_eq!(api.get("/api/v1/worlds/hand").ok()["status"]["by"], "bob");

    let head = format!(
        "POST /api/v1/worlds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ROOT}\r\nContent-Type: application/yaml"
    );
    let (status, reply) = api.raw(&head, "id: fresh\nclock: manual\n");
    assert_eq!(status, 201, "{reply}");
    let head = format!("DELETE /api/v1/worlds/fresh HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ROOT}");
    assert_eq!(api.raw(&head, "").0, 200);
    let rows = audit(&api, "world=fresh");
    let told: Vec<_> = rows.iter().map(|row| (row["method"].as_str(), row["scope"].as_str(), &row["status"])).collect();
    assert_eq!(
        told,
        [(Some("DELETE"), Some("admin"), &200.into()), (Some("POST"), Some("admin"), &201.into())],
        "{rows:?}"
    );
}

#[test]
fn a_token_is_shown_once_used_named_and_revoked_at_once() {
    let server = server();
    let api = root(&server);
    let head = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ROOT}\r\nContent-Type: application/json"
    );
    let (status, reply) = api.raw(&head, &json!({"name": "ci", "scopes": ["operate"]}).to_string());
    assert_eq!(status, 201, "{reply}");
    assert!(reply.to_lowercase().contains("cache-control: no-store"), "{reply}");
    let made: Value = serde_json::from_str(reply.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    let text = made["token"].as_str().expect("a token").to_owned();
    assert_eq!((&made["created_by"], &made["state"]), (&"configured".into(), &"active".into()));
    let secret = text.rsplit('_').next().expect("a secret");
    assert_eq!(secret.len(), 64, "256 bits");

    let ci = server.api().token(&text);
    ci.post("/api/v1/worlds/hand/pause", &json!({"reason": "lunch"})).ok();
    let rows = audit(&api, "who=ci");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["outcome"], "done");
    assert_eq!((&rows[0]["status"], &rows[0]["scope"]), (&200.into(), &"operate".into()));
    assert_eq!((&rows[0]["world_id"], &rows[0]["token_id"]), (&"hand".into(), &made["id"]));
    assert_eq!((&rows[0]["method"], &rows[0]["source"]), (&"POST".into(), &"127.0.0.1".into()));
    assert_eq!(rows[0]["route"], "/api/v1/worlds/{world}/pause");
    assert_eq!(rows[0]["summary"]["body"]["reason"], "lunch");
    wait_for("its use is noted", || items(&api.get("/api/v1/tokens").ok())[0]["last_used_at"].as_str().map(drop));

    // Nothing that anybody reads again holds the secret.
    for path in ["/api/v1/tokens", "/api/v1/audit", "/metrics"] {
        assert!(!api.get(path).text.contains(secret), "{path}");
    }
    let stored = server.query_store("SELECT token_id || name || scopes || hash || created_by FROM token");
    assert!(stored.len() == 1 && !stored[0][0].contains(secret), "{stored:?}");

    api.post("/api/v1/tokens", &json!({"name": "ci", "scopes": ["read"]})).problem(409);
    for (body, pointer) in [
        (json!({"name": "", "scopes": ["read"]}), "/name"),
        (json!({"name": "a b", "scopes": ["read"]}), "/name"),
        (json!({"name": "a\u{0}", "scopes": ["read"]}), "/name"),
        (json!({"name": "loopback", "scopes": ["read"]}), "/name"),
        (json!({"name": "x", "scopes": []}), "/scopes"),
        (json!({"name": "x", "scopes": ["root"]}), "/scopes"),
        (json!({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
    ] {
        let problem = api.post("/api/v1/tokens", &body).problem(422);
        assert!(problem["errors"][0]["pointer"].as_str().unwrap().starts_with(pointer), "{problem}");
    }
    assert_eq!(items(&api.get("/api/v1/tokens").ok()).len(), 1);

    // At once: the very next request.
    let revoked = api.post("/api/v1/tokens/ci/revoke", &json!({})).ok();
    assert_eq!((&revoked["state"], &revoked["revoked_by"]), (&"revoked".into(), &"configured".into()));
    let problem = ci.get("/api/v1/worlds").problem(401);
    assert!(problem["detail"].as_str().unwrap().contains("`ci` was revoked"), "{problem}");
    let again = api.post(&format!("/api/v1/tokens/{}/revoke", made["id"].as_str().unwrap()), &json!({})).ok();
    assert_eq!(again["revoked_at"], revoked["revoked_at"], "twice is once");
    api.post("/api/v1/tokens/nobody/revoke", &json!({})).problem(404);
    api.post("/api/v1/tokens/a%00b/revoke", &json!({})).problem(404);
    // The name is free again, and the one before stays revoked.
    let next = make(&api, "ci", &[Scope::Read]);
    assert_eq!(server.api().token(&next).get("/api/v1/worlds").status, 200);
    assert_eq!(ci.get("/api/v1/worlds").status, 401);
    // The right id with another's secret proves nothing, and is told nothing.
    let (mixed, _) = next.rsplit_once('_').expect("a token");
    let problem = server.api().token(&format!("{mixed}_{secret}")).get("/api/v1/worlds").problem(401);
    assert!(!problem["detail"].as_str().unwrap().contains("ci"), "{problem}");
}

#[test]
fn a_token_ends_when_its_time_is_over_and_scopes_of_another_version_allow_nothing() {
    let mut server = server();
    let expires_at = (Timestamp::now() + Duration::from_secs(3)).to_string();
    let body = json!({"name": "short", "scopes": ["read"], "expires_at": expires_at});
    let made = root(&server).post("/api/v1/tokens", &body).json();
    let short = server.api().token(made["token"].as_str().expect("a token"));
    wait_for("it has expired", || {
        let answer = short.get("/api/v1/worlds");
        let is_over = Timestamp::now().to_string() >= expires_at;
        assert!(is_over || answer.status == 200, "not before its time: {}", answer.text);
        (answer.status == 401).then(|| assert!(answer.text.contains("expired"), "{}", answer.text))
    });
    let odd = make(&root(&server), "odd", &[Scope::Admin]);
    server.stop();
    server.change_store("UPDATE token SET scopes = 'superuser' WHERE name = 'odd'");
    server.begin();
    let problem = server.api().token(&odd).get("/api/v1/worlds").problem(403);
    assert_eq!(problem["required_scope"], "read");
}

#[test]
fn a_token_that_another_process_revokes_is_refused_within_the_bound() {
    let server = server();
    let text = make(&root(&server), "remote", &[Scope::Read]);
    let api = server.api().token(&text);
    api.get("/api/v1/worlds").ok();
    let mut stream = api.follow("/api/v1/events/stream");
    server.change_store("UPDATE token SET revoked_at = 1, revoked_by = 'psql' WHERE name = 'remote'");
    let began = Instant::now();
    wait_for("it is refused", || (api.get("/api/v1/worlds").status == 401).then_some(()));
    assert!(began.elapsed() < BELIEVED_FOR + SLACK, "{:?}", began.elapsed());
    assert!(stream.next_event().is_none(), "a stream ends");
    assert!(began.elapsed() < BELIEVED_FOR * 2 + SLACK, "{:?}", began.elapsed());
}

#[test]
fn headers_that_are_no_token_are_refused_and_harm_nobody() {
    let server = server();
    let api = root(&server);
    let good = make(&api, "good", &[Scope::Admin]);
    let upper = good.to_uppercase();
    let long = "x".repeat(300_000);
    let raw =
        |lines: &str| api.raw(&format!("POST /api/v1/worlds/hand/pause HTTP/1.1\r\nHost: localhost\r\n{lines}"), "");
    for value in ["", "Bearer", "Bearer ", "Basic b3BlbjpzZXNhbWU=", &good, &format!("Bearer {upper}"), &long] {
        let (status, reply) = raw(&format!("Authorization: {value}"));
        assert_eq!(status, 401, "{}: {reply}", value.chars().take(50).collect::<String>());
        assert!(reply.to_lowercase().contains("www-authenticate: bearer"), "{reply}");
    }
    let forged = format!("wt_{}_{}", "0".repeat(16), "0".repeat(64));
    for token in [&forged[..], "wt_' OR 1=1 --_x", "wt__", &format!("{good}0"), &format!("{good} {good}"), "\u{e9}"] {
        assert_eq!(raw(&format!("Authorization: Bearer {token}")).0, 401, "{token}");
    }
    // Two of them, even if both are right.
    let two = format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}");
    assert_eq!(raw(&two).0, 401);
    // No header can hold a NUL: the connection says so.
    assert_eq!(raw(&format!("Authorization: Bearer {good}\0")).0, 400);
    assert_eq!(server.world_state(), "running");
    // A scheme has no case.
    assert_eq!(raw(&format!("Authorization: bEARER {good}")).0, 200);
    assert_eq!(server.world_state(), "paused");
}

#[test]
fn on_loopback_nobody_needs_a_token_but_one_that_is_sent_is_judged() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    api.post("/api/v1/worlds/hand/pause", &json!({})).ok();
    assert_eq!(audit(&api, "who=loopback&world=hand")[0]["outcome"], "done");
    let reader = server.api().token(&make(&api, "reader", &[Scope::Read]));
    reader.get("/api/v1/worlds").ok();
    reader.post("/api/v1/worlds/hand/resume", &json!({})).problem(403);
    server.api().token("made up").get("/api/v1/worlds").problem(401);
    assert_eq!(server.world("hand")["status"]["state"], "paused");
}

fn run(folder: &Path, token: &str, arguments: &[&str]) -> Output {
    program(folder, arguments).env("WORLDTICK_TOKEN", token).output().expect("it runs")
}

#[test]
fn the_first_token_is_made_offline_and_makes_the_others() {
    let folder = folder_with(&[world("hand", "manual")]);
    let folder = folder.path();
    let create = ["tokens", "create", "first", "--scope", "admin", "--offline", "-o", "json"];
    let made = run(folder, "", &create);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let first = made["token"].as_str().expect("a token");
    let twice = run(folder, "", &create);
    assert_eq!(twice.status.code(), Some(1), "{}", String::from_utf8_lossy(&twice.stderr));
    for wrong in [
        &["tokens", "create", "x"][..],
        &["tokens", "create", "x", "--scope", "root"],
        &["tokens", "create", "x", "--scope", "read", "--expires", "-1d"],
    ] {
        assert_eq!(run(folder, "", wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(run(folder, "", &["tokens", "create", "a b", "--scope", "read", "--offline"]).status.code(), Some(65));

    let mut process = Process::start(folder, &["--set", "admin.open_on_loopback=false"]);
    let (api, _) = process.ready();
    api.get("/api/v1/worlds").problem(401);
    api.token(first).get("/api/v1/worlds").ok();
    let api = process.api();
    let address = process.line("the admin API", |line| {
        line.trim().strip_prefix("admin API ").map(|rest| rest.trim().trim_end_matches("/api/v1").to_owned())
    });
    drop(api);
    let told = |token: &str, arguments: &[&str]| {
        let done = run(folder, token, &[arguments, &["--server", &address]].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let refused = run(folder, "", &["tokens", "create", "second", "--scope", "admin", "--offline"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("in use") && words.contains("--offline"), "{words}");

    let (code, out, err) = told(first, &["tokens", "create", "eye", "--scope", "read", "--expires", "90d"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("not shown again"), "{err}");
    let eye = out.lines().find_map(|line| line.strip_prefix("token ")).expect("a token").trim().to_owned();
    assert_eq!(told(&eye, &["worlds", "list"]).0, Some(0));
    let (code, _, err) = told(&eye, &["worlds", "pause", "hand"]);
    assert!(code == Some(1) && err.contains("`operate`"), "{err}");
    let (code, out, err) = told(first, &["tokens", "list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("offline") && out.contains("eye") && !out.contains(&eye), "{out}");
    assert_eq!(told(first, &["tokens", "revoke", "eye"]).0, Some(0));
    assert_eq!(told(&eye, &["worlds", "list"]).0, Some(1));
    let (code, out, err) = told(first, &["audit", "list"]);
    assert_eq!(code, Some(0), "{err}");
    for part in ["tokens create --offline", "/api/v1/tokens/{token}/revoke", "first", "offline", "409"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (_, out, _) = told(first, &["audit", "list", "--who", "offline", "--outcome", "done", "-o", "json"]);
    assert_eq!(items(&serde_json::from_str(&out).expect("JSON")).len(), 1, "{out}");
}

#[test]
fn beyond_this_machine_stored_tokens_are_enough_where_everybody_needs_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |more: &[&str]| {
        let arguments = [&["config", "check", "--set", "admin.listen=0.0.0.0:8080"], more].concat();
        program(folder.path(), &arguments).output().expect("it runs").status.code()
    };
    assert_eq!(check(&[]), Some(78));
    assert_eq!(check(&["--set", "admin.open_on_loopback=false"]), Some(0));
}
