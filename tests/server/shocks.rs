//! Shocks in a living world: over HTTP and on the command line.

use crate::bridge_support::wait_for;
use crate::program::program;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, metric, world};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/worlds/hand/shocks";

fn tick(api: &Api) {
    api.post("/api/v1/worlds/hand/tick", &json!({})).ok();
}

fn shocks(api: &Api) -> Vec<Value> {
    api.get(PATH).ok()["items"].as_array().expect("items").clone()
}

fn locusts() -> Value {
    json!({"id": "locusts", "kind": "yield", "commodity": "Food", "factor": 0.5, "durationHours": 2})
}

/// What was told of shocks: name and phase.
///
/// By the store: it keeps what the broker of the tests forgets when its server stops.
fn told(api: &Api) -> Vec<(String, String)> {
    let text = |event: &Value, name: &str| event["body"][name].as_str().expect("text").to_owned();
    let events = api.get("/api/v1/events?world=hand&type=simulation.event.market_shock").ok();
    let events = events["items"].as_array().expect("items").iter();
    // Newest first.
    events.rev().map(|event| (text(event, "shock_id"), text(event, "phase"))).collect()
}

#[test]
fn shocks_are_added_listed_and_ended_over_http() {
    let mut server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    assert_eq!(shocks(&api), Vec::<Value>::new());
    let before = server.world("hand")["state_hash"].clone();
    let refused = api.post(PATH, &json!({"kind": "need", "commodity": "Food", "factor": 99, "durationHours": 2}));
    let words = refused.problem(422);
    assert!(words.to_string().contains("/factor"), "{words}");
    // What only the world can know it says itself.
    let refused = api.post(PATH, &json!({"kind": "need", "commodity": "Wood", "factor": 2, "durationHours": 2}));
    let words = refused.problem(422);
    assert!(words.to_string().contains("nobody needs it, so a factor changes nothing"), "{words}");
    api.post(PATH, &json!({"kind": "import", "commodity": "Gold", "quantity": 0, "price": 0, "durationHours": 2}))
        .problem(422);
    api.delete(&format!("{PATH}/locusts")).problem(404);
    api.get("/api/v1/worlds/nobody/shocks").problem(404);
    assert_eq!(server.world("hand")["state_hash"], before, "nothing has changed");

    let added = api.post(PATH, &locusts());
    assert_eq!((added.status, &added.json()["state"]), (201, &json!("to_come")), "{}", added.text);
    api.post(PATH, &locusts()).problem(409);
    let started = |text: &str| metric(text, r#"worldtick_economy_shocks_total{kind="yield",phase="started"}"#);
    tick(&api);
    let counted = wait_for("it is counted", || Some(api.get("/metrics").text).filter(|text| started(text) >= 1.0));
    assert!(started(&counted) >= 1.0);
    let refused = metric(&counted, r#"worldtick_economy_shocks_total{kind="import",phase="refused"}"#);
    assert!(refused >= 1.0, "those that were refused are counted as well: {refused}");
    let listed = shocks(&api);
    assert_eq!((&listed[0]["id"], &listed[0]["hoursLeft"], listed.len()), (&json!("locusts"), &json!(1), 1));

    // It outlives the server.
    server.restart();
    let api = server.api();
    assert_eq!(shocks(&api), listed);
    tick(&api);
    tick(&api);
    let ended = shocks(&api);
    assert_eq!((&ended[0]["state"], &ended[0]["why"]), (&json!("ended"), &json!("ran_out")));
    // One that is ended early is told of, too.
    api.post(PATH, &json!({"kind": "role_vanished", "role": "Miner", "durationHours": 50})).json();
    tick(&api);
    let answer = api.delete(&format!("{PATH}/shock-1")).ok();
    assert_eq!((&answer["state"], &answer["why"]), (&json!("ended"), &json!("ended")));
    api.delete(&format!("{PATH}/shock-1")).problem(404);
    server.wait_until_published();
    let expected = [("locusts", "started"), ("locusts", "ended"), ("shock-1", "started"), ("shock-1", "ended")];
    assert_eq!(told(&api), expected.map(|(id, phase)| (id.to_owned(), phase.to_owned())));
}

#[test]
fn the_command_line_adds_lists_and_ends() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let address = format!("http://{}", server.running().admin_address());
    let run = |arguments: &[&str]| {
        let all = [&["shocks"], arguments, &["--server", &address]].concat();
        let output = program(server.folder.path(), &all).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let add = ["add", "hand", "--kind", "export", "--commodity", "Food", "--quantity", "9", "--price", "15"];
    let given = [&add[..], &["--for", "9", "--in", "3", "--id", "caravan"]].concat();
    let key = ["--command-id", "550e8400-e29b-41d4-a716-446655440000"];
    for _ in 0..2 {
        // Under the same id it is done once.
        let (is_done, out, err) = run(&[&given[..], &key].concat());
        assert!(is_done && out.contains("caravan"), "{out}{err}");
    }
    let (_, out, err) = run(&["list", "hand"]);
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..3], ["SHOCK", "STATE", "KIND"], "{err}");
    assert_eq!(rows[1][..4], ["caravan", "to_come", "export", "Food"], "{out}");
    assert_eq!(rows.len(), 2);
    let (is_done, _, err) = run(&["add", "hand", "--kind", "money", "--factor", "100"]);
    assert!(!is_done && err.contains("/factor"), "{err}");
    let (is_done, _, err) = run(&["add", "hand", "--kind", "money", "--factor", "0.05"]);
    assert!(!is_done && err.contains("0.05 is outside 0.1 to 10"), "{err}");
    let (is_done, out, _) = run(&["end", "hand", "caravan"]);
    assert!(is_done && out.contains("ended"), "{out}");
    let (is_done, _, err) = run(&["end", "hand", "caravan"]);
    assert!(!is_done && err.contains("no live shock"), "{err}");
}

