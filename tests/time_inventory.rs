//! The inventory of time: which part goes by which time, from where, and how it is scheduled.
//!
//! A place that reads or waits for a clock has a marker, `// time: <system> | <world or real> | <source> | <mechanism>`. It
//! covers what follows it in its block; at the head of a file, the whole file. `docs/time-inventory.md` is made from the
//! markers: `UPDATE_DOCS=1 cargo test --test time_inventory`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/time-inventory.md";
const MARKER: &str = "// time: ";

/// What reads or waits for the clock of the machine.
const REAL: [&str; 13] = [
    "tokio::time::sleep",
    "tokio::time::interval",
    "tokio::time::timeout",
    "Instant::now(",
    "SystemTime::now(",
    "Timestamp::now(",
    "Zoned::now(",
    "recv_timeout(",
    "recv_deadline(",
    "wait_timeout(",
    "park_timeout(",
    "default(GLANCE)",
    "default(deadline)",
];
/// The database's clock stands in texts of SQL.
const DATABASE: [&str; 2] = ["unixepoch(", "clock_timestamp("];
/// What reads or moves the clock of a world.
const WORLD: [&str; 2] = ["WorldClock", "GameTime"];
/// Where the clock of a world is declared, and not used.
const DECLARED: [&str; 2] = ["src/components/clock.rs", "src/schedules.rs"];
/// Game logic: nothing here may see the clock of the machine, with or without a marker.
const GAME: [&str; 6] =
    ["src/systems/", "src/components/", "src/messages/", "src/world/", "src/schedules.rs", "src/testing.rs"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Time {
    World,
    Real,
}

/// A place in a source that has to do with time.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    time: Time,
    covered: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Marker {
    time: Time,
    path: String,
    line: usize,
    system: String,
    source: String,
    mechanism: String,
}

#[derive(Debug, Default)]
struct Found {
    markers: Vec<Marker>,
    uses: Vec<Use>,
    /// Markers that cover nothing, or cannot be read.
    wrong: Vec<String>,
    /// Exceptions from the lint: line and reason.
    exceptions: Vec<(usize, String)>,
}

/// How far a marker reaches that is still in force: until a line that closes a block outside of it.
struct Open {
    indent: usize,
    time: Time,
    line: usize,
    used: bool,
    whole_file: bool,
}

fn marker(path: &str, line: usize, text: &str) -> Result<Marker, String> {
    let parts: Vec<&str> = text.split(" | ").map(str::trim).collect();
    let [system, time, source, mechanism] = parts[..] else {
        return Err(format!("{path}:{line}: a marker has four parts: `{text}`"));
    };
    let time = match time {
        "world" => Time::World,
        "real" => Time::Real,
        other => return Err(format!("{path}:{line}: time is `world` or `real`, not `{other}`")),
    };
    if [system, source, mechanism].iter().any(|part| part.is_empty()) {
        return Err(format!("{path}:{line}: a part of the marker is empty"));
    }
    let [system, source, mechanism] = [system, source, mechanism].map(str::to_owned);
    Ok(Marker { time, path: path.to_owned(), line, system, source, mechanism })
}

/// The code of a line: without its comment and without what stands in quotes.
fn code(line: &str) -> String {
    let mut code = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in line.char_indices() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else if line[at..].starts_with("//") {
            break;
        } else {
            quoted = letter == '"' && !line[..at].ends_with('\'');
            code.push(letter);
        }
    }
    code
}

fn names(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            let part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let closed = !word.ends_with(part) || word.contains("::") || !after.is_some_and(part);
            closed && !before.is_some_and(part)
        })
    })
}

