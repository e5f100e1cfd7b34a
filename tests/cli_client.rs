//! The commands that talk to a server, against one that answers what the test says.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "cli_client/commands.rs"]
mod commands;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a client sent: method and target, its headers in lower case, its body.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    headers: String,
    body: String,
}

/// A server on a port of its own that gives one answer after the other.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                seen.lock().unwrap().push(read_request(&stream));
                let mut stream = stream;
                // The client may have gone already.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a request");
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        if header.trim().is_empty() {
            break;
        }
        headers.push_str(&header.to_lowercase());
    }
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Request { line, headers, body: String::from_utf8(body).expect("text") }
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn json(body: &str) -> String {
    answer("200 OK", "application/json", body)
}

fn command(server: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    command.env_remove("WORLDTICK_TOKEN").env("WORLDTICK_SERVER", server).args(arguments).stdin(Stdio::null());
    command
}

fn run(server: &str, arguments: &[&str]) -> Output {
    command(server, arguments).output().expect("it runs")
}

fn out(run: &Output) -> String {
    String::from_utf8(run.stdout.clone()).expect("text")
}

fn err(run: &Output) -> String {
    String::from_utf8(run.stderr.clone()).expect("text")
}

const WORLDS: &str = r#"{"items":[{"world_id":"night-city","status":{"state":"running"},"clock":"live","time_scale":3600,
"now":"2077-01-01T05:00:00Z","inputs":12,"commit_no":34,"outstanding_ticks":1,"lag_seconds":0.25}]}"#;

#[test]
fn worlds_are_listed_as_a_table_as_csv_and_as_the_server_says_it() {
    let server = Server::start(vec![json(WORLDS), json(WORLDS), json(WORLDS)]);
    let table = run(&server.address, &["worlds", "list"]);
    assert_eq!(
        out(&table),
        "WORLD       STATE    CLOCK  TIME SCALE  GAME TIME             INPUTS  COMMIT  TICKS ON THEIR WAY  LAG S\n\
         night-city  running  live         3600  2077-01-01T05:00:00Z      12      34                   1   0.25\n"
    );
    let csv = out(&run(&server.address, &["worlds", "list", "--output", "csv"]));
    assert!(csv.ends_with("night-city,running,live,3600,2077-01-01T05:00:00Z,12,34,1,0.25\n"), "{csv}");
    let told: serde_json::Value =
        serde_json::from_str(&out(&run(&server.address, &["worlds", "list", "-o", "json"]))).expect("JSON");
    assert_eq!(told, serde_json::from_str::<serde_json::Value>(WORLDS).expect("JSON"));
    assert!(server.requests().iter().all(|request| request.line == "GET /api/v1/worlds"));
}