/// Where a shock acts can be given and seen wherever its other fields can.
#[test]
fn a_shock_has_a_place_on_the_command_line_in_lists_and_in_the_report() {
    let places = "\neconomy:\n  places: [{ name: harbour, share: 0.6 }, { name: hills, share: 0.4 }]\n";
    let server = TestServer::start(&[world("hand", "manual").replace("\neconomy:\n", places)]);
    let address = format!("http://{}", server.running().admin_address());
    let run = |arguments: &[&str]| {
        let output = program(server.folder.path(), &[arguments, &["--server", &address]].concat()).output();
        let output = output.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let add = ["shocks", "add", "hand", "--kind", "yield", "--role", "Miner", "--factor", "0.5", "--for", "9"];
    let (is_done, _, err) = run(&[&add[..], &["--place", "valley"]].concat());
    assert!(!is_done && err.contains("there is no place `valley`: the world has harbour, hills"), "{err}");
    let (is_done, out, err) = run(&[&add[..], &["--place", "hills", "--id", "cave-in"]].concat());
    assert!(is_done && out.contains("hills"), "{out}{err}");
    let (_, out, _) = run(&["shocks", "list", "hand"]);
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    let column = rows[0].iter().position(|name| *name == "PLACE").expect("a column");
    assert_eq!((rows[1][0], rows[1][column]), ("cave-in", "hills"), "{out}");
    tick(&server.api());
    tick(&server.api());
    server.wait_until_published();
    let (is_done, _, err) = run(&["markets", "report", "hand", "--out", "markets.html"]);
    assert!(is_done, "{err}");
    let report = std::fs::read_to_string(server.folder.path().join("markets.html")).expect("a report");
    let table = report.split("<h2>Shocks</h2>").nth(1).expect("a table of shocks");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("<tr>")).map(|row| row.split("</t").collect()).collect();
    let column = rows[0].iter().position(|cell| cell.ends_with("<th>place")).expect("a column");
    assert!(rows[1][column].ends_with("<td>hills"), "{table}");
}