fn read(path: &str, text: &str) -> Found {
    let mut found = Found::default();
    let mut open: Vec<Open> = Vec::new();
    let (mut in_head, mut in_use, mut in_tests) = (true, false, false);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if in_tests || (trimmed.starts_with("#[cfg(test)]") && indent == 0) {
            // Until the item ends that is for tests alone.
            let code = code(line);
            in_tests = indent > 0 || !(code.starts_with('}') || code.trim_end().ends_with([';', '}']));
            continue;
        }
        if let Some(text) = trimmed.strip_prefix(MARKER) {
            match marker(path, number, text) {
                Ok(marker) => {
                    open.push(Open { indent, time: marker.time, line: number, used: false, whole_file: in_head });
                    found.markers.push(marker);
                }
                Err(wrong) => found.wrong.push(wrong),
            }
            continue;
        }
        if trimmed.contains("clippy::disallowed_methods") {
            let reason = trimmed.split("reason = \"").nth(1).and_then(|rest| rest.split('"').next());
            match reason {
                Some(reason) => found.exceptions.push((number, reason.to_owned())),
                None => found.wrong.push(format!("{path}:{number}: the exception gives no reason on its line")),
            }
        }
        let code = code(line);
        let is_code = !code.trim().is_empty() && !trimmed.starts_with("#![");
        in_head &= !is_code;
        let starts_use = ["use ", "pub use ", "pub(crate) use "].iter().any(|word| trimmed.starts_with(word));
        in_use |= starts_use;
        if in_use {
            in_use = !code.trim_end().ends_with(';');
            continue;
        }
        let in_sql = path.starts_with("src/plugins/store/") && DATABASE.iter().any(|word| line.contains(word));
        for (time, is_used) in [
            (Time::Real, names(&code, &REAL) || in_sql),
            (Time::World, names(&code, &WORLD) && !DECLARED.contains(&path)),
        ] {
            if is_used {
                let covering = open.iter_mut().rev().find(|open| open.time == time);
                let covered = covering.is_some();
                if let Some(open) = covering {
                    open.used = true;
                }
                found.uses.push(Use { line: number, time, covered });
            }
        }
        if trimmed.starts_with('}') {
            let closes = |open: &Open| !open.whole_file && (indent < open.indent || indent == 0);
            let unused = open.iter().filter(|open| closes(open) && !open.used).map(|open| open.line);
            found.wrong.extend(unused.map(|line| format!("{path}:{line}: this marker covers no clock")));
            open.retain(|open| !closes(open));
        }
    }
    let unused = open.iter().filter(|open| !open.used).map(|open| open.line);
    found.wrong.extend(unused.map(|line| format!("{path}:{line}: this marker covers no clock")));
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources() -> Vec<(String, String)> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).expect("text");
                found.push((path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "only {} sources were found", found.len());
    found
}

const HEAD: &str = "# The inventory of time

<!-- Made from the code: UPDATE_DOCS=1 cargo test --test time_inventory -->

Everything that reads a clock, waits for one or moves one. **World time** drives game logic: a durable clock in each world
that moves by inputs alone, so that the same inputs give the same world. **Real time** belongs to the edges: pacing,
time-outs, tries, periodic tasks, logs. The two meet in one place: pacing measures real time and gives a live world an
`Elapsed` input.

Each row comes from a marker at the place itself, `// time: <system> | <world or real> | <source> | <mechanism>`. The test
fails for a clock without a marker, a marker without a clock, and a real clock in game logic.
";

fn page(found: &[(String, Found)]) -> String {
    let mut markers: Vec<&Marker> = found.iter().flat_map(|(_, found)| &found.markers).collect();
    markers.sort();
    let mut page = HEAD.to_owned();
    for (time, title) in [(Time::World, "World time"), (Time::Real, "Real time")] {
        write!(page, "\n## {title}\n\n| system | time source | scheduling | place |\n|---|---|---|---|\n").unwrap();
        let mut rows = BTreeSet::new();
        for marker in markers.iter().filter(|marker| marker.time == time) {
            let Marker { path, system, source, mechanism, .. } = marker;
            rows.insert(format!("| {system} | {source} | {mechanism} | `{path}` |\n"));
        }
        page.extend(rows);
    }
    page.push_str(
        "\n## Exceptions from the lint\n\nclippy refuses calls of the machine's clock (`disallowed-methods` in `clippy.toml`) \
         everywhere; these places are\nexcepted, each for its reason.\n\n| place | reason |\n|---|---|\n",
    );
    let mut rows = BTreeSet::new();
    for (path, found) in found {
        rows.extend(found.exceptions.iter().map(|(_, reason)| format!("| `{path}` | {reason} |\n")));
    }
    page.extend(rows);
    page
}

#[test]
fn every_clock_is_in_the_inventory_and_the_page_says_what_the_code_says() {
    let found: Vec<(String, Found)> =
        sources().into_iter().map(|(path, text)| (path.clone(), read(&path, &text))).collect();
    let mut wrong: Vec<String> = found.iter().flat_map(|(_, found)| found.wrong.clone()).collect();
    for (path, found) in &found {
        let bare = found.uses.iter().filter(|place| !place.covered);
        wrong.extend(bare.map(|place| format!("{path}:{}: {:?} time without a marker", place.line, place.time)));
        if GAME.iter().any(|folder| path.starts_with(folder)) {
            let real = found.uses.iter().filter(|place| place.time == Time::Real);
            wrong.extend(real.map(|place| format!("{path}:{}: game logic sees the machine's clock", place.line)));
            wrong.extend(found.exceptions.iter().map(|(line, _)| format!("{path}:{line}: an exception in game logic")));
        }
    }
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
    assert!(found.iter().map(|(_, found)| found.uses.len()).sum::<usize>() > 40, "the test has lost its subject");
    let expected = page(&found);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(PAGE), &expected).expect("written");
    }
    let there = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let differs = there.lines().zip(expected.lines()).find(|(there, expected)| there != expected);
    assert!(there == expected, "{PAGE} differs: {differs:?}\nUPDATE_DOCS=1 cargo test --test time_inventory");
}