#[test]
fn worlds_are_steered() {
    let orders: [(&[&str], &str, &str); 7] = [
        (
            &["pause", "w", "--reason", "a look", "--until", "2030-01-01T00:00:00Z"],
            "pause",
            r#"{"reason":"a look","until":"2030-01-01T00:00:00Z"}"#,
        ),
        (&["resume", "w"], "resume", "{}"),
        (&["step", "w", "--game-seconds", "90"], "step", r#"{"game_seconds":90.0}"#),
        (&["step", "w", "--steps", "3"], "step", r#"{"steps":3}"#),
        (&["tick", "w", "--type", "daily"], "tick", r#"{"type":"daily"}"#),
        (&["reset", "w", "--yes"], "reset", "{}"),
        (&["recover", "w", "--action", "skip"], "recover", r#"{"action":"skip"}"#),
    ];
    let server = Server::start(orders.iter().map(|_| json(r#"{"status":{"state":"paused"}}"#)).collect());
    for (arguments, _, _) in orders {
        let run = run(&server.address, &[&["worlds", "--token", "t0ken"], arguments].concat());
        assert!(run.status.success(), "{arguments:?}: {}", err(&run));
        assert_eq!(out(&run), "status.state  paused\n");
    }
    for ((_, verb, body), request) in orders.iter().zip(server.requests()) {
        assert_eq!(request.line, format!("POST /api/v1/worlds/w/{verb}"));
        let sent: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(sent.to_string(), *body);
        assert!(request.headers.contains("authorization: bearer t0ken"), "{}", request.headers);
    }
    let ids: BTreeSet<String> =
        server.requests().iter().map(|request| commands::key_of(request).expect("an id")).collect();
    assert_eq!(ids.len(), orders.len(), "each is a command of its own");
}

#[test]
fn worlds_are_made_changed_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("w.yaml");
    std::fs::write(&file, "id: w\nclock: manual\nmeta:\n  simulation:\n    timeScale: 30\n").expect("written");
    let file = file.to_str().expect("text");
    let tagged = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"7\"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let changed = r#"{"dry_run":false,"changes":[{"pointer":"/timeScale","from":60.0,"to":120.0}]}"#;
    let applied = r#"{"dry_run":true,"changes":[{"pointer":"/meta/simulation/timeScale","from":60.0,"to":30.0,"effect":"in_place"},{"pointer":"/seed","from":1,"to":2,"effect":"reset"}]}"#;
    let history = r#"{"items":[{"recorded_at":"2030-01-01T00:00:00Z","changed_by":"anna","pointer":"/timeScale","from":60.0,"to":120.0}],"next":null}"#;
    let server = Server::start(vec![
        json(r#"{"world_id":"w"}"#),
        tagged.to_owned(),
        // Somebody was quicker: it is read and tried again.
        tagged.replace("200 OK", "412 Precondition Failed"),
        tagged.replace("\"7\"", "\"8\""),
        json(changed),
        json(applied),
        tagged.to_owned(),
        json(applied),
        json(history),
        json(r#"{"world_id":"w","removed":true}"#),
    ]);
    let worlds = |arguments: &[&str]| run(&server.address, &[&["worlds"], arguments].concat());
    assert_eq!(out(&worlds(&["create", file])), "world_id  w\n");
    let set = worlds(&["set", "w", "timeScale=120", "tiers.active.maxNpcs=7"]);
    assert_eq!(out(&set), "VALUE        FROM      TO\n/timeScale  60.00  120.00\n", "{}", err(&set));
    let apply = worlds(&["apply", file, "--dry-run"]);
    assert!(out(&apply).contains("/seed") && out(&apply).contains("in_place"), "{}", out(&apply));
    assert!(err(&apply).contains("1 of these have no effect until `worldtick worlds reset w`"), "{}", err(&apply));
    assert!(err(&apply).contains("nothing was changed"), "{}", err(&apply));
    assert!(worlds(&["apply", file]).status.success());
    assert!(out(&worlds(&["history", "w"])).contains("anna"));
    assert_eq!(worlds(&["delete", "w"]).status.code(), Some(2), "it wants to be confirmed");
    assert!(worlds(&["delete", "w", "--yes"]).status.success());
    let requests = server.requests();
    let lines: Vec<String> = requests.iter().map(|request| request.line.replace("/api/v1/worlds", "")).collect();
    assert_eq!(
        lines.join(", "),
        "POST , GET /w/simulation, PATCH /w/simulation, GET /w/simulation, PATCH /w/simulation, \
         POST /w/apply?dryRun=true, GET /w/simulation, POST /w/apply, GET /w/simulation/history, DELETE /w"
    );
    let sent: serde_json::Value = serde_json::from_str(&requests[0].body).expect("JSON");
    assert_eq!((&sent["id"], &sent["meta"]["simulation"]["timeScale"]), (&"w".into(), &30.0.into()), "{sent}");
    for (number, tag) in [(2, "7"), (4, "8"), (7, "7")] {
        let headers = &requests[number].headers;
        assert!(headers.contains(&format!("if-match: \"{tag}\"")), "{headers}");
    }
    assert!(requests[2].headers.contains("content-type: application/merge-patch+json"), "{}", requests[2].headers);
    assert_eq!(requests[2].body, r#"{"timeScale":120,"tiers":{"active":{"maxNpcs":7}}}"#);
}

#[test]
fn tasks_are_listed_and_run() {
    let tasks = r#"{"items":[{"name":"outbox","interval_seconds":60,"budget_seconds":2,"running":false,
        "next_run_at":"2030-01-01T00:01:00Z","runs":7,"failures":1,"last_error":"away","last_success_at":null,
        "last_run":{"started_at":"2030-01-01T00:00:00Z","took_seconds":0.5,"outcome":"done","did":"12 rows removed"}}]}"#;
    let ran = r#"{"started_at":"2030-01-01T00:00:00Z","took_seconds":0.5,"outcome":"done","did":"12 rows removed"}"#;
    let missing = answer("404 Not Found", "application/problem+json", r#"{"detail":"there is no task `x`"}"#);
    let server = Server::start(vec![json(tasks), json(ran), missing]);
    let csv = out(&run(&server.address, &["tasks", "list", "--output", "csv"]));
    assert_eq!(
        csv.lines().nth(1),
        Some("outbox,60,2030-01-01T00:01:00Z,2030-01-01T00:00:00Z,done,12 rows removed,7,1"),
        "{csv}"
    );
    let told = out(&run(&server.address, &["tasks", "run", "outbox"]));
    assert!(told.contains("did           12 rows removed\n"), "{told}");
    let refused = run(&server.address, &["tasks", "run", "x"]);
    assert!(!refused.status.success() && err(&refused).contains("there is no task"), "{}", err(&refused));
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /api/v1/tasks", "POST /api/v1/tasks/outbox/run", "POST /api/v1/tasks/x/run"]);
}

#[test]
fn npcs_are_listed_explained_and_steered() {
    let npcs = r#"{"items":[{"npcId":42,"name":"teo","tier":"active","activity":"work","place":"docks","energy":61.5}],"next":"42"}"#;
    let explained = r#"{"npcId":42,"name":"teo","tier":{"why":"it is active because priority rule 2 holds for it",
        "tier":"active","since":"2077-01-01T05:00:00Z","wish":{"tier":"active","priority":50,"reason":"rule","rule":2},
        "pin":null,"focus":[{"kind":"story","session":"s1","on":"npc","until":"2077-01-01T09:00:00Z"}],
        "turn":{"due":"2077-01-01T06:00:00Z","intervalSeconds":300,"waiting":true,"lateSeconds":90,
        "why":"3 NPCs of its tier are more overdue"}},
        "decision":{"nextDecisionAt":"2077-01-01T08:00:00Z","last":null,"now":{"at":"2077-01-01T06:01:30Z",
        "chosen":{"activity":"work","place":"docks"},"considered":[
        {"activity":"work","possible":true,"score":2.5,"chance":1.0,"ownFactors":1.0,"factors":{"baseWeight":2.0,
        "activityPreference":1.0,"categoryPreference":1.25,"traitModifier":1.0,"moodCompatibility":1.0,
        "relationshipBonus":1.0,"urgency":1.0,"inertia":1.0}},
        {"activity":"drink","possible":false,"because":"cooldown"}]}}}"#;
    let done = r#"{"npcId":42}"#;
    let answers = [npcs, explained, explained, done, done, done, done];
    let server = Server::start(answers.iter().map(|answer| json(answer)).collect());
    let npcs = |arguments: &[&str]| run(&server.address, &[&["npcs"], arguments].concat());
    let listed = npcs(&["list", "w", "--tier", "active", "--limit", "1"]);
    assert_eq!(
        out(&listed),
        "NPC  NAME  TIER    ACTIVITY  PLACE  ENERGY\n 42  teo   active  work      docks   61.50\n"
    );
    assert!(err(&listed).contains("more with --cursor 42"), "{}", err(&listed));
    let told = out(&npcs(&["explain", "w", "teo"]));
    for words in [
        "teo (npc-42): it is active because priority rule 2 holds for it\n",
        "  wish      active (rule 2, priority 50)\n",
        "  focus     story on its npc of session s1 until 2077-01-01T09:00:00Z\n",
        "due 2077-01-01T06:00:00Z (every 300 s), 90 s late: 3 NPCs of its tier are more overdue\n",
        "\nWould decide at 2077-01-01T06:01:30Z: work at docks\n",
    ] {
        assert!(told.contains(words), "{words}{told}");
    }
    let rows: Vec<Vec<&str>> = told.lines().rev().take(3).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(
        rows[1],
        ["work", "2.50", "1.00", "2.00", "1.00", "1.25", "1.00", "1.00", "1.00", "1.00", "1.00", "1.00", "-"]
    );
    assert_eq!((rows[0][0], *rows[0].last().unwrap(), rows[2][3]), ("drink", "cooldown", "BASE"));
    let whole: serde_json::Value =
        serde_json::from_str(&out(&npcs(&["explain", "w", "teo", "-o", "json"]))).expect("JSON");
    assert_eq!(whole, serde_json::from_str::<serde_json::Value>(explained).expect("JSON"));
    assert_eq!(out(&npcs(&["pin", "w", "a b", "detailed"])), "npcId  42\n");
    assert!(npcs(&["unpin", "w", "teo"]).status.success());
    let focus = ["focus", "w", "--kind", "player-location", "--place", "docks", "--for", "60", "--session", "s1"];
    assert!(npcs(&focus).status.success());
    assert!(npcs(&["focus", "w", "--kind", "scene", "--npc", "teo", "--npc", "mara", "--for", "60"]).status.success());
    assert_eq!(npcs(&["focus", "w", "--kind", "scene", "--for", "60"]).status.code(), Some(2), "whom?");
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/worlds/w/npcs?tier=active&limit=1",
            "GET /api/v1/worlds/w/npcs/teo/explain",
            "GET /api/v1/worlds/w/npcs/teo/explain",
            "POST /api/v1/worlds/w/npcs/a%20b/pin",
            "DELETE /api/v1/worlds/w/npcs/teo/pin",
            "POST /api/v1/worlds/w/focus",
            "POST /api/v1/worlds/w/focus",
        ]
    );
    let sent =
        |number: usize| serde_json::from_str::<serde_json::Value>(&requests[number].body).expect("JSON").to_string();
    assert_eq!(sent(3), r#"{"tier":"detailed"}"#);
    assert_eq!(sent(5), r#"{"kind":"player_location","ttlSeconds":60,"place":"docks","sessionId":"s1"}"#);
    assert_eq!(sent(6), r#"{"kind":"scene","ttlSeconds":60,"npcs":["teo","mara"]}"#);
}

#[test]
fn top_writes_one_frame_and_says_when_nobody_answers() {
    let look = |steps: u32| {
        json(&format!(
            r#"{{"items":[{{"world_id":"w","status":{{"state":"paused"}},"now":"2077-01-01T05:00:00Z","steps":{steps},
            "npcs":{{"detailed":1,"active":2,"ambient":3,"dormant":4}},"lag_seconds":0.0}}]}}"#
        ))
    };
    let server = Server::start(vec![look(1), look(9), look(1), look(9), look(1)]);
    let frame = run(&server.address, &["top", "--once", "--interval", "0.1"]);
    assert!(frame.status.success(), "{}", err(&frame));
    let lines: Vec<String> = out(&frame).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("1 worlds: 0 running, 1 paused, 0 faulted"), "{lines:?}");
    assert!(lines[1].starts_with("WORLD  STATE") && lines[1].ends_with("DORMANT"), "{lines:?}");
    assert!(lines[2].starts_with("w      paused") && lines[2].ends_with("4"), "{lines:?}");
    let rows = out(&run(&server.address, &["top", "--interval", "0.1", "--output", "json"]));
    let rows: serde_json::Value = serde_json::from_str(&rows).expect("JSON");
    assert!(rows[0]["steps_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{rows}");
    // The server is gone after the first look.
    let gone = run(&server.address, &["top", "--once", "--interval", "0.1"]);
    assert_eq!(gone.status.code(), Some(69), "{}", err(&gone));
    let piped = run(&server.address, &["top"]);
    assert_eq!(piped.status.code(), Some(2));
    assert!(err(&piped).contains("--once"), "{}", err(&piped));
}

#[test]
fn what_throws_state_away_wants_to_be_confirmed() {
    let refused = run("http://127.0.0.1:1", &["worlds", "reset", "w"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("--yes"), "{}", err(&refused));
}

#[test]
fn markets_of_every_world_are_listed_and_one_has_a_history() {
    let markets = r#"{"items":[{"market_id":"market-Food","commodity":"Food","price":10.5,"volume":150,"bids_unfilled":3,"asks_unfilled":0,"game_time":"2077-01-01T05:00:00Z"}]}"#;
    let history = r#"{"items":[{"game_time":"2077-01-01T05:00:00Z","price":10.5,"volume":150,"bids_unfilled":3,"asks_unfilled":0,"tick_id":"t"}],"next":"41"}"#;
    let server = Server::start(vec![json(WORLDS), json(markets), json(history)]);
    let list = out(&run(&server.address, &["markets", "list"]));
    assert!(
        list.lines().nth(1).is_some_and(|row| row.starts_with("night-city  market-Food  Food       10.50     150")),
        "{list}"
    );
    let shown =
        run(&server.address, &["markets", "show", "night-city", "market Food", "--limit", "1", "--before", "42"]);
    assert!(err(&shown).contains("more with --before 41"), "{}", err(&shown));
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/worlds",
            "GET /api/v1/worlds/night-city/markets",
            "GET /api/v1/worlds/night-city/markets/market%20Food?limit=1&before=42",
        ]
    );
}

