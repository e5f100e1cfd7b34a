//! A crowd in the program: the environment says how large it is, the API shows it, and its day is a line of the log.

use crate::process::{ANY_PORTS, Process, folder_with};
use crate::program::program;
use serde_json::{Value, json};

const CITY: &str = "id: city\nclock: manual\ncrowd: { agents: 500 }\n";
const PATH: &str = "/api/v1/worlds/city";

#[test]
fn the_environment_sets_the_size_of_a_crowd_and_the_api_shows_it() {
    let folder = folder_with(&[CITY.to_owned()]);
    let mut command = program(folder.path(), &ANY_PORTS);
    command.env("CROWD_NUM_AGENTS", "370").env("CROWD_GRID_WIDTH", "60").env("CROWD_GRID_HEIGHT", "40");
    let mut process = Process::of(&mut command);
    let (api, _) = process.ready();
    let shown = || api.get(&format!("{PATH}/crowd")).ok();
    let crowd = shown();
    assert_eq!(
        [&crowd["agents"], &crowd["width"], &crowd["height"], &crowd["steps"]],
        [&json!(370), &json!(60), &json!(40), &json!(0)],
        "{crowd}"
    );
    let founded = money(&crowd);
    let tick = api.post(&format!("{PATH}/tick"), &json!({"type": "daily"})).ok()["tick_id"].clone();
    let crowd = shown();
    assert_eq!((&crowd["steps"], money(&crowd)), (&json!(24), founded), "a day, and no money is made or lost");
    let sectors = crowd["sectors"].as_array().unwrap();
    assert_eq!((sectors.len(), &sectors[0]["name"]), (9, &json!("night_city_sector_1")), "{crowd}");
    let sum = |of: &dyn Fn(&Value) -> u64| sectors.iter().map(of).sum::<u64>();
    assert_eq!(sum(&|sector| sector["agents"].as_u64().unwrap()), 370);
    assert_eq!(sum(&|sector| sector["money"].as_u64().unwrap()), crowd["money"]["agents"].as_u64().unwrap());
    let doing = |sector: &Value| sector["doing"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(sum(&doing), 370, "everybody does something");
    assert!(sectors.iter().all(|sector| sector["signals"] == json!([])), "nothing is unusual on the first day");
    // Without factions, too, the day is told.
    let line = process.line("the day", |line| {
        let fields: Value = serde_json::from_str(line).ok()?;
        (fields["message"] == "Published simulation events").then_some(fields)
    });
    assert_eq!((&line["tick_id"], &line["diplomacy"]), (&tick, &json!(0)), "{line}");
    assert!(line["crowd"].as_u64().unwrap() > 9 * 24 && line["events"] == line["crowd"], "{line}");
}

/// All money of a crowd.
fn money(crowd: &Value) -> u64 {
    ["agents", "vendors", "employers"].iter().map(|of| crowd["money"][*of].as_u64().unwrap()).sum()
}

#[test]
fn a_crowd_that_the_environment_switches_off_is_not_there() {
    let folder = folder_with(&[CITY.to_owned()]);
    let mut process = Process::of(program(folder.path(), &ANY_PORTS).env("CROWD_SIMULATION_ENABLED", "false"));
    let (api, _) = process.ready();
    let words = api.get(&format!("{PATH}/crowd")).problem(404);
    assert!(words.to_string().contains("no crowd"), "{words}");
    let before = api.get(PATH).ok()["inputs"].as_u64().unwrap();
    api.post(&format!("{PATH}/tick"), &json!({"type": "daily"})).ok();
    assert_eq!(api.get(PATH).ok()["inputs"], before + 1, "the day passes without it");
}
