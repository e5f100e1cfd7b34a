use super::*;

#[test]
fn everything_wrong_with_a_world_file_is_told_at_once_with_its_place() {
    let text = "id: W!\nclok: live\nmeta:\n  simulation:\n    timeScale: 0\n    tickIntervalSeconds: fast\nstartsAt: tomorrow\n";
    let wrong = parse_world("w.yaml", text, None).expect_err("refused");
    let told = ConfigError { sources: vec![wrong] }.to_string();
    for part in [
        "w.yaml:1:5: `id` is \"W!\"",
        "w.yaml:2:1: unknown key `clok` (did you mean `clock`?)",
        "w.yaml:5:16: `meta.simulation.timeScale` is 0: too small (at least 0.1)",
        "w.yaml:6:26: `meta.simulation.tickIntervalSeconds` is the text \"fast\", but must be a number",
        "w.yaml:7:11: `startsAt` is \"tomorrow\", which is no date-time (write it as 2077-01-15T14:00:00Z)",
    ] {
        assert!(told.contains(part), "{part}\n is not in\n{told}");
    }
}

#[test]
fn rules_beyond_the_schema_have_a_place_too() {
    let text = format!("id: w\ndescription: {}\n", "x".repeat(2001));
    let wrong = parse_world("w.yaml", &text, None).expect_err("refused");
    assert!(ConfigError { sources: vec![wrong] }.to_string().starts_with("w.yaml:2:14: `description`"));
}

#[test]
fn a_section_with_nothing_in_it_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.yaml");
    let warnings = |text: &str| {
        std::fs::write(&path, text).expect("written");
        let told = read_world(&path, None).expect("valid").warnings();
        told.iter().map(|line| line.split_once("w.yaml: ").expect("a name").1.to_owned()).collect::<Vec<_>>()
    };
    let of = |section: &str| format!("`{section}`: it is empty, and does nothing: it is as if it were not there");
    assert_eq!(warnings("id: w\ncrowd:\ndiplomacy:\n"), [of("crowd"), of("diplomacy")]);
    assert_eq!(warnings("id: w\ncrowd: {}\n"), Vec::<String>::new(), "a crowd with every default");
    assert_eq!(
        warnings("id: w\ncrowd: { grid: { vendors: { commodity: Food } } }\n"),
        [
            "`crowd.grid.vendors.commodity`: the world has no economy: it has no meaning, and meals cost what the rules say"
        ]
    );
}

#[test]
fn letters_that_turn_the_direction_of_a_text_are_refused_as_control_characters_are() {
    for letter in ['\u{202A}', '\u{202E}', '\u{2066}', '\u{2069}', '\u{7}'] {
        let faction =
            |id: &str, name: &str| format!("    - {{ id: {id}, name: \"{name}\", powers: {{ military: 1 }} }}\n");
        let escaped = format!("a\\u{:04X}b", u32::from(letter));
        let text = format!(
            "id: w\ndiplomacy:\n  factions:\n{}{}  events:\n    - {{ kind: incident, inDays: 1, by: a, with: b, strength: 0.5, \
             id: \"{escaped}\", reason: \"{escaped}\" }}\ncrowd: {{ grid: {{ sectorPrefix: \"{escaped}\" }} }}\n",
            faction("a", &escaped),
            faction("b", "B"),
        );
        let told = told(&text);
        for place in [
            "diplomacy.factions[0].name",
            "diplomacy.events[0].id",
            "diplomacy.events[0].reason",
            "crowd.grid.sectorPrefix",
        ] {
            assert!(told.contains(&format!("`{place}`")), "{letter:?}: {place} is not in\n{told}");
        }
    }
    for letter in ['\u{2029}', '\u{202F}', '\u{2065}', '\u{206A}'] {
        assert!(!crate::world::spec::is_control(letter), "{letter:?}");
    }
}

fn told(text: &str) -> String {
    ConfigError { sources: vec![parse_world("w.yaml", text, None).expect_err("refused")] }.to_string()
}