const JSON_KIND: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn what_is_refused_has_one_shape_and_is_counted_whichever_way_it_comes() {
    let server = TestServer::start(&[world("hand", "manual"), "id: bare\nclock: manual\n".to_owned()]);
    let api = server.api();
    let text = || api.get("/metrics").text;
    let kinds =
        ["demand", "unknown"].map(|kind| format!(r#"worldtick_economy_shocks_total{{kind="{kind}",phase="refused"}}"#));
    let orders = r#"worldtick_commands_total{source="api",outcome="refused"}"#;
    let before = text();
    // By the schema, by the world field by field, and by the world as a whole.
    let cases = [
        (PATH, json!({"kind": "bogus"}), vec!["/kind"]),
        (PATH, json!({"kind": "demand"}), vec!["/commodity", "/durationHours", "/factor"]),
        (PATH, json!({"kind": "demand", "commodity": "Gold", "factor": 1, "durationHours": 1}), vec!["/commodity"]),
        ("/api/v1/worlds/bare/shocks", json!({"kind": "money", "factor": 2}), vec![""]),
    ];
    let count = cases.len();
    for (path, body, expected) in cases {
        let problem = api.post(path, &body).problem(422);
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{problem}"));
        let mut pointers: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, expected, "{problem}");
        for part in ["code", "detail"] {
            assert!(errors.iter().all(|error| error[part].as_str().is_some_and(|text| !text.is_empty())), "{problem}");
        }
    }
    let configure = json!({"command": "world.tick", "payload": {"tick_type": "weekly"}});
    api.post("/api/v1/worlds/hand/commands", &configure).problem(422);
    let more = |series: &str| metric(&text(), series) - metric(&before, series);
    wait_for("they are counted", || (more(orders) >= f64::from(u32::try_from(count + 1).ok()?)).then_some(()));
    assert!(more(&kinds[0]) >= 2.0 && more(&kinds[1]) >= 1.0, "{}", text());
}

#[test]
fn bodies_that_could_mean_two_things_are_refused() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let doubled = r#"{"kind": "need", "kind": "money", "factor": 2}"#;
    let problem = api.post_with(PATH, doubled, &[JSON_KIND]).problem(422);
    assert!(
        problem["errors"][0]["detail"].as_str().is_some_and(|words| words.contains("`kind` is there twice")),
        "{problem}"
    );
    api.post_with(PATH, "{}", &[("Content-Type", "application/json; charset=utf-16")]).problem(415);
    api.post_with("/api/v1/worlds", "id: more", &[("Content-Type", "text/plain")]).problem(415);
    api.get("/api/v1/worlds/%ff%fe").problem(400);
    // A whole number is one however it is written, and nothing has no sign.
    let whole = r#"{"kind": "need", "commodity": "Food", "factor": -0.0, "durationHours": 5.0}"#;
    let added = api.post_with(PATH, whole, &[JSON_KIND]);
    assert_eq!((added.status, &added.json()["hoursLeft"]), (201, &json!(5)), "{}", added.text);
    assert!(!api.get(PATH).text.contains("-0.0"));
}

#[test]
fn agents_are_listed_by_place() {
    let places = "economy:\n  places:\n    - { name: hills, share: 0.5 }\n    - { name: shore, share: 0.5 }\n";
    let server = TestServer::start(&[world("two", "manual").replace("economy:\n", places)]);
    let agents = |query: &str| {
        let answer = server.api().get(&format!("/api/v1/worlds/two/agents?limit=500{query}")).ok();
        answer["agents"].as_array().expect("agents").clone()
    };
    let (all, there) = (agents(""), agents("&place=hills"));
    assert!(!there.is_empty() && there.len() < all.len(), "{} of {}", there.len(), all.len());
    assert!(there.iter().all(|agent| agent["place"] == "hills"), "{there:?}");
}
