//! The crowd's section of a world file: what is wrong with it is said all at once.

use worldtick::world::spec::{CrowdOverrides, CrowdSpec, RulePreset, Rules, WorldSpec};

fn read(crowd: &str) -> Result<WorldSpec, String> {
    WorldSpec::from_yaml(&format!("id: w\ncrowd: {crowd}\n")).map_err(|error| error.report)
}

fn refused(crowd: &str) -> String {
    read(crowd).expect_err("it is refused")
}

#[test]
fn an_empty_section_is_a_town_of_a_hundred_in_named_sectors() {
    let crowd = read("{}").expect("valid").crowd.expect("a crowd");
    assert_eq!(crowd, CrowdSpec::default());
    assert_eq!((crowd.agents, crowd.grid.width, crowd.grid.height, crowd.steps_a_day), (100, 50, 50, 24));
    assert_eq!((crowd.grid.vendor_count(), crowd.grid.spot_count()), (12, 5));
    let sectors = crowd.grid.all_sectors();
    assert_eq!(sectors.len(), 9);
    assert_eq!((sectors[0].name.as_str(), sectors[8].name.as_str()), ("night_city_sector_1", "night_city_sector_9"));
    let cells: u64 = sectors.iter().map(|sector| sector.area().cells()).sum();
    assert_eq!(cells, 2_500, "together they are all cells");
    assert_eq!(crowd.rules.values(), Rules::city());
}

#[test]
fn a_preset_can_be_changed_value_by_value() {
    let crowd = read("{ rules: { preset: originals, walkChance: 0.5 } }").expect("valid").crowd.expect("a crowd");
    let rules = crowd.rules.values();
    assert_eq!(rules.preset, RulePreset::Originals);
    assert_eq!(rules, Rules { walk_chance: 0.5, ..Rules::originals() });
}

#[test]
fn grids_of_no_cells_or_four_billion_are_refused() {
    let none = refused("{ grid: { width: 0, height: 50 } }");
    assert!(none.contains("width") && none.contains("0 is outside 1 to 32000"), "{none}");
    let huge = refused("{ grid: { width: 65536, height: 65536 } }");
    assert!(huge.contains("4294967296 cells would take 25769803776 bytes"), "{huge}");
    assert!(huge.contains("65536 is outside 1 to 32000"), "{huge}");
    let large = refused("{ grid: { width: 32000, height: 32000 } }");
    assert!(large.contains("1024000000 cells would take 6144000000 bytes"), "{large}");
}

#[test]
fn more_agents_than_memory_holds_are_refused_with_what_they_would_take() {
    let many = refused("{ agents: 4000000000 }");
    assert!(many.contains("4000000000 agents (of 80 bytes) on 2500 cells would take 320000015000 bytes"), "{many}");
    assert!(many.contains("at most 53686903"), "{many}");
    assert!(read("{ agents: 30000000, grid: { width: 5000, height: 5000 } }").is_ok());
    assert!(refused("{ agents: 0 }").contains("at least one agent"));
}

#[test]
fn sectors_that_overlap_or_leave_cells_out_are_refused_all_at_once() {
    let overlap = refused(
        "{ grid: { width: 10, height: 10, sectors: [ { name: a, x: 0, y: 0, width: 6, height: 10 }, \
         { name: b, x: 5, y: 0, width: 5, height: 10 }, { name: b, x: 0, y: 9, width: 20, height: 1 } ] } }",
    );
    for words in ["`b` overlaps `a`", "`b` is there twice", "goes beyond the grid of 10 by 10"] {
        assert!(overlap.contains(words), "{words}: {overlap}");
    }
    let left_out = refused(
        "{ grid: { width: 10, height: 10, sectors: [ { name: a, x: 0, y: 0, width: 10, height: 9 }, \
         { name: b, x: 0, y: 9, width: 9, height: 1 } ] } }",
    );
    assert!(left_out.contains("they leave 1 of 100 cells out"), "{left_out}");
    let whole = "{ grid: { width: 10, height: 10, sectors: [ { name: a, x: 0, y: 0, width: 10, height: 9 }, \
                 { name: b, x: 0, y: 9, width: 10, height: 1 } ] } }";
    assert!(read(whole).is_ok());
    assert!(refused("{ grid: { sectorColumns: 51 } }").contains("51 is outside 1 to 256, or more than 50 cells"));
    assert!(refused("{ grid: { sectorColumns: 20, sectorRows: 20 } }").contains("400 sectors are more than 256"));
}