const FARM: &str = "id: w
economy:
  commodities:
    - { name: Bread, need: 1.0, signal: food }
    - { name: Wood, spendingShare: 1.1, signal: own }
  roles:
    - { name: Baker, output: Bread, quantity: 3, inputs: { Gold: 1 } }
    - { name: Woodcutter, output: Wood, quantity: 3 }
  population: { count: \"60\", skill: { min: 5, max: 1 } }
  parameters: { doubtMin: 0.1, doubtMax: 0.01, alphaHours: -1 }
  shocks:
    - { kind: need, commodity: Silver, factor: 2, durationHours: 4 }
    - { kind: bogus, factor: 2 }
";

#[test]
fn what_does_not_fit_its_type_hides_nothing_else() {
    let told = told(FARM);
    for part in [
        "w.yaml:9:24: `economy.population.count` is the text \"60\", but must be a whole number",
        "the spending shares add up to 1.1, not to 1",
        "there is no commodity `Gold`",
        "its min 5 is above its max 1",
        "w.yaml:10:42: `economy.parameters.doubtMax`",
        "`economy.parameters.alphaHours` is -1: too small",
        "there is no commodity `Silver`",
        "`economy.shocks[1].kind` is \"bogus\"",
    ] {
        assert!(told.contains(part), "{part}\n is not in\n{told}");
    }
    // What hangs on a value that is a guess, or on a key that is misspelt, is not said.
    assert!(!told.contains("durationHours") && !told.contains("shocks[1].factor"), "{told}");
    let misspelt = FARM.replace("spendingShare: 1.1", "spendingshare: 1.0");
    let told = self::told(&misspelt);
    assert!(told.contains("did you mean `spendingShare`?") && told.contains("`Gold`"), "{told}");
    assert!(!told.contains("add up") && !told.contains("people want"), "{told}");
}

#[test]
fn what_is_wrong_with_factions_is_told_at_once_whatever_its_type() {
    let told = told(
        "id: w
diplomacy:
  factions:
    - { id: north, powers: { military: strong } }
    - { id: south, powers: { military: 500 }, temper: {} }
  relations: [{ between: [north, soth], love: 3 }]
  treaties: [{ between: [north, south], kind: picnic, days: 3 }]
  rules: { score: { noise: .nan } }
",
    );
    for part in [
        "`diplomacy.factions[0].powers.military` is the text",
        "`diplomacy.factions[1].powers.military`",
        "temper",
        "did you mean `south`",
        "`diplomacy.relations[0].love`",
        "picnic",
        "noise",
    ] {
        assert!(told.contains(part), "{part}\n is not in\n{told}");
    }
}

#[test]
fn words_are_for_those_who_write_files() {
    let infinite = told("id: w\nmeta:\n  simulation:\n    timeScale: .inf\n    tickIntervalSeconds: fast\n");
    assert!(infinite.contains("w.yaml:4:16: `meta.simulation.timeScale` is the text \".inf\""), "{infinite}");
    assert!(infinite.contains("tickIntervalSeconds"), "and the rest is told as well: {infinite}");
    assert!(told("id: w\nmeta: { simulation: { timeScale: 1e400 } }\n").contains("timeScale"));
    assert_eq!(told("id: w\nid: v\n"), "w.yaml:2:1: this is no YAML: the key `id` is there twice");
    assert!(told("id: w\n---\nid: v\n").contains("more than one document"));
    let nodes = format!("id: w\nplugins: {{ a: [{}] }}\n", "1,".repeat(300_000));
    assert_eq!(
        told(&nodes).split_once(": ").map(|(_, words)| words.to_owned()).as_deref(),
        Some("it has too much in it to be read: too many values, keys and aliases for one file")
    );
    assert!(told("id: w\nstartsAt: 9999-12-31T23:59:59Z\n").contains("9999-12-30T22:00:00Z"));
    let tiny = told("id: w\nmeta: { simulation: { timeScale: 1e-300 } }\n");
    assert!(tiny.len() < 200, "{tiny}");
    let (spec, _) = parse_world("w.yaml", "id: w\nseed: 1.0\n", None).expect("a whole number");
    assert_eq!(spec.seed, 1);
}

#[test]
fn a_long_line_is_shown_in_part_and_a_mark_is_no_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.yaml");
    std::fs::write(&path, format!("id: w\ndescription: {}\nclok: live\n", "é".repeat(2_000_000))).expect("written");
    let wrong = read_world(&path, None).expect_err("refused");
    let shown = wrong.render(false);
    assert!(shown.len() < 5_000, "{} bytes", shown.len());
    assert!(shown.contains("w.yaml:2:14]") && shown.contains("éééé"), "{shown}");
    assert!(shown.contains("w.yaml:3:1]") && shown.contains("clok: live"), "{shown}");
    std::fs::write(&path, "\u{feff}id: W!\n").expect("written");
    let marked = read_world(&path, None).expect_err("refused");
    assert!(marked.to_string().contains("w.yaml:1:5:") && marked.render(false).contains("w.yaml:1:5]"), "{marked}");
}