#[test]
fn ticks_are_listed_with_filters() {
    let ticks = r#"{"items":[{"tick_id":"t","tick_type":"hourly","world_id":"w","outcome":"duplicate"}],"next":"c2"}"#;
    let server = Server::start(vec![json(ticks)]);
    let shown = run(
        &server.address,
        &["ticks", "list", "--world", "w", "--type", "hourly", "--outcome", "duplicate", "--cursor", "c1"],
    );
    assert!(out(&shown).contains("duplicate") && err(&shown).contains("--cursor c2"));
    assert_eq!(server.requests()[0].line, "GET /api/v1/ticks?world=w&type=hourly&outcome=duplicate&limit=50&cursor=c1");
}

#[test]
fn refusals_become_words_and_exit_codes() {
    let problem = |status: &str, body: &str| answer(status, "application/problem+json", body);
    let cases = [
        (
            problem("404 Not Found", r#"{"title":"No such world","status":404,"detail":"there is no world `w`"}"#),
            1,
            "No such world: there is no world `w`",
        ),
        (
            problem(
                "422 Unprocessable",
                r#"{"title":"Bad request","errors":[{"pointer":"/steps","code":"range","detail":"at most 10"}]}"#,
            ),
            65,
            "/steps: at most 10",
        ),
        (problem("401 Unauthorized", r#"{"title":"A token is needed"}"#), 1, "WORLDTICK_TOKEN"),
        (problem("503 Service Unavailable", r#"{"title":"Not ready"}"#), 69, "Not ready"),
        (answer("200 OK", "text/html", "<html>"), 1, "is no JSON"),
    ];
    for (answer, code, words) in cases {
        let server = Server::start(vec![answer]);
        let run = run(&server.address, &["worlds", "show", "w"]);
        assert_eq!(run.status.code(), Some(code), "{}", err(&run));
        assert!(err(&run).contains(words) && out(&run).is_empty(), "{}", err(&run));
    }
    let nobody = run("127.0.0.1:1", &["worlds", "list"]);
    assert_eq!(nobody.status.code(), Some(69));
    assert!(err(&nobody).contains("worldtick serve"), "{}", err(&nobody));
    assert_eq!(run("ftp://x", &["worlds", "list"]).status.code(), Some(2));
}

fn event(number: u32) -> String {
    format!(
        r#"{{"event_id":"e{number}","event_type":"simulation.event.market_cleared","timestamp":"2077-01-01T0{number}:00:00Z","world_id":"w","commodity":"Food","price":10.5}}"#
    )
}

fn stream(numbers: &[u32]) -> String {
    let events: String = numbers
        .iter()
        .map(|n| format!("id: {n}.0.0\nevent: simulation.event.market_cleared\ndata: {}\n\n", event(*n)))
        .collect();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\n\n{events}")
}

#[test]
fn events_are_followed_across_a_broken_connection() {
    let latest =
        format!(r#"{{"items":[{{"cursor":"2.0.0","body":{}}},{{"cursor":"1.0.0","body":{}}}]}}"#, event(2), event(1));
    let server = Server::start(vec![json(&latest), stream(&[3, 4]), stream(&[5, 6])]);
    let run = run(&server.address, &["events", "tail", "--last", "2", "--count", "5", "--world", "w"]);
    assert!(run.status.success(), "{}", err(&run));
    let lines: Vec<String> =
        (1..=5).map(|n| format!("2077-01-01T0{n}:00:00Z  w  market_cleared  commodity=Food price=10.50\n")).collect();
    assert_eq!(out(&run), lines.concat());
    assert!(err(&run).contains("the stream has broken"), "{}", err(&run));
    let requests = server.requests();
    assert_eq!(requests[0].line, "GET /api/v1/events?world=w&limit=2");
    assert_eq!(requests[1].line, "GET /api/v1/events/stream?world=w");
    assert!(requests[1].headers.contains("last-event-id: 2.0.0"), "{}", requests[1].headers);
    assert!(requests[2].headers.contains("last-event-id: 4.0.0"), "{}", requests[2].headers);
}

#[test]
fn events_are_json_lines_for_programs_and_end_without_following() {
    let server = Server::start(vec![json(&format!(r#"{{"items":[{}]}}"#, event(1)))]);
    let run = run(&server.address, &["events", "tail", "--follow=false", "--output", "json"]);
    assert!(run.status.success());
    assert_eq!(out(&run), format!("{}\n", event(1)));
}

#[test]
fn ctrl_c_ends_following_cleanly() {
    // The stream stays open: the server keeps its connection until the test has ended.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut child =
        command(&address, &["events", "tail", "--last", "0"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let (mut open, _) = listener.accept().expect("a connection");
    read_request(&open);
    open.write_all(stream(&[1]).as_bytes()).expect("sent");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.contains("market_cleared"));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn health_asks_the_server_that_has_the_same_environment() {
    let server = Server::start(vec!["HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nready\n".into()]);
    let port = server.address.rsplit(':').next().expect("a port");
    let mut command = command("", &["health"]);
    command.env_remove("WORLDTICK_SERVER").env("WORLDTICK_ADMIN_LISTEN", format!("0.0.0.0:{port}"));
    let run = command.output().expect("it runs");
    assert!(run.status.success(), "{}", err(&run));
    assert_eq!((out(&run).as_str(), server.requests()[0].line.as_str()), ("ready\n", "GET /readyz"));
}