#[test]
fn everything_else_that_is_wrong_is_told_with_it() {
    let report = refused(
        "{ agents: 0, stepsADay: 30, hourly: true, grid: { districts: [ { kind: homes, x: 45, y: 0, width: 9, height: 1 } ], \
         vendors: { count: 3000, stock: 70000 }, socialSpots: 0 }, rules: { hungryAt: 101, postChance: 1.5, \
         mealPrice: { min: 5, max: 4 }, hungerRise: { min: 3, max: 1 }, workHours: 17, stride: 0, wage: 2000000 }, \
         telling: { signals: 20000, movementAgents: 0, actionSamples: 101, trends: 65, trendAgents: 9 } }",
    );
    for words in [
        "at least one agent",
        "30 is no multiple of 24",
        "it goes beyond the grid",
        "3000 is outside 1 to 4000000, or more than the 2500 cells",
        "it is outside 1 to 60000",
        "0 is outside 1 to 65000",
        "101 is outside 0 to 100",
        "1.5 is outside 0 to 1",
        "5 to 4 is no range",
        "its least, 3, is more than its most, 1",
        "17 is outside 0 to 16",
        "0 is outside 1 to 127",
        "2000000 is outside 0 to 1000000",
        "20000 is outside 0 to 10000",
        "0 is outside 1 to 1000000",
        "101 is outside 0 to 100",
        "65 is outside 0 to 64",
        "9 is outside 10 to 100000",
    ] {
        assert!(report.contains(words), "{words}: {report}");
    }
    assert!(refused("{ rules: { hungerRise: { min: .nan, max: 1 } } }").contains("NaN is outside 0 to 100"));
    assert!(refused("{ stepsADay: 7 }").contains("7 steps a day are no whole minutes each"));
    assert!(refused("{ stepsADay: 97 }").contains("97 is outside 1 to 96"));
    let warned = |crowd: &str| read(crowd).expect("valid").warnings();
    assert!(warned("{ stepsADay: 48 }")[0].message.contains("the rules of a city are those of an hour"));
    assert_eq!((warned("{}"), warned("{ stepsADay: 48, rules: { preset: originals } }")), (vec![], vec![]));
    assert!(refused("{ colour: red }").contains("colour"));
    let unknown = WorldSpec::from_yaml(
        "id: w\neconomy:\n  commodities: [ { name: Bread, need: 1 } ]\n  roles: [ { name: Baker, output: Bread, quantity: 3 } ]\n\
         crowd: { grid: { vendors: { commodity: Bred } } }\n",
    );
    let report = unknown.expect_err("refused").report;
    assert!(report.contains("there is no commodity `Bred`: did you mean `Bread`?"), "{report}");
}

#[test]
fn the_servers_values_stand_above_the_files_and_are_checked_with_them() {
    let mut spec = read("{ agents: 7 }").expect("valid");
    let wanted = CrowdOverrides { agents: Some(500), width: Some(80), height: Some(40), enabled: Some(false) };
    assert!(wanted.apply(&mut spec).is_empty());
    let crowd = spec.crowd.as_ref().expect("a crowd");
    assert_eq!((crowd.agents, crowd.grid.width, crowd.grid.height, crowd.enabled), (500, 80, 40, false));
    let listed = "{ grid: { width: 10, height: 10, sectors: [ { name: a, x: 0, y: 0, width: 10, height: 10 } ] } }";
    let mut spec = read(listed).expect("valid");
    let faults = CrowdOverrides { width: Some(20), ..CrowdOverrides::default() }.apply(&mut spec);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].to_string(), "/crowd/grid/sectors: they leave 100 of 200 cells out");
    let mut none = WorldSpec::from_yaml("id: w\n").expect("valid");
    assert!(wanted.apply(&mut none).is_empty() && none.crowd.is_none(), "a world without a crowd gets none");
}