#[test]
fn a_device_is_not_read_to_its_end() {
    let told = read_world(Path::new("/dev/zero"), None).expect_err("endless").to_string();
    assert!(told.contains("is larger than 16777216 bytes"), "{told}");
}

#[test]
fn two_files_for_one_world_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.yaml", "b.yml"] {
        std::fs::write(folder.path().join(name), "id: w\n").expect("written");
    }
    let section = WorldsSection { dir: folder.path().to_owned() };
    let told = read_worlds(&section, &Extensions::default()).expect_err("refused").to_string();
    assert!(told.contains("b.yml:1:5: world `w` is described by"), "{told}");
    assert!(told.contains("a.yaml already"), "{told}");
}

#[test]
fn a_world_file_may_be_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.json");
    std::fs::write(&path, "{\n\t\"id\": \"w\",\n\t\"description\": \"\\ud83d\\ude80 \\/\"\n}\n").expect("written");
    let files = read_worlds(&WorldsSection { dir: folder.path().to_owned() }, &Extensions::default()).expect("valid");
    assert_eq!(files[0].spec.description, "🚀 /");
    std::fs::write(&path, "{\n  \"id\": \"w\",\n  \"clok\": \"live\"\n}\n").expect("written");
    let told = read_world(&path, None).expect_err("refused").to_string();
    assert!(told.contains("w.json:3:3: unknown key `clok`"), "{told}");
    std::fs::write(&path, "{\"id\": \"w\",}\n").expect("written");
    let told = check_files(&[path], &Layers::default(), &Extensions::default()).expect_err("refused").to_string();
    assert!(told.contains("this is no JSON"), "{told}");
}

#[test]
fn what_is_odd_about_a_world_is_told_and_does_not_refuse_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.yaml");
    let text = "id: w\nbehaviour:\n  activityCategories: { work: {} }\n  activities: { dig: { category: work, minDurationSeconds: 60 } }\n";
    std::fs::write(&path, text).expect("written");
    let odd = check_files(&[path], &Layers::default(), &Extensions::default()).expect("valid");
    assert_eq!(odd.len(), 1, "{odd:?}");
    assert!(odd[0].contains("`behaviour.activities.dig`: it can never be chosen"), "{odd:?}");
}

#[test]
fn the_files_of_the_project_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/config");
    let files = read_worlds(&WorldsSection { dir: root.join("worlds") }, &Extensions::default()).expect("valid");
    assert!(!files.is_empty());
    assert!(read_topics(&KafkaSection::default()).is_ok());
    check_files(&[root.join("topics.yaml")], &Layers::default(), &Extensions::default()).expect("valid");
}

#[test]
fn paths_of_rust_find_the_keys_of_the_file() {
    let tree = yaml_file::read("meta:\n  simulation:\n    timeScale: 1\n    snake_key: 2\n").expect("YAML");
    assert_eq!(pointer_of("meta.simulation.time_scale", &tree), "/meta/simulation/timeScale");
    assert_eq!(pointer_of("meta.simulation.snake_key", &tree), "/meta/simulation/snake_key");
    let tree = yaml_file::read("activities:\n  eat.at.home:\n    effects: 1\n").expect("YAML");
    assert_eq!(pointer_of("activities.eat.at.home.effects", &tree), "/activities/eat.at.home/effects");
    assert_eq!(pointer_of("activities.eat.out[3]", &tree), "/activities/eat/out/3");
}