#[test]
fn the_lint_knows_what_the_inventory_knows() {
    let lint = fs::read_to_string(root().join("clippy.toml")).expect("clippy.toml");
    for call in [
        "std::time::Instant::now",
        "std::time::SystemTime::now",
        "std::thread::sleep",
        "tokio::time::sleep",
        "tokio::time::sleep_until",
        "tokio::time::interval",
        "tokio::time::interval_at",
        "tokio::time::timeout",
        "tokio::time::timeout_at",
        "tokio::time::Instant::now",
        "jiff::Timestamp::now",
        "jiff::Zoned::now",
    ] {
        assert!(lint.contains(&format!("path = \"{call}\"")), "{call} is not refused");
    }
}

fn uses(text: &str) -> Vec<(usize, Time, bool)> {
    read("src/server/x.rs", text).uses.iter().map(|place| (place.line, place.time, place.covered)).collect()
}

#[test]
fn a_marker_covers_the_rest_of_its_block() {
    let text = "fn f() {\n    // time: a | real | b | c\n    if x {\n        Instant::now();\n    }\n    stop.recv_timeout(x);\n}\n\
                fn g() {\n    tokio::time::sleep(x);\n}\n";
    assert_eq!(uses(text), [(4, Time::Real, true), (6, Time::Real, true), (9, Time::Real, false)]);
    // One within a block ends with it, one before an item covers the item, one for the other time nothing.
    let text =
        "fn f() {\n    {\n        // time: a | real | b | c\n        Zoned::now();\n    }\n    Zoned::now();\n}\n";
    assert_eq!(uses(text), [(4, Time::Real, true), (6, Time::Real, false)]);
    let text = "const A: u8 = 1;\n// time: a | world | b | c\nfn f(c: Res<WorldClock>) {\n    Instant::now();\n}\nfn g(c: Res<WorldClock>) {}\n";
    assert_eq!(uses(text), [(3, Time::World, true), (4, Time::Real, false), (6, Time::World, false)]);
}

#[test]
fn a_marker_at_the_head_covers_the_file() {
    let text = "//! What it is.\n\n// time: a | world | b | c\n\nuse x::{\n    WorldClock,\n};\n\nfn f(c: Res<WorldClock>) {\n}\nfn g(c: Time<GameTime>) {\n}\n";
    assert_eq!(uses(text), [(9, Time::World, true), (11, Time::World, true)]);
}

#[test]
fn comments_texts_tests_and_other_names_are_no_clocks() {
    let text = "// Instant::now()\nlet a = \"Instant::now()\";\nlet b = GameInstant::now();\nlet c = MyWorldClock;\n\
                struct S { at: Instant }\n#[cfg(test)]\nmod tests {\n    fn f() { Instant::now(); }\n}\n";
    assert_eq!(uses(text), []);
    let text = "#[cfg(test)]\nmod tests;\nfn f() { Instant::now(); }\n#[cfg(test)]\n#[expect(x)]\nfn g(\n) {\n    Instant::now();\n}\n\
                #[cfg(test)]\nmod tests {\n    fn f() { Instant::now(); }\n\n}\nfn h() { Instant::now(); }\n";
    assert_eq!(uses(text), [(3, Time::Real, false), (15, Time::Real, false)], "only what is for tests is left out");
    assert_eq!(uses("let a = tokio::time::Instant::now();").len(), 1);
    assert_eq!(uses("tokio::time::timeout_at(x, y)").len(), 1);
}

#[test]
fn a_marker_that_is_wrong_or_covers_nothing_is_told() {
    let wrong = |text: &str| read("src/x.rs", text).wrong.len();
    assert_eq!(wrong("fn f() {\n    // time: a | real | b | c\n    g();\n}\n"), 1);
    assert_eq!(wrong("// time: a | real | b\n"), 1);
    assert_eq!(wrong("// time: a | game | b | c\n"), 1);
    assert_eq!(wrong("fn f() {\n    // time: a |  | b | c\n    Instant::now();\n}\n"), 1);
    assert_eq!(wrong("#[expect(\n    clippy::disallowed_methods,\n)]\n"), 1);
    assert_eq!(wrong("fn f() {\n    // time: a | real | b | c\n    Instant::now();\n}\n"), 0);
}
