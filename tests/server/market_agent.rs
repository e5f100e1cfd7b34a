//! Worlds whose agents come from the table `market_agent`: imported from CSV, read when a world is registered, kept with it.

use crate::program::program;
use crate::server_support::{TestServer, world};
use serde_json::{Value, json};

fn from_table(id: &str) -> String {
    world(id, "manual").replace("    count: 60", "    from: market_agent")
}

/// Runs `economy import-agents` beside a server that does not run; its exit code and what it said.
fn import(server: &TestServer, csv: &str) -> (Option<i32>, String) {
    import_into(server, "town", csv)
}

fn import_into(server: &TestServer, world: &str, csv: &str) -> (Option<i32>, String) {
    std::fs::write(server.folder.path().join("people.csv"), csv).expect("written");
    let arguments = [
        "economy",
        "import-agents",
        "people.csv",
        "--world",
        world,
        "--set",
        "server.data_dir=data",
        "--set",
        "worlds.dir=worlds",
    ];
    let done = program(server.folder.path(), &arguments).output().expect("it runs");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

fn money(server: &TestServer) -> Vec<f64> {
    let answer = server.api().get("/api/v1/worlds/town/agents").ok();
    answer["agents"].as_array().expect("a list").iter().map(|agent| agent["money"].as_f64().unwrap()).collect()
}

const PEOPLE: &str = "role,money,skill,stocks.Food,beliefs.Food
Farmer,150000,1.5,12,850
Woodcutter,140000,,5,
Miner,130000,0.9,5,800
";

/// What a living world says of its prices and of one of its agents, over HTTP and by the program.
fn explained(server: &TestServer, agent: u64) {
    let api = server.api();
    let prices = api.get("/api/v1/worlds/town/explain").ok();
    assert_eq!(prices["prices"].as_array().map(Vec::len), Some(5), "{prices}");
    let one = api.get(&format!("/api/v1/worlds/town/explain?agent={agent}")).ok();
    assert_eq!(one["dealings"].as_array().map(Vec::len), Some(5), "{one}");
    api.get("/api/v1/worlds/town/explain?agent=999999").problem(404);
    api.get("/api/v1/worlds/town/explain?colour=red").problem(400);
    let address = format!("http://{}", server.running().admin_address());
    let say = |more: &[&str]| {
        let arguments = [&["markets", "explain", "town", "--server", &address], more].concat();
        let done = program(server.folder.path(), &arguments).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text")
    };
    assert!(say(&[]).contains("the world file implies"), "{}", say(&[]));
    assert!(say(&["--agent", &agent.to_string()]).starts_with(&format!("agent {agent}, ")));
    assert_eq!(
        serde_json::from_str::<Value>(&say(&["--agent", &agent.to_string(), "--output", "json"])).expect("JSON"),
        one
    );
}

/// The sums of a living world's money and goods, over HTTP and by the program.
fn ledger(server: &TestServer) {
    let api = server.api();
    let answer = api.get("/api/v1/worlds/town/ledger").ok();
    assert_eq!(
        (&answer["money"]["endowed"], &answer["money_of_traders"]),
        (&json!(4200.0), &json!(4200.0)),
        "{answer}"
    );
    assert_eq!(answer["goods"]["Food"]["endowed"], json!(22), "{answer}");
    api.get("/api/v1/worlds/nowhere/ledger").problem(404);
    let address = format!("http://{}", server.running().admin_address());
    let done = program(server.folder.path(), &["markets", "ledger", "town", "--server", &address]).output();
    let said = String::from_utf8(done.expect("it runs").stdout).expect("text");
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["OF", "KIND", "SUM"], "{said}");
    let sum = |of: &str| rows.iter().find(|row| row[..2] == [of, "endowed"]).map(|row| row[2].parse::<f64>());
    assert_eq!((sum("money"), sum("Food")), (Some(Ok(4200.0)), Some(Ok(22.0))), "{said}");
}

#[test]
fn a_world_begins_with_the_agents_of_the_table_and_keeps_them() {
    let mut server = TestServer::start(&[world("other", "manual"), from_table("town")]);
    // Nobody was imported: the world is not made, and others are.
    server.api().get("/api/v1/worlds/town").problem(404);
    let made = server.api().post_with("/api/v1/worlds", &from_table("town"), &[("Content-Type", "application/yaml")]);
    assert!(made.text.contains("market_agent has no agents of world `town`"), "{}", made.text);
    assert!((400..500).contains(&made.status), "{}", made.status);
    server.stop();

    let (code, said) = import(&server, &PEOPLE.replace("Miner,130000", "Pirate,x"));
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("people.csv:4:1") && said.contains("no role `Pirate`"), "{said}");
    assert!(said.contains("people.csv:4:8") && said.contains("`x` is no whole number"), "{said}");
    assert_eq!(server.query_store("SELECT CAST(count(*) AS TEXT) FROM market_agent"), [["0"]]);
    // So little money that nothing could have a price: it is that of the file, and nothing else is to be changed.
    let (code, said) = import(&server, "role,money\nFarmer,1\nMiner,1\n");
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("people.csv: money and recipes imply") && !said.contains("moneyPerHead"), "{said}");
    assert!(said.contains("the `money` of the 2 agents, which is 2 in all"), "{said}");
    let (code, said) = import(&server, PEOPLE);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("imported 3 agents of world `town`"), "{said}");
    // Nobody would ever read those of a world that draws its own.
    let (code, said) = import_into(&server, "other", PEOPLE);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("from: market_agent") && said.contains("economy.population"), "{said}");
    assert_eq!(server.query_store("SELECT CAST(count(*) AS TEXT) FROM market_agent"), [["3"]]);

    server.begin();
    // Beside a server that runs it says what can be done, with what the command has.
    let (_, said) = import(&server, PEOPLE);
    assert!(said.contains("is in use by") && said.contains("stop it first") && !said.contains("--data-dir"), "{said}");
    assert_eq!(money(&server), [1500.0, 1400.0, 1300.0]);
    let agents = server.api().get("/api/v1/worlds/town/agents").ok();
    let first = agents["agents"][0]["id"].as_u64().unwrap();
    let one = server.api().get(&format!("/api/v1/worlds/town/agents/{first}")).ok();
    assert_eq!(
        (&one["role"], &one["skill"], &one["commodities"]["Food"]["stock"]),
        (&json!("Farmer"), &json!(1.5), &json!(12))
    );
    server.api().post("/api/v1/worlds/town/tick", &json!({ "type": "hourly" })).ok();
    let hash = server.world("town")["state_hash"].clone();
    let past = |server: &TestServer| -> Value {
        server.api().get(&format!("/api/v1/worlds/town/agents/{first}")).ok()["past"].clone()
    };
    assert_eq!(past(&server).as_array().map(Vec::len), Some(1));

    explained(&server, first);

    // What the table says later changes nothing: the world is brought back with the agents that it began with.
    server.stop();
    let (code, said) = import(&server, "role,money\nFarmer,1\nFarmer,100000\n");
    assert_eq!(code, Some(0), "{said}");
    server.begin();
    assert_eq!(server.world("town")["state_hash"], hash);
    assert_eq!(money(&server).len(), 3);
    // Nor does its file differ from it.
    let api = server.api();
    let (tag, _) = api.tagged("/api/v1/worlds/town/simulation");
    let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/yaml")];
    let plan = api.send("POST", "/api/v1/worlds/town/apply?dryRun=true", &from_table("town"), &headers).ok();
    assert_eq!(plan["changes"], json!([]), "{plan}");
    // The same is true of the file that the server gives, which has the agents that were read. But no world begins with
    // it: one of its two sources of agents would be passed over.
    let given = api.get("/api/v1/worlds/town/file").ok();
    assert_eq!(given["economy"]["population"]["agents"].as_array().map(Vec::len), Some(3), "{given}");
    let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
    let plan = api.send("POST", "/api/v1/worlds/town/apply?dryRun=true", &given.to_string(), &headers).ok();
    assert_eq!(plan["changes"], json!([]), "{plan}");
    let elsewhere = given.to_string().replace("\"id\":\"town\"", "\"id\":\"village\"");
    let made = api.post_with("/api/v1/worlds", &elsewhere, &[("Content-Type", "application/json")]);
    assert!((400..500).contains(&made.status) && made.text.contains("leave out `from`"), "{}", made.text);
    ledger(&server);
    // A reset begins with the file again, and with the table of now.
    api.post("/api/v1/worlds/town/reset", &json!({})).ok();
    assert_eq!(money(&server), [0.01, 1000.0]);
    assert!(past(&server).as_array().is_none_or(Vec::is_empty));
}
